"""The node catalogue as each user sees it: with their own files to choose from."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

import msgspec

from services.files.client import FileClient
from services.files.records import FileKind
from services.gateway.catalogue import Catalogue
from services.gateway.momentary import Momentary

#: Users whose catalogues are kept, each of about a megabyte; those that asked longest ago go first.
MOST_USERS = 32


class _Own(msgspec.Struct, frozen=True):
    shared: Catalogue
    paths: list[str]
    catalogue: Catalogue


class OwnCatalogues:
    """Catalogues of users, made anew when there are other classes or other files."""

    def __init__(self, shared: Momentary[Catalogue]) -> None:
        self._shared = shared
        self._own: OrderedDict[str, _Own] = OrderedDict()

    async def of(self, user: str | None, files: FileClient) -> Catalogue:
        """The catalogue of a user whose files these are, the one that all share for None.

        Raises:
            Unavailable: no executor has told yet which node classes exist.
        """
        shared = await self._shared.get()
        if user is None:
            return shared
        paths = [info.name.path async for info in files.walk(FileKind.INPUT, recursive=True)]
        own = self._own.get(user)
        if own is None or own.shared is not shared or own.paths != paths:
            own = _Own(shared, paths, await asyncio.to_thread(shared.offering, paths))
        self._own[user] = own
        self._own.move_to_end(user)
        if len(self._own) > MOST_USERS:
            self._own.popitem(last=False)
        return own.catalogue
