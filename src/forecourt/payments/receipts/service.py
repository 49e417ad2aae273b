"""The verbs of receipts' numbers, each in the transaction in which the entry is posted."""

from datetime import datetime
from uuid import UUID

from forecourt.payments.receipts import store
from forecourt.payments.receipts.model import CLOCKS, Series, name_of, year_of
from forecourt.payments.receipts.store import Connection


async def number(
    conn: Connection, tenant_id: int, series: Series, country: str, *, payment: UUID, entry: str, at: datetime
) -> None:  # fmt: skip
    """Gives the next number of a country's series to what an entry posted, once. Nothing where the country asks for
    none. Others who want one of the same series wait until the transaction ends: post first, and hold nothing that
    somebody who holds a number may want."""
    if country not in CLOCKS or await store.find(conn, tenant_id, entry) is not None:
        return
    year = year_of(country, at)
    serial = await store.next_serial(conn, tenant_id, country, series, year)
    await store.insert(
        conn, tenant_id, entry=entry, payment=payment, country=country, series=series, year=year, serial=serial,
        number=name_of(series, country, year, serial), at=at,
    )  # fmt: skip


async def number_again(conn: Connection, tenant_id: int, of: str, *, payment: UUID, entry: str, at: datetime) -> None:
    """Gives a correction's number to the entry that takes back what another posted, where that one has one."""
    country = await store.find(conn, tenant_id, of)
    if country is not None:
        await number(conn, tenant_id, Series.CORRECTION, country, payment=payment, entry=entry, at=at)
