"""Lines of the log, for people and for programs."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from services.errors import InvalidArgument
from services.logs import FORMAT_VARIABLE, LEVEL_VARIABLE, about, configure_logging

log = logging.getLogger("services.test")


@pytest.fixture(autouse=True)
def _root_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)


def test_people_read_what_a_line_is_about_at_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("queue")
    log.info("begun", extra=about(prompt_id="p", attempt=2, executor="", user=None))
    log.info("plain")
    begun, plain = capsys.readouterr().err.splitlines()
    assert begun.endswith(" INFO    services.test: begun prompt_id=p attempt=2")
    assert plain.endswith(" INFO    services.test: plain")


def test_programs_read_one_object_per_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FORMAT_VARIABLE, "json")
    configure_logging("queue")
    log.warning("waits\nagain %s", "€", extra=about(prompt_id="p", attempt=1, path=json))
    try:
        raise ValueError("inside")
    except ValueError:
        log.exception("failed")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert first.pop("time").endswith("Z")
    assert first.pop("path").startswith("<module")
    assert first == {
        "level": "warning",
        "service": "queue",
        "logger": "services.test",
        "message": "waits\nagain €",
        "prompt_id": "p",
        "attempt": 1,
    }
    assert "ValueError: inside" in second["exception"]


def test_the_level_is_that_of_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LEVEL_VARIABLE, "warning")
    configure_logging()
    log.info("no")
    log.warning("yes")
    assert [line.split(": ")[1] for line in capsys.readouterr().err.splitlines()] == ["yes"]


@pytest.mark.parametrize(("variable", "value"), [(FORMAT_VARIABLE, "xml"), (LEVEL_VARIABLE, "loud")])
def test_what_is_no_level_or_format_is_refused(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidArgument, match=f"(?i){variable} is .* not '{value}'"):
        configure_logging()
