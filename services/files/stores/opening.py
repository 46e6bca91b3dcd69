"""Which store the settings ask for, and which of its drivers that takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from services.errors import InvalidArgument
from services.files.models.extra_paths import read_extra_paths
from services.files.stores.base import FileStore
from services.files.stores.disk import DiskStore
from services.files.stores.with_local_models import WithLocalModels
from services.settings import setting, settings

if TYPE_CHECKING:
    from services.files.stores.names.store import Names

#: Where names are unless somebody says otherwise, in the data directory.
NAMES_FILE = "names.sqlite3"


@settings
class StoreSettings:
    """Where files are kept."""

    data: Path = setting(default=Path("data"), help="directory of input/, output/, temp/ and user/")
    models: tuple[Path, ...] = setting(
        default=(Path("models"),), help="directory with a folder per kind of model; may be repeated"
    )
    extra_model_paths: tuple[Path, ...] = setting(
        default=(),
        help="more directories of models, in the format of ComfyUI's extra_model_paths.yaml; may be repeated",
    )
    store: str = setting(
        default="", help="where contents are kept: s3://bucket/prefix, or empty for the data directory"
    )
    names: str = setting(
        default="",
        help="where names are kept with s3://: a file of SQLite, or postgresql://user@host/name for several services",
    )
    s3_endpoint: str = setting(
        default="",
        help="address of the S3-compatible store, empty for AWS; credentials come from AWS_ACCESS_KEY_ID etc.",
    )
    s3_region: str = setting(default="", help="region of the bucket; empty for that of AWS_REGION")


def store_of(wanted: StoreSettings) -> FileStore:
    """The store, which opens with `async with`.

    Raises:
        InvalidArgument: the settings contradict each other, a file of extra model paths is none, or what they need is
            not installed.
    """
    if not wanted.store:
        for name in ("names", "s3_endpoint", "s3_region"):
            if getattr(wanted, name):
                raise InvalidArgument(f"--{name.replace('_', '-')} goes with --store s3://bucket/prefix")
        return _disk(wanted)
    try:
        from services.files.stores.s3.bucket import Bucket
        from services.files.stores.s3.location import Location
        from services.files.stores.s3.store import S3Store
    except ModuleNotFoundError as error:
        raise InvalidArgument(
            "a store in S3 needs the extra `s3`, which is not installed: pip install 'silverprint[s3]'"
        ) from error
    location = Location.parse(wanted.store, wanted.s3_endpoint, wanted.s3_region)
    files = S3Store(Bucket(location), _names_of(wanted))
    return WithLocalModels(files, _disk(wanted))


def _disk(wanted: StoreSettings) -> DiskStore:
    return DiskStore(wanted.data, wanted.models, read_extra_paths(wanted.extra_model_paths).folders)


def shared_names(wanted: StoreSettings) -> str:
    """The database of names when several services can use it, empty when it is a file of this one."""
    return wanted.names if "://" in wanted.names else ""


def _names_of(wanted: StoreSettings) -> Names:
    if "://" in wanted.names:
        from services.files.stores.names.postgres import PostgresNames

        return PostgresNames(wanted.names)
    from services.files.stores.names.sqlite import SqliteNames

    return SqliteNames(Path(wanted.names) if wanted.names else wanted.data / NAMES_FILE)
