"""The command: asks, listens and paints."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from contextlib import aclosing

from rich.console import Console
from rich.live import Live

from services.command.asking import AskingSettings
from services.command.interruptible import run_until_signal
from services.command.top.moment import Moment, Story, look
from services.command.top.view import picture
from services.errors import InvalidArgument, ServiceError
from services.queue.client import QueueClient
from services.settings import setting, settings

#: Seconds between attempts to listen to a queue that is away.
PAUSE = 1.0

#: Seconds in which the queue must answer.
PATIENCE = 5.0

#: Columns and lines where there is no terminal.
WIDTH, HEIGHT = 160, 60


@settings
class Settings(AskingSettings):
    """What `silverprint top` takes."""

    interval: float = setting(default=1.0, help="seconds between two pictures")
    once: bool = setting(default=False, help="whether to print one picture and end")


def main(settings: Settings) -> int:
    """Paint until Ctrl-C; returns 0.

    Raises:
        InvalidArgument: the interval is not one.
        Unavailable: with one picture only, that no queue answers.
    """
    if not 0.1 <= settings.interval <= 3600:
        raise InvalidArgument(f"interval must be from 0.1 to 3600 seconds, not {settings.interval:g}")
    run_until_signal(_once(settings) if settings.once or not sys.stdout.isatty() else _live(settings))
    return 0


async def _once(settings: Settings) -> None:
    story = Story()
    async with QueueClient(settings.queue, settings.security) as queue:
        async with asyncio.timeout(PATIENCE), aclosing(queue.watch()) as batches:
            story.hear(await anext(batches))  # what runs, and how far it is
        moment = await look(queue)
    console = Console(no_color=True) if sys.stdout.isatty() else Console(width=WIDTH, no_color=True)
    console.print(picture(moment, story, "", (console.width, HEIGHT)))


async def _live(settings: Settings) -> None:
    console, story, moment = Console(), Story(), None
    async with QueueClient(settings.queue, settings.security) as queue:
        listening = asyncio.create_task(_listen(queue, story))
        try:
            with Live(console=console, screen=True, auto_refresh=False) as live:
                while True:
                    moment, problem = await _asked(queue, moment)
                    live.update(picture(moment, story, problem, console.size), refresh=True)
                    await asyncio.sleep(settings.interval)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def _asked(queue: QueueClient, before: Moment | None) -> tuple[Moment | None, str]:
    """What there is now; what there was, and why, when the queue is away."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await look(queue), ""
    except ServiceError as error:
        return before, f"the queue does not answer: {error.message.rpartition(': ')[2]}"
    except TimeoutError:
        return before, f"the queue does not answer within {PATIENCE:g} seconds"


async def _listen(queue: QueueClient, story: Story) -> None:
    while True:
        with contextlib.suppress(ServiceError):
            async with aclosing(queue.watch()) as batches:
                async for batch in batches:
                    story.hear(batch)
        await asyncio.sleep(PAUSE)
