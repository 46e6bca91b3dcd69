from __future__ import annotations

import pytest

from services.executor.diffusion.tokenizer import END_TOKEN, START_TOKEN, clip_bpe


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", []),
        ("a photo of a cat", [320, 1125, 539, 320, 2368]),
        ("A  PHOTO\tof a\ncat", [320, 1125, 539, 320, 2368]),
        ("<|endoftext|> cat<|startoftext|>", [END_TOKEN, 2368, START_TOKEN]),
        ("ca\u0000t\u200b", [2368]),
        ("cafe\u0301", clip_bpe().encode("café")),
    ],
)
def test_text_becomes_the_tokens_of_clip(text: str, ids: list[int]) -> None:
    assert clip_bpe().encode(text) == ids


def test_digits_are_single_tokens() -> None:
    assert clip_bpe().encode("512") == [token for digit in "512" for token in clip_bpe().encode(digit)]


def test_contractions_are_split_off_their_word() -> None:
    assert clip_bpe().encode("cat's") == clip_bpe().encode("cat 's")


def test_any_character_has_tokens() -> None:
    text = "".join(chr(code) for code in range(0x20, 0x3000, 7) if not 0xD800 <= code < 0xE000)
    assert all(0 <= token < START_TOKEN for token in clip_bpe().encode(text))


def test_half_a_surrogate_pair_is_no_error() -> None:
    assert clip_bpe().encode("cat \ud83d") == clip_bpe().encode("cat")
