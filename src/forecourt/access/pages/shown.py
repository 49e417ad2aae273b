"""What the pages of access have in common: where things come from, the words for roles and scopes, forms as sent."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol
from uuid import UUID

from litestar import Request
from litestar.datastructures import FormMultiDict
from msgspec import Struct

from forecourt.access import store
from forecourt.access.invitations import Invitations
from forecourt.access.limits import Limits, SiteDirectory
from forecourt.access.model import Actor, Role, Unauthenticated, Verb
from forecourt.access.service import Access
from forecourt.access.store import Connection, OrganisationRow
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell

WebRequest = Request[Any, Any, Any]

#: The longest text that a field of a form is read to.
MAX_FIELD: Final = 500

ROLE_WORDS: Final[Mapping[Role, str]] = {
    Role.OWNER: mark("Owner"),
    Role.OPERATOR: mark("Operator"),
    Role.TECHNICIAN: mark("Technician"),
    Role.SUPPORT: mark("Support"),
    Role.VIEWER: mark("Viewer"),
    Role.SITE_HOST: mark("Site host"),
}
ROLE_MEANINGS: Final[Mapping[Role, str]] = {
    Role.OWNER: mark("Everything, people, keys and settings included"),
    Role.OPERATOR: mark("Sites, stations and tokens; starts and stops charging"),
    Role.TECHNICIAN: mark("Stations and every call to them; starts and stops charging"),
    Role.SUPPORT: mark("Tokens; starts and stops charging"),
    Role.VIEWER: mark("Sees everything and changes nothing"),
    Role.SITE_HOST: mark("Sees what is at their own sites and changes nothing"),
}
VERB_WORDS: Final[Mapping[str, str]] = {
    "read": mark("Read"),
    "change_sites": mark("Change sites"),
    "change_stations": mark("Change stations"),
    "change_tokens": mark("Change tokens"),
    "control": mark("Start and stop charging, unlock connectors"),
    "reset": mark("Reset stations"),
    "call": mark("Send any OCPP call"),
    "review": mark("Review what went wrong"),
    "audit": mark("Read the audit"),
    "keys": mark("Make and revoke API keys"),
    "people": mark("Invite and remove people"),
    "organisation": mark("Change the organisation"),
    "change_electrics": mark("Change the electrics of sites"),
    "change_energy": mark("Change smart charging: settings, tariffs, limits, readings"),
    "load_series": mark("Load prices and CO2 intensities"),
    "change_prices": mark("Change tariffs and where they count"),
    "read_campaigns": mark("Read campaigns and what they give"),
    "change_payments": mark("Refund payments and write off what is owed"),
    "payment_accounts": mark("Set up payment accounts"),
}


class CameOf(Struct, frozen=True, kw_only=True):
    """What came of something that was asked of a station: in words to be translated, and the station's own word."""

    outcome: str
    said: str


class Outcomes(Protocol):
    """What came of commands, by their ids, which a room above knows; those that are not kept are left out."""

    async def __call__(self, conn: Connection, tenant_id: int, ids: Sequence[UUID], /) -> Mapping[str, CameOf]: ...


class House(Struct, frozen=True, kw_only=True):
    """Where the pages' things come from."""

    shell: Shell
    db: Pool
    clock: Clock
    access: Access
    invitations: Invitations
    sites: SiteDirectory
    outcomes: Outcomes

    async def frame(self, conn: Connection, actor: Actor) -> "Frame":
        """What nearly every page shows: the organisation and its sites."""
        return Frame(
            await store.find_organisation(conn, actor.tenant_id), Limits(await self.sites(conn, actor.tenant_id))
        )


class Frame(Struct, frozen=True):
    """The organisation and its sites."""

    organisation: OrganisationRow
    limits: Limits

    def words(self) -> dict[str, Any]:
        """What templates are given of it, with the words for roles and scopes."""
        return {
            "zone": self.organisation.time_zone,
            "limits": self.limits,
            "role_words": {role.value: word for role, word in ROLE_WORDS.items()},
            "roles": [(role.value, ROLE_WORDS[role], ROLE_MEANINGS[role]) for role in Role],
            "verb_words": {verb.scope: VERB_WORDS.get(verb.scope, verb.value) for verb in Verb},
        }


class Form(Struct, frozen=True):
    """The fields of a form as they were sent, cut to what can be meant."""

    fields: FormMultiDict

    def text(self, name: str, default: str = "") -> str:
        """One field, without the blanks around it."""
        value = self.fields.get(name, default)
        return value.strip()[:MAX_FIELD].replace("\x00", "") if isinstance(value, str) else default

    def secret(self, name: str) -> str:
        """One field as it is, blanks and all."""
        value = self.fields.get(name, "")
        return value[:MAX_FIELD].replace("\x00", "") if isinstance(value, str) else ""

    def role(self) -> Role:
        """The role that was chosen; the least, if it is none."""
        chosen = self.text("role")
        return Role(chosen) if chosen in set(Role) else Role.VIEWER

    def many(self, name: str) -> list[str]:
        """The values of a field that may be sent more than once."""
        return [value[:MAX_FIELD] for value in self.fields.getall(name, []) if isinstance(value, str)]

    def sites(self) -> Sequence[str | int] | None:
        """The sites that were ticked, or None where no limit is wanted."""
        return [int(each) if each.isdecimal() else each for each in self.many("sites")] or None


async def form_of(request: WebRequest) -> Form:
    """The form that was sent."""
    return Form(await request.form())


def signed_in(request: WebRequest) -> Actor:
    """Who asks for a page; the guard before every page has found out. Raises Unauthenticated."""
    actor: Any = request.scope["user"]
    if not isinstance(actor, Actor):
        raise Unauthenticated
    return actor
