"""The screens of hosts: who they are, what they are owed and were paid. Site hosts see their own here."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, QueryParameter
from litestar.response import Redirect

from forecourt.access import Role, Verb
from forecourt.access.guard import Asker
from forecourt.payments.accounts.model import AccountMissing
from forecourt.payments.bank.reasons import in_words, is_of_file
from forecourt.payments.hosts import service
from forecourt.payments.hosts.connect import Connect, state_of
from forecourt.payments.hosts.model import (
    MAX_REFERENCE,
    MIN_REFERENCE,
    HostNotThere,
    HostRefused,
    PayoutDayRefused,
    PayoutStands,
    PayoutUnderWay,
)
from forecourt.payments.hosts.outcomes import GIVEN_UP_AFTER
from forecourt.payments.hosts.payout_pages import WRONG_BOOKED, WRONG_PAID
from forecourt.payments.hosts.sepa import reference_of
from forecourt.payments.hosts.store import Connection, documents, lines
from forecourt.payments.hosts.store import hosts as store
from forecourt.payments.hosts.store import payouts as kept
from forecourt.payments.hosts.words import KEPT, asked_for, line_words, memo_words
from forecourt.payments.ledger.words import EVERY, KINDS, STATES, money
from forecourt.payments.psp.errors import ProviderAway
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.platform.paging import MAX_CURSOR_LENGTH, Cursors
from forecourt.ui import formats
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell

PAGE_SIZE: Final = 50
CURSORS: Final = Cursors("hosts on a page")

WebRequest = Request[Any, Any, Any]
Done = Annotated[str, QueryParameter(name="done", max_length=30)]
HostId = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]
Asked = Annotated[int, QueryParameter(ge=0, le=1)]
Cursor = Annotated[str, QueryParameter(name="cursor", max_length=MAX_CURSOR_LENGTH)]
Said = Annotated[str, QueryParameter(name="said", max_length=60)]
#: Of a share rule, in percent of what was earned before VAT.
PERCENTS: Final = {
    "energy": mark("Percent of energy"),
    "time": mark("Percent of charging time"),
    "idle": mark("Percent of parking"),
    "flat": mark("Percent of session fees"),
    "reservation": mark("Percent of reservations"),
}
GUARDED: Final[dict[str, Any]] = {"verb": Verb.READ_HOSTS}
ONBOARDING: Final[dict[str, Any]] = {"verb": Verb.ONBOARD_HOSTS}
#: The way to the provider's page had run out.
AGAIN: Final = "again"
SAID: Final = {
    AGAIN: mark("The way to the payment provider had run out. Go there again."),
    HostRefused.code: mark("The payment provider needs the host's e-mail address. Say it first."),
    HostNotThere.code: mark("This host has no account at the payment provider yet."),
    AccountMissing.code: mark("There is no payment account that could pay this host. Add one first."),
    PayoutUnderWay.code: mark("This payout may still be carried out. It can be given up a day after it was asked for."),
    PayoutStands.code: mark("It is known by now what came of this payout."),
    PayoutDayRefused.code: mark("Say the day on which the money went: from the day the payout was listed to today."),
    WRONG_PAID: mark("Say the day, and a reference of 3 to 140 signs by which the bank or the host finds it."),
    WRONG_BOOKED: mark("Say the day, and why: it stands in the audit."),
    ProviderAway.code: mark("The payment provider doesn't answer just now. Try again in a minute."),
}
OTHER: Final = mark("The payment provider refused it. Look at the host's country and e-mail address.")


class HostScreens:
    """What the handlers below share."""

    def __init__(self, shell: Shell, db: Pool, clock: Clock, connect: Connect) -> None:
        self._shell = shell
        self._db = db
        self._clock = clock
        self._connect = connect

    async def listed(self, request: WebRequest, actor: Asker, asked: int, cursor: str) -> Response[str]:
        """The list, with the payouts that wait for somebody to make them by hand."""
        place = CURSORS.decode(cursor or None)
        async with self._db.tenant(actor.tenant_id) as conn:
            rows = await store.list_hosts(conn, actor.tenant_id, place=place, limit=PAGE_SIZE + 1)
            more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
            owed = await lines.owed(conn, actor.tenant_id, host_ids=[row.host_id for row in rows])
            sites = await store.name_sites(conn, actor.tenant_id, [site for row in rows for site in row.site_ids])
            by_hand = await kept.list_payouts(
                conn, actor.tenant_id, way="hand", state="asked", order="oldest", limit=PAGE_SIZE
            )
        return self._page(
            "hosts", request, actor, rows=rows, owed=owed, sites=sites, by_hand=by_hand,
            wayless=await self._connect.wayless(actor.tenant_id, rows, owed), may_change=actor.may(Verb.CHANGE_HOSTS),
            asked=asked, next=f"/hosts?cursor={CURSORS.encode(rows[-1].host_id)}" if more else "", first=not cursor,
        )  # fmt: skip

    async def one(self, request: WebRequest, actor: Asker, host_id: int, said: str, done: str) -> Response[str]:
        """One host: what they are owed and were paid, by which rules, and how they are reached. Raises HostUnknown."""
        now = self._clock.now()
        async with self._db.tenant(actor.tenant_id) as conn:
            found = await service.find(conn, actor.tenant_id, host_id)
            owed = await lines.owed(conn, actor.tenant_id, host_ids=[host_id])
            zone = ZoneInfo(await store.time_zone(conn, actor.tenant_id))
            about = await self._about(conn, actor.tenant_id, host_id)
        state = state_of(found)
        return self._page(
            "host", request, actor, host=found, owed=owed, spans=_spans(host_id, now.astimezone(zone)), state=state,
            wayless=await self._connect.wayless(actor.tenant_id, [found], owed), gone_after=now - GIVEN_UP_AFTER,
            in_words=in_words, is_of_file=is_of_file, own=actor.role is Role.SITE_HOST,
            kept=KEPT[actor.role is Role.SITE_HOST], line_words=line_words, memo_words=memo_words,
            percents=PERCENTS, done=done == "stored", reference_of=reference_of, least=MIN_REFERENCE,
            most=MAX_REFERENCE, today=now.astimezone(zone).date(), zone=zone,
            asked=[] if state is None else asked_for(state.due), fault=SAID.get(said, OTHER if said else ""),
            may_onboard=actor.may(Verb.ONBOARD_HOSTS), may_change=actor.may(Verb.CHANGE_HOSTS), **about,
        )  # fmt: skip

    async def _about(self, conn: Connection, tenant_id: int, host_id: int) -> dict[str, Any]:
        rules = await store.list_rules(conn, tenant_id, host_id=host_id, limit=PAGE_SIZE)
        return {
            "rows": await lines.list_lines(conn, tenant_id, host_id, limit=PAGE_SIZE),
            "payouts": await kept.list_payouts(conn, tenant_id, host_id=host_id, limit=PAGE_SIZE),
            "rules": rules,
            "sites": await store.name_sites(conn, tenant_id, [row.site_id for row in rules]),
            "documents": await documents.list_documents(conn, tenant_id, host_id=host_id, limit=PAGE_SIZE),
            "beside": await store.list_beside(conn, tenant_id, host_id),
        }

    def _page(self, name: str, request: WebRequest, actor: Asker, **values: Any) -> Response[str]:
        return self._shell.page(
            f"money/{name}.html", request, viewer=actor, current="hosts", kinds=KINDS, money=money, every=EVERY,
            states=STATES, date_of=formats.date_of, **values,
        )  # fmt: skip


def _spans(host_id: int, now: datetime) -> list[tuple[str, str]]:
    """Months whose statement can be taken, by the organisation's clock."""
    begin = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    before = (begin - timedelta(days=1)).replace(day=1)
    return [
        (word, f"/api/v1/hosts/{host_id}/statement?" + urlencode({"from": first.isoformat(), "to": last.isoformat()}))
        for word, first, last in ((mark("Last month"), before, begin), (mark("This month"), begin, now))
    ]


