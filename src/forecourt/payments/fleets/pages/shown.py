"""The list of fleets, and one fleet with its members, this month, its invoices and how it pays."""

from datetime import datetime
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect
from msgspec import Meta, Struct

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker
from forecourt.drivers.accounts.model import DriverUnknown
from forecourt.drivers.fleets import service as fleets
from forecourt.drivers.fleets import store as members
from forecourt.drivers.fleets.model import MAX_COST_CENTRE
from forecourt.payments.fleets.pages.words import DONE, READING, STATES, TOKENS, Done, Number, WebRequest
from forecourt.payments.fleets.store import Connection, credits, money, screens
from forecourt.payments.fleets.store import invoices as store
from forecourt.payments.forms import LINE_WRONG, MONEY_WRONG, Field, limit_in, read_form, text_as, tick, typed_of
from forecourt.payments.ledger.words import money as amount
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.text import ONE_LINE
from forecourt.ui import formats
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell

#: Rows of one table of a page.
SHOWN: Final = 50
MEMBERS_SHOWN: Final = 200
CostCentre = Annotated[str, Meta(max_length=MAX_COST_CENTRE, pattern=ONE_LINE)]
NOBODY: Final = mark("is no driver's e-mail address or number")


class Centre(Struct, frozen=True, kw_only=True):
    """What a cost centre spent this month."""

    name: str
    sessions: int
    amount: int


def member_fields(currency: str) -> list[Field]:
    """Who is put into a fleet."""
    limit = mark("Of a month; empty: only the fleet's counts.")
    return [
        Field(name="driver", label=mark("Driver"), read=str, wrong=NOBODY, required=True, most=254,
              hint=mark("E-mail address, or number.")),
        Field(name="cost_centre", label=mark("Cost centre"), read=text_as(CostCentre), wrong=LINE_WRONG, most=60),
        Field(name="month_limit", label=mark("Monthly limit"), read=limit_in(currency), wrong=MONEY_WRONG, hint=limit,
              mode="decimal", most=20),
        Field(name="pays", label=mark("Pays at once"), read=tick, tick=True,
              hint=mark("The fleet pays for what their cards start, unless they chose something else")),
    ]  # fmt: skip


