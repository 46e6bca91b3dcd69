from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from services.executor.diffusion.checkpoints import CheckpointError, load_checkpoint
from services.executor.diffusion.checkpoints.configuration import CONFIGURATION_KEY
from services.executor.diffusion.prediction import Epsilon, Velocity
from services.safetensors_header import MAX_HEADER_BYTES
from tests.executor.diffusion.golden import GOLDEN

SD15 = GOLDEN / "models" / "checkpoints" / "sd15_small.safetensors"
TEXT_PREFIX = "cond_stage_model.transformer."


def _weights() -> dict[str, Tensor]:
    return load_file(SD15)


def _configuration() -> dict[str, object]:
    content = SD15.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    configuration: dict[str, object] = json.loads(
        json.loads(content[8 : 8 + length])["__metadata__"][CONFIGURATION_KEY]
    )
    return configuration


def _saved(weights: dict[str, Tensor], path: Path, **configuration: object) -> Path:
    save_file(weights, path, {CONFIGURATION_KEY: json.dumps(_configuration() | configuration)})
    return path


def test_a_checkpoint_holds_a_model_a_text_encoder_and_an_autoencoder() -> None:
    checkpoint = load_checkpoint(SD15)
    assert checkpoint.model is not None
    assert checkpoint.clip is not None
    assert checkpoint.vae is not None
    assert isinstance(checkpoint.model.model_sampling.prediction, Epsilon)
    assert checkpoint.model.latent_format.scale_factor == 0.18215
    assert checkpoint.vae.vae.spec.downscale == 8


def test_weights_stay_in_the_dtype_of_the_file() -> None:
    checkpoint = load_checkpoint(SD15)
    assert checkpoint.model is not None
    assert {parameter.dtype for parameter in checkpoint.model.unet.parameters()} == {torch.float16}


def test_a_large_weight_takes_no_memory_before_it_is_read(tmp_path: Path) -> None:
    megabytes = 96
    unused = torch.zeros(megabytes, 1024, 1024, dtype=torch.uint8)
    path = _saved(_weights() | {"model_ema.unused": unused}, tmp_path / "large.safetensors")
    del unused
    load_checkpoint(SD15)  # the first one also loads code
    before = psutil.Process().memory_info().rss
    checkpoint = load_checkpoint(path)
    grown = psutil.Process().memory_info().rss - before
    assert checkpoint.model is not None
    assert grown < megabytes * 2**20 / 2


@pytest.mark.parametrize("part", ["model.diffusion_model.", "first_stage_model.", "cond_stage_model."])
def test_a_part_that_the_file_lacks_is_none(part: str, tmp_path: Path) -> None:
    weights = {name: tensor for name, tensor in _weights().items() if not name.startswith(part)}
    checkpoint = load_checkpoint(_saved(weights, tmp_path / "part.safetensors"))
    missing = {"model.diffusion_model.": "model", "first_stage_model.": "vae", "cond_stage_model.": "clip"}[part]
    assert [name for name in ("model", "clip", "vae") if getattr(checkpoint, name) is None] == [missing]


def test_text_encoders_directly_below_the_conditioner_are_found(tmp_path: Path) -> None:
    weights = {name.replace(TEXT_PREFIX, "cond_stage_model."): tensor for name, tensor in _weights().items()}
    renamed = load_checkpoint(_saved(weights, tmp_path / "renamed.safetensors")).clip
    original = load_checkpoint(SD15).clip
    assert renamed is not None
    assert original is not None
    assert torch.equal(renamed.encode("a house")[0][0], original.encode("a house")[0][0])


def test_averaged_weights_and_positions_beside_the_model_are_no_trouble(tmp_path: Path) -> None:
    extra = {
        "model_ema.decay": torch.zeros(()),
        "alphas_cumprod": torch.zeros(1000),
        f"{TEXT_PREFIX}text_model.embeddings.position_ids": torch.arange(77)[None],
    }
    assert load_checkpoint(_saved(_weights() | extra, tmp_path / "extra.safetensors")).clip is not None


def test_the_file_says_what_its_model_predicts(tmp_path: Path) -> None:
    path = _saved(_weights(), tmp_path / "v.safetensors", prediction="v", zero_terminal_snr=True)
    model = load_checkpoint(path).model
    assert model is not None
    assert isinstance(model.model_sampling.prediction, Velocity)
    assert float(model.model_sampling.sigma_max) > 4000


def test_the_file_says_which_colours_its_latents_have(tmp_path: Path) -> None:
    colours = {"factors": [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]], "bias": [0.1, 0.2, 0.3]}
    model = load_checkpoint(_saved(_weights(), tmp_path / "rgb.safetensors", latent_rgb=colours)).model
    assert model is not None
    assert model.latent_format.rgb_factors == ((1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0))
    assert model.latent_format.rgb_bias == (0.1, 0.2, 0.3)


def test_an_unknown_prediction_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="unknown prediction 'x1'"):
        load_checkpoint(_saved(_weights(), tmp_path / "x.safetensors", prediction="x1"))


