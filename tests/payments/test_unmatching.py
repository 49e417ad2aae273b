"""What a line of the bank was taken for is taken back: payouts and direct debits, one or a file of them, wait for the
bank again, what was posted stands beside its own against it, and the line belongs to nothing."""

from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest
import pytest_asyncio

from forecourt.payments.fleets.errors import DebitBackSince
from forecourt.payments.ledger.entries import BANK
from forecourt.payments.reconcile.model import BankLineStays, PayoutBackSince
from forecourt.payments.reconcile.service import Reconciler
from tests.care.yard import Yard
from tests.ground import Ground
from tests.http import an_actor
from tests.payments.depot import FIRST_OF_APRIL, Depot, a_depot, booked
from tests.payments.hosts import balance
from tests.payments.test_bank_reports import a_part, a_payment, a_report, debits, drawn, said
from tests.payments.test_reconcile import a_line
from tests.payments.test_said_booked import listed, read, say, some_payouts
from tests.sandbox import Sandbox
from tests.support import FakeClock

DAY = date(2026, 4, 15)


@pytest_asyncio.fixture
async def depot(ground: Ground, clock: FakeClock, box: Sandbox) -> AsyncIterator[Depot]:
    async with a_depot(ground, clock, box, at=FIRST_OF_APRIL) as made:
        yield made


async def unmatch(yard: Yard, name: str) -> str | None:
    [line] = yard.rows("SELECT line_id FROM bank_lines WHERE tenant_id = %s AND reference = %s", yard.tenant_id, name)
    nights = Reconciler(yard.tenants, yard.clock)
    return (await nights.unmatch(an_actor(yard.tenant_id), line["line_id"], "another payout")).matched_by


async def test_payouts_wait_in_their_file_again_once_nobody_says_that_a_line_was_theirs(yard: Yard) -> None:
    first, second, third = await some_payouts(yard, 3)
    await say(yard, third)
    yard.clock.advance(86_400 * 9)
    alone = a_line("7.00", name="a", end=f"PAYOUT-{first.payout_id}", on="2026-03-02")
    assert await read(yard, alone) == [("bank_missing", f"payout:{second.payout_id}")]
    # A file of the same sum on the same day, that another program gave to the bank, is taken for ours.
    assert await read(yard, a_line("21.00", name="b", text="SEPA CREDIT TRANSFER", on="2026-03-03")) == []
    days = [date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 3)]
    assert [row.booked_on for row in await listed(yard)] == days
    assert await unmatch(yard, "b") is None
    rows = await listed(yard)
    assert [row.booked_on for row in rows] == [days[0], None, None], "the first has a line of its own"
    assert [row.stands for row in rows] == ["paid", "sent", "paid"], "what somebody said by hand counts again"
    assert await read(yard) == [("bank_missing", f"payout:{second.payout_id}"), ("bank_unknown", "b")]
    assert await unmatch(yard, "a") is None
    # Whatever it names, nobody but a person takes it for something again, and it is no second payment.
    assert await read(yard, alone) == [
        ("bank_missing", f"payout:{first.payout_id}"), ("bank_missing", f"payout:{second.payout_id}"),
        ("bank_unknown", "a"), ("bank_unknown", "b"),
    ]  # fmt: skip
    for row in (first, second):
        right = a_line("7.00", name=f"c{row.payout_id}", end=f"PAYOUT-{row.payout_id}", on="2026-03-04")
        await read(yard, right)
    assert await read(yard) == [("bank_unknown", "a"), ("bank_unknown", "b")]
    assert await balance(yard, BANK) == -2100, "nothing of all that moved money"
    # What comes back of the first is of the first, and not of the line that was not it.
    back = a_line("7.00", "CRDT", name="d", end=f"PAYOUT-{first.payout_id}", back="AC04", on="2026-03-05")
    assert await read(yard, back) == [("bank_unknown", "a"), ("bank_unknown", "b")]
    assert [row.stands for row in await listed(yard)] == ["bounced", "paid", "paid"]
    with pytest.raises(BankLineStays):
        await unmatch(yard, "d")
    # What came back was booked: else the bank would be asked for it every night, and nobody could say anything.
    with pytest.raises(PayoutBackSince):
        await unmatch(yard, f"c{first.payout_id}")
    assert [row.booked_on for row in await listed(yard)] == [date(2026, 3, 4), date(2026, 3, 4), None]
    assert await read(yard) == [("bank_unknown", "a"), ("bank_unknown", "b")]


@pytest.mark.parametrize("by", ["reference", "file"])
async def test_what_was_booked_before_payouts_knew_their_lines_waits_again_too(yard: Yard, by: str) -> None:
    first, second = await some_payouts(yard, 2)
    if by == "file":
        line, booked = a_line("14.00", name="a", text="SEPA CREDIT TRANSFER", on="2026-03-03"), [first, second]
    else:
        line, booked = a_line("7.00", name="a", end=f"PAYOUT-{first.payout_id}", on="2026-03-03"), [first]
    await read(yard, line)
    # As a process of before writes it, while this one runs already.
    yard.rows("UPDATE payouts SET booked_line = NULL WHERE tenant_id = %s RETURNING 1", yard.tenant_id)
    assert sum(row.booked_on is not None for row in await listed(yard)) == len(booked)
    assert await unmatch(yard, "a") is None
    assert [row.stands for row in await listed(yard)] == ["sent", "sent"]


