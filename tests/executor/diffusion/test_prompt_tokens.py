from __future__ import annotations

from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from services.executor.diffusion.prompt_tokens import CHUNK_TOKENS, Token, tokenize
from services.executor.diffusion.prompt_weights import weighted_parts
from tests.executor.diffusion.golden import GOLDEN, table

CASES = table("tokens")["prompts"]
IDS = [f"{index}-{case['prompt'][:20]!r}" for index, case in enumerate(CASES)]


def _find_embedding(name: str) -> Tensor | None:
    if name.removesuffix(".safetensors") != "goldtest":
        return None
    return load_file(GOLDEN / "embeddings" / "goldtest.safetensors")["emb_params"]


def _recorded(chunk: dict[str, Any]) -> list[list[Any]]:
    items: list[list[Any]] = chunk["items"]
    return items + [items[-1]] * chunk["tail_repeat"]


def _written(token: Token) -> list[Any]:
    if isinstance(token.value, Tensor):
        numbers = torch.stack([token.value[0], token.value.sum()])
        return [["emb", *numbers.tolist()], token.weight, token.part]
    return [token.value, token.weight, token.part]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_parts_of_a_prompt_have_the_recorded_weights(case: dict[str, Any]) -> None:
    recorded = [
        [text.replace("\0\1", ")").replace("\0\2", "("), pytest.approx(weight)]
        for text, weight in case["token_weights"]
    ]
    assert [list(part) for part in weighted_parts(case["prompt"])] == recorded


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_chunks_are_as_recorded(case: dict[str, Any]) -> None:
    chunks = tokenize(case["prompt"], find_embedding=_find_embedding)
    recorded = [_recorded(chunk) for chunk in case["sd1"]["l"]]
    assert len(chunks) == len(recorded)
    for chunk, expected in zip(chunks, recorded, strict=True):
        for token, (value, weight, part) in zip(chunk, expected, strict=True):
            if not isinstance(value, int):
                value = ["emb", *(pytest.approx(number, abs=1e-5) for number in value[1:])]
            assert _written(token) == [value, pytest.approx(weight), part]


def test_an_unknown_embedding_is_ignored_and_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    tokens = tokenize("embedding:nosuch, cat")
    assert "'nosuch'" in caplog.text
    assert [token.value for token in tokens[0]] == [token.value for token in tokenize(", cat")[0]]


def test_a_chunk_is_as_long_as_the_window_of_the_encoder() -> None:
    for words in (0, 1, 74, 75, 76, 150, 151):
        chunks = tokenize("cat " * words)
        assert {len(chunk) for chunk in chunks} == {CHUNK_TOKENS}
        assert len(chunks) == max(1, -(-words // 75))
