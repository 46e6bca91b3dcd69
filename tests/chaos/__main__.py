"""`python -m tests.chaos`: the long storm, with a seed of your own or a new one."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.storm import Load, Storm
from tests.chaos.system import Size, running


def main() -> int:
    """Run one; 0 when nothing is lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="draws the faults and the load")
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--prompts", type=int, default=1000)
    parser.add_argument("--poisons", type=int, default=5, help="prompts that kill their workers")
    parser.add_argument("--executors", type=int, default=3)
    parser.add_argument("--queues", type=int, default=1, help="replicas of the queue, which need --postgres")
    parser.add_argument("--postgres", action="store_true", help="in the place of SQLite")
    parser.add_argument("--lease", type=float, default=3.0, help="seconds")
    parser.add_argument("--short", action="store_true", help="every kind of fault at one target instead of at all")
    return asyncio.run(_run(parser.parse_args()))


async def _run(chosen: argparse.Namespace) -> int:
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    began = time.monotonic()
    _say(f"seed {chosen.seed}, logs in {folder / 'system' / 'logs'}")
    size = Size(chosen.executors, queues=chosen.queues, postgres=chosen.postgres, lease=chosen.lease)
    async with running(folder / "system", size) as system:
        _say(f"started in {time.monotonic() - began:.1f} s")
        storm = Storm(system, Load(chosen.clients, chosen.prompts, poisons=chosen.poisons), chosen.seed, _say)
        problems = await storm.run(everywhere=not chosen.short)
    for line in storm.report():
        _say(line)
    for problem in problems:
        _say(f"WRONG: {problem}")
    _say(f"seed {chosen.seed}: {len(problems)} problems")
    return 1 if problems else 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
