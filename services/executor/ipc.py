"""What the agent and its worker say to each other, and the frames it travels in.

A frame is its payload's length (4 bytes, big endian) and the payload: one message, encoded with msgpack. Frames go over
a socket pair of which the worker inherits one end; its end is closed when either process dies.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading

import msgspec

from services.errors import DataLoss, ResourceExhausted
from services.files.models.records import ExtraFolder
from services.graph.complaints import Complaint
from services.queue.packs import PackMessage, PackOrder, PackReport, PackResponse
from services.queue.records import Device
from services.queue.work import TimedEvent
from services.rpc.security import NONE, Security

#: A prompt may be 32 MiB of JSON; its graph and its extra data travel in one frame.
MAX_FRAME_BYTES = 80 << 20

_LENGTH = struct.Struct(">I")


class Configure(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """First to every worker: what it works with."""

    #: where the file service is, "host:port"
    files: str
    #: how it is called
    security: Security = NONE
    #: a directory for copies of files, made when missing
    cache: str
    #: roots of model folders
    models: tuple[str, ...]
    #: directories that hold one kind of model each
    extra_models: tuple[ExtraFolder, ...] = ()
    #: folders of node packs
    custom_nodes: tuple[str, ...]
    #: a directory for models of the file service, shared by all workers of the host; "" to use none of them
    model_cache: str = ""
    #: what models may take there, in bytes
    model_cache_bytes: int = 0
    #: "auto", "cpu", "mps", "cuda" or "cuda:N"
    device: str
    #: packs not to load, and why: they ended a worker before, while it loaded them
    left_out: dict[str, str] = {}
    #: what is remembered of prompts: "classic", "lru:N", "none" or "ram:GB"
    results: str = "classic"
    #: what makes pictures of unfinished latents: "none", "auto", "latent2rgb" or "taesd"
    preview_method: str = "auto"
    #: the longest side of such a picture in pixels
    preview_size: int = 512
    #: what models and their work may take of the device: "8GB", "80%", or "" for all but a reserve
    vram_budget: str = ""


class RunPrompt(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Run this prompt, after those that were handed over before it."""

    #: names the run in everything that is said about it
    run: int
    prompt_id: str
    graph_json: bytes
    extra_data_json: bytes
    output_node_ids: tuple[str, ...]
    previews_wanted: bool
    #: whose prompt it is
    client_id: str = ""
    #: whose quota of files counts what it writes
    user_id: str = ""
    #: whose files its nodes see
    file_space: str = ""


class InterruptRun(msgspec.Struct, frozen=True, tag=True):
    """Stop that run, also when it has not begun."""

    run: int


class SetPreviews(msgspec.Struct, frozen=True, tag=True):
    """Somebody began or ceased to watch a run."""

    run: int
    wanted: bool


class ReleaseMemory(msgspec.Struct, frozen=True, tag=True):
    """Unload models after the runs that were handed over before, and forget the results of nodes if asked to."""

    results: bool


class CheckInputs(msgspec.Struct, frozen=True, tag=True):
    """Ask the classes of these nodes to check their inputs."""

    request_id: str
    graph_json: bytes
    node_ids: tuple[str, ...]
    #: whose files the inputs name
    file_space: str = ""


ToWorker = Configure | RunPrompt | InterruptRun | SetPreviews | ReleaseMemory | CheckInputs | PackOrder


class NodesLoaded(msgspec.Struct, frozen=True, tag=True):
    """The node classes as they are now; first said when the worker is ready to run prompts."""

    digest: str
    definitions_json: bytes


class LoadingPack(msgspec.Struct, frozen=True, tag=True):
    """A pack of nodes is about to be loaded, whatever it does then; an empty name once all are."""

    name: str


class DeviceReport(msgspec.Struct, frozen=True, tag=True):
    """The devices that the worker uses, with the memory they have now."""

    devices: tuple[Device, ...]


class RunEvent(msgspec.Struct, frozen=True, tag=True):
    """Something happened in a run; nothing follows a terminal event."""

    run: int
    event: TimedEvent


class InputComplaints(msgspec.Struct, frozen=True, tag=True):
    """Answers `CheckInputs`: the complaints by node id."""

    request_id: str
    complaints: dict[str, list[Complaint]]


FromWorker = (
    LoadingPack | NodesLoaded | DeviceReport | RunEvent | InputComplaints | PackReport | PackMessage | PackResponse
)

_to_worker: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
_from_worker: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)
_encoder = msgspec.msgpack.Encoder()


def encode_frame(message: ToWorker | FromWorker) -> bytes:
    """The frame that carries `message`.

    Raises:
        ResourceExhausted: the message is longer than `MAX_FRAME_BYTES`.
    """
    payload = _encoder.encode(message)
    if len(payload) > MAX_FRAME_BYTES:
        raise ResourceExhausted(f"a {type(message).__name__} of {len(payload)} bytes does not fit into a frame")
    return _LENGTH.pack(len(payload)) + payload


class AgentEnd:
    """The agent's end: both directions without blocking its loop."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, connection: socket.socket) -> AgentEnd:
        """Take over one end of a socket pair."""
        reader, writer = await asyncio.open_connection(sock=connection, limit=1 << 20)
        return cls(reader, writer)

    def send(self, message: ToWorker) -> None:
        """Send without waiting: a worker whose node holds the interpreter must not hold up the agent.

        A worker that is gone is noticed by `receive`, not here.
        """
        frame = encode_frame(message)
        if not self._writer.is_closing():
            self._writer.write(frame)

    async def receive(self) -> FromWorker | None:
        """The next message, None once the worker's end is closed.

        Raises:
            DataLoss: what came is not a frame.
        """
        try:
            length = _checked(await self._reader.readexactly(_LENGTH.size))
            payload = await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, OSError):
            return None
        try:
            return _from_worker.decode(payload)
        except msgspec.MsgspecError as error:
            raise DataLoss(f"the worker sent what is not a message: {error}") from error

    def close(self) -> None:
        """Close this end, which ends the worker."""
        self._writer.close()


class WorkerEnd:
    """The worker's end: blocking; one thread receives, any thread sends."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._stream = connection.makefile("rb")
        self._sending = threading.Lock()

    def send(self, message: FromWorker) -> None:
        """Send; returns when the system has taken all of it.

        Raises:
            OSError: the agent is gone.
        """
        frame = encode_frame(message)
        with self._sending:
            self._socket.sendall(frame)

    def receive(self) -> ToWorker | None:
        """The next message, None once the agent's end is closed.

        Raises:
            DataLoss: what came is not a frame.
        """
        head = self._read(_LENGTH.size)
        payload = self._read(_checked(head)) if head else b""
        if not payload:
            return None
        try:
            return _to_worker.decode(payload)
        except msgspec.MsgspecError as error:
            raise DataLoss(f"the agent sent what is not a message: {error}") from error

    def _read(self, size: int) -> bytes:
        try:
            data = self._stream.read(size)
        except OSError:
            return b""
        return data if len(data) == size else b""


def _checked(head: bytes) -> int:
    length: int = _LENGTH.unpack(head)[0]
    if length > MAX_FRAME_BYTES:
        raise DataLoss(f"a frame claims to be {length} bytes long")
    return length
