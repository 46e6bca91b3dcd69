"""New prompts: tags for all of them, and one statement that adds them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple, TypeVar

from services.database.postgres import Connection
from services.queue.records import Accepted
from services.queue.stores import rows
from services.queue.stores.base import NewPrompt, Receipt
from services.queue.stores.fairness import share
from services.queue.stores.postgres.changes import Changes, columns
from services.queue.stores.postgres.keys import Name, give_keys_back, take_keys
from services.queue.stores.postgres.operations import Add, Interference, Outcome
from services.queue.stores.postgres.reuse import Begun, begin
from services.queue.stores.postgres.sql import SQL

K = TypeVar("K", bound=Hashable)

#: A priority and a user.
User = tuple[int, str]


class _Placed(NamedTuple):
    begun: Begun
    tag: float

    @property
    def new(self) -> NewPrompt:
        return self.begun.new


async def add(connection: Connection, changes: Changes, adds: Sequence[Add]) -> list[Outcome]:
    """Add what is not there yet; of what is, the receipt."""
    news = [one.new for one in adds]
    keyed = _first_of_each(news, _name)
    known = await take_keys(connection, list(keyed.values()))
    fresh = _first_of_each(
        [new for new in news if (name := _name(new)) is None or (name not in known and keyed[name] is new)],
        lambda new: new.prompt_id,
    )
    begun = await begin(connection, list(fresh.values()))
    added = await _insert(connection, await _place(connection, changes, begun))
    receipts = await _receipts(connection, [prompt_id for prompt_id in fresh if prompt_id not in added])
    receipts |= {prompt_id: _receipt(fresh[prompt_id]) for prompt_id in added}
    rows_of = {id(fresh[prompt_id]): row for prompt_id, row in added.items()}
    steps = {id(one.new): one.step for one in begun}
    unused = [new.keyed for name, new in keyed.items() if new.keyed and name not in known and id(new) not in rows_of]
    await give_keys_back(connection, unused)
    outcomes = []
    for new in news:
        name, row = _name(new), rows_of.get(id(new))
        step = changes.keep(row, steps[id(new)]) if row is not None else None
        if name in known:
            receipt = known[name]
        elif name is not None and keyed[name] is not new:
            receipt = _receipt_of_key(receipts[keyed[name].prompt_id], keyed[name])
        else:
            receipt = receipts[new.prompt_id]
        outcomes.append(Outcome(receipt, step, row))
    return outcomes


def _name(new: NewPrompt) -> Name | None:
    return (new.keyed.user_id, new.keyed.key) if new.keyed else None


def _first_of_each(news: Sequence[NewPrompt], name_of: Callable[[NewPrompt], K | None]) -> dict[K, NewPrompt]:
    """By name, of those that have one, the one that came first."""
    first: dict[K, NewPrompt] = {}
    for new in news:
        name = name_of(new)
        if name is not None:
            first.setdefault(name, new)
    return first


async def _place(connection: Connection, changes: Changes, adds: Sequence[Begun]) -> list[_Placed]:
    """Those whose ids are free, with their tags; their users advance."""
    if not adds:
        return []
    table = [(one.new.prompt_id, one.new.priority, one.new.user_id, one.new.number) for one in adds]
    standing = await connection.fetch(SQL["standing"], *columns(table, 4))
    finishes: dict[User, float] = {}
    begins: dict[User, float] = {}
    placed: list[_Placed] = []
    for begun, (is_known, finish, virtual_time, number, tag) in zip(adds, standing, strict=True):
        if is_known:
            continue
        if begun.reused_from:
            placed.append(_Placed(begun, 0.0))
            continue
        new = begun.new
        user = new.priority, new.user_id
        begins.setdefault(user, max(finish or 0.0, virtual_time or 0.0))
        overtaken = _overtaken(new, placed, None if number is None else (number, tag))
        place, finishes[user] = share(finishes.get(user, finish), virtual_time or 0.0, overtaken, new.weight)
        placed.append(_Placed(begun, place))
    for user, finish in finishes.items():
        changes.advance_user(user, finish, finish - begins[user])
    return placed


def _overtaken(new: NewPrompt, placed: Sequence[_Placed], stored: tuple[float, float] | None) -> float | None:
    """The tag of the prompt of the same user that comes right after this one, of those that came before it."""
    later = [stored] if stored is not None else []
    for other, tag in ((one.new, one.tag) for one in placed if not one.begun.reused_from):
        if (other.priority, other.user_id) == (new.priority, new.user_id) and other.number > new.number:
            later.append((other.number, tag))
    return min(later, key=lambda one: one[0])[1] if later else None


async def _insert(connection: Connection, placed: Sequence[_Placed]) -> dict[str, int]:
    """The rows of those that were added, by prompt id."""
    if not placed:
        return {}
    table = [_columns(begun, tag) for begun, tag in placed]
    added = await connection.fetch(SQL["add_prompts"], *columns(table, len(table[0])))
    return {prompt_id: row for row, prompt_id in added}


def _columns(begun: Begun, tag: float) -> rows.Row:
    new = begun.new
    owner = (new.prompt_id, new.client_id, new.workflow_id, new.user_id)
    place = (new.priority, new.requirement.placement, new.number, tag)
    life = rows.changing_columns(begun.step.life)
    submitted = (new.graph_json, new.extra_data_json, rows.names_column(new.output_node_ids), new.node_errors_json)
    needs = (rows.requirement_column(new.requirement), new.run_timeout, new.total_timeout)
    more = (rows.names_column(new.webhook_urls), new.reuse.digest if new.reuse else None, begun.reused_from)
    origin = (new.file_space, new.traceparent)
    return (*owner, *place, *life, *submitted, new.content_digest, *needs, *more, *origin)


async def _receipts(connection: Connection, prompt_ids: Sequence[str]) -> dict[str, Receipt]:
    if not prompt_ids:
        return {}
    found = await connection.fetch(SQL["receipts"], prompt_ids)
    if len(found) < len(prompt_ids):
        raise Interference("a prompt was there, and was forgotten before its receipt was read")
    return {row[0]: receipt_of(*row) for row in found}


def receipt_of(prompt_id: str, number: float, node_errors_json: bytes, content_digest: bytes) -> Receipt:
    """The receipt of a row."""
    return Receipt(Accepted(prompt_id, number, node_errors_json), content_digest)


def _receipt(new: NewPrompt) -> Receipt:
    return receipt_of(new.prompt_id, new.number, new.node_errors_json, new.content_digest)


def _receipt_of_key(receipt: Receipt, leader: NewPrompt) -> Receipt:
    """For another submission with the key of a new prompt."""
    assert leader.keyed is not None
    return Receipt(receipt.accepted, leader.keyed.digest, leader.keyed.key)
