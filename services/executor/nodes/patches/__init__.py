"""Nodes that change how a model predicts or is guided, each in a file of its own."""

from __future__ import annotations

from services.executor.nodes.patches import (
    attention_guidance,
    epsilon_scaling,
    freeu,
    frequency_guidance,
    guidance_norm,
    mahiro,
    projected_guidance,
    rescaled_guidance,
    tangential_damping,
    zero_star,
)

NODES: tuple[type, ...] = (
    *rescaled_guidance.NODES,
    *freeu.NODES,
    *zero_star.NODES,
    *guidance_norm.NODES,
    *mahiro.NODES,
    *tangential_damping.NODES,
    *projected_guidance.NODES,
    *epsilon_scaling.NODES,
    *frequency_guidance.NODES,
    *attention_guidance.NODES,
)
