"""The forms of hosts on the console: who they are, where their money goes, their share, and what else they are owed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker
from forecourt.access.once import FIELD, form_key, made_before, once, remember
from forecourt.payments.bank.fields import Bic, HolderName, iban_typed
from forecourt.payments.bank.model import Bank
from forecourt.payments.companies.forms import vat_id_as
from forecourt.payments.forms import (
    BIC_WRONG,
    COUNTRY_WRONG,
    CURRENCY_WRONG,
    EMAIL_WRONG,
    IBAN_WRONG,
    LINE_WRONG,
    MONEY_WRONG,
    NAME_WRONG,
    VAT_WRONG,
    Field,
    Typed,
    amount_shown,
    country_of,
    currency_of,
    email,
    money_in,
    percent,
    read_form,
    shown,
    text_as,
    typed_of,
)
from forecourt.payments.hosts import service
from forecourt.payments.hosts.api.hosts import NewExpense, NewHost
from forecourt.payments.hosts.model import HostRefused, RuleRefused, ShareRule, TooManyHosts
from forecourt.payments.hosts.pages import PERCENTS, HostId, WebRequest
from forecourt.payments.hosts.store import hosts as store
from forecourt.payments.hosts.store.hosts import HostRow
from forecourt.payments.ledger.model import EntryDiffers
from forecourt.payments.ledger.words import EVERY
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark
from forecourt.ui.numbers import decimal
from forecourt.ui.shell import Shell

GUARDED: Final[Mapping[str, Any]] = {"verb": Verb.CHANGE_HOSTS}
SITES_WRONG: Final = mark("must be names in addresses of sites, with commas between them")
PERCENT_WRONG: Final = mark("must be from 0 to 100, with two decimals at most")
KWH_WRONG: Final = mark("must be an amount such as 0.03, with six decimals at most")
MOMENT_WRONG: Final = mark("must be a time such as 2026-03-01 00:00, or empty")
RATE_WRONG: Final = mark("must be from 0 to 50, or empty")
STATION_WRONG: Final = mark("is no station of that site")
KEY_WRONG: Final = mark("must be of letters, digits, points, - and _, and not stand for something else already")
SITE_WRONG: Final = mark("is no site")
NOT_THEIRS: Final = mark("is no site of this host")
NOTHING: Final = mark("must be more or less than 0")
TOO_MANY: Final = mark("There are as many hosts as an organisation may have.")
MADE: Final = mark("Make the host")
STORE: Final = mark("Store")
KINDS: Final = (
    ("energy", mark("Energy")), ("rent", mark("Rent")), ("repair", mark("Repair")), ("other", mark("Something else")),
)  # fmt: skip


def _sites(text: str) -> list[str]:
    return list(dict.fromkeys(filter(None, (part.strip() for part in text.split(",")))))


def _rate(text: str) -> Decimal | None:
    value = decimal(text)
    if value is not None and (not 0 <= value <= 50 or value != round(value, 2)):
        raise ValueError(text)
    return value


def _per_kwh(text: str) -> Decimal:
    value = decimal(text) or Decimal(0)
    if not 0 <= value <= 1000 or value != round(value, 6):
        raise ValueError(text)
    return value


def host_fields() -> list[Field]:
    """Who a host is, and when they are paid."""
    types = {field.name: field.type for field in msgspec.structs.fields(NewHost)}
    return [
        Field(name="name", label=mark("Name"), read=text_as(types["name"]), wrong=NAME_WRONG, required=True),
        Field(name="address", label=mark("Address"), read=text_as(types["address"]), wrong=LINE_WRONG, most=500),
        Field(name="country", label=mark("Country"), read=country_of, wrong=COUNTRY_WRONG,
              required=True, most=2, hint=mark("Two letters, such as DE.")),
        Field(name="email", label=mark("E-mail address"), read=email, wrong=EMAIL_WRONG, most=254),
        Field(name="vat_id", label=mark("VAT id"), read=vat_id_as(types["vat_id"]), wrong=VAT_WRONG, most=20),
        Field(name="vat_rate", label=mark("VAT that they charge, in percent"), read=_rate, wrong=RATE_WRONG,
              mode="decimal", most=6, hint=mark("Empty: none. With it statements are self-billed invoices.")),
        Field(name="sites", label=mark("Their sites"), read=_sites, wrong=SITES_WRONG, most=1000,
              hint=mark("Names in addresses, with commas. Whoever is limited to all of these sees the host.")),
        Field(name="payout_every", label=mark("Paid"), read=text_as(types["payout_every"]),
              choices=tuple(EVERY.items())),
        Field(name="payout_minimum", label=mark("Not less than"), read=money_in("EUR"), wrong=MONEY_WRONG,
              mode="decimal", most=20, hint=mark("What is less is carried on.")),
    ]  # fmt: skip


def bank_fields() -> list[Field]:
    """Where a host's money goes."""
    return [
        Field(name="name", label=mark("Account holder"), read=text_as(HolderName), wrong=NAME_WRONG, required=True,
              most=70),
        Field(name="iban", label=mark("IBAN"), read=iban_typed, wrong=IBAN_WRONG, required=True, most=60),
        Field(name="bic", label=mark("BIC"), read=text_as(Bic, upper=True), wrong=BIC_WRONG, most=11),
    ]  # fmt: skip


