"""A line in the log for every step of a prompt's life."""

from __future__ import annotations

import logging

from services.logs import about
from services.queue.life import Step
from services.queue.records import Assigned, PromptState, Requeued, Submitted

log = logging.getLogger(__name__)


def enter(step: Step) -> None:
    """Write what a committed step means: accepted, begun, given back, ended."""
    life = step.life
    for event in step.events:
        match event.body:
            case Submitted():
                log.info("accepted", extra=about(prompt_id=life.prompt_id, user=life.user_id, client=life.client_id))
            case Assigned(executor_id, attempt):
                log.info("begun", extra=about(prompt_id=life.prompt_id, attempt=attempt, executor=executor_id))
            case Requeued(reason):
                lost = about(
                    prompt_id=life.prompt_id, attempt=len(life.attempts), executor=life.executor_id, reason=reason
                )
                log.warning("waits again", extra=lost)
    if step.before is not life.state and life.state.is_terminal:
        level = logging.WARNING if life.state is PromptState.FAILED else logging.INFO
        began, ended = life.started_at, life.finished_at
        extra = about(
            prompt_id=life.prompt_id,
            attempt=len(life.attempts) or None,
            executor=life.executor_id,
            seconds=round(ended - began, 3) if began is not None and ended is not None else None,
        )
        log.log(level, "%s", life.state.value, extra=extra)
