"""What is kept of a submitter's credentials."""

from __future__ import annotations

import pytest

from services.graph.credentials import concealed, credentials, is_credential


@pytest.mark.parametrize("name", ["auth_token_comfy_org", "api_key_comfy_org", "apiKey", "CLIENT_SECRET", "password"])
def test_credentials_are_known_by_their_names(name: str) -> None:
    assert is_credential(name)


@pytest.mark.parametrize("name", ["client_id", "extra_pnginfo", "preview_method", "tokens", "keyboard"])
def test_other_names_are_not_taken_for_credentials(name: str) -> None:
    assert not is_credential(name)


def test_values_that_could_be_any_text_are_not_looked_for() -> None:
    assert credentials(b'{"api_key": "abc", "apiKey": "sk-123456", "password": 5, "other": "sk-999999"}') == [
        "sk-123456"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("calling with sk-123456 now", "calling with [concealed] now"),
        ("as bearer abcdef0123456789,", "as bearer [concealed],"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer [concealed]"),
        ("GET /x?token=abc&a=1", "GET /x?token=[concealed]&a=1"),
        ("{'api_key': 'abc', 'a': 1}", "{'api_key': '[concealed]', 'a': 1}"),
        ("API-KEY=abc", "API-KEY=[concealed]"),
        ("77 tokens: a cat", "77 tokens: a cat"),
        ("the bearer of news", "the bearer of news"),
    ],
)
def test_texts_lose_what_is_or_looks_like_a_credential(text: str, expected: str) -> None:
    assert concealed(text, ["sk-123456"]) == expected
