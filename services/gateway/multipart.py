"""Reading multipart/form-data (RFC 7578) while it arrives; files go to disk, not to memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import Message

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser
from starlette.requests import Request

from services.gateway.bodies import chunks
from services.gateway.errors import BadRequest
from services.gateway.spool import SpooledContent

#: Bytes of a field that is not a file.
MAX_FIELD_BYTES = 64 << 10

MAX_PARTS = 64


class UploadedFile(SpooledContent):
    """A file in a form."""

    def __init__(self, filename: str) -> None:
        super().__init__()
        self.filename = filename


@dataclass
class Form:
    """What a form holds; of equal names the first one counts."""

    fields: dict[str, str] = field(default_factory=dict)
    #: all fields of a name, in their order
    repeated: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, UploadedFile] = field(default_factory=dict)


@asynccontextmanager
async def received_form(request: Request, limit: int) -> AsyncIterator[Form]:
    """The form in a request's body; its files are gone when the block ends.

    Raises:
        BadRequest: the body is not a complete form.
        BodyTooLarge: it has more than `limit` bytes.
    """
    reader = _Reader(_boundary(request.headers.get("content-type", "")))
    try:
        async for chunk in chunks(request, limit):
            await reader.feed(chunk)
        yield reader.finish()
    finally:
        reader.close()


def _boundary(content_type: str) -> str:
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary()
    if header.get_content_type() != "multipart/form-data" or not boundary:
        raise BadRequest("the body must be multipart/form-data with a boundary", type="invalid_multipart")
    return boundary


class _Part:
    """One part, as far as it has arrived."""

    def __init__(self) -> None:
        self.header_name = b""
        self.header_value = b""
        self.disposition = Message()
        self.text = bytearray()
        self.file: UploadedFile | None = None
        #: of this part, not yet taken over
        self.arrived: list[bytes] = []


class _Reader:
    """Turns the parser's callbacks into a form."""

    def __init__(self, boundary: str) -> None:
        self._form = Form()
        self._parts: list[_Part] = []
        self._finished: list[_Part] = []
        self._ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._header_field,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._headers_finished,
                    "on_part_data": self._data,
                    "on_part_end": self._part_end,
                    "on_end": self._end,
                },
            )
        except (FormParserError, UnicodeEncodeError) as error:
            raise _malformed(str(error)) from error

    async def feed(self, chunk: bytes) -> None:
        """Take in what has arrived."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _malformed(str(error)) from error
        for part in self._parts[-1:] + self._finished:
            await self._take(part)
        for part in self._finished:
            self._keep(part)
        self._finished.clear()

    def finish(self) -> Form:
        """The form, once everything has arrived."""
        if not self._ended:
            raise _malformed("the body ends before its last part does")
        return self._form

    def close(self) -> None:
        """Remove all files."""
        for part in self._parts:
            if part.file is not None:
                part.file.close()

    async def _take(self, part: _Part) -> None:
        data, part.arrived = b"".join(part.arrived), []
        if part.file is not None:
            await part.file.write(data)
        elif len(part.text) + len(data) > MAX_FIELD_BYTES:
            raise _malformed(f"a field that is not a file has more than {MAX_FIELD_BYTES} bytes")
        else:
            part.text += data

    def _keep(self, part: _Part) -> None:
        name = part.disposition.get_param("name", "", "content-disposition")
        if part.file is not None:
            self._form.files.setdefault(str(name), part.file)
        else:
            text = part.text.decode(errors="replace")
            self._form.fields.setdefault(str(name), text)
            self._form.repeated.setdefault(str(name), []).append(text)

    def _begin(self) -> None:
        if len(self._parts) >= MAX_PARTS:
            raise _malformed(f"the form has more than {MAX_PARTS} parts")
        self._parts.append(_Part())

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._parts[-1].header_name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._parts[-1].header_value += data[start:end]

    def _header_end(self) -> None:
        part = self._parts[-1]
        if part.header_name.lower() == b"content-disposition":
            value = part.header_value
            # Clients write names in UTF-8, whatever the standards of their time said.
            part.disposition["Content-Disposition"] = value.decode(errors="replace")
        part.header_name = part.header_value = b""

    def _headers_finished(self) -> None:
        part = self._parts[-1]
        filename = part.disposition.get_filename()
        if filename is not None:
            part.file = UploadedFile(filename)

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._parts[-1].arrived.append(data[start:end])

    def _part_end(self) -> None:
        self._finished.append(self._parts[-1])

    def _end(self) -> None:
        self._ended = True


def _malformed(why: str) -> BadRequest:
    return BadRequest(f"the form cannot be read: {why}", type="invalid_multipart")
