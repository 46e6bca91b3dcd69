"""`silverprint top`, in a terminal and without one."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from services.command.top import Settings, main
from services.command.top.moment import Progress, Story
from services.errors import InvalidArgument
from services.graph.events import NodeFinished, NodeProgress, NodeRef, NodeStarted
from services.queue.records import Event
from tests.gateway.stack import gateway, wait_for_interrupt

COMMAND = [sys.executable, "-m", "services", "top"]
NODE = NodeRef.of_workflow("3")


def event(body: Any, at: float) -> Event:
    return Event(prompt_id="p", sequence=1, happened_at=at, client_id="", body=body)


def test_progress_is_followed_and_the_rest_guessed_from_the_pace() -> None:
    story = Story()
    story.hear([event(NodeStarted(NODE), 10.0), event(NodeProgress(NODE, 5.0, 20.0), 15.0)])
    progress = story.progress["p"]
    assert progress == Progress("3", 5.0, 20.0, began_at=10.0)
    assert (progress.share, progress.seconds_left(15.0)) == (0.25, 15.0)
    assert Progress("3").seconds_left(15.0) is None
    story.hear([event(NodeFinished(NODE, b"{}", False), 30.0)])
    assert story.progress == {}


async def test_one_picture_shows_what_there_is() -> None:
    async with gateway(wait_for_interrupt) as served:
        running = await served.submit()
        await served.begun(running)
        waiting = await served.submit()
        process = await asyncio.create_subprocess_exec(
            *COMMAND, "--queue", served.settings.queue, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        told, complaints = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, complaints
    text = told.decode()
    assert "waiting 1  running 1  ended in a minute 0" in text
    assert "executor-1" in text
    for prompt_id, before, after in ((running, "running ─", "waiting, in"), (waiting, "waiting, in", "ended, the")):
        assert text.index(before) < text.index(prompt_id) < text.index(after)
    assert "\x1b" not in text


async def test_a_terminal_is_painted_until_ctrl_c() -> None:
    async with gateway(wait_for_interrupt) as served:
        running = await served.submit()
        await served.begun(running)
        terminal = Terminal("--queue", served.settings.queue, "--interval", "0.2")
        await asyncio.to_thread(terminal.wait_for, lambda screen: running[:12] in screen)
    await asyncio.to_thread(terminal.wait_for, lambda screen: "the queue does not answer" in screen)
    assert await asyncio.to_thread(terminal.stop) == 0


class Terminal:
    """A pseudo-terminal of 80 columns with the command in it."""

    def __init__(self, *flags: str) -> None:
        self._screen = ""
        self._end, other = pty.openpty()
        environment = os.environ | {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
        self._process = subprocess.Popen([*COMMAND, *flags], stdin=other, stdout=other, stderr=other, env=environment)
        os.close(other)

    def wait_for(self, condition: Callable[[str], bool]) -> None:
        """Read until what was written fulfils the condition."""
        while not condition(self._screen):
            self._screen += os.read(self._end, 1 << 16).decode(errors="replace")
        self._screen = ""

    def stop(self) -> int:
        """Press Ctrl-C; the exit code."""
        self._process.send_signal(signal.SIGINT)
        try:
            while os.read(self._end, 1 << 16):
                pass
        except OSError:  # its other end is closed
            pass
        os.close(self._end)
        return self._process.wait(10)


def test_an_interval_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="interval must be from 0.1"):
        main(Settings(interval=0.0))


def test_without_a_queue_one_picture_is_an_error() -> None:
    asked = subprocess.run([*COMMAND, "--once", "--queue", "127.0.0.1:1"], capture_output=True, text=True, timeout=60)
    assert asked.returncode == 2
    assert "silverprint top: " in asked.stderr
    assert "Traceback" not in asked.stderr