def test_a_missing_weight_is_named(tmp_path: Path) -> None:
    weights = _weights()
    del weights["model.diffusion_model.out.0.bias"]
    with pytest.raises(CheckpointError, match=r"weight model\.diffusion_model\.out\.0\.bias is missing"):
        load_checkpoint(_saved(weights, tmp_path / "missing.safetensors"))


def test_a_weight_of_another_shape_is_named_with_both_shapes(tmp_path: Path) -> None:
    weights = _weights() | {"model.diffusion_model.out.0.bias": torch.zeros(5, dtype=torch.float16)}
    with pytest.raises(CheckpointError, match=r"out\.0\.bias has the shape \[5\], \[32\] was expected"):
        load_checkpoint(_saved(weights, tmp_path / "shape.safetensors"))


def test_a_file_of_other_weights_is_refused_with_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "lora.safetensors"
    save_file({"lora_unet_mid.something.weight": torch.zeros(2, 2), "lora_te.alpha": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match=r"lora\.safetensors: it holds no known model.*lora_te, lora_unet_mid"):
        load_checkpoint(path)


def test_a_unet_that_fits_no_family_is_refused_with_those_that_are_known(tmp_path: Path) -> None:
    changed = {"model.diffusion_model.label_emb.0.0.weight": torch.zeros(128, 16)}
    with pytest.raises(CheckpointError, match=r"odd\.safetensors: its UNet is of no family .*Stable Diffusion XL ref"):
        load_checkpoint(_saved(_weights() | changed, tmp_path / "odd.safetensors"))


@pytest.mark.parametrize(
    "configuration",
    [
        {"unet": []},
        {"unet": {"num_heads": 1000}},
        {"unet": {"group_width": 7}},
        {"clip_l": {"num_attention_heads": 0}},
        {"clip_l": {"hidden_act": "relu"}},
        {"vae": {"group_width": 0}},
        {"latent_scale": "large"},
        {"latent_rgb": {"factors": 1}},
    ],
)
def test_a_configuration_that_contradicts_the_weights_is_refused(
    configuration: dict[str, object], tmp_path: Path
) -> None:
    path = _saved(_weights(), tmp_path / "contradiction.safetensors", **configuration)
    with pytest.raises(CheckpointError, match="contradiction"):
        load_checkpoint(path)


@pytest.mark.parametrize("shape", [(), (32, 0, 3, 3)])
@pytest.mark.parametrize(
    "name",
    [
        "model.diffusion_model.input_blocks.0.0.weight",
        "model.diffusion_model.input_blocks.1.1.proj_in.weight",
        "first_stage_model.encoder.conv_in.weight",
        "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight",
    ],
)
def test_impossible_shapes_are_refused(name: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="impossible"):
        load_checkpoint(_saved(_weights() | {name: torch.zeros(shape)}, tmp_path / "impossible.safetensors"))


def _pickled(path: Path) -> None:
    torch.save({"state_dict": {}}, path)


def _old_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps({"state_dict": list(range(50))}))


def _truncated(path: Path) -> None:
    path.write_bytes(SD15.read_bytes()[:-1000])


def _truncated_header(path: Path) -> None:
    path.write_bytes(SD15.read_bytes()[:1000])


def _huge_header(path: Path) -> None:
    path.write_bytes(struct.pack("<Q", MAX_HEADER_BYTES + 1) + b"{}")


def _no_json(path: Path) -> None:
    path.write_bytes(struct.pack("<Q", 6) + b"abcdef")


def _a_list(path: Path) -> None:
    path.write_bytes(struct.pack("<Q", 2) + b"[]")


def _entry_without_offsets(path: Path) -> None:
    header = json.dumps({"a": {"dtype": "F32", "shape": [1]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)


def _shape_that_the_bytes_do_not_fill(path: Path) -> None:
    name = "first_stage_model.decoder.conv_in.weight"
    header = json.dumps({name: {"dtype": "F32", "shape": [1000], "data_offsets": [0, 4]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _absent(path: Path) -> None:
    path.unlink(missing_ok=True)


def _folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_pickled, "bad.safetensors is a pickled file"),
        (_old_pickle, "bad.safetensors is a pickled file"),
        (_truncated, "bad.safetensors is truncated: its last 1000 bytes are missing"),
        (_truncated_header, "bad.safetensors is truncated"),
        (_huge_header, f"claims a header of {MAX_HEADER_BYTES + 1} bytes"),
        (_no_json, "its header is not JSON"),
        (_a_list, "its header is not a JSON object"),
        (_entry_without_offsets, "an entry of its header is malformed"),
        (_shape_that_the_bytes_do_not_fill, "bad.safetensors is not a safetensors file"),
        (_empty, "it has only 0 bytes"),
        (_absent, "bad.safetensors cannot be read: No such file"),
        (_folder, "bad.safetensors cannot be read"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_refused_with_the_reason(damage: object, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.safetensors"
    assert callable(damage)
    damage(path)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(path)
