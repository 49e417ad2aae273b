"""Thirty days with three hosts, by a clock that is set: what is settled is paid by the next banking day, whatever comes
back, and the statements of hosts, the ledger, the files for the bank and what the bank says of them are the same."""

import asyncio
import csv
import io
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest_asyncio
from msgspec import Struct

from forecourt.payments.bank.days import is_banking_day
from forecourt.payments.bank.model import Bank, shown
from forecourt.payments.files import plain
from forecourt.payments.hosts import statement
from forecourt.payments.hosts.paper import statement_pdf
from forecourt.payments.hosts.payouts import Payouts
from forecourt.payments.hosts.sepa import payout_of, reference_of
from forecourt.payments.hosts.store import hosts as store
from forecourt.payments.hosts.store import payouts as kept
from forecourt.payments.hosts.store.hosts import HostRow
from forecourt.payments.ledger import store as ledger
from forecourt.payments.reconcile.service import Reconciler
from forecourt.platform.errors import ForecourtError
from forecourt.platform.money import Money
from tests.care.yard import Yard
from tests.ground import Ground
from tests.http import House, Tenant
from tests.payments.hosts import IBANS, SECRET, Paid, a_bank, a_host, a_rule, a_session, balance, owed, rules
from tests.payments.test_books import bean_check
from tests.payments.test_reconcile import CAMT, a_line

BEGIN = datetime(2026, 3, 20, 4, 0, tzinfo=UTC)
NS = "{urn:iso:std:iso:20022:tech:xsd:pain.001.001.09}"
SETTLES_AFTER = timedelta(days=2)


def said_of(row: kept.PayoutRow, way: str, name: str, on: str, back: str = "") -> str:
    """A payout as a line of the bank's statement."""
    amount = f"{row.amount // 100}.{row.amount % 100:02d}"
    return a_line(amount, way, name=name, end=reference_of(row.payout_id), back=back, on=on)


@pytest_asyncio.fixture
async def yard(ground: Ground, house: House, tenant: Tenant) -> Yard:
    worker = await ground.pool("forecourt_worker", 1)
    return Yard(ground.admin, worker, house.db, house.clock, tenant_id=tenant.tenant_id)


class Gone(ForecourtError):
    """The provider said nothing."""

    status = 504


class Sent(Struct):
    reference: str


class Provider:
    """Moves money once for each key; its first answer to each third key is lost on the way."""

    def __init__(self) -> None:
        self.moved: dict[str, int] = {}
        self.lost = 0

    async def find_transfer(self, host: str, ours: str, since: datetime) -> Sent | None:
        return None

    async def transfer(self, host: str, amount: Money, key: str, ours: str) -> Sent:
        assert host == "acct_c"
        if key not in self.moved:
            self.moved[key] = amount.amount
            if len(self.moved) % 3 == 0:
                self.lost += 1
                raise Gone
        assert self.moved[key] == amount.amount
        return Sent(f"tr_{key}")


async def files_of(yard: Yard) -> dict[int, tuple[str, int, date]]:
    """Every transfer that the bank was asked for, by the payout: IBAN, cents, day."""
    found = {}
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        for row in await kept.list_files(conn, yard.tenant_id, limit=100):
            document = ElementTree.fromstring(Bank(SECRET).open(row.sealed).encode())
            day = document.find(f".//{NS}ReqdExctnDt/{NS}Dt")
            assert day is not None
            assert day.text is not None
            for each in document.iter(f"{NS}CdtTrfTxInf"):
                texts = [each.findtext(path) or "" for path in (
                    f"{NS}PmtId/{NS}EndToEndId", f"{NS}Amt/{NS}InstdAmt", f"{NS}CdtrAcct/{NS}Id/{NS}IBAN",
                )]  # fmt: skip
                number = payout_of(texts[0])
                assert number is not None
                found[number] = texts[2], int(texts[1].replace(".", "")), date.fromisoformat(day.text)
            assert document.findtext(f".//{NS}GrpHdr/{NS}NbOfTxs") == str(row.payouts)
    return found


