"""What ComfyUI was recorded to say, and what of it can be compared with what we say.

`recorded/submissions.json` holds every kind of `POST /prompt`, `recorded/sessions/` what clients asked and were told
over their sockets. An *outcome* is what came of either: answers, entries of the history, and frames by client.
"""

from __future__ import annotations

import base64
import io
import json
import re
import struct
from pathlib import Path
from typing import Any

from PIL import Image

RECORDED = Path(__file__).parent / "recorded"

#: A text frame decoded, or the bytes of a binary one.
Frame = dict[str, Any] | bytes

Outcome = dict[str, Any]

SESSIONS = sorted(path.stem for path in (RECORDED / "sessions").iterdir())

_NUMBERED = re.compile(r"(?P<name>(?P<temporary>ComfyUI_temp_)?.*?)_(?P<number>\d{5})_\.png")
_MADE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LOGGED_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}")
_SECONDS = re.compile(r"in \d+\.\d\d seconds")
_SOME_CLIENT = re.compile(r"[0-9a-f]{32}")

#: Lists in no particular order: ComfyUI makes them from sets.
_UNORDERED = ("nodes", "executed", "current_outputs", "errors", "dependent_outputs")


def submissions() -> list[dict[str, Any]]:
    """Submissions in the order in which they were made, each with its answer, and its entry of the history."""
    cases: list[dict[str, Any]] = json.loads((RECORDED / "submissions.json").read_bytes())["items"]
    return cases


def jobs() -> list[dict[str, Any]]:
    """Requests to `/jobs` with their answers, while five prompts were finished, running and waiting."""
    cases: list[dict[str, Any]] = json.loads((RECORDED / "jobs.json").read_bytes())["items"]
    return cases


def job_outcome(case: dict[str, Any]) -> Outcome:
    """What was answered about jobs."""
    return {"status": case["status"], "body": case.get("body", case.get("text"))}


def session(name: str) -> dict[str, Any]:
    """A session: `requests` with their answers, `clients` with their ids, flags and frames, and the `history`."""
    recorded: dict[str, Any] = json.loads((RECORDED / "sessions" / f"{name}.json").read_bytes())
    for client in recorded["clients"].values():
        client["frames"] = [base64.b64decode(it) if isinstance(it, str) else it for it in client["frames"]]
    return recorded


def body_of(case: dict[str, Any]) -> bytes:
    """The body of a recorded request, as it was sent."""
    if "hex" in case:
        return bytes.fromhex(case["hex"])
    return json.dumps(case["body"]).encode() if "body" in case else case.get("text", "").encode()


def submission_outcome(case: dict[str, Any]) -> Outcome:
    """What came of a submission."""
    return {"status": case["status"], "answer": case.get("answer"), "entry": case.get("entry"), "sent": sent(case)}


def sent(case: dict[str, Any]) -> Any:
    """The workflow in a recorded request, if there is one."""
    try:
        body = json.loads(body_of(case))
    except ValueError:
        return None
    return body.get("prompt") if isinstance(body, dict) else None


def session_outcome(recorded: dict[str, Any]) -> Outcome:
    """What came of a session."""
    return {
        "answers": [{"status": asked["status"], "body": asked.get("answer")} for asked in recorded["requests"]],
        "frames": {name: client["frames"] for name, client in recorded["clients"].items()},
        "history": recorded["history"],
    }


def comparable(outcome: Outcome) -> Outcome:
    """An outcome without what differs between two runs of one server.

    Ids, times, tracebacks, random letters and the numbers of files and prompts are replaced by the order in which they
    appear, pictures by their format and size; what has no order is sorted.
    """
    found: Outcome = _Comparable(outcome).of(outcome)
    return found


def written(outcome: Outcome) -> str:
    """An outcome as JSON, in which 1 is not 1.0: clients in typed languages tell them apart."""
    return json.dumps(outcome, sort_keys=True)


