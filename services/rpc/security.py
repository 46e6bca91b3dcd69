"""How services know each other: a token that callers show, and TLS with certificates on either side.

Both are for what crosses a network: between the processes of one machine neither is needed.
"""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Sequence
from pathlib import Path

import grpc
import msgspec

from services.errors import InvalidArgument
from services.rpc.addresses import is_loopback
from services.settings import setting, settings

log = logging.getLogger(__name__)

#: Seconds between looks whether the files have changed.
LOOK_INTERVAL = 2.0

#: Fewer characters than these can be guessed.
MIN_TOKEN = 16


INSECURE = "whether to listen where others can reach it though neither a token nor a certificate is asked for"


@settings
class SecuritySettings:
    """How services know each other (docs/deploying.md)."""

    token: str = setting(
        default="",
        help="what calls between services show, the same for all of them; better put into the variable or a file",
    )
    token_file: Path | None = setting(
        default=None,
        help="file with that token; of several, one in a line, the first is shown and all are taken, so that it can be"
        " changed while everything runs",
    )
    tls_cert: Path | None = setting(default=None, help="file with this process's certificate and its chain, PEM")
    tls_key: Path | None = setting(default=None, help="file with the certificate's key, PEM")
    tls_ca: Path | None = setting(
        default=None,
        help="file with the certificates of the authority by which others are known, PEM: services that are called are"
        " spoken to by TLS, and who calls must have a certificate as well",
    )

    @property
    def security(self) -> Security:
        """What was said, checked.

        Raises:
            InvalidArgument: a file cannot be read or is none, or something goes with nothing else.
        """
        if bool(self.tls_cert) != bool(self.tls_key):
            raise InvalidArgument("tls-cert and tls-key go together")
        security = Security(
            token=self.token,
            token_file=_absolute(self.token_file),
            certificate=_absolute(self.tls_cert),
            key=_absolute(self.tls_key),
            authority=_absolute(self.tls_ca),
        )
        security.check()
        return security


class Security(msgspec.Struct, frozen=True, kw_only=True):
    """A token and names of files; empty for none. It can be sent to a child process."""

    token: str = ""
    token_file: str = ""
    certificate: str = ""
    key: str = ""
    authority: str = ""

    def check(self) -> None:
        """Read everything once.

        Raises:
            InvalidArgument: a file cannot be read, or is not what it is to be; a token can be guessed.
        """
        if self.has_token:
            for token in Tokens(self).all:
                if len(token) < MIN_TOKEN or not token.isascii() or not token.isprintable():
                    raise InvalidArgument(f"a token has at least {MIN_TOKEN} printable characters of ASCII")
        for path in filter(None, (self.certificate, self.key, self.authority)):
            if b"-----BEGIN " not in read(path):
                raise InvalidArgument(f"{path} is not in PEM")

    @property
    def has_token(self) -> bool:
        """Whether callers show a token."""
        return bool(self.token or self.token_file)

    @property
    def knows_callers(self) -> bool:
        """Whether a server with this turns strangers away."""
        return self.has_token or bool(self.certificate and self.authority)

    def check_listening(self, listen: str, *, insecure: bool) -> None:
        """Make sure that strangers who reach a server are turned away.

        Raises:
            InvalidArgument: they are not, and nobody said that this is as it should be.
        """
        is_local = listen.startswith("unix:") or is_loopback(listen.rpartition(":")[0])
        if not (is_local or insecure or self.knows_callers):
            raise InvalidArgument(
                f"on {listen} others can call this service: give all services a token (--token-file), or certificates"
                " (--tls-cert, --tls-key, --tls-ca), or say --insecure"
            )

    def server_credentials(self) -> grpc.ServerCredentials | None:
        """What a server speaks TLS with; certificates that are renewed are used from the next connection on."""
        if not self.certificate:
            return None
        latest = self._certificates()

        def renewed() -> grpc.ServerCertificateConfiguration | None:
            nonlocal latest
            try:
                found = self._certificates()
            except InvalidArgument as error:
                log.error("the old certificate stays in use: %s", error.message)
                return None
            if found == latest:
                return None
            latest = found
            log.info("the certificate was renewed")
            return self._configuration(found)

        return grpc.dynamic_ssl_server_credentials(
            self._configuration(latest),
            renewed,  # type: ignore[arg-type] # the stubs do not know that None is for what has not changed
            require_client_authentication=bool(self.authority),
        )

    def channel_credentials(self) -> grpc.ChannelCredentials | None:
        """What a client speaks TLS with."""
        if not self.authority:
            return None
        key, chain = (read(self.key), read(self.certificate)) if self.certificate else (None, None)
        return grpc.ssl_channel_credentials(read(self.authority), key, chain)

    def _certificates(self) -> tuple[bytes, bytes, bytes | None]:
        return read(self.key), read(self.certificate), read(self.authority) if self.authority else None

    @staticmethod
    def _configuration(certificates: tuple[bytes, bytes, bytes | None]) -> grpc.ServerCertificateConfiguration:
        key, chain, authority = certificates
        return grpc.ssl_server_certificate_configuration([(key, chain)], authority)


#: For processes of one machine.
NONE = Security()


class Tokens:
    """The tokens of the moment: a file is read again when it has changed."""

    def __init__(self, security: Security) -> None:
        """Raises InvalidArgument when there is no token."""
        self._given = security.token.split()
        self._path = security.token_file
        self._changed_at = 0.0
        self._looked_at = time.monotonic()
        self._read = self._from_file()
        if not self.all:
            raise InvalidArgument(f"{self._path or 'token'} has no token in it")

    @property
    def all(self) -> Sequence[str]:
        """The one that is shown first, and others that are taken."""
        if self._path and time.monotonic() - self._looked_at >= LOOK_INTERVAL:
            self._looked_at = time.monotonic()
            try:
                self._read = self._from_file() or self._read
            except InvalidArgument as error:
                log.error("the old token stays in use: %s", error.message)
        return self._read or self._given

    @property
    def shown(self) -> str:
        """As a header."""
        return f"Bearer {self.all[0]}"

    def accept(self, header: str | bytes) -> bool:
        """Whether a caller's header has one of them."""
        shown = header.encode() if isinstance(header, str) else header
        matches = [hmac.compare_digest(shown, f"Bearer {token}".encode()) for token in self.all]
        return any(matches)

    def _from_file(self) -> Sequence[str]:
        return read(self._path).decode("ascii", "replace").split() if self._path else ()


def read(path: str) -> bytes:
    """The content of a file.

    Raises:
        InvalidArgument: it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidArgument(f"{path} cannot be read: {error.strerror}") from error


def _absolute(path: Path | None) -> str:
    return str(path.absolute()) if path else ""
