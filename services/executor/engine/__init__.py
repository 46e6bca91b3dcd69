"""Runs prompts: orders the graph, reuses results, calls the nodes and reports what happens. No torch, no grpc."""

from __future__ import annotations
