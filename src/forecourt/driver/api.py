"""The same way for an operator's own app: places, prices, payments. Public like the pages: a payment's id is its key.

The amounts are in minor units, the words of prices in the language that is asked for.
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Request, Router, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, PathParameter, QueryParameter
from msgspec import Meta, Struct

from forecourt.access.guard import origin_of
from forecourt.driver import words
from forecourt.driver.idle import idle_words
from forecourt.driver.leaving import leaving_words, paused_words
from forecourt.driver.model import PAID, HeldBack, NotRunning, PlaceUnknown, Stage
from forecourt.driver.service import Ways
from forecourt.driver.speech import Speech
from forecourt.driver.store import FoundSpot
from forecourt.driver.way import Shown, Way
from forecourt.energy.errors import NeedsRefused
from forecourt.loyalty.errors import AccountNeeded, VoucherUnknown, VoucherUsed
from forecourt.loyalty.model.uses import CODE_PATTERN, MAX_CODE
from forecourt.payments.accounts.model import AccountMissing
from forecourt.payments.intents.errors import (
    ConnectorInUse,
    ConnectorOutOfOrder,
    ConnectorTaken,
    PaymentOver,
    PaymentUnknown,
    PriceChanged,
    PriceMissing,
    StationOutOfReach,
)
from forecourt.payments.intents.prices import PRICE_ID_LENGTH
from forecourt.platform.money import Money
from forecourt.platform.paging import CursorRefused, Cursors, Limit, NextCursor, Page
from forecourt.pricing.display import Line, Says, Unit
from forecourt.pricing.model import Per
from forecourt.sessions.reserving.model import HeldForAnother
from forecourt.stations.api.fields import Identity
from forecourt.stations.call_faults import StationOffline, StationTimeout
from forecourt.stations.model import IDENTITY_PATTERN

MAX_URL = 500
PLACE_CURSORS = Cursors("driver places", 4)
#: Where a driver may be led back to: a page, or an app by a scheme of its own.
RETURN_PATTERN = r"^(https|[a-z][a-z0-9+.-]{2,40})://[^\s\x00-\x1f]{1,450}$"
TAGS = ["drivers' way"]

Asking = Request[Any, Any, Any]
DriverWays = NamedDependency[Ways]
DriverWords = NamedDependency[Speech]
Lang = Annotated[
    Literal["en", "de", "fr", "nl", "es"] | None,
    QueryParameter(name="lang", description="Of the words; else what the request accepts."),
]
StationInPath = Annotated[
    str, PathParameter(min_length=1, max_length=255, pattern=IDENTITY_PATTERN, description="The station's id.")
]
EvseInPath = Annotated[int, PathParameter(ge=1, le=1_000, description="The EVSE's number.")]
PaymentId = FromPath[UUID]


PriceId = Annotated[
    Annotated[str, Meta(min_length=1, max_length=PRICE_ID_LENGTH)] | None,
    Meta(
        description="The `price_id` of the place as it was shown: 409 where the price is another one by now.",
        examples=[None],
    ),
]
Voucher = Annotated[str, Meta(min_length=3, max_length=MAX_CODE, pattern=CODE_PATTERN)]


class DriverPrice(Struct, frozen=True, kw_only=True):
    """One line of the price as the law of the place has it shown, in the order in which it must stand. All lines
    together make what is paid: show the words of each."""

    says: Annotated[
        Says,
        Meta(
            description="`price`: what one unit costs; `free`: so many units at the beginning cost nothing; `cap`: the "
            "most that `of` costs together; `least`, `most`: of a session.",
            examples=["price"],
        ),
    ]
    unit: Annotated[Unit | None, Meta(description="Of a price alone.")]
    amount: Annotated[
        str, Meta(description="In the major unit, of one unit; of `free`: kWh or minutes.", examples=["0.595"])
    ]
    words: Annotated[str, Meta(examples=["€0.595 per kWh"])]
    when: Annotated[str, Meta(description="Empty where it always counts.", examples=["22:00-06:00"])]
    step: Annotated[
        str | None,
        Meta(description="In steps of how many units it is billed; null: as it is measured.", examples=[None]),
    ]
    of: Annotated[list[Unit], Meta(description="What is free or capped; empty: all.", examples=[[]])]
    per: Annotated[Per | None, Meta(description="Over what a cap is counted.", examples=[None])]


class DriverPlace(Struct, frozen=True, kw_only=True):
    """A place to charge at, and what it costs."""

    station: str
    evse: int
    name: str
    site: str | None
    address: str | None
    city: str | None
    free: Annotated[bool, Meta(description="Somebody can start here now.")]
    held_until: Annotated[datetime | None, Meta(description="It is held for somebody who waited, until then.")]
    reachable: Annotated[bool, Meta(description="Its station is connected.")]
    currency: Annotated[str | None, Meta(examples=["EUR"])]
    tax_included: bool
    prices: list[DriverPrice]
    price_id: Annotated[
        str | None,
        Meta(
            description="Names the price that is shown: said at the start, the driver pays by no other.",
            examples=["9f86d081884c7d659a2f"],
        ),
    ]
    hold: Annotated[Money | None, Meta(description="What is held before; null: nobody can pay here.")]
    hold_energy_wh: Annotated[int | None, Meta(description="About how much that is enough for.")]
    member_of: Annotated[
        str | None, Meta(description="The membership by which this price counts for the driver.", examples=[None])
    ]
    ordinary: Annotated[
        list[DriverPrice], Meta(description="What others pay, where the driver who asks pays something else.")
    ]


class DriverSpot(Struct, frozen=True, kw_only=True):
    """An EVSE that can be found."""

    station: str
    evse: int
    site: str
    name: str
    address: str | None
    city: str | None
    latitude: float | None
    longitude: float | None
    state: Annotated[str, Meta(examples=["Available"])]
    free: bool


class DriverStart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a driver wants to start, and where he is led to after he paid."""

    station: Identity
    evse: Annotated[int, Meta(ge=1, le=1_000, examples=[1])]
    return_url: Annotated[
        str,
        Meta(
            max_length=MAX_URL,
            pattern=RETURN_PATTERN,
            description="`{intent}` in it is replaced by the payment's id.",
            examples=["https://app.example.com/paid/{intent}"],
        ),
    ]
    language: Annotated[Literal["en", "de", "fr", "nl", "es"], Meta(examples=["en"])] = "en"
    waiting: Annotated[
        UUID | None, Meta(description="The place in a waiting list that the connector is held for.", examples=[None])
    ] = None
    voucher: Annotated[Voucher | None, Meta(description="The code of a voucher.", examples=[None])] = None
    price_id: PriceId = None


