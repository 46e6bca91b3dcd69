from __future__ import annotations

import logging
from pathlib import Path

import pytest
from blake3 import blake3

from services.errors import Unavailable
from services.executor.custom import web_files
from services.files.records import FileInfo, FileKind, FileName, OnConflict


class Extensions:
    """A file service in memory that counts what it is sent."""

    def __init__(self) -> None:
        self.content: dict[FileName, bytes] = {}
        self.sent: list[str] = []
        self.knows_digests = True
        self.outages = 0

    def list_tree(self, kind: FileKind, subfolder: str) -> list[FileInfo]:
        if self.outages:
            self.outages -= 1
            raise Unavailable("away")
        return [
            FileInfo(name, len(data), blake3(data).hexdigest() if self.knows_digests else None, 0.0)
            for name, data in self.content.items()
            if name.kind is kind and f"{name.subfolder}/".startswith(f"{subfolder}/")
        ]

    def stat_digest(self, name: FileName) -> str:
        return blake3(self.content[name]).hexdigest()

    def put(self, name: FileName, source: Path, on_conflict: OnConflict) -> None:
        self.content[name] = source.read_bytes()
        self.sent.append(name.path)

    def delete(self, name: FileName) -> None:
        del self.content[name]

    @property
    def paths(self) -> set[str]:
        return {name.path for name in self.content}


@pytest.fixture
def files() -> Extensions:
    return Extensions()


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    folder = tmp_path / "js"
    (folder / "lib").mkdir(parents=True)
    (folder / "a.js").write_bytes(b"a")
    (folder / "lib" / "b.js").write_bytes(b"b")
    return folder


def test_everything_in_the_directory_is_published(files: Extensions, scripts: Path) -> None:
    web_files.publish("mine", scripts, files)
    assert files.paths == {"mine/a.js", "mine/lib/b.js"}


@pytest.mark.parametrize("knows_digests", [True, False])
def test_only_what_is_different_is_sent_again(files: Extensions, scripts: Path, knows_digests: bool) -> None:
    files.knows_digests = knows_digests
    web_files.publish("mine", scripts, files)
    (scripts / "a.js").write_bytes(b"A")
    files.sent.clear()
    web_files.publish("mine", scripts, files)
    assert files.sent == ["mine/a.js"]


def test_what_the_pack_no_longer_has_is_removed_and_other_packs_are_left_alone(
    files: Extensions, scripts: Path
) -> None:
    web_files.publish("mine", scripts, files)
    web_files.publish("mine-too", scripts, files)
    (scripts / "a.js").unlink()
    web_files.publish("mine", scripts, files)
    assert files.paths == {"mine/lib/b.js", "mine-too/a.js", "mine-too/lib/b.js"}


def test_hidden_files_and_links_that_lead_out_stay_where_they_are(
    files: Extensions, scripts: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret.js").write_bytes(b"secret")
    (scripts / "out.js").symlink_to(tmp_path / "secret.js")
    (scripts / ".hidden.js").write_bytes(b"")
    (scripts / ".git").mkdir()
    (scripts / ".git" / "config").write_bytes(b"")
    web_files.publish("mine", scripts, files)
    assert files.paths == {"mine/a.js", "mine/lib/b.js"}


def test_a_file_that_cannot_have_a_name_is_left_out_and_logged(
    files: Extensions, scripts: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (scripts / "back\\slash.js").write_bytes(b"")
    web_files.publish("mine", scripts, files)
    assert files.paths == {"mine/a.js", "mine/lib/b.js"}
    assert "mine" in caplog.text


def test_a_file_service_that_is_away_is_waited_for(
    files: Extensions, scripts: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(web_files, "RETRY_INTERVAL", 0.0)
    files.outages = 2
    with caplog.at_level(logging.WARNING):
        web_files.keep_publishing({"mine": str(scripts)}, files)
    assert files.paths == {"mine/a.js", "mine/lib/b.js"}
    assert caplog.text.count("not published yet") == 2
