"""Small workflows that sample, through a real worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from services.graph.events import ExecutionFailed
from tests.executor.bad_files import CHECKPOINT
from tests.executor.platform import Platform


def sampling(checkpoint: str = Path(CHECKPOINT).name, **changed: dict[str, Any]) -> dict[str, Any]:
    """A small picture from a checkpoint; `changed` nodes by id take the place of others or stand beside them."""
    text = {"clip": ["4", 1], "text": "a cat"}
    sampler: dict[str, Any] = {"model": ["4", 0], "positive": ["6", 0], "negative": ["6", 0], "latent_image": ["5", 0]}
    sampler |= {"seed": 6, "steps": 1, "cfg": 2.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0}
    graph = {
        "3": {"class_type": "KSampler", "inputs": sampler},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": checkpoint}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 32, "height": 32, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": text},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "PreviewImage", "inputs": {"images": ["8", 0]}},
    }
    return graph | {node_id.removeprefix("n"): node for node_id, node in changed.items()}


async def failure(here: Platform, graph: dict[str, Any]) -> ExecutionFailed:
    """How a prompt fails; the worker is the one that was there before."""
    worker = here.workers[-1]
    prompt = await here.run(graph)
    assert here.workers[-1] is worker
    last = prompt.events[-1].body
    assert isinstance(last, ExecutionFailed), last
    return last
