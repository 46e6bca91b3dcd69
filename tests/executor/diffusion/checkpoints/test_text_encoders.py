"""Text encoders in every layout that files have them in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from services.executor.diffusion.checkpoints import CheckpointError
from services.executor.diffusion.checkpoints.text_encoders import encoder_parts, text_encoders
from services.executor.diffusion.models.clip_text import ClipText, ClipTextSpec
from services.executor.diffusion.text_encoding import TextEncoders
from services.executor.diffusion.text_families import SD1_L, SD2_H, SDXL_G, SDXL_L
from services.executor.diffusion.tokenizer import END_TOKEN
from tests.executor.diffusion.text_models import LAYERS, WIDTH, hugging_face, network, openclip

HEADS = {f"clip_{name}": {"num_attention_heads": 2} for name in "lhg"}
PROMPT = "a (red:1.3) cat"
L, H, G = network("l"), network("h"), network("g")


def _found(weights: dict[str, Tensor], *kinds: str) -> TextEncoders:
    """The encoders in a file; `kinds` are those that its configuration names."""
    return text_encoders(encoder_parts(weights, {f"clip_{kind}": HEADS[f"clip_{kind}"] for kind in kinds}))


def _without_text_model(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.replace("text_model.", ""): tensor for name, tensor in weights.items()}


@pytest.mark.parametrize(
    "weights",
    [
        hugging_face(L, "cond_stage_model.transformer."),
        hugging_face(L, "cond_stage_model."),
        _without_text_model(hugging_face(L, "cond_stage_model.transformer.")),
        hugging_face(L),
        _without_text_model(hugging_face(L)),
        hugging_face(L, "text_encoders.clip_l.transformer."),
        hugging_face(network("l", seed=1), "cond_stage_model.") | hugging_face(L, "cond_stage_model.transformer."),
        _without_text_model(hugging_face(network("l", seed=1), "cond_stage_model.transformer."))
        | hugging_face(L, "cond_stage_model.transformer."),
    ],
    ids=["LDM", "old", "older", "alone", "bare", "another program's", "merged", "merged of older ones"],
)
def test_an_encoder_is_found_under_all_its_names(weights: dict[str, Tensor]) -> None:
    (encoder,) = _found(weights, "l").encoders
    assert encoder.use == SD1_L
    own = hugging_face(L)
    assert all(torch.equal(tensor, own[name]) for name, tensor in encoder.model.state_dict().items())


@pytest.mark.parametrize(
    ("weights", "kinds", "uses"),
    [
        (openclip(H, "cond_stage_model.model."), "h", [SD2_H]),
        (openclip(H, "cond_stage_model.model."), "", [SD2_H]),
        (hugging_face(H, "cond_stage_model.transformer."), "h", [SD2_H]),
        (openclip(G, "conditioner.embedders.0.model."), "", [SDXL_G]),
        (openclip(G), "g", [SDXL_G]),
        (
            hugging_face(L, "conditioner.embedders.0.transformer.") | openclip(G, "conditioner.embedders.1.model."),
            "lg",
            [SDXL_L, SDXL_G],
        ),
        (
            hugging_face(L, "conditioner.embedders.0.transformer.")
            | hugging_face(G, "conditioner.embedders.1.transformer."),
            "",
            [SDXL_L, SDXL_G],
        ),
        (openclip(G, "a.") | hugging_face(L, "b."), "", [SDXL_L, SDXL_G]),
        (hugging_face(network("h", layers=24)), "", [SD2_H]),
        (hugging_face(network("g", layers=32)), "", [SDXL_G]),
    ],
    ids=["SD2", "SD2, unconfigured", "SD2 in Hugging Face's", "refiner", "G alone", "SDXL", "SDXL in Hugging Face's"]
    + ["SDXL in another order", "H by its depth", "G by its depth"],
)
def test_a_file_shows_which_encoders_it_has(weights: dict[str, Tensor], kinds: str, uses: list[object]) -> None:
    found = _found(weights, *kinds) if kinds else _unconfigured(weights)
    assert [encoder.use for encoder in found.encoders] == uses


def _unconfigured(weights: dict[str, Tensor]) -> TextEncoders:
    # Heads of 64 channels are the rule; this small encoder has one head then.
    return _found(weights)


def test_a_pair_keeps_each_encoder_with_its_weights() -> None:
    found = _found(
        openclip(G, "conditioner.embedders.1.model.") | hugging_face(L, "conditioner.embedders.0."), "l", "g"
    )
    first, second = found.encoders
    assert torch.equal(first.model.token_table, L.token_table)
    assert torch.equal(second.model.token_table, G.token_table)
    ((embedding, options),) = found.encode(PROMPT)
    assert embedding.shape == (1, 77, WIDTH * 2)
    assert options["pooled_output"].shape == (1, WIDTH)


def test_an_openclip_encoder_computes_what_openclip_computes() -> None:
    (encoder,) = _found(openclip(H, "cond_stage_model.model."), "h").encoders
    ids = torch.randint(0, END_TOKEN, (2, 77), generator=torch.Generator().manual_seed(1))
    ends = torch.tensor([5, 9])
    ids[torch.arange(2), ends] = END_TOKEN
    states, pooled = _openclip_forward(openclip(H), ids)
    output = encoder.model(encoder.model.embed(ids), ends, layer=-2, final_norm=False, project=True)
    torch.testing.assert_close(output.hidden, states[-2], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(output.pooled, pooled, rtol=1e-4, atol=1e-5)


def _openclip_forward(weights: dict[str, Tensor], ids: Tensor) -> tuple[list[Tensor], Tensor]:
    """The hidden states and the pooled output, written with torch's own attention, as OpenCLIP is."""
    weights = {name: tensor.float() for name, tensor in weights.items()}
    hidden = weights["token_embedding.weight"][ids] + weights["positional_embedding"]
    mask = torch.full((77, 77), float("-inf")).triu(1)
    states = [hidden]

    def normed(tensor: Tensor, name: str) -> Tensor:
        return nn.functional.layer_norm(tensor, (WIDTH,), weights[f"{name}.weight"], weights[f"{name}.bias"])

    for number in range(LAYERS):
        block = f"transformer.resblocks.{number}"
        attention = nn.MultiheadAttention(WIDTH, 2, batch_first=True).eval()
        attention.load_state_dict(
            {name: weights[f"{block}.attn.{name}"] for name in attention.state_dict()}, assign=True
        )
        query = normed(hidden, f"{block}.ln_1")
        hidden = hidden + attention(query, query, query, need_weights=False, attn_mask=mask)[0]
        inner = normed(hidden, f"{block}.ln_2") @ weights[f"{block}.mlp.c_fc.weight"].T
        inner = nn.functional.gelu(inner + weights[f"{block}.mlp.c_fc.bias"])
        hidden = hidden + inner @ weights[f"{block}.mlp.c_proj.weight"].T + weights[f"{block}.mlp.c_proj.bias"]
        states.append(hidden)
    last = normed(hidden, "ln_final")
    pooled = last[torch.arange(len(ids)), ids.argmax(dim=-1)] @ weights["text_projection"]
    return states, pooled


