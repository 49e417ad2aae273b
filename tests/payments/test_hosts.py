"""Hosts: the rule that counts at the start of a session, payable when it is settled, and back with what is refunded."""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import convert
from msgspec.structs import replace

from forecourt.payments.bank.days import banking_day, easter, is_banking_day, next_banking_day
from forecourt.payments.bank.model import Bank, IbanRefused, read_iban
from forecourt.payments.hosts import shares
from forecourt.payments.hosts.model import RuleRefused, Share, back_of, check_rule, share_of
from forecourt.payments.hosts.payouts import Payouts, carried_out_on
from forecourt.payments.hosts.store.lines import LineRow
from forecourt.payments.hosts.words import KEPT, line_words, memo_words
from forecourt.payments.ledger import entries
from forecourt.payments.ledger.service import post
from forecourt.payments.reconcile.jobs import MoneyJobs, no_accounts
from tests.care.yard import Yard
from tests.payments.bills import a_bill, billed
from tests.payments.hosts import (
    IBANS,
    SECRET,
    TARIFF,
    Paid,
    a_bank,
    a_host,
    a_rule,
    a_session,
    balance,
    never_crossed,
    owed,
    rules,
)

PSP = entries.psp("acme")


def test_a_share_is_of_what_was_earned_before_vat_by_what_it_was_for() -> None:
    rule = a_rule(energy=Decimal("70"), idle=Decimal("50"), per_kwh=Decimal("0.03"), platform_percent=Decimal("10"))
    revenue = {"revenue:energy": 1000, "revenue:idle": 301, "revenue:time": 500}
    # 700 + 150.5 + 20 kWh x 3 = 910.5, rounded half up, and a tenth of it for the platform.
    assert share_of(rule, revenue, 20_000, Decimal(19)) == Share(net=1801, share=911, platform_fee=91, vat=156)
    assert share_of(rule, revenue, 20_000, None).owed == 820
    assert share_of(a_rule(platform_fee=5000), {"revenue:energy": 10}, 0, None).owed == 0


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.lists(st.integers(0, 10**6), max_size=6))
def test_a_share_that_goes_back_in_parts_is_gone_when_the_whole_net_is(share: int, net: int, cuts: list[int]) -> None:
    given_ = Share(net=net, share=share, platform_fee=share // 3, vat=share // 5)
    steps = sorted({min(cut, net) for cut in cuts} | {net})
    gone = Share(net=0, share=0, platform_fee=0, vat=0)
    for step in steps:
        back = back_of(given_, step - gone.net, gone.net)
        assert back_of(given_, gone.net - step, step) == Share(
            net=-back.net, share=-back.share, platform_fee=-back.platform_fee, vat=-back.vat
        )
        gone = Share(
            net=step, share=gone.share + back.share, platform_fee=gone.platform_fee + back.platform_fee,
            vat=gone.vat + back.vat,
        )  # fmt: skip
    assert gone == given_


@pytest.mark.parametrize(
    "values",
    [{"energy": Decimal(101)}, {"energy": Decimal("0.001")}, {"energy": Decimal(0)}, {"per_kwh": Decimal("NaN")},
     {"paid_by": "fleet"}],
)  # fmt: skip
def test_a_rule_that_can_not_be_meant_is_refused(values: dict[str, Decimal]) -> None:
    with pytest.raises(RuleRefused):
        check_rule(a_rule(**values))


def test_banks_are_closed_on_weekends_and_holidays_of_their_currency() -> None:
    assert [easter(year) for year in (2000, 2024, 2026, 2038)] == [
        date(2000, 4, 23), date(2024, 3, 31), date(2026, 4, 5), date(2038, 4, 25),
    ]  # fmt: skip
    # Good Friday to Easter Monday 2026.
    assert next_banking_day(date(2026, 4, 2), "EUR") == date(2026, 4, 7)
    assert next_banking_day(date(2026, 4, 2), "USD") == date(2026, 4, 3)
    assert banking_day(date(2026, 12, 25), "EUR") == date(2026, 12, 28)
    assert banking_day(date(2026, 12, 25), "GBP") == date(2026, 12, 29)
    assert not is_banking_day(date(2026, 5, 14), "CHF")
    assert is_banking_day(date(2026, 5, 14), "EUR")
    assert not is_banking_day(date(2026, 5, 1), "EUR")
    assert not is_banking_day(date(2026, 11, 26), "USD")


def test_an_iban_is_checked_and_lies_sealed() -> None:
    assert read_iban("DE89 3704 0044 0532 0130 00") == IBANS[0]
    for wrong in ("DE88 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130", "XX00", "", "9" * 99):
        with pytest.raises(IbanRefused):
            read_iban(wrong)
    sealed = Bank(SECRET).close(IBANS[0])
    assert IBANS[0].encode() not in sealed
    assert Bank(SECRET).open(sealed) == IBANS[0]


async def test_the_rule_that_counted_when_the_session_began_makes_the_share(yard: Yard) -> None:
    site = yard.site()
    part = yard.site(parent_id=site)
    station, other = yard.station(site_id=part), yard.station(site_id=part)
    ada, bo = await a_host(yard), await a_host(yard, "Bo", IBANS[1])
    now = yard.clock.now()
    await rules(yard, ada, site, a_rule(), now - timedelta(days=9))
    # After the session began, so it doesn't count for it; nor does a rule of another station.
    await rules(yard, bo, site, a_rule(), now - timedelta(minutes=90))
    await rules(yard, bo, part, a_rule(), now - timedelta(days=9), station=other)
    paid = await a_session(yard, station)
    await paid.follow()
    assert await owed(yard, ada) == 0, "nothing is owed before the provider settles"
    await paid.follow(settled=True)
    await paid.follow(settled=True)
    assert (await owed(yard, ada), await owed(yard, bo)) == (700, 0)
    assert await balance(yard, "host_share") == 700
    paid = await a_session(yard, other)
    await paid.follow(settled=True)
    assert (await owed(yard, ada), await owed(yard, bo)) == (700, 700)
    # From then on the part is nobody's, and the site above it counts no more for it.
    await rules(yard, None, part, a_rule(), now - timedelta(hours=3))
    paid = await a_session(yard, station)
    await paid.follow(settled=True)
    assert (await owed(yard, ada), await owed(yard, bo)) == (700, 700)


async def test_a_share_is_of_what_was_captured_and_goes_back_with_refunds_and_disputes(yard: Yard) -> None:
    site = yard.site()
    station = yard.station(site_id=site)
    host = await a_host(yard, vat_rate=Decimal(19))
    await rules(yard, host, site, a_rule(platform_percent=Decimal(10)), yard.clock.now() - timedelta(days=9))
    half = await a_session(yard, station, captured=595)
    await half.follow(settled=True)
    # Of 5.00 net: 3.50, less a tenth, and VAT on that.
    assert await owed(yard, host) == 350 - 35 + 60
    await half.refund(100)
    await half.refund(495)
    assert await owed(yard, host) == 0
    whole = await a_session(yard, station)
    await whole.refund(119)
    await whole.follow(settled=True)
    assert await owed(yard, host) == 9 * (70 - 7) + 108, "what was refunded before it was settled is not owed"
    before = await owed(yard, host)
    await whole.dispute()
    assert await owed(yard, host) == 0
    await whole.dispute(won=True)
    assert await owed(yard, host) == before
    await whole.refund(595)
    assert await owed(yard, host) == 4 * (70 - 7) + 48, "half of the bill went back as well"
    await whole.refund_back(2)
    assert await owed(yard, host) == before, "that came to nothing"
    for account in ("host_share", "platform_revenue", "vat_receivable:DE:19"):
        assert abs(await balance(yard, account)) in (630, 63, 108)


async def test_kwh_count_as_far_as_they_were_paid(yard: Yard) -> None:
    site = yard.site()
    host = await a_host(yard)
    rule = a_rule(energy=Decimal(0), per_kwh=Decimal("0.10"))
    await rules(yard, host, site, rule, yard.clock.now() - timedelta(days=9))
    half = await a_session(yard, yard.station(site_id=site), captured=595)
    await half.follow(settled=True)
    assert await owed(yard, host) == 100, "20 kWh, and half of the bill"


async def test_who_is_paid_weekly_is_paid_after_a_night_that_failed_and_once_a_week(yard: Yard) -> None:
    await a_bank(yard)
    site, late = yard.site(), yard.site()
    host = await a_host(yard, payout_every="week")
    newer = await a_host(yard, "Bo", IBANS[1], payout_every="week")
    payouts = Payouts(yard.tenants, yard.clock, Bank(SECRET))
    yard.clock.set(datetime(2026, 3, 8, 12, 0, tzinfo=UTC))
    for each, where in ((host, site), (newer, late)):
        await rules(yard, each, where, a_rule(), yard.clock.now() - timedelta(days=9))
    await (await a_session(yard, yard.station(site_id=site))).follow(settled=True)
    # The night of Monday 9 March fails; on Tuesday the other one is owed something for the first time.
    yard.clock.set(datetime(2026, 3, 10, 4, 0, tzinfo=UTC))
    await (await a_session(yard, yard.station(site_id=late))).follow(settled=True)
    paid = []
    for _ in range(8):
        paid.append(await payouts.pay(yard.tenant_id, {}))
        yard.clock.advance(86_400)
        await (await a_session(yard, yard.station(site_id=site))).follow(settled=True)
    # Tuesday to Tuesday: on the next Monday both are paid.
    assert paid == [1, 0, 0, 0, 0, 0, 2, 0]


async def test_one_host_who_cant_be_paid_keeps_no_other_from_being_paid(yard: Yard) -> None:
    await a_bank(yard)
    yard.clock.set(datetime(2026, 3, 10, 4, 0, tzinfo=UTC))
    hosts = [await a_host(yard, "Broken", iban_sealed=b"nobody opens this"), await a_host(yard, "Bo", IBANS[1])]
    for each in hosts:
        site = yard.site()
        await rules(yard, each, site, a_rule(), yard.clock.now() - timedelta(days=9))
        await (await a_session(yard, yard.station(site_id=site))).follow(settled=True)
    payouts = Payouts(yard.tenants, yard.clock, Bank(SECRET))
    assert await payouts.pay(yard.tenant_id, {}) == 1
    assert [await owed(yard, each) for each in hosts] == [700, 0]
    rows = yard.rows("SELECT host_id, file_id IS NOT NULL AS filed FROM payouts WHERE tenant_id = %s", yard.tenant_id)
    assert [(row["host_id"], row["filed"]) for row in rows] == [(hosts[1].host_id, True)]
    yard.rows("UPDATE hosts SET iban_sealed = %s WHERE host_id = %s", Bank(SECRET).close(IBANS[2]), hosts[0].host_id)
    assert await payouts.pay(yard.tenant_id, {}) == 1
    assert await owed(yard, hosts[0]) == 0


async def test_every_months_fee_is_asked_once_by_the_rule_of_its_end_however_long_nobody_worked(yard: Yard) -> None:
    site, host = yard.site(), await a_host(yard)
    for fee, since in ((990, datetime(2026, 1, 10, tzinfo=UTC)), (500, datetime(2026, 3, 15, tzinfo=UTC))):
        await rules(yard, host, site, a_rule(monthly_fee=fee), since)
    jobs = MoneyJobs(yard.worker, yard.tenants, yard.clock, SECRET, no_accounts)

    async def asked(month: int, day: int) -> list[tuple[str, int]]:
        yard.clock.set(datetime(2026, month, day, 5, 0, tzinfo=UTC))
        for _ in range(2):
            await jobs.night_of(yard.tenant_id)
        rows = yard.rows(
            "SELECT j.memo, p.amount FROM journal j JOIN postings p USING (entry_id) WHERE j.tenant_id = %s"
            " AND j.kind = 'host_fee' AND p.amount > 0 ORDER BY j.memo",
            yard.tenant_id,
        )
        return [(row["memo"], row["amount"]) for row in rows]

    # Nobody worked from January on until the twentieth of April.
    told = [("2026-01", 990), ("2026-02", 990), ("2026-03", 500)]
    assert await asked(4, 20) == told
    # What counts from now on changes nothing of a month that was over.
    await rules(yard, host, site, a_rule(monthly_fee=700), datetime(2026, 5, 1, tzinfo=UTC))
    assert await asked(5, 9) == [*told, ("2026-04", 500)]


async def test_a_drivers_home_is_paid_by_the_fleet_once_and_only_when_the_session_is_over(yard: Yard) -> None:
    site = yard.site()
    station = yard.station(site_id=site)
    driver = await a_host(yard, "Driver", IBANS[2])
    rule = a_rule(energy=Decimal(0), per_kwh=Decimal("0.32"), paid_by="post")
    await rules(yard, driver, site, rule, yard.clock.now() - timedelta(days=9))
    yard.session(station, timedelta(hours=9), timedelta(hours=7), 33_333)
    yard.session(station, timedelta(minutes=50), timedelta(minutes=10), 1_000)
    yard.session(station, timedelta(minutes=30), None, 1_000)
    for made in (1, 0):
        assert await shares.reimburse_due(yard.tenants, yard.tenant_id, yard.clock.now()) == made
    assert await owed(yard, driver) == 1067
    assert await balance(yard, "fleet_receivable:post") == 1067


async def test_hosts_who_are_paid_back_together_are_never_held_across(yard: Yard) -> None:
    drivers = []
    rule = a_rule(energy=Decimal(0), per_kwh=Decimal("0.32"), paid_by="post")
    # Whose session is over first is the second whom others hold.
    for name, ago in (("Ada", 8), ("Bo", 9)):
        site = yard.site()
        drivers.append(await a_host(yard, name))
        await rules(yard, drivers[-1], site, rule, yard.clock.now() - timedelta(days=9))
        yard.session(yard.station(site_id=site), timedelta(hours=ago), timedelta(hours=1), 10_000)
    due = shares.reimburse_due(yard.tenants, yard.tenant_id, yard.clock.now())
    assert await never_crossed(yard, drivers[0], drivers[1], due) == 2
    assert [await owed(yard, each) for each in drivers] == [320, 320]


async def test_hosts_who_get_a_share_of_debts_paid_at_once_are_held_in_one_order(yard: Yard) -> None:
    now, hosts = yard.clock.now(), []
    debts = sorted((uuid4() for _ in range(2)), reverse=True)
    payer = str(uuid4())
    # The debt that is looked at first is of the host who is held last.
    for name, debt in zip(("Ada", "Bo"), debts, strict=True):
        site = yard.site()
        hosts.append(await a_host(yard, name))
        await rules(yard, hosts[-1], site, a_rule(), now - timedelta(days=9))
        session = yard.session(yard.station(site_id=site), timedelta(hours=2), timedelta(hours=1), 20_000)
        bill = billed(a_bill(TARIFF), "DE")
        yard.rows(
            "INSERT INTO payment_intents (intent_id, tenant_id, purpose, method, state, currency, hold_amount,"
            " hold_said, created_at, updated_at)"
            " VALUES (%s, %s, 'session', 'hosted', 'failed', 'EUR', 1, '{}', %s, %s)",
            debt, yard.tenant_id, now, now,
        )  # fmt: skip
        yard.rows(
            "INSERT INTO payment_steps (tenant_id, intent_id, at, kind, amount, detail)"
            " VALUES (%s, %s, %s, 'debt_paid', 1190, %s)", yard.tenant_id, debt, now, payer,
        )  # fmt: skip
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            await post(conn, yard.tenant_id, entries.owed(intent=str(debt), session_id=session, at=now, billed=bill))
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        about: dict[str, Any] = {"intent": payer, "payment": payer, "at": now, "source": PSP, "currency": "EUR"}
        await post(conn, yard.tenant_id, entries.debt_paid(amount=2380, **about))

    async def settle() -> None:
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            await shares.follow(conn, yard.tenant_id, payer, now, settled=True)

    await never_crossed(yard, hosts[0], hosts[1], settle())
    assert [await owed(yard, host) for host in hosts] == [700, 700]


async def test_what_is_paid_of_the_rest_of_a_capture_gives_the_rest_of_the_share_in_parts_to_the_cent(
    yard: Yard,
) -> None:
    now, site = yard.clock.now(), yard.site()
    host = await a_host(yard, vat_rate=Decimal(19))
    await rules(yard, host, site, a_rule(energy=Decimal("33.33"), platform_fee=20), now - timedelta(days=9))
    session = yard.session(yard.station(site_id=site), timedelta(hours=2), timedelta(hours=1), 20_000)
    bill, debt, payers = billed(a_bill(TARIFF), "DE"), uuid4(), [str(uuid4()) for _ in range(3)]
    yard.rows(
        "INSERT INTO payment_intents (intent_id, tenant_id, purpose, method, state, currency, hold_amount, hold_said,"
        " created_at, updated_at) VALUES (%s, %s, 'session', 'hosted', 'captured', 'EUR', 1, '{}', %s, %s)",
        debt, yard.tenant_id, now, now,
    )  # fmt: skip
    paid = Paid(yard, session, str(debt), bill, 190)
    await paid.capture()

    async def settled(payment: str) -> int:
        """The provider lets us have its money; twice is once. What the host is owed then."""
        for _ in range(2):
            async with yard.tenants.tenant(yard.tenant_id) as conn:
                await shares.follow(conn, yard.tenant_id, payment, now, settled=True)
        yard.rows(
            "INSERT INTO provider_movements (tenant_id, account, reference, kind, amount, fee, currency, at,"
            " available_at, intent, read_at, settled_at) VALUES (%s, 'acme', %s, 'charge', 1, 0, 'EUR', %s, %s, %s, %s,"
            " %s)", yard.tenant_id, payment, now, now, payment, now, now,
        )  # fmt: skip
        return await owed(yard, host)

    came, found = 190, [await settled(str(debt))]
    for payer, amount in zip(payers, (1, 499, 500), strict=True):
        yard.rows(
            "INSERT INTO payment_steps (tenant_id, intent_id, at, kind, amount, detail)"
            " VALUES (%s, %s, %s, 'debt_paid', %s, %s)", yard.tenant_id, debt, now, amount, payer,
        )  # fmt: skip
        about: dict[str, Any] = {"intent": payer, "payment": payer, "at": now, "source": PSP, "currency": "EUR"}
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            await post(conn, yard.tenant_id, entries.debt_paid(amount=amount, **about))
        await paid.follow()
        assert await owed(yard, host) == found[-1], "that money is not ours yet"
        found.append(await settled(payer))
        came += amount
    # Of 10.00: 3.33, less 0.20, and VAT on that. The fee is of the first part alone.
    assert (came, found[-1]) == (1190, 333 - 20 + 59)
    assert found == sorted(found)
    await paid.refund(190)
    assert abs(await owed(yard, host) - found[-1] * 1000 // 1190) <= 1


async def test_a_refund_before_the_rest_is_paid_or_settled_leaves_the_host_what_it_leaves_of_a_whole_capture(
    yard: Yard,
) -> None:
    """Of a share with a fee that is the same for every session: what was written back of it when less of it was there
    stays, and what it should have been is made up for."""
    now, site = yard.clock.now(), yard.site()
    host = await a_host(yard, vat_rate=Decimal(19))
    await rules(yard, host, site, a_rule(energy=Decimal("33.33"), platform_fee=20), now - timedelta(days=9))
    station, bill = yard.station(site_id=site), billed(a_bill(TARIFF), "DE")

    async def left(captured: int, back: int, order: str) -> tuple[int, int]:
        """What the host has of it in the end, and of what a second look finds nothing more to write."""
        session, debt, payer = yard.session(station, timedelta(hours=2), timedelta(hours=1), 20_000), uuid4(), uuid4()
        before, paid = await owed(yard, host), Paid(yard, session, str(debt), bill, captured)
        yard.rows(
            "INSERT INTO payment_intents (intent_id, tenant_id, purpose, method, state, currency, hold_amount,"
            " hold_said, created_at, updated_at) VALUES (%s, %s, 'session', 'hosted', 'captured', 'EUR', 1, '{}', %s,"
            " %s)", debt, yard.tenant_id, now, now,
        )  # fmt: skip
        await paid.capture()

        async def settled(payment: str) -> None:
            async with yard.tenants.tenant(yard.tenant_id) as conn:
                await shares.follow(conn, yard.tenant_id, payment, now, settled=True)
            yard.rows(
                "INSERT INTO provider_movements (tenant_id, account, reference, kind, amount, fee, currency, at,"
                " available_at, intent, read_at, settled_at) VALUES (%s, 'acme', %s, 'charge', 1, 0, 'EUR', %s, %s, %s,"
                " %s, %s)", yard.tenant_id, payment, now, now, payment, now, now,
            )  # fmt: skip

        for step in order:
            if step == "s":
                await settled(str(debt))
            elif step == "r":
                await paid.refund(back)
            elif captured < bill.total:
                rest = bill.total - captured
                yard.rows(
                    "INSERT INTO payment_steps (tenant_id, intent_id, at, kind, amount, detail)"
                    " VALUES (%s, %s, %s, 'debt_paid', %s, %s)", yard.tenant_id, debt, now, rest, str(payer),
                )  # fmt: skip
                about: dict[str, Any] = {"intent": str(payer), "payment": str(payer), "at": now, "source": PSP}
                async with yard.tenants.tenant(yard.tenant_id) as conn:
                    await post(conn, yard.tenant_id, entries.debt_paid(currency="EUR", amount=rest, **about))
                await settled(str(payer))
        found = await owed(yard, host) - before
        await paid.follow()
        return found, await owed(yard, host) - before

    for captured, back in ((800, 800), (190, 190), (60, 30)):
        [whole, _] = await left(bill.total, back, "sr")
        for order in ("rds", "drs", "srd", "dsr"):
            assert await left(captured, back, order) == (whole, whole), (captured, back, order)


async def test_refunds_in_any_order_of_looking_leave_the_host_what_is_left(yard: Yard) -> None:
    site = yard.site()
    station = yard.station(site_id=site)
    host = await a_host(yard)
    await rules(yard, host, site, a_rule(energy=Decimal("33.33")), yard.clock.now() - timedelta(days=9))
    chance = random.Random(7)
    left = 0
    for _ in range(12):
        paid = await a_session(yard, station, energy_wh=chance.randrange(1, 40_000))
        rest = paid.captured
        for settled in (False, True):
            if settled:
                await paid.follow(settled=True)
            amount = chance.choice([0, rest, chance.randrange(rest + 1)])
            rest -= amount
            await paid.refund(amount)
        left += rest
    assert abs(await owed(yard, host) - left * 3333 / 119_00) < 12


@pytest.mark.parametrize(
    ("asked", "on"),
    [
        ("2026-11-27T13:59", "2026-11-27"), ("2026-11-27T22:30", "2026-11-30"), ("2026-11-28T09:00", "2026-11-30"),
        ("2026-12-24T15:00", "2026-12-28"),
    ],
)  # fmt: skip
def test_a_bank_is_asked_for_no_day_on_which_it_cant_carry_that_out(asked: str, on: str) -> None:
    assert carried_out_on(datetime.fromisoformat(asked), "EUR").isoformat() == on


def test_a_host_reads_what_they_got_and_an_operator_what_they_gave() -> None:
    line = convert(
        dict.fromkeys(LineRow.__struct_fields__)
        | {
            "line_id": 1, "entry_id": 1, "kind": "host_share_back", "at": datetime(2026, 3, 2, tzinfo=UTC),
            "currency": "EUR", "amount": 331, "share": 331, "vat": 0, "platform_fee": 0, "memo": "debt_paid",
        },
        LineRow,
    )  # fmt: skip
    assert line_words(line, own=False) == "Host's share given after all"
    assert line_words(line, own=True) == "Your share given after all"
    assert memo_words(line) == "Debt paid"
    back = replace(line, amount=-331, memo="sorry")
    assert (line_words(back, own=True), memo_words(back)) == ("Your share taken back", "sorry")
    assert set(KEPT[True]) == set(KEPT[False])
