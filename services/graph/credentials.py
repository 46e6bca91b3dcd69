"""Credentials that come with a prompt: kept for its nodes, shown to nobody."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

_NAME = re.compile(r"auth_?token|api_?key|secret|password|credential", re.IGNORECASE)

#: What follows such a word in a text is a credential most likely.
_SAID = re.compile(
    r"(?P<word>\bbearer\s+(?=\S{12})|(?:token|api[_-]?key|secret|password|authorization)[\"']?\s*[=:]\s*[\"']?(?:bearer\s+)?)"
    r"[^\s\"',;&]+",
    re.IGNORECASE,
)

#: What stands in a credential's place.
CONCEALED = "[concealed]"

#: Characters below which a value is too common to be looked for in texts.
_SHORTEST = 6


def is_credential(name: str) -> bool:
    """Whether a member of `extra_data` of this name is a credential."""
    return _NAME.search(name) is not None


def credentials(extra_data_json: bytes) -> list[str]:
    """The credentials in `extra_data`, those that can be told from other texts."""
    extra_data = json.loads(extra_data_json)
    values = [value for name, value in extra_data.items() if is_credential(name)]
    return [value for value in values if isinstance(value, str) and len(value) >= _SHORTEST]


def concealed(text: str, known: Iterable[str]) -> str:
    """A text without the credentials that are known, and without what looks like one."""
    for credential in known:
        text = text.replace(credential, CONCEALED)
    return _SAID.sub(rf"\g<word>{CONCEALED}", text)
