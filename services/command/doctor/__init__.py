"""Say what is wrong with this installation, and how to mend it. Every service may be down.

Exit code 0 when all is well or nearly, 1 when there is a problem.
"""

from __future__ import annotations

from services.command.doctor.doctor import Settings as Settings
from services.command.doctor.doctor import main as main
