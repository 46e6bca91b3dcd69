"""What is written down about contents whose objects are made in parts."""

from __future__ import annotations

import msgspec

from services.database.steps import Row
from services.errors import Aborted, ResourceExhausted
from services.files.records import FileInfo, Target, Upload
from services.files.stores import base
from services.files.stores.names.records import Named
from services.files.stores.names.steps import Steps, first, statement
from services.files.stores.names.store import Names, now_us


class State(msgspec.Struct, frozen=True):
    """How far an upload is."""

    #: of the store's multipart upload, "" before there is one
    multipart_id: str = ""
    #: of the parts that are there
    tags: tuple[str, ...] = ()
    #: bytes of these parts together
    sent: int = 0
    #: the object of what came after them, "" when nothing did
    tail: str = ""
    #: its bytes
    held: int = 0
    #: the parts are an object already
    is_whole: bool = False

    @property
    def size(self) -> int:
        """Bytes that came."""
        return self.sent + self.held


class Record(msgspec.Struct, frozen=True):
    """An upload that may be interrupted."""

    upload_id: str
    #: where its content becomes an object
    object: str
    target: Target
    state: State
    #: counts those who appended, committed or aborted; the last one may go on
    turn: int
    touched_us: int
    #: of its commit
    answer: FileInfo | None

    @property
    def upload(self) -> Upload:
        """What is told about it."""
        return Upload(self.upload_id, self.state.size, self.touched_us / 1e6 + base.UPLOAD_LIFE)

    @property
    def is_forgotten(self) -> bool:
        """Whether nobody went on with it for too long."""
        return now_us() / 1e6 > self.touched_us / 1e6 + base.UPLOAD_LIFE


class UploadRecords:
    """The uploads of a store, as a database has them."""

    def __init__(self, names: Names) -> None:
        self._names = names

    async def protect(self, upload_id: str, path: str) -> None:
        """Say that an object is being made which is not garbage until `end`, or until nobody says so for a while."""
        await self._names.change(lambda: statement("begin_upload", upload_id, path, "", now_us()))

    async def touch(self, upload_id: str) -> None:
        """Say that it is still being made."""
        await self._names.change(lambda: statement("touch_upload", upload_id, now_us()))

    async def end(self, upload_id: str) -> None:
        """Forget an upload, which may be forgotten already."""
        await self._names.change(lambda: statement("end_upload", upload_id))

    async def begin(self, upload_id: str, path: str, target: Target) -> Upload:
        """A new upload.

        Raises:
            ResourceExhausted: there are too many.
        """

        def begin() -> Steps[None]:
            ((count,),) = yield from statement("count_uploads", now_us() - _life_us())
            if count >= base.MAX_UPLOADS:
                raise ResourceExhausted(f"there are {base.MAX_UPLOADS} uploads already: commit or abort some")
            wanted = msgspec.json.encode(target).decode()
            yield from statement("begin_upload", upload_id, path, wanted, now_us())

        await self._names.change(begin)
        return (await self.get(upload_id)).upload

    async def get(self, upload_id: str) -> Record:
        """An upload, which may be committed already.

        Raises:
            NotFound: there is none.
            InvalidArgument: the id is not one.
        """
        base.check_upload_id(upload_id)
        return _record(upload_id, first(await self._names.read(lambda: statement("find_upload", upload_id))))

    async def take_turn(self, upload_id: str) -> Record:
        """Go on with an upload, so that nobody else can who did before; raises as `get`, also when it was committed."""
        base.check_upload_id(upload_id)
        record = await self.get(upload_id)
        if record.answer is not None:
            raise base.no_upload(upload_id)
        row = first(await self._names.change(lambda: statement("take_turn", upload_id, now_us())))
        return _record(upload_id, row)

    async def keep(self, record: Record, state: State) -> Record:
        """Write down how far an upload is.

        Raises:
            Aborted: somebody else went on with it.
        """
        text = msgspec.json.encode(state).decode()
        now = now_us()
        values = (record.upload_id, record.turn, text, now)
        if not await self._names.change(lambda: statement("keep_state", *values)):
            raise somebody_else(record.upload_id)
        return msgspec.structs.replace(record, state=state, touched_us=now)


def answering(record: Record, named: Named) -> Steps[None]:
    """Write down what became of an upload; raises `Aborted` when somebody else went on with it."""
    answer = msgspec.json.encode(named.info).decode()
    if not (yield from statement("answer_upload", record.upload_id, record.turn, answer, now_us())):
        raise somebody_else(record.upload_id)


def ending(upload_id: str) -> Steps[None]:
    """End what was protected; raises `Aborted` when it is not any more, and its object may be gone."""
    if not (yield from statement("end_upload", upload_id)):
        raise Aborted("the write took so long that it was forgotten")


def somebody_else(upload_id: str) -> Aborted:
    """What those hear who are not the last ones to go on with an upload."""
    return Aborted(f"somebody else went on with upload {upload_id}")


def _record(upload_id: str, row: Row | None) -> Record:
    if row is None or not row[1]:
        raise base.no_upload(upload_id)
    path, target, state, turn, touched_us, answer = row
    record = Record(
        upload_id,
        path,
        msgspec.json.decode(target, type=Target),
        msgspec.json.decode(state, type=State) if state else State(),
        turn,
        touched_us,
        msgspec.json.decode(answer, type=FileInfo) if answer else None,
    )
    if record.is_forgotten:
        raise base.no_upload(upload_id)
    return record


def _life_us() -> int:
    return round(base.UPLOAD_LIFE * 1e6)
