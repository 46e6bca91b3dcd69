"""The queue's records: prompts, attempts, events, executors.

Inside the queue and in every client; over gRPC they are the messages of `silverprint.queue.v1` and
`silverprint.executor.v1` (see `services.queue.convert`). Times are seconds since the epoch.
"""

from __future__ import annotations

import enum
from typing import NamedTuple, cast, get_args

import msgspec

from services.graph.events import ExecutionEvent, Terminal, is_durable
from services.queue.logs import LogFollowers, LogLine, LogLines
from services.queue.packs import PackMessage, PackReport
from services.queue.provenance import RunRecord


class PromptState(enum.Enum):
    """Where a prompt is in its life."""

    PENDING = "pending"  #: waits for an executor
    RUNNING = "running"  #: an executor holds its lease
    SUCCEEDED = "succeeded"  #: all outputs were produced
    FAILED = "failed"  #: a node failed, or the attempts were used up
    INTERRUPTED = "interrupted"  #: interrupted while it ran
    CANCELLED = "cancelled"  #: taken back while it waited

    @property
    def is_terminal(self) -> bool:
        """Whether nothing can happen to the prompt any more."""
        return self not in (PromptState.PENDING, PromptState.RUNNING)


class PromptOrder(enum.Enum):
    """What comes first when prompts are searched."""

    SUBMITTED = "submitted"  #: the one that was submitted last
    DURATION = "duration"  #: the one that took longest, of equals (0 while there is no duration) the oldest


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """Which prompts to find, and in which order."""

    states: frozenset[PromptState]
    #: only runs of this workflow; empty for those of all and of none
    workflow_id: str = ""
    #: only prompts of this user; None for everybody's
    user_id: str | None = None
    order: PromptOrder = PromptOrder.SUBMITTED
    #: turn the order around
    reversed: bool = False
    #: 0 for all
    limit: int = 0
    offset: int = 0


