"""The screens of drivers: the list, and one driver with what is theirs and what an operator does about it.

Payments are not known here: a driver's page leads to them by their address.
"""

from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker
from forecourt.access.model import Actor
from forecourt.drivers.accounts import service, store
from forecourt.drivers.accounts.model import (
    EMAIL_PATTERN,
    MAX_EMAIL,
    MAX_NAME,
    AccountState,
    DriverRules,
    DriverUnknown,
    EmailTaken,
    TokenTaken,
    TooManyOwned,
)
from forecourt.drivers.accounts.store.rules import find_rules
from forecourt.drivers.autocharge import service as autocharge
from forecourt.drivers.autocharge.model import AutochargeOff, CarUnknown
from forecourt.drivers.fleets.store import find_member, find_subscription
from forecourt.drivers.model import MAX_UID_LENGTH, TokenUnknown
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.platform.paging import NEWEST, Cursors
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell

#: Lines of one page.
PAGE_SIZE: Final = 50
CURSORS: Final = Cursors("drivers on a page")
TEMPLATES_DIR: Final = Path(__file__).parent / "templates"
TONES: Final = {"active": "Available", "blocked": "Faulted", "erased": "Unavailable"}
STATES: Final = {"active": mark("active"), "blocked": mark("blocked"), "erased": mark("erased")}
WAYS: Final = {
    "page": mark("on the page"),
    "card": mark("a saved card"),
    "wallet": mark("the wallet"),
    "fleet": mark("the fleet"),
}
CONSENTS: Final = {
    "terms": mark("Terms"),
    "marketing": mark("News and offers"),
    "usage": mark("Looking at sessions"),
}
#: What was just done, or why it was not, told once above the page.
DONE: Final = {
    "made": mark("Made. The driver signs in by a letter to the address."),
    "blocked": mark("Blocked: signed out everywhere, and none of the tokens starts a session."),
    "unblocked": mark("Active again."),
    "attached": mark("The token is this driver's."),
    "detached": mark("The token is nobody's. It stays registered."),
    EmailTaken.code: mark("Another driver has this e-mail address."),
    TokenUnknown.code: mark("No token has this uid. Register it first."),
    TokenTaken.code: mark("This token is another driver's. Take it from there first."),
    "ruled": mark("Kept. It counts from now on."),
    "enrolled": mark("The car starts by being plugged in from now on."),
    "erased": mark("Erased. What books must keep stays under the number."),
    "money-left": mark("There is money in the wallet, a debt or a payment that is not over. Settle it first."),
    "forgotten": mark("The car starts nothing any more."),
    AutochargeOff.code: mark("Cars don't start by being plugged in here. Turn that on below the list of drivers."),
    CarUnknown.code: mark(
        "This is no address of one car. It is of twelve hexadecimal digits, not all zeros, and not of a group."
    ),
    TooManyOwned.code: mark("The driver has as many tokens as one can have."),
}
WebRequest = Request[Any, Any, Any]
Number = Annotated[int, PathParameter(ge=1, le=NEWEST)]
Done = Annotated[str, QueryParameter(name="done", max_length=30)]
Search = Annotated[str, QueryParameter(name="q", max_length=100, pattern=r"^[^\x00]*$")]
StateWord = Annotated[str, QueryParameter(name="state", max_length=20)]
Cursor = Annotated[str, QueryParameter(name="cursor", max_length=200)]


class DriverForm(Struct, frozen=True, kw_only=True):
    """Who gets an account."""

    email: Annotated[str, Meta(max_length=MAX_EMAIL, pattern=EMAIL_PATTERN)]
    name: Annotated[str, Meta(max_length=MAX_NAME)] = ""


class TokenForm(Struct, frozen=True, kw_only=True):
    """Which token."""

    uid: Annotated[str, Meta(min_length=1, max_length=MAX_UID_LENGTH)]


class RulesForm(Struct, frozen=True, kw_only=True):
    """What drivers' own tokens need: boxes that are ticked are sent."""

    payment_required: Annotated[str, Meta(max_length=3)] = ""
    autocharge: Annotated[str, Meta(max_length=3)] = ""


class CarForm(Struct, frozen=True, kw_only=True):
    """A car by its own address."""

    address: Annotated[str, Meta(min_length=1, max_length=40)]
    name: Annotated[str, Meta(max_length=100)] = ""


