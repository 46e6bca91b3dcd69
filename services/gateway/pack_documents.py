"""What node packs have for front ends beside scripts, as their executors left it with the file service."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

import msgspec

from services.errors import NotFound
from services.files.client import FileClient
from services.files.records import FileInfo, FileKind, FileName
from services.gateway.momentary import Momentary
from services.gateway.packs import KnownPacks
from services.gateway.translate.locales import Locale, locale_of, merged

log = logging.getLogger(__name__)

#: Longest document of a pack that is read, in bytes.
MAX_BYTES = 8 << 20


class PackDocuments:
    """The documents of the packs that are loaded somewhere; of all packs while no executor is there."""

    def __init__(self, files: FileClient, packs: Momentary[KnownPacks]) -> None:
        self._files = files
        self._packs = packs
        self._merging = asyncio.Lock()
        self._merged_from: list[FileInfo] = []
        self._translations = msgspec.Raw(b"{}")

    async def find(self, what: str, suffix: str = ".json") -> list[FileInfo]:
        """The documents of a sort ("locales", "subgraphs", "workflows") by pack and path; those in folders too."""
        known = await self._packs.get()
        return [
            info
            async for info in self._files.walk(FileKind.PACKS, recursive=True)
            if sort_of(info.name) == what and info.name.filename.endswith(suffix) and known.has_pack(pack_of(info.name))
        ]

    async def read(self, name: FileName) -> bytes:
        """A document.

        Raises:
            NotFound: it is gone, or too long to be one.
        """
        async with self._files.open(name) as file:
            if file.info.size > MAX_BYTES:
                raise NotFound(f"{name} is longer than {MAX_BYTES} bytes")
            return await file.read()

    async def translations(self) -> msgspec.Raw:
        """The translations of all packs by language; read again only when one has changed."""
        found = await self.find("locales")
        async with self._merging:
            if found != self._merged_from:
                contents = [(info.name, await self._content(info.name)) for info in found]
                self._translations = await asyncio.to_thread(_translations, contents)
                self._merged_from = found
            return self._translations

    async def _content(self, name: FileName) -> bytes:
        """A document; none that is gone or too long holds anything."""
        try:
            return await self.read(name)
        except NotFound:
            return b""


def pack_of(name: FileName) -> str:
    """The pack that has a document."""
    return name.path.split("/", 1)[0]


def sort_of(name: FileName) -> str:
    """What a document is."""
    _, _, below = name.subfolder.partition("/")
    return below.partition("/")[0]


def _translations(contents: Iterable[tuple[FileName, bytes]]) -> msgspec.Raw:
    """The translations in documents by language; takes a while for many."""
    locales: list[Locale] = []
    for name, content in contents:
        try:
            locale = locale_of(path_in(name), content)
        except (ValueError, RecursionError) as error:
            log.warning("%s is left out of the translations: %s", name, error)
            continue
        if locale is not None:
            locales.append(locale)
    return msgspec.Raw(msgspec.json.encode(merged(locales)))


def path_in(name: FileName) -> str:
    """Where a document lies among those of its sort and pack."""
    return name.path.split("/", 2)[-1]
