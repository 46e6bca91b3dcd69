"""What every library of assets does."""

from __future__ import annotations

import asyncio
import math
import uuid
from typing import Any

import pytest
from blake3 import blake3
from msgspec import structs

from services.errors import AlreadyExists, InvalidArgument, NotFound
from services.files import names
from services.files.assets.records import AssetChange, AssetFilter, AssetOrder, NewAsset
from tests.contract.assets.conftest import MODEL, Library

PICTURE = "input/cat.png"


async def listed(library: Library, *, owner: str = "me", **wanted: Any) -> set[str]:
    page = await library.assets.list(AssetFilter(owner=owner, **wanted))
    assert page.total == len(page.assets)
    return {asset.name for asset in page.assets}


async def test_an_asset_is_kept_with_all_that_is_known(library: Library) -> None:
    made = await library.asset(
        PICTURE,
        name="My cat",
        mime_type="image/png",
        tags=[" cat ", "input", "cat"],
        job_id="p1",
        preview_id=str(uuid.UUID(int=1)),
        metadata={"stars": 5, "of": ["fur", "teeth"], "more": {"a": None}},
        expires_at=library.clock.now() + 60,
    )
    assert (made.blake3, made.size) == (blake3(PICTURE.encode()).hexdigest(), len(PICTURE))
    assert (made.name, list(made.tags), str(made.file)) == ("My cat", ["cat", "input"], PICTURE)
    assert made.created_at == made.updated_at == made.accessed_at == library.clock.now()
    kept = await library.assets.get("me", made.id)
    assert structs.replace(kept, tags=tuple(kept.tags)) == structs.replace(made, tags=tuple(made.tags))


async def test_an_asset_is_called_as_its_file_unless_it_has_a_name(library: Library) -> None:
    assert (await library.asset("output/a/b.png")).name == "b.png"


async def test_an_asset_is_made_of_a_content_by_its_digest(library: Library) -> None:
    await library.file("output/b.png", b"content")
    made = await library.assets.create(NewAsset(owner="me", source=blake3(b"content").hexdigest(), name="x"))
    assert (made.is_new, made.asset.size, str(made.asset.file)) == (True, 7, "output/b.png")
    with pytest.raises(NotFound):
        await library.assets.create(NewAsset(owner="me", source=blake3(b"other").hexdigest()))
    with pytest.raises(NotFound):
        await library.assets.create(NewAsset(owner="me", source=names.file_name("input/nope.png")))
    with pytest.raises(InvalidArgument):
        await library.assets.create(NewAsset(owner="me", source="nonsense"))


async def test_the_same_asset_is_made_once_unless_another_is_wanted(library: Library) -> None:
    first = await library.asset(PICTURE, tags=["a"])
    again = await library.assets.create(NewAsset(owner="me", source=first.blake3, name=first.name, tags=["b"]))
    assert (again.is_new, again.asset.id, list(again.asset.tags)) == (False, first.id, ["a"])
    other = await library.assets.create(NewAsset(owner="me", source=first.blake3, name="other"))
    anew = await library.assets.create(NewAsset(owner="me", source=first.blake3, name=first.name, reuse=False))
    assert other.is_new and anew.is_new
    assert len({first.id, other.asset.id, anew.asset.id}) == 3


async def test_an_id_that_the_caller_chose_makes_one_asset(library: Library) -> None:
    id = str(uuid.uuid4())
    first = await library.asset(PICTURE, id=id.upper())
    assert first.id == id
    again = await library.assets.create(NewAsset(owner="me", source=first.blake3, id=id, name="other"))
    assert (again.is_new, again.asset.name) == (False, first.name)
    for owner, path in (("you", PICTURE), ("me", "input/dog.png")):
        with pytest.raises(AlreadyExists):
            await library.asset(path, owner=owner, id=id)


async def test_many_who_make_the_same_at_once_make_one(library: Library) -> None:
    source = await library.file(PICTURE)
    made = await asyncio.gather(*(library.assets.create(NewAsset(owner="me", source=source)) for _ in range(8)))
    assert len({it.asset.id for it in made}) == 1
    assert sum(it.is_new for it in made) == 1


async def test_owners_see_their_own_only(library: Library) -> None:
    mine = await library.asset(PICTURE, tags=["t"])
    assert await listed(library, owner="you") == set()
    assert (await library.assets.tags(AssetFilter(owner="you"))).total == 0
    for refused in (
        library.assets.get("you", mine.id),
        library.assets.update("you", mine.id, AssetChange(name="x")),
        library.assets.add_tags("you", mine.id, ["x"]),
        library.assets.remove_tags("you", mine.id, ["t"]),
        library.assets.delete("you", mine.id),
    ):
        with pytest.raises(NotFound):
            await refused
    assert (await library.assets.get("me", mine.id)).name == "cat.png"


