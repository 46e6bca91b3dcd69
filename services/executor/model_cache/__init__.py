"""Models of the file service on this host: fetched once, verified, shared by all workers, within a bound."""

from __future__ import annotations
