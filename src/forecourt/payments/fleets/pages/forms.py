"""Forms about fleets: what one may spend, whom its invoices are for, its mandate, and who issues invoices."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker
from forecourt.drivers.fleets import service as fleets
from forecourt.drivers.fleets.model import Fleet, FleetNameTaken
from forecourt.payments.bank.model import Bank
from forecourt.payments.fleets import drawing, service
from forecourt.payments.fleets.errors import MandateMissing, MandateRefused
from forecourt.payments.fleets.model import (
    Dunning,
    Seller,
    Terms,
)
from forecourt.payments.fleets.pages.fields import (
    HOLDS_WRONG,
    MANDATE_WRONG,
    PREFIX_WRONG,
    SIGNED_WRONG,
    TAKEN,
    TAX_WRONG,
    fleet_fields,
    levels_shown,
    mandate_fields,
    seller_fields,
    terms_fields,
)
from forecourt.payments.fleets.pages.words import CHANGING, TOKENS, Number, WebRequest
from forecourt.payments.fleets.references import SELF_BILLED
from forecourt.payments.fleets.store import invoices as store
from forecourt.payments.forms import (
    Field,
    amount_shown,
    read_form,
    shown,
    typed_of,
)
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell

INVOICING: Final = "/settings/invoicing"


class FleetForms:
    """What the handlers below share."""

    def __init__(self, shell: Shell, db: Pool, clock: Clock, secret_key: bytes) -> None:
        self._shell = shell
        self._db = db
        self._clock = clock
        self._bank = Bank(secret_key)

    def page(
        self, request: WebRequest, actor: Actor, fields: Sequence[Field], typed: Mapping[str, str], *, title: str,
        back: str, word: str, about: str = "", wrong: Mapping[str, str] | None = None, fleet: Fleet | None = None,
        ends: str = "",
    ) -> Response[str]:  # fmt: skip
        """A form."""
        return self._shell.page(
            "fleets/form.html", request, viewer=actor, current="settings" if back == "/settings" else "fleets",
            status=422 if wrong else 200, fields=fields, typed=typed, wrong=wrong or {}, title=title, back=back,
            word=word, about=about, fleet=fleet, ends_at=ends,
        )  # fmt: skip

    async def fleet(self, actor: Actor, fleet_id: int) -> Fleet:
        async with self._db.tenant(actor.tenant_id) as conn:
            return await fleets.find_fleet(conn, actor.tenant_id, fleet_id, self._clock.now())

    async def new(self, request: WebRequest, actor: Actor) -> Response[str]:
        fields = fleet_fields("EUR", new=True)
        return self.page(request, actor, fields, {field.name: "" for field in fields}, title=NEW, back="/fleets",
                         word=mark("Make the fleet"))  # fmt: skip

    async def make(self, request: WebRequest, actor: Actor) -> Response[Any]:
        typed = await typed_of(request, fleet_fields("EUR", new=True))
        code = typed["currency"].upper() or "EUR"
        fields = fleet_fields(code if code.isalpha() and code.isascii() and len(code) == 3 else "EUR", new=True)
        values, wrong = read_form(fields, typed)
        if not wrong:
            try:
                async with self._db.tenant(actor.tenant_id) as conn:
                    made = await fleets.create_fleet(conn, actor, {"bill_to": "", **values}, self._clock.now())
                return Redirect(f"/fleets/{made.fleet_id}?done=stored", status_code=303)
            except FleetNameTaken:
                wrong["name"] = TAKEN
        return self.page(request, actor, fields, typed, title=NEW, back="/fleets", word=mark("Make the fleet"),
                         wrong=wrong)  # fmt: skip

    async def edit(self, request: WebRequest, actor: Actor, fleet_id: int) -> Response[str]:
        fleet = await self.fleet(actor, fleet_id)
        fields = fleet_fields(fleet.currency, new=False)
        typed = {field.name: shown(getattr(fleet, field.name)) for field in fields} | {
            name: amount_shown(getattr(fleet, name), fleet.currency) for name in ("session_limit", "month_limit")
        }
        return self._of(request, actor, fleet, fields, typed, CHANGE)

    async def alter(self, request: WebRequest, actor: Actor, fleet_id: int) -> Response[Any]:
        fleet = await self.fleet(actor, fleet_id)
        fields = fleet_fields(fleet.currency, new=False)
        typed = await typed_of(request, fields)
        values, wrong = read_form(fields, typed)
        if not wrong:
            try:
                async with self._db.tenant(actor.tenant_id) as conn:
                    await fleets.change_fleet(conn, actor, fleet_id, values, self._clock.now())
                return self._stored(fleet_id)
            except FleetNameTaken:
                wrong["name"] = TAKEN
        return self._of(request, actor, fleet, fields, typed, CHANGE, wrong=wrong)

    async def terms(self, request: WebRequest, actor: Actor, fleet_id: int) -> Response[str]:
        fleet, fields = await self.fleet(actor, fleet_id), terms_fields()
        async with self._db.tenant(actor.tenant_id) as conn:
            held = await store.find_terms(conn, actor.tenant_id, fleet_id)
        said: dict[str, Any] = {"name": fleet.name, "days": 14, "language": "en", "pays_by": "transfer", "dunned": True}
        if held is not None:
            said = {name: getattr(held, name) for name in Terms.__struct_fields__}
        typed = {field.name: shown(said.get(field.name)) for field in fields}
        return self._of(request, actor, fleet, fields, typed, TERMS, about=ABOUT_TERMS)

    async def put_terms(self, request: WebRequest, actor: Actor, fleet_id: int) -> Response[Any]:
        fleet, fields = await self.fleet(actor, fleet_id), terms_fields()
        typed = await typed_of(request, fields)
        values, wrong = read_form(fields, typed)
        if wrong:
            return self._of(request, actor, fleet, fields, typed, TERMS, wrong=wrong, about=ABOUT_TERMS)
        async with self._db.tenant(actor.tenant_id) as conn:
            await service.put_terms(conn, actor, fleet_id, Terms(**values), self._clock.now())
        return self._stored(fleet_id)

    async def mandate(self, request: WebRequest, actor: Actor, fleet_id: int) -> Response[str]:
        fleet, fields = await self.fleet(actor, fleet_id), mandate_fields()
        typed = {field.name: "" for field in fields} | {"scheme": "CORE"}
        return self._of(request, actor, fleet, fields, typed, MANDATE, about=ABOUT_MANDATE)

    async def put_mandate(self, request: WebRequest, actor: Actor, fleet_id: int) -> Response[Any]:
        fleet, fields = await self.fleet(actor, fleet_id), mandate_fields()
        typed = await typed_of(request, fields)
        values, wrong = read_form(fields, typed)
        if not wrong:
            values["scheme"] = "B2B" if values["scheme"] == "B2B" else "CORE"
            try:
                async with self._db.tenant(actor.tenant_id) as conn:
                    await drawing.put_mandate(conn, actor, fleet_id, self._bank, now=self._clock.now(), **values)
                return self._stored(fleet_id)
            except MandateRefused as fault:
                signed = "still to come" in fault.detail
                wrong = {"signed_on": SIGNED_WRONG} if signed else {"reference": MANDATE_WRONG}
        return self._of(request, actor, fleet, fields, typed, MANDATE, wrong=wrong, about=ABOUT_MANDATE)

    async def end_mandate(self, actor: Actor, fleet_id: int) -> Redirect:
        try:
            async with self._db.tenant(actor.tenant_id) as conn:
                await drawing.end_mandate(conn, actor, fleet_id, self._clock.now())
        except MandateMissing:
            pass
        return Redirect(f"/fleets/{fleet_id}?done=ended", status_code=303)

    async def seller(self, request: WebRequest, actor: Actor) -> Response[str]:
        fields = seller_fields()
        async with self._db.tenant(actor.tenant_id) as conn:
            held = await store.find_seller(conn, actor.tenant_id)
        said: dict[str, Any] = {"name": actor.organisation}
        dunning = Dunning()
        if held is not None:
            said, dunning = {name: getattr(held[0], name) for name in Seller.__struct_fields__}, held[1]
        typed = {field.name: shown(said.get(field.name)) for field in fields} | {
            "levels": levels_shown(dunning.levels), "holds_from": str(dunning.holds_from),
        }  # fmt: skip
        return self._seller(request, actor, fields, typed)

    async def put_seller(self, request: WebRequest, actor: Actor) -> Response[Any]:
        fields = seller_fields()
        typed = await typed_of(request, fields)
        values, wrong = read_form(fields, typed)
        if not wrong:
            if not values["vat_id"] and not values["tax_number"]:
                wrong["tax_number"] = TAX_WRONG
            if values["prefix"] == SELF_BILLED:
                wrong["prefix"] = PREFIX_WRONG
            if values["holds_from"] > len(values["levels"]):
                wrong["holds_from"] = HOLDS_WRONG
        if not wrong:
            dunning = Dunning(levels=values.pop("levels"), holds_from=values.pop("holds_from"))
            async with self._db.tenant(actor.tenant_id) as conn:
                await service.put_seller(conn, actor, Seller(**values), dunning, self._clock.now())
            return Redirect("/fleets", status_code=303)
        return self._seller(request, actor, fields, typed, wrong)

    def _seller(
        self, request: WebRequest, actor: Actor, fields: Sequence[Field], typed: Mapping[str, str],
        wrong: Mapping[str, str] | None = None,
    ) -> Response[str]:  # fmt: skip
        return self.page(
            request, actor, fields, typed, title=SELLER, back="/fleets", word=mark("Store"), about=ABOUT_SELLER,
            wrong=wrong,
        )  # fmt: skip

    def _of(
        self, request: WebRequest, actor: Actor, fleet: Fleet, fields: Sequence[Field], typed: Mapping[str, str],
        title: str, *, wrong: Mapping[str, str] | None = None, about: str = "",
    ) -> Response[str]:  # fmt: skip
        return self.page(
            request, actor, fields, typed, title=title, back=f"/fleets/{fleet.fleet_id}", word=mark("Store"),
            wrong=wrong, about=about, fleet=fleet,
        )  # fmt: skip

    def _stored(self, fleet_id: int) -> Redirect:
        return Redirect(f"/fleets/{fleet_id}?done=stored", status_code=303)


NEW: Final = mark("New fleet")
CHANGE: Final = mark("Change the fleet")
TERMS: Final = mark("Whom invoices are for")
MANDATE: Final = mark("Mandate for direct debits")
SELLER: Final = mark("Who issues invoices")
ABOUT_TERMS: Final = mark("It counts for the next invoice. Months that had none until now are made up for.")
ABOUT_MANDATE: Final = mark(
    "It takes the place of the one before. The account is kept sealed, and never shown whole again."
)
ABOUT_SELLER: Final = mark("It counts for what is issued from now on. What is issued never changes.")


def form_pages(shell: Shell, db: Pool, clock: Clock, secret_key: bytes) -> list[HTTPRouteHandler]:
    """The forms below `/fleets`, and `/settings/invoicing`."""
    forms = FleetForms(shell, db, clock, secret_key)

    @get("/fleets/new", opt=dict(TOKENS), include_in_schema=False)
    async def new_fleet(request: WebRequest, actor: Asker) -> Response[str]:
        return await forms.new(request, actor)

    @post("/fleets/new", opt=dict(TOKENS), include_in_schema=False, status_code=303)
    async def make_fleet(request: WebRequest, actor: Asker) -> Response[Any]:
        return await forms.make(request, actor)

    @get("/fleets/{fleet_id:int}/edit", opt=dict(TOKENS), include_in_schema=False)
    async def edit_fleet(request: WebRequest, actor: Asker, fleet_id: Number) -> Response[str]:
        return await forms.edit(request, actor, fleet_id)

    @post("/fleets/{fleet_id:int}/edit", opt=dict(TOKENS), include_in_schema=False, status_code=303)
    async def alter_fleet(request: WebRequest, actor: Asker, fleet_id: Number) -> Response[Any]:
        return await forms.alter(request, actor, fleet_id)

    return [new_fleet, make_fleet, edit_fleet, alter_fleet, *_paying_pages(forms), *_invoicing_pages(forms)]


def _paying_pages(forms: FleetForms) -> list[HTTPRouteHandler]:
    """Whom a fleet's invoices are for, and its mandate."""

    @get("/fleets/{fleet_id:int}/terms", opt=dict(CHANGING), include_in_schema=False)
    async def terms(request: WebRequest, actor: Asker, fleet_id: Number) -> Response[str]:
        return await forms.terms(request, actor, fleet_id)

    @post("/fleets/{fleet_id:int}/terms", opt=dict(CHANGING), include_in_schema=False, status_code=303)
    async def put_terms(request: WebRequest, actor: Asker, fleet_id: Number) -> Response[Any]:
        return await forms.put_terms(request, actor, fleet_id)

    @get("/fleets/{fleet_id:int}/mandate", opt=dict(CHANGING), include_in_schema=False)
    async def mandate(request: WebRequest, actor: Asker, fleet_id: Number) -> Response[str]:
        return await forms.mandate(request, actor, fleet_id)

    @post("/fleets/{fleet_id:int}/mandate", opt=dict(CHANGING), include_in_schema=False, status_code=303)
    async def put_mandate(request: WebRequest, actor: Asker, fleet_id: Number) -> Response[Any]:
        return await forms.put_mandate(request, actor, fleet_id)

    @post("/fleets/{fleet_id:int}/mandate/end", opt=dict(CHANGING), include_in_schema=False, status_code=303)
    async def end_mandate(actor: Asker, fleet_id: Number) -> Redirect:
        return await forms.end_mandate(actor, fleet_id)

    return [terms, put_terms, mandate, put_mandate, end_mandate]


def _invoicing_pages(forms: FleetForms) -> list[HTTPRouteHandler]:
    """`/settings/invoicing`: who issues invoices."""
    organising: dict[str, Any] = {"verb": Verb.ORGANISATION}

    @get(INVOICING, opt=organising, include_in_schema=False)
    async def invoicing(request: WebRequest, actor: Asker) -> Response[str]:
        return await forms.seller(request, actor)

    @post(INVOICING, opt=organising, include_in_schema=False, status_code=303)
    async def put_invoicing(request: WebRequest, actor: Asker) -> Response[Any]:
        return await forms.put_seller(request, actor)

    return [invoicing, put_invoicing]
