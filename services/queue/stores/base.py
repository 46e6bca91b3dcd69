"""What the queue asks of whatever keeps its prompts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping

import msgspec

from services.graph.requirements import Requirement
from services.queue.api_keys.store import ApiKeyStore
from services.queue.life import Life, Step, Transition
from services.queue.records import (
    Accepted,
    Batch,
    Depths,
    Keys,
    Page,
    Prompt,
    PromptIds,
    PromptState,
    Search,
    UserLimits,
)
from services.queue.webhooks.outbox import Outbox


class Keyed(msgspec.Struct, frozen=True, kw_only=True):
    """A submission that its caller wants to have taken once, however often it is sent."""

    user_id: str
    key: str
    #: of all that the caller sent
    digest: bytes
    #: seconds since the epoch; from then on the key is a new one
    expires_at: float


class Reuse(msgspec.Struct, frozen=True, kw_only=True):
    """How a prompt may be answered from an earlier one, and others from it."""

    #: of what the result depends on
    digest: bytes
    #: the prompt to answer it from; empty for none, None for the one that succeeded last
    source: str | None
    #: the nodes that need not run then
    node_ids: tuple[str, ...]


class NewPrompt(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt that passed validation."""

    prompt_id: str
    client_id: str
    number: float
    #: what `QueueStore.next_number` gave for it, None when the caller chose the number
    counted: int | None
    graph_json: bytes
    extra_data_json: bytes
    output_node_ids: tuple[str, ...]
    node_errors_json: bytes
    #: of all that the caller sent; tells a repeated submission from a different one
    content_digest: bytes
    submitted_at: float
    workflow_id: str = ""
    user_id: str = ""
    priority: int = 0
    #: of the user: twice the weight is twice the share
    weight: float = 1.0
    requirement: Requirement = Requirement()
    run_timeout: float = 0.0
    total_timeout: float = 0.0
    keyed: Keyed | None = None
    #: whom to tell when it ends
    webhook_urls: tuple[str, ...] = ()
    reuse: Reuse | None = None
    file_space: str = ""
    traceparent: str = ""

    @property
    def life(self) -> Life:
        """The life that begins."""
        return Life(
            prompt_id=self.prompt_id,
            client_id=self.client_id,
            state=PromptState.PENDING,
            submitted_at=self.submitted_at,
            user_id=self.user_id,
            priority=self.priority,
            placement=self.requirement.placement,
            run_timeout=self.run_timeout,
            total_timeout=self.total_timeout,
        )