def host_pages(shell: Shell, db: Pool, clock: Clock, connect: Connect, address: str) -> list[HTTPRouteHandler]:
    """`/hosts`, `/hosts/{host_id}`, and a host's way to the payment provider. `address`: where this is reached."""
    screens = HostScreens(shell, db, clock, connect)

    @get("/hosts", opt=GUARDED, include_in_schema=False)
    async def hosts(request: WebRequest, actor: Asker, asked: Asked = 0, cursor: Cursor = "") -> Response[str]:
        return await screens.listed(request, actor, asked, cursor)

    @get("/hosts/{host_id:int}", opt=GUARDED, include_in_schema=False)
    async def host(
        request: WebRequest, actor: Asker, host_id: HostId, said: Said = "", done: Done = ""
    ) -> Response[str]:
        return await screens.one(request, actor, host_id, said, done)

    return [hosts, host, *_provider_pages(shell, connect, address)]


def _provider_pages(shell: Shell, connect: Connect, address: str) -> list[HTTPRouteHandler]:
    """A host's way to the payment provider and back."""

    @post("/hosts/{host_id:int}/onboarding", opt=ONBOARDING, include_in_schema=False, status_code=200)
    async def onboard(request: WebRequest, actor: Asker, host_id: HostId) -> Response[Any]:
        back = f"{address.rstrip('/')}/hosts/{host_id}"
        try:
            there = await connect.onboard(
                actor, host_id, return_url=f"{back}/provider/back", refresh_url=f"{back}/provider/again"
            )
        except ForecourtError as fault:
            return Redirect(f"/hosts/{host_id}?said={fault.code}", status_code=303)
        return shell.page("access/on.html", request, next=there.url)

    # The provider leads here. Browsers keep the console's cookie from what another site leads to, so these go on to
    # the host's page as pages of our own; they tell nothing and do nothing.
    @get("/hosts/{host_id:int}/provider/back", opt={"public": True}, include_in_schema=False)
    async def back(request: WebRequest, host_id: HostId) -> Response[str]:
        return shell.page("access/on.html", request, next=f"/hosts/{host_id}/provider")

    @get("/hosts/{host_id:int}/provider/again", opt={"public": True}, include_in_schema=False)
    async def again(request: WebRequest, host_id: HostId) -> Response[str]:
        return shell.page("access/on.html", request, next=f"/hosts/{host_id}?said={AGAIN}")

    @get("/hosts/{host_id:int}/provider", opt=ONBOARDING, include_in_schema=False)
    async def look(actor: Asker, host_id: HostId) -> Redirect:
        try:
            await connect.look(actor.tenant_id, host_id)
        except ForecourtError as fault:
            return Redirect(f"/hosts/{host_id}?said={fault.code}", status_code=303)
        return Redirect(f"/hosts/{host_id}", status_code=303)

    return [onboard, back, again, look]