class Month:
    """The yard with three hosts, and what they were owed and paid from day to day."""

    def __init__(self, yard: Yard) -> None:
        self.yard, self.provider, self.chance = yard, Provider(), random.Random(30)
        self.hosts: list[HostRow] = []
        self.stations: list[int] = []
        self.waiting: list[tuple[datetime, Paid]] = []
        self.settled: list[Paid] = []
        self.payouts = Payouts(yard.tenants, yard.clock, Bank(SECRET))
        self.nights = Reconciler(yard.tenants, yard.clock)
        #: Payouts that the bank has booked.
        self.booked: set[int] = set()

    async def open(self) -> None:
        await a_bank(self.yard)
        for name, values in (
            ("Ada", {"iban": IBANS[0]}),
            ("Bo", {"iban": IBANS[1], "payout_minimum": 500}),
            ("Cy", {"iban_sealed": None, "iban_shown": "", "connect_account": "acct_c", "connect_by": "acme"}),
        ):
            site = self.yard.site()
            host = await a_host(self.yard, name, **values)
            await rules(self.yard, host, site, a_rule(), BEGIN - timedelta(days=1))
            self.hosts.append(host)
            self.stations.append(self.yard.station(site_id=site))

    async def day(self) -> None:
        """Early: what was settled is told and hosts are paid. Then cars come."""
        now = self.yard.clock.now()
        for at, paid in [each for each in self.waiting if each[0] <= now]:
            await paid.follow(settled=True)
            self.waiting.remove((at, paid))
            self.settled.append(paid)
        held = {row["host_id"] for row in self.yard.rows("SELECT host_id FROM hosts WHERE held_at IS NOT NULL")}
        await self.pay()
        for host in self.hosts:
            if host.host_id not in held and is_banking_day(now.date(), "EUR"):
                assert await owed(self.yard, host) < max(host.payout_minimum, 1), f"{host.name} is paid on {now}"
        await self.bank_says()
        self.yard.clock.advance(12 * 3600)
        for station in self.stations:
            for _ in range(self.chance.randrange(3)):
                paid = await a_session(self.yard, station, energy_wh=self.chance.randrange(500, 60_000))
                self.waiting.append((self.yard.clock.now() + SETTLES_AFTER, paid))
        self.yard.clock.advance(12 * 3600)

    async def bank_says(self, *, back: tuple[kept.PayoutRow, str] | None = None) -> None:
        """The bank's statement of a day: what it was asked to pay since the last one, and what came back of it."""
        async with self.yard.tenants.tenant(self.yard.tenant_id) as conn:
            rows = await kept.list_payouts(conn, self.yard.tenant_id, order="oldest", limit=200)
        on = f"{self.yard.clock.now():%Y-%m-%d}"
        lines = []
        for row in rows:
            if row.way == "sepa" and row.payout_id not in self.booked:
                self.booked.add(row.payout_id)
                lines.append(said_of(row, "DBIT", f"out-{row.payout_id}", on))
        if back is not None:
            lines.append(said_of(back[0], "CRDT", f"back-{back[0].payout_id}", on, back=back[1]))
        if lines:
            content = CAMT.format("".join(lines)).encode()
            assert (await self.nights.read_statement(self.yard.tenant_id, content)).unmatched == 0

    async def pay(self) -> None:
        """Twice, as one that was killed and begun again; the provider's answer is known at the end."""
        for _ in range(2):
            await self.payouts.pay(self.yard.tenant_id, {"acme": self.provider})

    async def last_of(self, host: HostRow) -> kept.PayoutRow:
        async with self.yard.tenants.tenant(self.yard.tenant_id) as conn:
            return (await kept.list_payouts(conn, self.yard.tenant_id, host_id=host.host_id, state="paid", limit=1))[0]

    async def correct(self, host: HostRow, iban: str) -> None:
        """The host says a bank account that exists."""
        changes = {"iban_sealed": Bank(SECRET).close(iban), "iban_shown": shown(iban), "held_at": None}
        async with self.yard.tenants.tenant(self.yard.tenant_id) as conn:
            await store.update_host(conn, self.yard.tenant_id, host.host_id, changes)

    def paid_at(self, number: int) -> list[Paid]:
        """Settled and paid out payments of the station of this number."""
        rows = self.yard.rows("SELECT session_id FROM sessions WHERE station_id = %s", self.stations[number])
        sessions = {row["session_id"] for row in rows}
        return [each for each in self.settled if each.session in sessions]


