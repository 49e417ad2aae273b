"""The pages of drivers: price, the way from payment to receipt. Public: who stands there may read and start."""

from collections.abc import Sequence
from typing import Annotated, Any, Final
from urllib.parse import quote
from uuid import UUID

import structlog
from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, PathParameter, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from forecourt.access.guard import origin_of
from forecourt.driver.asked import (
    DEBT_FAILED,
    EMAIL_UNREAD,
    MAX_TYPED,
    PUBLIC,
    SAID,
    VOUCHER_SAID,
    EvseInPath,
    Flag,
    Lang,
    PriceShown,
    Said,
    StationInPath,
    email_of,
)
from forecourt.driver.brands import home_of
from forecourt.driver.codes import SCAN, pay_address
from forecourt.driver.find_pages import find_pages
from forecourt.driver.held import held_of
from forecourt.driver.idle import idle_words
from forecourt.driver.leaving import is_doubtful, leaving_words, paused_words
from forecourt.driver.letters import write_receipt
from forecourt.driver.model import (
    CAN_GIVE_UP,
    LAST,
    LIVE_S,
    PAID,
    REFRESH_S,
    SHUT_LIVE_S,
    SOON_S,
    STEPS,
    CodeStale,
    PlaceUnknown,
    Stage,
    departure_of,
)
from forecourt.driver.receipt import facts_of, lines_of, name_of, receipt_pdf
from forecourt.driver.scans import MOST_ENERGY_WH
from forecourt.driver.service import Ways
from forecourt.driver.shell import HEADERS, DriverShell
from forecourt.driver.store import Brand
from forecourt.driver.waiting.service import Joining, WaitingLists
from forecourt.driver.way import Shown, Way
from forecourt.driver.words import named_spot
from forecourt.loyalty.errors import AccountNeeded, VoucherUnknown, VoucherUsed
from forecourt.loyalty.model.campaigns import Campaign
from forecourt.loyalty.model.uses import MAX_CODE
from forecourt.payments.accounts.model import AccountMissing
from forecourt.payments.intents.errors import (
    ConnectorOutOfOrder,
    ConnectorTaken,
    NothingOwed,
    PaymentUnknown,
    PriceChanged,
    PriceMissing,
    StationOutOfReach,
    TriedJustNow,
)
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.pricing.model import TIME_PATTERN
from forecourt.sessions.reserving.model import HeldForAnother
from forecourt.sessions.signed.export import MEDIA_TYPE, transparency_file
from forecourt.sessions.store import find_session, list_signed
from forecourt.ui.i18n import mark

log = structlog.get_logger(__name__)

UNREACHED: Final = mark("The station could not be reached. Try again, or stop at the station.")

VersionInPath = Annotated[str, PathParameter(min_length=1, max_length=10, pattern="^[0-9A-Za-z.]+$")]
PasswordInPath = Annotated[str, PathParameter(min_length=1, max_length=64, pattern="^[0-9A-Za-z]+$")]
#: What a driver chose at the station (C25.FR.05); what can't be understood is no wish.
EnergyInQuery = Annotated[str, QueryParameter(max_length=20)]
#: The code of a voucher, as it was typed.
Voucher = Annotated[str, QueryParameter(name="voucher", max_length=2 * MAX_CODE, pattern=r"^[^\x00]*$")]
#: The place in a waiting list that the connector is held for.
Place = Annotated[UUID | None, QueryParameter(name="place")]
#: A time of day by the site's clock.
ClockInQuery = Annotated[str | None, QueryParameter(pattern=TIME_PATTERN)]
IntentId = FromPath[UUID]


class EmailForm(Struct, frozen=True, kw_only=True):
    """Where a receipt goes, as it was typed."""

    email: Annotated[str, Meta(max_length=MAX_TYPED)] = ""


class TicketForm(Struct, frozen=True, kw_only=True):
    """What the page of a scanned code holds."""

    price: PriceShown = None
    ticket: Annotated[str, Meta(max_length=300, pattern=r"^[0-9]{1,20}(\.[0-9]{1,20}){6}\.[0-9a-f]{64}$")]


