"""Watch the platform in a terminal: devices and their memory, what waits, what runs and how far it is, what has ended.

Ctrl-C ends it. Where the output is no terminal, or with --once, it is one picture in plain text.
"""

from __future__ import annotations

from services.command.top.top import Settings as Settings
from services.command.top.top import main as main
