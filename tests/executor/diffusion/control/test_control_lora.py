"""Control-LoRA: the network that it makes of a model."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from services.executor.diffusion.checkpoints import CheckpointError
from services.executor.diffusion.control.control_lora import MARK, of_model
from tests.executor.diffusion.control.nets import control_lora_weights, model, random_weights
from tests.executor.diffusion.control.test_control_net import assert_equal, network, shown


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.mark.parametrize("checkpoint", ["sd15_small", "sdxl_small"])
def test_it_is_the_network_whose_weights_are_the_models_and_the_products(checkpoint: str) -> None:
    lora = control_lora_weights(checkpoint)
    whole = random_weights(checkpoint)
    own = model(checkpoint).unet.state_dict()
    for name, weight in lora.items():
        if name.endswith(".up"):
            layer = name.removesuffix(".up")
            product = weight.flatten(1) @ lora[f"{layer}.down"].flatten(1)
            whole[f"{layer}.weight"] = own[f"{layer}.weight"].float() + product.reshape(own[f"{layer}.weight"].shape)
        elif not name.endswith(".down"):
            whole[name] = weight
    made = of_model(model(checkpoint).unet, lora, torch.float32)
    assert_equal(made(**shown(checkpoint)), network(whole, checkpoint)(**shown(checkpoint)))
    assert not torch.allclose(made(**shown(checkpoint))["middle"][0], _unchanged(checkpoint))


def _unchanged(checkpoint: str) -> Tensor:
    middle = network(random_weights(checkpoint), checkpoint)(**shown(checkpoint))["middle"][0]
    assert isinstance(middle, Tensor)
    return middle


def test_weights_that_are_not_changed_are_the_models_own() -> None:
    unet = model().unet
    lora = control_lora_weights()
    made = of_model(unet, lora)
    (unchanged,) = {"input_blocks.3.0.op.weight"} - {f"{name.removesuffix('.up')}.weight" for name in lora}
    assert made.get_parameter(unchanged) is unet.get_parameter(unchanged)
    assert made.get_parameter("middle_block.1.proj_in.weight").dtype == torch.float16


def test_one_that_is_made_for_another_family_is_said_to_be() -> None:
    with pytest.raises(ValueError, match="control_net: it is made for another family of models: its layer"):
        of_model(model("sdxl_small").unet, control_lora_weights("sd15_small"))


def test_a_file_that_lacks_a_weight_of_its_own_is_refused_with_its_name() -> None:
    lora = control_lora_weights()
    del lora["zero_convs.2.0.weight"]
    with pytest.raises(CheckpointError, match=r"zero_convs\.2\.0\.weight is missing"):
        of_model(model().unet, lora)


def test_the_mark_is_that_of_published_files() -> None:
    assert MARK == "lora_controlnet"
