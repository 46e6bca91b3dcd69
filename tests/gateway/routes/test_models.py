"""`/models` and `/embeddings` over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from services.files.records import FileKind, FileName
from services.files.servicer import file_servicer
from services.files.stores.memory import MemoryStore
from services.gateway.service import Settings, serving
from services.rpc.server import serve
from tests.gateway.stack import Gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODELS = ["checkpoints/b.safetensors", "checkpoints/a.ckpt", "checkpoints/notes.txt", "checkpoints/sd/x.safetensors"]
MODELS += ["embeddings/one word.pt", "embeddings/sub/two.safetensors", "configs/v1.yaml", "configs/x.ckpt"]


def model(path: str) -> FileName:
    subfolder, _, filename = path.rpartition("/")
    return FileName(FileKind.MODELS, subfolder, filename)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address() -> AsyncIterator[str]:
    """A gateway over a file service with models, and no queue."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(MemoryStore({model(path): b"x" for path in MODELS}))
        server = await stack.enter_async_context(serve("127.0.0.1:0", [file_servicer(store)]))
        settings = Settings(port=0, queue="127.0.0.1:1", files=server.address)
        yield f"http://127.0.0.1:{await stack.enter_async_context(serving(settings))}"


async def test_the_kinds_of_model_are_told(shared: Gateway, address: str) -> None:
    folders = (await shared.http.get(f"{address}/models")).json()
    assert folders[:3] == ["checkpoints", "configs", "loras"]


@pytest.mark.parametrize(
    ("folder", "names"),
    [
        ("checkpoints", ["a.ckpt", "b.safetensors", "sd/x.safetensors"]),
        ("configs", ["v1.yaml"]),
        ("loras", []),
    ],
)
async def test_the_models_of_a_kind_are_told_those_in_subfolders_too(
    shared: Gateway, address: str, folder: str, names: list[str]
) -> None:
    assert (await shared.http.get(f"{address}/api/models/{folder}")).json() == names


@pytest.mark.parametrize("folder", ["nope", "%2e%2e%2f", "unet"])
async def test_a_kind_that_does_not_exist_is_not_found(shared: Gateway, address: str, folder: str) -> None:
    assert (await shared.http.get(f"{address}/models/{folder}")).status_code == 404


async def test_embeddings_are_told_as_prompts_name_them(shared: Gateway, address: str) -> None:
    assert (await shared.http.get(f"{address}/embeddings")).json() == ["one word", "sub/two"]