async def test_contents_of_other_users_cannot_be_taken_by_their_digest(library: Library) -> None:
    await library.file("user/you/secret.json", b"secret")
    digest = blake3(b"secret").hexdigest()
    assert not await library.assets.has_content("me", digest)
    assert await library.assets.has_content("you", digest)
    with pytest.raises(NotFound):
        await library.assets.create(NewAsset(owner="me", source=digest))
    with pytest.raises(NotFound):
        await library.assets.create(NewAsset(owner="me", source=names.file_name("user/you/secret.json")))


async def test_assets_are_found_by_what_is_known(library: Library) -> None:
    await library.asset("input/a", name="Große_Katze", tags=["cat", "big"], job_id="p1", metadata={"stars": 5})
    await library.asset("input/b", name="Dog 100%", tags=["dog", "big"], metadata={"stars": 4.0, "of": ["fur", "paws"]})
    await library.asset("input/c", name="Bird", metadata={"note": "x" * 1000})
    everything = {"Große_Katze", "Dog 100%", "Bird"}
    for wanted, found in (
        ({}, everything),
        ({"tags": ["big"]}, {"Große_Katze", "Dog 100%"}),
        ({"tags": ["big", "cat"]}, {"Große_Katze"}),
        ({"tags": ["nope"]}, set()),
        ({"without_tags": ["cat", "nope"]}, {"Dog 100%", "Bird"}),
        ({"tags": ["big"], "without_tags": ["dog"]}, {"Große_Katze"}),
        ({"name_contains": "GROSSE"}, {"Große_Katze"}),
        ({"name_contains": "0%"}, {"Dog 100%"}),
        ({"name_contains": "_"}, {"Große_Katze"}),
        ({"name_contains": "%d"}, set()),
        ({"job_id": "p1"}, {"Große_Katze"}),
        ({"blake3": blake3(b"input/c").hexdigest()}, {"Bird"}),
        ({"metadata": {"stars": 4}}, {"Dog 100%"}),
        ({"metadata": {"stars": [5, 4]}}, {"Große_Katze", "Dog 100%"}),
        ({"metadata": {"of": "paws", "stars": 4}}, {"Dog 100%"}),
        ({"metadata": {"of": "paws", "stars": 5}}, set()),
        ({"metadata": {"stars": "5"}}, set()),
        ({"metadata": {"note": "x" * 1000}}, {"Bird"}),
        ({"metadata": {"stars": {"a": 1}}}, set()),
    ):
        assert await listed(library, **wanted) == found, wanted


async def test_assets_are_sorted_and_told_in_pages(library: Library) -> None:
    for path in ("input/b", "input/C", "input/aaa"):
        await library.asset(path)
        library.clock.advance(1)
    wanted = AssetFilter(owner="me")

    async def names_by(order: AssetOrder, descending: bool = False, **page: int) -> list[str]:
        found = await library.assets.list(wanted, order=order, descending=descending, **page)
        assert found.total == 3
        return [asset.name for asset in found.assets]

    assert await names_by(AssetOrder.NAME) == ["aaa", "b", "C"]
    assert await names_by(AssetOrder.CREATED, descending=True) == ["aaa", "C", "b"]
    assert (await names_by(AssetOrder.SIZE, descending=True))[0] == "aaa"
    assert await names_by(AssetOrder.CREATED, limit=2) == ["b", "C"]
    assert await names_by(AssetOrder.CREATED, limit=2, offset=2) == ["aaa"]
    assert await names_by(AssetOrder.CREATED, offset=5) == []
    first = (await library.assets.list(wanted, order=AssetOrder.CREATED, descending=False)).assets[0]
    await library.assets.update("me", first.id, AssetChange(name="B"))
    library.clock.advance(60)
    await library.assets.get("me", first.id, to_read=True)
    assert (await names_by(AssetOrder.UPDATED, descending=True))[0] == "B"
    assert (await names_by(AssetOrder.ACCESSED, descending=True))[0] == "B"
    for limit, offset in ((-1, 0), (0, -1)):
        with pytest.raises(InvalidArgument):
            await library.assets.list(wanted, limit=limit, offset=offset)


async def test_what_is_changed_is_different_and_the_rest_stays(library: Library) -> None:
    made = await library.asset(PICTURE, tags=["a"], metadata={"stars": 1}, mime_type="image/png")
    library.clock.advance(1)
    preview = str(uuid.uuid4())
    change = AssetChange(name="new", tags=["b"], metadata={"stars": 2}, preview_id=preview, expires_at=2e9)
    changed = await library.assets.update("me", made.id, change)
    assert (changed.name, list(changed.tags), dict(changed.metadata)) == ("new", ["b"], {"stars": 2})
    assert (changed.preview_id, changed.expires_at, changed.mime_type) == (preview, 2e9, "image/png")
    assert (changed.created_at, changed.updated_at) == (made.created_at, library.clock.now())
    assert await listed(library, tags=["b"], metadata={"stars": 2}) == {"new"}
    assert await listed(library, tags=["a"]) == await listed(library, metadata={"stars": 1}) == set()
    emptied = AssetChange(tags=[], metadata={}, preview_id="", expires_at=0)
    changed = await library.assets.update("me", made.id, emptied)
    assert (list(changed.tags), dict(changed.metadata), changed.preview_id, changed.expires_at) == ([], {}, "", None)


