"""The stores that keep files themselves, rather than ask another process for them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator

from services.files.records import FileName, Target
from services.files.retention.records import Garbage, References, no_references
from services.files.stores.base import FileStore


class KeepingStore(FileStore):
    """A store that knows whose its files are, and what in it nobody needs."""

    @abstractmethod
    async def expire(self, name: FileName, before: float) -> None:
        """Remove a name whose file was last written before a moment, in seconds since the epoch.

        Raises:
            NotFound: no such name.
            Aborted: it was written later.
        """

    @abstractmethod
    def sweep(self, references: References = no_references, *, dry_run: bool = False) -> AsyncIterator[Garbage]:
        """Remove what no name leads to and nobody references, once it is old enough, and say what it was.

        With `dry_run` it is only said. May be broken off and begun again at any time, by several services at once.
        """

    @abstractmethod
    async def usage(self, owner: str, *, without: FileName | None = None) -> int:
        """The bytes of an owner's files together, less those of one file if it is the owner's."""

    @abstractmethod
    async def target_of(self, upload_id: str) -> Target:
        """Where an upload belongs; raises as `get_upload`."""
