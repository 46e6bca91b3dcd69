"""Records survive the way through messages."""

from __future__ import annotations

import pytest

from services.errors import InvalidArgument
from services.files import convert
from services.files.records import FileInfo, FileKind, FileName, OnConflict
from silverprint.files.v1 import files_pb2 as pb


@pytest.mark.parametrize("kind", FileKind)
@pytest.mark.parametrize("digest", [None, "0" * 64])
def test_a_description_survives(kind: FileKind, digest: str | None) -> None:
    info = FileInfo(FileName(kind, "a/é", "b.png"), 1 << 40, digest, 1_795_300_192.407108)
    wire = convert.info_to_message(info).SerializeToString()
    assert convert.info_from_message(pb.FileInfo.FromString(wire)) == info


@pytest.mark.parametrize("on_conflict", OnConflict)
def test_a_policy_survives(on_conflict: OnConflict) -> None:
    assert convert.policy_from_message(convert.policy_to_message(on_conflict)) is on_conflict


def test_no_policy_means_fail() -> None:
    assert convert.policy_from_message(pb.ON_CONFLICT_UNSPECIFIED) is OnConflict.FAIL


@pytest.mark.parametrize("number", [0, 99])
def test_an_unknown_kind_is_refused(number: int) -> None:
    message = pb.FileName(kind=number, filename="a")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="file kind"):
        convert.name_from_message(message)


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="conflict policy"):
        convert.policy_from_message(pb.WriteHeader(on_conflict=99).on_conflict)  # type: ignore[arg-type]


@pytest.mark.parametrize(("digest", "size"), [(None, None), (None, 0), (None, 5), ("0" * 64, None), ("0" * 64, 5)])
def test_a_promise_survives(digest: str | None, size: int | None) -> None:
    header = pb.WriteHeader(expected=convert.expected_to_message(digest, size))
    assert convert.expected_from_message(header) == (digest, size)


@pytest.mark.parametrize("kind", FileKind)
def test_every_kind_of_the_contract_has_a_record(kind: FileKind) -> None:
    assert len(FileKind) == len(pb.FileKind.keys()) - 1
    assert pb.FileKind.Name(convert.kind_to_message(kind)) == f"FILE_KIND_{kind.name}"


def test_a_name_that_no_message_can_carry_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="cannot be sent"):
        convert.name_to_message(FileName(FileKind.INPUT, "", "\ud800"))
