"""Payouts of a file of which somebody says that the bank booked them: nothing moves by that, and a statement, a report
or a return that comes later does what it would have done without."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from forecourt.payments.bank.model import Bank
from forecourt.payments.hosts import outcomes, service
from forecourt.payments.hosts.model import PayoutDayRefused, PayoutStands, PayoutUnknown
from forecourt.payments.hosts.payouts import Payouts
from forecourt.payments.hosts.store import payouts as kept
from forecourt.payments.hosts.store.payouts import PayoutRow
from forecourt.payments.ledger.entries import BANK
from forecourt.payments.reconcile.service import Reconciler
from forecourt.payments.reconcile.store import comparing
from tests.care.yard import Yard
from tests.http import an_actor
from tests.payments.hosts import SECRET, a_bank, a_host, a_rule, a_session, balance, rules
from tests.payments.test_reconcile import CAMT, a_line

MONDAY = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
TODAY = MONDAY.date()
WHY = "Seen in the bank's own pages"


async def some_payouts(yard: Yard, count: int = 1) -> list[PayoutRow]:
    yard.clock.set(MONDAY)
    await a_bank(yard)
    for number in range(count):
        site = yard.site()
        host = await a_host(yard, f"Host {number}")
        await rules(yard, host, site, a_rule(), yard.clock.now() - timedelta(days=9))
        await (await a_session(yard, yard.station(site_id=site))).follow(settled=True)
    assert await Payouts(yard.tenants, yard.clock, Bank(SECRET)).pay(yard.tenant_id, {}) == count
    return await listed(yard)


async def listed(yard: Yard, state: str | None = None) -> list[PayoutRow]:
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        return await kept.list_payouts(conn, yard.tenant_id, state=state, order="oldest", limit=9)


async def say(yard: Yard, row: PayoutRow, on: date = TODAY) -> PayoutRow:
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        return await service.booked(conn, an_actor(yard.tenant_id), row.payout_id, on, WHY, yard.clock.now())


async def unsay(yard: Yard, row: PayoutRow) -> PayoutRow:
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        return await service.not_booked(conn, an_actor(yard.tenant_id), row.payout_id, "Another payout")


async def read(yard: Yard, *lines: str) -> list[tuple[Any, ...]]:
    """What differs after a statement of these lines."""
    await Reconciler(yard.tenants, yard.clock).read_statement(yard.tenant_id, CAMT.format("".join(lines)).encode())
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        standing = await comparing.list_differences(conn, yard.tenant_id, order="oldest", limit=9)
    return sorted((each.kind, each.reference or each.about) for each in standing)


async def test_a_payout_is_said_to_be_booked_once_by_a_day_that_can_be_and_taken_back(yard: Yard) -> None:
    [made] = await some_payouts(yard)
    yard.clock.advance(86_400)
    assert made.stands == "sent"
    for wrong in (date(2026, 3, 1), date(2026, 3, 4)):
        with pytest.raises(PayoutDayRefused):
            await say(yard, made, wrong)
    for _ in range(2):
        assert ((await say(yard, made)).stands, await balance(yard, BANK)) == ("paid", -700)
    with pytest.raises(PayoutStands):
        await say(yard, made, date(2026, 3, 3))
    assert (len(await listed(yard, "paid")), len(await listed(yard, "sent"))) == (1, 0)
    assert (await unsay(yard, made)).stands == "sent"
    assert (len(await listed(yard, "paid")), len(await listed(yard, "sent"))) == (0, 1)
    with pytest.raises(PayoutStands):
        await unsay(yard, made)
    assert (await say(yard, made, date(2026, 3, 3))).said_booked_on == date(2026, 3, 3)
    audited = yard.rows(
        "SELECT actor, action, object, detail FROM audit WHERE tenant_id = %s AND action LIKE '%%booked'"
        " ORDER BY audit_id",
        yard.tenant_id,
    )
    who, about = str(an_actor(yard.tenant_id)), f"payout:{made.payout_id}"
    assert [(row["action"], row["detail"]) for row in audited] == [
        ("say payout booked", {"on": "2026-03-02", "reason": WHY}),
        ("take back payout booked", {"on": "2026-03-02", "reason": "Another payout"}),
        ("say payout booked", {"on": "2026-03-03", "reason": WHY}),
    ], "what is said again is no deed"
    assert {(row["actor"], row["object"]) for row in audited} == {(who, about)}
    with pytest.raises(PayoutUnknown):
        await say(yard, structs.replace(made, payout_id=2**31 - 1))


@pytest.mark.parametrize("by", ["reference", "file"])
async def test_a_statement_books_what_was_said_to_be_booked_once_and_finds_a_second_one(yard: Yard, by: str) -> None:
    first, second = await some_payouts(yard, 2)
    await say(yard, first)
    await say(yard, second)
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        [file] = await kept.list_files(conn, yard.tenant_id, limit=9)

    def lines(name: str, on: str) -> list[str]:
        if by == "file":
            return [a_line("14.00", name=f"{name}", text=f"SEPA {file.message}", on=on)]
        return [
            a_line("7.00", name=f"{name}{row.payout_id}", end=f"PAYOUT-{row.payout_id}", on=on)
            for row in (first, second)
        ]

    yard.clock.advance(86_400 * 3)
    assert await read(yard, *lines("a", "2026-03-03")) == []
    rows = await listed(yard)
    assert [(row.booked_on, row.stands) for row in rows] == [(date(2026, 3, 3), "paid")] * 2
    assert await balance(yard, BANK) == -1400, "the statement moves nothing that the file did not"
    for row in rows:
        with pytest.raises(PayoutStands):
            await unsay(yard, row)
    again = await read(yard, *lines("b", "2026-03-04"))
    assert {kind for kind, _ in again} == {"bank_twice"}
    assert len(again) == len(lines("b", ""))


async def test_what_somebody_says_was_booked_is_missing_at_no_bank_until_that_is_taken_back(yard: Yard) -> None:
    first, second = await some_payouts(yard, 2)
    await say(yard, first)
    yard.clock.advance(86_400 * 9)
    rent = a_line("3.00", name="z", text="Rent", on="2026-03-03")
    assert await read(yard, rent) == [("bank_missing", f"payout:{second.payout_id}"), ("bank_unknown", "z")]
    await unsay(yard, first)
    found = await Reconciler(yard.tenants, yard.clock).compare_bank(yard.tenant_id)
    assert [each.about for each in found if each.kind == "bank_missing"] == [
        f"payout:{row.payout_id}" for row in (first, second)
    ]


async def test_what_comes_back_after_it_was_said_to_be_booked_is_owed_again_and_is_taken_back_no_more(
    yard: Yard,
) -> None:
    first, second = await some_payouts(yard, 2)
    await say(yard, first)
    await say(yard, second)
    back = a_line("7.00", "CRDT", name="c", end=f"PAYOUT-{first.payout_id}", back="AC04", on="2026-03-03")
    await read(yard, back)
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        await outcomes.refused_by_bank(conn, yard.tenant_id, second.payout_id, "AC04", yard.clock.now())
        rows = [await kept.find_payout(conn, yard.tenant_id, row.payout_id) for row in (first, second)]
    assert [row and row.stands for row in rows] == ["bounced", "bounced"]
    assert [-await balance(yard, f"host_payable:{row.host_id}") for row in (first, second)] == [700, 700]
    for row in (first, second):
        with pytest.raises(PayoutStands):
            await unsay(yard, row)
        with pytest.raises(PayoutStands):
            await say(yard, row)
