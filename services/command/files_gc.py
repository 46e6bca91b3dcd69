"""Have a running file service remove what nobody needs any more, or say what that is."""

from __future__ import annotations

import asyncio
from collections import Counter

from services.files.client import FileClient
from services.rpc.security import SecuritySettings
from services.settings import setting, settings


@settings
class Settings(SecuritySettings):
    """What `silverprint files gc` takes."""

    files: str = setting(default="127.0.0.1:8191", help="address of the file service")
    dry_run: bool = setting(default=False, help="only say what would go")


def main(settings: Settings) -> int:
    """Print each thing that goes, and how much that is in all; returns 0.

    Raises:
        Unavailable: no file service answers.
    """
    asyncio.run(_collect(settings))
    return 0


async def _collect(settings: Settings) -> None:
    counts: Counter[str] = Counter()
    size = 0
    async with FileClient(settings.files, settings.security) as client:
        async for garbage in client.collect_garbage(dry_run=settings.dry_run):
            print(f"{garbage.size:>14,}  {garbage.kind.value:<26}  {garbage.path}")
            counts[garbage.kind.value] += 1
            size += garbage.size
    verb = "would go" if settings.dry_run else "went"
    for what, count in sorted(counts.items()):
        print(f"{verb}: {count:,} times {what}")
    print(f"{verb}: {size:,} bytes in all")
