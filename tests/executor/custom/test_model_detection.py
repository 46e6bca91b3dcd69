from __future__ import annotations

import pytest
import torch
from torch import Tensor

from services.executor.custom.modules import comfy_model_base, comfy_model_detection, comfy_supported_models
from services.executor.loaded_checkpoints import LoadedCheckpoints
from tests.executor.diffusion.families.published import STRUCTURES, shapes_of
from tests.executor.diffusion.golden import GOLDEN

PREFIX = "model.diffusion_model."


def _weights(name: str, prefix: str = PREFIX) -> dict[str, Tensor]:
    with torch.device("meta"):
        return {prefix + key: torch.empty(shape) for key, shape in shapes_of(STRUCTURES[name]).items()}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("sd15", "SD15"),
        ("sd15-inpainting", "SD15"),
        ("instruct-pix2pix", "SD15_instructpix2pix"),
        ("sd21", "SD20"),
        ("sd21-unclip-l", "SD21UnclipL"),
        ("sd21-unclip-h", "SD21UnclipH"),
        ("x4-upscaler", "SD_X4Upscaler"),
        ("sdxl", "SDXL"),
        ("koala-700m", "SDXL"),
        ("sdxl-instruct-pix2pix", "SDXL_instructpix2pix"),
        ("sdxl-refiner", "SDXLRefiner"),
    ],
)
def test_packs_learn_of_what_family_weights_are(name: str, kind: str) -> None:
    config = comfy_model_detection.model_config_from_unet(_weights(name), PREFIX)
    assert config is not None
    assert type(config) is getattr(comfy_supported_models, kind)
    assert config.unet_config["context_dim"] == STRUCTURES[name].context
    assert config.inpaint_model() == (STRUCTURES[name].in_channels > 4)


def test_weights_of_no_family_are_nothing() -> None:
    weights = {f"{PREFIX}double_blocks.0.img_attn.qkv.weight": torch.zeros(1)}
    assert comfy_model_detection.detect_unet_config(weights, PREFIX) is None
    assert comfy_model_detection.model_config_from_unet(weights, PREFIX) is None


def test_a_structure_without_a_family_can_be_read_all_the_same() -> None:
    weights = _weights("sd15") | {f"{PREFIX}label_emb.0.0.weight": torch.empty(1280, 5)}
    assert comfy_model_detection.model_config_from_unet(weights, PREFIX) is None
    config = comfy_model_detection.model_config_from_unet(weights, PREFIX, use_base_if_no_match=True)
    assert config is not None
    assert config.unet_config["adm_in_channels"] == 5


def test_the_prefix_of_a_network_is_found() -> None:
    weights = _weights("koala-700m") | {"first_stage_model.a": torch.zeros(1)}
    assert comfy_model_detection.unet_prefix_from_state_dict(weights) == PREFIX
    assert comfy_model_detection.unet_prefix_from_state_dict({"model.x": torch.zeros(1)}) == "model."


def test_numbered_parts_are_counted() -> None:
    assert comfy_model_detection.count_blocks(_weights("sdxl", ""), "input_blocks.{}.") == 9


def test_loaded_models_are_of_the_classes_that_packs_ask_for() -> None:
    checkpoints = LoadedCheckpoints()
    for name, model_class, config_class in (
        ("sd15", comfy_model_base.BaseModel, comfy_supported_models.SD15),
        ("sdxl", comfy_model_base.SDXL, comfy_supported_models.SDXL),
    ):
        model = checkpoints.get(GOLDEN / "models" / "checkpoints" / f"{name}_small.safetensors").model
        assert model is not None
        assert type(model.model) is model_class
        assert type(model.model.model_config) is config_class
        assert not isinstance(model.model, comfy_model_base.SDXLRefiner)
