"""The console's pages of card readers: where they stand, a start at one, and what came of it, without a script."""

from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker
from forecourt.driver.codes import code_svg
from forecourt.driver.readers.api import page_of
from forecourt.payments.intents.errors import (
    ConnectorInUse,
    ConnectorOutOfOrder,
    ConnectorTaken,
    PaymentOver,
    PriceMissing,
    StationOutOfReach,
)
from forecourt.payments.intents.model import FINAL, State
from forecourt.payments.intents.service import Payments
from forecourt.payments.pages import STATES, amount
from forecourt.payments.psp.errors import ProviderAway
from forecourt.payments.readers.model import (
    MAX_NAME,
    ElsewhereStation,
    NothingAsked,
    ReaderRefused,
    ReaderTaken,
    TooManyReaders,
)
from forecourt.payments.readers.service import Readers, ReaderSaid
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.sessions.reserving.model import HeldForAnother
from forecourt.stations.call_faults import StationUnknown
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell

PATH: Final = "/card-readers"
READING: Final[Mapping[str, Any]] = {"verb": Verb.READ}
CHANGING: Final[Mapping[str, Any]] = {"verb": Verb.CHANGE_STATIONS}
STARTING: Final[Mapping[str, Any]] = {"verb": Verb.CONTROL}
#: How often the page of a start asks anew, in seconds, while a card is waited for and later.
SOON_S: Final = 2
LATER_S: Final = 10
#: What went wrong, where somebody asked for it.
SAID: Final = {
    ReaderTaken.code: mark("This card reader is here already. Remove it first if it stands elsewhere now."),
    TooManyReaders.code: mark("There are as many card readers as there may be. Remove one that is not used any more."),
    ElsewhereStation.code: mark("This card reader doesn't serve that station."),
    PriceMissing.code: mark("No price counts at this station, so nobody can pay there. Assign a tariff first."),
    StationOutOfReach.code: mark("This station is out of reach just now."),
    ConnectorOutOfOrder.code: mark("This connector is out of order."),
    HeldForAnother.code: mark("This connector is held for somebody who waited."),
    ConnectorInUse.code: mark("Somebody charges at this connector."),
    ConnectorTaken.code: mark("Somebody else is just paying at this connector."),
    PaymentOver.code: mark("That can't be changed any more."),
    NothingAsked.code: mark("The card reader asks for no card just now."),
    StationUnknown.code: mark("There is no such station."),
    ReaderRefused.code: mark("The provider knows no such card reader, or there is no such site or station."),
    ProviderAway.code: mark("The payment provider doesn't answer just now. Try again in a minute."),
    "payment-account-missing": mark("There is no payment account yet. Add one first."),
}
OTHER: Final = mark("It could not be done. Look at what you wrote and try again.")

WebRequest = Request[Any, Any, Any]
ReaderId = FromPath[UUID]
Said = Annotated[str, QueryParameter(name="said", max_length=60)]
_Text = Annotated[str, Meta(max_length=300)]


class ReaderForm(Struct, frozen=True, kw_only=True):
    """A reader, as the form sends it."""

    name: _Text = ""
    reference: _Text = ""
    site: _Text = ""
    station: _Text = ""


class StartForm(Struct, frozen=True, kw_only=True):
    """An EVSE, its number before its station."""

    place: _Text = ""