def rule_fields(currency: str) -> list[Field]:
    """A version of a share rule."""
    shares = [
        Field(name=name, label=label, read=percent, wrong=PERCENT_WRONG, mode="decimal", most=6)
        for name, label in PERCENTS.items()
    ]
    return [
        Field(name="site", label=mark("Site"), read=str, wrong=SITE_WRONG, required=True, most=63,
              hint=mark("Its name in addresses; the rule counts for all below it.")),
        Field(name="station", label=mark("Only the station"), read=str, wrong=STATION_WRONG, most=255,
              hint=mark("Empty: all stations of the site.")),
        Field(name="valid_from", label=mark("From"), read=str, wrong=MOMENT_WRONG, most=16,
              hint=mark("Such as 2026-03-01 00:00, by your organisation's clock; empty: from now on.")),
        Field(name="currency", label=mark("Currency"), read=currency_of, wrong=CURRENCY_WRONG, required=True, most=3),
        *shares,
        Field(name="per_kwh", label=mark("For each kWh"), read=_per_kwh, wrong=KWH_WRONG, mode="decimal", most=12),
        Field(name="platform_percent", label=mark("Percent of it that you keep"), read=percent, wrong=PERCENT_WRONG,
              mode="decimal", most=6),
        Field(name="platform_fee", label=mark("You keep a session"), read=money_in(currency), wrong=MONEY_WRONG,
              mode="decimal", most=12),
        Field(name="monthly_fee", label=mark("They pay a month"), read=money_in(currency), wrong=MONEY_WRONG,
              mode="decimal", most=12),
        Field(name="paid_by", label=mark("Paid by the fleet"), read=str, most=80,
              hint=mark("Of a driver's home: the fleet's number or name. Then only the kWh count.")),
    ]  # fmt: skip


def expense_fields(currency: str) -> list[Field]:
    """What a host is owed beside shares."""
    return [
        Field(name="key", label=mark("Key"), read=text_as(NewExpense.__annotations__["key"]), wrong=KEY_WRONG,
              required=True, most=60, hint=mark("Such as power-2026-03: it is posted once under it.")),
        Field(name="kind", label=mark("For"), read=str, choices=KINDS),
        Field(name="amount", label=mark("Amount"), read=money_in(currency, below=True), wrong=MONEY_WRONG,
              mode="decimal", required=True, most=20, hint=mark("That they are owed; below 0: that they owe.")),
        Field(name="currency", label=mark("Currency"), read=currency_of, wrong=CURRENCY_WRONG, required=True, most=3),
        Field(name="site", label=mark("Site"), read=str, wrong=SITE_WRONG, most=63,
              hint=mark("Its name in addresses: then it counts in what the site earns.")),
        Field(name="memo", label=mark("Note"), read=text_as(NewExpense.__annotations__["memo"]), wrong=LINE_WRONG,
              most=300),
    ]  # fmt: skip


