"""An invoice as data: Cross Industry Invoice in the profile EN 16931 of Factur-X 1.0, checked by its own schema.

Amounts are those that were posted: VAT is the sum of what each session was charged, and may be some cents beside the
rate of the sum, which the rules of EN 16931 allow (BR-CO-17).
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from forecourt.payments.fleets.model import Invoice, Kind, Line, Part, Seller, Terms
from forecourt.platform.money import minor_digits
from forecourt.ui.i18n import date_of, number
from forecourt.ui.i18n import gettext as _

SCHEMA: Final = "FACTUR-X_EN16931"
PROFILE: Final = "urn:cen.eu:en16931:2017"
INVOICE: Final = "380"
CREDIT_NOTE: Final = "381"
TRANSFER: Final = "58"
DEBIT: Final = "59"
#: What was paid on behalf of the fleet is no part of what is taxed: VAT Directive, article 79, point c.
ON_BEHALF: Final = "VATEX-EU-79-C"


def facturx(invoice: Invoice, lines: Sequence[Line], iban: str, drawn: str = "") -> bytes:
    """The XML of an invoice. `iban`: where a transfer goes; `drawn`: from where it is drawn by a direct debit."""
    from drafthorse.models.document import Document
    from drafthorse.models.note import IncludedNote
    from drafthorse.models.party import TaxRegistration

    said, credit = invoice.said, invoice.kind is Kind.CREDIT_NOTE
    document: Any = Document()
    document.context.guideline_parameter.id = PROFILE
    document.header.id = invoice.number
    document.header.type_code = CREDIT_NOTE if credit else INVOICE
    document.header.issue_date_time = invoice.issued_on
    if invoice.reason:
        note: Any = IncludedNote()
        note.content = invoice.reason
        document.header.notes.add(note)
    trade = document.trade
    _party(trade.agreement.seller, said.seller)
    _party(trade.agreement.buyer, said.buyer)
    for identity, scheme in ((said.seller.vat_id, "VA"), (said.seller.tax_number, "FC")):
        if identity:
            trade.agreement.seller.tax_registrations.add(TaxRegistration(id=(scheme, identity)))
    if said.buyer.vat_id:
        trade.agreement.buyer.tax_registrations.add(TaxRegistration(id=("VA", said.buyer.vat_id)))
    if said.buyer.buyer_reference:
        trade.agreement.buyer_reference = said.buyer.buyer_reference
    trade.delivery.event.occurrence = invoice.period_to
    for nth, line in enumerate(_flat(lines), start=1):
        trade.items.add(_item(invoice, nth, *line))
    _settlement(trade.settlement, invoice, iban, drawn)
    written: bytes = document.serialize(schema=SCHEMA)
    return written


def _party(party: Any, said: Seller | Terms) -> None:
    party.name = said.name
    party.address.postcode = said.postcode
    party.address.line_one = said.street
    party.address.city_name = said.city
    party.address.country_id = said.country


def _flat(lines: Sequence[Line]) -> list[tuple[Line, Part]]:
    return [(line, part) for line in lines for part in line.parts]


def _item(invoice: Invoice, nth: int, line: Line, part: Part) -> Any:
    """One session at one rate. Prices are never below 0 (BR-27): what is given back is a quantity below 0."""
    from drafthorse.models.tradelines import LineItem

    net = _sign(invoice) * part.net
    item: Any = LineItem()
    item.document.line_id = str(nth)
    item.product.name = line_words(line)
    item.product.description = line_details(line, invoice.said.zone)
    item.agreement.net.amount = _major(abs(net), invoice.currency)
    item.agreement.net.basis_quantity = (Decimal(1), "C62")
    item.delivery.billed_quantity = (Decimal(1 if net >= 0 else -1), "C62")
    item.settlement.trade_tax.type_code = "VAT"
    item.settlement.trade_tax.category_code = _category(part)
    item.settlement.trade_tax.rate_applicable_percent = part.rate or Decimal(0)
    item.settlement.monetary_summation.total_amount = _major(net, invoice.currency)
    return item


def _settlement(settlement: Any, invoice: Invoice, iban: str, drawn: str) -> None:
    from drafthorse.models.accounting import ApplicableTradeTax
    from drafthorse.models.payment import PaymentMeans, PaymentTerms

    said, sign = invoice.said, _sign(invoice)
    settlement.payment_reference = invoice.reference
    settlement.currency_code = invoice.currency
    means, terms = PaymentMeans(), PaymentTerms()
    if said.account.mandate:
        settlement.creditor_reference_id = said.seller.creditor_id
        means.type_code = DEBIT
        if drawn:
            means.payer_account.iban = drawn
        terms.debit_mandate_id = said.account.mandate
    else:
        means.type_code = TRANSFER
        means.payee_account.iban = iban
        means.payee_account.account_name = said.account.holder
    if invoice.kind is Kind.INVOICE and (iban or said.account.mandate):
        settlement.payment_means.add(means)
    for (category, rate), (net, vat) in _by_category(said.rates).items():
        tax: Any = ApplicableTradeTax()
        tax.calculated_amount = _major(sign * vat, invoice.currency)
        tax.basis_amount = _major(sign * net, invoice.currency)
        tax.type_code = "VAT"
        tax.category_code = category
        tax.rate_applicable_percent = rate
        if category == "E":
            tax.exemption_reason = _("Paid on your behalf, no part of what is taxed")
            tax.exemption_reason_code = ON_BEHALF
        settlement.trade_tax.add(tax)
    settlement.period.start = invoice.period_from
    settlement.period.end = invoice.period_to
    terms.due = invoice.due_on
    settlement.terms.add(terms)
    sums = settlement.monetary_summation
    sums.line_total = sums.tax_basis_total = _major(sign * invoice.net, invoice.currency)
    sums.tax_total = (_major(sign * invoice.vat, invoice.currency), invoice.currency)
    sums.grand_total = sums.due_amount = _major(sign * invoice.total, invoice.currency)
    if said.corrects:
        settlement.invoice_referenced_document.issuer_assigned_id = said.corrects
        settlement.invoice_referenced_document.issue_date_time = said.corrects_on


def _by_category(rates: Sequence[Part]) -> dict[tuple[str, Decimal], tuple[int, int]]:
    """Sums by category and rate: the countries of one rate stand together."""
    found: dict[tuple[str, Decimal], tuple[int, int]] = {}
    for part in rates:
        key = (_category(part), part.rate or Decimal(0))
        net, vat = found.get(key, (0, 0))
        found[key] = (net + part.net, vat + part.vat)
    return found


def _category(part: Part) -> str:
    """Standard rate, zero rate, or outside of it as what was paid on behalf (UNTDID 5305)."""
    return "E" if part.rate is None else "S" if part.rate else "Z"


def _sign(invoice: Invoice) -> int:
    """A credit note says what it gives back as amounts above 0."""
    return -1 if invoice.kind is Kind.CREDIT_NOTE else 1


def _major(amount: int, currency: str) -> Decimal:
    return Decimal(amount).scaleb(-minor_digits(currency))


def line_words(line: Line) -> str:
    """What a line is."""
    if line.kind == "home":
        return _("Charging at home")
    return _("Given back") if line.kind == "refund" else _("Charging session")


def line_details(line: Line, zone: str) -> str:
    """When, where, how much, for whom."""
    from zoneinfo import ZoneInfo

    day = (line.started_at or line.ended_at).astimezone(ZoneInfo(zone))
    energy = "" if line.energy_wh is None else f"{number(Decimal(line.energy_wh) / 1000, 3)} kWh"
    place = " ".join(filter(None, (line.site, line.station)))
    parts = (f"{date_of(day.date())} {day:%H:%M}", place, energy, line.driver, line.cost_centre, line.memo)
    return ", ".join(filter(None, parts))
