"""Phrases in boxes, from the nodes to the picture."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from safetensors.torch import save, save_file
from torch import Tensor

from services.executor.diffusion.checkpoints import CheckpointError
from services.executor.diffusion.conditioning import Conditioning
from services.executor.nodes.gligen import GLIGENLoader, GLIGENTextBoxApply
from tests.executor.diffusion.control.gligens import gligen_weights
from tests.executor.nodes.control.conftest import Bench, advanced, close


def gligen_of(bench: Bench, weights: dict[str, Tensor] | None = None) -> Any:
    folder = bench.folder.parent / "gligen"
    folder.mkdir(exist_ok=True)
    save_file(gligen_weights() if weights is None else weights, folder / "made.safetensors")
    return GLIGENLoader().load_gligen("made.safetensors")[0]


def boxed(bench: Bench, given: Conditioning, gligen: Any, text: str = "a dog", x: int = 0) -> Conditioning:
    node = GLIGENTextBoxApply()
    return node.append(given, bench.loaded.clip, gligen, text, width=64, height=48, x=x, y=16)[0]


def test_a_phrase_in_a_box_changes_the_picture_and_where_it_is_and_what_it_says_do(bench: Bench) -> None:
    positive, negative = bench.prompts()
    gligen = gligen_of(bench)
    found = [
        bench.sampled(positive, negative),
        bench.sampled(boxed(bench, positive, gligen), negative),
        bench.sampled(boxed(bench, positive, gligen, x=64), negative),
        bench.sampled(boxed(bench, positive, gligen, "a house"), negative),
        bench.sampled(boxed(bench, boxed(bench, positive, gligen), gligen, "a house", x=64), negative),
    ]
    for number, latent in enumerate(found):
        assert not any(close(latent, other) for other in found[:number])


def test_gates_that_let_nothing_through_leave_the_picture_as_it_is(bench: Bench) -> None:
    positive, negative = bench.prompts()
    closed = gligen_of(bench, gligen_weights(gate=0.0))
    assert torch.equal(bench.sampled(boxed(bench, positive, closed), negative), bench.sampled(positive, negative))


def test_boxes_are_kept_in_cells_after_those_that_there_are(bench: Bench) -> None:
    gligen = gligen_of(bench)
    once = boxed(bench, bench.prompts()[0], gligen)
    kind, model, boxes = boxed(bench, once, gligen, "a house", x=64)[0][1]["gligen"]
    assert (kind, model) == ("position", gligen)
    assert [box[1:] for box in boxes] == [(6, 8, 2, 0), (6, 8, 2, 8)]
    assert len(once[0][1]["gligen"][2]) == 1


def test_boxes_apply_to_the_negative_conditioning_as_well_in_one_batch(bench: Bench) -> None:
    positive, negative = bench.prompts()
    gligen = gligen_of(bench)
    placed = boxed(bench, positive, gligen)
    both = [[embedding, {**options, "gligen": placed[0][1]["gligen"]}] for embedding, options in negative]
    batches: list[list[int]] = []

    def note(hidden: Tensor, options: dict[str, Any]) -> Tensor:
        batches.append(options["cond_or_uncond"])
        return hidden

    model = bench.loaded.model.clone()
    model.set_model_patch(note, "middle_patch")
    noting = Bench(type(bench.loaded)(model, bench.loaded.clip, bench.loaded.vae), bench.folder)
    assert torch.equal(noting.sampled(placed, negative), bench.sampled(placed, both))
    assert all(batch == [1, 0] for batch in batches)


def test_boxes_and_controls_go_together(bench: Bench) -> None:
    positive, negative = bench.prompts()
    steered = advanced(boxed(bench, positive, gligen_of(bench)), negative, bench.control_net())
    assert not close(bench.sampled(*steered), bench.steered(bench.control_net()))


def test_one_for_another_family_is_said_to_be_one(bench: Bench) -> None:
    with pytest.raises(ValueError, match="gligen_textbox_model: it is made for another family of models"):
        bench.sampled(
            boxed(bench, bench.prompts()[0], gligen_of(bench, gligen_weights("sdxl_small"))), bench.prompts()[1]
        )


def test_a_kind_of_places_that_is_not_known_is_named(bench: Bench) -> None:
    positive, negative = bench.prompts()
    given = [[embedding, {**options, "gligen": ("shape", gligen_of(bench), [])}] for embedding, options in positive]
    with pytest.raises(ValueError, match="gligen: 'shape' is no kind"):
        bench.sampled(given, negative)


def test_more_boxes_than_it_takes_are_refused(bench: Bench) -> None:
    gligen, placed = gligen_of(bench), bench.prompts()[0]
    for _ in range(30):
        placed = boxed(bench, placed, gligen)
    with pytest.raises(ValueError, match="conditioning_to: it has 30 boxes"):
        boxed(bench, placed, gligen)


def test_what_is_missing_is_named(bench: Bench) -> None:
    positive, gligen = bench.prompts()[0], gligen_of(bench)
    box: dict[str, Any] = {"text": "a dog", "width": 64, "height": 64, "x": 0, "y": 0}
    with pytest.raises(ValueError, match="^clip: there is none"):
        GLIGENTextBoxApply().append(positive, None, gligen, **box)
    with pytest.raises(ValueError, match="^gligen_textbox_model: there is none"):
        GLIGENTextBoxApply().append(positive, bench.loaded.clip, None, **box)


def test_phrases_of_another_text_encoder_are_refused(bench: Bench) -> None:
    wide = gligen_weights()
    wide["position_net.null_positive_feature"] = torch.zeros(30)
    wide["position_net.linears.0.weight"] = torch.zeros(20, 54)
    with pytest.raises(ValueError, match="clip: this GLIGEN takes phrases of width 30, .* of width 24"):
        boxed(bench, bench.prompts()[0], gligen_of(bench, wide))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!DOCTYPE html><html><body>404 Not Found</body></html>", "is a web page"),
        (save(gligen_weights())[:-8], "is truncated"),
        (save({"lora_unet_x.alpha": torch.ones(1)}), "this is no GLIGEN; .*lora_unet_x"),
    ],
    ids=["a page", "cut short", "a LoRA"],
)
def test_a_file_that_is_none_is_named(bench: Bench, content: bytes, message: str) -> None:
    gligen_of(bench)
    (bench.folder.parent / "gligen" / "bad.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match=rf"bad\.safetensors.*{message}"):
        GLIGENLoader().load_gligen("bad.safetensors")
