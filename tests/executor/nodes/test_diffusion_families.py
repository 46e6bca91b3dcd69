"""Every family from its file to a sampled latent, through the nodes that a workflow has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from services.executor import environment
from services.executor.diffusion.checkpoints.autoencoders import VAE_PREFIX
from services.executor.engine.context import NodeContext, RunContext, enter_context, leave_context
from services.executor.model_folders import ModelFolders
from services.executor.nodes.editing import InstructPixToPixConditioning
from services.executor.nodes.inpainting import InpaintModelConditioning, VAEEncodeForInpaint
from services.executor.nodes.loaders import CheckpointLoaderSimple
from services.executor.nodes.sampling import KSampler
from services.executor.nodes.upscale_conditioning import SD_4XUpscale_Conditioning
from services.graph.events import NodeRef
from tests.executor.diffusion.families.small import POOLED, SMALL, saved
from tests.executor.diffusion.golden import GOLDEN
from tests.executor.nodes.conftest import FolderFiles

Load = Callable[..., tuple[Any, Any, Any]]


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    """Loads a small model of a family by the loader's node."""
    (tmp_path / "checkpoints").mkdir()
    before = environment.environment()
    environment.install(environment.Environment(ModelFolders((tmp_path,))))

    def loaded(name: str, markers: dict[str, Tensor] | None = None) -> tuple[Any, Any, Any]:
        path = saved(name, tmp_path / "checkpoints", {**_autoencoder(), **(markers or {})})
        return CheckpointLoaderSimple().load_checkpoint(path.name)

    run = RunContext(prompt_id="p", files=FolderFiles(tmp_path))
    token = enter_context(NodeContext(run, NodeRef.of_workflow("1"), lambda event: None))
    with torch.inference_mode():
        yield loaded
    leave_context(token)
    environment.install(before)


def _autoencoder() -> dict[str, Tensor]:
    weights = load_file(GOLDEN / "models" / "checkpoints" / "sd15_small.safetensors")
    return {name: tensor for name, tensor in weights.items() if name.startswith(VAE_PREFIX)}


def _conditionings(name: str) -> tuple[list[list[Any]], list[list[Any]]]:
    drawn = torch.Generator().manual_seed(1)
    pooled = {"pooled_output": torch.randn(1, POOLED, generator=drawn)}
    one, other = (torch.randn(1, 7, SMALL[name].context, generator=drawn) for _ in range(2))
    return [[one, dict(pooled)]], [[other, dict(pooled)]]


def _sampled(model: Any, positive: Any, negative: Any, latent: dict[str, Any] | None = None) -> Tensor:
    latent = latent or {"samples": torch.zeros(1, 4, 8, 8)}
    out = KSampler().sample(model, 5, 2, 3.0, "euler", "normal", positive, negative, latent)
    samples: Tensor = out[0]["samples"]
    return samples


def _watched(model: Any) -> tuple[Any, list[dict[str, Any]]]:
    """The model, and what its network is given step by step."""
    given: list[dict[str, Any]] = []
    watched = model.clone()

    def watch(run: Any, told: dict[str, Any]) -> Any:
        given.append(told["c"])
        return run(told["input"], told["timestep"], **told["c"])

    watched.set_model_unet_function_wrapper(watch)
    return watched, given


@pytest.mark.parametrize("name", SMALL)
def test_every_family_is_sampled_and_the_conditioning_matters(name: str, load: Load) -> None:
    model, _, _ = load(name)
    positive, negative = _conditionings(name)
    sampled = _sampled(model, positive, negative)
    assert sampled.shape == (1, 4, 8, 8)
    assert sampled.isfinite().all()
    assert not torch.allclose(sampled, _sampled(model, negative, positive))


@pytest.mark.parametrize(
    ("option", "value"), [("width", 640), ("crop_h", 64), ("target_height", 320), ("pooled_output", torch.ones(1, 32))]
)
def test_every_part_of_the_vector_condition_matters(option: str, value: Any, load: Load) -> None:
    model, _, _ = load("sdxl")
    positive, negative = _conditionings("sdxl")
    plain = _sampled(model, positive, negative)
    positive[0][1][option] = value
    assert not torch.allclose(plain, _sampled(model, positive, negative))