async def test_tags_come_and_go(library: Library) -> None:
    made = await library.asset(PICTURE, tags=["a"])
    added = await library.assets.add_tags("me", made.id, ["b", "a", " c "])
    assert (list(added.changed), list(added.unchanged), list(added.asset.tags)) == (["b", "c"], ["a"], ["a", "b", "c"])
    removed = await library.assets.remove_tags("me", made.id, ["a", "x"])
    assert (list(removed.changed), list(removed.unchanged), list(removed.asset.tags)) == (["a"], ["x"], ["b", "c"])
    assert await listed(library, tags=["b", "c"]) == {"cat.png"}
    with pytest.raises(InvalidArgument, match="more than 100"):
        await library.assets.add_tags("me", made.id, [f"t{number}" for number in range(99)])


async def test_tags_are_counted(library: Library) -> None:
    for path, tags in (("input/a", ["cat", "big"]), ("input/b", ["dog", "big"]), ("input/c", ["doll"])):
        await library.asset(path, tags=tags)
    mine = AssetFilter(owner="me")

    async def counts(wanted: AssetFilter = mine, **more: Any) -> list[tuple[str, int]]:
        return [(it.tag, it.count) for it in (await library.assets.tags(wanted, **more)).tags]

    assert await counts() == [("big", 2), ("cat", 1), ("dog", 1), ("doll", 1)]
    assert await counts(by_name=True, limit=2, offset=1) == [("cat", 1), ("dog", 1)]
    assert await counts(prefix="do") == [("dog", 1), ("doll", 1)]
    assert await counts(AssetFilter(owner="me", tags=["big"])) == [("big", 2), ("cat", 1), ("dog", 1)]
    assert (await library.assets.tags(mine, limit=1)).total == 4


async def test_a_file_goes_with_its_last_asset(library: Library) -> None:
    one, other = await library.asset(PICTURE, name="one"), await library.asset(PICTURE, name="other")
    await library.assets.delete("me", one.id)
    assert (await library.files.stat(one.file)).size == len(PICTURE)
    await library.assets.delete("me", other.id)
    for gone in (library.files.stat(one.file), library.assets.get("me", one.id), library.assets.delete("me", one.id)):
        with pytest.raises(NotFound):
            await gone


async def test_a_file_stays_that_is_to_be_kept_or_became_another_or_is_a_model(library: Library) -> None:
    kept, changed = await library.asset("input/kept"), await library.asset("input/changed")
    await library.file("input/changed", b"another")
    model = (await library.assets.create(NewAsset(owner="me", source=MODEL))).asset
    await library.assets.delete("me", kept.id, keep_content=True)
    await library.assets.delete("me", changed.id)
    await library.assets.delete("me", model.id)
    for name in (kept.file, changed.file, model.file):
        assert await library.files.stat(name)


async def test_what_has_expired_is_gone(library: Library) -> None:
    made = await library.asset(PICTURE, tags=["t"], expires_at=library.clock.now() + 10)
    stays = await library.asset("input/dog.png")
    library.clock.advance(10)
    with pytest.raises(NotFound):
        await library.assets.get("me", made.id)
    assert await listed(library) == {"dog.png"}
    assert await library.stored.sweep() == 1
    with pytest.raises(NotFound):
        await library.files.stat(made.file)
    assert await library.files.stat(stays.file)
    with pytest.raises(InvalidArgument, match="past"):
        await library.asset(PICTURE, expires_at=library.clock.now())


async def test_contents_that_assets_are_of_are_told(library: Library) -> None:
    made, other = await library.asset(PICTURE), blake3(b"other").hexdigest()
    assert await library.stored.referenced([made.blake3, other]) == {made.blake3}
    assert await library.stored.referenced([]) == set()


@pytest.mark.parametrize(
    "bad",
    [
        {"name": "x" * 513},
        {"name": "a\nb"},
        {"mime_type": "picture"},
        {"mime_type": "text/html\r\nX: y"},
        {"tags": [" "]},
        {"tags": ["x" * 257]},
        {"tags": [str(number) for number in range(101)]},
        {"id": "nope"},
        {"preview_id": "nope"},
        {"job_id": "a\0b"},
        {"metadata": {"a": "x" * 70_000}},
        {"metadata": {"a": "\0"}},
    ],
)
async def test_what_cannot_be_kept_is_refused(library: Library, bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        await library.asset(PICTURE, **bad)
    assert await listed(library) == set()


async def test_numbers_that_are_none_are_no_json(library: Library) -> None:
    made = await library.asset(PICTURE, metadata={"a": math.nan})
    assert dict(made.metadata) == {"a": None} or math.isnan(made.metadata["a"])
    assert dict((await library.assets.get("me", made.id)).metadata) == {"a": None}


@pytest.mark.parametrize("id", ["", "nope", "../x", "\0"])
async def test_what_is_no_id_is_refused(library: Library, id: str) -> None:
    with pytest.raises(InvalidArgument):
        await library.assets.get("me", id)
