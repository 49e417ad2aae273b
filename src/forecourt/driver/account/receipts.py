"""The receipt of a month of a membership."""

from collections.abc import Iterator

from forecourt.driver.receipt import name_of, number_words, paper
from forecourt.driver.store import Brand
from forecourt.driver.words import card_name, day, money
from forecourt.payments.fees.model import Fee
from forecourt.payments.intents.model import Intent, Method
from forecourt.payments.ledger.billed import of_fee
from forecourt.payments.receipts.model import Numbered
from forecourt.platform.money import Money
from forecourt.ui.i18n import gettext as _


def month_pdf(fee: Fee, intent: Intent, numbered: Numbered, brand: Brand, address: str, zone: str) -> bytes:
    """The receipt as a PDF of one page, in the language that is being spoken. `zone`: by whose clock its days are."""
    facts, lines = list(_facts(fee, intent, numbered, brand, zone)), list(_lines(fee, intent))
    return paper(brand, f"{_('Receipt')} {name_of(intent, numbered)}", facts, lines, address)


def _facts(
    fee: Fee, intent: Intent, numbered: Numbered, brand: Brand, zone: str
) -> Iterator[tuple[str, str]]:  # fmt: skip
    yield _("Receipt"), name_of(intent, numbered)
    if numbered.corrections:
        yield _("Corrected by"), ", ".join(numbered.corrections)
    yield _("Seller"), brand.name
    yield _("Membership"), fee.title
    yield _("From"), day(fee.from_at, zone)
    yield _("Until"), day(fee.until_at, zone)
    yield _("Paid on"), day(intent.updated_at, zone)
    if intent.method is Method.WALLET:
        yield _("Pay by"), _("Wallet")
    elif intent.card is not None:
        yield _("Card"), card_name(intent.card)


def _lines(fee: Fee, intent: Intent) -> Iterator[tuple[str, str]]:
    """What was paid, and the VAT within it as the books have it."""
    yield fee.title, money(Money(amount=fee.amount, currency=fee.currency))
    yield _("Paid"), money(Money(amount=intent.captured_amount, currency=fee.currency))
    net = of_fee(fee.amount, fee.currency, fee.vat, fee.country).lines[0].amount
    if fee.vat is not None and fee.amount - net:
        words = _("of which VAT %(percent)s") % {"percent": f"{number_words(fee.vat)} %"}
        yield words, money(Money(amount=fee.amount - net, currency=fee.currency))
    if intent.refunded_amount:
        yield _("Refunded"), money(Money(amount=intent.refunded_amount, currency=fee.currency))
