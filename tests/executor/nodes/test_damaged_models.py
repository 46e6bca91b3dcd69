"""Files of models that are damaged, pickled, or something else."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from safetensors.torch import save

from services.executor.diffusion.checkpoints import CheckpointError
from services.executor.nodes.older_loaders import CheckpointLoader
from services.executor.nodes.part_loaders import CLIPLoader, UNETLoader, VAELoader
from tests.executor.nodes.model_files import (
    PROMPT,
    UNET,
    VAE,
    Put,
    assert_same,
    golden_whole,
    part,
    predicted,
    put,
)

__all__ = ["put"]


class Surprise:
    """Would run code when it is unpickled."""

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return Exception, ("it ran",)


LOADERS: dict[str, Callable[[str], Any]] = {
    "diffusion_models": lambda name: UNETLoader().load_unet(name, "default"),
    "text_encoders": lambda name: CLIPLoader().load_clip(name),
    "vae": lambda name: VAELoader().load_vae(name),
    "checkpoints": lambda name: CheckpointLoader().load_checkpoint("v1-inference.yaml", name),
}
LORA = {"lora_unet_mid_block_attentions_0_proj_in.lora_up.weight": torch.ones(4, 2)}


@pytest.mark.parametrize("folder", LOADERS)
@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("page.safetensors", b"<!DOCTYPE html><html><body>404 Not Found</body></html>", "page.safetensors is"),
        ("short.safetensors", save({"x": torch.zeros(64)})[:-8], "short.safetensors is truncated"),
        ("huge.safetensors", b"\xff" * 16, "claims a header of"),
        ("renamed.safetensors", pickle.dumps({}, protocol=2) + bytes(64), "pickled file"),
        ("empty.safetensors", b"", "only 0 bytes"),
        ("page.ckpt", b"<!DOCTYPE html><html><body>404 Not Found</body></html>", "it is no file that torch wrote"),
        ("empty.pt", b"", "empty.pt is not an? .*: it ends too early"),
        ("code.ckpt", pickle.dumps(Surprise(), protocol=2), r"holds more than weights \(exceptions\.Exception\)"),
        ("lora.safetensors", save(LORA), "it looks like a LoRA .* for the node LoraLoader"),
    ],
    ids=["a page", "cut short", "a huge header", "a renamed pickle", "no bytes", "a page, pickled", "nothing", "code"]
    + ["a LoRA"],
)
def test_a_file_of_something_else_is_named(
    put: Put, tmp_path: Path, folder: str, name: str, content: bytes, said: str
) -> None:
    (tmp_path / folder).mkdir()
    (tmp_path / folder / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=said):
        LOADERS[folder](name)


def test_half_of_a_part_is_refused_with_what_is_missing(put: Put) -> None:
    for folder, prefix, missing in (("diffusion_models", UNET, "out.0.bias"), ("vae", VAE, "decoder.conv_out.bias")):
        weights = part(prefix)
        del weights[missing]
        with pytest.raises(CheckpointError, match=f"the weight {missing} is missing"):
            LOADERS[folder](put(folder, "half.safetensors", weights))


# Pickled checkpoints


def test_a_pickled_checkpoint_is_read_without_its_code(put: Put, tmp_path: Path) -> None:
    whole = golden_whole()
    reference = put("checkpoints", "same.safetensors", whole, {})
    torch.save({"state_dict": whole, "global_step": 7, "lr": [0.1]}, tmp_path / "checkpoints" / "old.ckpt")
    model, clip, vae = LOADERS["checkpoints"]("old.ckpt")
    same_model, same_clip, same_vae = LOADERS["checkpoints"](reference)
    assert_same(predicted(model), predicted(same_model))
    assert torch.equal(clip.encode(PROMPT), same_clip.encode(PROMPT))
    assert_same(vae.decode(torch.ones(1, 4, 2, 2)), same_vae.decode(torch.ones(1, 4, 2, 2)))


def test_weights_are_known_under_another_extension(put: Put, tmp_path: Path) -> None:
    put("vae", "vae.safetensors", part(VAE))
    (tmp_path / "vae" / "vae.safetensors").rename(tmp_path / "vae" / "vae.ckpt")
    (vae,) = VAELoader().load_vae("vae.ckpt")
    assert vae.decode(torch.zeros(1, 4, 2, 2)).shape == (1, 16, 16, 3)


def test_what_trainers_left_beside_the_weights_is_passed_over(put: Put, tmp_path: Path) -> None:
    content = {"state_dict": part(VAE), "best": numpy.float64(0.5), "epoch": numpy.int64(3)}
    (tmp_path / "vae").mkdir()
    torch.save(content, tmp_path / "vae" / "trained.pt")
    (vae,) = VAELoader().load_vae("trained.pt")
    assert vae.decode(torch.zeros(1, 4, 2, 2)).shape == (1, 16, 16, 3)
