"""How far contents are hashed that are on their way in: lost with the process, computed again then."""

from __future__ import annotations

from collections import OrderedDict

from blake3 import blake3

#: Uploads whose hash is kept, a few kB each.
MAX_HASHES = 1_000


class Hashes:
    """The hashes of uploads that this process saw from their beginning."""

    def __init__(self) -> None:
        self._hashes: OrderedDict[str, tuple[int, blake3]] = OrderedDict()

    def at(self, upload_id: str, size: int) -> blake3 | None:
        """A hash of the first `size` bytes, which may be gone on with; None when these were not all seen."""
        if size == 0:
            return blake3()
        hashed, hash = self._hashes.get(upload_id, (0, None))
        return hash.copy() if hash is not None and hashed == size else None

    def keep(self, upload_id: str, size: int, hash: blake3 | None) -> None:
        """Remember a hash of the first `size` bytes."""
        self._hashes.pop(upload_id, None)
        if hash is not None:
            self._hashes[upload_id] = (size, hash.copy())
        if len(self._hashes) > MAX_HASHES:
            self._hashes.popitem(last=False)

    def forget(self, upload_id: str) -> None:
        """The upload is over."""
        self._hashes.pop(upload_id, None)
