"""Which file a request for one of a user's files means."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.errors import InvalidArgument, PermissionDenied
from services.files import names
from services.files.records import FileKind
from services.gateway.translate.userdata import named_file, named_folder, path_of
from services.gateway.users import RESERVED_PREFIX

PARTS = st.sampled_from(["..", ".", "", "a", "b.json", "__x", "%2F", "%2e%2e", "~", "a\\b", "\0", "C:", "é"])
PATHS = st.one_of(st.text(max_size=30), st.lists(PARTS, max_size=8).map("/".join))


@given(PATHS)
def test_a_name_is_refused_or_lies_in_the_users_folder(sent: str) -> None:
    try:
        name = named_file("ann", sent)
    except (InvalidArgument, PermissionDenied):
        return
    assert names.is_valid(name)
    assert name.kind is FileKind.USERDATA
    assert name.subfolder.split("/")[0] == "ann"
    assert not path_of("ann", name).startswith(RESERVED_PREFIX)


@given(PATHS)
def test_a_folder_is_refused_or_lies_in_the_users_folder(sent: str) -> None:
    try:
        folder = named_folder("ann", sent)
    except (InvalidArgument, PermissionDenied):
        return
    names.validate_subfolder(folder)
    assert folder.split("/")[0] == "ann"


@given(st.lists(st.text("abcé 1+._-", min_size=1, max_size=5).filter(lambda part: part.strip(".")), min_size=1))
def test_a_plain_path_means_itself(parts: list[str]) -> None:
    path = "/".join(parts)
    if len(parts) < names.MAX_SUBFOLDER_PARTS and not path.startswith(RESERVED_PREFIX):
        assert path_of("ann", named_file("ann", path)) == path