class DriverLeave(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a driver leaves."""

    at: Annotated[datetime, Meta(tz=True, examples=["2026-03-01T17:30:00Z"])]


class DriverPayment(Struct, frozen=True, kw_only=True):
    """How far a driver is, from the payment page to the receipt."""

    id: UUID
    stage: Stage
    heading: Annotated[str, Meta(examples=["Charging"])]
    words: str
    page_url: Annotated[str | None, Meta(description="Where the driver pays.")]
    station: str | None
    evse: int | None
    held: Money
    cost: Annotated[Money | None, Meta(description="So far, in the end what it came to; with taxes.")]
    paid: Annotated[Money | None, Meta(description="What was taken; null before.")]
    energy_wh: int | None
    power_w: int | None
    soc_pct: int | None
    started_at: datetime | None
    ended_at: datetime | None
    plug_until: Annotated[datetime | None, Meta(description="So long the station waits for the plug.")]
    departure_at: datetime | None
    ready_at: Annotated[datetime | None, Meta(description="When smart charging has the car ready.")]
    by_then_wh: Annotated[int | None, Meta(description="What the car will have in all when it leaves.")]
    lacks_wh: Annotated[int | None, Meta(description="What it will lack then of what it is thought to need.")]
    waits: Annotated[bool, Meta(description="Its station was told to give it nothing for now.")]
    is_being_planned: Annotated[bool, Meta(description="What the driver said of the departure is in no plan yet.")]
    why: Annotated[HeldBack | None, Meta(description="Why it charges as it does; null: nothing says so.")]
    plan_words: Annotated[list[str], Meta(description="What is planned, as the page says it.")]
    receipt_url: str | None


@get(
    "/places/{station:str}/{evse:int}",
    opt={"public": True, "problems": [PlaceUnknown]},
    summary="Show a place to charge at, with its price",
    tags=TAGS,
)
async def show_place(
    station: StationInPath, evse: EvseInPath, request: Asking, ways: DriverWays, speech: DriverWords,
    lang: Lang = None,
) -> DriverPlace:  # fmt: skip
    shown = await ways.look(station, evse)
    with speech.speaking(request, lang):
        return place_of(shown)


@get(
    "/brands/{brand:str}/places",
    opt={"public": True, "problems": [PlaceUnknown, CursorRefused]},
    summary="List the places of an organisation that can be found",
    tags=TAGS,
)
async def list_places(
    brand: Annotated[str, PathParameter(pattern="^[a-z0-9-]{1,40}$", description="The name of its pages.")],
    ways: DriverWays,
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[DriverSpot]:
    _, spots, _ = await ways.spots(brand, "", place=PLACE_CURSORS.decode_names(cursor), limit=limit + 1)
    return PLACE_CURSORS.page(spots, limit, lambda row: row.place, _spot)


def _spot(row: FoundSpot) -> DriverSpot:
    return DriverSpot(
        station=row.station, evse=row.evse, site=row.site, name=row.site_name, address=row.address, city=row.city,
        latitude=row.latitude, longitude=row.longitude, state=row.state,
        free=row.connected and row.state == "Available",
    )  # fmt: skip


@post(
    "/payments",
    opt={
        "public": True,
        "problems": [
            PlaceUnknown,
            PriceMissing,
            PriceChanged,
            AccountMissing,
            StationOutOfReach,
            ConnectorOutOfOrder,
            ConnectorInUse,
            ConnectorTaken,
            HeldForAnother,
            VoucherUnknown,
            VoucherUsed,
            AccountNeeded,
        ],
    },
    summary="Begin to pay for a session",
    description="The driver pays at `page_url`, on the provider's own page; then the station is asked to start.",
    tags=TAGS,
)
async def begin_payment(
    data: JSONBody[DriverStart], request: Asking, ways: DriverWays, speech: DriverWords
) -> DriverPayment:
    intent = await ways.begin(
        data.station, data.evse, return_to=lambda _: data.return_url, language=data.language,
        description=f"{data.station}, EVSE {data.evse}", address=origin_of(request).address, place_id=data.waiting,
        voucher=data.voucher, price_id=data.price_id,
    )  # fmt: skip
    with speech.speaking(request, data.language):
        return _payment(await ways.find(intent.intent_id), ways.now())


@get(
    "/payments/{payment_id:uuid}",
    opt={"public": True, "problems": [PaymentUnknown]},
    summary="Show how far a driver is",
    tags=TAGS,
)
async def show_payment(
    payment_id: PaymentId, request: Asking, ways: DriverWays, speech: DriverWords, lang: Lang = None
) -> DriverPayment:
    with speech.speaking(request, lang):
        return _payment(await ways.find(payment_id), ways.now())


@post(
    "/payments/{payment_id:uuid}/returned",
    opt={"public": True, "problems": [PaymentUnknown]},
    status_code=200,
    summary="Say that the driver came back from the payment page",
    description="The provider is asked at once instead of waiting for its word.",
    tags=TAGS,
)
async def say_returned(payment_id: PaymentId, request: Asking, ways: DriverWays, speech: DriverWords) -> DriverPayment:
    with speech.speaking(request):
        return _payment(await ways.returned(payment_id), ways.now())


@post(
    "/payments/{payment_id:uuid}/stop",
    opt={"public": True, "problems": [PaymentUnknown, PaymentOver, StationOffline, StationTimeout]},
    status_code=200,
    summary="Stop the session that was paid for",
    tags=TAGS,
)
async def stop_payment(payment_id: PaymentId, request: Asking, ways: DriverWays, speech: DriverWords) -> DriverPayment:
    with speech.speaking(request):
        return _payment(await ways.stop(payment_id), ways.now())


@post(
    "/payments/{payment_id:uuid}/give-up",
    opt={"public": True, "problems": [PaymentUnknown, PaymentOver]},
    status_code=200,
    summary="Give up before anything runs",
    tags=TAGS,
)
async def give_up_payment(
    payment_id: PaymentId, request: Asking, ways: DriverWays, speech: DriverWords
) -> DriverPayment:
    with speech.speaking(request):
        return _payment(await ways.give_up(payment_id), ways.now())


@put(
    "/payments/{payment_id:uuid}/departure",
    opt={"public": True, "problems": [PaymentUnknown, NotRunning, NeedsRefused]},
    summary="Say when the driver leaves",
    tags=TAGS,
)
async def change_departure(
    payment_id: PaymentId, data: JSONBody[DriverLeave], request: Asking, ways: DriverWays, speech: DriverWords
) -> DriverPayment:
    with speech.speaking(request):
        return _payment(await ways.leave_at(payment_id, data.at), ways.now())


def place_of(shown: Shown) -> DriverPlace:
    """A place as the API shows it, in the language that is being spoken."""
    spot, tariff = shown.spot, shown.tariff
    return DriverPlace(
        station=spot.station,
        evse=spot.evse,
        name=spot.site_name or spot.station_name or spot.station,
        site=spot.site,
        address=spot.address,
        city=spot.city,
        free=shown.open,
        held_until=shown.held_until,
        reachable=spot.connected,
        currency=None if tariff is None else tariff.currency,
        tax_included=shown.law.tax_included,
        prices=_prices(shown, shown.lines),
        price_id=shown.price_id,
        hold=None if shown.hold is None else shown.hold.amount,
        hold_energy_wh=None if shown.hold is None else shown.hold.energy_wh,
        member_of=shown.member_of,
        ordinary=_prices(shown, shown.ordinary),
    )


def _prices(shown: Shown, lines: tuple[Line, ...]) -> list[DriverPrice]:
    tariff = shown.tariff
    if tariff is None:
        return []
    return [
        DriverPrice(
            unit=each.unit,
            amount=format(each.amount, "f"),
            words=words.line_words(each, shown.law, tariff.currency),
            when=words.when_words(each.when),
            says=each.says,
            step=None if each.step is None else format(each.step.normalize(), "f"),
            of=list(each.of),
            per=each.per if each.says is Says.CAP else None,
        )
        for each in lines
    ]


def _payment(way: Way, now: datetime) -> DriverPayment:
    intent, running, leaving = way.intent, way.running, way.leaving
    heading, sentence = paused_words(way)
    taken = way.stage in PAID
    return DriverPayment(
        id=intent.intent_id,
        stage=way.stage,
        heading=heading,
        words=" ".join(filter(None, (sentence, idle_words(way)))),
        page_url=intent.page_url if way.stage is Stage.PAY else None,
        station=intent.station,
        evse=intent.evse,
        held=intent.held,
        cost=None if way.cost is None else way.cost.incl_vat,
        paid=way.paid if taken else None,
        energy_wh=None if running is None else running.energy_wh,
        power_w=None if running is None or running.ended_at is not None else running.power_w,
        soc_pct=None if running is None else running.soc_pct,
        started_at=None if running is None else running.started_at,
        ended_at=None if running is None else running.ended_at,
        plug_until=way.plug_until,
        departure_at=None if leaving is None else leaving.departure_at,
        ready_at=None if leaving is None else leaving.ready_at,
        by_then_wh=None if leaving is None else leaving.by_then_wh,
        lacks_wh=None if leaving is None else leaving.lacks_wh,
        waits=leaving is not None and leaving.waits,
        is_being_planned=leaving is not None and leaving.is_being_planned,
        why=None if leaving is None else leaving.why,
        plan_words=list(leaving_words(way, now)),
        receipt_url=f"/charging/{intent.intent_id}/receipt.pdf" if taken else None,
    )


routes = Router(
    "/driver",
    route_handlers=[
        show_place, list_places, begin_payment, show_payment, say_returned, stop_payment, give_up_payment,
        change_departure,
    ],
)  # fmt: skip
