"""The command line's own behaviour: help, versions, mistakes."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from services.command.line import SUBCOMMANDS, USAGE_ERROR, main


def test_no_command_shows_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == USAGE_ERROR
    shown = capsys.readouterr().out
    assert all(sub.name in shown for sub in SUBCOMMANDS)


@pytest.mark.parametrize("name", [sub.name for sub in SUBCOMMANDS])
def test_every_command_explains_its_flags(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main([*name.split(), "--help"])
    assert exit.value.code == 0
    shown = capsys.readouterr().out
    assert "SILVERPRINT_" in shown or "--" not in shown.replace("--help", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["up", "--colour", "red"], "silverprint up: there is no flag --colour\nTry silverprint up --help\n"),
        (["up", "--prot=80"], "silverprint up: there is no flag --prot; did you mean --port or --host?\n"),
        (["queue", "extra"], "silverprint queue: 'extra' is too much\n"),
        (["keys", "create", "ann", "--admn"], "silverprint keys create: there is no flag --admn; did you mean --admin"),
    ],
)
def test_an_unknown_flag_is_a_usage_error(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main(arguments)
    assert exit.value.code == USAGE_ERROR
    assert capsys.readouterr().err.startswith(said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["quue"], "there is no command 'quue'; did you mean queue?"),
        (["keys"], "there is no command 'keys': there are keys create, keys list, keys revoke"),
        (["keys", "crate"], "there is no command 'keys crate': there are keys create"),
        (["zzz"], "there is no command 'zzz'\n"),
    ],
)
def test_an_unknown_command_is_a_usage_error(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == USAGE_ERROR
    assert capsys.readouterr().err.startswith(f"silverprint: {said}")


def test_flags_of_all_services_come_after_those_of_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["queue", "--help"])
    shown = capsys.readouterr().out
    usage, *_ = shown.splitlines()
    assert usage == "usage: silverprint queue [FLAG]..."
    assert 0 < shown.index("--lease-seconds") < shown.index("How services know each other") < shown.index("--tls-ca")
    assert "Exit codes:" in shown
    assert "None" not in shown
    assert max(map(len, shown.splitlines())) <= 110


def silverprint(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "services", *arguments], capture_output=True, text=True, timeout=30)


def folders(tmp_path: Path) -> list[str]:
    return [f"--{name}={tmp_path / name}" for name in ("data", "models", "custom-nodes")]


def test_a_taken_port_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = silverprint("up", *folders(tmp_path), "--port", str(port))
    assert ended.returncode == USAGE_ERROR
    assert ended.stderr == f"silverprint up: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_a_folder_that_is_none_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    ended = silverprint("up", *folders(tmp_path), "--port", "0")
    assert ended.returncode == USAGE_ERROR
    assert ended.stderr.count("\n") == 1
    assert f"the folder {tmp_path / 'data'} cannot be used" in ended.stderr


@pytest.mark.parametrize("service", ["queue", "files"])
def test_a_service_on_a_taken_port_is_one_line_and_exit_code_2(service: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = silverprint(service, "--listen", address, "--data", str(tmp_path))
    assert ended.returncode == USAGE_ERROR
    last = ended.stderr.splitlines()[-1]
    assert last == f"silverprint {service}: cannot listen on {address}: the address is taken or not ours"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "cannot be read"),
        ("{", "is not JSON"),
        ("[]", "is not a workflow"),
        ('{"nodes": [], "links": []}', "is a canvas document"),
    ],
)
def test_run_says_what_is_wrong_with_a_workflow(content: str | None, complaint: str, tmp_path: Path) -> None:
    workflow = tmp_path / "workflow.json"
    if content is not None:
        workflow.write_text(content)
    ended = silverprint("run", str(workflow))
    assert ended.returncode == USAGE_ERROR
    assert complaint in ended.stderr
    assert "Traceback" not in ended.stderr


def test_run_says_when_nobody_answers(tmp_path: Path) -> None:
    workflow = tmp_path / "workflow.json"
    workflow.write_text("{}")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    ended = silverprint("run", str(workflow), "--server", f"http://127.0.0.1:{port}")
    assert ended.returncode == USAGE_ERROR
    assert f"no ComfyUI server answers at http://127.0.0.1:{port}" in ended.stderr


@pytest.mark.parametrize("change", ["6.text", "text=x", "7.text=x", "6.words=x"])
def test_a_change_that_fits_nothing_is_named(change: str, tmp_path: Path) -> None:
    workflow = tmp_path / "workflow.json"
    workflow.write_text('{"6": {"class_type": "CLIPTextEncode", "inputs": {"text": ""}}}')
    ended = silverprint("run", str(workflow), "--set", change)
    assert ended.returncode == USAGE_ERROR
    assert repr(change) in ended.stderr


def test_exporting_from_a_queue_that_is_not_there_is_one_line_and_exit_code_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    ended = silverprint("export", "some-prompt", "--queue", f"127.0.0.1:{port}")
    assert ended.returncode == USAGE_ERROR
    assert ended.stderr.startswith("silverprint export: ") and ended.stderr.count("\n") == 1
