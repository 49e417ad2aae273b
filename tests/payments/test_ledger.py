"""The ledger: every entry balances, is written once and never changed, and comes to the bill to the cent."""

import asyncio
import sys
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecourt.payments.hosts import entries as host_entries
from forecourt.payments.ledger import entries, service, store
from forecourt.payments.ledger.billed import Billed, Line, of_quote
from forecourt.payments.ledger.model import Entry, EntryDiffers, Kind, Leg, Unbalanced, check, sums
from forecourt.platform.money import minor_digits
from forecourt.pricing.bill import Bill
from forecourt.pricing.engine import Pricer
from forecourt.pricing.model import Dimension, Discount, Segment, SegmentKind
from forecourt.pricing.shown import shown
from tests.care.yard import Yard
from tests.conftest import Database
from tests.payments.bills import START, a_bill, a_tariff, billed
from tests.payments.poster import COMMITTED
from tests.support import WAIT_S

DIMENSIONS = ("ENERGY", "TIME", "PARKING_TIME", "FLAT")
prices = st.tuples(
    st.sampled_from(DIMENSIONS),
    st.decimals(min_value=0, max_value=5, places=3).map(str),
    st.sampled_from(["0", "7", "19", "5.5", None]),
)
tariffs = st.builds(
    lambda parts, currency, most, included: a_tariff(*parts, currency=currency, most=most, included=included),
    st.lists(prices, min_size=1, max_size=4),
    st.sampled_from(["EUR", "JPY", "KWD"]),
    st.sampled_from([None, "3", "0.01"]),
    st.booleans(),
)
bills = st.builds(
    a_bill,
    tariffs,
    energy_wh=st.integers(0, 80_000),
    seconds=st.integers(1, 20_000),
    parked_s=st.sampled_from([0, 1234]),
)


@given(bills)
def test_what_is_posted_of_a_bill_is_the_bill_to_the_cent(bill: Bill) -> None:
    there, paid = billed(bill, "DE"), bill.rounded()
    assert there.total == sum(rate.incl_vat for rate in paid)
    revenue = {line.account: line.amount for line in there.lines if line.account.startswith("revenue:")}
    assert sum(revenue.values()) == sum(rate.excl_vat for rate in paid)
    taxes: dict[str, int] = {}
    for rate in paid:
        if rate.vat is not None and rate.incl_vat != rate.excl_vat:
            taxes[f"vat_payable:DE:{rate.vat.normalize():f}"] = rate.incl_vat - rate.excl_vat
    assert {line.account: line.amount for line in there.lines if line.account.startswith("vat_")} == taxes
    if bill.tariff.max_price is None:
        # What each thing was billed at lies within one minor unit a rate of what it exactly cost.
        unit = 10 ** minor_digits(bill.tariff.currency)
        names = {"ENERGY": "energy", "TIME": "time", "PARKING_TIME": "idle", "FLAT": "flat"}
        for dimension, name in names.items():
            exact = sum((fee.excl_vat for fee in bill.fees if fee.component.type == dimension), Fraction(0)) * unit
            assert abs(revenue.get(f"revenue:{name}", 0) - exact) <= 2 * len(paid)


@given(bills, st.data())
def test_parts_of_a_bill_are_together_the_whole(bill: Bill, data: st.DataObject) -> None:
    whole = billed(bill, "DE")
    taken: list[int] = []
    parts: list[Billed] = []
    while sum(taken) < whole.total:
        rest = whole.total - sum(taken)
        amount = rest if len(taken) == 4 else data.draw(st.integers(1, rest))
        parts.append(whole.part(amount, taken))
        assert parts[-1].total == amount
        assert all(line.amount > 0 for line in parts[-1].lines)
        taken.append(amount)
    together: dict[str, int] = {}
    for part in parts:
        for line in part.lines:
            together[line.account] = together.get(line.account, 0) + line.amount
    assert together == {line.account: line.amount for line in whole.lines}
    of = Counter[str]()
    for part in parts:
        assert part.nets is not None
        assert sum(part.nets.values()) <= sum(line.amount for line in part.lines if line.account.startswith("revenue:"))
        of.update(part.nets)
    assert dict(of) == whole.nets


def half_up(exact: Fraction) -> int:
    return (exact + Fraction(1, 2)).__floor__()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 3_000), st.sampled_from(["19", "5.5", "25"]), st.integers(-1, 1), st.data())
