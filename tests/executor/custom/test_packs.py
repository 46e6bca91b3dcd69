"""Folders of node packs."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from services.executor.custom.packs import MODULE_PREFIX, load_packs

NODE = """
class {name}:
    RETURN_TYPES = ()
    @classmethod
    def INPUT_TYPES(cls):
        return {{"required": {{}}}}
NODE_CLASS_MAPPINGS = {{"{name}": {name}}}
"""


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_packages_and_single_modules_are_loaded_in_the_order_of_their_names(tmp_path: Path) -> None:
    write(tmp_path / "b-pack" / "__init__.py", NODE.format(name="B"))
    write(tmp_path / "a.py", NODE.format(name="A"))
    write(tmp_path / "c.v2" / "__init__.py", NODE.format(name="C"))
    loaded = load_packs([tmp_path])
    assert list(loaded.classes) == ["A", "B", "C"]
    assert [cls.RELATIVE_PYTHON_MODULE for cls in loaded.classes.values()] == [
        "custom_nodes.a",
        "custom_nodes.b-pack",
        "custom_nodes.c.v2",
    ]
    assert loaded.failures == {}


def test_a_pack_may_have_modules_of_its_own(tmp_path: Path) -> None:
    write(tmp_path / "my-pack" / "__init__.py", "from .inner.nodes import NODE_CLASS_MAPPINGS\nfrom . import names\n")
    write(tmp_path / "my-pack" / "names.py", "NAMES = {}\n")
    write(tmp_path / "my-pack" / "inner" / "__init__.py", "")
    write(tmp_path / "my-pack" / "inner" / "nodes.py", "from ..names import NAMES\n" + NODE.format(name="Deep"))
    assert list(load_packs([tmp_path]).classes) == ["Deep"]


def test_display_names_are_taken_along(tmp_path: Path) -> None:
    write(tmp_path / "a.py", NODE.format(name="A") + 'NODE_DISPLAY_NAME_MAPPINGS = {"A": "The first"}\n')
    write(tmp_path / "b.py", NODE.format(name="B") + "NODE_DISPLAY_NAME_MAPPINGS = None\n")
    assert load_packs([tmp_path]).display_names == {"A": "The first"}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("import a_module_that_nobody_has\n", "ModuleNotFoundError"),
        ("raise RuntimeError('no luck')\n", "no luck"),
        ("import sys\nsys.exit(1)\n", "SystemExit"),
        ("this is no Python\n", "SyntaxError"),
        ("x = 1\n", "NODE_CLASS_MAPPINGS"),
        ("NODE_CLASS_MAPPINGS = 5\n", "TypeError"),
        ("NODE_CLASS_MAPPINGS = {'x': 5}\n", "the node x is a int"),
    ],
)
def test_a_pack_that_fails_is_named_and_the_others_are_loaded(
    text: str, what: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "broken-pack" / "__init__.py", text)
    write(tmp_path / "good.py", NODE.format(name="Good"))
    with caplog.at_level(logging.ERROR):
        loaded = load_packs([tmp_path])
    assert list(loaded.classes) == ["Good"]
    assert what in loaded.failures["broken-pack"]
    assert "broken-pack" in caplog.text
    assert f"{MODULE_PREFIX}broken-pack" not in sys.modules


def test_what_is_hidden_private_switched_off_or_no_pack_is_passed_over(tmp_path: Path) -> None:
    for name in (".git", "__pycache__", "off.disabled"):
        write(tmp_path / name / "__init__.py", NODE.format(name="No"))
    write(tmp_path / "_private.py", NODE.format(name="No"))
    write(tmp_path / "notes.txt", "")
    (tmp_path / "just-files").mkdir()
    loaded = load_packs([tmp_path, tmp_path / "absent"])
    assert (loaded.classes, loaded.failures) == ({}, {})


def test_scripts_lie_where_the_module_or_its_project_says(tmp_path: Path) -> None:
    source = "WEB_DIRECTORY = './js'\nNODE_CLASS_MAPPINGS = {}\n"
    write(tmp_path / "one" / "__init__.py", source)
    write(tmp_path / "one" / "js" / "a.js", "")
    write(tmp_path / "two" / "__init__.py", "NODE_CLASS_MAPPINGS = {}\n")
    write(tmp_path / "two" / "pyproject.toml", '[project]\nname = "the-second"\n[tool.comfy]\nweb = "web"\n')
    write(tmp_path / "two" / "web" / "b.js", "")
    write(tmp_path / "none" / "__init__.py", source)
    write(tmp_path / "out" / "__init__.py", source.replace("./js", "../one/js"))
    folders = load_packs([tmp_path]).web_directories
    assert {name: Path(folder) for name, folder in folders.items()} == {
        "one": tmp_path / "one" / "js",
        "the-second": tmp_path / "two" / "web",
    }