class PayForm(Struct, frozen=True, kw_only=True):
    """What the price page holds: the code of a voucher as it was typed, and whose turn it is in a waiting list."""

    voucher: Annotated[str, Meta(max_length=2 * MAX_CODE, pattern=r"^[^\x00]*$")] | None = None
    place: UUID | None = None
    price: PriceShown = None


class LeaveForm(Struct, frozen=True, kw_only=True):
    """When the driver leaves, by the site's clock."""

    at: Annotated[str, Meta(pattern=TIME_PATTERN)]
    #: They were asked whether they mean tomorrow, and do.
    tomorrow: Annotated[str, Meta(max_length=1)] = ""


class DriverPages:
    """What the handlers below share."""

    def __init__(
        self, shell: DriverShell, ways: Ways, db: Pool, clock: Clock, address: str, lists: WaitingLists | None = None
    ) -> None:
        self._shell = shell
        self._lists = lists
        self._ways = ways
        self._db = db
        self._clock = clock
        self._address = address.rstrip("/")

    async def price(
        self, request: Any, station: str, evse: int, lang: str | None, said: str = "", place: UUID | None = None,
        ticket: str = "", voucher: str = "",
    ) -> Response[str]:  # fmt: skip
        """The price, before anything else. `ticket`: of a code that was scanned; `voucher`: the code of one that was
        typed. Raises PlaceUnknown."""
        shown = await self._ways.look(station, evse, place_id=place)
        status = 200 if not said else 409
        # What went wrong with it is said already.
        offers, wrong = ([], None) if said in VOUCHER_SAID else await self._offered(shown, voucher)
        # Nobody stands there to press "again" when the station is back.
        shut = shown.hold is not None and not shown.open and not ticket
        return self._shell.page(
            "price.html", request, lang=lang, status=status, shown=shown, brand=shown.brand,
            said=SAID.get(said) or VOUCHER_SAID.get(said) or wrong, offers=offers,
            zone=shown.spot.zone, joining=await self._joining(shown),
            typed=voucher.strip(), place=place,
            ticket=ticket, pay_at=pay_address(station, evse) if ticket else "",
            live_s=SHUT_LIVE_S if shut else 0, refresh_s=REFRESH_S, own_at=_own_at(station, evse, place),
        )  # fmt: skip

    async def _offered(self, shown: Shown, voucher: str) -> tuple[list[Campaign], str | None]:
        """What a voucher gives here, or why it gives nothing."""
        if not voucher.strip() or not shown.open:
            return [], None
        spot = shown.spot
        try:
            return await self._ways.promises.offered(shown.tenant_id, spot.station, spot.evse, code=voucher), None
        except (VoucherUnknown, VoucherUsed, AccountNeeded) as fault:
            return [], VOUCHER_SAID[fault.code]

    async def _joining(self, shown: Shown) -> Joining | None:
        """What there is to wait for, where nobody can start."""
        if self._lists is None or shown.open or shown.hold is None:
            return None
        found = await self._lists.look(shown.spot.station, shown.spot.evse)
        return found if found.open or found.free else None

    async def scanned(
        self, request: Any, station: str, evse: int, version: str, password: str, lang: str | None,
        max_energy_wh: int | None,
    ) -> Response[str]:  # fmt: skip
        """The price, to who has scanned a code that is good. One that isn't any more leads back to the display. Raises
        PlaceUnknown."""
        try:
            ticket = await self._ways.scans.scanned(station, evse, version, password, max_energy_wh)
        except CodeStale as fault:
            return await self.stale(request, station, evse, lang, fault)
        return await self.price(request, station, evse, lang, ticket=ticket)

    async def stale(self, request: Any, station: str, evse: int, lang: str | None, fault: CodeStale) -> Response[str]:
        """Says that a code is good no more, and how to go on."""
        brand = spot = None
        try:
            shown = await self._ways.look(station, evse)
            brand, spot = shown.brand, shown.spot
        except PlaceUnknown:
            log.info("a code of no place was scanned")
        return self._shell.page("stale.html", request, lang=lang, status=fault.status, brand=brand, spot=spot)

    async def pay(
        self, request: Any, station: str, evse: int, place: UUID | None, ticket: str | None = None, voucher: str = "",
        price_id: str | None = None,
    ) -> Response[Any]:  # fmt: skip
        """Begins to pay, and leads on. `price_id`: of what was on the page; another one is shown first."""
        with self._shell.speech.speaking(request) as language:
            description = named_spot(station, evse)
        try:
            intent = await self._ways.begin(
                station, evse, return_to=self._back, language=language,
                description=description, address=origin_of(request).address, place_id=place, ticket=ticket,
                voucher=voucher.strip() or None, price_id=price_id,
            )  # fmt: skip
        except CodeStale as fault:
            return await self.stale(request, station, evse, None, fault)
        except (
            PriceMissing, PriceChanged, AccountMissing, StationOutOfReach, ConnectorOutOfOrder, ConnectorTaken,
            HeldForAnother, VoucherUnknown, VoucherUsed, AccountNeeded,
        ) as fault:  # fmt: skip
            return await self.price(request, station, evse, None, fault.code, place, ticket or "", voucher)
        return Redirect(f"/charging/{intent.intent_id}", status_code=303, headers=HEADERS)

    def _back(self, brand: Brand) -> str:
        """Where the provider leads to; `{intent}` becomes the payment's id."""
        return f"{home_of(brand, self._address)}/charging/{{intent}}/back"

    async def way(
        self, request: Any, intent_id: UUID, *, lang: str | None = None, back: bool = False, said: str = "",
        part: bool = False, tomorrow: str | None = None,
    ) -> Response[str]:  # fmt: skip
        """Where the driver is now: a page, or the part of it that changes. `tomorrow`: the time of which they are asked
        whether they mean tomorrow's. Raises PaymentUnknown."""
        way = await self._ways.find(intent_id)
        if way.intent.debt_of is not None and way.stage in LAST:
            # What became of it is told where it was owed.
            failed, way = way.stage is Stage.DECLINED, await self._ways.find(way.intent.debt_of)
            said = said or (DEBT_FAILED if failed and way.stage is Stage.OWED else "")
        going = way.stage is Stage.PAY and not back
        with self._shell.speech.speaking(request, lang):
            over = way.stage in PAID
            lines, facts = (list(lines_of(way)), list(facts_of(way))) if over else ([], [])
            held, idle = held_of(way), idle_words(way)
            heading, sentence = paused_words(way)
            leaves = list(leaving_words(way, self._clock.now()))
        return self._shell.page(
            "part.html" if part else "way.html",
            request,
            lang=lang,
            way=way,
            brand=way.brand,
            heading=heading,
            sentence=sentence,
            going=going,
            back=back,
            refresh_s=0 if going else _refresh_s(way),
            live_s=0 if way.stage in LAST or going else LIVE_S,
            can_give_up=way.stage in CAN_GIVE_UP,
            step=STEPS.get(way.stage, 0),
            said=SAID.get(said) or (UNREACHED if said else None),
            zone=str(way.zone),
            lines=lines,
            facts=facts,
            held=held,
            idle=idle,
            leaves=leaves,
            tomorrow=tomorrow,
            lasted=None if way.running is None else self._clock.now() - way.running.started_at,
        )

    async def pay_owed(self, request: Any, intent_id: UUID) -> Redirect:
        """Begins to pay what is owed, and leads on. Raises PaymentUnknown."""
        with self._shell.speech.speaking(request) as language:
            pass
        try:
            begun = await self._ways.pay_owed(intent_id, return_to=self._back, language=language)
        except (NothingOwed, AccountMissing, TriedJustNow) as fault:
            return Redirect(f"/charging/{intent_id}?said={fault.code}", status_code=303, headers=HEADERS)
        return Redirect(f"/charging/{begun.intent_id}", status_code=303, headers=HEADERS)

    async def back(self, intent_id: UUID) -> Redirect:
        """The provider leads here."""
        try:
            await self._ways.returned(intent_id)
        except ForecourtError as fault:
            # How it stands is found out by itself; the page says what is known.
            log.info("a driver came back before the provider could be asked", code=fault.code)
        return Redirect(f"/charging/{intent_id}?back=1", status_code=303, headers=HEADERS)

    async def done(self, intent_id: UUID, verb: Any, *arguments: Any) -> Redirect:
        """Does what a driver asked for, and shows what became of it."""
        said = ""
        try:
            await verb(intent_id, *arguments)
        except PaymentUnknown:
            raise
        except ForecourtError as fault:
            said = fault.code
        return Redirect(f"/charging/{intent_id}?said={said}", status_code=303, headers=HEADERS)

    async def leave(self, intent_id: UUID, form: LeaveForm) -> Redirect:
        """Says when the driver leaves; asks back where that may be a slip."""
        way, now = await self._ways.find(intent_id), self._clock.now()
        at = departure_of(form.at, now.astimezone(way.zone))
        if not form.tomorrow and is_doubtful(at, now):
            return Redirect(f"/charging/{intent_id}?tomorrow={form.at}", status_code=303, headers=HEADERS)
        return await self.done(intent_id, self._ways.leave_at, at)

    async def mail(self, intent_id: UUID, typed: str) -> Redirect:
        """Keeps where the receipt goes and sends one that is made; says so where the address can't be read."""
        email = email_of(typed)
        if email is None:
            return Redirect(f"/charging/{intent_id}?back=1&said={EMAIL_UNREAD}", status_code=303, headers=HEADERS)
        way = await self._ways.find(intent_id)
        await self._ways.set_email(way, email)
        if way.stage in PAID:
            with self._shell.speech.speaking_of(way.intent.language):
                async with self._db.tenant(way.tenant_id) as conn:
                    await write_receipt(conn, way, email, home_of(way.brand, self._address))
        return Redirect(f"/charging/{intent_id}?back=1", status_code=303, headers=HEADERS)

    async def pdf(self, request: Any, intent_id: UUID) -> Response[bytes]:
        """The receipt as a file. Raises PaymentUnknown."""
        way = await self._ways.find(intent_id)
        if way.stage not in PAID:
            raise PaymentUnknown("There is no receipt of this payment yet. Look again when it was taken.")
        with self._shell.speech.speaking(request):
            content = receipt_pdf(way, home_of(way.brand, self._address))
        name = name_of(way.intent, way.numbered)
        headers = {**HEADERS, "content-disposition": f'attachment; filename="receipt-{name}.pdf"'}
        return Response(content, media_type="application/pdf", headers=headers)

    async def signed(self, intent_id: UUID) -> Response[bytes]:
        """The signed meter values for the transparency software. Raises PaymentUnknown."""
        way = await self._ways.find(intent_id)
        if way.intent.session_id is None:
            raise PaymentUnknown("There is no session of this payment, so nothing was measured.")
        async with self._db.tenant(way.tenant_id) as conn:
            session = await find_session(conn, way.tenant_id, way.intent.session_id)
            assert session is not None
            rows = await list_signed(conn, way.tenant_id, session.station_id, session.transaction_id)
        key = None if way.signed is None else way.signed.public_key
        name = name_of(way.intent, way.numbered)
        headers = {**HEADERS, "content-disposition": f'attachment; filename="measured-{name}.xml"'}
        return Response(transparency_file(rows, key), media_type=MEDIA_TYPE, headers=headers)


