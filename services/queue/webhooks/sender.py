"""One attempt: a POST to an address that was checked, within limits of time and size."""

from __future__ import annotations

import asyncio

import httpx

from services import __version__
from services.errors import InvalidArgument
from services.queue.webhooks.records import Delivery
from services.queue.webhooks.signature import Signer
from services.queue.webhooks.targets import Targets, host_of

#: Seconds for one attempt, from the look-up of the name to the head of the answer.
TIMEOUT = 15.0

#: The receiver is gone for good and says so.
GONE = 410


class DeliveryFailed(Exception):
    """The receiver did not take the message; why, for people."""

    def __init__(self, reason: str, *, final: bool = False, silent: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        #: trying again would not help
        self.final = final
        #: it took all the time there is
        self.silent = silent


class Sender:
    """Sends messages; the body of an answer is never read, and redirections are not followed."""

    def __init__(self, signer: Signer, targets: Targets, *, timeout: float = TIMEOUT) -> None:
        self._signer = signer
        self._targets = targets
        self._timeout = timeout
        self._client: httpx.AsyncClient | None = None

    async def close(self) -> None:
        """Let go of connections."""
        if self._client is not None:
            await self._client.aclose()

    async def send(self, delivery: Delivery, now: float) -> None:
        """Have the receiver take it.

        Raises:
            DeliveryFailed: it did not.
        """
        client = await self._opened()
        try:
            async with asyncio.timeout(self._timeout):
                status = await self._post(client, delivery, now)
        except TimeoutError:
            raise DeliveryFailed(f"no answer within {self._timeout:g} seconds", silent=True) from None
        except (InvalidArgument, httpx.InvalidURL) as error:
            raise DeliveryFailed(str(error)) from error
        except (OSError, httpx.HTTPError) as error:
            raise DeliveryFailed(f"{type(error).__name__}: {error}") from error
        if status == GONE:
            raise DeliveryFailed("the receiver answered 410, it wants no more", final=True)
        if not 200 <= status < 300:
            hint = ", redirections are not followed" if 300 <= status < 400 else ""
            raise DeliveryFailed(f"the receiver answered {status}{hint}")

    async def _post(self, client: httpx.AsyncClient, delivery: Delivery, now: float) -> int:
        """The status of the answer of the first address that can be reached."""
        addresses = await self._targets.addresses(delivery.url)
        for address in addresses[:-1]:
            try:
                return await self._post_to(client, address, delivery, now)
            except httpx.ConnectError:
                continue
        return await self._post_to(client, addresses[-1], delivery, now)

    async def _post_to(self, client: httpx.AsyncClient, address: str, delivery: Delivery, now: float) -> int:
        url = httpx.URL(delivery.url)
        request = client.build_request(
            "POST",
            url.copy_with(host=address),
            content=delivery.payload,
            headers={
                "host": url.netloc.decode(),
                "content-type": "application/json",
                "user-agent": f"silverprint/{__version__}",
                **self._signer.headers(delivery.delivery_id, now, delivery.payload),
            },
            # The certificate has to be that of the name, although the connection is made to the address.
            extensions={"sni_hostname": host_of(url)},
        )
        response = await client.send(request, stream=True)
        await response.aclose()
        return response.status_code

    async def _opened(self) -> httpx.AsyncClient:
        """No connection is used twice: one that was made for a name must not serve another at the same address."""
        if self._client is None:
            context = await asyncio.to_thread(httpx.create_ssl_context)  # reads hundreds of certificates
            self._client = self._client or httpx.AsyncClient(
                verify=context,
                trust_env=False,
                follow_redirects=False,
                timeout=self._timeout,
                limits=httpx.Limits(max_keepalive_connections=0),
            )
        return self._client
