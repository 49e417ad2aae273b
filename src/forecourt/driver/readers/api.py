"""Routes of card readers, for the console's people and for the software of a kiosk with an attendant."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.driver.account.api.fields import Spoken
from forecourt.driver.brands import home_of
from forecourt.driver.codes import HomeAddress
from forecourt.driver.store import find_brand
from forecourt.payments.accounts.model import AccountMissing
from forecourt.payments.api import Payment, shown
from forecourt.payments.intents.errors import (
    ConnectorInUse,
    ConnectorOutOfOrder,
    ConnectorTaken,
    PaymentOver,
    PriceMissing,
    StationOutOfReach,
)
from forecourt.payments.intents.model import Intent
from forecourt.payments.psp.errors import ProviderAway
from forecourt.payments.readers.model import (
    MAX_NAME,
    REFERENCE_PATTERN,
    CardReader,
    ElsewhereStation,
    NothingAsked,
    ReaderRefused,
    ReaderTaken,
    ReaderUnknown,
    TooManyReaders,
)
from forecourt.payments.readers.service import Readers, ReaderSaid
from forecourt.platform.database import Pool
from forecourt.platform.paging import Page, entire
from forecourt.platform.text import NAME_LINE
from forecourt.sessions.reserving.model import HeldForAnother
from forecourt.stations.call_faults import StationUnknown
from forecourt.stations.model import IDENTITY_PATTERN

TAGS = ["card readers"]
CHANGING: dict[str, Any] = {"verb": Verb.CHANGE_STATIONS}
STARTING: dict[str, Any] = {"verb": Verb.CONTROL}

ReaderVerbs = NamedDependency[Readers]
Home = NamedDependency[HomeAddress]
ReaderId = Annotated[UUID, PathParameter(description="The card reader's id.")]
Identity = Annotated[str, Meta(min_length=1, max_length=255, pattern=IDENTITY_PATTERN, examples=["CP1"])]


class NewCardReader(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a card reader of your account at the payment provider stands."""

    name: Annotated[str, Meta(min_length=1, max_length=MAX_NAME, pattern=NAME_LINE, examples=["Kiosk at the gate"])]
    reference: Annotated[
        str, Meta(pattern=REFERENCE_PATTERN, description="What the provider calls it.", examples=["tmr_F1a2b3c4"])
    ]
    site: Annotated[str, Meta(max_length=63, examples=["north-yard"])]
    station: Annotated[
        Identity | None, Meta(description="The only one that it serves; null: all of the site.", examples=[None])
    ] = None


class CardReaderShown(Struct, frozen=True, kw_only=True):
    """A card reader."""

    id: UUID
    name: Annotated[str, Meta(examples=["Kiosk at the gate"])]
    reference: Annotated[str, Meta(examples=["tmr_F1a2b3c4"])]
    site: Annotated[str, Meta(examples=["north-yard"])]
    station: Annotated[str | None, Meta(examples=[None])]
    account: Annotated[str, Meta(description="Your account at the provider.", examples=["stripe-main"])]
    created_at: datetime


class CardReaderNow(Struct, frozen=True, kw_only=True):
    """A card reader, and how it is just now. `online` null: the provider can't tell."""

    reader: CardReaderShown
    online: bool | None
    payment: Annotated[UUID | None, Meta(description="The payment that it asks a card for.")]


