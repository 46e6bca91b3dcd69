"""The queue's webhooks: whom to tell of a prompt's end, what became of that, and telling again."""

from __future__ import annotations

import msgspec

from services.errors import FailedPrecondition, InvalidArgument, NotFound
from services.queue.clock import Clock
from services.queue.life import Step
from services.queue.metrics.webhooks import WebhookMetrics
from services.queue.webhooks.deliverer import Deliverer
from services.queue.webhooks.outbox import Outbox
from services.queue.webhooks.records import Deliveries, Delivery, DeliverySearch
from services.queue.webhooks.sender import Sender
from services.queue.webhooks.signature import VARIABLE, Signer
from services.queue.webhooks.targets import Targets

#: Deliveries in one answer at most, and where nobody says how many.
MAX_LISTED = 500
DEFAULT_LISTED = 100


class WebhookRules:
    """What an operator has decided: the secret, who is told of every prompt, and whether receivers may be inside."""

    def __init__(self, signer: Signer | None = None, *, url: str = "", allow_private: bool = False) -> None:
        """`url` is told of every prompt, empty for nobody.

        Raises:
            InvalidArgument: the URL makes no sense, or there is no secret to sign with.
        """
        self.signer = signer
        self.targets = Targets(allow_private=allow_private)
        self._url = url
        if url:
            self.targets.check(url)
            if signer is None:
                raise InvalidArgument(f"webhooks need a secret to sign with, in ${VARIABLE} or --webhook-secret-file")

    def urls(self, own: str) -> tuple[str, ...]:
        """Whom to tell of the end of a prompt that came with a URL of its own, empty for none.

        Raises:
            InvalidArgument: that URL makes no sense or points inside; says what is wrong with it.
            FailedPrecondition: this queue has no secret to sign with.
        """
        if own:
            self.targets.check(own)
            if self.signer is None:
                raise FailedPrecondition(
                    f"webhook_url is set, but this queue sends no webhooks: it has no secret in ${VARIABLE}"
                )
        return tuple(dict.fromkeys(url for url in (own, self._url) if url))


class Webhooks:
    """What `Queue` offers of webhooks. Without a secret nothing is sent: what is in the outbox waits for one."""

    def __init__(self, outbox: Outbox, clock: Clock, rules: WebhookRules, metrics: WebhookMetrics) -> None:
        self._outbox = outbox
        self._clock = clock
        self.rules = rules
        sender = Sender(rules.signer, rules.targets) if rules.signer else None
        self._deliverer = Deliverer(outbox, sender, clock, metrics) if sender else None

    def start(self) -> None:
        """Begin to send."""
        if self._deliverer:
            self._deliverer.start()

    async def stop(self) -> None:
        """Cease to send."""
        if self._deliverer:
            await self._deliverer.stop()

    def see(self, step: Step) -> None:
        """Take note of a committed step."""
        if step.has_deliveries and self._deliverer:
            self._deliverer.wake()

    async def list(self, search: DeliverySearch) -> Deliveries:
        """See `services.queue.prompts.Queue.webhook_deliveries`."""
        if search.limit < 0 or search.offset < 0:
            raise InvalidArgument(f"limit and offset must not be negative, they are {search.limit} and {search.offset}")
        limit = min(search.limit, MAX_LISTED) or DEFAULT_LISTED
        return await self._outbox.list(msgspec.structs.replace(search, limit=limit))

    async def redeliver(self, delivery_id: str) -> Delivery:
        """See `services.queue.prompts.Queue.redeliver_webhook`."""
        delivery = await self._outbox.redeliver(delivery_id, self._clock.now())
        if delivery is None:
            raise NotFound(f"there is no delivery {delivery_id}")
        if self._deliverer:
            self._deliverer.wake()
        return delivery
