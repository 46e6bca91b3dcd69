"""Tests of shapes."""

from __future__ import annotations
