"""Roles and what each may do: the one table that every route is checked against."""

from collections.abc import Mapping
from datetime import datetime
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
    REVIEW = "review what went wrong"
    AUDIT = "read the audit"
    ALERTS = "change who is told of incidents and sent reports"
    KEYS = "make and revoke API keys"
    PEOPLE = "invite and remove people"
    ORGANISATION = "change the organisation"
    WEBHOOKS = "set up webhooks and the outside authorisation"
    CHANGE_ELECTRICS = "change the electrics of sites"
    CHANGE_ENERGY = "change how sites are charged, what their energy costs and what limits it"
    LOAD_SERIES = "load prices and CO2 intensities"
    CHANGE_PRICES = "change tariffs and where they count"
    READ_CAMPAIGNS = "read campaigns and what they give"
    PLAN_GROWTH = "plan how sites grow and where new ones go"
    CHANGE_PAYMENTS = "refund payments and write off what is owed"
    PAYMENT_ACCOUNTS = "set up payment accounts"
    READ_MONEY = "read the ledger and what providers and banks say"
    EXPLAIN_MONEY = "read bank statements and explain what does not agree"
    READ_HOSTS = "read what hosts are owed"
    CHANGE_HOSTS = "change hosts, their shares and where their money goes"
    #: The provider asks hosts themselves.
    ONBOARD_HOSTS = "go to the payment provider as a host"

    @property
    def scope(self) -> str:
        """How a key's scopes name it: `change_stations`."""
        return self.name.lower()


#: What belongs to no site: who is limited to some may not do it, whatever their role.
OF_THE_WHOLE = frozenset(
    {
        Verb.CHANGE_TOKENS,
        Verb.AUDIT,
        Verb.ALERTS,
        Verb.KEYS,
        Verb.PEOPLE,
        Verb.ORGANISATION,
        Verb.WEBHOOKS,
        Verb.LOAD_SERIES,
        Verb.CHANGE_PRICES,
        Verb.READ_CAMPAIGNS,
        Verb.PLAN_GROWTH,
        Verb.CHANGE_PAYMENTS,
        Verb.PAYMENT_ACCOUNTS,
        Verb.READ_MONEY,
        Verb.EXPLAIN_MONEY,
        Verb.CHANGE_HOSTS,
    }
)

#: A site host reads what is at the sites that are theirs, and no more.
ALLOWED: Mapping[Role, frozenset[Verb]] = {
    Role.OWNER: frozenset(Verb),
    Role.OPERATOR: frozenset(
        {
            Verb.READ,
            Verb.CHANGE_SITES,
            Verb.CHANGE_STATIONS,
            Verb.CHANGE_TOKENS,
            Verb.CONTROL,
            Verb.RESET,
            Verb.REVIEW,
            Verb.ALERTS,
            Verb.CHANGE_ELECTRICS,
            Verb.CHANGE_ENERGY,
            Verb.LOAD_SERIES,
            Verb.CHANGE_PRICES,
            Verb.READ_CAMPAIGNS,
            Verb.PLAN_GROWTH,
            Verb.CHANGE_PAYMENTS,
            Verb.READ_MONEY,
            Verb.EXPLAIN_MONEY,
            Verb.READ_HOSTS,
        }
    ),
    Role.TECHNICIAN: frozenset(
        {
            Verb.READ,
            Verb.CHANGE_STATIONS,
            Verb.CONTROL,
            Verb.RESET,
            Verb.CALL,
            Verb.REVIEW,
            Verb.CHANGE_ELECTRICS,
            Verb.READ_CAMPAIGNS,
        }
    ),
    Role.SUPPORT: frozenset({Verb.READ, Verb.READ_CAMPAIGNS, Verb.CHANGE_TOKENS, Verb.CONTROL, Verb.REVIEW}),
    Role.VIEWER: frozenset({Verb.READ, Verb.READ_CAMPAIGNS}),
    Role.SITE_HOST: frozenset({Verb.READ, Verb.READ_HOSTS, Verb.ONBOARD_HOSTS}),
}


