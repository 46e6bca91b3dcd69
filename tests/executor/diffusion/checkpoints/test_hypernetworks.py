"""Hypernetworks in files: what is read, and what is said about files that hold something else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from services.executor.diffusion.checkpoints import CheckpointError
from services.executor.diffusion.checkpoints.hypernetworks import hypernetwork, load_hypernetwork
from services.executor.diffusion.models.hypernetwork import ACTIVATIONS

WIDTH = 8


class Published(nn.Module):
    """A network as the files describe it: layers, activations, normalisations and dropouts in one row."""

    def __init__(self, structure: list[float], options: Mapping[str, Any], activation: type[nn.Module]) -> None:
        super().__init__()
        row: list[nn.Module] = []
        last = len(structure) - 2
        for number in range(last + 1):
            width_in, width_out = int(WIDTH * structure[number]), int(WIDTH * structure[number + 1])
            row.append(nn.Linear(width_in, width_out))
            if options["activation_func"] != "linear" and (number < last or options["activate_output"]):
                row.append(activation())
            if options["is_layer_norm"]:
                row.append(nn.LayerNorm(width_out))
            if options["use_dropout"] and (number < last or options["last_layer_dropout"]):
                row.append(nn.Dropout(0.3))
        self.linear = nn.Sequential(*row)

    def forward(self, tokens: Tensor) -> Tensor:
        changed: Tensor = tokens + self.linear(tokens)
        return changed


def options(**other: Any) -> dict[str, Any]:
    defaults = {"activation_func": "linear", "is_layer_norm": False, "use_dropout": False, "last_layer_dropout": False}
    return {**defaults, "activate_output": False, "layer_structure": [1, 2, 1], **other}


KINDS: dict[str, tuple[list[float], dict[str, Any], type[nn.Module]]] = {
    "plain": ([1, 2, 1], options(), nn.Identity),
    "one layer": ([1, 1], options(), nn.Identity),
    "activated": ([1, 2, 2, 1], options(activation_func="relu"), nn.ReLU),
    "normalised": ([1, 2, 1], options(activation_func="mish", is_layer_norm=True), nn.Mish),
    "with dropouts": ([1, 3, 2, 1], options(activation_func="swish", use_dropout=True), nn.Hardswish),
    "with everything": (
        [1, 0.5, 2, 1],
        options(
            activation_func="elu", is_layer_norm=True, use_dropout=True, last_layer_dropout=True, activate_output=True
        ),
        nn.ELU,
    ),
}


@torch.inference_mode()
@pytest.mark.parametrize("name", KINDS)
def test_a_network_computes_what_the_file_describes(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    structure, described, activation = KINDS[name]
    keys, values = (Published(structure, described, activation).eval() for _ in range(2))
    for network in (keys, values):
        for weight in network.parameters():
            nn.init.normal_(weight, 0.5)
    content: dict[Any, Any] = {WIDTH: (keys.state_dict(), values.state_dict()), "step": 7, "name": name, **described}
    torch.save(content, tmp_path / "net.pt")
    read = load_hypernetwork(tmp_path / "net.pt")
    one, other = torch.randn(2, 5, WIDTH), torch.randn(2, 5, WIDTH)
    changed = read.changed(one, other, 1.0)
    torch.testing.assert_close(changed[0], keys(one))
    torch.testing.assert_close(changed[1], values(other))
    assert read.widths == [WIDTH]


@torch.inference_mode()
def test_every_activation_is_the_one_of_its_name_in_torch() -> None:
    modules = {name.lower(): cls for name, cls in vars(nn).items() if isinstance(cls, type)}
    tokens = torch.randn(50) * 4
    for name in ACTIVATIONS.keys() - {"linear", "swish"}:
        assert torch.equal(ACTIVATIONS[name](tokens), modules[name]().eval()(tokens)), name


@torch.inference_mode()
def test_strength_scales_the_change_and_other_widths_stay_as_they_are() -> None:
    network = Published([1, 2, 1], options(), nn.Identity)
    read = hypernetwork({WIDTH: (network.state_dict(), network.state_dict())})
    tokens, wider = torch.randn(1, 3, WIDTH), torch.randn(1, 3, WIDTH * 2)
    whole, half = (read.changed(tokens, tokens, strength)[0] - tokens for strength in (1.0, 0.5))
    torch.testing.assert_close(half * 2, whole)
    assert read.changed(wider, wider, 1.0) == (wider, wider)


@torch.inference_mode()
def test_files_of_the_first_version_are_read() -> None:
    network = Published([1, 2, 1], options(), nn.Identity)
    older = {name.replace("linear.0", "linear1").replace("linear.1", "linear2"): w for name, w in _weights().items()}
    network.load_state_dict(_weights())
    tokens = torch.randn(1, 3, WIDTH)
    changed, _ = hypernetwork({WIDTH: (older, older)}).changed(tokens, tokens, 1.0)
    torch.testing.assert_close(changed, network(tokens))


def _weights(inner: int = WIDTH * 2, out: int = WIDTH) -> dict[str, Tensor]:
    torch.manual_seed(1)
    first, second = nn.Linear(WIDTH, inner), nn.Linear(WIDTH * 2, out)
    row = nn.ModuleDict({"linear": nn.Sequential(first, second)})
    return dict(row.state_dict())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "no hypernetwork: it holds nothing"),
        (torch.ones(3), "no hypernetwork: it holds nothing"),
        ({"lora.up": torch.ones(3)}, "no hypernetwork: it holds lora.up"),
        ({WIDTH: (_weights(), _weights()), "activation_func": "cube"}, "unknown activation 'cube'"),
        ({WIDTH: (_weights(),)}, "no pair of networks for tokens of width 8"),
        ({WIDTH: _weights()}, "no pair of networks for tokens of width 8"),
        ({WIDTH: ({}, {})}, "for tokens of width 8 has layers that do not fit: none"),
        ({WIDTH: (_weights(out=4), _weights())}, "width 8 has layers that do not fit: 8 to 16, 16 to 4"),
        ({WIDTH + 1: (_weights(), _weights())}, "width 9 has layers that do not fit: 8 to 16, 16 to 8"),
        ({WIDTH: (_weights(inner=12), _weights())}, "width 8 has layers that do not fit: 8 to 12, 16 to 8"),
        ({WIDTH: ({"linear.0.weight": torch.ones(8, 8)}, {})}, "8.0.linear.bias is missing"),
        ({WIDTH: (1, 2)}, "fit no known model"),
    ],
)
def test_a_file_that_holds_something_else_is_refused_by_name_and_content(
    content: Any, message: str, tmp_path: Path
) -> None:
    torch.save(content, tmp_path / "net.pt")
    with pytest.raises(CheckpointError, match=f"net.pt.*{message}"):
        load_hypernetwork(tmp_path / "net.pt")
