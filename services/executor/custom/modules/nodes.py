"""`nodes`: every node class of this worker, and what ComfyUI's own sampler nodes share."""

from __future__ import annotations

from typing import Any

import torch

from services.executor.custom.modules.comfy_sample import fix_empty_latent_channels, prepare_noise
from services.executor.custom.modules.comfy_sample import sample as _sample
from services.executor.custom.modules.latent_preview import prepare_callback
from services.executor.custom.modules.saving import InheritedPreviewImage, InheritedSaveImage
from services.executor.custom.pack_host import pack_host
from services.executor.custom.running_node import running_node
from services.executor.engine.context import Interrupted

MAX_RESOLUTION = 16384  # pixels


def __getattr__(name: str) -> Any:
    """The mappings, and the node classes by their names."""
    host = pack_host()
    match name:
        case "NODE_CLASS_MAPPINGS":
            return host.classes
        case "NODE_DISPLAY_NAME_MAPPINGS":
            return host.display_names
        case "EXTENSION_WEB_DIRS":
            return host.web_directories
        case "SaveImage":
            return InheritedSaveImage
        case "PreviewImage":
            return InheritedPreviewImage
    if name in host.classes:
        return host.classes[name]
    raise AttributeError(name)


def common_ksampler(
    model: Any,
    seed: int,
    steps: int,
    cfg: float,
    sampler_name: str,
    scheduler: str,
    positive: Any,
    negative: Any,
    latent: dict[str, Any],
    denoise: float = 1.0,
    disable_noise: bool = False,
    start_step: int | None = None,
    last_step: int | None = None,
    force_full_denoise: bool = False,
) -> tuple[dict[str, Any]]:
    """What the KSampler nodes do, reporting as the running node."""
    samples = fix_empty_latent_channels(model, latent["samples"])
    noise = torch.zeros_like(samples) if disable_noise else prepare_noise(samples, seed, latent.get("batch_index"))
    result = _sample(
        model,
        noise,
        steps,
        cfg,
        sampler_name,
        scheduler,
        positive,
        negative,
        samples,
        denoise=denoise,
        start_step=start_step,
        last_step=last_step,
        force_full_denoise=force_full_denoise,
        noise_mask=latent.get("noise_mask"),
        callback=prepare_callback(model, steps),
        seed=seed,
    )
    return ({**latent, "samples": result},)


def before_node_execution() -> None:
    """Stop here if somebody asked to; for nodes that take long and report nothing.

    Raises:
        Interrupted: somebody did.
    """
    if node := running_node():
        node.raise_if_interrupted()


def interrupt_processing(value: bool = True) -> None:
    """Stop the running prompt, from inside one of its nodes.

    Raises:
        Interrupted: always, unless `value` is false.
    """
    if value:
        raise Interrupted
