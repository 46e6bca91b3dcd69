"""Pages of sorted names."""

from __future__ import annotations

import base64
import binascii

from services.errors import InvalidArgument
from services.files.records import FileName

#: Files on a page when the caller does not say.
DEFAULT_PAGE = 1_000

#: Files on a page at most: about 150 bytes each, well below what a message may hold.
MAX_PAGE = 10_000

SortKey = tuple[tuple[str, ...], str]


def sort_key(name: FileName) -> SortKey:
    """The order of a listing: a folder's files, then its subfolders' files."""
    return tuple(name.subfolder.split("/")) if name.subfolder else (), name.filename


def page_limit(page_size: int) -> int:
    """How many files a page may hold.

    Raises:
        InvalidArgument: the page size is negative.
    """
    if page_size < 0:
        raise InvalidArgument(f"page size {page_size} is negative")
    return min(page_size or DEFAULT_PAGE, MAX_PAGE)


def position(page_token: str, subfolder: str) -> SortKey:
    """The sort key that all names of a page lie behind; that of the first page when the token is empty.

    Raises:
        InvalidArgument: no page of this folder gave the token.
    """
    if not page_token:
        return (), ""
    try:
        path = base64.b64decode(page_token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidArgument("this page token was never given") from error
    if subfolder and not path.startswith(subfolder + "/"):
        raise InvalidArgument("this page token was given for another folder")
    *parts, filename = path.split("/")
    return tuple(parts), filename


def token_after(name: FileName) -> str:
    """The token of the page that follows this name."""
    return base64.urlsafe_b64encode(name.path.encode()).decode()