def test_the_vat_of_what_was_taken_is_within_it_by_the_rate_and_stays_so_however_small_the_parts(
    net: int, percent: str, odd: int, data: st.DataObject
) -> None:
    rate, name = Fraction(percent) / 100, f"vat_payable:DE:{percent}"
    vat = max(half_up(net * rate) + odd, 1)
    energy = data.draw(st.integers(0, net))
    lines = [("revenue:energy", energy), (name, vat), ("revenue:idle", net - energy)]
    whole = Billed(
        currency="EUR", nets={name: net},
        lines=tuple(Line(account=account, amount=amount) for account, amount in lines if amount),
    )  # fmt: skip
    size, taken, tax = data.draw(st.integers(1, 7)), list[int](), 0
    while sum(taken) + size + 2 < min(whole.total, 120):
        part = whole.part(size, taken)
        taken.append(size)
        tax += sum(amount for _, amount in part.vat)
        within = half_up(sum(taken) * rate / (1 + rate))
        assert tax == min(within, vat)
        assert whole.within(sum(taken)).vat in ([(Decimal(percent), tax)], [])
    rest = whole.part(whole.total - sum(taken), taken)
    assert tax + sum(amount for _, amount in rest.vat) == vat


def a_story(data: st.DataObject, number: int) -> list[Entry]:
    """What happens to the money of one session, as far as it happens."""
    session, intent, at = uuid4(), f"i{number}", START + timedelta(minutes=number)
    whole = billed(data.draw(bills), "DE")
    currency, amount = whole.currency, whole.total
    captured = data.draw(st.integers(0, amount))
    about: dict[str, Any] = {"intent": intent, "at": at, "currency": currency}
    card: dict[str, Any] = {"account": "acme", **about}
    told = [
        data.draw(
            st.sampled_from(
                [
                    entries.capture(
                        intent=intent, session_id=session, at=at, account="acme", billed=whole, captured=captured
                    ),
                    entries.wallet_use(
                        intent=intent, session_id=session, at=at, driver="ada", billed=whole, used=captured
                    ),
                    entries.owed(intent=intent, session_id=session, at=at, billed=whole),
                    entries.fleet_session(intent=intent, session_id=session, at=at, fleet="fleet", billed=whole),
                ]
            )
        )
    ]
    share = data.draw(st.integers(0, amount))
    back = data.draw(st.integers(0, amount))
    told += [
        entries.fee(movement=f"f{number}", account="acme", at=at, currency=currency, amount=share - back),
        entries.debt_paid(
            intent=intent, payment=f"d{number}", amount=back, at=at, currency=currency,
            source=data.draw(st.sampled_from([entries.psp("acme"), entries.wallet("ada")])),
        ),
        entries.write_off(amount=amount - captured, **about),
        entries.refund(
            refund=f"r{number}", intent=intent, session_id=session, at=at, source="wallet:ada", part=whole.part(back)
        ),
        entries.dispute_opened(dispute=f"p{number}", amount=captured, **card),
        entries.dispute_won(dispute=f"p{number}", amount=captured, **card),
        entries.dispute_lost(dispute=f"p{number}", amount=captured, **about),
        entries.top_up(payment=f"t{number}", account="acme", driver="ada", at=at, currency=currency, amount=amount),
        entries.settlement(movement=f"m{number}", account="acme", at=at, currency=currency, amount=captured - back),
        entries.fleet_paid(movement=f"b{number}", fleet="fleet", at=at, currency=currency, amount=amount),
        host_entries.share(
            session_id=session, host=1, at=at, currency=currency, share=share, vat=back, platform_fee=captured,
            vat_account="vat_receivable:DE:19",
        ),
        host_entries.share_back(cause=f"refund:{number}", session_id=session, host=1, at=at, currency=currency,
                                share=share),
        host_entries.payout(payout=f"o{number}", host=1, at=at, currency=currency, amount=share),
        host_entries.payout_bounced(payout=f"o{number}", host=1, at=at, currency=currency, amount=share),
        host_entries.host_fee(host=1, month=f"m{number}", at=at, currency=currency, amount=back),
        host_entries.expense(
            expense=f"e{number}", kind="energy", at=at, currency=currency, amount=-share, against="host_payable:1"
        ),
    ]  # fmt: skip
    return told


@given(st.data())
def test_whatever_happens_to_money_every_entry_balances(data: st.DataObject) -> None:
    for entry in a_story(data, 1):
        if entry.legs:
            check(entry)
            assert set(sums(entry.legs).values()) == {0}
            assert all(leg.amount for leg in entry.legs)


