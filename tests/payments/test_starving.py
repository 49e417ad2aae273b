"""A provider that hangs for one organisation: others' payments go on, and so do the stops of its own sessions."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from forecourt.payments.intents.answering import MISSES, REST_FIRST, Answering
from forecourt.payments.intents.model import State
from forecourt.payments.intents.sweeper import EACH, Sweeper
from forecourt.payments.providers.stripe import StripeKeys
from tests.ground import Ground
from tests.payments.till import Till, a_till
from tests.sandbox import Sandbox
from tests.support import FakeClock

#: A provider hangs for as long as it takes to tell who waits for it; what doesn't hang is over long before.
SOON_S, HANG_S = 60.0, 90.0


@asynccontextmanager
async def sweeping(sweeper: Sweeper) -> AsyncIterator[None]:
    running = asyncio.create_task(sweeper.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(SOON_S):
        while not true():
            await asyncio.sleep(0.02)


def hanging(box: Sandbox) -> int:
    return int(box.control("")["fault_counts"].get("timeout", 0))


async def own(till: Till, by: Till) -> None:
    """The organisation's own account, which the adapters of another till open as well."""
    async with till.tenants.tenant(till.tenant_id) as conn:
        keys = StripeKeys(secret_key=till.box.key, hook_secret="whsec_x")
        till.account_id = (await by.providers.add(conn, till.actor, "own", keys)).account_id
    for opened in (await by.providers.by_name(till.tenant_id)).values():
        opened._deadline_s = 10 * HANG_S  # type: ignore[attr-defined]


async def nobody(**_: Any) -> None:
    """Stands for a job that was lost: only a look finds what it was to do."""


async def test_a_provider_that_hangs_for_one_organisation_keeps_no_other_waiting(
    ground: Ground, clock: FakeClock, box: Sandbox, till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_till(ground, clock, box) as slow:
        await own(slow, till)
        charges = await slow.paid(evse=2)
        await slow.work()
        session_id = slow.plug_in(charges, wh=1_000, over=False)
        await slow.work()
        for _ in range(12):
            await slow.begin()
        taken = await till.paid()
        await till.work()
        monkeypatch.setattr(till.jobs, "priced", nobody)
        till.plug_in(taken, wh=2_000)
        slow.go_on(session_id, wh=70_000, over=False)
        await till.work()
        await slow.work()
        late = clock.now() - timedelta(seconds=40)
        slow.rows(
            "UPDATE payment_intents SET next_at = %s, read_at = NULL, may_increment = false WHERE tenant_id = %s",
            late, slow.tenant_id,
        )  # fmt: skip
        later = clock.now() + timedelta(days=1)
        till.rows("UPDATE payment_intents SET next_at = %s WHERE tenant_id = %s", later, till.tenant_id)
        till.stations.asked.clear()
        box.faults(match="*", account=slow.box.account, timeout=1.0, hang_s=HANG_S)
        try:
            async with sweeping(till.sweeper):
                await until(lambda: hanging(box) >= EACH)
                till.rows("UPDATE payment_intents SET next_at = %s WHERE tenant_id = %s", clock.now(), till.tenant_id)
                await until(lambda: till.happened("capture"))
                await until(lambda: till.stations.stops)
                assert hanging(box) == EACH, "no more than its share of the looks is held"
        finally:
            box.faults()


def test_an_account_that_never_answers_is_asked_by_one_after_growing_rests() -> None:
    answering, account, now = Answering(), uuid4(), datetime(2026, 11, 27, tzinfo=UTC)
    for _ in range(MISSES):
        assert answering.may_ask(account, now)
        answering.missed(account, now)
    for rest in (REST_FIRST, 2 * REST_FIRST):
        assert not answering.may_ask(account, now + rest - timedelta(seconds=1))
        assert answering.resting(now) == {account}
        now += rest
        assert answering.resting(now) == set()
        assert [answering.may_ask(account, now) for _ in range(3)] == [True, False, False]
        answering.missed(account, now)
    answering.answered(account)
    assert [answering.may_ask(account, now) for _ in range(2)] == [True, True]


async def test_a_read_that_nobody_answers_is_made_again_after_growing_pauses(till: Till) -> None:
    intent = await till.begin()
    till.box.faults(match="*", account=till.box.account, error=1.0)
    try:
        waits = []
        for _ in range(6):
            [due] = till.rows("SELECT next_at FROM payment_intents WHERE intent_id = %s", intent.intent_id)
            till.clock.set(due["next_at"])
            await till.sweeper.sweep()
            [missed] = till.rows("SELECT read_next_at FROM payment_intents WHERE intent_id = %s", intent.intent_id)
            waits.append((missed["read_next_at"] - till.clock.now()).total_seconds())
        assert waits == [30, 60, 120, 240, 300, 300]
    finally:
        till.box.faults()
    # Who asks by a hint is answered at once.
    assert intent.reference is not None
    await asyncio.to_thread(till.box.pay, intent.reference)
    await till.payments.saga.heed(till.tenant_id, intent.intent_id)
    found = await till.find(intent)
    assert (found.state, found.reads_missed, found.read_next_at) == (State.AUTHORISED, 0, None)
