"""The inbox: stations that knocked and are not known, adopted or dismissed, and those that are known and refused."""

from contextlib import suppress
from typing import Annotated, Any, Final, Literal

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from forecourt.access import Actor
from forecourt.access.guard import Asker, Database
from forecourt.access.model import Verb
from forecourt.ocpp.neutral import Registration, Version
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.platform.preconditions import ChangedMeanwhile
from forecourt.platform.text import ONE_LINE
from forecourt.stations import inbox, store
from forecourt.stations.addresses import OcppAddresses
from forecourt.stations.api.fields import SecretKey, StationRefresher
from forecourt.stations.errors import (
    KnockUnknown,
    PasswordNotKept,
    SiteNeeded,
    SiteRefused,
    StationExists,
)
from forecourt.stations.live import knocked_ms
from forecourt.stations.pages.frame import is_fragment
from forecourt.stations.pages.settings import MAX_SITES
from forecourt.stations.pages.station import AnyRequest, IdentityPath
from forecourt.stations.refusals import MEANINGS, meaning_of
from forecourt.stations.store import knocks as kept
from forecourt.stations.store.knocks import KnockFilter, KnockRow
from forecourt.stations.words import REGISTRATIONS, SECURITY_PROFILES
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell

#: Strangers, and refused stations, of the page.
PAGE_SIZE: Final = 100
_TEXT: Final = ONE_LINE
Now = NamedDependency[Clock]
_VERSIONS: Final = frozenset(version.value for version in Version)
#: What an adoption says that can't be done.
FAULTS: Final[dict[type[ForecourtError], str]] = {
    ChangedMeanwhile: mark("It showed another password meanwhile, so nothing was done. Look at it once more."),
    PasswordNotKept: mark("There is no password to keep any more. Have a new one made for it."),
    StationExists: mark("A station of this id exists already, here or in another organisation. Nothing was done."),
    SiteNeeded: mark("You are limited to some sites. Name one of them."),
    SiteRefused: mark("The site is not there any more. Nothing was done."),
}


class AdoptForm(Struct, frozen=True, kw_only=True):
    """What the form of an adoption sends."""

    name: Annotated[str, Meta(max_length=200, pattern=_TEXT)] = ""
    site: Annotated[str, Meta(max_length=64, pattern=_TEXT)] = ""
    registration: Literal["accepted", "pending"] = "accepted"
    security_profile: Literal["0", "1", "2", "3"] = "1"
    password: Literal["new", "keep"] = "new"
    tag: Annotated[str, Meta(max_length=200)] = ""


class InboxPages:
    """What the handlers below share."""

    def __init__(self, shell: Shell, addresses: OcppAddresses) -> None:
        self.shell = shell
        self._addresses = addresses

    async def show(
        self, request: AnyRequest, actor: Actor, db: Pool, clock: Clock, *, template: str = "inbox.html"
    ) -> Response[str]:
        """The page, or the lists of it."""
        now = clock.now()
        async with db.tenant(actor.tenant_id) as conn:
            tenant_id = actor.tenant_id
            strangers = await kept.list_knocks(conn, tenant_id, KnockFilter(), now, place=None, limit=PAGE_SIZE + 1)
            refused = await kept.list_knocks(
                conn, tenant_id, KnockFilter(registered=True), now, place=None, limit=PAGE_SIZE
            )
            tls_failed = await kept.find_knock(conn, tenant_id, "")
            count = await kept.count_inbox(conn, tenant_id, now)
            code = await kept.find_inbox_code(conn, tenant_id)
            needed = not await kept.is_only_organisation(conn, tenant_id)
        seen = request.base_url.hostname or ""
        return self.shell.page(
            f"stations/{template}",
            request,
            viewer=actor,
            current="inbox",
            strangers=strangers[:PAGE_SIZE],
            more=len(strangers) > PAGE_SIZE,
            refused=refused,
            tls_failed=tls_failed,
            meaning=meaning_of,
            speaks=speaks,
            knocked_ms=knocked_ms(count),
            addresses=[f"{self._addresses.base(seen, profile)}/{code}" for profile in self._profiles()],
            needed=needed,
            renews=actor.may(Verb.ORGANISATION),
        )

    async def ask(self, request: AnyRequest, actor: Actor, db: Pool, identity: str, fault: str = "") -> Response[str]:
        """The form of an adoption; words where that stranger is not there any more."""
        async with db.tenant(actor.tenant_id) as conn:
            try:
                row = await inbox.find_stranger(conn, actor.tenant_id, identity)
            except KnockUnknown:
                return self._part("inbox_gone.html", request, actor, status=404, identity=identity)
            sites = await store.list_sites(conn, actor.tenant_id, limit=MAX_SITES)
        return self._part(
            "inbox_adopt.html", request, actor, row=row, sites=sites, tag=inbox.knock_tag(row), fault=fault,
            suggested=inbox.suggested_profile(row), security_profiles=SECURITY_PROFILES,
            registrations={name: word for name, word in REGISTRATIONS.items() if name != "rejected"},
            speaks=speaks, meanings=MEANINGS, tls=self._addresses.tls,
        )  # fmt: skip

    def adopted(
        self, request: AnyRequest, actor: Actor, identity: str, made: str | None, *, held: bool
    ) -> Response[str]:
        """What became of it, with the password that was made, this once."""
        return self._part("inbox_adopted.html", request, actor, identity=identity, made=made, held=held)

    def _part(
        self, template: str, request: AnyRequest, actor: Actor, *, status: int = 200, **context: Any
    ) -> Response[str]:
        """A part of the inbox for scripts, a page of its own without them."""
        fragment = is_fragment(request)
        return self.shell.page(
            f"stations/{template}" if fragment else "stations/inbox_page.html",
            request,
            viewer=actor,
            current="inbox",
            # A fragment that says that something is not there is shown as well.
            status=200 if fragment else status,
            part=f"stations/{template}",
            **context,
        )

    def _profiles(self) -> tuple[int, ...]:
        """One that speaks by each way there is."""
        return (1, 2) if self._addresses.tls else (1,)