class _Comparable:
    """Replaces what cannot be equal, the same thing by the same thing throughout."""

    def __init__(self, outcome: Outcome) -> None:
        answers = [answer["body"] for answer in outcome.get("answers", ())] or [outcome.get("answer")]
        accepted = [answer for answer in answers if isinstance(answer, dict) and "prompt_id" in answer]
        made = (answer["prompt_id"] for answer in accepted if _MADE.fullmatch(answer["prompt_id"]))
        self._ids = {id_: f"prompt {n}" for n, id_ in enumerate(dict.fromkeys(made))}
        self._numbers = _places(accepted)
        self._names: dict[str, tuple[str, int]] = {}

    def of(self, value: Any, key: str = "") -> Any:
        """`value`, which is called `key` where it was found."""
        match value:
            case bytes():
                return self.of(described(value))
            case {"prompt_id": str(id_), "number": int() | float()} if id_ in self._numbers:
                return self.of({**value, "number": self._numbers[id_]})
            case dict():
                return {name: self.of(it, name) for name, it in value.items()}
            case list() if key == "traceback":
                assert all(isinstance(line, str) for line in value)
                return []
            case list():
                items = [self.of(it) for it in self._item(value)]
                return sorted(items, key=repr) if key in _UNORDERED else items
            case str():
                return self._text(value, key)
            case int() | float() if key == "timestamp":
                assert value > 10**12, "milliseconds since 1970"
                return 0
        return value

    def _item(self, value: list[Any]) -> list[Any]:
        """An item of the queue or the history has its number first and its outputs last; others are left alone."""
        if len(value) == 5 and isinstance(value[2], dict) and value[1] in self._numbers:
            return [self._numbers[value[1]], *value[1:4], sorted(value[4])]
        return value

    def _text(self, text: str, key: str) -> str:
        if text in self._ids:
            return self._ids[text]
        if key == "sid" and _SOME_CLIENT.fullmatch(text):
            return "made by the server"
        if key == "t" and _LOGGED_AT.fullmatch(text):
            return "some time"
        if key == "m":
            return _SECONDS.sub("in a moment", text)
        if key == "details":
            return "\n".join(sorted(text.split("\n")))
        if text.startswith("tensor"):
            return "tensor"
        numbered = _NUMBERED.fullmatch(text)
        return self._file(numbered) if numbered else text

    def _file(self, name: re.Match[str]) -> str:
        number = int(name["number"])
        replacement = f"temporary {len(self._names)}" if name["temporary"] else name["name"]
        shown, first = self._names.setdefault(name["name"], (replacement, number))
        return f"{shown}, {number - first} after the first"


def _places(accepted: list[dict[str, Any]]) -> dict[str, str]:
    """Each prompt's number: a counted one, which is an integer, from the first one on."""
    first = next((abs(answer["number"]) for answer in accepted if isinstance(answer["number"], int)), 0)
    places = {}
    for answer in accepted:
        number = answer["number"]
        counted = f"{'-' if number < 0 else ''}{abs(number) - first} after the first"
        places[answer["prompt_id"]] = counted if isinstance(number, int) else f"{number} as asked for"
    return places


def described(frame: bytes) -> dict[str, Any]:
    """What a binary frame says of itself, and the format and size of its picture."""
    kind, second = struct.unpack(">II", frame[:8])
    if kind == 3:
        return {"event": kind, "node_id": frame[8 : 8 + second].decode(), "text": frame[8 + second :].decode()}
    if kind == 4:
        metadata = json.loads(frame[8 : 8 + second])
        return {"event": kind, "metadata": metadata, "picture": _picture(frame[8 + second :])}
    return {"event": kind, "format": second, "picture": _picture(frame[8:])}


def _picture(content: bytes) -> dict[str, Any]:
    with Image.open(io.BytesIO(content)) as picture:
        return {"format": picture.format, "size": picture.size, "mode": picture.mode}
