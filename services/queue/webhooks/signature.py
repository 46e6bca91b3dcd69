"""Signing messages as Standard Webhooks has it: HMAC-SHA256 over id, time and body (standardwebhooks.com)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Sequence
from pathlib import Path

from services.errors import InvalidArgument

#: Where the secret is taken from when no file is named.
VARIABLE = "SILVERPRINT_WEBHOOK_SECRET"

PREFIX = "whsec_"

#: Bytes of a secret.
SHORTEST, LONGEST = 24, 64

_HOW = (
    f"{PREFIX} and {SHORTEST} to {LONGEST} random bytes in base64, as "
    f"`python -c \"import base64, os; print('{PREFIX}' + base64.b64encode(os.urandom(32)).decode())\"` prints"
)


class Signer:
    """Signs with one secret, or with several while a new one takes the place of an old one."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._secrets = tuple(secrets)

    def headers(self, message_id: str, timestamp: float, body: bytes) -> dict[str, str]:
        """What a receiver needs to tell that the message is ours and of this moment."""
        seconds = str(int(timestamp))
        signed = b"%s.%s.%s" % (message_id.encode(), seconds.encode(), body)
        return {
            "webhook-id": message_id,
            "webhook-timestamp": seconds,
            "webhook-signature": " ".join(f"v1,{_signature(secret, signed)}" for secret in self._secrets),
        }


def configured_signer(file: Path | None) -> Signer | None:
    """The signer of the secrets in a file or the environment, separated by blanks; None when there is neither.

    Raises:
        InvalidArgument: the file cannot be read, or what is found is not a secret.
    """
    text = os.environ.get(VARIABLE, "")
    where = f"${VARIABLE}"
    if file is not None:
        where = f"the webhook secret file {file}"
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidArgument(f"{where} cannot be read: {error}") from error
        if not text.split():
            raise InvalidArgument(f"{where} is empty; it must hold {_HOW}")
    secrets = [_secret(word, where) for word in text.split()]
    return Signer(secrets) if secrets else None


def _secret(word: str, where: str) -> bytes:
    """The bytes of a secret; what it was is never part of a message."""
    try:
        secret = base64.b64decode(word.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not word.startswith(PREFIX) or not SHORTEST <= len(secret) <= LONGEST:
        raise InvalidArgument(f"{where} does not hold a secret for webhooks: that is {_HOW}")
    return secret


def _signature(secret: bytes, signed: bytes) -> str:
    return base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
