"""Tests of the nodes that come with the executor."""

from __future__ import annotations
