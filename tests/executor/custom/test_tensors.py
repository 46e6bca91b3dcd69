"""Sizes of tensors, weights in files, names of samplers: what packs use of `comfy.*`."""

from __future__ import annotations

import operator
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from services.executor.custom.modules import comfy_attention, comfy_ops, comfy_samplers, comfy_utils, node_helpers
from services.executor.custom.modules.comfy_execution_graph_utils import GraphBuilder, add_graph_prefix
from services.executor.custom.modules.comfy_types import IO
from services.executor.diffusion.samplers import SAMPLERS
from services.executor.diffusion.schedules import SCHEDULERS


def doubled(tile: Tensor) -> Tensor:
    return tile.repeat_interleave(2, -1).repeat_interleave(2, -2)


@pytest.mark.parametrize(("height", "width"), [(40, 70), (16, 16), (5, 90), (33, 17)])
def test_tiles_join_without_seams(height: int, width: int) -> None:
    picture = torch.rand(2, 3, height, width)
    bar = comfy_utils.ProgressBar(100)
    steps = comfy_utils.get_tiled_scale_steps(width, height, 16, 16, 4)
    scaled = comfy_utils.tiled_scale(picture, doubled, 16, 16, overlap=4, upscale_amount=2, pbar=bar)
    assert torch.allclose(scaled, doubled(picture), atol=1e-6)
    assert bar.current == 2 * steps


def test_upscaling_takes_channels_first_and_frames() -> None:
    picture = torch.rand(1, 4, 6, 8)
    assert comfy_utils.common_upscale(picture, 4, 3, "area", "disabled").shape == (1, 4, 3, 4)
    assert comfy_utils.common_upscale(picture, 4, 4, "bilinear", "center").shape == (1, 4, 4, 4)
    assert comfy_utils.common_upscale(picture, 16, 12, "bislerp", "disabled").shape == (1, 4, 12, 16)
    frames = picture.unsqueeze(2).repeat(1, 1, 5, 1, 1)
    scaled = comfy_utils.common_upscale(frames, 4, 3, "area", "disabled")
    assert scaled.shape == (1, 4, 5, 3, 4)
    assert torch.allclose(scaled[:, :, 2], comfy_utils.common_upscale(picture, 4, 3, "area", "disabled"))


def test_batches_are_repeated_cut_and_spread() -> None:
    batch = torch.arange(3.0).reshape(3, 1)
    assert comfy_utils.repeat_to_batch_size(batch, 5).flatten().tolist() == [0, 1, 2, 0, 1]
    assert comfy_utils.repeat_to_batch_size(batch, 2).flatten().tolist() == [0, 1]
    assert comfy_utils.resize_to_batch_size(batch, 2).flatten().tolist() == [0, 2]
    assert comfy_utils.resize_to_batch_size(batch, 6).flatten().tolist() == [0, 0, 1, 1, 2, 2]
    assert comfy_utils.reshape_mask(torch.ones(4, 4), (2, 3, 8, 6)).shape == (2, 3, 8, 6)


def test_weights_survive_a_file(tmp_path: Path) -> None:
    weights = {"a.x": torch.rand(2, 3), "a.y": torch.rand(4)}
    comfy_utils.save_torch_file(weights, tmp_path / "w.safetensors", metadata={"about": {"n": 1}})
    loaded, metadata = comfy_utils.load_torch_file(tmp_path / "w.safetensors", return_metadata=True)
    assert torch.equal(loaded["a.x"], weights["a.x"])
    assert metadata == {"about": '{"n": 1}'}
    assert comfy_utils.calculate_parameters(loaded, "a.") == 10
    renamed = comfy_utils.state_dict_prefix_replace(loaded, {"a.": "b."}, filter_keys=True)
    assert (sorted(renamed), loaded) == (["b.x", "b.y"], {})


def test_other_formats_are_read_without_running_what_is_in_them(tmp_path: Path) -> None:
    torch.save({"state_dict": {"a": torch.ones(1)}}, tmp_path / "w.ckpt")
    assert list(comfy_utils.load_torch_file(tmp_path / "w.ckpt")) == ["a"]

    class Trap:
        def __reduce__(self) -> Any:
            return (open, (str(tmp_path / "sprung"), "w"))

    torch.save({"a": Trap()}, tmp_path / "trap.pt")
    with pytest.raises(pickle.UnpicklingError):
        comfy_utils.load_torch_file(tmp_path / "trap.pt")
    assert not (tmp_path / "sprung").exists()


