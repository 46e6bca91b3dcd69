"""Tests of the nodes that change a model."""

from __future__ import annotations
