"""Single networks against numbers that ComfyUI computed with the same weights."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from services.executor.diffusion.checkpoints import Checkpoint, load_checkpoint
from services.executor.diffusion.checkpoints.network import diffusion_network
from services.executor.diffusion.checkpoints.text_encoders import encoder_parts, text_encoders
from services.executor.diffusion.checkpoints.weights_file import read_model_file
from services.executor.diffusion.models.autoencoder import Autoencoder
from services.executor.diffusion.models.diffusion_model import LatentDiffusionModel
from services.executor.diffusion.text_encoding import TextEncoder
from services.executor.diffusion.tokenizer import END_TOKEN
from tests.executor.diffusion.golden import GOLDEN, table, tensors

RECORDED = tensors("modules")
TOLERANCE = 2e-5  # of the largest value


@cache
def _checkpoint(name: str = "sd15_small") -> Checkpoint:
    return load_checkpoint(GOLDEN / "models" / "checkpoints" / f"{name}.safetensors")


@pytest.fixture(autouse=True)
def _no_gradients() -> object:
    with torch.inference_mode():
        yield


def _model() -> LatentDiffusionModel:
    model = _checkpoint().model
    assert model is not None
    return model


def _vae() -> Autoencoder:
    vae = _checkpoint().vae
    assert vae is not None
    return vae


@cache
def _encoders(family: str) -> dict[str, TextEncoder]:
    path = GOLDEN / "models" / "checkpoints" / f"{family}_small.safetensors"
    file = read_model_file(path, "a checkpoint")
    found = text_encoders(encoder_parts(file.weights, file.configuration))
    return {encoder.use.name: encoder for encoder in found.encoders}


def _assert_close(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=0, atol=TOLERANCE * float(expected.abs().max()))


@pytest.mark.parametrize("case", [0, 1])
def test_the_unet_predicts_as_recorded(case: int) -> None:
    x, t, context = (RECORDED[f"unet/sd15/{case}/{name}"] for name in ("x", "t", "context"))
    _assert_close(_model().apply_model(x, t, context), RECORDED[f"unet/sd15/{case}/out"])


@pytest.mark.parametrize("case", [0, 1])
def test_the_unet_with_a_vector_condition_predicts_as_recorded(case: int) -> None:
    x, t, context, y = (RECORDED[f"unet/sdxl/{case}/{name}"] for name in ("x", "t", "context", "y"))
    model = _checkpoint("sdxl_small").model
    assert model is not None
    _assert_close(model.apply_model(x, t, context, y=y), RECORDED[f"unet/sdxl/{case}/out"])


def test_the_unet_with_linear_projections_predicts_as_recorded() -> None:
    (case,) = (case for case in table("modules")["cases"] if case.get("output") == "unet/sd2/out")
    weights = load_file(GOLDEN / "models" / case["weights"])
    network = diffusion_network(weights, {"unet": {"num_head_channels": case["config"]["num_head_channels"]}}, {})
    assert network.family.name == "Stable Diffusion 2"
    x, t, context = (RECORDED[f"unet/sd2/{name}"] for name in ("x", "t", "context"))
    _assert_close(network.apply_model(x, t, context), RECORDED["unet/sd2/out"])


def test_the_decoder_decodes_as_recorded() -> None:
    _assert_close(_vae().vae.decode(RECORDED["vae/z"]), RECORDED["vae/dec"])


def test_the_encoder_encodes_as_recorded() -> None:
    _assert_close(_vae().vae.encode(RECORDED["vae/px"]), RECORDED["vae/enc"])


def test_pictures_of_odd_sizes_are_cropped_around_their_middle() -> None:
    _assert_close(_vae().encode(RECORDED["vae/img_odd"]), RECORDED["vae/enc_odd"])


def test_a_picture_smaller_than_a_latent_pixel_is_refused_with_its_size() -> None:
    with pytest.raises(ValueError, match="7x64"):
        _vae().encode(torch.zeros(1, 64, 7, 3))


@pytest.mark.parametrize("layer", ["last", -1, -2, -3])
@pytest.mark.parametrize(("family", "name"), [("sd15", "l"), ("sdxl", "l"), ("sdxl", "g")])
def test_every_layer_of_a_text_encoder_is_as_recorded(family: str, name: str, layer: int | str) -> None:
    encoder, recorded = _encoders(family)[name], f"te/{family}/{name}"
    ids = RECORDED[f"{recorded}/ids"].long()
    ends = (ids == END_TOKEN).int().argmax(dim=1)
    use = encoder.use
    wanted = None if layer == "last" else int(layer)
    output = encoder.model(encoder.model.embed(ids), ends, wanted, use.final_norm, use.project)
    _assert_close(output.hidden, RECORDED[f"{recorded}/{layer}"])
    if f"{recorded}/pooled" in RECORDED:
        _assert_close(output.pooled, RECORDED[f"{recorded}/pooled"])
