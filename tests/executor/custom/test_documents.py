"""Which folders of a pack hold documents for front ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.executor.custom.documents import document_folders
from services.executor.custom.packs import load_packs


def test_folders_are_known_by_their_names(tmp_path: Path) -> None:
    for name in ("locales", "subgraphs", "example_workflows", "web"):
        (tmp_path / name).mkdir()
    assert document_folders(tmp_path) == {
        "locales": tmp_path / "locales",
        "subgraphs": tmp_path / "subgraphs",
        "workflows": tmp_path / "example_workflows",
    }


@pytest.mark.parametrize("name", ["example_workflows", "workflow", "workflows", "example", "examples"])
def test_example_workflows_have_several_names(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    assert document_folders(tmp_path) == {"workflows": tmp_path / name}


def test_a_pack_without_any_has_none(tmp_path: Path) -> None:
    (tmp_path / "locales").write_bytes(b"")
    (tmp_path / "module.py").write_bytes(b"")
    assert document_folders(tmp_path) == document_folders(tmp_path / "module.py") == {}


def test_packs_that_are_loaded_have_their_folders_told(tmp_path: Path) -> None:
    for pack, content in (("good", "NODE_CLASS_MAPPINGS = {}"), ("bad", "raise ValueError")):
        (tmp_path / pack / "locales").mkdir(parents=True)
        (tmp_path / pack / "__init__.py").write_text(content)
    assert load_packs([tmp_path]).document_folders == {"good": {"locales": tmp_path / "good" / "locales"}}
