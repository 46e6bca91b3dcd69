from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from PIL import Image

from services.executor import environment
from services.executor.diffusion.latent_format import SD1_LATENTS, LatentFormat
from services.executor.diffusion.model_sampling import ModelSampling, stable_diffusion_sampling
from services.executor.engine.context import Interrupted
from services.executor.model_folders import ModelFolders
from services.executor.nodes.step_report import report_steps
from services.executor.previews.choice import PreviewSettings, asked_for
from services.graph.events import NodePreview, NodeProgress
from tests.executor.diffusion.tiny import save_decoder
from tests.executor.nodes.conftest import Surroundings


@dataclass(frozen=True)
class Model:
    model_sampling: ModelSampling = stable_diffusion_sampling()
    latent_format: LatentFormat = SD1_LATENTS


@pytest.fixture
def watched(surroundings: Surroundings, tmp_path: Path) -> Surroundings:
    environment.install(environment.Environment(ModelFolders((tmp_path,)), previews=PreviewSettings(size=128)))
    surroundings.run.previews_wanted.set()
    return surroundings


def shown(surroundings: Surroundings, latent: torch.Tensor) -> Image.Image:
    report_steps(Model())(0, 20, latent, latent)
    progress, preview = surroundings.events
    assert (progress.value, progress.maximum) == (1, 20) if isinstance(progress, NodeProgress) else False
    assert isinstance(preview, NodePreview)
    return Image.open(io.BytesIO(preview.data))


@pytest.mark.parametrize(
    ("cells", "size"), [((4, 8), (64, 32)), ((64, 32), (64, 128)), ((1000, 2000), (128, 64)), ((1, 1), (8, 8))]
)
def test_a_preview_has_the_pictures_size_up_to_the_limit(
    cells: tuple[int, int], size: tuple[int, int], watched: Surroundings
) -> None:
    picture = shown(watched, torch.zeros(3, 4, *cells))
    assert (picture.format, picture.size) == ("JPEG", size)


@torch.inference_mode()
def test_the_tiny_autoencoders_pictures_are_as_large(watched: Surroundings, tmp_path: Path) -> None:
    save_decoder(tmp_path, "taesd_decoder.safetensors")
    assert shown(watched, torch.zeros(1, 4, 32, 16)).size == (64, 128)


def test_a_prompt_that_asks_for_none_has_progress_alone(watched: Surroundings) -> None:
    with asked_for("none"):
        report_steps(Model())(0, 20, torch.zeros(1, 4, 4, 4), torch.zeros(1, 4, 4, 4))
    assert [type(event) for event in watched.events] == [NodeProgress]


def test_steps_beyond_those_that_were_asked_for_are_told_as_the_last(surroundings: Surroundings) -> None:
    report_steps(Model())(24, 20, torch.zeros(1, 4, 4, 4), torch.zeros(1, 4, 4, 4))
    assert [(event.value, event.maximum) for event in surroundings.events if isinstance(event, NodeProgress)] == [
        (20, 20)
    ]


def test_an_interrupt_ends_the_run_before_the_preview_is_made(watched: Surroundings) -> None:
    watched.run.interrupted.set()
    with pytest.raises(Interrupted):
        report_steps(Model())(0, 20, torch.zeros(1, 4, 4, 4), torch.zeros(1, 4, 4, 4))
    assert not watched.events
