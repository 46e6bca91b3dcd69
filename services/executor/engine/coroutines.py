"""Lets nodes be coroutines in an engine that is not."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Collection
from contextvars import copy_context
from typing import Any

log = logging.getLogger(__name__)

#: Seconds between looks at whether the run was asked to stop, while there is nothing to do but wait.
_LOOK_INTERVAL = 0.05
#: Seconds that coroutines of a run that has ended have to clean up.
_GRACE = 2.0

Task = asyncio.Task[Any]


class Coroutines:
    """An event loop of its own, started when the first coroutine comes. Use as a context manager.

    Coroutines only go on while `settle`, `turn` or `wait` is called; nodes that are none run in between.
    """

    def __init__(self, raise_if_interrupted: Callable[[], None]) -> None:
        self._raise_if_interrupted = raise_if_interrupted
        self._loop: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> Coroutines:
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None:
            self._cancel_all(self._loop)
            self._loop.close()

    def start(self, value: Any) -> Any:
        """A task that has come to its first wait, for something that can be awaited; other values as they are."""
        if not inspect.isawaitable(value) or isinstance(value, asyncio.Task):
            return value
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        task = self._loop.create_task(_wait_for(value), context=copy_context())
        self.turn()
        return task

    def settle(self, value: Any) -> Any:
        """The value, or what it gives when it is awaited; what it raises passes through."""
        started = self.start(value)
        if not isinstance(started, asyncio.Task):
            return started
        while not started.done():
            self.wait([started])
        return started.result()

    def turn(self) -> None:
        """Let every coroutine that can go on do so until its next wait."""
        if self._loop is not None:
            self._run(self._loop, asyncio.sleep(0))

    def wait(self, tasks: Collection[Task]) -> None:
        """Return when one of the tasks may have ended.

        Raises:
            Interrupted: the run was asked to stop.
        """
        assert self._loop is not None
        self._raise_if_interrupted()
        self._run(self._loop, asyncio.wait(tasks, timeout=_LOOK_INTERVAL, return_when=asyncio.FIRST_COMPLETED))

    def _run(self, loop: asyncio.AbstractEventLoop, coroutine: Any) -> None:
        waiting = loop.create_task(coroutine)
        try:
            loop.run_until_complete(waiting)
        except (SystemExit, KeyboardInterrupt):  # raised by some node, whose task has it too
            waiting.cancel()

    def _cancel_all(self, loop: asyncio.AbstractEventLoop) -> None:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self._run(loop, asyncio.wait(tasks, timeout=_GRACE))
        stubborn = [task for task in tasks if not task.done()]
        if stubborn:
            log.warning("%d coroutines go on although their prompt has ended, and are abandoned", len(stubborn))
        for task in tasks.difference(stubborn):
            if not task.cancelled():
                task.exception()  # else asyncio logs that nobody asked


async def _wait_for(value: Any) -> Any:
    return await value
