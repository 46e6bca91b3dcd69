from __future__ import annotations

from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from services.executor.diffusion.prompt_tokens import (
    CHUNK_TOKENS,
    LONGEST_PROMPT,
    MOST_CHUNKS,
    Padding,
    Token,
    tokenize,
)
from services.executor.diffusion.prompt_weights import DEEPEST_NESTING, weighted_parts
from services.executor.diffusion.text_families import ZEROS
from tests.executor.diffusion.golden import GOLDEN, table

CASES = table("tokens")["prompts"]
IDS = [f"{index}-{case['prompt'][:20]!r}" for index, case in enumerate(CASES)]


#: By family and encoder: how chunks are filled up, and where its embedding lies.
ENCODERS = {
    ("sd1", "l"): (Padding(), "embeddings", "emb_params"),
    ("sd2", "h"): (ZEROS, None, ""),
    ("sdxl", "l"): (Padding(), "embeddings_sdxl", "clip_l"),
    ("sdxl", "g"): (ZEROS, "embeddings_sdxl", "clip_g"),
}


def _tokenized(prompt: str, family: str, encoder: str) -> list[list[Token]]:
    padding, folder, key = ENCODERS[family, encoder]

    def find_embedding(name: str) -> Tensor | None:
        if name.removesuffix(".safetensors") != "goldtest":
            return None
        return load_file(GOLDEN / str(folder) / "goldtest.safetensors")[key]

    # With no folder of embeddings ComfyUI takes their names for words.
    return tokenize(prompt, padding, find_embedding if folder else None)


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


@pytest.mark.parametrize(("family", "encoder"), ENCODERS)
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_chunks_are_as_recorded(case: dict[str, Any], family: str, encoder: str) -> None:
    chunks = _tokenized(case["prompt"], family, encoder)
    recorded = [_recorded(chunk) for chunk in case[family][encoder]]
    assert len(chunks) == len(recorded)
    for chunk, expected in zip(chunks, recorded, strict=True):
        for token, (value, weight, part) in zip(chunk, expected, strict=True):
            if not isinstance(value, int):
                value = ["emb", *(pytest.approx(number, abs=1e-5) for number in value[1:])]
            assert _written(token) == [value, pytest.approx(weight), part]


def test_an_unknown_embedding_is_ignored_and_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    tokens = tokenize("embedding:nosuch, cat", find_embedding=lambda name: None)
    assert "'nosuch'" in caplog.text
    assert [token.value for token in tokens[0]] == [token.value for token in tokenize(", cat")[0]]


def test_a_chunk_is_as_long_as_the_window_of_the_encoder() -> None:
    for words in (0, 1, 74, 75, 76, 150, 151):
        chunks = tokenize("cat " * words)
        assert {len(chunk) for chunk in chunks} == {CHUNK_TOKENS}
        assert len(chunks) == max(1, -(-words // 75))


def test_a_file_is_read_once_however_often_a_prompt_names_it() -> None:
    read = []

    def find_embedding(name: str) -> Tensor:
        read.append(name)
        return torch.ones(3, 8)

    tokens = [token for chunk in tokenize("embedding:a " * 2000, find_embedding=find_embedding) for token in chunk]
    assert sum(isinstance(token.value, Tensor) for token in tokens) == 6000
    assert read == ["a"]


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("cat " * (2 << 20), "^text: the prompt has 8388608 characters, at most 262144"),
        ("(" * 1000 + "cat" + ")" * 1000, "^text: the prompt nests parentheses more than 255 deep"),
        ("embedding:a " * 1000, "^text: the prompt has more than 4096 chunks"),
    ],
    ids=["8 MB", "nested", "vectors"],
)
def test_prompts_that_no_model_can_read_are_refused(prompt: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tokenize(prompt, find_embedding=lambda name: torch.ones(MOST_CHUNKS, 8))


def test_the_longest_prompt_and_the_deepest_nesting_are_read() -> None:
    assert len(tokenize("1" * LONGEST_PROMPT)) == -(-LONGEST_PROMPT // 75)
    deepest = "(" * DEEPEST_NESTING + "cat" + ")" * DEEPEST_NESTING
    assert tokenize(deepest)[0][1].weight == pytest.approx(1.1**DEEPEST_NESTING)


@pytest.mark.parametrize("prompt", ["", " ", "\n\t \n", "\0\0", "()", "(((", ")))", "(:1.2)", "\u200b", "\ud800"])
def test_prompts_without_a_word_have_one_chunk(prompt: str) -> None:
    assert len(tokenize(prompt)) == 1


@pytest.mark.parametrize("opened", range(4))
@pytest.mark.parametrize("closed", range(4))
def test_parentheses_that_do_not_match_lose_no_word(opened: int, closed: int) -> None:
    prompt = "red " + "(" * opened + "cat:1.3" + ")" * closed + " (dog) end"
    texts = [text for text, _ in weighted_parts(prompt)]
    for word in ("red", "cat", "dog", "end"):
        assert word in "".join(texts)
