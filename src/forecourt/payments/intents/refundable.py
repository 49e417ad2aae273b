"""What may go back of a payment."""

from forecourt.payments.disputes.store import list_disputes
from forecourt.payments.fleets.store.invoices import find_line_of_session
from forecourt.payments.intents.errors import (
    InvoicedAlready,
    NothingCaptured,
    PaidAtTerminal,
    PaymentDisputed,
    RefundTooHigh,
)
from forecourt.payments.intents.model import Call, Intent, Method, Purpose, left_to_refund
from forecourt.payments.intents.store import Connection
from forecourt.payments.ledger.store import sum_posted
from forecourt.payments.providers.book import Book


async def left_of(conn: Connection, intent: Intent, calls: list[Call], wallets: Book, amount: int | None) -> int:
    """What was captured less what went back, or is about to, in minor units. `calls`: those of the payment; `wallets`:
    those of its organisation; `amount`: so much is wanted. Raises NothingCaptured, InvoicedAlready,
    PaymentDisputed, RefundTooHigh."""
    if not intent.captured_amount:
        raise NothingCaptured
    await _check_uninvoiced(conn, intent)
    if intent.method is Method.TERMINAL:
        raise PaidAtTerminal
    if any(each.bars_refunds for each in await list_disputes(conn, intent.tenant_id, intent.intent_id)):
        raise PaymentDisputed
    # What was nobody's of it, and is posted to where it belongs, goes back once that is taken back.
    left = left_to_refund(intent, calls) - await sum_posted(conn, intent.tenant_id, str(intent.intent_id))
    return await _left_in_wallet(conn, intent, wallets, left, amount) if intent.purpose is Purpose.TOP_UP else left


async def _check_uninvoiced(conn: Connection, intent: Intent) -> None:
    """Raises InvoicedAlready for a session that stands on a fleet's invoice."""
    if intent.method is not Method.INVOICE or intent.session_id is None:
        return
    line = await find_line_of_session(conn, intent.tenant_id, intent.session_id)
    if line is not None and line.invoice_id is not None:
        raise InvoicedAlready


async def _left_in_wallet(conn: Connection, intent: Intent, wallets: Book, left: int, amount: int | None) -> int:
    """What of a top-up may go back: no more than is left in the wallet and not held. Raises RefundTooHigh."""
    assert intent.payer is not None, "somebody's wallet"
    room = await wallets.room_to_refund(conn, intent.payer, intent.currency)
    if room < left and (not room or (amount is not None and amount > room)):
        raise RefundTooHigh("That is more than is left in the wallet. Refund what is left, or less.", left=room)
    return min(left, room)
