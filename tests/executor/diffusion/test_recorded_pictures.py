"""Whole workflows, from prompt to picture, against what ComfyUI made of them with the same weights."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from services.executor.diffusion.checkpoints import load_checkpoint
from services.executor.diffusion.sampling import sample
from tests.executor.diffusion.golden import GOLDEN, table, tensors

CASES = {case["name"]: case for case in table("pipelines")["cases"]}
MIN_TOLERANCE = 2e-4  # of the largest value
NOISE_MARGIN = 5  # times the difference between two runs of the reference


class Workflow:
    """Runs just the nodes that the recorded cases use."""

    def __init__(self, prompt: dict[str, Any]) -> None:
        self._prompt = prompt

    @cache  # noqa: B019 - a workflow lives as long as its test
    def outputs(self, node: str) -> tuple[Any, ...]:
        """The outputs of a node, run with the outputs of the nodes before it."""
        inputs = {
            name: self.outputs(value[0])[value[1]] if isinstance(value, list) else value
            for name, value in self._prompt[node]["inputs"].items()
        }
        outputs: tuple[Any, ...] = getattr(self, f"_{self._prompt[node]['class_type']}")(**inputs)
        return outputs

    def _CheckpointLoaderSimple(self, ckpt_name: str) -> tuple[Any, ...]:
        loaded = load_checkpoint(GOLDEN / "models" / "checkpoints" / ckpt_name)
        return loaded.model, loaded.clip, loaded.vae

    def _CLIPTextEncode(self, text: str, clip: Any) -> tuple[Any]:
        return (clip.encode(text),)

    def _CLIPSetLastLayer(self, clip: Any, stop_at_clip_layer: int) -> tuple[Any]:
        return (clip.with_layer(stop_at_clip_layer),)

    def _EmptyLatentImage(self, width: int, height: int, batch_size: int) -> tuple[Tensor]:
        return (torch.zeros(batch_size, 4, height // 8, width // 8),)

    def _LoadImage(self, image: str) -> tuple[Tensor]:
        pixels = np.asarray(Image.open(GOLDEN / "input" / image).convert("RGB"), dtype=np.float32)
        return (torch.from_numpy(pixels / 255)[None],)

    def _VAEEncode(self, pixels: Tensor, vae: Any) -> tuple[Tensor]:
        return (vae.encode(pixels),)

    def _VAEDecode(self, samples: Tensor, vae: Any) -> tuple[Tensor]:
        return (vae.decode(samples),)

    def _KSampler(self, sampler_name: str, latent_image: Tensor, **inputs: Any) -> tuple[Tensor]:
        with torch.inference_mode():
            return (
                sample(
                    inputs.pop("model"),
                    inputs.pop("positive"),
                    inputs.pop("negative"),
                    latent_image,
                    sampler=sampler_name,
                    **inputs,
                ),
            )


@pytest.mark.parametrize("name", CASES)
def test_a_workflow_gives_what_was_recorded(name: str) -> None:
    case = CASES[name]
    workflow = Workflow(case["prompt"])
    for recorded in case["outputs"].values():
        output = workflow.outputs(recorded["node"])[recorded["slot"]]
        for part, key in recorded["tensors"].items():
            actual = {"0/cond": 0, "0/pooled": 1}.get(part)
            found = output if actual is None else (output[0][0], output[0][1]["pooled_output"])[actual]
            expected = tensors("pipelines")[key]
            tolerance = max(MIN_TOLERANCE, NOISE_MARGIN * case.get("noise_rel", 0)) * float(expected.abs().max())
            torch.testing.assert_close(found, expected, rtol=0, atol=tolerance)
