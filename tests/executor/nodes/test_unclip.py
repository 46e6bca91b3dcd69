"""Pictures that models follow, through the nodes and whole runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from services.executor import environment
from services.executor.diffusion.checkpoints import CheckpointError
from services.executor.diffusion.unclip import NoiseAugmentation
from services.executor.model_folders import ModelFolders
from services.executor.nodes.clip_vision import CLIPVisionEncode, CLIPVisionLoader
from services.executor.nodes.conditioning import CLIPTextEncode
from services.executor.nodes.conditioning_arithmetic import ConditioningZeroOut
from services.executor.nodes.loaders import CheckpointLoaderSimple
from services.executor.nodes.unclip import ImageOnlyCheckpointLoader, unCLIPCheckpointLoader, unCLIPConditioning
from services.executor.patching.sampling import sample
from tests.executor.diffusion.checkpoints.openclip import VisionTransformer
from tests.executor.diffusion.families.small import saved
from tests.executor.diffusion.golden import GOLDEN

XL = "sdxl_small.safetensors"
POOLED = 24  # width in it
UNCLIP = "sd2-unclip.safetensors"
EMBEDDING = 32  # width in it
Conditioning = list[list[Any]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    before = environment.environment()
    environment.install(environment.Environment(ModelFolders((tmp_path, GOLDEN / "models"))))
    with torch.inference_mode():
        yield folder
    environment.install(before)


def seen(*pictures: Tensor) -> list[Any]:
    (encoder,) = CLIPVisionLoader().load_clip("cv_small.safetensors")
    return [CLIPVisionEncode().encode(encoder, picture, "center")[0] for picture in pictures]


def picture(seed: int) -> Tensor:
    return torch.rand(1, 60, 80, 3, generator=torch.Generator().manual_seed(seed))


def following(conditioning: Any, *pictures: tuple[Any, float, float]) -> Any:
    for output, strength, noise in pictures:
        (conditioning,) = unCLIPConditioning().apply_adm(conditioning, output, strength, noise)
    return conditioning


def sampled(model: Any, positive: Any, negative: Any, seed: int = 7) -> Tensor:
    settings: Any = {"seed": seed, "steps": 2, "cfg": 5.0, "sampler": "euler", "scheduler": "karras"}
    return sample(model, positive, negative, torch.zeros(1, 4, 16, 16), **settings)


def test_pictures_add_up() -> None:
    output, conditioning = object(), [[torch.zeros(1, 1, 1), {}]]
    (once,) = unCLIPConditioning().apply_adm(conditioning, output, 1.0, 0.0)
    (twice,) = unCLIPConditioning().apply_adm(once, output, -0.5, 0.25)
    first = {"clip_vision_output": output, "strength": 1.0, "noise_augmentation": 0.0}
    second = {"clip_vision_output": output, "strength": -0.5, "noise_augmentation": 0.25}
    assert once[0][1] == {"unclip_conditioning": [first]}
    assert twice[0][1] == {"unclip_conditioning": [first, second]}
    assert unCLIPConditioning().apply_adm(twice, output, 0.0, 0.5) == (twice,)
    with pytest.raises(ValueError, match="^clip_vision_output: "):
        unCLIPConditioning().apply_adm(conditioning, None, 1.0, 0.0)


def test_stable_diffusion_xl_takes_two_pictures_in_the_place_of_pooled_text() -> None:
    model, clip, _ = CheckpointLoaderSimple().load_checkpoint(XL)
    (negative,) = CLIPTextEncode().encode(clip, "")
    (nothing,) = ConditioningZeroOut().zero_out(negative)
    one, other = seen(picture(1), picture(2))
    positive = following(nothing, (one, 1.0, 0.0), (other, 0.75, 0.0))
    pictures = positive[0][1]["unclip_conditioning"]
    pooled = NoiseAugmentation.of_width(POOLED).vector(pictures, 7, merged_noise=0)[:, :POOLED]
    torch.testing.assert_close(pooled, one.image_embeds + 0.75 * other.image_embeds, rtol=0, atol=0.1)
    by_hand = [[nothing[0][0], {**nothing[0][1], "pooled_output": pooled}]]

    result = sampled(model, positive, negative)
    assert torch.equal(result, sampled(model, by_hand, negative))
    assert torch.equal(result, sampled(model, positive, negative))
    assert not torch.equal(result, sampled(model, following(nothing, (one, 1.0, 0.0)), negative))
    assert not torch.equal(result, sampled(model, nothing, negative))


def test_noise_in_a_picture_comes_from_the_seed_of_the_run() -> None:
    model, clip, _ = CheckpointLoaderSimple().load_checkpoint(XL)
    (negative,) = CLIPTextEncode().encode(clip, "")
    (one,) = seen(picture(1))
    noisy = following(negative, (one, 1.0, 0.9))
    prepared = [NoiseAugmentation.of_width(POOLED).vector(noisy[0][1]["unclip_conditioning"], seed) for seed in (7, 8)]
    by_hand = [[[negative[0][0], {"pooled_output": vector[:, :POOLED]}]] for vector in prepared]
    assert torch.equal(sampled(model, noisy, negative), sampled(model, by_hand[0], negative))
    assert not torch.equal(sampled(model, noisy, negative), sampled(model, by_hand[1], negative))


def test_what_another_encoder_saw_is_refused_by_the_sampler() -> None:
    model, clip, _ = CheckpointLoaderSimple().load_checkpoint(XL)
    (negative,) = CLIPTextEncode().encode(clip, "")
    (one,) = seen(picture(1))
    one.image_embeds = torch.zeros(1, 10)
    with pytest.raises(ValueError, match="clip_vision_output: .* 10 wide.* of 24"):
        sampled(model, following(negative, (one, 1.0, 0.0)), negative)


def unclip_parts(width: int = EMBEDDING) -> dict[str, Tensor]:
    torch.manual_seed(0)
    encoder = VisionTransformer(width=64, heads=1, layers=2, patch=7, grid=3, embedding=EMBEDDING)
    return {
        **{f"embedder.model.visual.{name}": weight for name, weight in encoder.state_dict().items()},
        "noise_augmentor.data_mean": torch.randn(1, width),
        "noise_augmentor.data_std": torch.rand(1, width) + 0.5,
    }


def text(seed: int) -> Conditioning:
    return [[torch.randn(1, 77, 32, generator=torch.Generator().manual_seed(seed)), {}]]


def test_an_unclip_checkpoint_brings_its_encoder_and_follows_what_that_sees(folder: Path) -> None:
    parts = unclip_parts()
    saved("sd2-unclip", folder, parts)
    model, clip, vae, encoder = unCLIPCheckpointLoader().load_checkpoint(UNCLIP)
    assert (clip, vae) == (None, None)
    assert encoder is not None
    assert encoder.image_size == 21
    (one,) = CLIPVisionEncode().encode(encoder, picture(1), "center")
    (other,) = CLIPVisionEncode().encode(encoder, picture(2), "center")
    positive, negative = following(text(1), (one, 1.0, 0.1)), text(2)
    result = sampled(model, positive, negative)
    assert torch.equal(result, sampled(model, positive, negative))
    assert not torch.equal(result, sampled(model, following(text(1), (other, 1.0, 0.1)), negative))
    assert not torch.equal(result, sampled(model, text(1), negative))

    augmentation = NoiseAugmentation(EMBEDDING, parts["noise_augmentor.data_mean"], parts["noise_augmentor.data_std"])
    options = {**positive[0][1], "seed": 7}
    vector = model.model.network.vector(options, 16, 16)
    assert torch.equal(vector, augmentation.vector(options["unclip_conditioning"], 7))


def test_a_checkpoint_can_be_loaded_without_its_reader_of_texts(folder: Path) -> None:
    saved("sd2-unclip", folder, unclip_parts())
    model, encoder, vae = ImageOnlyCheckpointLoader().load_checkpoint(UNCLIP)
    assert vae is None
    (one,) = CLIPVisionEncode().encode(encoder, picture(1), "center")
    assert not torch.equal(
        sampled(model, following(text(1), (one, 1.0, 0.1)), text(2)), sampled(model, text(1), text(2))
    )


def test_without_pictures_an_unclip_model_follows_the_text_alone(folder: Path) -> None:
    saved("sd2-unclip", folder, unclip_parts())
    model, *_ = unCLIPCheckpointLoader().load_checkpoint(UNCLIP)
    assert not model.model.network.vector({}, 16, 16).any()
    assert sampled(model, text(1), text(2)).isfinite().all()


def test_a_checkpoint_without_an_encoder_gives_none_and_what_needs_it_says_so() -> None:
    *_, encoder = unCLIPCheckpointLoader().load_checkpoint(XL)
    assert encoder is None
    with pytest.raises(ValueError, match="^clip_vision: there is none"):
        CLIPVisionEncode().encode(encoder, picture(1), "center")


def test_an_unclip_model_without_its_statistics_refuses_pictures(folder: Path) -> None:
    saved("sd2-unclip", folder)
    model, *_ = unCLIPCheckpointLoader().load_checkpoint(UNCLIP)
    output = seen(picture(1))[0]
    output.image_embeds = torch.zeros(1, EMBEDDING)
    with pytest.raises(ValueError, match="noise_augmentor"):
        sampled(model, following(text(1), (output, 1.0, 0.1)), text(2))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (unclip_parts(width=8), r"noise_augmentor\.data_mean has the shape \[1, 8\], \[1, 32\] was expected"),
        ({"noise_augmentor.data_mean": torch.zeros(1, EMBEDDING)}, "data_std"),
    ],
)
def test_statistics_that_do_not_fit_are_refused_by_name(folder: Path, parts: dict[str, Tensor], message: str) -> None:
    saved("sd2-unclip", folder, parts)
    with pytest.raises(CheckpointError, match=f"{UNCLIP}.*{message}"):
        unCLIPCheckpointLoader().load_checkpoint(UNCLIP)


def test_an_encoder_that_is_not_whole_is_refused_by_name(folder: Path) -> None:
    parts = {name: weight for name, weight in unclip_parts().items() if not name.endswith("ln_post.bias")}
    saved("sd2-unclip", folder, parts)
    with pytest.raises(CheckpointError, match=f"{UNCLIP}.*post_layernorm.bias is missing"):
        unCLIPCheckpointLoader().load_checkpoint(UNCLIP)
