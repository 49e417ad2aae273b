"""Hosts who are owed francs, whom neither a file for the bank nor a provider pays."""

from uuid import uuid4

from forecourt.payments.hosts.entries import expense
from forecourt.payments.hosts.lines import book
from forecourt.payments.hosts.store.hosts import HostRow
from forecourt.payments.hosts.store.lines import About
from forecourt.payments.ledger.entries import host_owed
from tests.care.yard import Yard
from tests.payments.hosts import a_host


async def a_swiss(yard: Yard, name: str = "Ueli", amount: int = 4500) -> HostRow:
    """A host who is owed francs, whom no provider pays."""
    host = await a_host(yard, name)
    await owe(yard, host, amount)
    return host


async def owe(yard: Yard, host: HostRow, amount: int) -> None:
    entry = expense(
        expense=str(uuid4()), kind="rent", at=yard.clock.now(), currency="CHF",
        amount=amount, against=host_owed(host.host_id),
    )  # fmt: skip
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        assert await book(conn, yard.tenant_id, host.host_id, entry, About())
