"""Steering by what is no control network of its own: Control-LoRA, which is made of the model, and T2I-Adapters."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from services.executor.diffusion.checkpoints import CheckpointError
from services.executor.diffusion.control import control_lora
from services.executor.nodes.control_net_loaders import ControlNetLoader
from services.executor.patching.control import ControlLora, T2IAdapter
from tests.executor.diffusion.control.nets import control_lora_weights, model
from tests.executor.diffusion.control.test_t2i_adapter import in_diffusers_layout, weights
from tests.executor.nodes.control.conftest import Bench, advanced, close, picture


def control_lora_of(bench: Bench, checkpoint: str = "sd15_small") -> ControlLora:
    name = "lora.safetensors"
    save_file({**control_lora_weights(checkpoint), "lora_controlnet": torch.zeros(0)}, bench.folder / name)
    (found,) = ControlNetLoader().load_controlnet(name)
    assert isinstance(found, ControlLora)
    return found


def adapter_of(bench: Bench, given: dict[str, Tensor]) -> T2IAdapter:
    save_file(given, bench.folder / "adapter.safetensors")
    (found,) = ControlNetLoader().load_controlnet("adapter.safetensors")
    assert isinstance(found, T2IAdapter)
    return found


def test_a_control_lora_steers_as_the_whole_network_would(bench: Bench) -> None:
    whole = control_lora.of_model(model().unet, control_lora_weights(), torch.float32)
    expected = bench.steered(bench.control_net(whole.state_dict()), 0.7)
    torch.testing.assert_close(bench.steered(control_lora_of(bench), 0.7), expected, rtol=1e-4, atol=1e-3)


def test_a_control_lora_is_made_of_the_model_as_it_is_changed(bench: Bench) -> None:
    control_net, key = control_lora_of(bench), "diffusion_model.middle_block.1.proj_in.weight"
    made: list[Tensor] = []

    class Watching(ControlLora):
        def cleanup(self) -> None:
            made.append(self.control_model.state_dict()["middle_block.1.proj_in.weight"])
            super().cleanup()

    watching = Watching(control_net.control_weights)
    bench.steered(watching)
    changed = bench.loaded.model.clone()
    changed.add_patches({key: ("diff", (torch.ones(64, 64, 1, 1),))}, 2.0)
    Bench(type(bench.loaded)(changed, bench.loaded.clip, bench.loaded.vae), bench.folder).steered(watching)
    torch.testing.assert_close(made[1], made[0] + 2)
    assert watching.control_model is None


def test_two_control_loras_in_a_chain_are_each_made_once(bench: Bench) -> None:
    control_net = control_lora_of(bench)
    half = advanced(*bench.prompts(), control_net, strength=0.5)
    steered = bench.sampled(*advanced(*half, control_net, strength=0.5))
    torch.testing.assert_close(steered, bench.steered(control_net), rtol=1e-4, atol=1e-2)


def test_a_control_lora_for_another_family_is_said_to_be_one(bench: Bench) -> None:
    with pytest.raises(ValueError, match="control_net: it is made for another family of models"):
        bench.steered(control_lora_of(bench, "sdxl_small"))


@pytest.mark.parametrize("name", ["full", "grey", "light"])
def test_an_adapter_steers(bench: Bench, name: str) -> None:
    adapter = adapter_of(bench, weights(name))
    plain = bench.sampled(*bench.prompts())
    assert close(bench.steered(adapter, 1e-9), plain)
    assert not close(bench.steered(adapter), plain)


def test_an_adapter_of_diffusers_is_the_same(bench: Bench) -> None:
    published = bench.steered(adapter_of(bench, weights("full")))
    assert torch.equal(bench.steered(adapter_of(bench, in_diffusers_layout(weights("full"), "full"))), published)


def test_an_adapter_looks_at_a_picture_once(bench: Bench) -> None:
    adapter, calls = adapter_of(bench, weights("light")), []
    handle = adapter.t2i_model.register_forward_hook(lambda *_: calls.append(1))
    bench.steered(adapter, image=picture(2))
    handle.remove()
    assert len(calls) == 1


def test_adapters_and_control_networks_add_up_in_any_order(bench: Bench) -> None:
    adapter, control_net = adapter_of(bench, weights("full")), bench.control_net()
    one = bench.sampled(*advanced(*advanced(*bench.prompts(), adapter), control_net))
    other = bench.sampled(*advanced(*advanced(*bench.prompts(), control_net), adapter))
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-3)
    assert not close(one, bench.steered(control_net))


def test_an_adapter_for_another_family_is_said_to_be_one(bench: Bench) -> None:
    with pytest.raises(ValueError, match="control_net: .*is it made for another family of models"):
        bench.steered(adapter_of(bench, weights("xl")))


def test_a_picture_with_other_channels_is_refused(bench: Bench) -> None:
    with pytest.raises(ValueError, match="image: this adapter takes pictures with 3 channels, .* with 4"):
        bench.steered(adapter_of(bench, weights("full")), image=torch.rand(1, 64, 64, 4))


def test_a_style_model_is_said_to_be_one(bench: Bench) -> None:
    save_file({"style_embedding": torch.zeros(1, 8, 1024)}, bench.folder / "style.safetensors")
    with pytest.raises(CheckpointError, match=r"style\.safetensors: this is not .* a style model .* StyleModelLoader"):
        ControlNetLoader().load_controlnet("style.safetensors")