def speaks(row: KnockRow) -> bool:
    """Whether a station offers a version of OCPP that is spoken here."""
    return any(name in _VERSIONS for name in row.offered)


def inbox_pages(shell: Shell, addresses: OcppAddresses) -> list[HTTPRouteHandler]:
    """`/inbox` and what is done there."""
    pages = InboxPages(shell, addresses)
    changing = {"verb": Verb.CHANGE_STATIONS}

    @get("/inbox", include_in_schema=False, opt=changing)
    async def show(request: AnyRequest, actor: Asker, db: Database, clock: Now) -> Response[str]:
        return await pages.show(request, actor, db, clock)

    @get("/inbox/lists", include_in_schema=False, opt=changing)
    async def lists(request: AnyRequest, actor: Asker, db: Database, clock: Now) -> Response[str]:
        return await pages.show(request, actor, db, clock, template="inbox_lists.html")

    @get("/inbox/{identity:str}/adopt", include_in_schema=False, opt=changing)
    async def ask(request: AnyRequest, identity: IdentityPath, actor: Asker, db: Database) -> Response[str]:
        return await pages.ask(request, actor, db, identity)

    @post("/inbox/{identity:str}/adopt", include_in_schema=False, opt=changing, status_code=200)
    async def adopt(
        request: AnyRequest,
        identity: IdentityPath,
        actor: Asker,
        db: Database,
        secret_key: SecretKey,
        refresher: StationRefresher,
        data: URLEncodedBody[AdoptForm],
    ) -> Response[str]:
        try:
            async with db.tenant(actor.tenant_id) as conn:
                _, made = await inbox.adopt(
                    conn, actor, secret_key, identity, site=data.site or None, name=data.name.strip() or None,
                    registration=Registration(data.registration).value, security_profile=int(data.security_profile),
                    password=None, keep_password=data.password == "keep", if_match=data.tag or None,
                )  # fmt: skip
        except KnockUnknown:
            return await pages.ask(request, actor, db, identity)
        except tuple(FAULTS) as fault:
            return await pages.ask(request, actor, db, identity, FAULTS[type(fault)])
        await refresher()
        return pages.adopted(request, actor, identity, made, held=data.registration != "accepted")

    @post("/inbox/{identity:str}/dismiss", include_in_schema=False, opt=changing, status_code=303)
    async def dismiss(identity: IdentityPath, actor: Asker, db: Database, clock: Now) -> Redirect:
        with suppress(KnockUnknown):
            async with db.tenant(actor.tenant_id) as conn:
                await inbox.dismiss(conn, actor, identity, clock.now())
        return Redirect("/inbox", status_code=303)

    @post("/inbox/code", include_in_schema=False, opt={"verb": Verb.ORGANISATION}, status_code=303)
    async def renew(actor: Asker, db: Database) -> Redirect:
        async with db.tenant(actor.tenant_id) as conn:
            await inbox.renew_code(conn, actor)
        return Redirect("/inbox", status_code=303)

    return [show, lists, ask, adopt, dismiss, renew]
