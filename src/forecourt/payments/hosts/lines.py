"""The one door by which anything is owed to a host: an entry of the ledger and its line, in one transaction."""

from forecourt.payments.hosts.store import Connection, lines
from forecourt.payments.hosts.store import hosts as store
from forecourt.payments.hosts.store.lines import About
from forecourt.payments.ledger.entries import host_owed
from forecourt.payments.ledger.model import Entry
from forecourt.payments.ledger.service import post


async def book(conn: Connection, tenant_id: int, host_id: int, entry: Entry, about: About) -> bool:
    """Posts an entry of a host with its line; whether it is new. The host is held until the transaction ends, so that
    no payout overlooks it."""
    if not entry.legs:
        return False
    await store.find_host(conn, tenant_id, host_id, lock=True)
    if not await post(conn, tenant_id, entry):
        return False
    owed = [leg for leg in entry.legs if leg.account == host_owed(host_id)]
    await lines.insert_line(
        conn, tenant_id, host_id, entry.key,
        currency=entry.legs[0].currency, amount=-sum(leg.amount for leg in owed), about=about,
    )  # fmt: skip
    return True
