"""Prompts that are long or odd, as text encoders take them."""

from __future__ import annotations

import pytest
import torch

from services.executor.diffusion.text_encoding import CHUNKS_AT_ONCE, TextEncoders
from tests.executor.diffusion.text_models import WIDTH, encoders

ENCODERS = encoders("l")


def embedding(prompt: str, of: TextEncoders = ENCODERS) -> torch.Tensor:
    made: torch.Tensor = of.encode(prompt)[0][0]
    return made


@pytest.mark.parametrize("weighted", ["cat", "(cat:1.5)"])
def test_a_prompt_of_many_chunks_is_encoded_chunk_by_chunk(weighted: str) -> None:
    chunks = CHUNKS_AT_ONCE * 2 + 1
    long = embedding(f"{weighted} " + "dog " * (75 * chunks - 1))
    assert long.shape == (1, 77 * chunks, WIDTH)
    torch.testing.assert_close(long[:, :77], embedding(f"{weighted} " + "dog " * 74), rtol=0, atol=1e-5)
    torch.testing.assert_close(long[:, -77:], embedding("dog " * 75), rtol=0, atol=1e-5)


@pytest.mark.parametrize("weight", ["nan", "inf", "-inf", "1e40", "1e999"])
def test_a_weight_that_leaves_no_number_is_refused(weight: str) -> None:
    with pytest.raises(ValueError, match="^text: its embedding is not finite"):
        embedding(f"a (cat:{weight})")


@pytest.mark.parametrize("weight", ["0", "-1.5", "1e5", "1_0"])
def test_other_weights_are_taken_as_they_are(weight: str) -> None:
    plain, empty, weighted = embedding("cat"), embedding(""), embedding(f"(cat:{weight})")
    expected = empty[:, 1] + (plain[:, 1] - empty[:, 1]) * float(weight)
    torch.testing.assert_close(weighted[:, 1], expected, rtol=1e-4, atol=1e-5)


def test_an_embedding_that_holds_no_numbers_is_refused() -> None:
    with pytest.raises(ValueError, match="a textual inversion is broken"):
        ENCODERS.encode("embedding:a", find_embedding=lambda name: torch.full((1, WIDTH), float("nan")))
