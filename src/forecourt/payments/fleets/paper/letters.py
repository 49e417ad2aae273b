"""Letters to fleets: an invoice, a credit note, a reminder, with the document. In the fleet's language."""

from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from forecourt.payments.bank.reasons import CODE, meaning
from forecourt.payments.fleets.model import Invoice, Kind, Line
from forecourt.payments.fleets.store import Connection
from forecourt.payments.fleets.store.documents import insert_letter
from forecourt.payments.fleets.store.money import DebitRow, MandateRow
from forecourt.payments.ledger.words import money
from forecourt.platform import mail
from forecourt.platform.mail import Letter
from forecourt.ui.i18n import date_of
from forecourt.ui.i18n import gettext as _

#: From this level on a reminder says what follows.
LAST: Final = 3
#: Why a debit did not go through, as far as whose account it is can do something about it.
TO_PAYER: Final = frozenset({"AC01", "AC04", "AC06", "AG01", "AM04", "MD01", "MD06", "MS02"})


async def write_invoice(conn: Connection, tenant_id: int, invoice: Invoice, email: str, at: datetime) -> None:
    """The letter with an invoice or a credit note."""
    said = invoice.said
    about = {"number": invoice.number, "name": said.seller.name, "amount": money(abs(invoice.total), invoice.currency)}
    if invoice.kind is Kind.CREDIT_NOTE:
        subject = _("Credit note %(number)s from %(name)s") % about
        body = [_("Here is your credit note of %(amount)s.") % about]
    else:
        subject = _("Invoice %(number)s from %(name)s") % about
        body = [_("Here is your invoice of %(amount)s for charging.") % about, *_how(invoice)]
    await _write(conn, tenant_id, invoice, "invoice" if invoice.kind is Kind.INVOICE else "credit_note", 0, email,
                 subject, body, at)  # fmt: skip


async def write_reminder(
    conn: Connection, tenant_id: int, invoice: Invoice, level: int, held: bool, email: str, at: datetime, *,
    account: str = "",
) -> None:  # fmt: skip
    """The letter that says what is overdue; `held`: the fleet's drivers start nothing until it is paid. `account`:
    where to, as the invoice of who was to be drawn doesn't say it."""
    about = {
        "number": invoice.number, "name": invoice.said.seller.name, "day": date_of(invoice.due_on), "level": str(level),
        "amount": money(invoice.open_amount, invoice.currency), "reference": invoice.reference,
        "fees": money(invoice.fees, invoice.currency),
    }  # fmt: skip
    subject = (
        _("Reminder: invoice %(number)s from %(name)s") % about
        if level == 1
        else _("Reminder %(level)s: invoice %(number)s from %(name)s") % about
    )
    body = [_("Invoice %(number)s was due on %(day)s, and %(amount)s of it is open.") % about]
    if invoice.fees:
        body.append(_("Fees of reminders of %(fees)s are part of that.") % about)
    body.append(_("Please pay it now and say %(reference)s. If you have paid by now, there is nothing to do.") % about)
    if account:
        body.append(account)
    if held:
        body.append(_("Until it is paid, your drivers can't start to charge on your account."))
    elif level >= LAST:
        body.append(_("If it stays open, your drivers can't charge on your account any more."))
    await _write(conn, tenant_id, invoice, "reminder", level, email, subject, body, at)


async def write_returned(
    conn: Connection, tenant_id: int, invoice: Invoice, debit: DebitRow, stands: bool, email: str, at: datetime, *,
    account: str,
) -> None:  # fmt: skip
    """The letter that says that a debit came back, or came to nothing. `stands`: the mandate is still there; `account`:
    where to pay instead, as the invoice of who was to be drawn doesn't say it."""
    about = {
        "number": invoice.number, "name": invoice.said.seller.name, "day": date_of(debit.collection_on),
        "amount": money(debit.amount, invoice.currency), "reference": invoice.reference,
        "open": money(invoice.open_amount, invoice.currency),
    }  # fmt: skip
    subject = _("The direct debit for invoice %(number)s from %(name)s did not go through") % about
    body = [_("The direct debit of %(amount)s on %(day)s for invoice %(number)s did not go through.") % about]
    if debit.reason[:CODE] in TO_PAYER and (why := meaning(debit.reason)):
        body.append(_("Your bank says: %(why)s") % {"why": why})
    body.append(_("%(open)s is open again.") % about)
    body.append(_("Please pay it now and say %(reference)s. If you have paid by now, there is nothing to do.") % about)
    if account:
        body.append(account)
    if not stands:
        body.append(_("We can't draw from that account any more. Please give us a new mandate."))
    await _write(conn, tenant_id, invoice, "debit_returned", 0, email, subject, body, at)


