"""Entries of the history: finished prompts never change, so those that were read of late are kept."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

import msgspec

from services.errors import NotFound
from services.gateway.translate.entries import history_entry
from services.queue.client import QueueClient
from services.queue.records import Prompt, PromptKey, PromptState

#: What ran; a prompt that was taken back before has no history.
STATES = (PromptState.SUCCEEDED, PromptState.FAILED, PromptState.INTERRUPTED)

#: Bytes of kept entries.
MAX_BYTES = 8 << 20

#: Prompts that are read one by one; of more the whole page is read.
FEW = 8

#: An entry with its id, as a member of a JSON object.
Member = bytes


class History:
    """Reads pages of the history from the queue, or only which prompts are on them where the entries are known."""

    def __init__(self) -> None:
        self._kept: OrderedDict[PromptKey, Member] = OrderedDict()
        self._bytes = 0

    @property
    def size(self) -> int:
        """Bytes of what is kept."""
        return self._bytes

    async def page(self, queue: QueueClient, *, limit: int, offset: int = 0, from_end: bool = False) -> list[Member]:
        """The entries of a page, by when the prompts finished, as a queue has them."""
        keys = await queue.keys(STATES, limit=limit, offset=offset, from_end=from_end)
        missing = [key for key in keys if key not in self._kept]
        if len(missing) > FEW:
            prompts, _ = await queue.list(STATES, limit=limit, offset=offset, from_end=from_end)
            return [self._keep(prompt) for prompt in prompts]
        read = dict(zip(missing, await asyncio.gather(*(self._read(queue, key) for key in missing)), strict=True))
        members = [read.get(key) or self._known(key) for key in keys]
        return [member for member in members if member]

    async def _read(self, queue: QueueClient, key: PromptKey) -> Member:
        """The entry of a prompt, empty if it was forgotten meanwhile."""
        try:
            return self._keep(await queue.get(key.prompt_id))
        except NotFound:
            return b""

    def _known(self, key: PromptKey) -> Member:
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key, b"")

    def _keep(self, prompt: Prompt) -> Member:
        key, made = PromptKey(prompt.prompt_id, prompt.finished_at), member(prompt)
        self._bytes += len(made) - len(self._kept.pop(key, b""))
        self._kept[key] = made
        while self._bytes > MAX_BYTES:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= len(dropped)
        return made


def member(prompt: Prompt) -> Member:
    """A finished prompt's entry."""
    return b"%s: %s" % (msgspec.json.encode(prompt.prompt_id), msgspec.json.encode(history_entry(prompt)))
