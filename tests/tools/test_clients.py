"""The list of published clients; they are run by hand, since they come from the network."""

from __future__ import annotations

from tools.clients.__main__ import CLIENTS, PROGRAMS


def test_every_program_is_of_a_client_and_every_client_has_one() -> None:
    assert {client.program for client in CLIENTS} == {path.name for path in PROGRAMS.iterdir() if path.is_file()}


def test_every_package_has_its_version_pinned() -> None:
    packages = [package for client in CLIENTS for package in client.packages]
    assert all("==" in package or "@" in package[1:] for package in packages)
