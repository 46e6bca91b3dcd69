"""Submit a workflow to a running stack as any ComfyUI client does, follow it, and save its pictures."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from services.command.comfy_client import ComfyClient, Finished
from services.command.interruptible import run_until_signal
from services.command.progress import ProgressBar
from services.errors import InvalidArgument
from services.settings import REQUIRED, setting, settings


@settings
class Settings:
    """What `silverprint run` takes."""

    workflow: Path = setting(default=REQUIRED, help="a workflow in API format (JSON)")
    server: str = setting(default="http://127.0.0.1:8188", help="where the gateway is")
    key: str = setting(
        default="", help="what the gateway is shown where it asks for keys; better put into the variable"
    )
    output: Path = setting(default=Path("."), help="folder to save the pictures in")
    set: tuple[str, ...] = setting(
        default=(), help="change an input before submitting: NODE.INPUT=VALUE, such as 6.text='a red circle'"
    )


def main(settings: Settings) -> int:
    """Run the workflow; returns 0 when it succeeded, 1 when it failed, 130 when a signal came first.

    Raises:
        InvalidArgument: the workflow cannot be read or is refused.
        Unauthenticated: the server asks for a key, or for another one.
        Unavailable: nothing answers at the server's address.
    """
    graph = changed(load_workflow(settings.workflow), settings.set)
    finished = run_until_signal(run_workflow(graph, settings.server, settings.output, settings.key))
    if finished is None:
        return 130
    for path in finished.saved:
        print(path)
    if finished.error:
        print(f"silverprint run: {finished.error}", file=sys.stderr)
    return 1 if finished.error else 0


async def run_workflow(graph: dict[str, Any], server: str, output: Path, key: str = "") -> Finished:
    """Submit `graph`, show its progress, save what it made into `output`. A cancelled call interrupts the prompt."""
    async with ComfyClient(server, key) as client:
        prompt_id = await client.submit(graph)
        with ProgressBar(graph) as bar:
            try:
                await client.follow(prompt_id, bar.update)
            except asyncio.CancelledError:
                await client.interrupt(prompt_id)
                raise
        return await client.save_outputs(prompt_id, output)


def load_workflow(path: Path) -> dict[str, Any]:
    """Read a workflow in API format.

    Raises:
        InvalidArgument: it is not there, not JSON, or a canvas document instead of the API format.
    """
    try:
        graph = json.loads(path.read_bytes())
    except OSError as error:
        raise InvalidArgument(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InvalidArgument(f"{path} is not JSON: {error}") from error
    if isinstance(graph, dict) and isinstance(graph.get("nodes"), list):
        raise InvalidArgument(f"{path} is a canvas document; export it in API format (Workflow > Export (API))")
    if not isinstance(graph, dict):
        raise InvalidArgument(f"{path} is not a workflow: a JSON object of node id to node is expected")
    return graph


def changed(graph: dict[str, Any], changes: tuple[str, ...]) -> dict[str, Any]:
    """The workflow with inputs replaced, each change being "NODE.INPUT=VALUE" with VALUE as JSON or plain text.

    Raises:
        InvalidArgument: a change is not of that form, or there is no such node or input.
    """
    for change in changes:
        target, equals, text = change.partition("=")
        node_id, dot, name = target.partition(".")
        if not (equals and dot):
            raise InvalidArgument(f"--set {change!r} is not NODE.INPUT=VALUE")
        inputs = graph.get(node_id, {}).get("inputs", {})
        if name not in inputs:
            raise InvalidArgument(f"--set {change!r}: node {node_id} has no input {name}")
        inputs[name] = _json_or_text(text)
    return graph


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
