"""Which version of a pack this is."""

from __future__ import annotations

from pathlib import Path

from services.executor.custom.versions import version_of

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_the_version_is_that_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "p"\nversion = "1.2.3"\n')
    assert version_of(tmp_path) == "1.2.3"


def test_without_a_project_it_is_the_commit_of_the_checkout(tmp_path: Path) -> None:
    git = tmp_path / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "packed-refs").write_text(f"# pack-refs\n{COMMIT} refs/heads/main\n")
    assert version_of(tmp_path) == COMMIT
    (git / "refs" / "heads" / "main").write_text("f" * 40)
    assert version_of(tmp_path) == "f" * 40
    (git / "HEAD").write_text(COMMIT)
    assert version_of(tmp_path) == COMMIT


def test_without_either_there_is_none(tmp_path: Path) -> None:
    assert version_of(tmp_path) == ""
    (tmp_path / "pyproject.toml").write_text("project = [")
    assert version_of(tmp_path) == ""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: ../../../etc/passwd")
    assert version_of(tmp_path) == ""
    file = tmp_path / "pack.py"
    file.touch()
    assert version_of(file) == ""