class ReaderPages:
    """What the handlers below share. `address`: where this deployment is reached."""

    def __init__(self, shell: Shell, db: Pool, readers: Readers, payments: Payments, address: str) -> None:
        self._shell = shell
        self._db = db
        self._readers = readers
        self._payments = payments
        self._address = address

    async def list(self, request: WebRequest, actor: Actor, said: str) -> Response[str]:
        """Where readers stand, and one more."""
        rows = await self._readers.every(actor.tenant_id)
        return self._page("readers", request, actor, rows=rows, said=said, may_change=actor.may(Verb.CHANGE_STATIONS))

    async def add(self, request: WebRequest, actor: Actor, form: ReaderForm) -> Response[Any]:
        """Stores what the form says."""
        said = ReaderSaid(
            name=form.name.strip()[:MAX_NAME], reference=form.reference.strip(), site=form.site.strip(),
            station=form.station.strip() or None,
        )  # fmt: skip
        if not said.name or not said.reference.replace("_", "").isalnum() or len(said.reference) > MAX_NAME:
            return Redirect(f"{PATH}?said={ReaderRefused.code}", status_code=303)
        try:
            reader = await self._readers.add(actor, said)
        except ForecourtError as fault:
            return Redirect(f"{PATH}?said={fault.code}", status_code=303)
        return Redirect(f"{PATH}/{reader.reader_id}", status_code=303)

    async def show(self, request: WebRequest, actor: Actor, reader_id: UUID, said: str) -> Response[str]:
        """One reader, and the places where a session can start at it. Raises ReaderUnknown."""
        reader = await self._readers.find(actor.tenant_id, reader_id)
        return self._page(
            "reader", request, actor, reader=reader, said=said, now=await self._readers.look(actor.tenant_id, reader),
            places=await self._readers.places(actor.tenant_id, reader),
            asked=await self._readers.asked(actor.tenant_id, reader), may_start=actor.may(Verb.CONTROL),
            may_change=actor.may(Verb.CHANGE_STATIONS),
        )  # fmt: skip

    async def start(self, actor: Actor, reader_id: UUID, place: str) -> Response[Any]:
        """Has the reader ask."""
        evse, _, station = place.partition(" ")
        if not evse.isdecimal() or not evse.isascii() or len(evse) > 4 or not station:
            return Redirect(f"{PATH}/{reader_id}?said=value", status_code=303)
        page = await page_of(self._db, actor.tenant_id, self._address)
        try:
            intent = await self._readers.start(actor, reader_id, station, int(evse), return_url=page)
        except ForecourtError as fault:
            return Redirect(f"{PATH}/{reader_id}?said={fault.code}", status_code=303)
        return Redirect(f"{PATH}/{reader_id}/payments/{intent.intent_id}", status_code=303)

    async def cancel(self, actor: Actor, reader_id: UUID) -> Response[Any]:
        """Has the reader ask for nothing any more."""
        try:
            intent = await self._readers.cancel(actor.tenant_id, reader_id)
        except ForecourtError as fault:
            return Redirect(f"{PATH}/{reader_id}?said={fault.code}", status_code=303)
        return Redirect(f"{PATH}/{reader_id}/payments/{intent.intent_id}", status_code=303)

    async def remove(self, actor: Actor, reader_id: UUID) -> Response[Any]:
        """A reader stands there no more."""
        try:
            await self._readers.remove(actor, reader_id)
        except ForecourtError as fault:
            return Redirect(f"{PATH}/{reader_id}?said={fault.code}", status_code=303)
        return Redirect(PATH, status_code=303)

    async def asked(self, request: WebRequest, actor: Actor, reader_id: UUID, payment_id: UUID) -> Response[str]:
        """What became of a start. Raises ReaderUnknown, PaymentUnknown."""
        reader = await self._readers.find(actor.tenant_id, reader_id)
        intent = await self._payments.find(actor.tenant_id, payment_id)
        page = (await page_of(self._db, actor.tenant_id, self._address)).replace("{intent}", str(payment_id))
        waits = intent.state is State.HOLD_REQUESTED
        return self._page(
            "asked", request, actor, reader=reader, intent=intent, states=STATES, amount=amount, waits=waits,
            refresh_s=SOON_S if waits else 0 if intent.state in FINAL else LATER_S, page=page,
            picture=code_svg(page, inline=True), held=intent.authorised_amount > 0,
        )  # fmt: skip

    def _page(self, name: str, request: WebRequest, actor: Actor, *, said: str = "", **context: Any) -> Response[str]:
        fault = SAID.get(said, OTHER) if said else ""
        return self._shell.page(
            f"driver/{name}.html", request, viewer=actor, current="payments", fault=fault, **context
        )


def reader_pages(shell: Shell, db: Pool, verbs: Readers, payments: Payments, address: str) -> list[HTTPRouteHandler]:
    """The routes below `/card-readers`."""
    pages = ReaderPages(shell, db, verbs, payments, address)

    @get(PATH, opt=dict(READING), include_in_schema=False)
    async def readers(request: WebRequest, actor: Asker, said: Said = "") -> Response[str]:
        return await pages.list(request, actor, said)

    @post(PATH, opt=dict(CHANGING), include_in_schema=False, status_code=303)
    async def add_reader(request: WebRequest, actor: Asker, data: URLEncodedBody[ReaderForm]) -> Response[Any]:
        return await pages.add(request, actor, data)

    @get(PATH + "/{reader_id:uuid}", opt=dict(READING), include_in_schema=False)
    async def reader(request: WebRequest, actor: Asker, reader_id: ReaderId, said: Said = "") -> Response[str]:
        return await pages.show(request, actor, reader_id, said)

    @post(PATH + "/{reader_id:uuid}/start", opt=dict(STARTING), include_in_schema=False, status_code=303)
    async def start(actor: Asker, reader_id: ReaderId, data: URLEncodedBody[StartForm]) -> Response[Any]:
        return await pages.start(actor, reader_id, data.place)

    @post(PATH + "/{reader_id:uuid}/cancel", opt=dict(STARTING), include_in_schema=False, status_code=303)
    async def cancel(actor: Asker, reader_id: ReaderId) -> Response[Any]:
        return await pages.cancel(actor, reader_id)

    @post(PATH + "/{reader_id:uuid}/remove", opt=dict(CHANGING), include_in_schema=False, status_code=303)
    async def remove(actor: Asker, reader_id: ReaderId) -> Response[Any]:
        return await pages.remove(actor, reader_id)

    @get(PATH + "/{reader_id:uuid}/payments/{payment_id:uuid}", opt=dict(READING), include_in_schema=False)
    async def asked(
        request: WebRequest, actor: Asker, reader_id: ReaderId, payment_id: FromPath[UUID]
    ) -> Response[str]:
        return await pages.asked(request, actor, reader_id, payment_id)

    return [readers, add_reader, reader, start, cancel, remove, asked]