class HostForms:
    """What the handlers below share."""

    def __init__(self, shell: Shell, db: Pool, clock: Clock, secret_key: bytes) -> None:
        self._shell = shell
        self._db = db
        self._clock = clock
        self._bank = Bank(secret_key)

    def page(
        self, request: WebRequest, actor: Actor, title: str, fields: Sequence[Field], typed: Typed, *,
        word: str = STORE, host: HostRow | None = None, about: str = "", wrong: Mapping[str, str] | None = None,
        fault: str = "", key: str = "",
    ) -> Response[str]:  # fmt: skip
        """A form. `key`: of one that makes something, once."""
        return self._shell.page(
            "money/host_form.html", request, viewer=actor, current="hosts", status=422 if wrong or fault else 200,
            title=title, fields=fields, typed=typed, word=word, host=host, about=about, wrong=wrong or {}, fault=fault,
            key=key,
        )  # fmt: skip

    async def host(self, actor: Actor, host_id: int) -> HostRow:
        async with self._db.tenant(actor.tenant_id) as conn:
            return await service.find(conn, actor.tenant_id, host_id)

    async def make(self, request: WebRequest, actor: Actor) -> Response[Any]:
        fields = host_fields()
        typed = await typed_of(request, fields)
        key = str((await request.form()).get(FIELD, ""))
        values, wrong = read_form(fields, typed)
        if not wrong:
            sites = values.pop("sites")
            sent = once(actor, "new host", key, typed)
            known = {"connect_account": "", "connect_by": "", **values, "payout_minimum": values["payout_minimum"] or 0}
            try:
                async with self._db.tenant(actor.tenant_id) as conn:
                    before = await made_before(conn, sent, self._clock.now())
                    if before is not None:
                        return _to(int(before))
                    made = await service.create(conn, actor, known, sites, self._clock.now())
                    await remember(conn, sent, str(made.host_id))
                return _to(made.host_id)
            except HostRefused:
                wrong["sites"] = SITES_WRONG
            except TooManyHosts:
                return self.page(request, actor, NEW, fields, typed, word=MADE, fault=_(TOO_MANY), key=key)
        return self.page(request, actor, NEW, fields, typed, word=MADE, wrong=wrong, key=key)

    async def edit(self, request: WebRequest, actor: Actor, host_id: int) -> Response[str]:
        host, fields = await self.host(actor, host_id), host_fields()
        async with self._db.tenant(actor.tenant_id) as conn:
            names = await store.name_sites(conn, actor.tenant_id, host.site_ids)
        typed = {field.name: shown(getattr(host, field.name, "")) for field in fields} | {
            "sites": ", ".join(names[each][0] for each in host.site_ids if each in names),
            "payout_minimum": amount_shown(host.payout_minimum, "EUR"),
        }
        return self.page(request, actor, CHANGE, fields, typed, host=host)

    async def alter(self, request: WebRequest, actor: Actor, host_id: int) -> Response[Any]:
        host, fields = await self.host(actor, host_id), host_fields()
        typed = await typed_of(request, fields)
        values, wrong = read_form(fields, typed)
        if not wrong:
            sites = values.pop("sites")
            values["payout_minimum"] = values["payout_minimum"] or 0
            try:
                async with self._db.tenant(actor.tenant_id) as conn:
                    await service.change(conn, actor, host_id, values, sites)
                return _to(host_id)
            except HostRefused:
                wrong["sites"] = SITES_WRONG
        return self.page(request, actor, CHANGE, fields, typed, host=host, wrong=wrong)

    async def put_bank(self, request: WebRequest, actor: Actor, host_id: int) -> Response[Any]:
        host, fields = await self.host(actor, host_id), bank_fields()
        typed = await typed_of(request, fields)
        values, wrong = read_form(fields, typed)
        if wrong:
            return self.page(request, actor, BANK, fields, typed, host=host, about=ABOUT_BANK, wrong=wrong)
        async with self._db.tenant(actor.tenant_id) as conn:
            await service.put_bank(conn, actor, host_id, self._bank, **values)
        return _to(host_id)

    async def add_rule(self, request: WebRequest, actor: Actor, host_id: int) -> Response[Any]:
        host = await self.host(actor, host_id)
        typed = await typed_of(request, rule_fields("EUR"))
        fields = rule_fields(_currency(typed["currency"]))
        values, wrong = read_form(fields, typed)
        fault = ""
        if not wrong:
            site, station, at = (values.pop(name) for name in ("site", "station", "valid_from"))
            for name in ("platform_fee", "monthly_fee"):
                values[name] = values[name] or 0
            try:
                rule = ShareRule(**{**values, "paid_by": values["paid_by"] or None})
                async with self._db.tenant(actor.tenant_id) as conn:
                    zone = ZoneInfo(await store.time_zone(conn, actor.tenant_id))
                    begins = datetime.fromisoformat(at).replace(tzinfo=zone) if at else self._clock.now()
                    await service.add_rule(
                        conn, actor, host_id=host_id, site=site, station=station or None, valid_from=begins, rule=rule,
                        at=self._clock.now(),
                    )  # fmt: skip
                return _to(host_id)
            except ValueError:
                wrong["valid_from"] = MOMENT_WRONG
            except RuleRefused as refused:
                fault = refused.detail
        return self.page(request, actor, RULE, fields, typed, host=host, about=ABOUT_RULE, wrong=wrong, fault=fault)

    async def add_expense(self, request: WebRequest, actor: Actor, host_id: int) -> Response[Any]:
        host = await self.host(actor, host_id)
        typed = await typed_of(request, expense_fields("EUR"))
        fields = expense_fields(_currency(typed["currency"]))
        values, wrong = read_form(fields, typed)
        if not wrong and not values["amount"]:
            wrong["amount"] = MONEY_WRONG
        if not wrong:
            site = values.pop("site") or None
            kind = values["kind"] if values["kind"] in dict(KINDS) else "other"
            try:
                async with self._db.tenant(actor.tenant_id) as conn:
                    await service.add_expense(
                        conn, actor, host_id, at=self._clock.now(), **(values | {"site": site, "kind": kind})
                    )
                return _to(host_id)
            except HostRefused:
                wrong |= {"site": NOT_THEIRS} if values["amount"] else {"amount": NOTHING}
            except EntryDiffers:
                wrong["key"] = KEY_WRONG
        return self.page(request, actor, EXPENSE, fields, typed, host=host, about=ABOUT_EXPENSE, wrong=wrong)


