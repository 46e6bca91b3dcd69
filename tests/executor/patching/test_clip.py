"""CLIP: prompts as tokens and as conditioning."""

from __future__ import annotations

import torch

from services.executor.diffusion.checkpoints import load_checkpoint
from services.executor.diffusion.text_encoding import TextEncoders
from tests.executor.diffusion.golden import GOLDEN
from tests.executor.patching.conftest import Loaded

PROMPT = "a (red:1.3) cat, (sitting)"
WEIGHT = "clip_l.transformer.text_model.final_layer_norm.weight"


def encoder() -> TextEncoders:
    clip = load_checkpoint(GOLDEN / "models" / "checkpoints" / "sd15_small.safetensors").clip
    assert clip
    return clip


def test_tokens_have_weights_and_their_part_of_the_prompt(loaded: Loaded) -> None:
    (chunk,) = loaded.clip.tokenize(PROMPT)["l"]
    assert len(chunk) == 77
    assert [pair[1] for pair in chunk[:3]] == [1.0, 1.0, 1.3]
    (with_words,) = loaded.clip.tokenize(PROMPT, return_word_ids=True)["l"]
    assert [entry[:2] for entry in with_words] == chunk
    assert [entry[2] for entry in with_words[:4]] == [0, 1, 2, 3]
    assert [piece for _, piece in loaded.clip.tokenizer.untokenize(chunk)][1:4] == ["a</w>", "red</w>", "cat</w>"]


def test_tokens_are_encoded_as_the_prompt_is(loaded: Loaded) -> None:
    ((embedding, options),) = encoder().encode(PROMPT)
    clip = loaded.clip
    tokens = clip.tokenize(PROMPT, return_word_ids=True)
    ((scheduled, told),) = clip.encode_from_tokens_scheduled(tokens, add_dict={"mine": 1})
    assert torch.equal(scheduled, embedding)
    assert torch.equal(told["pooled_output"], options["pooled_output"])
    assert told["mine"] == 1
    assert torch.equal(clip.encode(PROMPT), embedding)
    assert torch.equal(clip.encode_from_tokens(tokens, return_pooled=True)[1], options["pooled_output"])
    assert torch.equal(clip.encode_from_tokens(tokens, return_dict=True)["cond"], embedding)
    assert torch.equal(clip.cond_stage_model.encode_token_weights(tokens)[0], embedding)


def test_a_clone_stops_at_a_layer_of_its_own(loaded: Loaded) -> None:
    clone = loaded.clip.clone()
    clone.clip_layer(-2)
    ((embedding, _),) = encoder().encode(PROMPT, layer=-2)
    assert torch.equal(clone.encode(PROMPT), embedding)
    assert not torch.equal(loaded.clip.encode(PROMPT), embedding)


def test_weights_are_changed_in_a_clone_alone(loaded: Loaded) -> None:
    clone = loaded.clip.clone()
    weight = clone.get_sd()[WEIGHT]
    assert clone.add_patches({WEIGHT: (torch.ones_like(weight),)}, 0.5) == [WEIGHT]
    before = loaded.clip.encode(PROMPT)
    assert not torch.equal(clone.encode(PROMPT), before)
    torch.testing.assert_close(clone.get_sd()[WEIGHT], weight.float() + 0.5)
    assert torch.equal(loaded.clip.encode(PROMPT), before)
    assert WEIGHT in clone.get_key_patches()
    assert clone.patcher.is_clone(loaded.clip.patcher)
