"""S13: links that lead out of their folder, on a real disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.gateway.over_files import gateways

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = b"not for you"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def linked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Path, httpx.AsyncClient]]:
    """A folder with a secret beside the data, and links to both."""
    folder = tmp_path_factory.mktemp("linked")
    (folder / "outside").mkdir()
    (folder / "outside" / "secret.png").write_bytes(SECRET)
    async with gateways(folder) as [client]:
        for kind in ("input", "output", "temp"):
            top = folder / "data" / kind
            (top / "real").mkdir()
            (top / "real" / "x.png").write_bytes(b"picture")
            (top / "file.png").symlink_to(folder / "outside" / "secret.png")
            (top / "relative.png").symlink_to(Path("..") / ".." / "outside" / "secret.png")
            (top / "folder").symlink_to(folder / "outside")
            (top / "twice.png").symlink_to("file.png")
            (top / "missing.png").symlink_to(folder / "outside" / "missing.png")
            (top / "inside.png").symlink_to(Path("real") / "x.png")
        yield folder, client


@pytest.mark.parametrize("kind", ["input", "output", "temp"])
@pytest.mark.parametrize("where", ["file.png", "relative.png", "twice.png", "missing.png", "folder/secret.png"])
@pytest.mark.parametrize("more", [{}, {"preview": "webp"}, {"channel": "rgb"}])
async def test_s13_nothing_outside_is_shown(
    linked: tuple[Path, httpx.AsyncClient], kind: str, where: str, more: dict[str, str]
) -> None:
    folder, client = linked
    subfolder, _, filename = where.rpartition("/")
    query = {"filename": filename, "subfolder": subfolder, "type": kind, **more}
    for method in ("GET", "HEAD"):
        answer = await client.request(method, "/view", params=query)
        assert answer.status_code == 400
        assert SECRET not in answer.content
        assert str(folder) not in answer.text


async def test_s13_what_is_there_and_what_is_not_are_refused_alike(linked: tuple[Path, httpx.AsyncClient]) -> None:
    _, client = linked
    there, missing = [(await client.get(f"/view?filename={name}.png")).json()["error"] for name in ("file", "missing")]
    assert there["message"].replace("file", "missing") == missing["message"].replace("file", "missing")


async def test_s13_links_inside_are_followed(linked: tuple[Path, httpx.AsyncClient]) -> None:
    _, client = linked
    assert (await client.get("/view?filename=inside.png")).content == b"picture"


@pytest.mark.parametrize("overwrite", ["true", "false"])
@pytest.mark.parametrize(
    ("subfolder", "filename"), [("folder", "new.png"), ("folder", "secret.png"), ("folder/deep", "x.png")]
)
async def test_s13_nothing_is_stored_outside(
    linked: tuple[Path, httpx.AsyncClient], subfolder: str, filename: str, overwrite: str
) -> None:
    folder, client = linked
    files = {"image": (filename, b"mine", "image/png")}
    answer = await client.post("/upload/image", files=files, data={"subfolder": subfolder, "overwrite": overwrite})
    assert answer.status_code == 400
    assert [it.name for it in (folder / "outside").iterdir()] == ["secret.png"]
    assert (folder / "outside" / "secret.png").read_bytes() == SECRET


@pytest.mark.parametrize(("overwrite", "name"), [("true", "file.png"), ("false", "twice (1).png")])
async def test_s13_a_link_is_replaced_and_not_written_through(
    linked: tuple[Path, httpx.AsyncClient], overwrite: str, name: str
) -> None:
    folder, client = linked
    asked = "file.png" if overwrite == "true" else "twice.png"
    answer = await client.post(
        "/upload/image",
        files={"image": (asked, f"for {name}".encode(), "image/png")},
        data={"overwrite": overwrite, "type": "temp"},
    )
    assert answer.json()["name"] == name
    assert (folder / "outside" / "secret.png").read_bytes() == SECRET
