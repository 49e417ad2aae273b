"""What a provider and a bank say, held against the journal: every difference is found, and none is invented."""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from forecourt.payments.bank.model import Bank
from forecourt.payments.hosts.payouts import Payouts
from forecourt.payments.hosts.store import payouts as kept
from forecourt.payments.ledger import entries
from forecourt.payments.ledger.model import Entry
from forecourt.payments.ledger.service import post
from forecourt.payments.reconcile import camt, service
from forecourt.payments.reconcile.jobs import MoneyJobs
from forecourt.payments.reconcile.model import (
    EXPLAINED,
    LATE,
    Booked,
    Differs,
    Side,
    StatementUnreadable,
    compare,
)
from forecourt.payments.reconcile.service import OF_PROVIDERS, Reconciler
from forecourt.payments.reconcile.store import bank, comparing
from tests.care.yard import Yard
from tests.conftest import Database
from tests.http import an_actor
from tests.payments.bills import START
from tests.payments.hosts import SECRET, Paid, a_bank, a_host, a_rule, a_session, balance, never_crossed, owed, rules

NOW = START + timedelta(days=40)
DAY = timedelta(days=1)
MOVEMENTS = 10_000
ERRORS = 100


class Moved(Struct, frozen=True, kw_only=True):
    """A movement as a provider tells it."""

    reference: str
    kind: str
    amount: int
    fee: int
    currency: str
    at: datetime
    available_at: datetime
    source: str | None = None
    hold: str | None = None
    intent: str | None = None


class Page(Struct, frozen=True, kw_only=True):
    movements: list[Moved]
    next: str | None


class Provider:
    """Tells movements some at a time, the newest first."""

    told_within = DAY

    def __init__(self, moved: Sequence[Moved] = (), at_once: int = 2) -> None:
        self.moved, self.at_once = list(moved), at_once

    async def list_movements(self, since: datetime, until: datetime, after: str | None = None) -> Page:
        found = [each for each in reversed(self.moved) if since <= each.at < until]
        first = int(after or 0)
        last = first + self.at_once
        return Page(movements=found[first:last], next=str(last) if last < len(found) else None)


def a_movement(number: int, amount: int, at: datetime, kind: str = "charge", **values: Any) -> Moved:
    said: dict[str, Any] = {"reference": f"txn_{number}", "intent": f"i{number}", "fee": 30, "currency": "EUR"} | values
    return Moved(kind=kind, amount=amount, at=at, available_at=at + timedelta(days=2), **said)


def seeded(minutes: int = 5) -> tuple[list[Moved], list[Booked], dict[str, int], set[tuple[Differs, str]]]:
    """Charges and refunds on both sides, so many minutes apart, and errors of every kind among them; which errors."""
    chance = random.Random(5)
    moved: list[Moved] = []
    booked: list[Booked] = []
    fees: dict[str, int] = {}
    wrong: set[tuple[Differs, str]] = set()
    for number in range(MOVEMENTS):
        at = START + timedelta(minutes=minutes * number)
        back = number % 10 == 9
        # A refund is of the charge before it; many payments are of the same amount, as at every station.
        intent = f"i{number - 1 if back else number}"
        amount = -chance.randrange(1, 900) if back else chance.choice([500, 1000, 1234, chance.randrange(900, 9000)])
        kind = "refund" if back else "charge"
        moved.append(a_movement(number, amount, at + timedelta(hours=1), kind, intent=intent))
        fees[moved[-1].reference] = 30
        booked.append(
            Booked(entry_id=number, key=f"k{number}", side=Side.BACK if back else Side.IN, about=intent, amount=amount,
                   currency="EUR", at=at)
        )  # fmt: skip
    for turn, number in enumerate(chance.sample(range(MOVEMENTS - 500), ERRORS)):
        said = moved[number]
        kinds = list(OF_PROVIDERS)
        kind = kinds[turn % len(kinds)]
        about = said.reference
        match kind:
            case Differs.MISSING:
                moved[number] = msgspec.structs.replace(said, kind="none")
                about = booked[number].key
            case Differs.UNKNOWN | Differs.DOUBLED:
                about = f"more_{number}"
                whose = said.intent if kind is Differs.DOUBLED else about
                moved.append(msgspec.structs.replace(said, reference=about, intent=whose, at=said.at + LATE / 2))
            case Differs.WRONG_AMOUNT:
                moved[number] = msgspec.structs.replace(said, amount=said.amount + 1)
            case Differs.WRONG_CURRENCY:
                moved[number] = msgspec.structs.replace(said, currency="CHF")
            case Differs.LATE:
                moved[number] = msgspec.structs.replace(said, at=said.at + LATE)
            case Differs.FEE_MISMATCH:
                fees[about] = 29
        wrong.add((kind, about))
    chance.shuffle(moved)
    chance.shuffle(booked)
    return [each for each in moved if each.kind != "none"], booked, fees, wrong


