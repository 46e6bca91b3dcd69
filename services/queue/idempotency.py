"""Submissions that are to be taken once, however often they are sent: their keys, and when two are the same."""

from __future__ import annotations

import unicodedata

import msgspec
from blake3 import blake3

from services.errors import AlreadyExists, InvalidArgument
from services.queue.records import Accepted, Submission
from services.queue.stores.base import Keyed, Receipt

#: Seconds for which a key is remembered.
KEY_LIFETIME = 24 * 3600.0

#: Characters that a key may have.
MAX_KEY_LENGTH = 255

#: Why a submission was refused whose key was used for another one.
KEY_REUSE = "idempotency_key_reuse"


def keyed_of(submission: Submission, now: float) -> Keyed | None:
    """The key of a submission, None when it has none.

    Raises:
        InvalidArgument: it cannot be a key.
    """
    key = submission.idempotency_key
    if not key:
        return None
    if len(key) > MAX_KEY_LENGTH:
        raise InvalidArgument(f"the idempotency key has {len(key)} characters, more than {MAX_KEY_LENGTH}")
    if any(unicodedata.category(character) == "Cc" for character in key):
        raise InvalidArgument("the idempotency key has control characters")
    return Keyed(user_id=submission.user_id, key=key, digest=_digest(submission), expires_at=now + KEY_LIFETIME)


def content_digest(submission: Submission) -> bytes:
    """Of everything in a submission but its id."""
    return _digest(msgspec.structs.replace(submission, prompt_id=""))


def first_answer(receipt: Receipt, keyed: Keyed | None, content: bytes) -> Accepted:
    """The first answer again.

    Raises:
        AlreadyExists: the submission with the same key, or the prompt with the same id, was a different one.
    """
    prompt_id = receipt.accepted.prompt_id
    if receipt.key:
        if keyed is None or receipt.content_digest != keyed.digest:
            message = f"the idempotency key {receipt.key!r} was used for a different submission, which is {prompt_id}"
            raise AlreadyExists(message, reason=KEY_REUSE)
    elif receipt.content_digest != content:
        raise AlreadyExists(f"prompt {prompt_id} exists already, and it is a different one")
    return receipt.accepted


def _digest(submission: Submission) -> bytes:
    """Of what the caller sent: what files held, which earlier result is there and the trace differ another time."""
    sent = msgspec.structs.replace(submission, idempotency_key="", reuse_salt=b"", reuse_from=None, traceparent="")
    return blake3(msgspec.msgpack.encode(sent)).digest()
