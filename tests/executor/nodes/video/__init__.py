"""Tests of videos and sound."""

from __future__ import annotations
