"""Transactions that give names to contents, or take them away."""

from __future__ import annotations

from collections import Counter

from services.database.steps import Row
from services.errors import Aborted, AlreadyExists, InvalidArgument, NotFound
from services.files import names
from services.files.records import FileInfo, FileName, OnConflict, Target
from services.files.retention.quotas import exhausted
from services.files.stores import placing
from services.files.stores.names import folders
from services.files.stores.names.records import Content, ContentGone, Named
from services.files.stores.names.steps import Locks, Statement, Steps, first, statement

#: Sorts right behind the character that precedes a number.
_BEHIND_PREFIX = "`"


class Change:
    """One transaction; what it owes to owners and contents is settled at its end."""

    def __init__(self, now_us: int, quota: int = 0) -> None:
        """A change at a moment; owners may have `quota` bytes, or as much as they like when it is 0."""
        self._now_us = now_us
        self._quota = quota
        self._bytes: Counter[str] = Counter()
        self._touched: set[str] = set()

    def place(self, target: Target, content: Content) -> Steps[Named]:
        """Give a content its name by the policy of the target.

        Raises:
            AlreadyExists, Aborted, InvalidArgument: as `FileStore.write`.
            ResourceExhausted: the owner would have more than the quota.
            ContentGone: the content has no object.
        """
        info = yield from self._named(target, content)
        return Named(info, (yield from self._settle(content)))

    def move(self, source: FileName, target: FileName, *, replace: bool) -> Steps[FileInfo]:
        """Give a file another name; raises as `FileStore.move`."""
        yield Locks((source, target))
        row = first((yield from statement("present", *key_of(source))))
        if row is None:
            raise NotFound(f"there is no {source}")
        yield from _check_parents(target)
        is_folder = yield from _is_folder(target)
        there = first((yield from statement("present", *key_of(target))))
        if (is_folder or there) and not replace:
            raise AlreadyExists(f"{target} exists")
        if is_folder:
            raise InvalidArgument(f"{target} is a folder")
        if source != target:
            yield from self._remove(target)
            yield Statement("remove", key_of(source))
            yield Statement("insert", (*key_of(target), *row, *folders.inside(target)))
        yield from self._settle()
        return _info(target, row)

    def delete(self, name: FileName, *, before_us: int | None = None) -> Steps[None]:
        """Take a name away; with a moment only if it was last written before that.

        Raises:
            NotFound: no such name.
            Aborted: it was written later.
        """
        yield Locks((name,))
        row = first((yield from statement("present", *key_of(name))))
        if row is None:
            raise NotFound(f"there is no {name}")
        if before_us is not None and row[2] >= before_us:
            raise Aborted(f"{name} was written again")
        yield from self._remove(name)
        yield from self._settle()

    def _named(self, target: Target, content: Content) -> Steps[FileInfo]:
        """Give a content the name that the policy has for it, or find it there already."""
        name = target.name
        if target.on_conflict is OnConflict.OVERWRITE:
            yield from self._replace(target, content)
        elif target.on_conflict is OnConflict.RENAME:
            return (yield from self._rename(target, content))
        elif target.on_conflict is OnConflict.NUMBER:
            name = yield from self._number(target, content)
        elif not (yield from self._put(name, content, target.owner)):
            raise AlreadyExists(f"{name} exists")
        return self._written(name, content)

    def _rename(self, target: Target, content: Content) -> Steps[FileInfo]:
        for candidate in placing.renamed(target.name):
            if (yield from self._put(candidate, content, target.owner)):
                return self._written(candidate, content)
            row = first((yield from statement("present", *key_of(candidate))))
            if row is not None and row[0] == content.blake3:
                return _info(candidate, row)
        raise AssertionError("names never end")

    def _number(self, target: Target, content: Content) -> Steps[FileName]:
        while True:
            number = yield from _next_number(target.name)
            candidate = names.numbered(target.name, number, target.numbered_extension)
            names.validate(candidate)
            if (yield from self._put(candidate, content, target.owner)):
                return candidate

    def _put(self, name: FileName, content: Content, owner: str) -> Steps[bool]:
        """Give a content a name unless it is taken; whether it got it."""
        yield Locks((name,))
        yield from _check_parents(name)
        values = (content.blake3, content.size, self._now_us, owner)
        made = yield from statement("insert", *key_of(name), *values, *folders.inside(name))
        if made:
            self._bytes[owner] += content.size
        return bool(made)

    def _replace(self, target: Target, content: Content) -> Steps[None]:
        name = target.name
        yield Locks((name,))
        yield from _check_parents(name)
        if (yield from _is_folder(name)):
            raise InvalidArgument(f"{name} is a folder")
        row = first((yield from statement("present", *key_of(name))))
        if target.replaced_blake3 is not None and (row is None or row[0] != target.replaced_blake3):
            raise Aborted(f"{name} has changed")
        yield from self._remove(name)
        yield from self._put(name, content, target.owner)

    def _written(self, name: FileName, content: Content) -> FileInfo:
        return FileInfo(name, content.size, content.blake3, self._now_us / 1e6)

    def _remove(self, name: FileName) -> Steps[None]:
        for blake3, size, _, owner in (yield from statement("remove", *key_of(name))):
            self._bytes[owner] -= size
            self._touched.add(blake3)

    def _settle(self, content: Content | None = None) -> Steps[str]:
        """Have contents kept for a while from now on, and owners charged; in order, so that no two wait for each other.

        The object of the content is the answer.
        """
        held = ""
        kept = {content.blake3} if content else set()
        for blake3 in sorted(self._touched | kept):
            if content is None or blake3 != content.blake3:
                yield Statement("touch_blob", (blake3, self._now_us))
                continue
            if content.object is None:
                rows = yield from statement("touch_blob", blake3, self._now_us)
            else:
                rows = yield from statement("keep_blob", blake3, content.size, content.object, self._now_us)
            if not rows:
                raise ContentGone
            held = rows[0][0]
        yield from self._charge()
        return held

    def _charge(self) -> Steps[None]:
        for owner, more in sorted(self._bytes.items()):
            if not owner or not more:
                continue
            ((bytes_,),) = yield from statement("charge", owner, more)
            if more > 0 and self._quota and bytes_ > self._quota:
                raise exhausted(owner, bytes_ - more, self._quota, more)


