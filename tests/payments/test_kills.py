"""Processes that are killed while money moves: held, taken, given back and paid out. Nothing is lost, nothing is done
twice, each kill is proven to hit a transaction of money in flight, and a minute after the restart nothing is open.

FORECOURT_PAYMENT_KILLS sets how many are killed: the benchmarks kill a hundred. FORECOURT_PAYMENT_KILL_REPORT is a file
that takes a line of JSON for what each kill hit, and one for the whole.
"""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from forecourt.payments.bank.model import Bank
from forecourt.payments.hosts.payouts import Payouts
from forecourt.payments.hosts.store.hosts import HostRow
from forecourt.payments.intents.model import FINAL, Intent, State
from tests.care.yard import Yard
from tests.conftest import Database
from tests.ground import Ground
from tests.payments.hosts import IBANS, SECRET, a_bank, a_host, a_rule, a_session, owed, rules
from tests.payments.test_faults import check_the_books
from tests.payments.till import Till, a_till
from tests.sandbox import sandbox
from tests.simulator.provider.said import connected, taken
from tests.support import WAIT_S, FakeClock

KILLS = int(os.environ.get("FORECOURT_PAYMENT_KILLS") or 15)
#: What is at work when it is killed, in turn; and where, for each kind in turn.
KINDS = ("hold", "capture", "refund", "payout", "file")
PLACES = ("keeping", "after", "in", "before")
#: Payments that are carried on, and killed, together.
AT_ONCE = 4
#: What may be open for so long after a restart, and how often it is looked at then.
FINAL_WITHIN = timedelta(seconds=60)
LOOK_S = 5
#: A day on which banks work, whenever the test runs.
PAYDAY = datetime(2026, 3, 24, 4, 0, tzinfo=UTC)
#: Of the new payments that are killed; those that there are are below.
FIRST_EVSE = 10_000


class Plan(Struct, frozen=True, kw_only=True):
    """One kill: the process `number` stands still at a place of what it does."""

    number: int
    kind: str
    place: str