async def write_drawn_again(
    conn: Connection, tenant_id: int, invoice: Invoice, mandate: MandateRow, creditor: str, day: date, email: str,
    at: datetime,
) -> None:  # fmt: skip
    """The letter before a debit is drawn again that came back, or came to nothing: how much, when, from where, and by
    which mandate and whom, as its fleet was told before the first one."""
    about = {
        "number": invoice.number, "name": invoice.said.seller.name, "day": date_of(day),
        "amount": money(invoice.open_amount, invoice.currency), "iban": mandate.iban_shown,
        "mandate": mandate.reference, "creditor": creditor,
    }  # fmt: skip
    subject = _("Invoice %(number)s from %(name)s is drawn again") % about
    body = [
        _("%(amount)s of invoice %(number)s is open, as its direct debit did not go through.") % about,
        _("We draw this on %(day)s from %(iban)s by direct debit, mandate %(mandate)s, creditor id %(creditor)s.")
        % about,
        _("If you have paid by now, tell us before that day, so that nothing is drawn twice."),
    ]
    await _write(conn, tenant_id, invoice, "debit_again", 0, email, subject, body, at)


async def write_over_limit(
    conn: Connection, tenant_id: int, fleet: str, line: Line, zone: ZoneInfo, email: str
) -> None:
    """The letter about a session that was delivered beyond the limits of a fleet, or of its driver."""
    about = {
        "fleet": fleet, "driver": line.driver or "-", "amount": money(line.amount, line.currency),
        "place": " · ".join(each for each in (line.site, line.station) if each) or "-",
        "day": date_of((line.started_at or line.ended_at).astimezone(zone).date()),
    }  # fmt: skip
    subject = _("%(fleet)s: a session above its limit") % about
    body = [
        _("%(driver)s charged at %(place)s on %(day)s for %(amount)s, which is above what was agreed on.") % about,
        _("The energy was delivered before this could be seen, so it will be on the next invoice."),
    ]
    await mail.write(conn, tenant_id, Letter(recipient=email, subject=subject, body="\n\n".join(body)))


def _how(invoice: Invoice) -> list[str]:
    """How it is paid."""
    account, open_ = invoice.said.account, money(invoice.open_amount, invoice.currency)
    if invoice.open_amount <= 0:
        return [_("What you had left over with us settles it: there is nothing to pay.")]
    left = []
    if invoice.open_amount < invoice.total:
        left = [_("What you had left over with us settles a part of it, and %(amount)s is open.") % {"amount": open_}]
    if account.mandate and account.on is not None:
        about = {"day": date_of(account.on), "mandate": account.mandate, "amount": open_}
        return [*left, _("We draw %(amount)s on %(day)s by direct debit, mandate %(mandate)s.") % about]
    about = {"day": date_of(invoice.due_on), "reference": invoice.reference}
    return [*left, _("Please pay until %(day)s and say %(reference)s.") % about]


async def _write(
    conn: Connection, tenant_id: int, invoice: Invoice, kind: str, level: int, email: str, subject: str,
    body: list[str], at: datetime,
) -> None:  # fmt: skip
    lines = [*body, _("The document is attached."), invoice.said.seller.name]
    letter = Letter(recipient=email, subject=subject, body="\n\n".join(lines))
    letter_id = await mail.write(conn, tenant_id, letter)
    await insert_letter(conn, tenant_id, letter_id, invoice.invoice_id, kind, level, email, at)
