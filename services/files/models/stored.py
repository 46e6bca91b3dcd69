"""The models in a file store."""

from __future__ import annotations

import base64
import binascii
import bisect
import time
from collections.abc import AsyncIterable, Sequence

from blake3 import blake3

from services.errors import AlreadyExists, InvalidArgument, NotFound
from services.files.models import kinds, naming
from services.files.models.library import ModelLibrary
from services.files.models.metadata import MetadataReader
from services.files.models.records import Inventory, Model, ModelFolder, ModelMetadata, ModelPage
from services.files.models.uploads import checked
from services.files.records import FileInfo, FileKind, FileName, OnConflict, Target
from services.files.stores import paging
from services.files.stores.base import FileStore

#: Seconds for which an inventory serves all who ask: executors ask every few seconds, each of them.
INVENTORY_LIFE = 1.0


class StoredModels(ModelLibrary):
    """The models that lie in a store's folders of models."""

    def __init__(self, store: FileStore, *, allow_pickles: bool = False) -> None:
        """`allow_pickles` is about uploads: files of formats that can hold code."""
        self.store = store
        self._allow_pickles = allow_pickles
        self._metadata = MetadataReader(store)
        self._inventory: tuple[float, Inventory] | None = None

    async def folders(self) -> Sequence[ModelFolder]:
        known = list(kinds.FOLDERS)
        older = {directory for name in known for directory in kinds.directories(name)}
        others = [name for name in await self.store.list_folders(FileKind.MODELS) if name not in older]
        return [
            ModelFolder(name, kinds.directories(name), sorted(kinds.extensions(name)))
            for name in (*known, *others)
            if not kinds.is_hidden(name)
        ]

    async def list(self, folder: str, *, page_size: int = 0, page_token: str = "") -> ModelPage:
        limit = paging.page_limit(page_size)
        models = await self._all(folder)
        start = bisect.bisect_right(models, _position(page_token), key=lambda model: model.name) if page_token else 0
        page = models[start : start + limit]
        return ModelPage(page, _token(page[-1].name) if start + limit < len(models) else "")

    async def get(self, folder: str, name: str, *, directory_index: int | None = None, digest: bool = False) -> Model:
        for file in naming.files_of(folder, name, directory_index):
            try:
                info = await self.store.stat(file, digest=digest)
            except NotFound:
                continue
            return self._model(folder, info)
        raise NotFound(f"there is no model {name[:200]!r} in {folder}")

    async def metadata(self, folder: str, name: str, *, tensors: bool = False) -> ModelMetadata:
        return await self._metadata.read((await self.get(folder, name)).info.name, tensors=tensors)

    async def picture(self, folder: str, name: str, *, directory_index: int | None = None) -> FileInfo:
        for picture in kinds.pictures_of(name):
            try:
                return (await self.get(folder, picture, directory_index=directory_index)).info
            except NotFound:
                continue
        raise NotFound("there is no picture beside this model")

    async def inventory(self, known_version: str = "") -> Inventory | None:
        if self._inventory is None or time.monotonic() > self._inventory[0]:
            found = await self._take_inventory()
            self._inventory = time.monotonic() + INVENTORY_LIFE, found
        inventory = self._inventory[1]
        return None if inventory.version == known_version else inventory

    async def upload(
        self,
        folder: str,
        name: str,
        chunks: AsyncIterable[bytes],
        on_conflict: OnConflict = OnConflict.FAIL,
        *,
        expected_blake3: str | None = None,
        expected_size: int | None = None,
    ) -> Model:
        file = naming.files_of(folder, name)[0]
        content = checked(folder, file, chunks, allow_pickles=self._allow_pickles)
        if on_conflict is OnConflict.FAIL:
            await self._refuse_taken(folder, name)
        target = Target(file, on_conflict, expected_blake3=expected_blake3, expected_size=expected_size)
        info = await self.store.write_model(target, content)
        return self._model(folder, info)

    async def take(
        self, source: FileName | str, folder: str, name: str, on_conflict: OnConflict = OnConflict.FAIL
    ) -> Model:
        async with self.store.open(source) as file:
            return await self.upload(
                folder, name, file, on_conflict, expected_blake3=file.info.blake3, expected_size=file.info.size
            )

    async def _refuse_taken(self, folder: str, name: str) -> None:
        try:
            taken = await self.get(folder, name)
        except NotFound:
            return
        raise AlreadyExists(f"{taken.info.name} exists")

    async def _take_inventory(self) -> Inventory:
        names: dict[str, list[str]] = {}
        for folder in await self.folders():
            found = [model.name for model in await self._all(folder.name) if not kinds.is_hidden(model.name)]
            if found:
                names[folder.name] = found
        hash = blake3()
        for folder_name, found in names.items():
            hash.update("\0".join(("", folder_name, *found)).encode())
        return Inventory(hash.hexdigest(), names)

    async def _all(self, folder: str) -> Sequence[Model]:
        naming.check_folder(folder)
        found: dict[str, Model] = {}
        for directory in kinds.directories(folder):
            async for info in self.store.walk(FileKind.MODELS, directory, recursive=True):
                if kinds.is_model(folder, info.name.filename):
                    model = self._model(folder, info)
                    found.setdefault(model.name, model)
        return [found[name] for name in sorted(found)]

    def _model(self, folder: str, info: FileInfo) -> Model:
        directory = info.name.subfolder.partition("/")[0]
        index = kinds.directories(folder).index(directory)
        return Model(folder, naming.model_name(info.name, directory), index, info)


def _token(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def _position(page_token: str) -> str:
    try:
        return base64.b64decode(page_token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidArgument("this page token was never given") from error
