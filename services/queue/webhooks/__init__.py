"""Webhooks: telling other services over HTTP that a prompt has ended; signed, durable, at least once."""

from __future__ import annotations