async def lines(depot: Depot) -> list[int]:
    rows = depot.till.rows("SELECT line_id FROM bank_lines WHERE tenant_id = %s ORDER BY line_id", depot.tenant_id)
    return [row["line_id"] for row in rows]


async def stands(depot: Depot) -> tuple[list[str], list[int], int]:
    """Of debits their states, of invoices what is open, and what came to the bank; and that all agree."""
    found = [each.open_amount for each in await depot.invoices()]
    return [each["state"] for each in await debits(depot)], found, depot.till.balances().get("bank", 0)


@pytest.mark.parametrize("by", ["reference", "file"])
async def test_debits_are_being_drawn_again_and_booked_by_the_right_line_once(depot: Depot, by: str) -> None:
    names = ("Buses", "Trucks") if by == "file" else ("Buses",)
    file = await drawn(depot, *names)
    count = len(names)
    end = f"DEBIT-{(await debits(depot))[0]['debit_id']}"

    def a_booking(on: date) -> str:
        return booked("11.90", on, text=f"SAMMLER {file}") if by == "file" else booked("5.95", on, end_to_end=end)

    wrong = a_booking(DAY)
    assert await depot.read(wrong) == (1, 0)
    paid = (["paid"] * count, [0] * count, 595 * count)
    assert await stands(depot) == paid
    [line] = await lines(depot)
    assert (await depot.reconciler.unmatch(depot.till.actor, line, "not ours")).matched_by is None
    assert await stands(depot) == (["asked"] * count, [595] * count, 0)
    assert await depot.read(wrong) == (0, 1), "the same line is matched by nobody but a person"
    # Another one is, once.
    assert await depot.read(a_booking(DAY + timedelta(days=1))) == (1, 0)
    assert await stands(depot) == paid
    keys = depot.till.rows(
        "SELECT key FROM journal WHERE tenant_id = %s AND key LIKE 'fleet_paid:%%'", depot.tenant_id
    )  # fmt: skip
    assert len(keys) == count * 3
    assert sum(row["key"].endswith(":back") for row in keys) == count
    # And comes back like any other: what it settled is open, once.
    assert await depot.read(booked("5.95", DAY, end_to_end=end, reason="MS03", debit=True)) == (1, 0)
    assert await stands(depot) == (["returned", *["paid"] * (count - 1)], [595, *[0] * (count - 1)], 595 * (count - 1))
    with pytest.raises(DebitBackSince):
        await depot.reconciler.unmatch(depot.till.actor, (await lines(depot))[1], "not ours either")
    with pytest.raises(BankLineStays):
        await depot.reconciler.unmatch(depot.till.actor, (await lines(depot))[2], "it did not come back")


async def test_a_debit_whose_invoice_is_drawn_anew_came_to_nothing(depot: Depot) -> None:
    await drawn(depot, "Buses")
    [first] = await debits(depot)
    await depot.read(booked("5.95", DAY, end_to_end=f"DEBIT-{first['debit_id']}"))
    [line] = await lines(depot)
    depot.till.rows(
        "INSERT INTO fleet_debits (tenant_id, invoice_id, mandate_id, amount, sequence, collection_on, state, made_at)"
        " SELECT tenant_id, invoice_id, mandate_id, amount, 'RCUR', collection_on, 'asked', made_at FROM fleet_debits"
        " WHERE tenant_id = %s RETURNING debit_id",
        depot.tenant_id,
    )
    await depot.reconciler.unmatch(depot.till.actor, line, "of another creditor")
    assert await stands(depot) == (["returned", "asked"], [595], 0)
    assert (await debits(depot))[0]["reason"] == "of another creditor"


@pytest.mark.parametrize("by", ["reference", "file"])
async def test_a_debit_that_the_bank_had_refused_came_to_nothing_again(depot: Depot, by: str) -> None:
    file = await drawn(depot, "Buses")
    end = f"DEBIT-{(await debits(depot))[0]['debit_id']}"
    await said(depot, a_report(file, a_part(a_payment(end, "RJCT", "AC04", amount="5.95"))))
    assert [await depot.jobs.tell_returned(depot.tenant_id) for _ in range(2)] == [1, 0]

    def a_booking(on: date) -> str:
        if by == "file":
            return booked("5.95", on, text=f"SAMMLER {file}")
        return booked("5.95", on, end_to_end=end)

    # The bank books it all the same, and the line was another's.
    assert await depot.read(a_booking(DAY)) == (1, 0)
    assert await stands(depot) == (["paid"], [0], 595)
    [line] = await lines(depot)
    await depot.reconciler.unmatch(depot.till.actor, line, "not ours")
    assert await stands(depot) == (["returned"], [595], 0)
    assert (await debits(depot))[0]["reason"] == "AC04", "as before, and nobody waits for it"
    assert [each.asked for each in await depot.invoices()] == [False]
    assert await depot.jobs.tell_returned(depot.tenant_id) == 0, "they were told"
    # It may be booked still; that it comes back then is news.
    assert await depot.read(a_booking(DAY + timedelta(days=1))) == (1, 0)
    assert await stands(depot) == (["paid"], [0], 595)
    assert await depot.read(booked("5.95", DAY, end_to_end=end, reason="MS03", debit=True)) == (1, 0)
    assert await stands(depot) == (["returned"], [595], 0)
    assert [await depot.jobs.tell_returned(depot.tenant_id) for _ in range(2)] == [1, 0]
