"""Forms about fleets: what one may spend, whom its invoices are for, its mandate, and who issues invoices."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker
from forecourt.drivers.accounts.model import EMAIL_PATTERN
from forecourt.drivers.fleets import api as limits
from forecourt.drivers.fleets import service as fleets
from forecourt.drivers.fleets.model import Fleet, FleetNameTaken
from forecourt.payments.fleets import collection, service
from forecourt.payments.fleets.model import (
    MANDATE_PATTERN,
    MAX_DAYS,
    MAX_FEE,
    MAX_LEVELS,
    Dunning,
    Level,
    MandateMissing,
    MandateRefused,
    Seller,
    Terms,
)
from forecourt.payments.fleets.pages.words import CHANGING, LANGUAGES, TOKENS, Number, WebRequest
from forecourt.payments.fleets.store import invoices as store
from forecourt.payments.forms import (
    BIC_WRONG,
    COUNTRY_WRONG,
    CURRENCY_WRONG,
    IBAN_WRONG,
    LINE_WRONG,
    MONEY_WRONG,
    NAME_WRONG,
    VAT_WRONG,
    WHOLE_WRONG,
    Field,
    amount_shown,
    country_of,
    day,
    limit_in,
    read_form,
    shown,
    text_as,
    tick,
    typed_of,
    whole,
)
from forecourt.payments.hosts.api.fields import Bic, HolderName
from forecourt.payments.hosts.banks import Bank, read_iban
from forecourt.payments.hosts.model import IbanRefused
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell

INVOICING: Final = "/settings/invoicing"
EMAIL_WRONG: Final = mark("must be an e-mail address")
TAKEN: Final = mark("is another fleet's already")
MANDATE_WRONG: Final = mark("must be of letters, digits and + ? / : ( ) . , ' -, 35 at most, and not another mandate's")
SIGNED_WRONG: Final = mark("must be a day such as 2026-03-01, and not one that is still to come")
CREDITOR_WRONG: Final = mark("must be as your bank gave it, such as DE98ZZZ09999999999")
LEVELS_WRONG: Final = mark(
    "must be like 7, 21:5.00, 35:10 - days, each more than the one before, with a fee where you ask one"
)
TAX_WRONG: Final = mark("or the VAT id must be there: an invoice needs one of both")
HOLDS_WRONG: Final = mark("must be the number of one of the reminders, or 0")
_SCHEMES: Final = (("CORE", mark("Core")), ("B2B", mark("Between businesses")))
_WAYS: Final = (("transfer", mark("Transfer")), ("debit", mark("Direct debit")))


def email(text: str) -> str:
    """An e-mail address, or nothing."""
    import re

    if text and not re.fullmatch(EMAIL_PATTERN.removeprefix("^").removesuffix("$"), text):
        raise ValueError(text)
    return text


def fleet_fields(currency: str, *, new: bool) -> list[Field]:
    """What a fleet is called, and may spend."""
    kinds = msgspec.structs.fields(limits.NewFleet)
    types = {field.name: field.type for field in kinds}
    fields = [
        Field(name="name", label=mark("Name"), read=text_as(types["name"]), wrong=NAME_WRONG, required=True),
        Field(name="email", label=mark("E-mail address"), read=email, wrong=EMAIL_WRONG, most=254,
              hint=mark("Invoices and reminders go there.")),
        Field(name="session_limit", label=mark("Limit of a session"), read=limit_in(currency), wrong=MONEY_WRONG,
              mode="decimal", most=20, hint=mark("With VAT; empty: none.")),
        Field(name="month_limit", label=mark("Monthly limit"), read=limit_in(currency), wrong=MONEY_WRONG,
              mode="decimal", most=20, hint=mark("Of all its drivers together, with VAT; empty: none.")),
    ]  # fmt: skip
    if new:
        kind = text_as(types["currency"], upper=True)
        asked = Field(name="currency", label=mark("Currency"), read=kind, wrong=CURRENCY_WRONG, required=True, most=3,
                      hint=mark("It stays."))  # fmt: skip
        return [fields[0], asked, *fields[1:]]
    return [*fields, Field(name="active", label=mark("Active"), read=tick, tick=True,
                           hint=mark("It pays for its drivers"))]  # fmt: skip


def party_fields(of: type[Any]) -> list[Field]:
    """Name and address of who issues, or gets, an invoice."""
    types = {field.name: field.type for field in msgspec.structs.fields(of)}
    return [
        Field(name="name", label=mark("Name"), read=text_as(types["name"]), wrong=NAME_WRONG, required=True,
              hint=mark("As it stands in the register of companies.")),
        Field(name="street", label=mark("Street"), read=text_as(types["street"]), wrong=NAME_WRONG, required=True),
        Field(name="postcode", label=mark("Postcode"), read=text_as(types["postcode"]), wrong=NAME_WRONG,
              required=True, most=20),
        Field(name="city", label=mark("City"), read=text_as(types["city"]), wrong=NAME_WRONG, required=True, most=100),
        Field(name="country", label=mark("Country"), read=country_of, wrong=COUNTRY_WRONG,
              required=True, most=2, hint=mark("Two letters, such as DE.")),
        Field(name="vat_id", label=mark("VAT id"), read=text_as(types["vat_id"], upper=True), wrong=VAT_WRONG, most=20),
    ]  # fmt: skip


def terms_fields() -> list[Field]:
    """Whom a fleet's invoices are for, and how they are paid."""
    types = {field.name: field.type for field in msgspec.structs.fields(Terms)}
    return [
        *party_fields(Terms),
        Field(name="buyer_reference", label=mark("Their reference"), read=text_as(types["buyer_reference"]),
              wrong=LINE_WRONG, most=60, hint=mark("An order number that they want to read on each invoice.")),
        Field(name="language", label=mark("Language"), read=text_as(types["language"]), choices=LANGUAGES),
        Field(name="days", label=mark("Days to pay"), read=whole(0, MAX_DAYS), wrong=WHOLE_WRONG, mode="numeric",
              required=True, most=3),
        Field(name="pays_by", label=mark("Pays by"), read=text_as(types["pays_by"]), choices=_WAYS,
              hint=mark("A direct debit needs a mandate; until there is one, they transfer.")),
        Field(name="dunned", label=mark("Reminders"), read=tick, tick=True,
              hint=mark("They are reminded of what is overdue")),
    ]  # fmt: skip