class Origin(Struct, frozen=True, kw_only=True):
    """Where a request came from, for the audit: the network address, the program, the id in our own log."""

    address: str = ""
    user_agent: str = ""
    request_id: str = ""


class BrowserSession(Struct, frozen=True, kw_only=True):
    """How a person who asks is signed in."""

    id: int
    #: When they last proved who they are.
    proved_at: datetime
    second_factor: bool
    #: The organisation asks for a second factor, and they have not shown one: nothing is done before they do.
    needs_second_factor: bool
    #: Proven by the organisation's provider, whose word counts in that organisation only.
    by_provider: bool


class Actor(Struct, frozen=True, kw_only=True):
    """Who asks: a person or a key, acting for one organisation."""

    tenant_id: int
    #: The organisation's name, as shown.
    organisation: str
    #: `person_id` or `key_id`, by `kind`.
    id: int
    kind: Literal["person", "key"]
    name: str
    role: Role
    #: Limited to these sites and all below them; None: not limited.
    sites: tuple[int, ...] | None = None
    #: Of what the role allows, only this; None: all of it.
    scopes: frozenset[Verb] | None = None
    origin: Origin = Origin()
    #: None for a key.
    session: BrowserSession | None = None
    #: The organisation's, in which pages say their times.
    time_zone: str = "UTC"

    def __str__(self) -> str:
        """How the audit names them: `person:3 Ada` or `key:7 Grid app`."""
        return f"{self.kind}:{self.id} {self.name}"

    @property
    def person_id(self) -> int | None:
        """The person who asks; None for a key."""
        return self.id if self.kind == "person" else None

    def may(self, verb: Verb) -> bool:
        """Whether they may do this: by their role, their scopes, the whole organisation being theirs, and how they
        signed in."""
        if self.session is not None and self.session.needs_second_factor:
            return False
        if self.sites is not None and verb in OF_THE_WHOLE:
            return False
        return may(self.role, verb) and (self.scopes is None or verb in self.scopes)


class Service(Struct, frozen=True, kw_only=True):
    """Who acts for an organisation without anybody asking: something that it let decide. It may do nothing else."""

    tenant_id: int
    #: How the audit names the thing when somebody does something to it, without a blank.
    id: str
    name: str
    origin: Origin = Origin()

    def __str__(self) -> str:
        """How the audit names it: `authorization-hook Outside authorisation`."""
        return f"{self.id} {self.name}"


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


class ForbiddenHere(ForecourtError):
    """You are limited to some sites, and this concerns the whole organisation. Ask an owner of it."""

    status = 403
    code = "forbidden-by-sites"


class ScopeMissing(ForecourtError):
    """The API key was not given the scope for this. Make one that has it, or ask an owner of the organisation."""

    status = 403
    code = "scope-missing"


class SecondFactorNeeded(ForecourtError):
    """The organisation asks everybody for a second factor. Set one up at /account, or sign in with the one you have."""

    status = 403
    code = "second-factor-needed"


class PeopleOnly(ForecourtError):
    """This is for people who are signed in, and an API key is none."""

    status = 403
    code = "people-only"


class ProofTooOld(ForecourtError):
    """Before you change how you sign in, show once more that it is you."""

    status = 403
    code = "proof-too-old"


class NoOrganisation(ForecourtError):
    """You belong to no organisation any more. Ask one of its owners to invite you."""

    status = 403
    code = "no-organisation"


class NotAMember(ForecourtError):
    """You are not a member of this organisation. Ask one of its owners to invite you."""

    status = 404
    code = "not-a-member"


class SignInRefused(ForecourtError):
    """The e-mail address and the password do not belong together. Check both and try again."""

    status = 401
    code = "sign-in-refused"


class TooManyAttempts(ForecourtError):
    """Too many attempts to sign in. Wait a few minutes and try again."""

    status = 429
    code = "too-many-attempts"

    @property
    def wait_s(self) -> int:
        """How long to wait, in seconds."""
        return int(self.context.get("wait_s", 60))


class KeyUnknown(ForecourtError):
    """There is no such API key. `GET /api/v1/keys` lists those that exist."""

    status = 404
    code = "key-unknown"