def test_tiles_are_placed_by_the_amounts_of_their_dimensions() -> None:
    video = torch.rand(2, 3, 5, 12, 16)

    def enlarged(tile: Tensor) -> Tensor:
        """Twice the size; one frame for the first, two for each other, as causal autoencoders do."""
        larger = tile.repeat_interleave(2, 2).repeat_interleave(2, 3).repeat_interleave(2, 4)
        return larger[:, :, 1:]

    scaled = comfy_utils.tiled_scale_multidim(
        video,
        enlarged,
        tile=(5, 8, 8),
        overlap=(1, 2, 4),
        upscale_amount=(lambda frames: max(0, frames * 2 - 1), 2, 2),
        index_formulas=(lambda frame: frame * 2, 2, 2),
    )
    torch.testing.assert_close(scaled, enlarged(video))

    def halved(tile: Tensor) -> Tensor:
        return functional.avg_pool2d(tile, 2)

    smaller = comfy_utils.tiled_scale_multidim(video[:, :, 0], halved, (8, 8), 4, 2, 3, downscale=True)
    torch.testing.assert_close(smaller, halved(video[:, :, 0]))


def test_samplers_and_schedulers_are_ours() -> None:
    assert list(SAMPLERS) == comfy_samplers.SAMPLER_NAMES == comfy_samplers.KSampler.SAMPLERS
    assert list(SCHEDULERS) == comfy_samplers.SCHEDULER_NAMES == comfy_samplers.KSampler.SCHEDULERS
    assert comfy_samplers.ksampler("euler", {"s_noise": 1.5}).extra_options["s_noise"] == 1.5


def test_conditioning_values_are_set_in_a_copy() -> None:
    conditioning = [[torch.zeros(1), {"a": [1]}]]
    changed = node_helpers.conditioning_set_values(conditioning, {"a": [2], "b": 3}, append=True)
    assert changed[0][1] == {"a": [1, 2], "b": 3}
    assert conditioning[0][1] == {"a": [1]}


def test_types_are_unequal_only_when_no_value_fits_both() -> None:
    assert operator.ne(IO.ANY, "IMAGE") is False
    assert operator.ne(IO.NUMBER, "INT") is False
    assert IO.IMAGE != "MASK"
    assert IO.NUMBER != "FLOAT,STRING"
    assert {IO.IMAGE: 1}["IMAGE"] == 1  # type: ignore[index]


def test_a_subgraph_can_be_changed_before_it_is_finished() -> None:
    graph = GraphBuilder(prefix="p.")
    first = graph.node("A", x=1)
    second = graph.node("B", "named", x=first.out(0), y=2)
    graph.replace_node_output(first.id, 0, ["other", 1])
    second.set_input("y", None)
    second.set_override_display_id("7")
    graph.remove_node(first.id)
    assert graph.lookup_node("named") is second
    assert graph.node("ignored", "named") is second
    finished = graph.finalize()
    assert finished == {"p.named": {"class_type": "B", "inputs": {"x": ["other", 1]}, "override_display_id": "7"}}
    moved, outputs = add_graph_prefix(finished, [["p.named", 0], 5], "q.")
    assert (list(moved), outputs) == (["q.p.named"], (["q.p.named", 0], 5))


@pytest.mark.parametrize("mask", [None, torch.zeros(5, 7), torch.zeros(2, 5, 7), torch.zeros(2, 3, 5, 7)])
def test_attention_takes_heads_in_or_out(mask: Tensor | None) -> None:
    q, k, v = torch.rand(2, 5, 12), torch.rand(2, 7, 12), torch.rand(2, 7, 12)
    joined = comfy_attention.optimized_attention(q, k, v, 3, mask)
    q, k, v = (tensor.reshape(2, -1, 3, 4).transpose(1, 2) for tensor in (q, k, v))
    apart = comfy_attention.optimized_attention(q, k, v, 3, mask, skip_reshape=True, skip_output_reshape=True)
    assert joined.shape == (2, 5, 12)
    assert torch.allclose(joined, apart.transpose(1, 2).reshape(2, 5, 12))
    weights = torch.softmax(q @ k.transpose(-1, -2) / 2, -1)
    assert torch.allclose(apart, weights @ v, atol=1e-6)


def test_layers_follow_what_they_are_applied_to() -> None:
    layer = comfy_ops.manual_cast.Linear(3, 2, dtype=torch.float16)
    torch.nn.init.ones_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    assert torch.equal(layer(torch.ones(1, 3)), torch.full((1, 2), 3.0))
    assert layer.weight.dtype is torch.float16
    convolution = comfy_ops.manual_cast.Conv2d(1, 1, 1, bias=False, dtype=torch.float16)
    torch.nn.init.ones_(convolution.weight)
    assert convolution(torch.ones(1, 1, 2, 2)).dtype is torch.float32
    plain = comfy_ops.disable_weight_init.LayerNorm(4)
    assert isinstance(plain, torch.nn.LayerNorm)
    assert list(plain.state_dict()) == ["weight", "bias"]