def a_top_up(number: int | str, amount: int = 1000) -> Entry:
    return entries.top_up(payment=str(number), at=START, account="acme", driver="ada", currency="EUR", amount=amount)


async def test_any_order_of_entries_leaves_the_books_balanced_and_right(yard: Yard) -> None:
    told: list[Entry] = []

    @settings(max_examples=20)
    @given(st.data())
    def collect(data: st.DataObject) -> None:
        told.extend(data.draw(st.permutations(a_story(data, len(told)))))

    collect()
    expected: dict[tuple[str, str], int] = {}
    for entry in told:
        for leg in entry.legs:
            expected[leg.account, leg.currency] = expected.get((leg.account, leg.currency), 0) + leg.amount
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        new = [await service.post(conn, yard.tenant_id, entry) for entry in told]
        assert new == [bool(entry.legs) for entry in told]
        again = [await service.post(conn, yard.tenant_id, entry) for entry in told[:50]]
        assert not any(again)
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        rows = await store.list_balances(conn, yard.tenant_id)
    assert {(row.account, row.currency): row.balance for row in rows} == expected
    for currency in {row.currency for row in rows}:
        assert sum(row.balance for row in rows if row.currency == currency) == 0


async def test_a_key_is_posted_once_and_means_one_thing(yard: Yard) -> None:
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        assert await service.post(conn, yard.tenant_id, a_top_up(1))
        assert not await service.post(conn, yard.tenant_id, a_top_up(1))
        with pytest.raises(EntryDiffers):
            await service.post(conn, yard.tenant_id, a_top_up(1, amount=999))
    other = yard.organisation()
    async with yard.tenants.tenant(other) as conn:
        assert await service.post(conn, other, a_top_up(1))

    async def posted() -> bool:
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            return await service.post(conn, yard.tenant_id, a_top_up(2))

    assert sorted(await asyncio.gather(posted(), posted(), posted())) == [False, False, True]
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        assert await store.balance_of(conn, yard.tenant_id, "wallet:ada", "EUR") == -2000


@pytest.mark.parametrize(
    "legs",
    [
        [("bank", "EUR", 100), ("psp_fees", "EUR", -99)],
        [("bank", "EUR", 100), ("psp_fees", "CHF", -100)],
        [("bank", "EUR", 100)],
        [],
    ],
)
async def test_an_entry_that_does_not_balance_is_refused_by_the_program_and_by_the_database(
    yard: Yard, legs: list[tuple[str, str, int]]
) -> None:
    entry = Entry(
        key=f"k{legs}", kind=Kind.FEE, at=START,
        legs=tuple(Leg(account=name, currency=currency, amount=amount) for name, currency, amount in legs),
    )  # fmt: skip
    with pytest.raises(Unbalanced):
        check(entry)
    with pytest.raises(psycopg.errors.CheckViolation):
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            await store.insert_entry(conn, yard.tenant_id, entry)
    assert yard.rows("SELECT 1 FROM journal WHERE tenant_id = %s", yard.tenant_id) == []


async def test_no_leg_is_added_to_an_entry_that_stands(yard: Yard) -> None:
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        await service.post(conn, yard.tenant_id, a_top_up(1))
        found = await store.find_by_key(conn, yard.tenant_id, "topup:1")
    assert found is not None
    with pytest.raises(psycopg.errors.CheckViolation, match="was to have 2"):
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            await conn.execute(
                "INSERT INTO postings SELECT entry_id, leg + 2, tenant_id, account_id, currency, amount"
                " FROM postings WHERE entry_id = %s",
                (found.entry_id,),
            )


@pytest.mark.parametrize("table", ["postings", "journal", "ledger_accounts"])
async def test_nobody_changes_or_deletes_what_was_posted(yard: Yard, database: Database, table: str) -> None:
    """Nobody: neither the application nor a superuser, not even one who copies rows from elsewhere."""
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        await service.post(conn, yard.tenant_id, a_top_up(1))
    for role in ("RESET ROLE", "SET ROLE forecourt_app"):
        for mode in ("origin", "replica"):
            for statement in (f"UPDATE {table} SET tenant_id = tenant_id", f"DELETE FROM {table}",
                              f"TRUNCATE {table} CASCADE"):  # fmt: skip
                with psycopg.connect(database.admin_url) as admin:
                    admin.execute(f"SET session_replication_role = {mode}".encode())
                    admin.execute(role.encode())
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        admin.execute(statement.encode())
    assert yard.rows(f"SELECT 1 AS one FROM {table} WHERE tenant_id = %s", yard.tenant_id)