def test_the_refiner_scores_the_negative_lower(load: Load) -> None:
    model, given = _watched(load("sdxl-refiner")[0])
    positive, negative = _conditionings("sdxl-refiner")
    plain = _sampled(model, positive, negative)
    scores = given[0]["y"][:, -256:]
    assert len(scores) == 2
    assert not torch.equal(scores[0], scores[1])
    positive[0][1]["aesthetic_score"], negative[0][1]["aesthetic_score"] = 6.0, 2.5
    assert torch.equal(plain, _sampled(model, positive, negative))


def test_a_conditioning_of_another_family_is_refused_with_what_is_wrong(load: Load) -> None:
    model, _, _ = load("sdxl")
    positive, negative = _conditionings("sdxl")
    positive[0][1]["pooled_output"] = torch.zeros(1, 24)
    with pytest.raises(ValueError, match="a pooled text embedding of width 32, that of the conditioning has 24"):
        _sampled(model, positive, negative)


@pytest.mark.parametrize("name", ["sd1-inpainting", "sd2-inpainting", "sdxl-inpainting"])
def test_networks_that_paint_see_mask_and_picture(name: str, load: Load) -> None:
    loaded, _, vae = load(name)
    model, given = _watched(loaded)
    pixels, mask = torch.rand(1, 64, 64, 3), torch.zeros(1, 64, 64)
    mask[:, :32] = 1
    positive, negative, latent = InpaintModelConditioning().encode(*_conditionings(name), pixels, vae, mask)
    sampled = _sampled(model, positive, negative, dict(latent))
    greyed = pixels.clone()
    greyed[:, :32] = 0.5
    expected = model.model.process_latent_in(vae.encode(greyed))
    assert torch.equal(given[0]["c_concat"][:, 0], torch.cat([torch.ones(4, 8), torch.zeros(4, 8)]).expand(2, 8, 8))
    torch.testing.assert_close(given[0]["c_concat"][:, 1:], expected.expand(2, -1, -1, -1))
    torch.testing.assert_close(sampled[..., 4:, :], latent["samples"][..., 4:, :], rtol=1e-4, atol=1e-4)


def test_networks_that_paint_take_what_is_encoded_for_inpainting(load: Load) -> None:
    loaded, _, vae = load("sd1-inpainting")
    model, given = _watched(loaded)
    pixels, mask = torch.rand(1, 64, 64, 3), torch.zeros(1, 64, 64)
    mask[:, :32] = 1
    latent = VAEEncodeForInpaint().encode(vae, pixels, mask, 0)[0]
    _sampled(model, *_conditionings("sd1-inpainting"), dict(latent))
    torch.testing.assert_close(given[0]["c_concat"][0, 1:], model.model.process_latent_in(latent["samples"])[0])
    assert given[0]["c_concat"][0, 0].sum() == 32


def test_networks_that_paint_everything_see_what_their_autoencoder_makes_of_grey(load: Load) -> None:
    loaded, _, vae = load("sd1-inpainting")
    model, given = _watched(loaded)
    _sampled(model, *_conditionings("sd1-inpainting"))
    grey = model.model.process_latent_in(vae.encode(torch.full((1, 128, 128, 3), 0.5)))[0, :, 8, 8]
    assert torch.equal(given[0]["c_concat"][:, 0], torch.ones(2, 8, 8))
    torch.testing.assert_close(given[0]["c_concat"][0, 1:, 2, 5], grey)


def test_what_a_network_sees_beside_the_latent_is_cut_to_the_area_of_a_conditioning(load: Load) -> None:
    loaded, _, vae = load("sd1-inpainting")
    model, given = _watched(loaded)
    pixels, mask = torch.rand(1, 64, 64, 3), torch.zeros(1, 64, 64)
    mask[:, 16:24, 32:40] = 1
    positive, negative, latent = InpaintModelConditioning().encode(
        *_conditionings("sd1-inpainting"), pixels, vae, mask, noise_mask=False
    )
    positive[0][1]["area"] = (4, 4, 2, 4)
    _sampled(model, positive, negative, dict(latent))
    part = next(told["c_concat"] for told in given if told["c_concat"].shape[-2:] == (4, 4))
    expected = torch.zeros(4, 4)
    expected[0, 0] = 1
    assert torch.equal(part[0, 0], expected)