class Killer:
    """Has processes made on a till, and kills each where it stands still."""

    def __init__(self, till: Till, database: Database, process: asyncio.subprocess.Process) -> None:
        self.till, self.database, self._process = till, database, process
        self._there: dict[int, asyncio.Future[int]] = {}
        self.hit: Counter[tuple[str, str]] = Counter()

    async def hear(self) -> None:
        """Which process has come to its place."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            number, pid = line.split()
            self._there[int(number)].set_result(int(pid))

    async def strike(self, plan: Plan, intent: Intent | None = None) -> None:
        """One process, killed where the plan says, once it has said that it is there."""
        there = self._there[plan.number] = asyncio.get_running_loop().create_future()
        wanted = {
            "number": plan.number, "kind": plan.kind, "place": plan.place, "url": self.database.url,
            "address": self.till.box.address, "key": self.till.box.key, "tenant_id": self.till.tenant_id,
            "station": self.till.station, "evse": FIRST_EVSE + plan.number,
            "intent": "" if intent is None else str(intent.intent_id), "day": PAYDAY.isoformat(),
        }  # fmt: skip
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps(wanted)}\n".encode())
        async with asyncio.timeout(WAIT_S):
            pid = await there
            os.kill(pid, signal.SIGKILL)
            while Path(f"/proc/{pid}").exists():
                await asyncio.sleep(0.01)
        self.hit[plan.kind, plan.place] += 1
        report(number=plan.number, kind=plan.kind, place=plan.place)


@asynccontextmanager
async def a_killer(till: Till, database: Database) -> AsyncIterator[Killer]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.payments.payer", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    killer = Killer(till, database, process)
    hearing = asyncio.create_task(killer.hear())
    try:
        yield killer
    finally:
        process.kill()
        await process.wait()
        await hearing


@asynccontextmanager
async def a_payday(till: Till, database: Database) -> AsyncIterator["Payday"]:
    clock = FakeClock(PAYDAY)
    yard = Yard(till.admin, till.worker, till.tenants, clock, tenant_id=till.tenant_id)
    yield await Payday(till, yard).opened()


class Payday:
    """Two hosts, one paid by the provider and one by files for a bank, and what came of each kill of a payout."""

    def __init__(self, till: Till, yard: Yard) -> None:
        self.till, self.yard = till, yard
        self.hosts: dict[str, tuple[HostRow, int]] = {}
        self.payouts = Payouts(yard.tenants, yard.clock, Bank(SECRET))
        #: What was taken at the provider by hand, so that there is money to pass on.
        self.fund: Any = None

    async def opened(self) -> "Payday":
        await a_bank(self.yard)
        # The organisation's account, as its first payment makes it, with money on it that may be used at once.
        await self.till.paid(evse=FIRST_EVSE - 1)
        self.fund = await asyncio.to_thread(taken, self.till.box, 500_000, "at_once")
        account = await asyncio.to_thread(connected, self.till.box)
        ways: dict[str, dict[str, Any]] = {
            "payout": {"iban_sealed": None, "iban_shown": "", "connect_account": account, "connect_by": "deployment"},
            "file": {"iban": IBANS[1]},
        }
        for kind, values in ways.items():
            site = self.yard.site()
            host = await a_host(self.yard, kind, **values)
            await rules(self.yard, host, site, a_rule(), PAYDAY - timedelta(days=9))
            self.hosts[kind] = host, self.yard.station(site_id=site)
        return self

    async def kill(self, killer: Killer, plan: Plan) -> None:
        """A host is owed something; who pays it is killed, and the next one pays it."""
        host, station = self.hosts[plan.kind]
        await (await a_session(self.yard, station, energy_wh=1_000 * (plan.number + 1))).follow(settled=True)
        due = await owed(self.yard, host)
        assert due > 0
        before = self._made(host)
        await killer.strike(plan)
        # What the process was at is a row that waits for its answer, or nothing at all, and not posted in any case.
        assert await owed(self.yard, host) == due
        assert self._made(host)[len(before) :] == ([("asked", due)] if plan.kind == "payout" else [])
        for _ in range(2):
            await self.payouts.pay(self.yard.tenant_id, await self.till.providers.by_name(self.yard.tenant_id))
        assert await owed(self.yard, host) == 0
        assert self._made(host)[len(before) :] == [("paid", due)]

    def _made(self, host: HostRow) -> list[tuple[str, int]]:
        rows = self.yard.rows("SELECT state, amount FROM payouts WHERE host_id = %s ORDER BY payout_id", host.host_id)
        return [(row["state"], row["amount"]) for row in rows]

    def check(self) -> None:
        """The provider moved what its payouts say, once each, and each file holds those that name it."""
        moved = Counter(row["amount"] for row in self.till.happened("transfer"))
        assert moved == Counter(amount for _, amount in self._made(self.hosts["payout"][0]))
        files = self.yard.rows(
            "SELECT f.total, f.payouts, sum(p.amount)::bigint AS paid, count(*) AS number FROM payout_files f"
            " JOIN payouts p USING (tenant_id, file_id) WHERE f.tenant_id = %s GROUP BY f.file_id, f.total, f.payouts",
            self.yard.tenant_id,
        )
        assert all((row["total"], row["payouts"]) == (row["paid"], row["number"]) for row in files)
        assert sum(row["number"] for row in files) == len(self._made(self.hosts["file"][0]))


def plans_of(kills: int) -> list[Plan]:
    """Each kind in turn, each at each place in turn."""
    return [
        Plan(number=number, kind=KINDS[number % len(KINDS)], place=PLACES[number // len(KINDS) % len(PLACES)])
        for number in range(kills)
    ]


@pytest.mark.kill
async def test_processes_killed_while_money_moves_lose_and_double_nothing(
    ground: Ground, database: Database, clock: FakeClock
) -> None:
    plans = plans_of(KILLS)
    with sandbox() as bank:
        async with (
            a_till(ground, clock, bank) as till,
            a_payday(till, database) as payday,
            a_killer(till, database) as killer,
        ):
            of_payments = [each for each in plans if each.kind not in payday.hosts]
            ready = [await prepare(till, each) for each in of_payments]
            await asyncio.gather(
                kill_payments(killer, of_payments, ready),
                kill_payouts(killer, payday, [each for each in plans if each.kind in payday.hosts]),
            )
            assert killer.hit == Counter((each.kind, each.place) for each in plans)
            # Whatever was killed has left a call behind of which nobody knows what came of it.
            assert open_calls(till) == Counter(each.kind for each in of_payments)
            final_after_s = await restart(till)
            check_the_books(till, besides=[payday.fund.id])
            payday.check()
            check_refunds(till, [each for each in of_payments if each.kind == "refund"])
            report(kills=sum(killer.hit.values()), final_after_s=final_after_s)


def report(**said: Any) -> None:
    """A line of the report, if one is wanted."""
    path = os.environ.get("FORECOURT_PAYMENT_KILL_REPORT")
    if path:
        with Path(path).open("a") as file:
            file.write(f"{json.dumps(said)}\n")


async def kill_payments(killer: Killer, plans: list[Plan], ready: list[Intent | None]) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(plan: Plan, intent: Intent | None) -> None:
        async with gate:
            await killer.strike(plan, intent)

    async with asyncio.TaskGroup() as group:
        for plan, intent in zip(plans, ready, strict=True):
            group.create_task(one(plan, intent))


async def kill_payouts(killer: Killer, payday: Payday, plans: list[Plan]) -> None:
    """One after the other: whoever comes next carries on what the one before left."""
    for plan in plans:
        await payday.kill(killer, plan)


async def prepare(till: Till, plan: Plan) -> Intent | None:
    """A payment that is just before a call of this kind; a hold is the first call of a new one."""
    if plan.kind == "hold":
        return None
    intent = await till.begin(evse=plan.number + 1)
    assert intent.reference is not None
    await asyncio.to_thread(till.box.pay, intent.reference)
    intent = await till.payments.returned(till.tenant_id, intent.intent_id)
    await till.work()
    session_id = till.plug_in(intent, wh=1_000 * (plan.number + 1))
    till.rows("DELETE FROM outbox WHERE tenant_id = %s", till.tenant_id)
    await till.starts.link_session(tenant_id=till.tenant_id, subject=str(session_id))
    await till.work()
    await till.costing.price(tenant_id=till.tenant_id, subject=str(session_id))
    if plan.kind == "refund":
        await till.work()
    till.rows("DELETE FROM outbox WHERE tenant_id = %s", till.tenant_id)
    return intent


def open_calls(till: Till) -> Counter[str]:
    rows = till.rows("SELECT kind FROM payment_calls WHERE tenant_id = %s AND state = 'open'", till.tenant_id)
    return Counter(row["kind"] for row in rows)


async def restart(till: Till) -> float:
    """As after a restart: looks take up whatever was in the air, and drivers who don't pay go away. Within a minute
    every payment is final; after how many seconds of the clock."""
    till.clock.set(max(till.clock.now(), datetime.now(UTC)))
    began = till.clock.now()
    while till.clock.now() - began <= FINAL_WITHIN:
        await till.sweeper.sweep()
        await till.work()
        rows = till.rows("SELECT intent_id, state, page_url FROM payment_intents WHERE tenant_id = %s", till.tenant_id)
        left = [row for row in rows if State(row["state"]) not in FINAL]
        if not left and not open_calls(till):
            return (till.clock.now() - began).total_seconds()
        for row in left:
            if State(row["state"]) is State.AUTHORISED or row["page_url"] is not None:
                await till.payments.abandon(till.tenant_id, row["intent_id"])
        till.clock.advance(LOOK_S)
    raise AssertionError(f"not final after a minute: {left}, {open_calls(till)}")


def check_refunds(till: Till, plans: list[Plan]) -> None:
    """Each was given back once, at the provider and in the journal."""
    given = Counter(row["payment_intent"] for row in till.happened("refund"))
    assert len(given) == len(plans)
    assert set(given.values()) <= {1}
    rows = till.rows(
        "SELECT i.reference FROM journal j JOIN payment_intents i ON i.tenant_id = j.tenant_id"
        " AND i.intent_id::text = j.intent WHERE j.tenant_id = %s AND j.kind = 'refund'",
        till.tenant_id,
    )
    assert Counter(row["reference"] for row in rows) == given
