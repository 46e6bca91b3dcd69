"""Calls with tokens and certificates, and without the right ones."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.errors import InvalidArgument, Unauthenticated, Unavailable
from services.rpc import security as security_module
from services.rpc.channel import call, open_channel
from services.rpc.security import NONE, Security, SecuritySettings
from services.rpc.server import serve
from tests.rpc.servicer import SHAPES, Scripted, answers, ask

TOKEN = "0123456789abcdef-one"
OTHER = "0123456789abcdef-two"


async def answer(address: str, security: Security, shape: str = "UnaryUnary") -> bytes:
    """What the service says to a caller at last."""
    async with open_channel(address, security) as channel:
        return [answer async for answer in answers(channel, shape)][-1]


@pytest.fixture(autouse=True)
def _look_at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(security_module, "LOOK_INTERVAL", 0.0)
    yield


class Authority:
    """Makes certificates, and files of them."""

    def __init__(self, folder: Path, name: str = "ours") -> None:
        self._folder = folder / name
        self._folder.mkdir()
        self._authority = trustme.CA()
        self._authority.cert_pem.write_to_path(self._folder / "ca.pem")

    def issue(self, name: str = "a", *, host: str = "127.0.0.1", good_for: float = 1.0) -> Security:
        """A party with a certificate that is good for so many days."""
        until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=good_for)
        issued = self._authority.issue_cert(host, "localhost", not_after=until)
        for part, blobs in (("key", [issued.private_key_pem]), ("cert", issued.cert_chain_pems)):
            content = b"".join(blob.bytes() for blob in blobs)
            (self._folder / f"{name}.{part}").write_bytes(content)
        path = str(self._folder / name)
        return Security(certificate=f"{path}.cert", key=f"{path}.key", authority=self.path)

    @property
    def path(self) -> str:
        return str(self._folder / "ca.pem")


@pytest.mark.parametrize("shape", SHAPES)
async def test_calls_of_every_shape_show_the_token(shape: str) -> None:
    security = Security(token=TOKEN)
    async with serve("127.0.0.1:0", [Scripted().entry], security=security) as server:
        assert await answer(server.address, security, shape) == b"x"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("token", ["", OTHER, TOKEN[:-1], TOKEN + "x"])
async def test_s29_who_has_not_the_token_is_refused(token: str, shape: str) -> None:
    async with serve("127.0.0.1:0", [Scripted().entry], security=Security(token=TOKEN)) as server:
        with pytest.raises(Unauthenticated, match="calls need the token of this installation"):
            await answer(server.address, Security(token=token), shape)


async def test_health_is_told_to_everybody() -> None:
    security = Security(token=TOKEN)
    async with serve("127.0.0.1:0", [], security=security) as server, open_channel(server.address) as channel:
        check = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
        assert (await call(check)).status == health_pb2.HealthCheckResponse.SERVING


async def test_a_token_is_changed_while_everything_runs(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "server", tmp_path / "client"
    ours.write_text(f"{TOKEN}\n")
    theirs.write_text(f"{TOKEN}\n")
    async with serve("127.0.0.1:0", [Scripted().entry], security=Security(token_file=str(ours))) as server:
        async with open_channel(server.address, Security(token_file=str(theirs))) as channel:
            assert await ask(channel, b"x")
            ours.write_text(f"{TOKEN}\n{OTHER}\n")
            assert await ask(channel, b"x")
            theirs.write_text(f"{OTHER}\n{TOKEN}\n")
            assert await ask(channel, b"x")
            ours.write_text(f"{OTHER}\n")
            assert await ask(channel, b"x")
            ours.unlink()
            assert await ask(channel, b"x"), "the old token stays in use"
        with pytest.raises(Unauthenticated):
            await answer(server.address, Security(token=TOKEN))


async def test_peers_with_certificates_of_one_authority_talk(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with serve("127.0.0.1:0", [Scripted().entry], security=authority.issue("server")) as server:
        assert await answer(server.address, authority.issue("client", host="client.example"))


async def test_s29_strangers_are_not_talked_to(tmp_path: Path) -> None:
    ours, others = Authority(tmp_path), Authority(tmp_path, "others")
    stranger = others.issue("stranger")
    callers = [
        NONE,
        Security(authority=ours.path),
        Security(certificate=stranger.certificate, key=stranger.key, authority=ours.path),
        ours.issue("late", good_for=-0.5),
    ]
    async with serve("127.0.0.1:0", [Scripted().entry], security=ours.issue("server")) as server:
        for caller in callers:
            with pytest.raises(Unavailable):
                await answer(server.address, caller)
        assert await answer(server.address, ours.issue("client"))


async def test_a_server_of_another_authority_is_not_believed(tmp_path: Path) -> None:
    ours, others = Authority(tmp_path), Authority(tmp_path, "others")
    for server_side in (others.issue("server"), ours.issue("elsewhere", host="192.0.2.1")):
        alone = Security(certificate=server_side.certificate, key=server_side.key)
        async with serve("127.0.0.1:0", [Scripted().entry], security=alone) as server:
            with pytest.raises(Unavailable):
                await answer(server.address, Security(authority=ours.path))
    alone = Security(certificate=(issued := ours.issue("right")).certificate, key=issued.key)
    async with serve("127.0.0.1:0", [Scripted().entry], security=alone) as server:
        assert await answer(server.address, Security(authority=ours.path)), "a server may be content with a token"


async def test_a_certificate_is_renewed_while_everything_runs(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    soon_over = authority.issue("server", good_for=1.5 / 86_400)
    async with serve("127.0.0.1:0", [Scripted().entry], security=soon_over) as server:
        await asyncio.sleep(2.0)
        with pytest.raises(Unavailable):
            await answer(server.address, authority.issue("client"))
        authority.issue("server")
        assert await answer(server.address, authority.issue("client"))


@pytest.mark.parametrize("listen", ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "queue.internal:1"])
def test_s26_a_service_that_others_reach_asks_for_something(listen: str) -> None:
    for open_ in (NONE, Security(certificate="c", key="k")):
        with pytest.raises(InvalidArgument, match="--token-file"):
            open_.check_listening(listen, insecure=False)
        open_.check_listening(listen, insecure=True)
    Security(token=TOKEN).check_listening(listen, insecure=False)
    Security(certificate="c", key="k", authority="a").check_listening(listen, insecure=False)


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "localhost:1", "[::1]:1", "unix:/run/queue.sock"])
def test_what_only_this_machine_reaches_may_be_open(listen: str) -> None:
    NONE.check_listening(listen, insecure=False)


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "short").write_text("abc\n")
    for given, named in [
        (SecuritySettings(token="short"), "at least 16"),
        (SecuritySettings(token_file=tmp_path / "nowhere"), "nowhere cannot be read: No such file"),
        (SecuritySettings(token_file=tmp_path / "empty"), "empty has no token"),
        (SecuritySettings(token_file=tmp_path / "short"), "at least 16"),
        (SecuritySettings(tls_cert=tmp_path / "a"), "tls-cert and tls-key go together"),
        (SecuritySettings(tls_ca=tmp_path / "nowhere"), "nowhere cannot be read"),
        (SecuritySettings(tls_ca=tmp_path / "short"), "short is not in PEM"),
    ]:
        with pytest.raises(InvalidArgument, match=named):
            _ = given.security
