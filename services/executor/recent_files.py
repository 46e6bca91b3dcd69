"""What was made of files, kept while the files are the same and there is room for them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

Made = TypeVar("Made")


class _Version(NamedTuple):
    path: str
    changed: int
    size: int


class RecentFiles:
    """The things that were made of files last; of a file that was replaced they are made anew."""

    def __init__(self, budget: int) -> None:
        """`budget` is in bytes of all files together; the last thing is kept whatever its size."""
        self._budget = budget
        self._made: OrderedDict[tuple[tuple[_Version, ...], Hashable], Any] = OrderedDict()

    def get(self, paths: Sequence[Path], make: Callable[[], Made], how: Hashable = None) -> Made:
        """What was made of these files; `how` tells apart different things made of the same ones."""
        key = (tuple(_version(path) for path in paths), how)
        if key not in self._made:
            self._made[key] = make()
            self._forget_beyond_budget()
        self._made.move_to_end(key)
        made: Made = self._made[key]
        return made

    def names(self) -> list[str]:
        """The names of the files, without their folders; may be asked for by another thread."""
        return sorted({Path(version.path).name for versions, _ in tuple(self._made) for version in versions})

    def clear(self) -> None:
        """Keep nothing."""
        self._made.clear()

    def _forget_beyond_budget(self) -> None:
        while len(self._made) > 1 and self._size() > self._budget:
            self._made.popitem(last=False)

    def _size(self) -> int:
        return sum(version.size for versions, _ in self._made for version in versions)


def _version(path: Path) -> _Version:
    status = path.stat()
    return _Version(str(path), status.st_mtime_ns, status.st_size)