def test_of_ten_thousand_movements_every_wrong_one_is_found_and_no_other() -> None:
    moved, booked, fees, wrong = seeded()
    found = compare(moved, booked, fees, NOW, DAY)
    assert len(found) == len(wrong) == ERRORS
    assert {(each.kind, each.about) for each in found} == wrong
    assert {kind for kind, _ in wrong} == set(OF_PROVIDERS)
    assert EXPLAINED.keys() == set(Differs)


async def test_a_night_finds_all_of_them_in_the_database_and_no_other(yard: Yard) -> None:
    moved, booked, fees, wrong = seeded(minutes=1)
    book_at_once(yard, booked)
    yard.clock.set(START + timedelta(days=12))
    nights = Reconciler(yard.tenants, yard.clock)
    # First each costs nothing; that some cost something after all is said later.
    told = sorted((msgspec.structs.replace(each, fee=0) for each in moved), key=lambda each: each.at)
    await nights.take(yard.tenant_id, "acme", Provider(told, at_once=1_000))
    await nights.post(yard.tenant_id, "acme")
    more = [msgspec.structs.replace(each, fee=int(fees.get(each.reference, 30) != 30)) for each in told]
    await nights.take(yard.tenant_id, "acme", Provider(more, at_once=1_000))
    await nights.post(yard.tenant_id, "acme")
    for _ in range(2):
        found = await nights.compare(yard.tenant_id, "acme", DAY)
        assert {(each.kind, each.about) for each in found} == wrong
        assert len(found) == ERRORS
    kept = yard.rows("SELECT kind, about FROM reconcile_differences WHERE tenant_id = %s", yard.tenant_id)
    assert sorted((Differs(row["kind"]), row["about"]) for row in kept) == sorted(wrong)


