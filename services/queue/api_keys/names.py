"""What users can be called: their names become names of folders, on file systems that know no case, too."""

from __future__ import annotations

import re

#: In words.
RULE = "1 to 64 lowercase letters, digits, '.', '_' and '-', with a letter or digit at either end"

_USER_ID = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")


def is_user_id(name: str) -> bool:
    """Whether a user can be called so."""
    return _USER_ID.fullmatch(name) is not None
