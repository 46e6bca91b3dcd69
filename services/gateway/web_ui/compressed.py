"""Compressed files, kept for the next visitor."""

from __future__ import annotations

import asyncio
import gzip
from collections import OrderedDict
from pathlib import Path

#: Bytes of compressed files that are kept: a whole visit to the web UI takes 6 MB.
MAX_BYTES = 16 << 20

#: Six compresses scripts to within 2 % of nine, three times as fast.
_LEVEL = 6


class Compressed:
    """Gzipped files by path and version; those that were asked for longest ago are forgotten first."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[tuple[Path, str], bytes] = OrderedDict()
        self._size = 0

    async def file(self, path: Path, version: str) -> bytes:
        """The file, compressed at its first use.

        Args:
            version: changes with the file.
        """
        key = (path, version)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        content = await asyncio.to_thread(_compress, path)
        self._keep(key, content)
        return content

    def _keep(self, key: tuple[Path, str], content: bytes) -> None:
        if key in self._kept:
            return
        self._kept[key] = content
        self._size += len(content)
        while self._size > self._max_bytes:
            _, forgotten = self._kept.popitem(last=False)
            self._size -= len(forgotten)


def _compress(path: Path) -> bytes:
    return gzip.compress(path.read_bytes(), _LEVEL, mtime=0)