async def test_what_is_too_much_for_one_comparison_is_cut_on_both_sides_and_the_next_one_goes_on(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved, booked = [], []
    for number in range(24):
        at = START + timedelta(hours=number)
        about = f"i{number}"
        booked.append(
            Booked(entry_id=number, key=f"k{number}", side=Side.IN, about=about, amount=500, currency="EUR", at=at)
        )  # fmt: skip
        # Movements come hours later, some behind the end of the comparison that takes their entry; two are missing.
        if number not in (3, 16):
            moved.append(a_movement(number, 500, at + timedelta(hours=5), fee=0))
    moved.append(a_movement(99, 700, START + timedelta(hours=12, minutes=30), intent="by hand", fee=0))
    book_at_once(yard, booked)
    yard.clock.set(START + timedelta(days=3))
    nights = Reconciler(yard.tenants, yard.clock)
    # A provider that tells no more than so much of one span is asked for parts of it.
    monkeypatch.setattr(service, "MAX_PAGES", 3)
    await nights.take(yard.tenant_id, "acme", Provider(moved))
    await nights.post(yard.tenant_id, "acme")
    monkeypatch.setattr(service, "MAX_COMPARED", 10)
    found, ends = [], []
    for _ in range(4):
        found.append([(each.kind, each.about) for each in await nights.compare(yard.tenant_id, "acme", DAY)])
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            last = await comparing.find_reconciliation(conn, yard.tenant_id, "acme")
        assert last is not None
        ends.append(last.until)
    wrong = [(Differs.MISSING, "k3"), (Differs.UNKNOWN, "txn_99"), (Differs.MISSING, "k16")]
    # The journal's eleventh is the first beyond what is compared, then the provider's.
    assert ends == [START + timedelta(hours=10), START + timedelta(hours=19), yard.clock.now(), ends[0]]
    assert found == [wrong[:1], wrong[1:], [], wrong[:1]]
    rows = yard.rows("SELECT kind, about, gone_at FROM reconcile_differences WHERE tenant_id = %s", yard.tenant_id)
    assert sorted((row["kind"], row["about"], row["gone_at"]) for row in rows) == sorted(
        (*each, None) for each in wrong
    )


def book_at_once(yard: Yard, booked: Sequence[Booked]) -> None:
    """As payments post them, in one statement: captures and refunds, each with its leg at the provider and another."""
    yard.admin.execute(
        """
        WITH names AS (
            INSERT INTO ledger_accounts (tenant_id, name)
            SELECT %(tenant)s, unnest(ARRAY['psp_receivable:acme', 'revenue:energy']) RETURNING account_id, name
        ), said AS (
            SELECT * FROM unnest(%(keys)s::text[], %(kinds)s::text[], %(times)s::timestamptz[], %(intents)s::text[],
                %(amounts)s::bigint[]) AS s (key, kind, at, intent, amount)
        ), entries AS (
            INSERT INTO journal (tenant_id, key, kind, at, legs, intent)
            SELECT %(tenant)s, key, kind, at, 2, intent FROM said RETURNING entry_id, key
        )
        INSERT INTO postings (entry_id, leg, tenant_id, account_id, currency, amount)
        SELECT e.entry_id, CASE n.name WHEN 'revenue:energy' THEN 2 ELSE 1 END, %(tenant)s, n.account_id, 'EUR',
            CASE n.name WHEN 'revenue:energy' THEN -s.amount ELSE s.amount END
        FROM entries e JOIN said s USING (key) CROSS JOIN names n
        """,
        {
            "tenant": yard.tenant_id,
            "keys": [each.key for each in booked],
            "kinds": ["refund" if each.side is Side.BACK else "capture" for each in booked],
            "times": [each.at for each in booked],
            "intents": [each.about for each in booked],
            "amounts": [each.amount for each in booked],
        },
    )


def test_what_was_posted_a_moment_ago_is_not_missing_yet_and_is_tomorrow() -> None:
    entry = Booked(entry_id=1, key="k", side=Side.IN, about="i", amount=5, currency="EUR", at=START)
    assert compare([], [entry], {}, START + timedelta(hours=23), DAY) == []
    assert [each.kind for each in compare([], [entry], {}, START + timedelta(hours=25), DAY)] == [Differs.MISSING]


async def test_a_night_posts_what_the_provider_tells_pays_hosts_their_share_and_lists_what_differs(yard: Yard) -> None:
    site = yard.site()
    station = yard.station(site_id=site)
    host = await a_host(yard)
    await rules(yard, host, site, a_rule(), yard.clock.now() - timedelta(days=9))
    paid, lost, disputed = [await a_session(yard, station) for _ in range(3)]
    provider, now = Provider(), yard.clock.now()
    total = paid.captured
    provider.moved = [
        a_movement(1, total, now, intent=paid.intent, hold="pi_1"),
        a_movement(2, total, now, intent=disputed.intent, hold="pi_2"),
        a_movement(3, 777, now, intent="by hand"),
        # It names its hold alone.
        a_movement(4, -total, now, "dispute", fee=1500, intent=None, hold="pi_2", source="dp_1"),
        a_movement(5, -700, now, "payout", fee=0, intent=None),
        a_movement(6, -20, now, "fee", fee=0, intent=None),
    ]
    nights = Reconciler(yard.tenants, yard.clock)
    for _ in range(2):
        yard.clock.advance(3600)
        assert await nights.reconcile(yard.tenant_id, {"acme": provider}) == 1
    assert await owed(yard, host) == 0, "the money is not ours yet"
    assert await balance(yard, "bank") == 700
    assert await balance(yard, "psp_fees") == 30 * 3 + 1500 + 20
    assert await balance(yard, "disputes") == total
    assert await balance(yard, "psp_receivable:acme") == 3 * total - total - 700 - (30 * 3 + 1500 + 20)
    yard.clock.advance(86_400 * 2)
    assert await nights.reconcile(yard.tenant_id, {"acme": provider}) == 2
    # A share of two, and that of the disputed one is gone again.
    assert await owed(yard, host) == 700
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        listed = await comparing.list_differences(conn, yard.tenant_id, order="oldest", limit=9)
        assert [(each.kind, each.intent, each.said, each.booked) for each in listed] == [
            ("unknown", "by hand", 777, None), ("missing", lost.intent, None, total),
        ]  # fmt: skip
        await nights.explain(conn, an_actor(yard.tenant_id), listed[0].difference_id, "A test by hand.")
    # It comes after all, and late.
    provider.moved.append(a_movement(7, total, now + timedelta(days=2, hours=1), intent=lost.intent))
    provider.moved.append(
        a_movement(8, total, now + timedelta(days=2), "dispute_reversal", intent=None, hold="pi_2", source="dp_1")
    )
    assert await nights.reconcile(yard.tenant_id, {"acme": provider}) == 0
    assert await owed(yard, host) == 1400
    assert await balance(yard, "disputes") == 0


async def test_a_movement_that_the_journal_cant_take_is_a_difference_and_the_rest_is_settled(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forecourt.payments.reconcile.service.AT_ONCE", 2)
    site = yard.site()
    station = yard.station(site_id=site)
    host = await a_host(yard)
    await rules(yard, host, site, a_rule(), yard.clock.now() - timedelta(days=9))
    paid, behind, elsewhere = [await a_session(yard, station) for _ in range(3)]
    now = yard.clock.now()
    # Of the fees and the payout of the first three something else stands in the journal.
    for number in (1, 2):
        await by_hand(yard, entries.fee(movement=f"txn_{number}", at=now, account="acme", currency="EUR", amount=29))
    wrong = entries.settlement(movement="txn_3", at=now, account="acme", currency="EUR", amount=700)
    await by_hand(yard, wrong)
    accounts = {
        "acme": Provider(
            [
                a_movement(1, -20, now, "fee", fee=0, intent=None),
                a_movement(2, -20, now, "fee", fee=0, intent=None),
                a_movement(3, -701, now, "payout", fee=10, intent=None),
                a_movement(4, paid.captured, now, intent=paid.intent),
                a_movement(5, behind.captured, now, intent=behind.intent),
            ]
        ),
        "other": Provider([a_movement(6, elsewhere.captured, now, intent=elsewhere.intent)]),
    }
    nights = Reconciler(yard.tenants, yard.clock)
    yard.clock.advance(86_400 * 3)
    for _ in range(2):
        await nights.reconcile(yard.tenant_id, accounts)
        assert await owed(yard, host) == 3 * 700
        assert await balance(yard, "psp_fees") == 29 * 2 + 30 * 3, "nothing of a movement is posted, or all of it"
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            listed = await comparing.list_differences(conn, yard.tenant_id, kind="unposted", order="oldest", limit=9)
        assert [(each.reference, each.said, each.account) for each in listed] == [
            ("txn_1", -20, "acme"), ("txn_2", -20, "acme"), ("txn_3", -701, "acme"),
        ]  # fmt: skip
    # Long after the span of a comparison it still stands; once the journal can take it, it is gone.
    yard.clock.advance(86_400 * 40)
    assert {each.kind for each in await nights.compare(yard.tenant_id, "acme", DAY)} == {Differs.UNPOSTED}
    yard.rows(
        "UPDATE provider_movements SET amount = -700 WHERE tenant_id = %s AND reference = 'txn_3'", yard.tenant_id
    )
    await nights.reconcile(yard.tenant_id, {"acme": Provider()})
    assert await balance(yard, "psp_fees") == 29 * 2 + 30 * 3 + 10
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        listed = await comparing.list_differences(conn, yard.tenant_id, kind="unposted", order="oldest", limit=9)
    assert [each.reference for each in listed] == ["txn_1", "txn_2"]


async def test_a_charge_whose_capture_is_booked_after_it_was_available_still_gives_the_host_their_share(
    yard: Yard,
) -> None:
    site = yard.site()
    station = yard.station(site_id=site)
    host = await a_host(yard)
    await rules(yard, host, site, a_rule(), yard.clock.now() - timedelta(days=9))
    other = await a_session(yard, station)
    # The answer to this one's capture was lost: the provider knows of it, the journal does not.
    paid = Paid(
        yard, yard.session(station, timedelta(hours=2), timedelta(hours=1), 20_000), "pi-lost", other.bill, 1190
    )
    provider = Provider([a_movement(1, 1190, yard.clock.now(), intent=paid.intent)])
    nights = Reconciler(yard.tenants, yard.clock)
    yard.clock.advance(86_400 * 3)
    await nights.reconcile(yard.tenant_id, {"acme": provider})
    assert await owed(yard, host) == 0
    await paid.capture()
    for _ in range(2):
        await nights.reconcile(yard.tenant_id, {"acme": provider})
        assert await owed(yard, host) == 700


async def by_hand(yard: Yard, entry: Entry) -> None:
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        await post(conn, yard.tenant_id, entry)


class Fails:
    """Tells what no program understands."""

    async def list_movements(self, since: datetime, until: datetime, after: str | None = None) -> Page:
        raise ValueError("a word that nobody knows")


async def test_a_night_that_fails_for_one_organisation_or_one_account_is_done_for_all_others(
    yard: Yard, database: Database
) -> None:
    yard.clock.set(datetime(2026, 3, 2, 5, 0, tzinfo=UTC))
    other = Yard(yard.admin, yard.worker, yard.tenants, yard.clock)
    assert yard.tenant_id < other.tenant_id
    hosts = []
    for each in (yard, other):
        await a_bank(each)
        site = each.site()
        hosts.append(await a_host(each))
        await rules(each, hosts[-1], site, a_rule(), yard.clock.now() - timedelta(days=9))
        await (await a_session(each, each.station(site_id=site))).follow(settled=True)
    paid = await a_session(other, other.station(site_id=site))
    moved = a_movement(1, paid.captured, yard.clock.now() - timedelta(days=3), intent=paid.intent)

    async def accounts(tenant_id: int) -> dict[str, Any]:
        assert tenant_id != yard.tenant_id, "its accounts can't be read"
        return {} if tenant_id != other.tenant_id else {"aaa": Fails(), "acme": Provider([moved])}

    await MoneyJobs(yard.worker, yard.tenants, yard.clock, SECRET, accounts).night()
    assert [await owed(yard, hosts[0]), await owed(other, hosts[1])] == [700, 0]
    [row] = other.rows("SELECT amount FROM payouts WHERE tenant_id = %s", other.tenant_id)
    assert row["amount"] == 1400, "what was settled by the account behind the one that fails is in it"


CAMT = """<?xml version="1.0"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>
<Stmt><Id>S1</Id>{}</Stmt></BkToCstmrStmt></Document>"""


def a_line(
    amount: str, way: str = "DBIT", *, name: str, end: str = "", back: str = "", text: str = "", on: str = "2026-03-02"
) -> str:
    return (
        f'<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{way}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>'
        f"<BookgDt><Dt>{on}</Dt></BookgDt><AcctSvcrRef>{name}</AcctSvcrRef><NtryDtls><TxDtls>"
        f"<Refs><EndToEndId>{end}</EndToEndId></Refs><RmtInf><Ustrd>{text}</Ustrd></RmtInf>"
        + (f"<RtrInf><Rsn><Cd>{back}</Cd></Rsn></RtrInf>" if back else "")
        + "</TxDtls></NtryDtls></Ntry>"
    )


async def test_a_banks_statement_books_payouts_bounces_what_came_back_and_lists_the_rest(yard: Yard) -> None:
    yard.clock.set(datetime(2026, 3, 2, 5, 0, tzinfo=UTC))
    await a_bank(yard)
    hosts = []
    for name in ("Ada", "Bo", "Cy"):
        site = yard.site()
        hosts.append(await a_host(yard, name))
        await rules(yard, hosts[-1], site, a_rule(), yard.clock.now() - timedelta(days=9))
        await (await a_session(yard, yard.station(site_id=site))).follow(settled=True)
    assert await Payouts(yard.tenants, yard.clock, Bank(SECRET)).pay(yard.tenant_id, {}) == 3
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        made = await kept.list_payouts(conn, yard.tenant_id, order="oldest", limit=9)
        await post(
            conn, yard.tenant_id,
            entries.settlement(movement="m", at=yard.clock.now(), account="acme", currency="EUR", amount=5000),
        )  # fmt: skip
    first, second, third = (f"PAYOUT-{row.payout_id}" for row in made)
    statement = CAMT.format(
        a_line("7.00", name="a", end=first)
        + a_line("7.00", name="b", end=second)
        + a_line("7.00", "CRDT", name="c", end=second, back="AC04", on="2026-03-03")
        + a_line("6.99", name="d", end=third)
        + a_line("50.00", "CRDT", name="e", text="STRIPE PAYOUT")
        + a_line("120.00", "CRDT", name="f", text="Invoice 12")
        + '<Ntry><Amt Ccy="EUR">1.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>PDNG</Sts></Ntry>'
    ).encode()
    nights = Reconciler(yard.tenants, yard.clock)
    for new in (6, 0):
        taken = await nights.read_statement(yard.tenant_id, statement)
        assert (taken.lines, taken.new, taken.matched, taken.unmatched) == (6, new, 4, 2)
    assert [await owed(yard, host) for host in hosts] == [0, 700, 0]
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        rows = await kept.list_payouts(conn, yard.tenant_id, order="oldest", limit=9)
        assert [(row.state, row.booked_on) for row in rows] == [
            ("paid", date(2026, 3, 2)), ("bounced", date(2026, 3, 2)), ("paid", None),
        ]  # fmt: skip
        listed = await comparing.list_differences(conn, yard.tenant_id, order="oldest", limit=9)
        assert sorted((each.kind, each.said, each.booked) for each in listed) == [
            ("bank_amount", -699, -700), ("bank_unknown", 12_000, None),
        ]  # fmt: skip
        [line] = [
            each for each in await bank.list_lines(conn, yard.tenant_id, matched=False, limit=9) if each.amount > 0
        ]
        # Who pays for homes may be no fleet here; it owed something once.
        yard.rows("INSERT INTO ledger_accounts (tenant_id, name) VALUES (%s, 'fleet_receivable:post')", yard.tenant_id)
        await nights.assign(conn, an_actor(yard.tenant_id), line.line_id, "post")
        standing = await comparing.list_differences(conn, yard.tenant_id, limit=9)
        assert [each.kind for each in standing] == ["bank_amount"], "what was seen to is listed no more"
    assert await balance(yard, "fleet_receivable:post") == -12_000
    yard.clock.advance(86_400 * 9)
    assert [each.kind for each in await nights.compare_bank(yard.tenant_id)] == ["bank_amount", "bank_missing"]
    # What an earlier file left is no line of the next one.
    later = await nights.read_statement(yard.tenant_id, CAMT.format(a_line("3.00", name="z", text="Rent")).encode())
    assert (later.lines, later.new, later.matched, later.unmatched) == (1, 1, 0, 1)


async def test_a_payout_that_the_bank_carries_out_or_sends_back_once_more_is_a_difference_until_it_is_even(
    yard: Yard,
) -> None:
    yard.clock.set(datetime(2026, 3, 2, 5, 0, tzinfo=UTC))
    await a_bank(yard)
    site = yard.site()
    host = await a_host(yard)
    await rules(yard, host, site, a_rule(), yard.clock.now() - timedelta(days=9))
    await (await a_session(yard, yard.station(site_id=site))).follow(settled=True)
    assert await Payouts(yard.tenants, yard.clock, Bank(SECRET)).pay(yard.tenant_id, {}) == 1
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        [made] = await kept.list_payouts(conn, yard.tenant_id, limit=9)
        [file] = await kept.list_files(conn, yard.tenant_id, limit=9)
    end, nights = f"PAYOUT-{made.payout_id}", Reconciler(yard.tenants, yard.clock)

    async def says(way: str, name: str, **about: str) -> list[tuple[Any, ...]]:
        statement = CAMT.format(a_line("7.00", way, name=name, back="AC04" if way == "CRDT" else "", **about))
        await nights.read_statement(yard.tenant_id, statement.encode())
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            listed = await comparing.list_differences(conn, yard.tenant_id, order="oldest", limit=9)
        return [(each.kind, each.reference, each.said, each.booked) for each in listed]

    assert await says("DBIT", "a", end=end) == []
    # The same file was given to the bank again.
    second = ("bank_twice", "b", -700, -700)
    assert await says("DBIT", "b", end=end) == [second]
    assert await says("CRDT", "c", end=end) == []
    assert await owed(yard, host) == 0, "the first one is still there"
    assert await says("CRDT", "d", end=end) == []
    assert await owed(yard, host) == 700
    assert await says("CRDT", "e", end=end) == [("bank_twice", "e", 700, 700)]
    assert await owed(yard, host) == 700
    # As one sum, by the name of the file.
    listed = await says("DBIT", "f", text=f"SEPA {file.message}")
    assert listed[1:] == [("bank_twice", "f", -700, -700)]


async def test_hosts_whose_payouts_come_back_are_held_in_one_order_whatever_the_order_of_the_lines(
    yard: Yard,
) -> None:
    yard.clock.set(datetime(2026, 3, 2, 5, 0, tzinfo=UTC))
    await a_bank(yard)
    hosts = []
    for name in ("Ada", "Bo"):
        site = yard.site()
        hosts.append(await a_host(yard, name))
        await rules(yard, hosts[-1], site, a_rule(), yard.clock.now() - timedelta(days=9))
        await (await a_session(yard, yard.station(site_id=site))).follow(settled=True)
    assert await Payouts(yard.tenants, yard.clock, Bank(SECRET)).pay(yard.tenant_id, {}) == 2
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        made = await kept.list_payouts(conn, yard.tenant_id, order="newest", limit=9)
    back = [
        a_line("7.00", "CRDT", name=str(each.host_id), end=f"PAYOUT-{each.payout_id}", back="AC04") for each in made
    ]
    nights = Reconciler(yard.tenants, yard.clock)
    reading = nights.read_statement(yard.tenant_id, CAMT.format("".join(back)).encode())
    await never_crossed(yard, hosts[0], hosts[1], reading)
    assert [await owed(yard, host) for host in hosts] == [700, 700]


@pytest.mark.parametrize(
    "content",
    [
        b"", b"<Document/>", b"no xml", CAMT.format(a_line("1.005", name="a")).encode(),
        CAMT.format(a_line("-1", name="a")).encode(), CAMT.format(a_line("1", "BOTH", name="a")).encode(),
        b'<!DOCTYPE a [<!ENTITY b "c">]>' + CAMT.partition("?>")[2].format("").encode(),
        ('<!DOCTYPE a [<!ENTITY b "c">]>' + CAMT.partition("?>")[2].format("")).encode("utf-16"),
    ],
)  # fmt: skip
def test_what_is_no_statement_is_refused(content: bytes) -> None:
    with pytest.raises(StatementUnreadable):
        camt.read(content)


@pytest.mark.parametrize(
    ("said", "since", "until"),
    [
        ("", "2026-03-02", "2026-03-02"),
        ("<FrToDt><FrDtTm>2026-03-01T00:00:00+01:00</FrDtTm><ToDtTm>2026-03-05T23:59:59+01:00</ToDtTm></FrToDt>",
         "2026-03-01", "2026-03-05"),
        ("<FrToDt><ToDtTm>2026-03-05T00:00:00</ToDtTm></FrToDt>", "2026-03-02", "2026-03-04"),
        ("<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Dt><Dt>2026-03-01</Dt></Dt></Bal>"
         "<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Dt><Dt>2026-03-04</Dt></Dt></Bal>",
         "2026-03-02", "2026-03-04"),
        ("<FrToDt><FrDtTm>2026-03-01T00:00:00</FrDtTm><ToDtTm>2026-03-03T00:00:00</ToDtTm></FrToDt></Stmt><Stmt>"
         "<FrToDt><FrDtTm>2026-03-03T00:00:00</FrDtTm><ToDtTm>2026-03-04T00:00:00</ToDtTm></FrToDt>",
         "2026-03-01", "2026-03-03"),
    ],
)  # fmt: skip
def test_a_statement_says_from_and_up_to_which_day_it_goes(said: str, since: str, until: str) -> None:
    read = camt.read(CAMT.format(said + a_line("1.00", name="a")).encode())
    assert (read.from_on, read.until_on) == (date.fromisoformat(since), date.fromisoformat(until))
    assert len(read.lines) == 1
