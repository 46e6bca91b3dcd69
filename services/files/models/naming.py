"""From what prompts call a model to the name of its file."""

from __future__ import annotations

from services.errors import InvalidArgument
from services.files import names
from services.files.models.kinds import directories
from services.files.records import FileName


def check_folder(folder: str) -> None:
    """Check that a kind of model can be called so.

    Raises:
        InvalidArgument: it cannot.
    """
    if "/" in folder or not folder or folder.startswith("."):
        raise InvalidArgument(f"{folder[:100]!r} is not the name of a folder of models")
    names.validate_subfolder(folder)


def files_of(folder: str, name: str, directory_index: int | None = None) -> list[FileName]:
    """Where the file of a model may lie, in the order in which to look; nowhere for an index that there is not.

    The name may have "." and ".." in it, as long as it stays in its directory.

    Raises:
        InvalidArgument: this is no folder's name, or no name of a model.
    """
    check_folder(folder)
    all_ = directories(folder)
    wanted = all_ if directory_index is None else all_[directory_index : directory_index + 1]
    return [
        names.parse_model(directory, name) for directory in wanted if directory_index is None or directory_index >= 0
    ]


def model_name(info_name: FileName, directory: str) -> str:
    """What prompts call the model in a file of a directory."""
    return info_name.path.removeprefix(f"{directory}/")
