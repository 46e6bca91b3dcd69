"""On whose behalf a request comes, as its credential says."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.types import Scope

#: Where the principal is found in the scope of a connection.
_PLACE = "silverprint.principal"


@dataclass(frozen=True)
class Principal:
    """Somebody who showed a credential."""

    #: the name of their prompts, files and settings
    user: str
    #: whether they may see and change what concerns everybody
    admin: bool = False


def principal_of(connection: HTTPConnection) -> Principal | None:
    """Who sent a request; None where nobody has to say."""
    principal: Principal | None = connection.scope.get(_PLACE)
    return principal


def set_principal(scope: Scope, principal: Principal) -> None:
    """Have the rest of the gateway know who sent a request."""
    scope[_PLACE] = principal
