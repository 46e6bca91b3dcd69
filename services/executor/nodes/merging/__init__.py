"""Nodes that make one model of two, each kind in a file of its own."""

from __future__ import annotations

from services.executor.nodes.merging import encoders, extraction, families, models, saving

NODES: tuple[type, ...] = (*models.NODES, *encoders.NODES, *families.NODES, *saving.NODES, *extraction.NODES)
