"""Settings from flags and variables."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from services.errors import InvalidArgument
from services.settings import REQUIRED, add_flags, from_flags, setting, settings, to_flags


@settings
class Example:
    port: int = setting(default=8188, help="where to listen")
    verbose: bool = setting(default=False, help="say more")
    models: tuple[Path, ...] = setting(default=(Path("models"),), help="where models are")
    name: str | None = setting(default=None, help="what to be called")


def parsed(arguments: list[str], environment: dict[str, str] | None = None) -> Example:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_flags(parser, Example, environment or {})
    return from_flags(Example, parser.parse_args(arguments))


def test_defaults_hold_without_flags_and_variables() -> None:
    assert parsed([]) == Example()


def test_a_variable_replaces_a_default_and_a_flag_replaces_both() -> None:
    environment = {"SILVERPRINT_PORT": "9000", "SILVERPRINT_VERBOSE": "yes"}
    assert parsed([], environment) == Example(port=9000, verbose=True)
    assert parsed(["--port", "9001", "--no-verbose"], environment) == Example(port=9001, verbose=False)


def test_a_repeated_flag_replaces_the_default_as_a_whole() -> None:
    assert parsed(["--models", "a", "--models", "b"]).models == (Path("a"), Path("b"))
    assert parsed([], {"SILVERPRINT_MODELS": "a:b"}).models == (Path("a"), Path("b"))


def test_settings_survive_the_command_line() -> None:
    wanted = Example(port=1, verbose=True, models=(Path("x"), Path("y")), name="n")
    assert parsed(to_flags(wanted)) == wanted


@pytest.mark.parametrize(("variable", "text"), [("SILVERPRINT_PORT", "many"), ("SILVERPRINT_VERBOSE", "perhaps")])
def test_a_bad_variable_is_named(variable: str, text: str) -> None:
    with pytest.raises(InvalidArgument, match=f"{variable}='{text}'"):
        parsed([], {variable: text})


def test_a_required_setting_is_a_positional_argument() -> None:
    @settings
    class Needy:
        workflow: Path = setting(default=REQUIRED, help="the workflow")

    parser = argparse.ArgumentParser()
    add_flags(parser, Needy, {})
    assert from_flags(Needy, parser.parse_args(["w.json"])).workflow == Path("w.json")
