"""`python -m services.queue`."""

from __future__ import annotations

from services.command.process import main

if __name__ == "__main__":
    raise SystemExit(main("queue"))
