"""Payouts by hand: listed when they are due, posted when somebody or the bank says that the money went."""

from datetime import UTC, date, datetime

import pytest

from forecourt.payments.bank.model import Bank
from forecourt.payments.hosts import outcomes
from forecourt.payments.hosts.model import PayoutDayRefused, PayoutStands
from forecourt.payments.hosts.payouts import Payouts
from forecourt.payments.hosts.store import payouts as kept
from forecourt.payments.hosts.store.hosts import HostRow
from forecourt.payments.hosts.store.payouts import PayoutRow
from forecourt.payments.ledger.entries import BANK, host_owed
from forecourt.payments.reconcile.service import Reconciler
from tests.care.yard import Yard
from tests.payments.francs import a_swiss, owe
from tests.payments.hosts import SECRET, balance
from tests.payments.test_reconcile import CAMT, a_line

MONDAY = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)


async def owed(yard: Yard, host: HostRow) -> int:
    return -await balance(yard, host_owed(host.host_id), "CHF")


async def pay(yard: Yard) -> list[PayoutRow]:
    assert await Payouts(yard.tenants, yard.clock, Bank(SECRET)).pay(yard.tenant_id, {}) == 0
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        return await kept.list_payouts(conn, yard.tenant_id, way="hand", order="oldest", limit=9)


async def say(yard: Yard, row: PayoutRow, on: date, reference: str = "e-banking 77") -> PayoutRow:
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        return await outcomes.paid_by_hand(conn, yard.tenant_id, row.payout_id, on, reference, yard.clock.now())


async def test_what_no_way_reaches_is_listed_once_and_posted_when_somebody_paid_it(yard: Yard) -> None:
    yard.clock.set(MONDAY)
    host = await a_swiss(yard)
    [listed] = await pay(yard)
    assert (listed.state, listed.amount, listed.currency, listed.execution_on) == ("asked", 4500, "CHF", MONDAY.date())
    assert (await owed(yard, host), await balance(yard, BANK, "CHF")) == (4500, 0), "nothing is posted yet"
    # What comes meanwhile is no part of it, and nothing else is listed until it is known what came of this one.
    await owe(yard, host, 700)
    yard.clock.advance(86_400)
    assert [row.payout_id for row in await pay(yard)] == [listed.payout_id]
    for wrong in (date(2026, 3, 1), date(2026, 3, 4)):
        with pytest.raises(PayoutDayRefused):
            await say(yard, listed, wrong)
    for _ in range(2):
        paid = await say(yard, listed, date(2026, 3, 2))
        assert (paid.state, paid.execution_on, paid.reference) == ("paid", date(2026, 3, 2), "e-banking 77")
        assert (await owed(yard, host), await balance(yard, BANK, "CHF")) == (700, -4500)
    with pytest.raises(PayoutStands):
        await say(yard, listed, date(2026, 3, 3))
    [line] = yard.rows("SELECT amount, memo, payout_id FROM host_lines WHERE host_id = %s AND amount < 0", host.host_id)
    assert line == {"amount": -4500, "memo": "e-banking 77", "payout_id": listed.payout_id}
    assert [(row.amount, row.state) for row in await pay(yard)] == [(4500, "paid"), (700, "asked")]


async def test_what_could_not_be_paid_is_owed_still_and_waits_until_somebody_looked(yard: Yard) -> None:
    yard.clock.set(MONDAY)
    host = await a_swiss(yard)
    [listed] = await pay(yard)
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        # At once, whatever accounts there are: nobody else can tell what came of it.
        ended = await outcomes.give_up(conn, yard.tenant_id, listed.payout_id, "Closed", yard.clock.now(), ["acme"])
    assert (ended.state, ended.reason, await owed(yard, host)) == ("refused", "Closed", 4500)
    with pytest.raises(PayoutStands):
        await say(yard, listed, MONDAY.date())
    yard.clock.advance(86_400)
    assert len(await pay(yard)) == 1
    yard.admin.execute("UPDATE hosts SET held_at = NULL WHERE host_id = %s", (host.host_id,))
    assert [row.state for row in await pay(yard)] == ["refused", "asked"]


def francs(*lines: str) -> bytes:
    return CAMT.format("".join(lines)).replace('Ccy="EUR"', 'Ccy="CHF"').encode()


async def test_the_banks_statement_books_what_was_paid_by_hand_and_says_so_where_nobody_did(yard: Yard) -> None:
    yard.clock.set(MONDAY)
    hosts = [await a_swiss(yard, name) for name in ("Ueli", "Vreni", "Wendel", "Xaver")]
    first, second, third, fourth = await pay(yard)
    await say(yard, first, MONDAY.date(), "Rent (March)+")
    await say(yard, third, MONDAY.date(), "Transfer 3")
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        await outcomes.give_up(conn, yard.tenant_id, fourth.payout_id, "Closed", yard.clock.now(), [])
    yard.clock.advance(86_400 * 2)
    statement = francs(
        a_line("45.00", name="a", text="TO UELI, RENT (MARCH)+"),
        a_line("45.00", name="b", end=f"PAYOUT-{second.payout_id}", on="2026-03-03"),
        a_line("45.00", "CRDT", name="c", end=f"PAYOUT-{second.payout_id}", back="AC04", on="2026-03-04"),
        # Of one that could not be paid, and of nobody's reference.
        a_line("45.00", name="d", end=f"PAYOUT-{fourth.payout_id}"),
        a_line("45.00", name="e", text="SOMETHING ELSE"),
        # A reference that goes on is another one.
        a_line("45.00", name="f", text="TRANSFER 30"),
    )
    nights = Reconciler(yard.tenants, yard.clock)
    for _ in range(2):
        taken = await nights.read_statement(yard.tenant_id, statement)
        assert (taken.lines, taken.matched) == (6, 3)
        rows = await pay(yard)
        assert [(row.state, row.booked_on) for row in rows[:4]] == [
            ("paid", date(2026, 3, 2)), ("bounced", date(2026, 3, 3)), ("paid", None), ("refused", None),
        ]  # fmt: skip
        assert (rows[1].reference, rows[1].execution_on) == (f"PAYOUT-{second.payout_id}", date(2026, 3, 3))
        assert [await owed(yard, host) for host in hosts] == [0, 4500, 0, 4500]
    yard.clock.advance(86_400 * 9)
    missing = [each.about for each in await nights.compare_bank(yard.tenant_id) if each.kind == "bank_missing"]
    assert missing == [f"payout:{third.payout_id}"]


async def test_nothing_by_hand_is_missing_where_no_statement_of_its_currency_is_read(yard: Yard) -> None:
    yard.clock.set(MONDAY)
    await a_swiss(yard)
    [listed] = await pay(yard)
    await say(yard, listed, MONDAY.date())
    nights = Reconciler(yard.tenants, yard.clock)
    await nights.read_statement(yard.tenant_id, CAMT.format(a_line("1.00", name="a")).encode())
    yard.clock.advance(86_400 * 9)
    assert [each.kind for each in await nights.compare_bank(yard.tenant_id)] == ["bank_unknown"]
