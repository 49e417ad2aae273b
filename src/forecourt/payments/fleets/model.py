"""What invoices of fleets are made of, and how one stands. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final, Literal
from uuid import UUID

from msgspec import Meta, Struct, field, structs

from forecourt.drivers.accounts.model import MAX_EMAIL
from forecourt.payments.companies.numbers import is_vat_id
from forecourt.payments.fleets.errors import InvoicingRefused
from forecourt.payments.fleets.references import SELF_BILLED
from forecourt.payments.ledger.billed import VAT, Billed, apportioned
from forecourt.platform.countries import countries
from forecourt.platform.text import NAME_LINE, ONE_LINE

#: Lines of one invoice; what is beyond goes on another of the same month.
MAX_LINES: Final = 5_000
#: Invoices of one fleet, currency and month.
MAX_PARTS: Final = 50
#: Months that are made up for where nobody had said yet whom invoices are for.
MAX_MONTHS: Final = 24
#: Invoices that one look at what is open takes.
MAX_OPEN: Final = 20_000
MAX_LEVELS: Final = 5
MAX_DAYS: Final = 365
MAX_FEE: Final = 100_000
#: After a month is over, before it is invoiced: what stations tell late has come by then.
SETTLED_AFTER: Final = timedelta(hours=6)
LANGUAGES: Final = ("en", "de", "fr", "nl", "es")
COUNTRY_PATTERN: Final = "^[A-Z]{2}$"
VAT_ID_PATTERN: Final = "^([A-Z]{2}[A-Za-z0-9+*.]{2,16})?$"
NUMBERS_PATTERN: Final = "^[A-Z0-9-]{0,12}$"
CREDITOR_PATTERN: Final = "^([A-Z]{2}[0-9]{2}[A-Za-z0-9]{4,31})?$"
MANDATE_PATTERN: Final = r"^[A-Za-z0-9+?/:().,'-]{1,35}$"

Text = Annotated[str, Meta(max_length=200, pattern=ONE_LINE)]
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=NAME_LINE, examples=["City Vans Ltd"])]
Street = Annotated[str, Meta(min_length=1, max_length=200, pattern=NAME_LINE, examples=["Harbour Road 7"])]
Postcode = Annotated[str, Meta(min_length=1, max_length=20, pattern=NAME_LINE, examples=["20457"])]
City = Annotated[str, Meta(min_length=1, max_length=100, pattern=NAME_LINE, examples=["Hamburg"])]
Country = Annotated[str, Meta(pattern=COUNTRY_PATTERN, examples=["DE"])]
VatId = Annotated[str, Meta(pattern=VAT_ID_PATTERN, examples=["DE136695976"])]
Days = Annotated[int, Meta(ge=0, le=MAX_DAYS)]


class Seller(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who an organisation is on its invoices. A VAT id or a tax number must be there."""

    name: Name
    street: Street
    postcode: Postcode
    city: City
    country: Country
    vat_id: VatId = ""
    tax_number: Annotated[str, Meta(max_length=40, pattern=ONE_LINE, examples=["27/123/45678"])] = ""
    email: Annotated[str, Meta(max_length=MAX_EMAIL, pattern=ONE_LINE, examples=["billing@example.com"])] = ""
    prefix: Annotated[
        str, Meta(pattern=NUMBERS_PATTERN, description="How numbers begin, before the year.", examples=["FC-"])
    ] = ""
    creditor_id: Annotated[
        str, Meta(pattern=CREDITOR_PATTERN, description="For direct debits.", examples=["DE98ZZZ09999999999"])
    ] = ""


