"""The receipt by e-mail, and what becomes of money that goes back."""

from typing import Final

from msgspec import Struct

from forecourt.driver.receipt import lines_of
from forecourt.driver.store import Brand, Connection
from forecourt.driver.way import Way
from forecourt.driver.words import money
from forecourt.payments.intents.ahead import OVER
from forecourt.payments.intents.model import Call, Intent, Method, Purpose
from forecourt.payments.intents.outcomes import NOT_OWED
from forecourt.payments.intents.refunds import BY_HAND
from forecourt.platform import mail
from forecourt.platform.mail import Letter
from forecourt.platform.money import Money
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark

#: Why money goes back that nobody of the operator's wrote a reason for; the rest is told as they wrote it.
WHY: Final = {
    OVER: mark("Your session came to less than was taken before it was over."),
    NOT_OWED: mark("It was paid twice: nothing was owed any more."),
    BY_HAND: mark("The operator gave it back."),
}


async def write_receipt(conn: Connection, way: Way, email: str, address: str) -> None:
    """Writes the receipt of a payment to an address, in the language that is being spoken; sent by the worker."""
    head = _("Your receipt from %(name)s: %(amount)s") % {"name": way.brand.name, "amount": money(way.paid)}
    lines = [head, "", *(f"{what}: {amount}" for what, amount in lines_of(way)), ""]
    lines.append(f"{address}/charging/{way.intent.intent_id}")
    await mail.write(conn, way.tenant_id, Letter(recipient=email, subject=head, body="\n".join(lines)))


class Back(Struct, frozen=True, kw_only=True):
    """What goes back of a payment, or of what paid its session later: `method` is how that was paid, `left` what the
    receipt comes to then, in minor units."""

    intent: Intent
    call: Call
    method: Method
    amount: int
    left: int


async def write_refund(conn: Connection, brand: Brand, back: Back, address: str) -> None:
    """Writes to whoever paid how much goes back, why, and what the receipt comes to then, in the language that is being
    spoken."""
    intent, call = back.intent, back.call
    assert intent.email is not None, "somebody with an address"
    amount = money(Money(amount=back.amount, currency=intent.currency))
    subject = _("Your refund from %(name)s: %(amount)s") % {"name": brand.name, "amount": amount}
    where = (
        _("It is in your wallet now.")
        if back.method is Method.WALLET
        else _("It goes back to where it came from. Your bank may take some days to show it.")
    )
    lines = [subject, where]
    if call.said:
        lines.append(_("Reason: %(why)s") % {"why": _(WHY[call.said]) if call.said in WHY else call.said})
    lines += [_stays(back), *_receipt(intent, address)]
    await mail.write(conn, intent.tenant_id, Letter(recipient=intent.email, subject=subject, body="\n\n".join(lines)))


async def write_refund_failed(conn: Connection, brand: Brand, back: Back, address: str) -> None:
    """Writes to whoever was told of a refund that it came to nothing, in the language that is being spoken."""
    intent = back.intent
    assert intent.email is not None, "somebody with an address"
    amount = money(Money(amount=back.amount, currency=intent.currency))
    told = {"name": brand.name, "amount": amount}
    subject = _("Your refund from %(name)s did not arrive: %(amount)s") % told
    lines = [
        subject,
        _("Your bank sent it back, so we have that money again. Is the card or the account closed?"),
        _("Write to us how we can give it back to you."),
    ]
    ways = [each for each in (brand.help_email, brand.help_phone) if each]
    if ways:
        lines.append(", ".join(ways))
    lines += [_stays(back), *_receipt(intent, address)]
    await mail.write(conn, intent.tenant_id, Letter(recipient=intent.email, subject=subject, body="\n\n".join(lines)))


def _stays(back: Back) -> str:
    left = Money(amount=back.left, currency=back.intent.currency)
    return _("Your receipt now comes to %(amount)s.") % {"amount": money(left)}


def _receipt(intent: Intent, address: str) -> list[str]:
    shown = intent.purpose is Purpose.SESSION and intent.session_id is not None
    return [f"{address}/charging/{intent.intent_id}"] if shown else []