class DriverPages:
    """What the handlers below share."""

    def __init__(self, shell: Shell, db: Pool, clock: Clock) -> None:
        self._shell = shell
        self._db = db
        self._clock = clock

    async def show(
        self, request: WebRequest, actor: Actor, search: str, state: str, cursor: str, done: str
    ) -> Response[str]:
        """The list."""
        place = CURSORS.decode(cursor or None)
        wanted = state if state in STATES else None
        async with self._db.tenant(actor.tenant_id) as conn:
            rules = await find_rules(conn, actor.tenant_id)
            rows = await store.list_drivers(
                conn, actor.tenant_id, state=wanted, search=search.strip() or None, place=place, limit=PAGE_SIZE + 1
            )
            counts = await store.count_drivers(conn, actor.tenant_id)
        more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
        older = {"q": search, "state": wanted or "", "cursor": CURSORS.encode(rows[-1].driver_id) if more else ""}
        return self._shell.page(
            "drivers/drivers.html",
            request,
            viewer=actor,
            current="drivers",
            rows=rows,
            counts=counts,
            search=search,
            state=wanted or "",
            states=STATES,
            tones=TONES,
            older=f"/drivers?{urlencode(older)}" if more else "",
            done=DONE.get(done, ""),
            can_change=actor.may(Verb.CHANGE_TOKENS),
            rules=rules,
        )

    async def show_one(self, request: WebRequest, actor: Actor, driver_id: int, done: str) -> Response[str]:
        """One driver. Raises DriverUnknown."""
        async with self._db.tenant(actor.tenant_id) as conn:
            has = await service.owned_by(conn, await service.find_driver(conn, actor.tenant_id, driver_id))
            member = await find_member(conn, actor.tenant_id, driver_id)
            plan = await find_subscription(conn, actor.tenant_id, driver_id)
            cars = await autocharge.list_cars(conn, actor.tenant_id, driver_id)
            rules = await find_rules(conn, actor.tenant_id)
        return self._shell.page(
            "drivers/driver.html",
            request,
            viewer=actor,
            current="drivers",
            has=has,
            driver=has.driver,
            member=member,
            plan=plan,
            plugged=cars,
            rules=rules,
            states=STATES,
            tones=TONES,
            ways=WAYS,
            consents=CONSENTS,
            done=DONE.get(done, ""),
            can_change=actor.may(Verb.CHANGE_TOKENS) and has.driver.state is not AccountState.ERASED,
        )

    async def rule(self, actor: Actor, data: RulesForm) -> Redirect:
        """What drivers' own tokens need from now on."""
        rules = DriverRules(payment_required=bool(data.payment_required), autocharge=bool(data.autocharge))
        async with self._db.tenant(actor.tenant_id) as conn:
            await service.put_rules(conn, actor, rules, self._clock.now())
        return Redirect("/drivers?done=ruled", status_code=303)

    async def do(self, actor: Actor, driver_id: int, verb: Any, done: str, *arguments: Any, **named: Any) -> Redirect:
        """Does something about a driver, and tells on their page what became of it. Raises DriverUnknown."""
        try:
            async with self._db.tenant(actor.tenant_id) as conn:
                await verb(conn, actor, driver_id, *arguments, **named)
        except DriverUnknown:
            raise
        except ForecourtError as fault:
            done = fault.code
        return Redirect(f"/drivers/{driver_id}?done={done}", status_code=303)

    async def make(self, actor: Actor, data: DriverForm) -> Redirect:
        """An account for somebody."""
        try:
            async with self._db.tenant(actor.tenant_id) as conn:
                made = await service.create_driver(
                    conn, actor, data.email, data.name.strip() or None, "en", self._clock.now()
                )
        except EmailTaken as fault:
            return Redirect(f"/drivers?done={fault.code}", status_code=303)
        return Redirect(f"/drivers/{made.driver_id}?done=made", status_code=303)

    def now(self) -> Any:
        return self._clock.now()


def account_pages(*, shell: Shell, db: Pool, clock: Clock) -> list[HTTPRouteHandler]:
    """`/drivers` and all that is below it."""
    pages = DriverPages(shell, db, clock)
    changing: dict[str, Any] = {"verb": Verb.CHANGE_TOKENS}

    @get("/drivers", include_in_schema=False)
    async def drivers(
        request: WebRequest, actor: Asker, search: Search = "", word: StateWord = "", cursor: Cursor = "",
        done: Done = "",
    ) -> Response[str]:  # fmt: skip
        return await pages.show(request, actor, search, word, cursor, done)

    @post("/drivers", opt=changing, include_in_schema=False, status_code=303)
    async def make(data: URLEncodedBody[DriverForm], actor: Asker) -> Redirect:
        return await pages.make(actor, data)

    @post("/drivers/rules", opt=changing, include_in_schema=False, status_code=303)
    async def rule(actor: Asker, data: URLEncodedBody[RulesForm]) -> Redirect:
        return await pages.rule(actor, data)

    @post("/drivers/{number:int}/plugged", opt=changing, include_in_schema=False, status_code=303)
    async def enrol(actor: Asker, number: Number, data: URLEncodedBody[CarForm]) -> Redirect:
        name = data.name.strip() or None
        return await pages.do(
            actor, number, autocharge.enrol, "enrolled", data.address, name, pages.now(), by="operator"
        )

    @post("/drivers/{number:int}/plugged/remove", opt=changing, include_in_schema=False, status_code=303)
    async def forget_car(actor: Asker, number: Number, data: URLEncodedBody[CarForm]) -> Redirect:
        return await pages.do(actor, number, autocharge.forget_car, "forgotten", data.address)

    @get("/drivers/{number:int}", include_in_schema=False)
    async def driver(request: WebRequest, actor: Asker, number: Number, done: Done = "") -> Response[str]:
        return await pages.show_one(request, actor, number, done)

    @post("/drivers/{number:int}/block", opt=changing, include_in_schema=False, status_code=303)
    async def block(actor: Asker, number: Number) -> Redirect:
        changes = {"state": AccountState.BLOCKED.value}
        return await pages.do(actor, number, service.change_driver, "blocked", changes, pages.now())

    @post("/drivers/{number:int}/unblock", opt=changing, include_in_schema=False, status_code=303)
    async def unblock(actor: Asker, number: Number) -> Redirect:
        changes = {"state": AccountState.ACTIVE.value}
        return await pages.do(actor, number, service.change_driver, "unblocked", changes, pages.now())

    @post("/drivers/{number:int}/tokens", opt=changing, include_in_schema=False, status_code=303)
    async def attach(actor: Asker, number: Number, data: URLEncodedBody[TokenForm]) -> Redirect:
        return await pages.do(actor, number, service.attach_token, "attached", data.uid, pages.now(), by="operator")

    @post("/drivers/{number:int}/tokens/remove", opt=changing, include_in_schema=False, status_code=303)
    async def detach(actor: Asker, number: Number, data: URLEncodedBody[TokenForm]) -> Redirect:
        return await pages.do(actor, number, service.detach_token, "detached", data.uid)

    return [drivers, make, rule, driver, enrol, forget_car, block, unblock, attach, detach]
