"""Taking prompts in: checked, numbered, stored, once per id."""

from __future__ import annotations

import asyncio
import json
import math
import uuid
from collections.abc import Collection

from services.errors import InvalidArgument
from services.graph.errors import PromptRejected
from services.graph.model import parse_graph
from services.graph.requirements import Requirement, requirement_of
from services.graph.validation import ValidatedPrompt, validate
from services.queue.admission import Admission
from services.queue.api_keys.names import RULE, is_user_id
from services.queue.catalogue import CatalogueKeeper
from services.queue.clock import Clock
from services.queue.fleet import Fleet
from services.queue.idempotency import content_digest, first_answer, keyed_of
from services.queue.placements import Placements
from services.queue.questions import Complaints, Questions
from services.queue.quotas import Quotas
from services.queue.records import Accepted, Submission
from services.queue.reuse import reuse_of
from services.queue.scheduler import Scheduler
from services.queue.stores.base import Keyed, NewPrompt, QueueStore, Receipt, Reuse
from services.queue.time_limits import TimeLimits
from services.queue.webhooks.webhooks import WebhookRules
from services.tracing import is_traceparent

#: Bytes of graph and extra data together; with its events a prompt has to fit into one message.
MAX_PROMPT_BYTES = 24 << 20

#: Priorities go from minus this to this.
MAX_PRIORITY = 100


class Submissions:
    """What `Queue.submit` does."""

    def __init__(
        self,
        *,
        store: QueueStore,
        catalogue: CatalogueKeeper,
        questions: Questions,
        fleet: Fleet,
        placements: Placements,
        scheduler: Scheduler,
        clock: Clock,
        time_limits: TimeLimits,
        quotas: Quotas,
        admission: Admission,
        webhooks: WebhookRules,
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._questions = questions
        self._fleet = fleet
        self._placements = placements
        self._scheduler = scheduler
        self._clock = clock
        self._time_limits = time_limits
        self._quotas = quotas
        self._admission = admission
        self._webhooks = webhooks

    async def submit(self, submission: Submission) -> Accepted:
        """See `services.queue.prompts.Queue.submit`."""
        _check(submission)
        time_limits = self._time_limits.of(submission)
        webhook_urls = self._webhooks.urls(submission.webhook_url)
        keyed, digest = keyed_of(submission, self._clock.now()), content_digest(submission)
        known = await self._known(submission, keyed)
        if known is not None:
            return first_answer(known, keyed, digest)
        with self._admission.place(submission.user_id):
            new = await self._checked(submission, keyed, digest, webhook_urls, *time_limits)
            adding = asyncio.ensure_future(self._store.add(new))
            self._scheduler.prompt_comes(new.requirement, new.user_id)
            return first_answer(await adding, keyed, digest)

    async def _checked(
        self,
        submission: Submission,
        keyed: Keyed | None,
        digest: bytes,
        webhook_urls: tuple[str, ...],
        run_timeout: float,
        total_timeout: float,
    ) -> NewPrompt:
        """The prompt of a submission, with its place and what it needs; raises as `submit`."""
        counted, number = await self._number(submission)
        validated, requirement, reuse = await self._validate(submission)
        return NewPrompt(
            prompt_id=submission.prompt_id or str(uuid.uuid4()),
            client_id=submission.client_id,
            number=number,
            counted=counted,
            graph_json=submission.graph_json,
            extra_data_json=submission.extra_data_json or b"{}",
            output_node_ids=validated.output_node_ids,
            node_errors_json=validated.node_errors_json,
            content_digest=digest,
            submitted_at=self._clock.now(),
            workflow_id=submission.workflow_id,
            user_id=submission.user_id,
            priority=submission.priority,
            weight=self._quotas.weight(submission.user_id),
            requirement=requirement,
            run_timeout=run_timeout,
            total_timeout=total_timeout,
            keyed=keyed,
            webhook_urls=webhook_urls,
            reuse=reuse,
            file_space=submission.file_space,
            traceparent=submission.traceparent,
        )

    async def _known(self, submission: Submission, keyed: Keyed | None) -> Receipt | None:
        """What was answered to the submission before, by its key or by its id."""
        receipt = None
        if keyed:
            receipt = await self._store.receipt_of_key(keyed.user_id, keyed.key, self._clock.now())
        if receipt is None and submission.prompt_id:
            receipt = await self._store.receipt(submission.prompt_id)
        return receipt

    async def _number(self, submission: Submission) -> tuple[int | None, float]:
        """The counted number, if one was used up, and the place in the queue; rejected prompts use one up, too."""
        if submission.number is not None:
            return None, submission.number
        counted = await self._store.next_number()
        return counted, float(-counted if submission.front else counted)

    async def find_reusable(self, submission: Submission) -> str | None:
        """The prompt that a submission would be answered from."""
        try:
            graph = parse_graph(submission.graph_json)
        except PromptRejected:
            return None
        reuse = reuse_of(submission, graph, await self._catalogue.definitions())
        return await self._store.reusable(submission.user_id, reuse.digest) if reuse else None

    async def _validate(self, submission: Submission) -> tuple[ValidatedPrompt, Requirement, Reuse | None]:
        graph = parse_graph(submission.graph_json)
        self._quotas.nodes(submission.user_id).check(graph)
        catalogue = await self._catalogue.definitions()

        async def ask(node_ids: Collection[str]) -> Complaints:
            return await self._questions.ask(submission.graph_json, graph, node_ids, submission.file_space)

        validated = await validate(graph, catalogue, submission.only_outputs, ask)
        requirement = requirement_of(graph, catalogue, validated.output_node_ids, submission.device_memory)
        obstacles = self._placements.obstacles(self._fleet.sessions(), requirement)
        if obstacles:
            raise PromptRejected.because("no_suitable_executor", "No executor is able to run this prompt", obstacles)
        # What comes of a part of the outputs says nothing about a time when all of them can be produced.
        reuse = reuse_of(submission, graph, catalogue) if validated.node_errors_json == b"{}" else None
        return validated, requirement, reuse


def _check(submission: Submission) -> None:
    size = len(submission.graph_json) + len(submission.extra_data_json)
    if size > MAX_PROMPT_BYTES:
        raise InvalidArgument(f"the prompt has {size} bytes, more than the {MAX_PROMPT_BYTES} that are allowed")
    if abs(submission.priority) > MAX_PRIORITY:
        raise InvalidArgument(f"priority {submission.priority} is not from -{MAX_PRIORITY} to {MAX_PRIORITY}")
    if submission.device_memory < 0:
        raise InvalidArgument(f"the memory that a device must have is not negative, as {submission.device_memory} is")
    if submission.file_space and not is_user_id(submission.file_space):
        raise InvalidArgument(f"file space {submission.file_space[:100]!r} is not {RULE}")
    if submission.traceparent and not is_traceparent(submission.traceparent):
        raise InvalidArgument(f"{submission.traceparent[:100]!r} is no traceparent of the W3C's Trace Context")
    if submission.number is not None and not math.isfinite(submission.number):
        raise InvalidArgument(f"number must be finite, not {submission.number}")
    if not submission.extra_data_json:
        return
    try:
        extra_data = json.loads(submission.extra_data_json)
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(f"extra_data is not JSON: {error}") from error
    if not isinstance(extra_data, dict):
        raise InvalidArgument("extra_data is not a JSON object")
