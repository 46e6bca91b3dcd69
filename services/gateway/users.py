"""Who the user of a request is, and where their files are.

This is the one place that tells users apart. Where requests come with a credential, that says whose they are, and users
see nothing of each other. Otherwise everybody is the same one without `--multi-user`. With it, requests name themselves
in a header, as ComfyUI's clients do: that separates users who trust each other and keeps nobody out.
"""

from __future__ import annotations

import re
import uuid

import msgspec
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from services.errors import AlreadyExists, Unauthenticated
from services.files.records import FileKind, FileName
from services.gateway.access.principal import principal_of
from services.gateway.documents import Document, Documents
from services.gateway.momentary import Momentary

#: The user when there is only one.
DEFAULT = "default"

#: The header in which a request says whose it is.
HEADER = "comfy-user"

#: What names that belong to the platform begin with: no user, and no folder of one, is called so.
RESERVED_PREFIX = "__"

#: Characters of a name that its id is made of.
_MAX_SLUG = 64

#: The id of every user and the name that they gave themselves; no user's folder is the one it is in.
_USERS = FileName(FileKind.USERDATA, "", "users.json")

_ID = re.compile(r"[A-Za-z0-9_-]+")
_UNFIT = re.compile(r"[^A-Za-z0-9_-]+")


class Users:
    """The users of a platform."""

    def __init__(self, documents: Documents, several: bool) -> None:
        """Users as the documents say; `several` when requests say whose they are."""
        self._documents = documents
        self._lately = Momentary[Document](lambda _: self.names())
        self.several = several

    async def of(self, request: Request) -> str:
        """The id of the user whose request this is: the name of the folder that their settings are in.

        Raises:
            Unauthenticated: there is no such user.
        """
        principal = principal_of(request)
        if principal:
            return principal.user
        if not self.several:
            return DEFAULT
        user = request.headers.get(HEADER, "")
        if not await self._exists(user):
            raise Unauthenticated(f"{HEADER}: {user[:100]!r} is no user here" if user else f"{HEADER} names no user")
        return user

    async def named_by(self, request: Request) -> str:
        """Whose prompt or upload a request brings; "" when it does not say, or nobody is told apart.

        Raises:
            Unauthenticated: there is no such user.
        """
        said = principal_of(request) or (self.several and HEADER in request.headers)
        return await self.of(request) if said else ""

    @staticmethod
    def alone(connection: HTTPConnection) -> str | None:
        """The user of whose prompts, events and files alone a request gets to see; None for everybody's."""
        principal = principal_of(connection)
        return principal.user if principal else None

    @classmethod
    def space(cls, connection: HTTPConnection) -> str:
        """The space of files that a request is about; empty for everybody's."""
        return cls.alone(connection) or ""

    def address_of_prompt(self, user: str, client_id: str) -> str:
        """Where the events of a user's prompt go; see `_address`."""
        return _address(user, client_id) if self.several or user else client_id

    async def address_of_socket(self, socket: HTTPConnection, client_id: str) -> str:
        """Which prompts' events a socket gets. A browser sends no headers with it, but the cookie of `remember`.

        Raises:
            Unauthenticated: the header names no user.
        """
        principal = principal_of(socket)
        if principal:
            return _address(principal.user, client_id)
        if not self.several:
            return client_id
        user = socket.headers.get(HEADER, "")
        if user and not await self._exists(user):
            raise Unauthenticated(f"{HEADER}: {user[:100]!r} is no user here")
        remembered = socket.cookies.get(HEADER, "")
        return _address(user or (remembered if await self._exists(remembered) else ""), client_id)

    def remember(self, response: Response, user: str) -> None:
        """Have a browser say whose sockets it opens."""
        if self.several:
            response.set_cookie(HEADER, user, httponly=True, samesite="strict")

    async def _exists(self, user: str) -> bool:
        if not _ID.fullmatch(user) or user.startswith(RESERVED_PREFIX):
            return False
        # One whom another gateway made a moment ago is known as well.
        return user in await self._lately.get() or user in await self.names()

    async def names(self) -> Document:
        """Every user's id, and the name that they gave themselves."""
        return await self._documents.read(_USERS)

    async def add(self, name: str) -> str:
        """Make a user and say which id they got.

        Raises:
            AlreadyExists: somebody has this name.
        """
        user = f"{_UNFIT.sub('-', name)[:_MAX_SLUG]}_{uuid.uuid4()}"
        written = msgspec.Raw(msgspec.json.encode(name))

        def add(users: Document) -> None:
            if name in (msgspec.json.decode(taken) for taken in users.values()):
                raise AlreadyExists(f"somebody is called {name!r} already")
            users[user] = written

        await self._documents.change(_USERS, add)
        return user


def _address(user: str, client_id: str) -> str:
    """The client id, which somebody else may know as well, within its user; "" is for everybody to hear.

    Prompts of a user that name no client are for nobody to listen to.
    """
    return f"{user}/{client_id}" if user or client_id else ""
