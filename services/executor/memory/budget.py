"""How much of a device's memory models and their work may take; known to the agent too, which has no torch."""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.errors import InvalidArgument

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SETTING = re.compile(r"(\d+(?:\.\d+)?)\s*(?:(%)|([KMGT]?)i?B?)", re.IGNORECASE)

#: Left to the driver, to libraries and to others when nothing is said: a part of the device, and this much at least.
RESERVED_SHARE = 0.05
LEAST_RESERVED = 512 << 20


@dataclass(frozen=True)
class Budget:
    """A number of bytes, or a share of what there is; neither leaves a reserve."""

    size: int | None = None
    share: float | None = None

    @classmethod
    def parse(cls, setting: str) -> Budget:
        """Read "8GB", "6500MB" (units of 1024), "80%" or "" (all but a reserve).

        Raises:
            InvalidArgument: it is none of these, nothing, or more than all.
        """
        if not setting.strip():
            return cls()
        found = _SETTING.fullmatch(setting.strip())
        if found is None:
            raise InvalidArgument(f"vram-budget {setting!r} is neither a size such as 8GB nor a share such as 80%")
        number, is_share, unit = float(found[1]), found[2] is not None, (found[3] or "").upper()
        if number == 0 or (is_share and number > 100):
            raise InvalidArgument(f"vram-budget {setting!r} must be more than nothing and at most 100%")
        return cls(share=number / 100) if is_share else cls(size=int(number * _UNITS[unit]))

    def of(self, total: int) -> int:
        """The bytes that may be taken of a device that has `total`."""
        if self.size is not None:
            return min(self.size, total)
        if self.share is not None:
            return int(total * self.share)
        return max(0, total - max(LEAST_RESERVED, int(total * RESERVED_SHARE)))
