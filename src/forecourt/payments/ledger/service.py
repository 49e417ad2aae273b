"""The one door by which anything is written to the ledger."""

from collections import Counter

from forecourt.payments.ledger import store
from forecourt.payments.ledger.model import Entry, EntryDiffers, check
from forecourt.payments.ledger.store import Connection


async def post(connection: Connection, tenant_id: int, entry: Entry) -> bool:
    """Writes an entry in the caller's transaction, which acts for that tenant; whether it is new.

    Posting the same again changes nothing. One without legs is none, and nothing is written. Raises Unbalanced, and
    EntryDiffers where something else was posted under the key.
    """
    if not entry.legs:
        return False
    check(entry)
    if await store.insert_entry(connection, tenant_id, entry):
        return True
    there = await store.find_by_key(connection, tenant_id, entry.key)
    assert there is not None
    legs = await store.legs_of(connection, tenant_id, there.entry_id)
    if there.kind != entry.kind or Counter(map(str, legs)) != Counter(map(str, entry.legs)):
        raise EntryDiffers(f"Entry {entry.key} was posted before with other amounts. Nothing was written.")
    return False