class Receipt(msgspec.Struct, frozen=True):
    """What was answered to a submission."""

    accepted: Accepted
    #: of the prompt, or of the submission with the key
    content_digest: bytes
    #: the idempotency key that it was found by
    key: str = ""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Which of the waiting prompts may be claimed, and which of them one would rather have."""

    #: only those with one of these placements; None for any
    placements: frozenset[int] | None = None
    #: only those of these users; None for any
    users: frozenset[str] | None = None
    #: rather one with one of these placements, of the same priority as the first
    warm: frozenset[int] = frozenset()
    #: times that one which comes earlier may be passed over for that
    window: int = 0


#: Expired keys that go with every new one.
SWEPT_KEYS = 4

#: Whatever comes first.
ANY = Choice()


class Waiting(msgspec.Struct, frozen=True):
    """How many prompts with one placement a user has waiting."""

    placement: int
    user_id: str
    prompts: int


class Claim(msgspec.Struct, frozen=True):
    """A prompt that has just been leased, with what its executor needs."""

    life: Life
    graph_json: bytes
    extra_data_json: bytes
    output_node_ids: tuple[str, ...]
    file_space: str
    traceparent: str


Listener = Callable[[Step], None]

#: Told that something may have changed that the listener was not told of.
WakeUp = Callable[[], None]

Lives = list[Life]
Backlog = list[Waiting]
Requirements = list[Requirement]
AllLimits = list[UserLimits]

#: A prompt's state, and durable events of it.
StoredEvents = tuple[PromptState, Batch]


class QueueStore(ABC):
    """Keeps prompts, their durable events, the catalogue and the counter of numbers.

    A store MUST make every change atomic and durable before the call returns (the memory store: atomic). It MUST
    order changes, and after each one that `life` decided on, before the call that asked for it returns, call the
    listener with the step, in that order, on the event loop. Steps that were not committed are never told.

    It MUST stamp the events of a step with the number of prompts that are pending or running after it
    (`Step.stamped`), and keep those events of it that are durable (`Event.is_durable`).

    When a step ends a prompt that has URLs to tell, it MUST put what `deliveries_of` makes of the prompt into the
    outbox together with the step, and tell the step with `has_deliveries` set.

    Every method raises `Unavailable` when the storage fails; the change is then not made.
    """

    #: whether other replicas of the queue change it as well
    is_shared = False

    _listener: Listener | None = None
    _wake_up: WakeUp | None = None

    @property
    @abstractmethod
    def outbox(self) -> Outbox:
        """The deliveries of webhooks."""

    @property
    @abstractmethod
    def api_keys(self) -> ApiKeyStore:
        """The keys that clients of a gateway show."""

    def listen(self, listener: Listener) -> None:
        """Tell `listener` every committed step; there is one."""
        self._listener = listener

    def listen_to_others(self, wake_up: WakeUp) -> None:
        """Call `wake_up` on the event loop when another process may have changed what is kept; there is one.

        A store that several processes share MUST call it soon after each of their commits, and whenever it may have
        missed one; it MAY call it at other times. The others never do.
        """
        self._wake_up = wake_up

    def _wake(self) -> None:
        if self._wake_up is not None:
            self._wake_up()

    def _tell(self, step: Step) -> None:
        if self._listener is not None:
            self._listener(step)

    @abstractmethod
    async def add(self, new: NewPrompt) -> Receipt:
        """Begin a prompt's life, unless the key or the id is taken: the receipt of whoever came first.

        A prompt that is to be answered from an earlier one has succeeded at once (`life.submit_reused`) when there is
        one of the same user and digest that has, and takes nobody's turn.

        A key is kept until it expires, whatever becomes of the prompt. Every new key SHOULD take a few with it that
        have expired, so that they do not pile up.
        """

    @abstractmethod
    async def receipt(self, prompt_id: str) -> Receipt | None:
        """What was answered when this prompt was submitted."""

    @abstractmethod
    async def receipt_of_key(self, user_id: str, key: str, now: float) -> Receipt | None:
        """What was answered to a user's submission with this idempotency key, if it has not expired by `now`."""

    @abstractmethod
    async def reusable(self, user_id: str, digest: bytes) -> str | None:
        """The prompt of a user and with this digest (`Reuse`) that succeeded last."""

    @abstractmethod
    async def user_limits(self) -> AllLimits:
        """What was said about users, in no order."""

    @abstractmethod
    async def set_user_limits(self, limits: UserLimits) -> None:
        """Keep what was said about a user, instead of what was said before."""

    @abstractmethod
    async def delete_user_limits(self, user_id: str) -> bool:
        """Forget what was said about a user; False when nothing was."""

    @abstractmethod
    async def next_number(self) -> int:
        """Count submissions, from 0. The count goes on after a restart from the last prompt that was added."""

    @abstractmethod
    async def claim(self, assign: Transition, choice: Choice = ANY) -> Claim | None:
        """Apply `assign` to the first pending prompt of those chosen from; None when there is none.

        It takes no longer for prompts of other users, however many of theirs come before those of `Choice.users`.

        The order is by priority, the highest first; then by tag (see `services.queue.stores.fairness`), which gives
        users their shares; then by number, and of equals the one submitted first. How `Choice.warm` changes it is in
        `services.queue.stores.picking`.
        """

    @abstractmethod
    async def waiting(self) -> Backlog:
        """What waits, by placement and user."""

    @abstractmethod
    async def depths(self) -> Depths:
        """What waits and what runs, by priority and whether it has a user."""

    @abstractmethod
    async def requirements(self, placements: Collection[int]) -> Requirements:
        """What these placements stand for; unknown ones are left out."""

    @abstractmethod
    async def apply(self, prompt_id: str, transition: Transition) -> Step | None:
        """Apply a transition; None when there is no such prompt or the transition left it alone."""

    @abstractmethod
    async def forget(self, prompt_ids: Collection[str] | None) -> PromptIds:
        """Delete those that have finished, None for all of them; the ids of the deleted."""

    @abstractmethod
    async def forget_oldest(self, *, limit: int, beyond: int = 0, before: float | None = None) -> PromptIds:
        """Delete at most `limit` of the prompts that finished first; the ids of the deleted.

        Only so many that `beyond` finished ones stay, and only those that finished before `before`. The time that it
        takes SHOULD depend on `limit` and on what these prompts hold, but not on the number of others.
        """

    @abstractmethod
    async def get(self, prompt_id: str) -> Prompt | None:
        """One prompt; with its durable events when it has finished."""

    @abstractmethod
    async def list(
        self, states: Collection[PromptState], *, limit: int, offset: int, from_end: bool, user: str | None = None
    ) -> Page:
        """Prompts as `get` has them, and how many there are in these states.

        First the pending ones in the order in which they would be claimed, then the running ones by when they
        began, then the finished ones by when they finished. Of these, the first `offset` are left out and at most
        `limit` are answered (0 for all), the last ones of the rest with `from_end`. With a user, prompts of others are
        not there; a page takes no longer then for what others have.
        """

    @abstractmethod
    async def keys(
        self, states: Collection[PromptState], *, limit: int, offset: int, from_end: bool, user: str | None = None
    ) -> Keys:
        """The keys of what `list` would answer."""

    @abstractmethod
    async def find(self, search: Search) -> Page:
        """Prompts without what was submitted (graph, extra data, outputs), and how many there are in all.

        Of these, the first `offset` in the order of the search are left out and at most `limit` are answered. The
        time that it takes SHOULD depend on `offset` and `limit`, and with a workflow on the number of its runs, but
        not on the number of other prompts.
        """

    @abstractmethod
    async def lives(self, state: PromptState) -> Lives:
        """The lives in one state, in the order of `list`."""

    @abstractmethod
    async def limited(self) -> Lives:
        """The lives that are not over and may not take any time (`Life.is_limited`), in no order."""

    @abstractmethod
    async def events(self, prompt_id: str, after_sequence: int) -> StoredEvents | None:
        """A prompt's state and its durable events after a sequence number, in order; None for an unknown prompt."""

    async def news(self, after: Mapping[str, int]) -> dict[str, Batch]:
        """Of each of these prompts the durable events after a sequence number; unknown prompts are left out."""
        known = {prompt_id: await self.events(prompt_id, sequence) for prompt_id, sequence in after.items()}
        return {prompt_id: found[1] for prompt_id, found in known.items() if found is not None}

    @abstractmethod
    async def counts(self, user: str | None = None) -> dict[PromptState, int]:
        """How many prompts, of a user or of all, are in which state; states with none may be left out."""

    @abstractmethod
    async def owned(self, prompt_ids: Collection[str], user: str) -> PromptIds:
        """Those of the prompts that are a user's, in no order."""

    @abstractmethod
    async def catalogue(self) -> tuple[str, bytes] | None:
        """The catalogue that was saved last: its digest and its JSON."""

    @abstractmethod
    async def save_catalogue(self, digest: str, definitions_json: bytes) -> None:
        """Keep a catalogue instead of the one before."""

    @abstractmethod
    async def close(self) -> None:
        """Finish what was begun and let go of the storage."""
