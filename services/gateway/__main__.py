"""`python -m services.gateway`."""

from __future__ import annotations

from services.command.process import main

if __name__ == "__main__":
    raise SystemExit(main("gateway"))
