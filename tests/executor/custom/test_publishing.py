from __future__ import annotations

import logging
from pathlib import Path

import pytest
from blake3 import blake3

from services.errors import Unavailable
from services.executor.custom import publishing
from services.executor.custom.publishing import Publication
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


def scripts_of(pack: str, directory: Path) -> Publication:
    return Publication(FileKind.EXTENSIONS, pack, {"": directory})


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
    publishing.publish(scripts_of("mine", scripts), files)
    assert files.paths == {"mine/a.js", "mine/lib/b.js"}


@pytest.mark.parametrize("knows_digests", [True, False])
def test_only_what_is_different_is_sent_again(files: Extensions, scripts: Path, knows_digests: bool) -> None:
    files.knows_digests = knows_digests
    publishing.publish(scripts_of("mine", scripts), files)
    (scripts / "a.js").write_bytes(b"A")
    files.sent.clear()
    publishing.publish(scripts_of("mine", scripts), files)
    assert files.sent == ["mine/a.js"]


def test_what_the_pack_no_longer_has_is_removed_and_other_packs_are_left_alone(
    files: Extensions, scripts: Path
) -> None:
    publishing.publish(scripts_of("mine", scripts), files)
    publishing.publish(scripts_of("mine-too", scripts), files)
    (scripts / "a.js").unlink()
    publishing.publish(scripts_of("mine", scripts), files)
    assert files.paths == {"mine/lib/b.js", "mine-too/a.js", "mine-too/lib/b.js"}


def test_hidden_files_and_links_that_lead_out_stay_where_they_are(
    files: Extensions, scripts: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret.js").write_bytes(b"secret")
    (scripts / "out.js").symlink_to(tmp_path / "secret.js")
    (scripts / ".hidden.js").write_bytes(b"")
    (scripts / ".git").mkdir()
    (scripts / ".git" / "config").write_bytes(b"")
    publishing.publish(scripts_of("mine", scripts), files)
    assert files.paths == {"mine/a.js", "mine/lib/b.js"}


def test_a_file_that_cannot_have_a_name_is_left_out_and_logged(
    files: Extensions, scripts: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (scripts / "back\\slash.js").write_bytes(b"")
    publishing.publish(scripts_of("mine", scripts), files)
    assert files.paths == {"mine/a.js", "mine/lib/b.js"}
    assert "mine" in caplog.text


def test_a_file_service_that_is_away_is_waited_for(
    files: Extensions, scripts: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(publishing, "RETRY_INTERVAL", 0.0)
    files.outages = 2
    with caplog.at_level(logging.WARNING):
        publishing.keep_publishing([scripts_of("mine", scripts)], files)
    assert files.paths == {"mine/a.js", "mine/lib/b.js"}
    assert caplog.text.count("not published yet") == 2


def test_a_pack_may_have_several_directories_and_each_has_its_place(files: Extensions, scripts: Path) -> None:
    both = Publication(FileKind.PACKS, "mine", {"locales": scripts, "workflows": scripts / "lib"})
    publishing.publish(both, files)
    assert files.paths == {"mine/locales/a.js", "mine/locales/lib/b.js", "mine/workflows/b.js"}
    publishing.publish(Publication(FileKind.PACKS, "mine", {"workflows": scripts / "lib"}), files)
    assert files.paths == {"mine/workflows/b.js"}
