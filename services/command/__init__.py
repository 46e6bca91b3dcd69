"""The `silverprint` command: the local stack, single services, and a client to try them with."""

from __future__ import annotations