class StartAtReader(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For which EVSE a card is to be held to the reader, and in which language its driver reads."""

    station: Identity
    evse: Annotated[int, Meta(ge=1, le=1_000, examples=[1])]
    language: Annotated[Spoken, Meta(examples=["en"])] = "en"


class StartedAtReader(Struct, frozen=True, kw_only=True):
    """What a reader asks a card for. Follow it by `GET /payments/{id}`; `page` is for its driver: progress, stop and
    receipt, to be shown as a QR code."""

    payment: Payment
    page: Annotated[str, Meta(examples=["https://charge.example.com/charging/6f1d8b7e-2d55-4d3c-9a51-0d8f2c1b7a10"])]


@get("/card-readers", summary="List card readers by name", tags=TAGS)
async def list_card_readers(actor: Asker, readers: ReaderVerbs) -> Page[CardReaderShown]:
    return entire([_reader(each) for each in await readers.every(actor.tenant_id)])


@post(
    "/card-readers",
    opt={**CHANGING, "problems": [ReaderRefused, ReaderTaken, TooManyReaders, AccountMissing, ProviderAway]},
    summary="Say where a card reader stands",
    tags=TAGS,
)
async def add_card_reader(data: JSONBody[NewCardReader], actor: Asker, readers: ReaderVerbs) -> CardReaderShown:
    said = ReaderSaid(name=data.name, reference=data.reference, site=data.site, station=data.station)
    return _reader(await readers.add(actor, said))


@get(
    "/card-readers/{reader_id:uuid}",
    opt={"problems": [ReaderUnknown]},
    summary="Show a card reader and what it does now",
    tags=TAGS,
)
async def find_card_reader(reader_id: ReaderId, actor: Asker, readers: ReaderVerbs) -> CardReaderNow:
    reader = await readers.find(actor.tenant_id, reader_id)
    now = await readers.look(actor.tenant_id, reader)
    asked = await readers.asked(actor.tenant_id, reader)
    return CardReaderNow(reader=_reader(reader), online=None if now is None else now.online, payment=asked)


@delete(
    "/card-readers/{reader_id:uuid}",
    opt={**CHANGING, "problems": [ReaderUnknown, PaymentOver]},
    summary="Say that a card reader stands there no more",
    description="What it asks for just now is given up.",
    tags=TAGS,
)
async def remove_card_reader(reader_id: ReaderId, actor: Asker, readers: ReaderVerbs) -> None:
    await readers.remove(actor, reader_id)


@post(
    "/card-readers/{reader_id:uuid}/start",
    opt={
        **STARTING,
        "problems": [
            ReaderUnknown,
            ElsewhereStation,
            StationUnknown,
            PriceMissing,
            StationOutOfReach,
            ConnectorOutOfOrder,
            ConnectorInUse,
            ConnectorTaken,
            HeldForAnother,
        ],
    },
    status_code=202,
    summary="Have a card reader ask for a card for a session",
    description=(
        "Once the card is held, the station is asked to start. A reader that is not connected or is busy makes a"
        " payment that has `failed` at once, and its `reason` says why."
    ),
    tags=TAGS,
)
async def start_at_card_reader(
    reader_id: ReaderId, data: JSONBody[StartAtReader], actor: Asker, db: Database, readers: ReaderVerbs, home: Home
) -> StartedAtReader:
    page = await page_of(db, actor.tenant_id, home.address)
    intent = await readers.start(actor, reader_id, data.station, data.evse, return_url=page, language=data.language)
    return _started(intent, page)


@post(
    "/card-readers/{reader_id:uuid}/cancel",
    opt={**STARTING, "problems": [ReaderUnknown, NothingAsked, PaymentOver]},
    status_code=200,
    summary="Have a card reader ask for nothing any more",
    tags=TAGS,
)
async def cancel_at_card_reader(
    reader_id: ReaderId, actor: Asker, db: Database, readers: ReaderVerbs, home: Home
) -> StartedAtReader:
    intent = await readers.cancel(actor.tenant_id, reader_id)
    return _started(intent, await page_of(db, actor.tenant_id, home.address))


async def page_of(db: Pool, tenant_id: int, address: str) -> str:
    """The driver's page of a payment, with `{intent}` for its id."""
    async with db.tenant(tenant_id) as conn:
        brand = await find_brand(conn, tenant_id)
    return f"{home_of(brand, address)}/charging/{{intent}}"


def _started(intent: Intent, page: str) -> StartedAtReader:
    return StartedAtReader(payment=shown(intent), page=page.replace("{intent}", str(intent.intent_id)))


def _reader(row: CardReader) -> CardReaderShown:
    return CardReaderShown(
        id=row.reader_id, name=row.name, reference=row.reference, site=row.site, station=row.station,
        account=row.account, created_at=row.created_at,
    )  # fmt: skip


routes = Router(
    "/",
    route_handlers=[
        list_card_readers,
        add_card_reader,
        find_card_reader,
        remove_card_reader,
        start_at_card_reader,
        cancel_at_card_reader,
    ],
)
