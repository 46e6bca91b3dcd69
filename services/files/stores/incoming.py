"""An upload on disk: what came of it, and what is to become of it."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
from blake3 import blake3

from services.errors import Aborted, DataLoss, OutOfRange
from services.files.chunks import CHUNK_BYTES
from services.files.records import FileName, Target, Upload
from services.files.stores import base
from services.files.stores.content import Content
from services.files.stores.digest_index import Version
from services.files.stores.tree import sync_folder


class Record(msgspec.Struct, frozen=True):
    """What is written down about an upload, to be read by the next service."""

    target: Target
    #: the name that its content is about to get: a crash may come before or after
    placing: FileName | None = None


class Incoming(Content):
    """One upload in a folder of its own. Used from any thread; all methods raise `OSError`.

    Nothing is held open between two chunks, so that an upload which nobody goes on with costs disk alone.
    """

    def __init__(self, folder: Path, record: Record) -> None:
        """An upload whose folder is there."""
        super().__init__(str(folder / "content"))
        self.upload_id = folder.name
        self.record = record
        self._folder = folder
        self._lock = threading.Lock()
        self._turn = 0
        self.is_over = False
        #: of the first `_hashed` bytes: a service that has just started knows nothing, and reads them at the commit
        self._hash = blake3()
        self._hashed = 0

    @classmethod
    def begin(cls, folder: Path, target: Target) -> Incoming:
        """A new upload, durably; `folder` does not exist yet."""
        folder.mkdir()
        incoming = cls(folder, Record(target))
        try:
            os.close(os.open(incoming._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
            write_durably(folder / "record", msgspec.json.encode(incoming.record))
            sync_folder(str(folder.parent))
        except BaseException:
            shutil.rmtree(folder)
            raise
        return incoming

    @classmethod
    def load(cls, folder: Path) -> Incoming | None:
        """The upload that a service before this one left; None when it had not begun it to the end."""
        try:
            return cls(folder, msgspec.json.decode((folder / "record").read_bytes(), type=Record))
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def describe(self) -> Upload:
        """How far it is."""
        status = os.stat(self._path)
        return Upload(self.upload_id, status.st_size, status.st_mtime + base.UPLOAD_LIFE)

    def take_over(self, offset: int) -> int:
        """Begin to append, and answer with the turn that `append` and `sync` want.

        Raises:
            OutOfRange: it does not go on at `offset`.
            NotFound: it is over.
        """
        with self._lock:
            self._check_alive()
            self._turn += 1
            base.check_offset(self.describe(), offset)
            return self._turn

    def append(self, turn: int, chunk: bytes) -> None:
        """Add to the content.

        Raises:
            Aborted: somebody else took over.
            NotFound: it is over.
            DataLoss: this is more than was promised.
        """
        with self._lock:
            self._check_turn(turn)
            size = self.describe().offset
            promised = self.record.target.expected_size
            if promised is not None and size + len(chunk) > promised:
                raise DataLoss(f"more than the {promised} promised bytes came")
            _append(self._path, chunk)
            if self._hashed == size:
                self._hash.update(chunk)
                self._hashed += len(chunk)

    def sync(self, turn: int) -> Upload:
        """Make durable what came, and say how far that is; raises as `append`."""
        with self._lock:
            self._check_turn(turn)
            _sync(self._path)
            return self.describe()

    def commit(self, size: int, blake3: str | None, place: Callable[[str], None]) -> None:
        """Check the content and have `place` give it its name by its digest.

        Raises:
            OutOfRange: another size came.
            DataLoss: the content is not what was promised; the upload is over.
            NotFound: it is over.
        """
        with self._lock:
            self._check_alive()
            self.size = self.describe().offset
            if size != self.size:
                raise OutOfRange(f"upload {self.upload_id} goes on at offset {self.size}, it has not {size} bytes")
            self._finish(blake3, place)

    def about_to_place(self, name: FileName) -> None:
        """Write down which name the content is about to get."""
        self.record = msgspec.structs.replace(self.record, placing=name)
        write_durably(self._folder / "record", msgspec.json.encode(self.record))

    def abort(self) -> None:
        """End it, and forget what came.

        Raises:
            NotFound: it is over.
        """
        with self._lock:
            self._check_alive()
            self._discard()

    def wait(self) -> None:
        """Return when nobody deals with it."""
        with self._lock:
            return

    def was_placed(self, path: str) -> bool:
        """Whether a service that ended before it could say so gave the content this path."""
        try:
            return os.path.samefile(self._path, path)
        except FileNotFoundError:
            return not os.path.exists(self._path)

    def _finish(self, expected: str | None, place: Callable[[str], None]) -> None:
        digest = self._digest()
        target = self.record.target
        try:
            base.check_content(self.size, digest, target.expected_size, target.expected_blake3)
            base.check_content(self.size, digest, None, expected)
        except DataLoss:
            self._discard()
            raise
        _sync(self._path)
        self.version = Version.of(os.stat(self._path))
        place(digest)
        self._discard()

    def _digest(self) -> str:
        with open(self._path, "rb", buffering=0) as file:
            file.seek(self._hashed)
            while chunk := file.read(CHUNK_BYTES):
                self._hash.update(chunk)
                self._hashed += len(chunk)
        return self._hash.hexdigest()

    def _discard(self) -> None:
        self.is_over = True
        # First: without its record, what a crash leaves of the rest is swept away.
        (self._folder / "record").unlink()
        shutil.rmtree(self._folder)

    def _check_alive(self) -> None:
        if self.is_over:
            raise base.no_upload(self.upload_id)

    def _check_turn(self, turn: int) -> None:
        self._check_alive()
        if turn != self._turn:
            raise Aborted(f"somebody else went on with upload {self.upload_id}")


def write_durably(path: Path, content: bytes) -> None:
    """Replace a small file in one step."""
    new = path.with_name(path.name + ".new")
    with open(new, "wb", buffering=0) as file:
        file.write(content)
        os.fsync(file.fileno())
    os.replace(new, path)
    sync_folder(str(path.parent))


def _append(path: str, chunk: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    try:
        rest = memoryview(chunk)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    finally:
        os.close(descriptor)


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
