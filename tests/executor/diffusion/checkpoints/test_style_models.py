"""Style models in files: what is read, and what is said about files that hold something else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from services.executor.diffusion.checkpoints import CheckpointError
from services.executor.diffusion.checkpoints.style_models import load_style_network, style_network
from tests.executor.diffusion.checkpoints.openclip import StyleAdapter


@torch.inference_mode()
def test_a_style_adapter_computes_what_the_published_one_does() -> None:
    torch.manual_seed(0)
    reference = StyleAdapter(width=48, heads=8, layers=3, tokens=5, context_dim=24)
    seen = torch.randn(2, 17, 48)
    made = style_network(reference.state_dict())(seen)
    assert made.shape == (2, 5, 24)
    torch.testing.assert_close(made, reference(seen), rtol=0, atol=1e-5)


@torch.inference_mode()
def test_redux_computes_what_the_published_one_does() -> None:
    torch.manual_seed(0)
    up, down = nn.Linear(12, 60), nn.Linear(60, 20)
    weights = {
        **{f"redux_up.{name}": weight for name, weight in up.state_dict().items()},
        **{f"redux_down.{name}": weight for name, weight in down.state_dict().items()},
    }
    seen = torch.randn(1, 9, 12)
    torch.testing.assert_close(style_network(weights)(seen), down(nn.functional.silu(up(seen))))


@torch.inference_mode()
def test_a_pickled_file_in_half_precision_computes_in_the_precision_of_what_it_is_given(tmp_path: Path) -> None:
    reference = StyleAdapter(width=16, heads=8, layers=1, tokens=2, context_dim=8).half()
    torch.save(reference.state_dict(), tmp_path / "style.pth")
    seen = torch.randn(1, 4, 16)
    torch.testing.assert_close(load_style_network(tmp_path / "style.pth")(seen), reference.float()(seen))


def _adapter(without: str = "", **other: Tensor) -> dict[str, Tensor]:
    weights = StyleAdapter(width=16, heads=8, layers=2, tokens=2, context_dim=8).state_dict()
    return {name: weight for name, weight in {**weights, **other}.items() if name != without}


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"lora_unet.up": torch.ones(1)}, "no style model; its weights are of lora_unet"),
        ({}, "its weights are of nothing"),
        (_adapter(without="ln_post.bias"), "ln_post.bias is missing"),
        (_adapter(without="transformer_layes.1.attn.in_proj_bias"), "self_attn.q_proj.bias is missing"),
        (_adapter(style_embedding=torch.ones(1, 2, 12)), "12 channels cannot be shared by 8 heads"),
        (_adapter(style_embedding=torch.ones(2, 16)), r"style_embedding has the shape \[2, 16\]"),
        ({"redux_down.weight": torch.ones(4, 4)}, "redux_up.weight is missing"),
    ],
)
def test_a_file_that_holds_something_else_is_refused_by_name_and_content(
    weights: dict[str, Tensor], message: str, tmp_path: Path
) -> None:
    save_file(weights, tmp_path / "style.safetensors")
    with pytest.raises(CheckpointError, match=f"style.safetensors.*{message}"):
        load_style_network(tmp_path / "style.safetensors")
