"""What is done with the tables of assets, whichever database they are in."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec import structs

from services.database.steps import Steps, row, rows
from services.errors import AlreadyExists, InvalidArgument, NotFound
from services.files.assets.checks import values_in
from services.files.assets.records import (
    Asset,
    AssetChange,
    AssetFilter,
    AssetOrder,
    AssetPage,
    Created,
    TagCount,
    TagPage,
    TagsChanged,
)
from services.files.assets.stores.conditions import Condition
from services.files.assets.stores.rows import COLUMNS, NAMED, from_row, to_row, us

_INSERT = f"INSERT INTO assets ({', '.join(COLUMNS)}) VALUES ({', '.join(f'${n + 1}' for n in range(len(COLUMNS)))})"
_UPDATE = f"UPDATE assets SET {', '.join(f'{it} = ${n + 1}' for n, it in enumerate(COLUMNS))} WHERE id = $1"
_LIVE = "(a.expires_us IS NULL OR a.expires_us > $2)"

#: Assets that a rare tag has at most: looking at these is quicker than at all of an owner.
RARE = 2_000

_SORTED_BY = {
    AssetOrder.NAME: "a.folded_name",
    AssetOrder.CREATED: "a.created_us",
    AssetOrder.UPDATED: "a.updated_us",
    AssetOrder.SIZE: "a.size",
    AssetOrder.ACCESSED: "a.accessed_us",
}


def create(asset: Asset, *, reuse: bool) -> Steps[Created]:
    """Keep an asset, unless there is one that is as good; raises as `AssetLibrary.create`."""
    same = yield from row(f"SELECT {NAMED} FROM assets a WHERE a.id = $1", asset.id)
    if same is not None:
        there = from_row(same)
        if there.owner != asset.owner or there.blake3 != asset.blake3:
            raise AlreadyExists(f"the id {asset.id} is that of another asset")
        return Created(there, is_new=False)
    if reuse:
        as_good = yield from row(
            f"SELECT {NAMED} FROM assets a WHERE a.owner = $1 AND {_LIVE} AND a.blake3 = $3 AND a.name = $4 LIMIT 1",
            *(asset.owner, us(asset.created_at), asset.blake3, asset.name),
        )
        if as_good is not None:
            return Created(from_row(as_good), is_new=False)
    yield from rows(_INSERT, *to_row(asset))
    yield from _keep_tags(asset)
    yield from _keep_values(asset)
    return Created(asset, is_new=True)


def get(owner: str, id: str, now: float) -> Steps[Asset]:
    """One asset; raises as `AssetLibrary.get`."""
    found = yield from row(
        f"SELECT {NAMED} FROM assets a WHERE a.id = $1 AND {_LIVE} AND a.owner = $3", id, us(now), owner
    )
    if found is None:
        raise NotFound(f"there is no asset {id}")
    return from_row(found)


def touch(owner: str, id: str, now: float) -> Steps[Asset]:
    """One asset, which is used now."""
    asset = structs.replace((yield from get(owner, id, now)), accessed_at=now)
    yield from rows("UPDATE assets SET accessed_us = $2 WHERE id = $1", id, us(now))
    return asset


def page(
    wanted: AssetFilter, now: float, *, order: AssetOrder, descending: bool, limit: int, offset: int
) -> Steps[AssetPage]:
    """Some of the assets that fit, and how many do."""
    condition = Condition(wanted, us(now), (yield from _rare_tag(wanted.tags)))
    fit = f"FROM {condition.source} WHERE {condition}"
    count = yield from row(f"SELECT count(*) {fit}", *condition.values)
    direction = "DESC" if descending else "ASC"
    sql = f"SELECT {NAMED} {fit} ORDER BY {_SORTED_BY[order]} {direction}, a.id {direction}"
    sql += f" LIMIT {condition.add(limit)} OFFSET {condition.add(offset)}"
    found = yield from rows(sql, *condition.values)
    return AssetPage([from_row(it) for it in found], count[0] if count else 0)


def update(owner: str, id: str, change: AssetChange, now: float) -> Steps[Asset]:
    """Change an asset."""
    before = yield from get(owner, id, now)
    changes = {key: value for key, value in structs.asdict(change).items() if value is not None}
    if changes.get("expires_at") == 0:
        changes["expires_at"] = None
    after = structs.replace(before, **changes, updated_at=now)
    yield from _replace(after, tags=change.tags is not None, values=change.metadata is not None)
    return after


def change_tags(owner: str, id: str, tags: Sequence[str], now: float, *, add: bool, most: int) -> Steps[TagsChanged]:
    """Add tags to an asset, which may have `most`, or remove them."""
    before = yield from get(owner, id, now)
    there = [tag for tag in tags if tag in before.tags]
    others = [tag for tag in tags if tag not in before.tags]
    changed, unchanged = (others, there) if add else (there, others)
    if not changed:
        return TagsChanged(before, (), unchanged)
    kept = [*before.tags, *others] if add else [tag for tag in before.tags if tag not in there]
    if len(kept) > most:
        raise InvalidArgument(f"tags: there would be more than {most}")
    after = structs.replace(before, tags=kept, updated_at=now)
    yield from _replace(after, tags=True, values=False)
    return TagsChanged(after, changed, unchanged)


def delete(owner: str, id: str, now: float) -> Steps[tuple[Asset, bool]]:
    """Forget an asset; answers with what it was and whether it was the last one of its file."""
    asset = yield from get(owner, id, now)
    return asset, (yield from _forget(asset))


def expire(now: float, limit: int) -> Steps[Sequence[tuple[Asset, bool]]]:
    """Forget assets that have expired, and tell of each whether it was the last one of its file."""
    found = yield from rows(
        f"SELECT {NAMED} FROM assets a WHERE a.expires_us <= $1 ORDER BY a.expires_us LIMIT $2", us(now), limit
    )
    gone = []
    for it in found:
        asset = from_row(it)
        gone.append((asset, (yield from _forget(asset))))
    return gone


def count_tags(
    wanted: AssetFilter, now: float, *, prefix: str, by_name: bool, limit: int, offset: int
) -> Steps[TagPage]:
    """The tags of the assets that fit."""
    condition = Condition(wanted, us(now))
    matching = f"FROM asset_tags c JOIN assets a ON a.id = c.asset WHERE {condition}"
    if prefix:
        matching += f" AND substr(c.tag, 1, {condition.add(len(prefix))}) = {condition.add(prefix)}"
    counted = f"SELECT c.tag AS tag, count(*) AS number {matching} GROUP BY c.tag"
    order = "tag" if by_name else "number DESC, tag"
    sql = f"SELECT tag, number, count(*) OVER () FROM ({counted}) counted ORDER BY {order}"
    values = list(condition.values)
    sql += f" LIMIT {condition.add(limit)} OFFSET {condition.add(offset)}"
    found = yield from rows(sql, *condition.values)
    total = found[0][2] if found else 0
    if not found and offset:  # the page lies behind the last one
        behind = yield from row(f"SELECT count(DISTINCT c.tag) {matching}", *values)
        total = behind[0] if behind else 0
    return TagPage([TagCount(tag, count) for tag, count, _ in found], total)


def has_content(owner: str, blake3: str, now: float) -> Steps[bool]:
    """Whether an owner has an asset of a content."""
    sql = f"SELECT 1 FROM assets a WHERE a.owner = $1 AND {_LIVE} AND a.blake3 = $3 LIMIT 1"
    return (yield from row(sql, owner, us(now), blake3)) is not None


def referenced(digests: Collection[str]) -> Steps[set[str]]:
    """Which of these contents some asset is of."""
    wanted = list(digests)
    if not wanted:
        return set()
    names = ", ".join(f"${number + 1}" for number in range(len(wanted)))
    found = yield from rows(f"SELECT DISTINCT blake3 FROM assets WHERE blake3 IN ({names})", *wanted)
    return {digest for (digest,) in found}


def _rare_tag(tags: Sequence[str]) -> Steps[str | None]:
    """The tag of these that the fewest assets have, None when all of them are common."""
    rarest, fewest = None, RARE + 1
    for tag in tags:
        sql = "SELECT count(*) FROM (SELECT 1 FROM asset_tags WHERE tag = $1 LIMIT $2) counted"
        counted = yield from row(sql, tag, RARE + 1)
        if counted and counted[0] < fewest:
            rarest, fewest = tag, counted[0]
    return rarest


def _replace(asset: Asset, *, tags: bool, values: bool) -> Steps[None]:
    yield from rows(_UPDATE, *to_row(asset))
    if tags:
        yield from rows("DELETE FROM asset_tags WHERE asset = $1", asset.id)
        yield from _keep_tags(asset)
    if values:
        yield from rows("DELETE FROM asset_values WHERE asset = $1", asset.id)
        yield from _keep_values(asset)


def _keep_tags(asset: Asset) -> Steps[None]:
    for tag in asset.tags:
        yield from rows("INSERT INTO asset_tags (asset, tag) VALUES ($1, $2)", asset.id, tag)


def _keep_values(asset: Asset) -> Steps[None]:
    for name, value in values_in(asset.metadata):
        yield from rows("INSERT INTO asset_values (asset, name, value) VALUES ($1, $2, $3)", asset.id, name, value)


def _forget(asset: Asset) -> Steps[bool]:
    yield from rows("DELETE FROM assets WHERE id = $1", asset.id)
    other = yield from row("SELECT 1 FROM assets WHERE file = $1 LIMIT 1", str(asset.file))
    return other is None
