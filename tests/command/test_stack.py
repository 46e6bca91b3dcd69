"""What the supervisor starts."""

from __future__ import annotations

from pathlib import Path

from services.command.stack import StackSettings, _children


def test_the_password_of_the_database_is_no_argument(tmp_path: Path) -> None:
    url = "postgresql://user:tops3cret@host/name"
    children = _children(StackSettings(database=url, data=tmp_path, queue_port=0, files_port=0), 0)
    assert "tops3cret" not in str([child.arguments for child in children.values()])
    assert children["queue"].environment == {"SILVERPRINT_DATABASE": url}
