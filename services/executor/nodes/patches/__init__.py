"""Nodes that change how a model predicts or is guided, each in a file of its own."""

from __future__ import annotations

from services.executor.nodes.patches import (
    attention_guidance,
    attention_strength,
    deep_shrink,
    differential,
    epsilon_scaling,
    freeu,
    frequency_guidance,
    guidance_norm,
    hypertile,
    mahiro,
    merged_tokens,
    perpendicular_negative,
    projected_guidance,
    rescaled_guidance,
    sampling_levels,
    self_attention_guidance,
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
    *attention_strength.NODES,
    *deep_shrink.NODES,
    *differential.NODES,
    *sampling_levels.NODES,
    *perpendicular_negative.NODES,
    *self_attention_guidance.NODES,
    *merged_tokens.NODES,
    *hypertile.NODES,
)
