"""Multipart uploads, one request at a time: what the library for whole objects does not tell of them.

An upload survives the process that began it, its parts are named by their numbers, and nothing is seen of it before it
is completed. Whoever finds one that nobody continues can abort it.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import httpx
import msgspec

from services.errors import Unavailable
from services.files.stores.s3 import failures
from services.files.stores.s3.location import Location
from services.files.stores.s3.signing import canonical_query, signed_headers

#: Parts that an upload may have.
MAX_PARTS = 10_000

#: Seconds before a request is made again for the first time; doubled each time.
_FIRST_DELAY = 0.1
_LONGEST_DELAY = 5.0

#: Bytes that are handed to the connection at once.
_PIECE = 1 << 20

_NOTHING = hashlib.sha256(b"").hexdigest()


class Unfinished(msgspec.Struct, frozen=True):
    """An upload that was neither completed nor aborted."""

    #: of the object that it was to become, relative to the location's folder
    path: str
    upload_id: str
    #: seconds since the epoch
    began_at: float


class Multipart:
    """The multipart uploads of a bucket.

    Every method makes a request again that fails for the moment, for as long as the location says, and then raises
    `Unavailable`; other refusals are raised as `failures.refusal` has them.
    """

    def __init__(self, location: Location) -> None:
        self._location = location
        # Reading the certificates of authorities takes a tenth of a second, for nothing where there are none.
        encrypted = location.endpoint.startswith("https:")
        self._http = httpx.AsyncClient(timeout=location.timeout, trust_env=False, verify=encrypted)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def begin(self, path: str) -> str:
        """Begin an upload, and answer with its id."""
        answer = await self._request("POST", path, {"uploads": ""})
        return _text(ElementTree.fromstring(answer.content), "UploadId")

    async def put(self, path: str, upload_id: str, number: int, part: bytes) -> str:
        """Upload a part, from number 1 on, and answer with its tag; the store verifies that it came whole."""
        query = {"partNumber": str(number), "uploadId": upload_id}
        answer = await self._request("PUT", path, query, part)
        return str(answer.headers.get("etag", ""))

    async def complete(self, path: str, upload_id: str, tags: Sequence[str]) -> None:
        """Make the object of all parts in one step.

        Raises:
            NoSuchUpload: nobody knows it (any more): a request whose answer was lost may have completed it.
        """
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(tag)}</ETag></Part>"
            for number, tag in enumerate(tags, start=1)
        )
        body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        answer = await self._request("POST", path, {"uploadId": upload_id}, body)
        if failures.is_error(answer.content):
            raise failures.refusal(path, 500, answer.text)

    async def abort(self, path: str, upload_id: str) -> None:
        """Forget an upload and its parts; one that nobody knows is forgotten already."""
        try:
            await self._request("DELETE", path, {"uploadId": upload_id})
        except failures.NoSuchUpload:
            return

    async def unfinished(self, folder: str) -> AsyncIterator[Unfinished]:
        """All uploads below a folder, which ends with a slash, that were neither completed nor aborted."""
        markers: dict[str, str] = {}
        prefix, top = self._location.key(folder), self._location.key("")
        while True:
            answer = await self._request("GET", None, {"uploads": "", "prefix": prefix, **markers})
            root = ElementTree.fromstring(answer.content)
            for upload in _all(root, "Upload"):
                began_at = datetime.fromisoformat(_text(upload, "Initiated")).timestamp()
                yield Unfinished(_text(upload, "Key").removeprefix(top), _text(upload, "UploadId"), began_at)
            if _text(root, "IsTruncated") != "true":
                return
            markers = {
                "key-marker": _text(root, "NextKeyMarker"),
                "upload-id-marker": _text(root, "NextUploadIdMarker"),
            }

    async def _request(
        self, method: str, path: str | None, query: Mapping[str, str], body: bytes = b""
    ) -> httpx.Response:
        """Make a request about an object of the location's folder, or about the bucket."""
        key = "" if path is None else "/" + quote(self._location.key(path))
        url = f"{self._location.endpoint}/{self._location.bucket}{key}"
        sha256 = await asyncio.to_thread(_sha256, body) if body else _NOTHING
        until = time.monotonic() + self._location.retry_for
        what = path or "the bucket"
        for delay in _delays():
            try:
                answer = await self._attempt(method, url, query, sha256, body)
            except httpx.TransportError as error:
                problem: Exception = failures.transport_failure(what, error)
            else:
                if answer.is_success:
                    return answer
                problem = failures.refusal(what, answer.status_code, answer.text)
            if not isinstance(problem, Unavailable) or time.monotonic() + delay > until:
                raise problem
            await asyncio.sleep(delay)
        raise AssertionError("delays never end")

    async def _attempt(
        self, method: str, url: str, query: Mapping[str, str], sha256: str, body: bytes
    ) -> httpx.Response:
        where, now = self._location, datetime.now(UTC)
        headers = signed_headers(method, url, query, sha256, where.credentials, where.region, now)
        headers["content-length"] = str(len(body))
        sent = _Body(body)
        try:
            return await self._http.request(method, f"{url}?{canonical_query(query)}", content=sent, headers=headers)
        finally:
            sent.let_go()


class _Body:
    """A body in pieces, which is let go of when it was sent: answers hold on to it until cycles are collected."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._content), _PIECE):
            yield self._content[start : start + _PIECE]

    def let_go(self) -> None:
        self._content = b""


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _delays() -> Iterator[float]:
    delay = _FIRST_DELAY
    while True:
        yield delay * random.uniform(0.5, 1.0)
        delay = min(2 * delay, _LONGEST_DELAY)


def _all(root: ElementTree.Element, tag: str) -> list[ElementTree.Element]:
    """The children of this name, in whichever namespace a store puts them."""
    return [child for child in root if child.tag.rpartition("}")[2] == tag]


def _text(root: ElementTree.Element, tag: str) -> str:
    return next((child.text or "" for child in _all(root, tag)), "")
