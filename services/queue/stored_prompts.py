"""What is read of prompts, from the store alone."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from services.errors import NotFound
from services.queue.export import export
from services.queue.paging import check_page
from services.queue.records import Depths, Keys, Page, Prompt, PromptState, Search, Stats
from services.queue.stores.base import QueueStore


class StoredPrompts:
    """The part of a queue that changes nothing. With a user, prompts of others are not there."""

    def __init__(self, store: QueueStore) -> None:
        self._store = store

    async def get(self, prompt_id: str, *, user: str | None = None) -> Prompt:
        """One prompt with everything known about it.

        Raises:
            NotFound: there is no such prompt.
        """
        prompt = await self._store.get(prompt_id)
        if prompt is None or user not in (None, prompt.user_id):
            raise NotFound(f"there is no prompt {prompt_id}")
        return prompt

    async def list(
        self,
        states: Collection[PromptState],
        *,
        limit: int = 0,
        offset: int = 0,
        from_end: bool = False,
        user: str | None = None,
    ) -> Page:
        """Prompts in order, and how many there are in these states; see `QueueStore.list` for the order.

        Raises:
            InvalidArgument: `limit` or `offset` is negative, or no state is named.
        """
        check_page(states, limit, offset)
        return await self._store.list(states, limit=limit, offset=offset, from_end=from_end, user=user)

    async def keys(
        self,
        states: Collection[PromptState],
        *,
        limit: int,
        offset: int = 0,
        from_end: bool = False,
        user: str | None = None,
    ) -> Keys:
        """The keys of what `list` would answer; raises as it does."""
        check_page(states, limit, offset)
        return await self._store.keys(states, limit=limit, offset=offset, from_end=from_end, user=user)

    async def find(self, search: Search) -> Page:
        """Prompts without what was submitted, and how many there are in all; see `QueueStore.find`.

        Raises:
            InvalidArgument: `limit` or `offset` is negative, or no state is named.
        """
        check_page(search.states, search.limit, search.offset)
        return await self._store.find(search)

    async def export(self, prompt_id: str, *, user: str | None = None) -> bytes:
        """Everything that is known about a prompt as one JSON document, without credentials.

        Raises:
            NotFound: there is no such prompt.
        """
        prompt = await self.get(prompt_id, user=user)
        return await asyncio.to_thread(export, prompt)

    async def stats(self, *, user: str | None = None) -> Stats:
        """How many prompts wait and run."""
        counts = await self._store.counts(user)
        return Stats(counts.get(PromptState.PENDING, 0), counts.get(PromptState.RUNNING, 0))

    async def depths(self) -> Depths:
        """How many prompts wait and run, by priority and whether they have a user."""
        return await self._store.depths()