def mandate_fields() -> list[Field]:
    """A mandate as it was signed."""
    return [
        Field(name="reference", label=mark("Mandate reference"), read=_mandate, wrong=MANDATE_WRONG, required=True,
              most=35, hint=mark("As it stands on the paper that was signed.")),
        Field(name="signed_on", label=mark("Signed on"), read=day, wrong=SIGNED_WRONG, required=True, most=10,
              hint=mark("Such as 2026-03-01.")),
        Field(name="holder", label=mark("Account holder"), read=text_as(HolderName), wrong=NAME_WRONG, required=True,
              most=70),
        Field(name="iban", label=mark("IBAN"), read=_iban, wrong=IBAN_WRONG, required=True, most=60),
        Field(name="bic", label=mark("BIC"), read=text_as(Bic, upper=True), wrong=BIC_WRONG, most=11,
              hint=mark("Only for accounts outside of the EU.")),
        Field(name="scheme", label=mark("Scheme"), read=str, choices=_SCHEMES),
    ]  # fmt: skip


def _mandate(text: str) -> str:
    import re

    if not re.fullmatch(MANDATE_PATTERN.removeprefix("^").removesuffix("$"), text):
        raise ValueError(text)
    return text


def _iban(text: str) -> str:
    try:
        return read_iban(text)
    except IbanRefused as fault:
        raise ValueError(text) from fault


def seller_fields() -> list[Field]:
    """Who issues invoices, and how who is late is reminded."""
    types = {field.name: field.type for field in msgspec.structs.fields(Seller)}
    return [
        *party_fields(Seller),
        Field(name="tax_number", label=mark("Tax number"), read=text_as(types["tax_number"]), wrong=TAX_WRONG, most=40),
        Field(name="email", label=mark("E-mail address"), read=email, wrong=EMAIL_WRONG, most=254),
        Field(name="prefix", label=mark("Numbers begin with"), read=text_as(types["prefix"], upper=True),
              wrong=LINE_WRONG, most=12, hint=mark("FC- makes FC-2026-00001.")),
        Field(name="creditor_id", label=mark("Creditor id"), read=text_as(types["creditor_id"], upper=True),
              wrong=CREDITOR_WRONG, most=35, hint=mark("For direct debits, from your central bank.")),
        Field(name="levels", label=mark("Reminders after days"), read=read_levels, wrong=LEVELS_WRONG, most=60,
              hint=mark("Such as 7, 21:5.00, 35:10 - the second asks a fee of 5.00.")),
        Field(name="holds_from", label=mark("Drivers are held from"), read=whole(0, MAX_LEVELS), wrong=HOLDS_WRONG,
              mode="numeric", most=1, hint=mark("From this reminder on they start nothing; 0: never.")),
    ]  # fmt: skip


def read_levels(text: str) -> list[Level]:
    """Days with fees in hundredths: `7, 21:5.00`."""
    from forecourt.payments.forms import money_in

    found: list[Level] = []
    for part in filter(None, (part.strip() for part in text.replace(";", ",").split(","))):
        days, _, fee = part.partition(":")
        found.append(Level(days=whole(1, MAX_DAYS)(days.strip()), fee=money_in("EUR")(fee) or 0))
    after = [level.days for level in found]
    if len(found) > MAX_LEVELS or after != sorted(set(after)) or any(level.fee > MAX_FEE for level in found):
        raise ValueError(text)
    return found


def levels_shown(levels: Sequence[Level]) -> str:
    """Levels as their field holds them."""
    return ", ".join(
        f"{level.days}:{amount_shown(level.fee, 'EUR')}" if level.fee else str(level.days) for level in levels
    )


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
                    await collection.put_mandate(conn, actor, fleet_id, self._bank, now=self._clock.now(), **values)
                return self._stored(fleet_id)
            except MandateRefused as fault:
                signed = "still to come" in fault.detail
                wrong = {"signed_on": SIGNED_WRONG} if signed else {"reference": MANDATE_WRONG}
        return self._of(request, actor, fleet, fields, typed, MANDATE, wrong=wrong, about=ABOUT_MANDATE)

    async def end_mandate(self, actor: Actor, fleet_id: int) -> Redirect:
        try:
            async with self._db.tenant(actor.tenant_id) as conn:
                await collection.end_mandate(conn, actor, fleet_id, self._clock.now())
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
    organising: dict[str, Any] = {"verb": Verb.ORGANISATION}

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

    @get(INVOICING, opt=organising, include_in_schema=False)
    async def invoicing(request: WebRequest, actor: Asker) -> Response[str]:
        return await forms.seller(request, actor)

    @post(INVOICING, opt=organising, include_in_schema=False, status_code=303)
    async def put_invoicing(request: WebRequest, actor: Asker) -> Response[Any]:
        return await forms.put_seller(request, actor)

    return [
        new_fleet, make_fleet, edit_fleet, alter_fleet, terms, put_terms, mandate, put_mandate, end_mandate, invoicing,
        put_invoicing,
    ]  # fmt: skip