async def test_a_process_killed_inside_a_transaction_leaves_whole_entries_only(yard: Yard, database: Database) -> None:
    kept = 0
    for number, after in enumerate((1, 2, 3, 4, 99)):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.payments.poster", database.url, str(yard.tenant_id), str(number * 100),
            str(after), stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), WAIT_S) == b"in it\n"
        [held] = yard.rows(
            "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND backend_xid IS NOT NULL"
        )
        assert held["n"] == 1, "the kill is to hit a transaction that has written"
        process.kill()
        await process.wait()
        kept += COMMITTED
        rows = yard.rows(
            "SELECT j.entry_id, j.legs, count(p.*) AS found, sum(p.amount) AS total FROM journal j"
            " LEFT JOIN postings p USING (entry_id) WHERE j.tenant_id = %s GROUP BY j.entry_id, j.legs",
            yard.tenant_id,
        )
        assert len(rows) == kept
        assert all((row["found"], row["total"]) == (row["legs"], 0) for row in rows)


def test_a_bill_of_nothing_moves_nothing() -> None:
    free = billed(a_bill(a_tariff(("ENERGY", "0", "19"))), "DE")
    assert free == Billed(currency="EUR", lines=(), nets={}, country="DE")
    assert entries.owed(intent="i", session_id=None, at=START, billed=free).legs == ()


def test_a_capture_below_the_bill_leaves_the_rest_to_the_driver() -> None:
    whole = Billed(
        currency="EUR",
        lines=(Line(account="revenue:energy", amount=1000), Line(account="vat_payable:DE:19", amount=190)),
    )
    entry = entries.capture(intent="i", session_id=None, at=START, account="acme", billed=whole, captured=1000)
    assert {leg.account: leg.amount for leg in entry.legs} == {
        "psp_receivable:acme": 1000,
        "driver_receivable": 190,
        "revenue:energy": -1000,
        "vat_payable:DE:19": -190,
    }
    half = whole.part(595)
    back = entries.refund(refund="r", intent="i", session_id=None, at=START, source="psp_receivable:acme", part=half)
    assert {leg.account: leg.amount for leg in back.legs} == {
        "revenue:energy": 500, "vat_payable:DE:19": 95, "psp_receivable:acme": -595,
    }  # fmt: skip


@given(
    st.lists(
        st.builds(
            Discount, id=st.just("d"), label=st.just("D"), percent=st.integers(0, 60).map(Decimal),
            after_taxes=st.integers(0, 700).map(lambda cents: Decimal(cents) / 100),
            dimensions=st.sampled_from([frozenset(), frozenset({Dimension.PARKING_TIME})]), host_bears=st.booleans(),
        ),
        max_size=3,
    ),
    st.integers(1, 60_000),
)  # fmt: skip
def test_what_was_given_off_stands_beside_whole_revenue_and_all_of_it_is_what_is_paid(
    given_off: list[Discount], energy_wh: int
) -> None:
    pricer = Pricer(a_tariff(("ENERGY", "0.49", "19"), ("PARKING_TIME", "6", "7")), ZoneInfo("Europe/Berlin"))
    segments = [
        Segment(seconds=3600, kind=SegmentKind.CHARGING, energy_wh=energy_wh),
        Segment(seconds=1200, kind=SegmentKind.PARKING),
    ]
    pieces = pricer.pieces(START, segments)
    plain, quote = pricer.bill(pieces), shown(pricer.bill(pieces, given_off), pieces)
    found = of_quote(quote, "DE")
    assert found.total == quote.rounded.incl_vat.amount
    by_account = {line.account: line.amount for line in found.lines}
    whole = sum(amount for name, amount in by_account.items() if name.startswith("revenue:"))
    off = -sum(amount for name, amount in by_account.items() if name.startswith("discounts:"))
    assert whole - off == quote.rounded.excl_vat.amount
    # Whole but for what rounding moves: a cent for each rate and each discount.
    exact = plain.total.excl_vat * 100
    assert abs(whole - exact) <= 2 + len(given_off)
    assert all(amount < 0 for name, amount in by_account.items() if name.startswith("discounts:"))
    bearers = {"host" if each.host_bears else "operator" for each in given_off}
    assert {name.split(":")[1] for name in by_account if name.startswith("discounts:")} <= bearers
