"""Which assets are meant, as a condition of SQL."""

from __future__ import annotations

from services.database.steps import Value
from services.files.assets.checks import values_in
from services.files.assets.records import AssetFilter
from services.files.assets.stores.rows import folded

_HAS_TAG = "EXISTS (SELECT 1 FROM asset_tags t WHERE t.asset = a.id AND t.tag = {})"
_HAS_VALUE = "EXISTS (SELECT 1 FROM asset_values v WHERE v.asset = a.id AND v.name = {} AND v.value IN ({}))"


class Condition:
    """A condition on the table of assets, called `a`, and its parameters so far.

    Attributes:
        source: what to select from.
    """

    def __init__(self, wanted: AssetFilter, now_us: int, rare_tag: str | None = None) -> None:
        """With a rare tag the few assets that have it are looked at, instead of all of the owner's."""
        self.values: list[Value] = []
        self.source = "assets a"
        self._parts = [f"a.owner = {self.add(wanted.owner)}"]
        if rare_tag is not None:
            self.source = "asset_tags r CROSS JOIN assets a"  # in this order, which SQLite keeps to
            self._parts.append(f"r.tag = {self.add(rare_tag)} AND a.id = r.asset")
        self._parts.append(f"(a.expires_us IS NULL OR a.expires_us > {self.add(now_us)})")
        self._parts += [_HAS_TAG.format(self.add(tag)) for tag in wanted.tags]
        self._parts += [f"NOT {_HAS_TAG.format(self.add(tag))}" for tag in wanted.without_tags]
        if wanted.name_contains:
            self._parts.append(f"a.folded_name LIKE {self.add(_pattern(wanted.name_contains))} ESCAPE '\\'")
        if wanted.job_id:
            self._parts.append(f"a.job_id = {self.add(wanted.job_id)} AND a.job_id <> ''")
        if wanted.blake3:
            self._parts.append(f"a.blake3 = {self.add(wanted.blake3)}")
        for key, value in wanted.metadata.items():
            alternatives = [self.add(each) for _, each in values_in({key: value})]
            self._parts.append(_HAS_VALUE.format(self.add(key), ", ".join(alternatives)) if alternatives else "1 = 0")

    def add(self, value: Value) -> str:
        """One more parameter, and what it is called."""
        self.values.append(value)
        return f"${len(self.values)}"

    def __str__(self) -> str:
        return " AND ".join(self._parts)


def _pattern(text: str) -> str:
    escaped = folded(text).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
