"""What of a driver's debts their wallet can pay."""

from collections.abc import Sequence

from forecourt.payments.intents.model import Intent
from forecourt.payments.intents.store import Connection
from forecourt.payments.providers.book import Book
from forecourt.platform.money import Money


async def payable(conn: Connection, wallets: Book, payer: str, owed: Sequence[Intent]) -> Money | None:
    """What is owed and can be paid from the payer's wallet at once, whole or in part: in the currency of the oldest
    debt for which there is money. None: there is none for any. `wallets`: those of the organisation; `owed`: the
    payer's debts, the oldest first."""
    for currency in dict.fromkeys(each.currency for each in owed):
        due = sum(each.owed_amount for each in owed if each.currency == currency)
        amount = min(due, await wallets.room(conn, payer, currency))
        if amount > 0:
            return Money(amount=amount, currency=currency)
    return None