class FleetScreens:
    """What the handlers below share."""

    def __init__(self, shell: Shell, db: Pool, clock: Clock) -> None:
        self._shell = shell
        self._db = db
        self._clock = clock

    async def listed(self, request: WebRequest, actor: Actor) -> Response[str]:
        """The list, and the files for the bank."""
        now = self._clock.now()
        async with self._db.tenant(actor.tenant_id) as conn:
            rows = await members.list_fleets(conn, actor.tenant_id, now)
            open_ = await screens.open_of_fleets(conn, actor.tenant_id)
            seller = await store.find_seller(conn, actor.tenant_id)
            files = await money.list_files(conn, actor.tenant_id, limit=SHOWN)
        return self._shell.page(
            "fleets/list.html", request, viewer=actor, current="fleets", rows=rows, open=open_, seller=seller,
            files=files, money=amount, date_of=formats.date_of, may_change=actor.may(Verb.CHANGE_TOKENS),
            may_draw=actor.may(Verb.CHANGE_PAYMENTS), may_organise=actor.may(Verb.ORGANISATION),
        )  # fmt: skip

    async def one(
        self, request: WebRequest, actor: Actor, fleet_id: int, *, done: str = "",
        typed: dict[str, str] | None = None, wrong: dict[str, str] | None = None,
    ) -> Response[str]:  # fmt: skip
        """One fleet; with what was typed about a member, and what is wrong with it. Raises FleetUnknown."""
        now = self._clock.now()
        async with self._db.tenant(actor.tenant_id) as conn:
            fleet = await fleets.find_fleet(conn, actor.tenant_id, fleet_id, now)
            people = await members.list_members(conn, actor.tenant_id, fleet_id)
            names = await screens.name_drivers(
                conn, actor.tenant_id, [each.driver_id for each in people[:MEMBERS_SHOWN]]
            )
            about = await self._about(conn, actor.tenant_id, fleet_id, fleet.zone, now)
        fields = member_fields(fleet.currency)
        return self._shell.page(
            "fleets/fleet.html", request, viewer=actor, current="fleets", status=422 if wrong else 200, fleet=fleet,
            people=people[:MEMBERS_SHOWN], names=names, money=amount, date_of=formats.date_of, states=STATES,
            today=now.astimezone(ZoneInfo(fleet.zone)).date(), may_change=actor.may(Verb.CHANGE_TOKENS),
            may_bill=actor.may(Verb.CHANGE_PAYMENTS), done=DONE.get(done, ""), fields=fields,
            typed=typed or {field.name: "yes" if field.tick else "" for field in fields}, wrong=wrong or {}, **about,
        )  # fmt: skip

    async def _about(self, conn: Connection, tenant_id: int, fleet_id: int, zone: str, now: datetime) -> dict[str, Any]:
        month = f"{now.astimezone(ZoneInfo(zone)):%Y-%m}"
        spent = await screens.spent_by_centre(conn, tenant_id, fleet_id, month)
        return {
            "centres": [Centre(name=name, sessions=count, amount=total) for name, count, total in spent],
            "invoices": await store.list_invoices(conn, tenant_id, fleet_id=fleet_id, limit=SHOWN),
            "over_limit": await store.list_over_limit(conn, tenant_id, fleet_id, SHOWN),
            "unbilled": await store.unbilled(conn, tenant_id, fleet_id),
            "left_over": await credits.left_over(conn, tenant_id, fleet_id),
            "terms": await store.find_terms(conn, tenant_id, fleet_id),
            "mandate": await money.find_mandate(conn, tenant_id, fleet_id),
            "seller": await store.find_seller(conn, tenant_id),
        }

    async def put_member(self, request: WebRequest, actor: Actor, fleet_id: int) -> Response[Any]:
        """Puts a driver into the fleet."""
        now = self._clock.now()
        async with self._db.tenant(actor.tenant_id) as conn:
            fleet = await fleets.find_fleet(conn, actor.tenant_id, fleet_id, now)
            fields = member_fields(fleet.currency)
            typed = await typed_of(request, fields)
            values, wrong = read_form(fields, typed)
            driver = None if wrong else await screens.find_driver(conn, actor.tenant_id, typed["driver"])
            if driver is None:
                wrong.setdefault("driver", NOBODY)
        if not wrong and driver is not None:
            said = {"cost_centre": values["cost_centre"], "session_limit": None, "month_limit": values["month_limit"]}
            async with self._db.tenant(actor.tenant_id) as conn:
                held = await members.find_member(conn, actor.tenant_id, driver)
                if held is not None and held.fleet_id == fleet_id:
                    said["session_limit"] = held.session_limit
                await fleets.put_member(conn, actor, fleet_id, driver, said, now, pays=values["pays"])
            done = "paying" if values["pays"] else "member"
            return Redirect(f"/fleets/{fleet_id}?done={done}", status_code=303)
        return await self.one(request, actor, fleet_id, typed=typed, wrong=wrong)

    async def remove_member(self, actor: Actor, fleet_id: int, driver_id: int) -> Redirect:
        """Takes a driver out; one who is out already stays so."""
        try:
            async with self._db.tenant(actor.tenant_id) as conn:
                await fleets.remove_member(conn, actor, fleet_id, driver_id, self._clock.now())
        except DriverUnknown:
            pass
        return Redirect(f"/fleets/{fleet_id}?done=gone", status_code=303)


def shown_pages(shell: Shell, db: Pool, clock: Clock) -> list[HTTPRouteHandler]:
    """`/fleets`, `/fleets/{fleet_id}`, and who is in one."""
    pages = FleetScreens(shell, db, clock)

    @get("/fleets", opt=dict(READING), include_in_schema=False)
    async def fleet_list(request: WebRequest, actor: Asker) -> Response[str]:
        return await pages.listed(request, actor)

    @get("/fleets/{fleet_id:int}", opt=dict(READING), include_in_schema=False)
    async def one_fleet(request: WebRequest, actor: Asker, fleet_id: Number, done: Done = "") -> Response[str]:
        return await pages.one(request, actor, fleet_id, done=done)

    @post("/fleets/{fleet_id:int}/members", opt=dict(TOKENS), include_in_schema=False, status_code=303)
    async def put_into_fleet(request: WebRequest, actor: Asker, fleet_id: Number) -> Response[Any]:
        return await pages.put_member(request, actor, fleet_id)

    @post(
        "/fleets/{fleet_id:int}/members/{driver_id:int}/remove", opt=dict(TOKENS), include_in_schema=False,
        status_code=303,
    )  # fmt: skip
    async def take_out_of_fleet(actor: Asker, fleet_id: Number, driver_id: Number) -> Redirect:
        return await pages.remove_member(actor, fleet_id, driver_id)

    return [fleet_list, one_fleet, put_into_fleet, take_out_of_fleet]
