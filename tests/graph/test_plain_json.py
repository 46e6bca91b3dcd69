from __future__ import annotations

import json
from pathlib import PurePosixPath

from services.graph.plain_json import dump


def test_what_is_not_finite_becomes_null() -> None:
    assert json.loads(dump({"a": [float("nan"), 1.5, (float("-inf"),)]})) == {"a": [None, 1.5, [None]]}


def test_what_is_no_json_becomes_its_text() -> None:
    assert json.loads(dump({"a": PurePosixPath("x/y"), "b": [float("nan"), PurePosixPath("z")]})) == {
        "a": "x/y",
        "b": [None, "z"],
    }


def test_order_and_big_integers_survive_and_text_is_ascii() -> None:
    assert dump({"b": 2**70, "a": "\u00e9"}) == b'{"b": 1180591620717411303424, "a": "\\u00e9"}'


def test_lone_surrogates_are_replaced_and_pairs_and_backslashes_are_not() -> None:
    text = "\ud800 \udc00x \U0001f600 \\ud800 \ud83d\ud83d\ude00"

    assert json.loads(dump(text)) == "\ufffd \ufffdx \U0001f600 \\ud800 \ufffd\U0001f600"