async def test_thirty_days_with_three_hosts(yard: Yard, tenant: Tenant, tmp_path: Path) -> None:
    yard.clock.set(BEGIN)
    month = Month(yard)
    await month.open()
    ada, bo, cy = month.hosts
    for number in range(30):
        await month.day()
        if number == 9:
            bounced = await month.last_of(bo)
            before = await owed(yard, bo)
            await month.bank_says(back=(bounced, "AC01"))
            assert await owed(yard, bo) == before + bounced.amount
        if number == 12:
            assert await owed(yard, bo) >= bounced.amount, "nothing is sent to an account that sends it back"
            await month.correct(bo, IBANS[2])
        if number == 15:
            refunded = month.paid_at(0)[-1]
            await refunded.refund(refunded.captured)
            disputed, lost = month.paid_at(2)[-1], month.paid_at(0)[-2]
            for each in (disputed, lost):
                await each.dispute()
        if number == 20:
            # More than they will be owed for days: what they owe is carried and netted.
            for paid in month.paid_at(0)[:4]:
                await paid.refund(paid.captured)
            assert await owed(yard, ada) < 0
        if number == 22:
            await disputed.dispute(won=True)
        if number == 24:
            # The host was paid for it, and gave it back when it was opened: now it is the operator's loss.
            before = await owed(yard, ada)
            await lost.dispute(won=False)
            assert await owed(yard, ada) == before
    for _ in range(4):
        await month.day()

    assert month.provider.lost > 2, "the provider's answers were to be lost"
    files, all_paid = await files_of(yard), 0
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        rows = await kept.list_payouts(conn, yard.tenant_id, limit=200)
        bank = await ledger.balance_of(conn, yard.tenant_id, "bank", "EUR")
        balances = await ledger.list_balances(conn, yard.tenant_id)
        told = [
            await statement.read(conn, yard.tenant_id, "Operator", host.host_id, "EUR", BEGIN, yard.clock.now())
            for host in month.hosts
        ]
        listed = await statement.read_lines(conn, yard.tenant_id, told[0], limit=5)
    assert sum(row.balance for row in balances) == 0
    for row in rows:
        assert row.state == ("bounced" if row.payout_id == bounced.payout_id else "paid")
        assert is_banking_day(row.execution_on, "EUR")
        if row.way == "sepa":
            iban, cents, day = files.pop(row.payout_id)
            assert (cents, day, shown(iban)) == (row.amount, row.execution_on, row.bank_shown)
            all_paid += 0 if row.state == "bounced" else cents
    assert files == {}, "the bank was asked for nothing else"
    assert bank == -all_paid
    await check_the_bank(yard, bank)
    assert await balance(yard, "disputes") == 0
    assert await balance(yard, "write_offs") == lost.captured
    by_provider = sum(row.amount for row in rows if row.way == "connect")
    assert by_provider == sum(month.provider.moved.values())
    for host, tale in zip(month.hosts, told, strict=True):
        assert tale.closing == await owed(yard, host)
        sent = {row.payout_id: row.amount for row in rows if row.host_id == host.host_id}
        parts = [part async for part in statement.as_csv(yard.tenants, yard.tenant_id, tale, "https://c.test")]
        sheet = list(csv.DictReader(io.StringIO("".join(parts))))
        assert {int(line["payout"]): line["amount"] for line in sheet if line["kind"] == "payout"} == {
            number: f"-{plain(amount, 'EUR')}" for number, amount in sent.items()
        }
        assert sheet[-1]["balance"] == sheet[-2]["balance"] == plain(tale.closing, "EUR")
        for line in sheet[1:-1]:
            if line["kind"].startswith("host_share"):
                assert line["session_url"] == f"https://c.test/sessions/{line['session']}"
                assert line["session"] in line["signed_values_url"]
    assert await balance(yard, f"host_payable:{cy.host_id}") == -told[2].closing
    answer = await (await tenant.client()).get("/api/v1/ledger/export.beancount")
    assert answer.text.count(" balance ") == len({row.account for row in balances})
    (tmp_path / "month.beancount").write_text(answer.text)
    found = bean_check(tmp_path / "month.beancount")
    assert (found.returncode, found.stdout + found.stderr) == (0, "")
    assert statement_pdf(told[0], listed, "https://c.test").startswith(b"%PDF")


async def check_the_bank(yard: Yard, ledger_says: int) -> None:
    """What the bank booked is what the ledger says of it, line by line and in all."""
    lines = yard.rows("SELECT amount, matched_by FROM bank_lines WHERE tenant_id = %s", yard.tenant_id)
    assert sum(line["amount"] for line in lines) == ledger_says
    assert {line["matched_by"] for line in lines} == {"payout", "return"}
    assert await Reconciler(yard.tenants, yard.clock).compare_bank(yard.tenant_id) == []


async def test_two_runs_at_once_pay_a_host_once(yard: Yard) -> None:
    yard.clock.set(datetime(2026, 3, 24, 4, 0, tzinfo=UTC))
    month = Month(yard)
    await month.open()
    for station in month.stations:
        await (await a_session(yard, station)).follow(settled=True)
    providers = {"acme": month.provider}
    await asyncio.gather(*(month.payouts.pay(yard.tenant_id, providers) for _ in range(3)))
    assert [await owed(yard, host) for host in month.hosts] == [0, 0, 0]
    rows = yard.rows("SELECT amount FROM payouts WHERE tenant_id = %s", yard.tenant_id)
    assert [row["amount"] for row in rows] == [700, 700, 700]
    assert list(month.provider.moved.values()) == [700]
