"""The path rules: one table of hostile names, and a fuzz."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.errors import InvalidArgument
from services.files import names
from services.files.records import FileKind, FileName
from tests.hostile_names import HONEST_PARTS, HOSTILE_PARTS, HOSTILE_SUBFOLDERS, PARTS, SPELLINGS


@pytest.mark.parametrize("part", HOSTILE_PARTS.values(), ids=HOSTILE_PARTS)
def test_a_hostile_filename_is_refused(part: str) -> None:
    with pytest.raises(InvalidArgument):
        names.validate(FileName(FileKind.INPUT, "", part))
    with pytest.raises(InvalidArgument):
        names.parse(FileKind.INPUT, "", part)


@pytest.mark.parametrize("subfolder", HOSTILE_SUBFOLDERS.values(), ids=HOSTILE_SUBFOLDERS)
def test_a_hostile_subfolder_is_refused(subfolder: str) -> None:
    with pytest.raises(InvalidArgument):
        names.validate_subfolder(subfolder)
    assert not names.is_valid(FileName(FileKind.INPUT, subfolder, "a"))


@pytest.mark.parametrize("part", HONEST_PARTS)
def test_an_honest_name_is_a_name(part: str) -> None:
    names.validate(FileName(FileKind.INPUT, part, part))
    assert names.parse(FileKind.INPUT, part, part) == FileName(FileKind.INPUT, part, part)


def test_a_refusal_says_what_is_wrong_and_stays_short() -> None:
    with pytest.raises(InvalidArgument, match=r"filename part 'a\\x00' holds a control character"):
        names.validate(FileName(FileKind.INPUT, "", "a\x00"))
    with pytest.raises(InvalidArgument) as error:
        names.validate(FileName(FileKind.INPUT, "a" * 10_000_000, "a"))
    assert len(error.value.message) < 200


@pytest.mark.parametrize(
    ("subfolder", "normal"),
    [("", ""), (".", ""), ("a", "a"), ("a/", "a"), ("a//b", "a/b"), ("./a", "a"), ("a/../b", "b"), ("a/./b/..", "a")],
)
def test_a_person_may_spell_a_subfolder_in_many_ways(subfolder: str, normal: str) -> None:
    assert names.parse(FileKind.INPUT, subfolder, "x") == FileName(FileKind.INPUT, normal, "x")


@pytest.mark.parametrize("subfolder", ["..", "../a", "a/../..", "/", "/a", "//a", "a\\b", "C:/a", "a/\x00"])
def test_no_spelling_leaves_the_folder(subfolder: str) -> None:
    with pytest.raises(InvalidArgument):
        names.parse(FileKind.INPUT, subfolder, "x")


@pytest.mark.parametrize(
    ("text", "kind", "subfolder", "filename"),
    [
        ("cat.png", FileKind.INPUT, "", "cat.png"),
        ("cat.png [output]", FileKind.OUTPUT, "", "cat.png"),
        ("cat.png [input]", FileKind.INPUT, "", "cat.png"),
        ("cat.png [temp]", FileKind.TEMP, "", "cat.png"),
        ("clipspace/mask.png [temp]", FileKind.TEMP, "clipspace", "mask.png"),
        ("a/../b/cat.png", FileKind.INPUT, "b", "cat.png"),
        ("cat.png[output]", FileKind.INPUT, "", "cat.png[output]"),
        ("cat.png [OUTPUT]", FileKind.INPUT, "", "cat.png [OUTPUT]"),
        ("cat.png [models]", FileKind.INPUT, "", "cat.png [models]"),
        ("cat.png [userdata]", FileKind.INPUT, "", "cat.png [userdata]"),
        ("cat [temp].png [output]", FileKind.OUTPUT, "", "cat [temp].png"),
    ],
)
def test_an_annotation_names_the_kind(text: str, kind: FileKind, subfolder: str, filename: str) -> None:
    assert names.parse_annotated(text) == FileName(kind, subfolder, filename)


@pytest.mark.parametrize("text", ["", " [output]", "../../etc/passwd", "/etc/passwd [output]", "a/../../b [temp]", "."])
def test_an_annotation_does_not_help_to_leave_the_folder(text: str) -> None:
    with pytest.raises(InvalidArgument):
        names.parse_annotated(text)


def test_a_name_without_annotation_has_the_default_kind() -> None:
    assert names.parse_annotated("a", FileKind.OUTPUT).kind is FileKind.OUTPUT


def test_a_model_needs_a_model_folder() -> None:
    with pytest.raises(InvalidArgument, match="model folder"):
        names.parse_path(FileKind.MODELS, "a.safetensors")
    assert names.parse_path(FileKind.MODELS, "vae/a.safetensors").subfolder == "vae"


def test_numbers_have_five_digits_and_more_when_they_need_them() -> None:
    prefix = FileName(FileKind.OUTPUT, "a", "p")
    filenames = [names.numbered(prefix, number, ".png").filename for number in (1, 99_999, 100_000)]
    assert filenames == ["p_00001_.png", "p_99999_.png", "p_100000_.png"]


def test_a_link_may_lead_around_inside_and_not_out(tmp_path: Path) -> None:
    top = tmp_path / "top"
    (top / "folder").mkdir(parents=True)
    outside = tmp_path / "topside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (top / "inside").symlink_to("folder")
    (top / "out").symlink_to(outside)
    (top / "folder" / "up").symlink_to("../..")
    (top / "secret").symlink_to(outside / "secret")
    (top / "dangling").symlink_to(tmp_path / "nothing")

    assert names.resolve(str(top), "inside/a") == str(top / "folder" / "a")
    assert names.resolve(str(top), "") == str(top)
    for path in ("out", "out/secret", "out/new/folder", "secret", "folder/up", "folder/up/topside/secret", "dangling"):
        with pytest.raises(InvalidArgument, match="leads out"):
            names.resolve(str(top), path)


@pytest.mark.parametrize("part", HOSTILE_PARTS.values(), ids=HOSTILE_PARTS)
def test_a_hostile_name_is_no_models_name(part: str) -> None:
    if part != ".":
        with pytest.raises(InvalidArgument):
            names.parse_model("checkpoints", part if part != "a/b" else "../b")
    with pytest.raises(InvalidArgument):
        names.parse_model(part if part != "a/b" else "../b", "a.safetensors")


@pytest.mark.parametrize("name", ["", ".", "..", "../vae/a", "a/../../b", "/etc/passwd", "../checkpoints"])
def test_a_model_stays_in_its_folder(name: str) -> None:
    with pytest.raises(InvalidArgument):
        names.parse_model("checkpoints", name)


def test_a_model_may_lie_in_folders_of_its_folder() -> None:
    assert names.parse_model("vae", "sd/./a.pt") == FileName(FileKind.MODELS, "vae/sd", "a.pt")


@pytest.mark.parametrize(("one", "other"), [("é", "e\u0301"), ("A", "a"), ("ﬁ", "fi"), ("ſ", "s"), ("а", "a")])
def test_names_that_look_alike_are_names_of_their_own(one: str, other: str) -> None:
    first, second = (names.parse(FileKind.INPUT, part, part) for part in (one, other))
    assert first != second
    assert (first.filename, second.filename) == (one, other)


@given(SPELLINGS, st.one_of(PARTS, SPELLINGS))
@example("a/../..", "b")
@example("", "..")
def test_whatever_is_accepted_lies_inside(subfolder: str, filename: str) -> None:
    top = "/nowhere/data/input"
    try:
        name = names.parse(FileKind.INPUT, subfolder, filename)
    except InvalidArgument:
        return
    place = names.resolve(top, name.path)
    assert os.path.normpath(place) == place
    assert os.path.commonpath([top, place]) == top
    assert place != top
    assert os.path.basename(place) == name.filename == filename
    assert names.is_valid(name)
    assert names.parse(name.kind, name.subfolder, name.filename) == name


@given(st.one_of(SPELLINGS, SPELLINGS.map(lambda path: path + " [output]")))
def test_every_annotated_text_is_a_valid_name_or_refused(text: str) -> None:
    try:
        name = names.parse_annotated(text)
    except InvalidArgument:
        return
    names.validate(name)
    assert name.kind in (FileKind.INPUT, FileKind.OUTPUT)


@given(SPELLINGS)
def test_every_prefix_makes_a_valid_numbered_name_or_is_refused(text: str) -> None:
    try:
        prefix = names.parse_prefix(FileKind.OUTPUT, text)
    except InvalidArgument:
        return
    names.validate(names.numbered(prefix, 1, ".png"))