@pytest.mark.parametrize(
    ("name", "markers", "in_its_space"),
    [("sd1-editing", {}, False), ("sdxl-editing", {}, False), ("sdxl-editing", {"edm_vpred.sigma_max": 120.0}, True)],
)
def test_networks_that_edit_see_the_picture(
    name: str, markers: dict[str, float], in_its_space: bool, load: Load
) -> None:
    loaded, _, vae = load(name, {key: torch.tensor(value) for key, value in markers.items()})
    model, given = _watched(loaded)
    pixels = torch.rand(1, 64, 64, 3)
    positive, negative, latent = InstructPixToPixConditioning().execute(*_conditionings(name), pixels, vae)
    _sampled(model, positive, negative, latent)
    seen = vae.encode(pixels)
    expected = model.model.process_latent_in(seen) if in_its_space else seen
    torch.testing.assert_close(given[0]["c_concat"], expected.expand(2, -1, -1, -1))
    assert not latent["samples"].any()


def test_networks_that_follow_depth_are_given_it_as_pictures(load: Load) -> None:
    model, given = _watched(load("sd2-depth")[0])
    near = torch.linspace(0.2, 0.6, 8).repeat_interleave(8)[None, :, None, None].expand(1, 64, 64, 3)
    positive, negative, latent = SD_4XUpscale_Conditioning().execute(near, *_conditionings("sd2-depth"), 0.5, 0.0)
    _sampled(model, positive, negative, latent)
    assert latent["samples"].shape == (1, 4, 8, 8)
    torch.testing.assert_close(given[0]["c_concat"][0, 0, :, 0], torch.linspace(-1, 1, 8))


def test_plain_networks_are_given_nothing_beside_the_latent(load: Load) -> None:
    loaded, _, vae = load("sd1")
    model, given = _watched(loaded)
    pixels, mask = torch.rand(1, 64, 64, 3), torch.ones(1, 64, 64)
    positive, negative, latent = InpaintModelConditioning().encode(*_conditionings("sd1"), pixels, vae, mask)
    _sampled(model, positive, negative, dict(latent))
    assert "c_concat" not in given[0]


def test_the_upscaler_sees_the_picture_with_noise_that_it_is_told_of(load: Load) -> None:
    model, given = _watched(load("upscaler")[0])
    pixels = torch.rand(1, 8, 8, 3)
    positive, negative, latent = SD_4XUpscale_Conditioning().execute(pixels, *_conditionings("upscaler"), 4.0, 0.5)
    assert latent["samples"].shape == (1, 4, 8, 8)
    sampled = _sampled(model, positive, negative, latent)
    assert given[0]["y"].tolist() == [[175.0], [175.0]]
    picture = pixels.movedim(-1, 1) * 2 - 1
    kept = (1 - torch.linspace(0.0001**0.5, 0.02**0.5, 1000, dtype=torch.float64) ** 2).cumprod(0)[175]
    noise = (given[0]["c_concat"][:1] - picture * kept.sqrt()) / (1 - kept).sqrt()
    assert abs(float(noise.mean())) < 0.3
    assert 0.7 < float(noise.std()) < 1.3
    assert torch.equal(sampled, _sampled(model, positive, negative, latent))


def test_the_upscaler_without_a_picture_sees_grey(load: Load) -> None:
    model, given = _watched(load("upscaler")[0])
    _sampled(model, *_conditionings("upscaler"))
    assert given[0]["c_concat"].shape == (2, 3, 8, 8)
    assert float(given[0]["c_concat"].abs().max()) < 0.1
    assert given[0]["y"].tolist() == [[0.0], [0.0]]


def test_more_noise_than_there_is_is_refused(load: Load) -> None:
    positive, negative = _conditionings("upscaler")
    positive[0][1]["noise_augmentation"] = 1.5
    with pytest.raises(ValueError, match=r"noise_augmentation: 1\.5 is not between 0 and 1"):
        _sampled(load("upscaler")[0], positive, negative)