def test_an_h_without_its_last_layer_gives_the_same() -> None:
    whole = network("h", layers=24)
    shorter = {name: tensor for name, tensor in hugging_face(whole).items() if ".layers.23." not in name}
    for layer in (None, -2, -3, -24):
        ((expected, _),) = _found(hugging_face(whole), "h").encode(PROMPT, layer)
        ((found, _),) = _found(shorter, "h").encode(PROMPT, layer)
        assert torch.equal(found, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2])
@pytest.mark.parametrize("layout", [hugging_face, openclip])
def test_weights_of_every_dtype_are_held_in_half_precision(
    dtype: torch.dtype, layout: Callable[[ClipText, str], dict[str, Tensor]]
) -> None:
    weights = {name: tensor.to(dtype) for name, tensor in layout(G, "").items()}
    (encoder,) = _found(weights, "g").encoders
    held = encoder.model.state_dict()
    assert {tensor.dtype for tensor in held.values()} == {torch.float16}
    own = hugging_face(G)
    assert all(torch.equal(held[name], own[name].to(dtype).half()) for name in own)


@pytest.mark.parametrize(
    ("layout", "missing"),
    [
        (hugging_face, "text_model.encoder.layers.1.mlp.fc2.bias"),
        (hugging_face, "text_model.final_layer_norm.weight"),
        (openclip, "transformer.resblocks.0.ln_1.weight"),
        (openclip, "transformer.resblocks.2.attn.in_proj_bias"),
        (openclip, "positional_embedding"),
    ],
)
def test_an_encoder_that_is_not_whole_is_refused(
    layout: Callable[[ClipText, str], dict[str, Tensor]], missing: str
) -> None:
    weights = layout(H, "")
    del weights[missing]
    with pytest.raises(CheckpointError, match="is missing"):
        _found(weights, "h")


def test_three_encoders_are_of_no_known_family() -> None:
    weights = hugging_face(L, "a.") | openclip(G, "b.") | openclip(H, "c.")
    with pytest.raises(CheckpointError, match="text encoders \\(l, h, h\\) of no known family"):
        _found(weights, "l", "g", "h")


#: Of the published files: width, layers, inner width, projection.
PUBLISHED = {"l": (768, 12, 3072, None), "h": (1024, 24, 4096, 1024), "g": (1280, 32, 5120, 1280)}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_encoders_have_their_heads_and_their_activation(name: str) -> None:
    width, layers, inner_width, projection = PUBLISHED[name]
    with torch.device("meta"):
        whole = ClipText(ClipTextSpec(width, inner_width, width // 64, layers, projection_dim=projection))
        weights = hugging_face(whole) if name == "l" else openclip(whole)
        (encoder,) = text_encoders(encoder_parts(weights, {})).encoders
    assert encoder.use.name == name
    assert encoder.model.spec == ClipTextSpec(
        width, inner_width, width // 64, layers, "quick_gelu" if name == "l" else "gelu", projection
    )
