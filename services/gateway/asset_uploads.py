"""Files that come in as assets: where they go, and what is made of them."""

from __future__ import annotations

import asyncio
import mimetypes
import posixpath
from collections.abc import Sequence
from typing import NotRequired, TypedDict

from blake3 import blake3
from msgspec import structs

from services.errors import AlreadyExists, FailedPrecondition, InvalidArgument, ResourceExhausted
from services.files import names
from services.files.assets import checks
from services.files.assets.records import AssetFilter, Created, NewAsset
from services.files.client import FileClient
from services.files.models.kinds import FOLDERS
from services.files.records import FileKind, FileName, OnConflict
from services.gateway.errors import BadRequest, StorageFull, UnsupportedContent
from services.gateway.multipart import Form, UploadedFile
from services.gateway.operations import File
from services.gateway.translate.assets import blamed, digest_of, json_text, listed

#: Tags that say where a file goes; without one it goes where uploads go.
_PLACES = {kind.value: kind for kind in (FileKind.INPUT, FileKind.OUTPUT, FileKind.TEMP)}
_MODELS = FileKind.MODELS.value


class AssetForm(TypedDict):
    """A file, and what is known about it; `tags` are words with commas between them, or come several times."""

    file: File
    tags: NotRequired[str]
    name: NotRequired[str]
    mime_type: NotRequired[str]
    user_metadata: NotRequired[str]
    id: NotRequired[str]
    preview_id: NotRequired[str]
    hash: NotRequired[str]


async def stored_asset(files: FileClient, form: Form, owner: str) -> Created:
    """Store the file of a form and make an asset of it; when the owner has one of this content, that is the answer.

    Raises:
        BadRequest: something in the form makes no sense; or it is a model, and its content is none.
        UnsupportedContent: it is a model of a format that is not taken.
        AlreadyExists: there is another model of this name.
        StorageFull: there is no space left.
    """
    file = file_of(form)
    new = _new(form, file, owner)
    digest = await digest_of_file(file)
    if form.fields.get("hash") and digest_of(form.fields["hash"]) != digest:
        raise BadRequest("hash: the file has another", field="hash")
    there = await files.assets.list(AssetFilter(owner=owner, blake3=digest), limit=1)
    if there.assets:
        return Created(there.assets[0], is_new=False)
    kind = next((_PLACES[tag] for tag in new.tags if tag in _PLACES), FileKind.INPUT)
    path = posixpath.basename(new.name) if _MODELS not in new.tags else new.name
    name = await stored_file(files, new, kind, path, file, digest)
    return await files.assets.create(structs.replace(new, source=name))


async def stored_file(
    files: FileClient, new: NewAsset, kind: FileKind, path: str, file: UploadedFile, digest: str
) -> FileName:
    """Store a file of a form at a path of a kind, or as a model when the tags say so; raises as `stored_asset`."""
    try:
        if _MODELS in new.tags:
            return await _store_model(files, new.tags, path, file, digest)
        name = names.parse_path(kind, path)
        info = await files.write(
            name, file.content(), OnConflict.RENAME, expected_size=file.size, expected_blake3=digest, owner=new.owner
        )
    except InvalidArgument as error:
        raise blamed(error) from error
    except ResourceExhausted as error:
        raise StorageFull(error.message) from error
    return info.name


def file_of(form: Form) -> UploadedFile:
    """The file that a form brings.

    Raises:
        BadRequest: it brings none.
    """
    file = form.files.get("file")
    if file is None:
        raise BadRequest("file: the form has no file of this name", field="file")
    return file


async def digest_of_file(file: UploadedFile) -> str:
    """The BLAKE3 of what came."""
    hash = blake3()
    async for chunk in file.content():
        await asyncio.to_thread(hash.update, chunk)
    return hash.hexdigest()


def _new(form: Form, file: UploadedFile, owner: str) -> NewAsset:
    """What the form says, checked before anything is stored."""
    fields = form.fields
    try:
        name = checks.checked_text(fields.get("name") or file.filename, "name")
        guessed = mimetypes.guess_type(name)[0] or ""
        metadata = json_text(fields.get("user_metadata", ""), "user_metadata")
        checks.metadata_json(metadata)
        return NewAsset(
            owner=owner,
            source="",
            name=name,
            mime_type=checks.checked_mime_type(fields.get("mime_type") or guessed),
            tags=checks.checked_tags(listed(form.repeated.get("tags", []))),
            preview_id=checks.checked_id(fields["preview_id"]) if fields.get("preview_id") else "",
            id=checks.checked_id(fields["id"]) if fields.get("id") else "",
            metadata=metadata,
        )
    except InvalidArgument as error:
        raise blamed(error) from error


async def _store_model(files: FileClient, tags: Sequence[str], name: str, file: UploadedFile, digest: str) -> FileName:
    folder = next((tag for tag in tags if tag in FOLDERS), None)
    if folder is None:
        raise BadRequest("tags: beside models there must be a kind of model, such as checkpoints", field="tags")
    try:
        model = await files.models.upload(folder, name, file.content(), expected_size=file.size, expected_blake3=digest)
    except FailedPrecondition as error:
        raise UnsupportedContent(error.message) from error
    except AlreadyExists:
        model = await files.models.get(folder, name, digest=True)
        if model.info.blake3 != digest:
            raise
    return model.info.name
