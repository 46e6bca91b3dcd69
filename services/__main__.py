"""`python -m services` and `silverprint`."""

from __future__ import annotations

import sys

from services.command.line import main

if __name__ == "__main__":
    sys.exit(main())
