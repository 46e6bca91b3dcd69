"""Completion, asked for in a real shell."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from services.command.completion import SHELLS, Settings, main
from services.errors import InvalidArgument

#: What bash does when somebody presses Tab after the words.
TAB = """
source {script}
COMP_WORDS=({words})
COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
COMPREPLY=()
_shtab_silverprint silverprint "${{COMP_WORDS[$COMP_CWORD]}}"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("completion") / "silverprint.bash"
    command = [sys.executable, "-m", "services", "completion", "bash"]
    path.write_text(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout)
    return path


def completed(script: Path, words: str) -> set[str]:
    asked = TAB.format(script=script, words=words)
    answer = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True, timeout=30)
    return set(answer.stdout.split())


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("silverprint g", {"gateway"}),
        ("silverprint k", {"keys"}),
        ("silverprint keys c", {"create"}),
        ("silverprint files g", {"gc"}),
        ("silverprint gateway --allowed", {"--allowed-hosts", "--allowed-origins"}),
        ("silverprint keys create alice --adm", {"--admin"}),
        ("silverprint queue --tls", {"--tls-cert", "--tls-key", "--tls-ca"}),
    ],
)
def test_bash_completes_commands_and_flags(script: Path, words: str, found: set[str]) -> None:
    assert completed(script, words) == found


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_files_where_there_is_one_to_name(script: Path, tmp_path: Path) -> None:
    (tmp_path / "workflow.json").touch()
    assert completed(script, f"silverprint run {tmp_path}/work") == {f"{tmp_path}/workflow.json"}


@pytest.mark.parametrize("shell", SHELLS)
def test_there_is_a_script_for_every_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(Settings(shell=shell)) == 0
    assert "allowed-origins" in capsys.readouterr().out


def test_other_shells_are_told_apart() -> None:
    with pytest.raises(InvalidArgument, match="'tcsh' is none of bash, zsh, fish"):
        main(Settings(shell="tcsh"))
