"""Logging for every process: one line per record, to standard error."""

from __future__ import annotations

import logging
import sys

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def configure_logging(level: str = "INFO") -> None:
    """Send records of `level` and above to standard error.

    Raises:
        ValueError: `level` is not a level's name.
    """
    logging.basicConfig(level=level.upper(), format=FORMAT, stream=sys.stderr, force=True)
    # One line per request is the access log of a proxy, not of an application.
    logging.getLogger("httpx").setLevel(logging.WARNING)
