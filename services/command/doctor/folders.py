"""The folders: whether they can be written, how much fits, whether there are models."""

from __future__ import annotations

import os
import resource
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from services.command.doctor.finding import Finding, ok, problem, warning

GIB = 1 << 30

#: Below this pictures are still saved, but not for long.
LITTLE_SPACE = 5 * GIB
#: Below this databases and uploads begin to fail.
NO_SPACE = GIB // 4

#: Open files that a gateway with many sockets, or a file service with many readers, should be allowed.
ENOUGH_FILES = 4096

#: What a checkpoint is called.
MODELS = (".safetensors", ".ckpt", ".pt", ".pth", ".bin")


def look(data: Path, models: Sequence[Path]) -> Iterator[Finding]:
    """What is on the disk."""
    yield _writable(data)
    if data.is_dir():
        yield _space(data)
        yield from _writable_by_others(data)
    yield _models(models)
    yield _open_files()


def _writable(data: Path) -> Finding:
    if not data.exists():
        return warning("data", f"{data} does not exist", f"it is made when a service starts; or mkdir -p {data}")
    if not data.is_dir():
        return problem("data", f"{data} is not a folder", "name another one with --data")
    try:
        with tempfile.TemporaryFile(dir=data):
            return ok("data", str(data.absolute()))
    except OSError as error:
        user = os.getuid()
        return problem(
            "data", f"{data} cannot be written: {error.strerror}", f"chown -R {user} {data}, or another --data"
        )


def _space(data: Path) -> Finding:
    free = shutil.disk_usage(data).free
    state = f"{free / GIB:.1f} GiB free"
    remedy = "silverprint files gc --dry-run says what can go; --history-days and --temp-hours keep less"
    if free < NO_SPACE:
        return problem("disk", state, remedy)
    return warning("disk", state, remedy) if free < LITTLE_SPACE else ok("disk", state)


def _writable_by_others(data: Path) -> Iterator[Finding]:
    open_ = [
        path.name for path in sorted(data.glob("*.sqlite3")) if path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    ]
    if open_:
        yield warning("databases", f"others may write {', '.join(open_)}", f"chmod go-w {data}/*.sqlite3")


def _models(folders: Sequence[Path]) -> Finding:
    missing = [str(folder) for folder in folders if not folder.is_dir()]
    if missing:
        return warning("models", f"{', '.join(missing)} does not exist", "make it, or name another one with --models")
    count = sum(1 for folder in folders for path in folder.rglob("*") if path.suffix in MODELS)
    state = f"{count} in {', '.join(map(str, folders))}"
    if not count:
        return warning("models", state, "put checkpoints into checkpoints/ there; the bundled one is always found")
    return ok("models", state)


def _open_files() -> Finding:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < ENOUGH_FILES:
        return warning("open files", f"{hard} at most", f"ulimit -Hn {ENOUGH_FILES}, or LimitNOFILE= in the unit")
    return ok("open files", "any number" if hard == resource.RLIM_INFINITY else f"{hard} at most")