class Level(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One reminder: so many days after it was due, at such a fee in minor units."""

    days: Annotated[int, Meta(ge=1, le=MAX_DAYS, examples=[7])]
    fee: Annotated[int, Meta(ge=0, le=MAX_FEE, examples=[0])] = 0


#: So long a reminder waits for the bank's statement of the day before.
STATEMENT_WAIT: Final = timedelta(days=5)
#: An organisation that read a statement within this reads them; another one is reminded by the calendar alone.
STATEMENTS_LAPSE: Final = timedelta(days=45)


class Dunning(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How who doesn't pay is reminded. From level `holds_from` on the fleet's drivers start nothing; 0: never."""

    levels: Annotated[list[Level], Meta(max_length=MAX_LEVELS)] = field(
        default_factory=lambda: [Level(days=7), Level(days=21), Level(days=35)]
    )
    holds_from: Annotated[int, Meta(ge=0, le=MAX_LEVELS, examples=[1])] = 3


class Terms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom a fleet's invoices are for, and how they are paid: within so many days, by transfer or by direct debit."""

    name: Name
    street: Street
    postcode: Postcode
    city: City
    country: Country
    vat_id: VatId = ""
    buyer_reference: Annotated[
        str, Meta(max_length=60, pattern=ONE_LINE, description="What they want to read on it.", examples=["PO-4711"])
    ] = ""
    language: Literal["en", "de", "fr", "nl", "es"] = "en"
    days: Annotated[Days, Meta(examples=[14])] = 14
    pays_by: Literal["transfer", "debit"] = "transfer"
    dunned: Annotated[bool, Meta(description="Whether they are reminded of what is overdue.")] = True


class Part(Struct, frozen=True, kw_only=True):
    """What stands at one rate of VAT, in minor units. `rate` None: outside of VAT, as what was paid on behalf."""

    country: str
    rate: Decimal | None
    net: int
    vat: int


class Line(Struct, frozen=True, kw_only=True):
    """One thing that a fleet owes, or is given back (below 0)."""

    line_id: int
    kind: str
    session_id: UUID | None
    driver_id: int | None
    driver: str
    cost_centre: str
    started_at: datetime | None
    ended_at: datetime
    station: str
    site: str
    country: str
    energy_wh: int | None
    currency: str
    amount: int
    parts: list[Part]
    memo: str
    invoice_id: int | None
    #: It was delivered beyond what the fleet, or its driver, may spend.
    over_limit: bool = False

    @property
    def net(self) -> int:
        return sum(part.net for part in self.parts)

    @property
    def vat(self) -> int:
        return sum(part.vat for part in self.parts)


class Kind(StrEnum):
    """What a document is."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


class Account(Struct, frozen=True, kw_only=True):
    """Where a transfer goes, or what a debit is drawn from, as an invoice says it."""

    holder: str = ""
    iban: str = ""
    bic: str = ""
    mandate: str = ""
    on: date | None = None


class Said(Struct, frozen=True, kw_only=True):
    """What an invoice says beside its lines, as it was when it was issued."""

    seller: Seller
    buyer: Terms
    zone: str
    account: Account
    rates: list[Part]
    #: The number and the day of the invoice that a credit note corrects.
    corrects: str = ""
    corrects_on: date | None = None


class Invoice(Struct, frozen=True, kw_only=True):
    """An invoice or a credit note, and how it stands: `open_amount` is what is still asked for; `noted`: what credit
    notes take of it, more than `credited` where it was paid before."""

    invoice_id: int
    fleet_id: int
    fleet: str
    kind: Kind
    number: str
    reference: str
    month: date | None
    corrects: int | None
    reason: str
    currency: str
    net: int
    vat: int
    total: int
    issued_at: datetime
    issued_on: date
    due_on: date
    period_from: date
    period_to: date
    said: Said
    paid: int
    credited: int
    written_off: int
    fees: int
    level: int
    asked: bool
    documented: bool
    noted: int = 0

    @property
    def open_amount(self) -> int:
        """What is still asked for; of a credit note nothing is."""
        if self.kind is Kind.CREDIT_NOTE:
            return 0
        return self.total + self.fees - self.paid - self.credited - self.written_off

    def state(self, today: date) -> str:
        """How it stands in one word."""
        if self.kind is Kind.CREDIT_NOTE:
            return "credit_note"
        if self.open_amount <= 0:
            whole = self.noted >= self.total or (self.credited and not self.paid)
            return "written_off" if self.written_off else "credited" if whole else "paid"
        if self.asked:
            return "collecting"
        if self.due_on < today:
            return "overdue"
        return "part_paid" if self.paid or self.credited else "open"


class Group(Struct, frozen=True, kw_only=True):
    """The lines of one driver in one cost centre."""

    cost_centre: str
    driver: str
    lines: Sequence[Line]

    @property
    def net(self) -> int:
        return sum(line.net for line in self.lines)

    @property
    def vat(self) -> int:
        return sum(line.vat for line in self.lines)

    @property
    def total(self) -> int:
        return sum(line.amount for line in self.lines)

    @property
    def energy_wh(self) -> int:
        return sum(line.energy_wh or 0 for line in self.lines)


def parts_of(billed: Billed, rates: Mapping[Decimal | None, int], country: str) -> list[Part]:
    """What was billed by rate, as it is posted. `rates`: with VAT, as the session's bill says it, of which `billed` may
    be a part; they count where the entry doesn't say what its VAT is of."""
    named = {rate or Decimal(0): amount for rate, amount in rates.items()} or {Decimal(0): 1}
    vats: dict[Decimal, int] = {}
    nets: dict[Decimal, int] = {}
    for line in billed.lines:
        if line.account.startswith(VAT):
            _, country, percent = line.account.split(":")
            vats[Decimal(percent)] = vats.get(Decimal(percent), 0) + line.amount
    for account, net in (billed.nets or {}).items():
        rate = Decimal(account.rpartition(":")[2])
        nets[rate] = nets.get(rate, 0) + net
    for rate in (*vats, *nets):
        named.setdefault(rate, 0)
    gross = dict(zip(named, apportioned(billed.total, list(named.values())), strict=True))
    if billed.nets is not None:
        gross = {rate: nets.get(rate, 0) + vats.get(rate, 0) for rate in named}
    rest = billed.total - sum(gross.values())
    if rest:
        gross[Decimal(0)] = gross.get(Decimal(0), 0) + rest
    return [
        Part(country=country, rate=rate, net=amount - vats.get(rate, 0), vat=vats.get(rate, 0))
        for rate, amount in gross.items()
        if amount or vats.get(rate, 0)
    ]


def taken_away(parts: Iterable[Part]) -> list[Part]:
    """Parts that are given back: below 0."""
    return [structs.replace(part, net=-part.net, vat=-part.vat) for part in parts]


def rates_of(lines: Iterable[Line]) -> list[Part]:
    """What lines come to by country and rate: the sums of what was posted for each, never reckoned anew."""
    sums: dict[tuple[str, Decimal | None], tuple[int, int]] = {}
    for line in lines:
        for part in line.parts:
            net, vat = sums.get((part.country, part.rate), (0, 0))
            sums[part.country, part.rate] = (net + part.net, vat + part.vat)
    ordered = sorted(sums.items(), key=lambda each: (each[0][0], each[0][1] is None, each[0][1] or 0))
    return [Part(country=country, rate=rate, net=net, vat=vat) for (country, rate), (net, vat) in ordered]


def grouped(lines: Sequence[Line]) -> list[Group]:
    """Lines by cost centre and driver, each in the order of time."""
    found: dict[tuple[str, str], list[Line]] = {}
    for line in sorted(lines, key=lambda line: (line.cost_centre, line.driver, line.ended_at, line.line_id)):
        found.setdefault((line.cost_centre, line.driver), []).append(line)
    return [Group(cost_centre=centre, driver=driver, lines=rows) for (centre, driver), rows in found.items()]


def level_due(dunning: Dunning, due_on: date, today: date, read_until: date | None = None) -> int:
    """Which reminder an invoice has come to; 0: none.

    `read_until`: the last day that the bank's statements were read of, None where none are. What was paid by the day
    before a level must have been read of, or STATEMENT_WAIT has passed.
    """
    found = 0
    for level in dunning.levels:
        begins = due_on + timedelta(days=level.days)
        read = read_until is None or read_until >= begins - timedelta(days=1)
        found += begins <= today and (read or begins + STATEMENT_WAIT <= today)
    return found


def check_seller(seller: Seller) -> None:
    """Raises InvoicingRefused for one that no invoice can name."""
    check_country(seller.country)
    check_vat_id(seller.vat_id)
    if not seller.vat_id and not seller.tax_number:
        raise InvoicingRefused("An invoice needs your VAT id, or a tax number if you have none.")
    if seller.prefix == SELF_BILLED:
        raise InvoicingRefused(f"Numbers with {SELF_BILLED} are those of hosts' documents. Say another beginning.")


def check_country(code: str) -> None:
    """Raises InvoicingRefused for a code that is no country's."""
    if code not in countries():
        raise InvoicingRefused(f"There is no country {code}. Write its code of two letters (ISO 3166-1), such as DE.")


def check_vat_id(said: str) -> None:
    """Raises InvoicingRefused for a VAT id that can't be one."""
    if said and not is_vat_id(said):
        raise InvoicingRefused(f"{said} can't be a VAT id. Write it with its country, such as DE136695976.")


def check_dunning(dunning: Dunning) -> None:
    """Raises InvoicingRefused for levels that are out of order."""
    days = [level.days for level in dunning.levels]
    if days != sorted(set(days)):
        raise InvoicingRefused("Each level of reminders must come after more days than the one before.")
    if dunning.holds_from > len(days):
        raise InvoicingRefused("Drivers can't be held from a level on that there is none of.")