class Submission(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A prompt as a caller hands it in."""

    graph_json: bytes
    extra_data_json: bytes = b"{}"
    #: chosen by the caller, or empty for a random UUID
    prompt_id: str = ""
    client_id: str = ""
    #: the place in the queue, smaller is earlier; None for the next one
    number: float | None = None
    #: before everything that waits
    front: bool = False
    #: only these output nodes; None for all
    only_outputs: tuple[str, ...] | None = None
    #: which workflow this is a run of, for whoever looks for its runs
    workflow_id: str = ""
    #: whose it is: users get equal shares of what executors can do; empty for those that nobody tells apart
    user_id: str = ""
    #: prompts of higher priority come before all others
    priority: int = 0
    #: bytes that the device must have in all
    device_memory: int = 0
    #: seconds that one attempt may take, and that may pass until its end; 0 for any time, None for the queue's default
    run_timeout: float | None = None
    total_timeout: float | None = None
    #: chosen by the caller: within a day a user's submission with the same one gets the first answer; empty for none
    idempotency_key: str = ""
    #: whom to tell when it has ended; empty for nobody
    webhook_url: str = ""
    #: answer it from what came of an equal prompt of the user that was submitted so, if there is one that succeeded
    reuse: bool = False
    #: what the result depends on beside the graph; equal prompts have the same
    reuse_salt: bytes = b""
    #: answer it from this prompt or run it; empty to run it, None for the one that succeeded last
    reuse_from: str | None = None
    #: the trace that it is part of, as a W3C traceparent; empty for none
    traceparent: str = ""
    #: whose files its nodes see, see `services.files.spaces`; empty for everybody's
    file_space: str = ""


class UserLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a user may have; None for what all may have."""

    user_id: str
    #: of the user's share: twice the weight is twice the share
    weight: float | None = None
    #: prompts that may wait and run at once, 0 for any number
    max_waiting: int | None = None
    max_running: int | None = None
    #: patterns of node classes that prompts may and may not have, see `NodeRules`; as for all where there are none
    allowed_nodes: tuple[str, ...] = ()
    denied_nodes: tuple[str, ...] = ()


class Accepted(msgspec.Struct, frozen=True):
    """The answer to a submission."""

    prompt_id: str
    number: float
    #: JSON object of the errors of nodes that will not run
    node_errors_json: bytes


class Attempt(msgspec.Struct, frozen=True):
    """One executor's try at a prompt."""

    number: int
    executor_id: str
    started_at: float
    ended_at: float | None = None
    outcome: str = ""
    #: what it ran on and used, once its worker has told
    record: RunRecord | None = None
    #: what it runs on, as its executor calls it; empty where it has not said
    device: str = ""
    #: its worker ended in the middle of it
    worker_lost: bool = False


class Submitted(msgspec.Struct, frozen=True, tag=True):
    """The prompt has its place in the queue."""


class Assigned(msgspec.Struct, frozen=True, tag=True):
    """An executor got the lease."""

    executor_id: str
    attempt: int


class Requeued(msgspec.Struct, frozen=True, tag=True):
    """The executor was lost or gave the prompt back; what happened in the attempt is void."""

    reason: str


class Cancelled(msgspec.Struct, frozen=True, tag=True):
    """Taken back while it waited."""


LifecycleEvent = Submitted | Assigned | Requeued | Cancelled

#: What concerns no prompt, and is told to those who watch all of them.
Notice = PackMessage | LogLines | LogFollowers

# Kinds of events; see `services.graph.events.is_durable` about sets.
_LIFECYCLE: frozenset[type] = frozenset(get_args(LifecycleEvent))
_NOTICES: frozenset[type] = frozenset(get_args(Notice))
_LAST: frozenset[type] = frozenset({Cancelled, *get_args(Terminal)})
_CHANGES: frozenset[type] = _LIFECYCLE | _LAST


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a prompt; or a notice, which is of no prompt."""

    prompt_id: str
    #: counts durable events per prompt over all its attempts; the others carry that of the durable one before them
    sequence: int
    happened_at: float
    client_id: str
    body: LifecycleEvent | ExecutionEvent | Notice
    #: prompts that wait or run just after it; only on events that change a prompt's state
    queue_remaining: int = 0

    @property
    def is_durable(self) -> bool:
        """Whether a watcher who comes later must still be told."""
        kind = type(self.body)
        return kind in _LIFECYCLE or (kind not in _NOTICES and is_durable(cast("ExecutionEvent", self.body)))

    @property
    def is_terminal(self) -> bool:
        """Whether it is the prompt's last."""
        return type(self.body) in _LAST

    @property
    def changes_state(self) -> bool:
        """Whether the prompt is in another state after it than before."""
        return type(self.body) in _CHANGES


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt and what became of it."""

    prompt_id: str
    state: PromptState
    number: float
    graph_json: bytes
    extra_data_json: bytes
    client_id: str
    output_node_ids: tuple[str, ...]
    submitted_at: float
    started_at: float | None = None
    finished_at: float | None = None
    attempts: tuple[Attempt, ...] = ()
    #: the durable events, once it has finished
    events: tuple[Event, ...] = ()
    workflow_id: str = ""
    user_id: str = ""
    priority: int = 0
    #: seconds that one attempt may take, and that may pass from its submission to its end; 0 for any time
    run_timeout: float = 0.0
    total_timeout: float = 0.0
    #: the prompt that was run, when its result was taken for this one; empty for one that runs itself
    reused_from: str = ""
    #: whose files its outputs are
    file_space: str = ""


class PromptKey(msgspec.Struct, frozen=True):
    """Tells apart prompts that had the same id one after the other."""

    prompt_id: str
    finished_at: float | None


class Lease(msgspec.Struct, frozen=True):
    """The right to run a prompt until a deadline; the token is new for every attempt."""

    prompt_id: str
    token: str


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """What an executor is to run."""

    lease: Lease
    attempt: int
    graph_json: bytes
    extra_data_json: bytes
    output_node_ids: tuple[str, ...]
    previews_wanted: bool
    client_id: str = ""
    user_id: str = ""
    file_space: str = ""
    traceparent: str = ""


class MemoryUse(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker does with the memory of its device; sizes in bytes, counts from its start."""

    budget: int
    models_loaded: int
    #: weights on the device, on the host in memory of their own, and as pages of files
    device_bytes: int
    host_bytes: int
    mapped_bytes: int
    loads: int
    load_seconds: float
    #: models that had to leave the device for others
    evictions: int
    #: by name, what was done because memory ran out or would have
    steps: dict[str, int]
    #: names of the model files that are in memory, or in the system's cache of files
    files: tuple[str, ...] = ()


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """An accelerator, or the CPU where there is none; sizes in bytes."""

    name: str
    type: str
    index: int | None
    vram_total: int
    vram_free: int
    torch_vram_total: int
    torch_vram_free: int
    memory: MemoryUse | None = None
    #: the share of the last moments in which it computed, degrees Celsius, watts; None for what it does not tell
    utilization: float | None = None
    temperature: float | None = None
    power: float | None = None


class HostInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Facts about an executor's host; sizes in bytes."""

    os: str
    python_version: str
    torch_version: str
    ram_total: int
    ram_free: int


class Executor(msgspec.Struct, frozen=True, kw_only=True):
    """An executor whose stream is open."""

    executor_id: str
    host: str
    version: str
    slots: int
    free_slots: int
    devices: tuple[Device, ...]
    host_info: HostInfo
    connected_at: float
    #: the node packs that it found, and what they brought
    packs: PackReport = PackReport()
    #: takes no more prompts
    draining: bool = False


class Stats(msgspec.Struct, frozen=True):
    """How many prompts are in which state."""

    pending: int
    running: int


class Forgotten(msgspec.Struct, frozen=True):
    """Prompts that were forgotten: how many, and the ids of the first of them."""

    count: int
    prompt_ids: list[str]


class Depth(msgspec.Struct, frozen=True):
    """How many prompts of a priority wait or run, with a user or without."""

    state: PromptState
    priority: int
    is_named: bool
    prompts: int
    #: when the oldest of them was submitted
    oldest: float


#: What services answer with.
Depths = list[Depth]
PromptIds = list[str]


class Interrupted(NamedTuple):
    """What became of a request to interrupt prompts."""

    #: those that were running
    asked: PromptIds
    #: those of them that are known to have ended
    ended: PromptIds


Page = tuple[list[Prompt], int]  #: prompts in order, and how many there are in all
Keys = list[PromptKey]
Batch = list[Event]
Executors = list[Executor]
Lines = list[LogLine]
