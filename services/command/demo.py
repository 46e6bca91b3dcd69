"""Start a stack on free ports, make one picture as a ComfyUI client would, print its path, stop."""

from __future__ import annotations

import dataclasses
import sys
from importlib import resources
from pathlib import Path

from services.command.comfy_client import Finished
from services.command.interruptible import run_until_signal
from services.command.run import changed, load_workflow, run_workflow
from services.command.stack import StackSettings, running_stack
from services.settings import setting, settings

EXAMPLE = Path(str(resources.files("services.command") / "examples" / "red_circle.json"))


@settings
class Settings(StackSettings):
    """What `silverprint demo` takes besides the stack's settings."""

    port: int = setting(default=0, help="port that the gateway listens on, 0 for a free one")
    queue_port: int = setting(default=0, help="loopback port of the queue's gRPC service, 0 for a free one")
    files_port: int = setting(default=0, help="loopback port of the file service, 0 for a free one")
    prompt: str = setting(default="a red circle on a blue background", help="what the picture shows")
    pictures: Path = setting(default=Path("pictures"), help="folder to save the picture in")


def main(settings: Settings) -> int:
    """Make the picture; returns 0 when it is there.

    Raises:
        ServiceError: the stack could not start, or the workflow was refused.
    """
    finished = run_until_signal(_make_picture(settings))
    if finished is None:
        return 130
    if finished.error:
        print(f"silverprint demo: {finished.error}", file=sys.stderr)
        return 1
    for path in finished.saved:
        print(f"Here is the picture: {path.resolve()}")
    return 0


async def _make_picture(settings: Settings) -> Finished:
    graph = changed(load_workflow(EXAMPLE), (f"6.text={settings.prompt}",))
    fields = {field.name: getattr(settings, field.name) for field in dataclasses.fields(StackSettings)}
    async with running_stack(StackSettings(**fields)) as stack:
        return await run_workflow(graph, stack.url, settings.pictures)
