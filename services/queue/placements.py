"""Which executor is able to run what, and which has it warm."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from services.graph.requirements import Requirement
from services.queue.catalogue import CatalogueKeeper
from services.queue.fleet import Session
from services.queue.stores.base import QueueStore

#: Requirements that are remembered; beyond, those that nothing waits for are forgotten.
MAX_KNOWN = 10_000

#: Executors that a refusal names.
_NAMED = 3


class Placements:
    """Holds what prompts need against what executors have."""

    def __init__(self, store: QueueStore, catalogue: CatalogueKeeper) -> None:
        self._store = store
        self._catalogue = catalogue
        self._known: dict[int, Requirement] = {}
        #: by digest of the catalogue and placement
        self._served: dict[tuple[str, int], bool] = {}

    def learn(self, requirement: Requirement) -> None:
        """Remember what a placement stands for."""
        self._known[requirement.placement] = requirement

    def unknown(self, placements: Iterable[int]) -> list[int]:
        """Those of which it is not known what they stand for."""
        return [placement for placement in placements if placement and placement not in self._known]

    async def load(self, placements: Iterable[int]) -> None:
        """Look up what these stand for."""
        unknown = self.unknown(placements)
        if unknown:
            for requirement in await self._store.requirements(unknown):
                self.learn(requirement)

    def forget_all_but(self, placements: Collection[int]) -> None:
        """Let go of what nobody waits for, once there is much of it."""
        if len(self._known) > MAX_KNOWN:
            self._known = {number: self._known[number] for number in placements if number in self._known}
            self._served.clear()

    def fits(self, session: Session, placement: int) -> bool:
        """Whether an executor is able to run it; not as long as it is unknown what it needs."""
        if not placement:
            return True
        requirement = self._known.get(placement)
        if requirement is None or session.device_memory < requirement.device_memory:
            return False
        key = session.catalogue_digest, placement
        if key not in self._served:
            catalogue = self._catalogue.of(session.catalogue_digest)
            if catalogue is None:  # it is about to be published
                return False
            self._served[key] = next(requirement.lacking(catalogue), None) is None
        return self._served[key]

    def is_warm(self, session: Session, placement: int) -> bool:
        """Whether an executor has any of the models in memory."""
        return not session.warm_models.isdisjoint(self.models(placement))

    def models(self, placement: int) -> frozenset[str]:
        """The names of the model files that are needed."""
        requirement = self._known.get(placement)
        return requirement.models if requirement else frozenset()

    def obstacles(self, sessions: Sequence[Session], requirement: Requirement) -> str:
        """Why none of these executors is able to run it; empty when one is, or when that is not known yet."""
        reasons = []
        for session in sessions:
            reason = self._obstacle(session, requirement)
            if not reason:
                return ""
            reasons.append(f"executor {session.executor_id} {reason}")
        more = len(reasons) - _NAMED
        return "; ".join(reasons[:_NAMED]) + (f"; and {more} more" if more > 0 else "")

    def _obstacle(self, session: Session, requirement: Requirement) -> str:
        catalogue = self._catalogue.of(session.catalogue_digest)
        if catalogue is None:
            return ""
        lacking = ", ".join(requirement.lacking(catalogue))
        if lacking:
            return f"has not {lacking}"
        if session.device_memory < requirement.device_memory:
            return f"has a device with {session.device_memory} bytes, {requirement.device_memory} are asked for"
        return ""
