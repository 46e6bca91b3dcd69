"""Receivers that do not answer are called one at a time."""

from __future__ import annotations

import pytest

from services.queue.webhooks.sender import DeliveryFailed
from services.queue.webhooks.silence import KEPT, Silence


def call(silence: Silence, url: str, *, silent: bool | None) -> None:
    """A call that is taken (None), or fails with or without an answer."""
    with silence.calling(url):
        if silent is not None:
            raise DeliveryFailed("it failed", silent=silent)


def test_a_silent_receiver_is_called_by_one_at_a_time_until_it_speaks() -> None:
    silence = Silence()
    with pytest.raises(DeliveryFailed, match="it failed"):
        call(silence, "http://a/1", silent=True)
    with silence.calling("http://a/1"):
        with pytest.raises(DeliveryFailed, match="not tried: a does not answer"):
            call(silence, "http://a/2", silent=None)
        call(silence, "http://b/", silent=None)
    with silence.calling("http://a/"):  # it has spoken
        call(silence, "http://a/", silent=None)


def test_an_answer_that_says_no_is_no_silence() -> None:
    silence = Silence()
    for silent in (True, False):
        with pytest.raises(DeliveryFailed, match="it failed"):
            call(silence, "http://a/", silent=silent)
    with silence.calling("http://a/"):
        call(silence, "http://a/", silent=None)


def test_only_so_many_are_remembered() -> None:
    silence = Silence()
    for number in range(KEPT + 1):
        with pytest.raises(DeliveryFailed):
            call(silence, f"http://host{number}/", silent=True)
    with silence.calling("http://host0/"):
        call(silence, "http://host0/", silent=None)
    with silence.calling("http://host1/"), pytest.raises(DeliveryFailed, match="not tried"):
        call(silence, "http://host1/", silent=None)
