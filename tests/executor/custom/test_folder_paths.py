"""Files and models by path, as packs ask for them, over a file service that has no paths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.files.records import FileKind, FileName
from services.graph.events import ExecutionFailed, ExecutionSucceeded
from tests.executor.custom.bench import PACKS, PackBench, Prompt, pack_bench, shown


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[PackBench]:
    with pack_bench(tmp_path, PACKS) as made:
        yield made


def put(bench: PackBench, name: str, text: str) -> None:
    (bench.shared / name).parent.mkdir(parents=True, exist_ok=True)
    (bench.shared / name).write_text(text)
    bench.refresh()


def test_inputs_are_listed_as_they_come_and_go(bench: PackBench) -> None:
    put(bench, "input/b.png", "b")
    put(bench, "input/a.png", "a")
    assert bench.definition("PackRead")["input"]["required"]["file"][0] == ["a.png", "b.png"]
    (bench.shared / "input" / "b.png").unlink()
    bench.refresh()
    assert bench.definition("PackRead")["input"]["required"]["file"][0] == ["a.png"]


@pytest.mark.parametrize("how", ["annotated", "joined"])
def test_an_input_is_read_as_it_is_now_under_its_own_name(bench: PackBench, how: str) -> None:
    put(bench, "input/note.txt", "first")
    assert shown(bench.run({"out": ("PackRead", {"file": "note.txt", "how": how})}))["text"] == ["first", "note.txt"]
    put(bench, "input/note.txt", "second, longer")
    assert shown(bench.run({"out": ("PackRead", {"file": "note.txt", "how": how})}))["text"][0] == "second, longer"


def test_an_input_that_was_gone_and_came_back_has_its_content(bench: PackBench) -> None:
    prompt: Prompt = {"out": ("PackRead", {"file": "note.txt", "how": "joined"})}
    for _ in range(2):
        put(bench, "input/note.txt", "here")
        assert bench.folders.fetch(FileName(FileKind.INPUT, "", "note.txt")).read_text() == "here"
        assert isinstance(bench.run(prompt)[-1], ExecutionSucceeded)
        (bench.shared / "input" / "note.txt").unlink()
        bench.refresh()


def test_a_file_of_another_kind_is_named_by_its_annotation(bench: PackBench) -> None:
    put(bench, "output/sub/made.txt", "made")
    events = bench.run({"out": ("PackRead", {"file": "sub/made.txt [output]", "how": "annotated"})})
    assert shown(events)["text"] == ["made", "made.txt"]


@pytest.mark.parametrize("name", ["../../../etc/hostname", "/etc/hostname", "a/../../x", "..\\x"])
async def test_no_name_leads_out_of_the_folders(bench: PackBench, name: str) -> None:
    last = bench.run({"out": ("PackRead", {"file": name, "how": "annotated"})})[-1]
    assert isinstance(last, ExecutionFailed)
    assert last.exception_type == "ValueError"


def test_what_is_written_by_path_is_sent_on_with_numbers_that_go_on(bench: PackBench) -> None:
    put(bench, "output/dir/note_00007_.png", "another's")
    events = bench.run({"out": ("PackWrite", {"prefix": "dir/note", "text": "one"})})
    assert shown(events)["files"] == [{"filename": "note_00008_.txt", "subfolder": "dir", "type": "output"}]
    events = bench.run({"out": ("PackWrite", {"prefix": "dir/note", "text": "two"})})
    assert shown(events)["files"][0]["filename"] == "note_00009_.txt"
    written = {path.name: path.read_text() for path in (bench.shared / "output" / "dir").iterdir()}
    assert written == {"note_00007_.png": "another's", "note_00008_.txt": "one", "note_00009_.txt": "two"}


def test_a_prefix_that_leads_out_fails(bench: PackBench) -> None:
    last = bench.run({"out": ("PackWrite", {"prefix": "../../x", "text": "one"})})[-1]
    assert isinstance(last, ExecutionFailed)
    assert last.exception_type == "ValueError"


def test_a_name_without_a_number_is_replaced(bench: PackBench) -> None:
    bench.run({"out": ("PackLatest", {"text": "one"})})
    bench.run({"out": ("PackLatest", {"text": "the second"})})
    assert (bench.shared / "temp" / "latest.txt").read_text() == "the second"


def test_models_lie_where_a_pack_says(bench: PackBench, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "pack_models" / "sub"
    folder.mkdir(parents=True)
    (folder / "net.onnx").touch()
    (folder / "net.txt").touch()
    bench.refresh()
    (names,) = bench.definition("PackModels")["input"]["required"]["name"]
    assert names == ["sub/net.onnx", "sub/net.txt"]
    assert bench.models.names("pack_texts") == ["sub/net.txt"]
    events = bench.run({"out": ("PackModels", {"name": "sub/net.onnx"})})
    assert shown(events)["text"] == [str(folder / "net.onnx")]


def test_no_model_lies_outside_its_folders(bench: PackBench, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").touch()
    last = bench.run({"out": ("PackModels", {"name": "../../secret.txt"})})[-1]
    assert isinstance(last, ExecutionFailed)
    assert last.exception_type == "FileNotFoundError"