def _energy_of(said: str) -> int | None:
    energy_wh = int(said) if said.isascii() and said.isdecimal() else 0
    return energy_wh if 0 < energy_wh <= MOST_ENERGY_WH else None


def _own_at(station: str, evse: int, place_id: UUID | None) -> str:
    """Where the price of a connector stands."""
    return f"/charge/{quote(station, safe='')}/{evse}" + (f"?place={place_id}" if place_id else "")


def _refresh_s(way: Way) -> int:
    if way.stage in LAST:
        return 0
    return SOON_S if way.stage in (Stage.OPENING, Stage.STARTING, Stage.BILLING) else REFRESH_S


def driver_pages(
    shell: DriverShell, ways: Ways, db: Pool, clock: Clock, address: str, lists: WaitingLists | None = None
) -> Sequence[HTTPRouteHandler]:
    """The routes `/charge/{station}/{evse}` and `/charging/{id}`, and of finding a place. `address`: where drivers
    reach us."""
    pages = DriverPages(shell, ways, db, clock, address, lists)
    quiet: dict[str, Any] = {"include_in_schema": False, "opt": PUBLIC}

    @get("/charge/{station:str}/{evse:int}", **quiet)
    async def price(
        request: Request[Any, Any, Any], station: StationInPath, evse: EvseInPath, lang: Lang = None,
        place: Place = None, voucher: Voucher = "",
    ) -> Response[str]:  # fmt: skip
        return await pages.price(request, station, evse, lang, "", place, voucher=voucher)

    @post("/charge/{station:str}/{evse:int}", status_code=303, **quiet)
    async def pay(
        request: Request[Any, Any, Any], station: StationInPath, evse: EvseInPath, data: URLEncodedBody[PayForm],
        place: Place = None, voucher: Voucher = "",
    ) -> Response[Any]:  # fmt: skip
        typed = voucher if data.voucher is None else data.voucher
        return await pages.pay(request, station, evse, place or data.place, None, typed, data.price)

    @get(SCAN + "/{version:str}/{password:str}", **quiet)
    async def scanned(
        request: Request[Any, Any, Any], station: StationInPath, evse: EvseInPath, version: VersionInPath,
        password: PasswordInPath, lang: Lang = None, maxenergy: EnergyInQuery = "",
    ) -> Response[str]:  # fmt: skip
        return await pages.scanned(request, station, evse, version, password, lang, _energy_of(maxenergy))

    @post(SCAN, status_code=303, **quiet)
    async def pay_scanned(
        request: Request[Any, Any, Any], station: StationInPath, evse: EvseInPath, data: URLEncodedBody[TicketForm]
    ) -> Response[Any]:
        return await pages.pay(request, station, evse, None, data.ticket, price_id=data.price)

    @get("/charging/{intent_id:uuid}", **quiet)
    async def way(
        request: Request[Any, Any, Any], intent_id: IntentId, lang: Lang = None, said: Said = "", back: Flag = "",
        tomorrow: ClockInQuery = None,
    ) -> Response[str]:  # fmt: skip
        return await pages.way(request, intent_id, lang=lang, back=bool(back), said=said, tomorrow=tomorrow)

    @get("/charging/{intent_id:uuid}/part", **quiet)
    async def part(
        request: Request[Any, Any, Any], intent_id: IntentId, tomorrow: ClockInQuery = None
    ) -> Response[str]:
        return await pages.way(request, intent_id, back=True, part=True, tomorrow=tomorrow)

    @get("/charging/{intent_id:uuid}/back", **quiet)
    async def back(intent_id: IntentId) -> Redirect:
        return await pages.back(intent_id)

    @post("/charging/{intent_id:uuid}/stop", status_code=303, **quiet)
    async def stop(intent_id: IntentId) -> Redirect:
        return await pages.done(intent_id, ways.stop)

    @post("/charging/{intent_id:uuid}/give-up", status_code=303, **quiet)
    async def give_up(intent_id: IntentId) -> Redirect:
        return await pages.done(intent_id, ways.give_up)

    @post("/charging/{intent_id:uuid}/pay", status_code=303, **quiet)
    async def pay_owed(request: Request[Any, Any, Any], intent_id: IntentId) -> Redirect:
        return await pages.pay_owed(request, intent_id)

    @post("/charging/{intent_id:uuid}/leave", status_code=303, **quiet)
    async def leave(intent_id: IntentId, data: URLEncodedBody[LeaveForm]) -> Redirect:
        return await pages.leave(intent_id, data)

    @post("/charging/{intent_id:uuid}/email", status_code=303, **quiet)
    async def email(intent_id: IntentId, data: URLEncodedBody[EmailForm]) -> Redirect:
        return await pages.mail(intent_id, data.email)

    @get("/charging/{intent_id:uuid}/receipt.pdf", **quiet)
    async def receipt(request: Request[Any, Any, Any], intent_id: IntentId) -> Response[bytes]:
        return await pages.pdf(request, intent_id)

    @get("/charging/{intent_id:uuid}/measured.xml", **quiet)
    async def measured(intent_id: IntentId) -> Response[bytes]:
        return await pages.signed(intent_id)

    return [
        *find_pages(shell, ways, clock), price, pay, scanned, pay_scanned, way, part, back, stop, give_up, pay_owed,
        leave, email, receipt, measured,
    ]  # fmt: skip
