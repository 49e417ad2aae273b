"""Roles and what each may do: the one table that every route is checked against."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from msgspec import Struct

from forecourt.platform.errors import ForecourtError


class Role(StrEnum):
    """What someone is in an organisation."""

    OWNER = "owner"
    OPERATOR = "operator"
    TECHNICIAN = "technician"
    SUPPORT = "support"
    VIEWER = "viewer"
    SITE_HOST = "site_host"


class Verb(StrEnum):
    """What a route does, as coarse as roles differ."""

    READ = "read"
    CHANGE_SITES = "change sites"
    CHANGE_STATIONS = "change stations"
    CHANGE_TOKENS = "change tokens"
    CONTROL = "start and stop charging and unlock connectors"
    RESET = "reset stations"
    CALL = "send any OCPP call"
    KEYS = "make and revoke API keys"


#: A site host will see the sites that are theirs; until sites can be given to a host, that is none.
ALLOWED: Mapping[Role, frozenset[Verb]] = {
    Role.OWNER: frozenset(Verb),
    Role.OPERATOR: frozenset(
        {Verb.READ, Verb.CHANGE_SITES, Verb.CHANGE_STATIONS, Verb.CHANGE_TOKENS, Verb.CONTROL, Verb.RESET}
    ),
    Role.TECHNICIAN: frozenset({Verb.READ, Verb.CHANGE_STATIONS, Verb.CONTROL, Verb.RESET, Verb.CALL}),
    Role.SUPPORT: frozenset({Verb.READ, Verb.CHANGE_TOKENS, Verb.CONTROL}),
    Role.VIEWER: frozenset({Verb.READ}),
    Role.SITE_HOST: frozenset(),
}


class Actor(Struct, frozen=True, kw_only=True):
    """Who asks: a person or a key, acting for one organisation."""

    tenant_id: int
    #: The organisation's name, as shown.
    organisation: str
    #: `operator_id` or `key_id`, by `kind`.
    id: int
    kind: Literal["operator", "key"]
    name: str
    role: Role

    def __str__(self) -> str:
        """How the audit names them: `operator:3 Ada` or `key:7 Grid app`."""
        return f"{self.kind}:{self.id} {self.name}"


def may(role: Role, verb: Verb) -> bool:
    """Whether this role may do this."""
    return verb in ALLOWED[role]


def roles_for(verb: Verb) -> list[str]:
    """The roles that may do this, most powerful first."""
    return [role.value for role in Role if may(role, verb)]


class Unauthenticated(ForecourtError):
    """Nobody is signed in. Send an API key as `Authorization: Bearer fc_...`, or sign in."""

    status = 401
    code = "unauthenticated"


class Forbidden(ForecourtError):
    """Your role does not allow this. Ask an owner of the organisation."""

    status = 403
    code = "forbidden"


class CrossSite(ForecourtError):
    """The request came from another web site. Open Forecourt's own page and try again."""

    status = 403
    code = "cross-site"


class SignInRefused(ForecourtError):
    """The e-mail address and the password do not belong together. Check both and try again."""

    status = 401
    code = "sign-in-refused"


class TooManyAttempts(ForecourtError):
    """Too many attempts to sign in. Wait a few minutes and try again."""

    status = 429
    code = "too-many-attempts"


class KeyUnknown(ForecourtError):
    """There is no such API key. `GET /api/v1/keys` lists those that exist."""

    status = 404
    code = "key-unknown"