def _next_number(prefix: FileName) -> Steps[int]:
    """A number that nobody else gets, above those in use; a folder is searched for it once for each prefix."""
    key = (prefix.kind.value, folders.key_of(prefix.subfolder), prefix.filename)
    row = first((yield from statement("count_on", *key)))
    if row is None:
        between = (f"{prefix.filename}_", f"{prefix.filename}{_BEHIND_PREFIX}")
        there = yield from statement("filenames_between", *key[:2], *between)
        number = placing.highest_number(prefix.filename, (filename for (filename,) in there)) + 1
        row = first((yield from statement("count_from", *key, number)))
        assert row is not None
    return int(row[0])


def _check_parents(name: FileName) -> Steps[None]:
    for folder, filename in folders.parents(name):
        if (yield from statement("present", name.kind.value, folder, filename)):
            raise InvalidArgument(f"a part of {name.subfolder!r} is a file")


def _is_folder(name: FileName) -> Steps[bool]:
    return bool((yield from statement("any_inside", name.kind.value, *folders.inside(name))))


def key_of(name: FileName) -> tuple[str, str, str]:
    """What tells a name's row from all others."""
    return name.kind.value, folders.key_of(name.subfolder), name.filename


def _info(name: FileName, row: Row) -> FileInfo:
    """A file's description, of a row that begins with digest, size and time."""
    return FileInfo(name, row[1], row[0], row[2] / 1e6)
