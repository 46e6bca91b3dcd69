"""What executors and the queue say to each other on the Work stream.

The rules are in `protos/silverprint/executor/v1/worker.proto`; these are its messages as records.
"""

from __future__ import annotations

import msgspec

from services.graph.complaints import Complaint
from services.graph.events import ExecutionEvent
from services.queue.logs import LogLines
from services.queue.packs import PackMessage, PackOrder, PackReport, PackResponse
from services.queue.provenance import RunRecord
from services.queue.records import Assignment, Device, HostInfo, Lease


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """First on every stream: who is dialling, and what it still holds."""

    executor_id: str
    host: str
    version: str
    slots: int
    #: empty until the worker has loaded its nodes
    catalogue_digest: str
    devices: tuple[Device, ...]
    host_info: HostInfo
    held_leases: tuple[Lease, ...] = ()
    #: another replica of the queue is its home
    standby: bool = False
    #: takes no more prompts
    draining: bool = False


class CataloguePublication(msgspec.Struct, frozen=True):
    """The node classes of an executor; `digest` is the BLAKE3 of the JSON."""

    digest: str
    definitions_json: bytes


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """The executor lives; renews the leases it names."""

    free_slots: int
    leases: tuple[Lease, ...]
    devices: tuple[Device, ...]
    host_info: HostInfo
    #: another replica of the queue is its home: nothing is to be assigned here
    standby: bool = False
    #: takes no more prompts
    draining: bool = False


class TimedEvent(msgspec.Struct, frozen=True):
    """An event and when it happened, by the executor's clock, in seconds since the epoch."""

    happened_at: float
    event: ExecutionEvent
    #: of the whole run; comes with a terminal event
    record: RunRecord | None = None


class EventBatch(msgspec.Struct, frozen=True):
    """What happened under one lease, oldest first; a terminal event ends the lease."""

    lease: Lease
    events: tuple[TimedEvent, ...]
    #: durable events of the attempt before these, so that they can be sent again; None when all are new
    durable_before: int | None = None


class LeaseRelease(msgspec.Struct, frozen=True):
    """Gives a prompt back without a result."""

    lease: Lease
    reason: str
    counts_as_attempt: bool
    #: the node of the workflow that ran when the worker was lost, and its class; empty for none
    node_id: str = ""
    node_type: str = ""


class ValidationAnswer(msgspec.Struct, frozen=True):
    """Answers a `Validation`: the complaints by node id."""

    request_id: str
    complaints: dict[str, list[Complaint]]


ExecutorMessage = (
    Hello
    | CataloguePublication
    | Heartbeat
    | EventBatch
    | LeaseRelease
    | ValidationAnswer
    | PackReport
    | PackMessage
    | PackResponse
    | LogLines
)


class Welcome(msgspec.Struct, frozen=True):
    """Answers `Hello`."""

    catalogue_wanted: bool
    #: seconds that a lease lasts after it was granted or last renewed
    lease_duration: float


class LeaseLost(msgspec.Struct, frozen=True):
    """Stop that prompt and forget it; report nothing more."""

    lease: Lease
    reason: str


class Interruption(msgspec.Struct, frozen=True):
    """Interrupt exactly this run."""

    lease: Lease


class Validation(msgspec.Struct, frozen=True):
    """Ask the classes of these nodes to check their inputs."""

    request_id: str
    graph_json: bytes
    node_ids: tuple[str, ...]
    #: whose files the inputs name
    file_space: str = ""


class PreviewDemand(msgspec.Struct, frozen=True):
    """Somebody began or ceased to watch a running prompt."""

    lease: Lease
    wanted: bool


class Drain(msgspec.Struct, frozen=True):
    """Go on with what runs and take nothing more; or, undone, take prompts again."""

    undo: bool = False


class Drained(msgspec.Struct, frozen=True):
    """Nothing is assigned any more, as heartbeats say that the executor is draining."""


class MemoryRelease(msgspec.Struct, frozen=True):
    """Unload models once the prompt that runs has ended, and forget the results of nodes if asked to."""

    results: bool


QueueMessage = (
    Welcome
    | Assignment
    | LeaseLost
    | Interruption
    | Validation
    | PreviewDemand
    | Drain
    | Drained
    | MemoryRelease
    | PackOrder
)
