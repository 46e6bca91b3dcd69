"""The command: looks at everything, and tells."""

from __future__ import annotations

import asyncio
import shutil
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path

import msgspec

from services.command.doctor import folders, installation, processes
from services.command.doctor.finding import Finding, Level
from services.rpc.security import SecuritySettings
from services.settings import setting, settings

_COLOURS = {Level.OK: "\x1b[32m", Level.WARNING: "\x1b[33m", Level.PROBLEM: "\x1b[31m"}
_PLAIN = "\x1b[0m"

_INDENT = " " * 9


@settings
class Settings(SecuritySettings):
    """What `silverprint doctor` takes."""

    data: Path = setting(default=Path("data"), help="folder of the queue and the files")
    models: tuple[Path, ...] = setting(default=(Path("models"),), help="folder with checkpoints/, loras/ and so on")
    queue: str = setting(
        default="127.0.0.1:8190", help="address of the queue, or those of its replicas with commas between them"
    )
    files: str = setting(default="127.0.0.1:8191", help="address of the file service")
    gateway: str = setting(default="http://127.0.0.1:8188", help="where the gateway is")
    torch: bool = setting(default=True, help="whether to look at torch and the device, which takes some seconds")
    json: bool = setting(default=False, help="whether to print JSON, for programs")


def main(settings: Settings) -> int:
    """Look at everything; returns 1 when there is a problem.

    Raises:
        InvalidArgument: an address is none, or a file of the security cannot be used.
    """
    security = settings.security
    found: list[Finding] = []

    def tell(findings: Iterable[Finding]) -> None:
        for finding in findings:
            found.append(finding)
            if not settings.json:
                _print(finding)

    async def tell_of_services() -> None:
        async for finding in processes.look(settings.queue, settings.files, settings.gateway, security):
            tell([finding])

    tell(installation.look(settings.torch))
    tell(folders.look(settings.data, settings.models))
    asyncio.run(tell_of_services())
    if settings.json:
        print(msgspec.json.encode(found).decode())
    else:
        print(_summary(found))
    return int(any(finding.level is Level.PROBLEM for finding in found))


def _print(finding: Finding) -> None:
    level = f"{finding.level.value:<8}"
    if sys.stdout.isatty():
        level = f"{_COLOURS[finding.level]}{level}{_PLAIN}"
    print(f"{level} {finding.subject}: {finding.state}", flush=True)
    if finding.remedy:
        width = shutil.get_terminal_size().columns
        print(textwrap.fill(finding.remedy, width, initial_indent=_INDENT + "→ ", subsequent_indent=_INDENT + "  "))


def _summary(found: Iterable[Finding]) -> str:
    levels = [finding.level for finding in found]
    problems, warnings = levels.count(Level.PROBLEM), levels.count(Level.WARNING)
    if not problems and not warnings:
        return "All is well."
    return f"{problems} problem{'s' * (problems != 1)}, {warnings} warning{'s' * (warnings != 1)}"
