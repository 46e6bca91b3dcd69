"""Control networks from files of every kind, good and bad."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
import torch
from safetensors.torch import save, save_file
from torch import Tensor

from services.errors import NotFound
from services.executor.diffusion.checkpoints import CheckpointError
from services.executor.diffusion.control.union import UNION_CONTROLNET_TYPES
from services.executor.nodes.control_net_loaders import (
    ControlNetLoader,
    DiffControlNetLoader,
    SetUnionControlNetType,
)
from tests.executor.diffusion.control.nets import in_diffusers_layout, model, random_weights, recorded_weights
from tests.executor.diffusion.control.test_control_net import UNION
from tests.executor.nodes.control.conftest import Bench


def with_prefix(weights: dict[str, Tensor], prefix: str = "control_model.") -> dict[str, Tensor]:
    return {prefix + name: weight for name, weight in weights.items()}


@pytest.mark.parametrize("layout", ["bare", "prefixed", "diffusers"])
def test_every_layout_steers_alike(bench: Bench, layout: str) -> None:
    weights = recorded_weights()
    layouts = {
        "bare": weights,
        "prefixed": with_prefix(weights),
        "diffusers": in_diffusers_layout(weights, "sd15_small"),
    }
    assert torch.equal(bench.steered(bench.control_net(layouts[layout])), bench.steered(bench.control_net()))


def test_a_file_of_torch_does_as_well(bench: Bench) -> None:
    torch.save({"state_dict": with_prefix(recorded_weights())}, bench.folder / "mine.pth")
    (control_net,) = ControlNetLoader().load_controlnet("mine.pth")
    assert torch.equal(bench.steered(control_net), bench.steered(bench.control_net()))


@pytest.mark.parametrize("prefix", ["", "control_model."])
def test_differences_are_added_to_the_models_weights(bench: Bench, prefix: str) -> None:
    own = model().unet.state_dict()
    whole = {name: weight.float() for name, weight in recorded_weights().items()}
    differences = {name: weight - own[name].float() if name in own else weight for name, weight in whole.items()}
    assert len(own.keys() & differences.keys()) > 100
    save_file({**with_prefix(differences, prefix), "difference": torch.zeros(1)}, bench.folder / "diff.safetensors")
    (control_net,) = DiffControlNetLoader().load_controlnet(bench.loaded.model, "diff.safetensors")
    torch.testing.assert_close(
        bench.steered(control_net), bench.steered(bench.control_net(whole)), rtol=1e-4, atol=1e-3
    )
    with pytest.raises(
        CheckpointError, match=r"diff\.safetensors: it holds differences to a model; DiffControlNetLoader"
    ):
        ControlNetLoader().load_controlnet("diff.safetensors")


def test_the_loader_of_differences_takes_whole_networks_too(bench: Bench) -> None:
    (control_net,) = DiffControlNetLoader().load_controlnet(bench.loaded.model, "cn_small.safetensors")
    assert torch.equal(bench.steered(control_net), bench.steered(bench.control_net()))


@pytest.mark.parametrize(("name", "is_pooled"), [("control_v11e_sd15_shuffle", True), ("shuffle_cards", False)])
def test_a_network_that_adds_the_same_everywhere_is_known_by_its_name(bench: Bench, name: str, is_pooled: bool) -> None:
    save_file(recorded_weights(), bench.folder / f"{name}.safetensors")
    (control_net,) = ControlNetLoader().load_controlnet(f"{name}.safetensors")
    assert control_net.global_average_pooling is is_pooled
    assert control_net.copy().global_average_pooling is is_pooled
    merged = control_net.control_merge({"middle": [torch.arange(4.0).reshape(1, 1, 2, 2)]}, None, torch.float32)
    expected = [1.5] * 4 if is_pooled else [0.0, 1.0, 2.0, 3.0]
    (residual,) = merged["middle"]
    assert residual is not None
    assert residual.flatten().tolist() == expected


class Surprise:
    """Would run code when it is unpickled."""

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return Exception, ("it ran",)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("page.safetensors", b"<!DOCTYPE html><html><body>404 Not Found</body></html>", "is a web page"),
        ("short.safetensors", save(recorded_weights())[:-8], "is truncated"),
        ("other.safetensors", save({"lora_unet_x.alpha": torch.ones(1)}), "this is not a control network.*lora_unet_x"),
        ("bare.safetensors", save({}), "this is not a control network"),
        (
            "flux.safetensors",
            save({"controlnet_blocks.0.weight": torch.ones(1), "transformer_blocks.0.x": torch.ones(1)}),
            "it looks like a ControlNet of a transformer, such as those of Flux",
        ),
        (
            "lllite.safetensors",
            save({"lllite_unet_x.down.0.weight": torch.ones(1)}),
            "it looks like a ControlNet-LLLite",
        ),
        ("page.pth", b"<!DOCTYPE html><html><body>404 Not Found</body></html>", "is not a control network"),
        ("code.pth", pickle.dumps(Surprise(), protocol=2), "is not a control network"),
    ],
    ids=["a page", "cut short", "a LoRA", "no tensors", "Flux", "LLLite", "a page, pickled", "code"],
)
def test_a_file_that_is_none_is_named(bench: Bench, name: str, content: bytes, message: str) -> None:
    (bench.folder / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=f"{name}.*{message}"):
        ControlNetLoader().load_controlnet(name)


@pytest.mark.parametrize("missing", ["input_blocks.1.0.in_layers.2.weight", "zero_convs.11.0.weight"])
def test_a_file_that_lacks_a_weight_is_named_with_it(bench: Bench, missing: str) -> None:
    weights = recorded_weights()
    del weights[missing]
    with pytest.raises(CheckpointError, match=r"made\.safetensors"):
        bench.control_net(weights)


def test_a_file_that_is_not_there_is_said_so(bench: Bench) -> None:
    with pytest.raises(NotFound, match=r"nowhere\.safetensors"):
        ControlNetLoader().load_controlnet("nowhere.safetensors")


@pytest.mark.parametrize(("kind", "told"), [("auto", []), ("depth", [1]), ("repaint", [7])])
def test_a_network_is_told_the_kind_of_picture_beside_the_original(bench: Bench, kind: str, told: list[int]) -> None:
    control_net = bench.control_net()
    (set_up,) = SetUnionControlNetType().set_controlnet_type(control_net, kind)
    assert set_up.extra_args == {"control_type": told}
    assert control_net.extra_args == {}
    assert torch.equal(bench.steered(set_up), bench.steered(control_net))  # one for a single kind does not listen


def test_a_union_network_listens(bench: Bench) -> None:
    control_net = bench.control_net(random_weights(union=UNION))
    steered = {}
    for kind in ("auto", "openpose", "segment"):
        (set_up,) = SetUnionControlNetType().set_controlnet_type(control_net, kind)
        steered[kind] = bench.steered(set_up)
    assert torch.equal(steered["auto"], bench.steered(control_net))
    assert not torch.equal(steered["auto"], steered["openpose"])
    assert not torch.equal(steered["segment"], steered["openpose"])
    (tile,) = SetUnionControlNetType().set_controlnet_type(control_net, "tile")
    with pytest.raises(ValueError, match="control_net: it knows 6 kinds"):
        bench.steered(tile)


@pytest.mark.parametrize(
    ("control_net", "kind", "message"),
    [
        (None, "depth", "control_net: there is none"),
        (object(), "colour", "type: 'colour' is not one of auto, openpose"),
    ],
)
def test_a_kind_that_there_is_not_is_named(control_net: Any, kind: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SetUnionControlNetType().set_controlnet_type(control_net, kind)


def test_the_kinds_are_numbered_as_networks_know_them() -> None:
    assert list(UNION_CONTROLNET_TYPES.values()) == list(range(8))
