"""Which store the settings ask for, and which of its drivers that takes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from services.errors import InvalidArgument
from services.files.models.extra_paths import read_extra_paths
from services.files.retention.limited_store import LimitedStore
from services.files.retention.records import Retention
from services.files.stores.disk import DiskStore
from services.files.stores.keeping import KeepingStore
from services.files.stores.with_local_models import WithLocalModels
from services.settings import setting, settings

if TYPE_CHECKING:
    from services.files.stores.names.store import Names

#: A shorter time would take away what is being written.
MIN_GRACE_HOURS = 1.0

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

    temp_hours: float = setting(
        default=168.0, help="hours for which files in temp/ are kept after they were written; 0 for ever"
    )
    grace_hours: float = setting(
        default=24.0, help="hours for which what has no name is kept: no upload and no reader may take longer"
    )
    quota: str = setting(
        default="", help="what the files of each user may take together, such as 20GB; empty for no limit"
    )

    @property
    def retention(self) -> Retention:
        """For how long things are kept."""
        return Retention(temp=self.temp_hours * 3600, grace=self.grace_hours * 3600)


def store_of(wanted: StoreSettings) -> KeepingStore:
    """The store, which opens with `async with`.

    Raises:
        InvalidArgument: the settings contradict each other, a file of extra model paths is none, or what they need is
            not installed.
    """
    quota = _quota(wanted)
    store = _unlimited(wanted, quota)
    return LimitedStore(store, quota) if quota else store


def _unlimited(wanted: StoreSettings, quota: int) -> KeepingStore:
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
    files = S3Store(Bucket(location), _names_of(wanted, quota), wanted.retention)
    return WithLocalModels(files, _disk(wanted))


def _disk(wanted: StoreSettings) -> DiskStore:
    extra = read_extra_paths(wanted.extra_model_paths).folders
    return DiskStore(wanted.data, wanted.models, extra, retention=wanted.retention)


def shared_names(wanted: StoreSettings) -> str:
    """The database of names when several services can use it, empty when it is a file of this one."""
    return wanted.names if "://" in wanted.names else ""


def _names_of(wanted: StoreSettings, quota: int) -> Names:
    if "://" in wanted.names:
        from services.files.stores.names.postgres import PostgresNames

        return PostgresNames(wanted.names, quota)
    from services.files.stores.names.sqlite import SqliteNames

    return SqliteNames(Path(wanted.names) if wanted.names else wanted.data / NAMES_FILE, quota)


def _quota(wanted: StoreSettings) -> int:
    """In bytes, 0 for none."""
    if wanted.temp_hours < 0 or wanted.grace_hours < MIN_GRACE_HOURS:
        raise InvalidArgument(f"--temp-hours is not negative, and --grace-hours at least {MIN_GRACE_HOURS}")
    if not wanted.quota:
        return 0
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) *([KMGT]?)B?", wanted.quota.strip(), re.IGNORECASE)
    if not found or not float(found[1]):
        raise InvalidArgument(f"--quota is a size such as 500MB or 20GB, not {wanted.quota!r}")
    thousands = "KMGT".index(found[2].upper()) + 1 if found[2] else 0
    return round(float(f"{found[1]}e{3 * thousands}"))
