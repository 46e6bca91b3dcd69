"""Tests of the nodes that make one model of two, and keep it."""

from __future__ import annotations
