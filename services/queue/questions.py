"""Questions to executors: whether node classes accept their inputs (VALIDATE_INPUTS)."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Collection

from services.graph.complaints import Complaint
from services.graph.model import Graph
from services.queue.catalogue import CatalogueKeeper
from services.queue.fleet import Fleet, Session
from services.queue.work import Validation, ValidationAnswer

log = logging.getLogger(__name__)

#: Seconds that an executor has to answer; a submission is not held up longer by a check that it may fail anyway.
ANSWER_TIMEOUT = 10.0

Complaints = dict[str, list[Complaint]]


class Questions:
    """Asks over the Work streams. No answer, for want of an executor or of time, counts as no complaint."""

    def __init__(self, fleet: Fleet, catalogue: CatalogueKeeper, timeout: float = ANSWER_TIMEOUT) -> None:
        self._fleet = fleet
        self._catalogue = catalogue
        self._timeout = timeout
        self._open: dict[str, tuple[Session, asyncio.Future[Complaints]]] = {}

    async def ask(self, graph_json: bytes, graph: Graph, node_ids: Collection[str], file_space: str = "") -> Complaints:
        """What the classes of these nodes say against their inputs, by node id; files are those of a space."""
        by_session: dict[Session, list[str]] = {}
        for node_id in node_ids:
            session = self._knower(graph.nodes[node_id].class_type)
            if session is not None:
                by_session.setdefault(session, []).append(node_id)
        answers = await asyncio.gather(
            *(self._ask(session, graph_json, tuple(asked), file_space) for session, asked in by_session.items())
        )
        return {node_id: complaints for answer in answers for node_id, complaints in answer.items()}

    def answered(self, session: Session, answer: ValidationAnswer) -> None:
        """Take an executor's answer; one that nobody waits for any more is dropped."""
        asked, future = self._open.get(answer.request_id, (None, None))
        if asked is session and future is not None and not future.done():
            future.set_result(answer.complaints)

    def left(self, session: Session) -> None:
        """Expect nothing more from a session."""
        for asked, future in self._open.values():
            if asked is session and not future.done():
                future.set_result({})

    def _knower(self, class_type: str) -> Session | None:
        for session in self._fleet.sessions():
            if self._catalogue.serves(session.catalogue_digest, class_type):
                return session
        return None

    async def _ask(self, session: Session, graph_json: bytes, node_ids: tuple[str, ...], file_space: str) -> Complaints:
        request_id = uuid.uuid4().hex
        future: asyncio.Future[Complaints] = asyncio.get_running_loop().create_future()
        self._open[request_id] = session, future
        session.send(Validation(request_id, graph_json, node_ids, file_space))
        try:
            return await asyncio.wait_for(future, self._timeout)
        except TimeoutError:
            log.warning("executor %s did not check nodes %s in time", session.executor_id, ", ".join(node_ids))
            return {}
        finally:
            del self._open[request_id]