def _empty(fields: Sequence[Field], **known: str) -> dict[str, str]:
    return {field.name: "" for field in fields} | known


def _currency(text: str) -> str:
    code = text.upper()
    return code if code.isascii() and code.isalpha() and len(code) == 3 else "EUR"


def _to(host_id: int) -> Redirect:
    return Redirect(f"/hosts/{host_id}?done=stored", status_code=303)


NEW: Final = mark("New host")
CHANGE: Final = mark("Change the host")
BANK: Final = mark("Where their money goes")
RULE: Final = mark("New version of their share")
EXPENSE: Final = mark("Post an expense")
ABOUT_BANK: Final = mark("The account is kept sealed, and never shown whole again. Who was not paid is paid again.")
ABOUT_RULE: Final = mark("Of what is earned before VAT. The version that counts when a session begins makes its share.")
ABOUT_EXPENSE: Final = mark("What they are owed beside shares, such as energy that they pay for. It is posted at once.")


def host_form_pages(shell: Shell, db: Pool, clock: Clock, secret_key: bytes) -> list[HTTPRouteHandler]:
    """The forms below `/hosts`."""
    forms = HostForms(shell, db, clock, secret_key)

    @get("/hosts/new", opt=dict(GUARDED), include_in_schema=False)
    async def new_host(request: WebRequest, actor: Asker) -> Response[str]:
        fields = host_fields()
        return forms.page(request, actor, NEW, fields, _empty(fields, payout_every="day"), word=MADE, key=form_key())

    @post("/hosts/new", opt=dict(GUARDED), include_in_schema=False, status_code=303)
    async def make_host(request: WebRequest, actor: Asker) -> Response[Any]:
        return await forms.make(request, actor)

    @get("/hosts/{host_id:int}/edit", opt=dict(GUARDED), include_in_schema=False)
    async def edit_host(request: WebRequest, actor: Asker, host_id: HostId) -> Response[str]:
        return await forms.edit(request, actor, host_id)

    @post("/hosts/{host_id:int}/edit", opt=dict(GUARDED), include_in_schema=False, status_code=303)
    async def alter_host(request: WebRequest, actor: Asker, host_id: HostId) -> Response[Any]:
        return await forms.alter(request, actor, host_id)

    @get("/hosts/{host_id:int}/bank", opt=dict(GUARDED), include_in_schema=False)
    async def bank(request: WebRequest, actor: Asker, host_id: HostId) -> Response[str]:
        host, fields = await forms.host(actor, host_id), bank_fields()
        return forms.page(request, actor, BANK, fields, _empty(fields), host=host, about=ABOUT_BANK)

    @post("/hosts/{host_id:int}/bank", opt=dict(GUARDED), include_in_schema=False, status_code=303)
    async def put_host_bank(request: WebRequest, actor: Asker, host_id: HostId) -> Response[Any]:
        return await forms.put_bank(request, actor, host_id)

    return [new_host, make_host, edit_host, alter_host, bank, put_host_bank, *_share_pages(forms)]


def _share_pages(forms: HostForms) -> list[HTTPRouteHandler]:
    """What a host is owed: the forms of rules and of expenses."""

    @get("/hosts/{host_id:int}/rule", opt=dict(GUARDED), include_in_schema=False)
    async def rule(request: WebRequest, actor: Asker, host_id: HostId) -> Response[str]:
        host, fields = await forms.host(actor, host_id), rule_fields("EUR")
        known = _empty(fields, currency="EUR")
        return forms.page(request, actor, RULE, fields, known, host=host, about=ABOUT_RULE)

    @post("/hosts/{host_id:int}/rule", opt=dict(GUARDED), include_in_schema=False, status_code=303)
    async def add_rule(request: WebRequest, actor: Asker, host_id: HostId) -> Response[Any]:
        return await forms.add_rule(request, actor, host_id)

    @get("/hosts/{host_id:int}/expense", opt=dict(GUARDED), include_in_schema=False)
    async def expense(request: WebRequest, actor: Asker, host_id: HostId) -> Response[str]:
        host, fields = await forms.host(actor, host_id), expense_fields("EUR")
        known = _empty(fields, currency="EUR", kind="energy")
        return forms.page(request, actor, EXPENSE, fields, known, host=host, about=ABOUT_EXPENSE)

    @post("/hosts/{host_id:int}/expense", opt=dict(GUARDED), include_in_schema=False, status_code=303)
    async def add_expense(request: WebRequest, actor: Asker, host_id: HostId) -> Response[Any]:
        return await forms.add_expense(request, actor, host_id)

    return [rule, add_rule, expense, add_expense]
