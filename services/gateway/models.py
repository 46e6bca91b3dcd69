"""The files of models, as their names are known to prompts."""

from __future__ import annotations

from collections.abc import Mapping

from services.errors import FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted
from services.files.client import FileClient
from services.files.models.kinds import FOLDERS
from services.files.models.records import Model
from services.files.records import FileName


async def models_of(files: FileClient, folder: str) -> list[Model]:
    """The models of a kind by name, those in subfolders too; of equal names the one in the first directory.

    Raises:
        NotFound: there is no such kind.
    """
    _check(folder)
    return [model async for model in files.models.walk(folder)]


async def picture_of(files: FileClient, folder: str, name: str, directory_index: int) -> FileName:
    """The picture beside a model in one of the directories of its kind.

    Raises:
        NotFound: there is no such kind, directory or picture, or this is no model's name.
    """
    _check(folder)
    try:
        return (await files.models.picture(folder, name, directory_index=directory_index)).name
    except InvalidArgument as error:
        raise NotFound(error.message) from error


async def metadata_of(files: FileClient, folder: str, name: str) -> Mapping[str, str]:
    """The texts in a file of safetensors.

    Raises:
        NotFound: there is no such kind or file, it is not one of safetensors, or it has no texts.
    """
    _check(folder)
    try:
        texts = (await files.models.metadata(folder, name)).texts
    except (InvalidArgument, FailedPrecondition, ResourceExhausted) as error:
        raise NotFound(error.message) from error
    if not texts:
        raise NotFound(f"{name[:200]} has no metadata")
    return texts


def _check(folder: str) -> None:
    if folder not in FOLDERS:
        raise NotFound(f"there is no kind of model named {folder[:100]!r}")
