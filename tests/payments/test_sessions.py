"""A driver pays for a session, from the page to what is posted, over the real provider's wire."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from forecourt.ocpp.neutral import StopCharging
from forecourt.payments.intents import store
from forecourt.payments.intents.errors import ConnectorTaken, NothingOwed, RefundTooHigh
from forecourt.payments.intents.model import MAX_STOPS, Intent, State
from forecourt.payments.intents.saga import HOLD_GONE
from forecourt.payments.intents.sizing import MOST, RAISED_MOST, most_held
from forecourt.sessions.remote import service as remote
from forecourt.sessions.remote.model import EXPIRY_GRACE, START_LIMIT
from forecourt.stations.call_faults import StationOffline
from tests.payments.till import RETURN, Till, a_tariff
from tests.sandbox import Refused

#: A payment is looked at so often while it is open.
LOOK_S = 30


async def test_a_session_is_held_started_captured_once_and_posted(till: Till) -> None:
    intent = await till.begin()
    # 60 kWh at 0.595, half an hour of parking at 7.14: 39.27, so 40 euro.
    assert (intent.state, intent.hold_amount, intent.hold_said["likely"]) == (State.HOLD_REQUESTED, 4000, 3927)
    assert intent.page_url is not None
    assert intent.return_url == f"https://drive.test/pay/{intent.intent_id}"
    assert (await till.payments.returned(till.tenant_id, intent.intent_id)).state is State.HOLD_REQUESTED
    assert intent.reference is not None
    await asyncio.to_thread(till.box.pay, intent.reference)
    intent = await till.payments.returned(till.tenant_id, intent.intent_id)
    assert (intent.state, intent.authorised_amount) == (State.AUTHORISED, 4000)
    assert intent.card is not None
    assert (intent.card.brand, intent.card.last4) == ("visa", "4242")
    assert await till.work() == ["payment.authorised"]
    [start] = till.stations.starts
    assert (start.token.uid, start.token.type, start.evse) == (intent.token_uid, "DirectPayment", 1)
    assert len(start.token.uid) == 20
    session_id = till.plug_in(intent, wh=20_000)
    await till.work()
    intent = await till.find(intent)
    assert (intent.session_id, intent.state, intent.captured_amount) == (session_id, State.CAPTURED, 1190)
    assert intent.next_at is None
    await till.jobs.priced(tenant_id=till.tenant_id, subject=str(session_id))
    await till.settle()
    assert [row["amount"] for row in till.happened("capture")] == [1190]
    assert till.balances() == {
        "psp_receivable:deployment": 1190, "revenue:energy": -1000, "vat_payable:DE:19": -190,
    }  # fmt: skip


async def test_the_bill_never_passes_the_hold_idle_fees_included(till: Till) -> None:
    intent = await till.paid()
    await till.work()
    # 30 kWh and then ten hours of parking: 17.85 and 71.40, of which 40 euro are held.
    session_id = till.plug_in(intent, wh=30_000, minutes=60, over=False)
    await till.work()
    till.clock.advance(10 * 3600)
    till.go_on(session_id, wh=30_000)
    await till.work()
    intent = await till.find(intent)
    assert (intent.state, intent.captured_amount) == (State.CAPTURED, 4000)
    assert till.balances()["psp_receivable:deployment"] == 4000
    [cost] = till.rows("SELECT incl_minor FROM session_costs WHERE session_id = %s", session_id)
    assert cost["incl_minor"] == 4000


async def test_a_running_session_raises_its_hold_where_it_can_and_stops_before_where_it_cannot(till: Till) -> None:
    raised = await till.paid("visa")
    await till.work()
    session_id = till.plug_in(raised, wh=60_000, minutes=60, over=False)
    await till.work()
    till.clock.advance(31)
    await till.sweeper.sweep()
    assert (await till.find(raised)).authorised_amount == 6000
    assert till.stations.stops == []
    till.go_on(session_id, wh=70_000)
    await till.work()
    assert (await till.find(raised)).captured_amount == 4165

    fixed = await till.paid("unionpay", evse=2)
    await till.work()
    till.plug_in(fixed, wh=65_000, minutes=60, over=False)
    await till.work()
    till.clock.advance(31)
    await till.sweeper.sweep()
    [stop] = till.stations.stops
    assert stop.transaction_id
    assert (await till.find(fixed)).authorised_amount == 4000


def stops_of(till: Till, session_id: UUID) -> list[StopCharging]:
    """How often its station was asked to stop a session: the worker looks after other organisations too."""
    [row] = till.rows("SELECT transaction_id FROM sessions WHERE session_id = %s", session_id)
    return [each for each in till.stations.stops if each.transaction_id == row["transaction_id"]]


class Killed(BaseException):
    """A process that is no more."""


async def test_who_dies_between_the_word_and_the_asking_leaves_a_start_that_is_asked_for_once(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    intent = await till.paid()

    async def dies(*_: Any, **__: Any) -> Any:
        raise Killed

    with monkeypatch.context() as gone:
        gone.setattr(remote, "remote_start", dies)
        with pytest.raises(Killed):
            await till.charging.start(till.tenant_id, intent.intent_id)
    # The job is run again at once: whoever asked may be at it still.
    await till.work()
    assert till.stations.starts == []
    till.clock.advance(91)
    await till.sweeper.sweep()
    assert [start.token.uid for start in till.stations.starts] == [intent.token_uid]
    till.clock.advance(91)
    await till.sweeper.sweep()
    assert len(till.stations.starts) == 1
    till.plug_in(await till.find(intent), wh=20_000)
    await till.work()
    assert (await till.find(intent)).captured_amount == 1190


async def test_a_start_that_was_kept_and_never_sent_is_sent_within_the_time_of_the_hold_and_one_that_may_be_never_again(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(*_: Any, **__: Any) -> Any:
        raise Killed

    paid = [await till.paid(evse=evse) for evse in (1, 2)]
    with monkeypatch.context() as gone:
        gone.setattr(till.stations, "command", dies)
        for each in paid:
            with pytest.raises(Killed):
                await till.charging.start(till.tenant_id, each.intent_id)
    # Of the second its command stands there: whoever died may have sent it.
    till.rows("DELETE FROM outbox WHERE tenant_id = %s", till.tenant_id)
    till.rows("UPDATE remote_starts SET asked_by = 'another' WHERE token_uid = %s", paid[1].token_uid)
    till.rows(
        "INSERT INTO commands (tenant_id, station_id, action, payload, asked_by, asked_at, outcome)"
        " VALUES (%s, %s, 'RequestStartTransaction', '{}', 'another', %s, 'sent')",
        till.tenant_id, till.station_id, till.clock.now(),
    )  # fmt: skip
    till.clock.advance((START_LIMIT + EXPIRY_GRACE).total_seconds() + 1)
    await till.starts.settle_due()
    await till.work()
    assert [start.token.uid for start in till.stations.starts] == [paid[0].token_uid]
    assert [(await till.find(each)).state for each in paid] == [State.AUTHORISED] * 2


async def test_a_start_that_was_never_sent_is_asked_for_once_however_often_that_is_told(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks = till.stations.command
    kept: list[UUID] = []

    async def dies(*_: Any, **__: Any) -> Any:
        raise Killed

    async def told_again(*said: Any, **more: Any) -> Any:
        """The start is not recorded yet when the same word comes once more."""
        await till.charging.start_over(till.tenant_id, kept.pop())
        return await asks(*said, **more)

    intent = await till.paid()
    with monkeypatch.context() as gone:
        gone.setattr(till.stations, "command", dies)
        with pytest.raises(Killed):
            await till.charging.start(till.tenant_id, intent.intent_id)
    till.rows("DELETE FROM outbox WHERE tenant_id = %s", till.tenant_id)
    [row] = till.rows("SELECT request_id FROM remote_starts WHERE token_uid = %s", intent.token_uid)
    kept.append(row["request_id"])
    till.clock.advance((START_LIMIT + EXPIRY_GRACE).total_seconds() + 1)
    monkeypatch.setattr(till.stations, "command", told_again)
    await till.starts.settle_due()
    await till.work()
    assert kept == []
    assert [start.token.uid for start in till.stations.starts] == [intent.token_uid]


async def test_raises_end_at_what_the_driver_was_told_and_the_session_is_stopped_there(till: Till) -> None:
    await till.priced(a_tariff("2", "60"))
    intent = await till.paid("visa")
    await till.work()
    session_id = till.plug_in(intent, wh=60_000, minutes=60, over=False)
    await till.work()
    held = []
    # 142.80, and then parked for ever at 71.40 an hour, with a card that every raise is good for.
    for _ in range(60):
        till.clock.advance(300)
        till.go_on(session_id, wh=60_000, over=False)
        await till.work()
        await till.sweeper.sweep()
        held.append((await till.find(intent)).authorised_amount)
        if stops_of(till, session_id):
            break
    assert sorted(set(held)) == [22_500, 30_000]
    assert held[-1] == RAISED_MOST * MOST * 100 == most_held("EUR").amount
    assert len(stops_of(till, session_id)) == 1
    till.clock.advance(24 * 3600)
    till.go_on(session_id, wh=60_000)
    await till.work()
    assert (await till.find(intent)).captured_amount == 30_000


async def test_a_station_that_does_not_stop_is_asked_after_growing_pauses(till: Till) -> None:
    intent = await till.paid("unionpay")
    await till.work()
    session_id = till.plug_in(intent, wh=65_000, minutes=60, over=False)
    await till.work()
    till.stations.answer = StationOffline("away")

    async def asked_by_a_look(later_s: int) -> int:
        till.clock.advance(later_s)
        await till.sweeper.sweep()
        return len(stops_of(till, session_id))

    asked = await asked_by_a_look(LOOK_S)
    assert asked == 1
    # Looks between: 30 s, 1, 2, 4, 8, 16, 32 minutes, and then an hour. It is asked by none before and by the next.
    for pause_s in (30, 60, 120, 240, 480, 960, 1_920, *[3_600] * 4):
        before_s = max(pause_s - 1 - LOOK_S, 0)
        assert await asked_by_a_look(before_s) == asked, pause_s
        assert await asked_by_a_look(pause_s - 1 - before_s) == asked, pause_s
        assert await asked_by_a_look(1 + LOOK_S) == asked + 1, pause_s
        asked += 1
    [steps] = till.rows(
        "SELECT count(*) AS n FROM payment_steps WHERE intent_id = %s AND kind = 'stop_asked'", intent.intent_id
    )
    assert steps["n"] == asked
    # And never more often than anybody could want.
    till.rows(
        "INSERT INTO payment_steps (tenant_id, intent_id, at, kind)"
        " SELECT %s, %s, now(), 'stop_asked' FROM generate_series(1, %s)",
        till.tenant_id, intent.intent_id, MAX_STOPS - asked - 1,
    )  # fmt: skip
    for _ in range(5):
        till.clock.advance(3601)
        await till.sweeper.sweep()
    assert len(stops_of(till, session_id)) == asked + 1


@pytest.mark.parametrize("way", ["offline", "expired", "nobody paid"])
async def test_a_start_that_comes_to_nothing_gives_back_hold_and_connector(till: Till, way: str) -> None:
    if way == "offline":
        till.stations.answer = StationOffline()
    intent = await (till.begin() if way == "nobody paid" else till.paid())
    await till.work()
    if way == "expired":
        till.clock.advance(200)
        await till.starts.settle_due()
        await till.work()
    if way == "nobody paid":
        till.clock.advance(timedelta(minutes=16).total_seconds())
    await till.settle()
    intent = await till.find(intent)
    assert intent.state is (State.ABANDONED if way == "nobody paid" else State.RELEASED)
    assert len(till.happened("cancel")) == (0 if way == "nobody paid" else 1)
    if way == "nobody paid":
        with pytest.raises(Refused):
            await asyncio.to_thread(till.box.pay, str(intent.reference))
    assert till.balances() == {}
    statuses = till.rows("SELECT status FROM tokens WHERE uid = %s", intent.token_uid)
    assert all(row["status"] == "invalid" for row in statuses)
    assert (await till.begin()).state is State.HOLD_REQUESTED


@pytest.mark.parametrize("kept", [False, True])
async def test_a_session_whose_hold_is_given_back_by_hand_is_stopped_and_paid_for_without(
    till: Till, kept: bool
) -> None:
    more: dict[str, Any] = {"payer": "driver:9", "save": True} if kept else {}
    intent = await till.paid(**more)
    await till.work()
    session_id = till.plug_in(intent, wh=1_000, over=False)
    await till.work()
    assert intent.reference is not None
    await asyncio.to_thread(till.box.client.v1.payment_intents.cancel, intent.reference)
    till.clock.advance(601)
    await till.sweeper.sweep()
    await till.work()
    gone = await till.find(intent)
    assert (gone.state, gone.reason) == (State.EXPIRED, HOLD_GONE)
    assert len(stops_of(till, session_id)) == 1
    till.go_on(session_id, wh=2_000)
    await till.work()
    await till.settle()
    over = await till.find(intent)
    expected = (State.CAPTURED, 119, 0) if kept else (State.FAILED, 0, 119)
    assert (over.state, over.captured_amount, over.owed_amount) == expected
    assert till.balances()["revenue:energy"] == -100


async def test_a_connector_is_paid_for_by_one_driver_at_a_time(till: Till) -> None:
    first, second = await till.begin(), await till.begin()
    for each in (second, first):
        assert each.reference is not None
        await asyncio.to_thread(till.box.pay, each.reference)
    assert (await till.payments.returned(till.tenant_id, second.intent_id)).state is State.AUTHORISED
    late = await till.payments.returned(till.tenant_id, first.intent_id)
    assert late.state is State.RELEASED
    assert "quicker" in str(late.reason)
    with pytest.raises(ConnectorTaken):
        await till.begin()
    assert (await till.begin(evse=2)).state is State.HOLD_REQUESTED


async def test_money_goes_back_in_parts_and_never_more_than_was_taken(till: Till) -> None:
    intent = await till.paid()
    await till.work()
    till.plug_in(intent, wh=20_000)
    await till.work()
    part = await till.payments.refund(till.actor, intent.intent_id, 119, "too slow")
    assert (part.state, part.refunded_amount) == (State.CAPTURED, 119)
    assert till.balances() == {
        "psp_receivable:deployment": 1071, "revenue:energy": -900, "vat_payable:DE:19": -171,
    }  # fmt: skip
    with pytest.raises(RefundTooHigh):
        await till.payments.refund(till.actor, intent.intent_id, 1072, "more")
    whole = await till.payments.refund(till.actor, intent.intent_id, None, "goodwill")
    assert (whole.state, whole.refunded_amount) == (State.REFUNDED, 1190)
    assert till.balances() == {}
    assert [row["amount"] for row in till.happened("refund")] == [119, 1071]


async def test_a_session_that_begins_after_its_hold_was_given_back_is_stopped_and_owed(till: Till) -> None:
    intent = await till.paid()
    await till.work()
    till.clock.advance(301)
    await till.sweeper.sweep()
    assert (await till.find(intent)).state is State.RELEASED
    session_id = till.plug_in(intent, wh=1_000, over=False)
    await till.work()
    assert len(till.stations.stops) == 1
    till.go_on(session_id, wh=2_000)
    await till.work()
    late = await till.find(intent)
    assert (late.state, late.owed_amount, late.captured_amount) == (State.FAILED, 119, 0)
    assert till.balances()["driver_receivable"] == 119


async def a_debt(till: Till) -> Intent:
    """A session of 5.95 that began once its hold was given back."""
    intent = await till.paid(payer="driver:7")
    await till.work()
    till.clock.advance(301)
    await till.sweeper.sweep()
    till.plug_in(intent, wh=10_000)
    await till.work()
    intent = await till.find(intent)
    assert (intent.state, intent.owed_amount, intent.captured_amount) == (State.FAILED, 595, 0)
    assert till.balances()["driver_receivable"] == 595
    return intent


async def pay_debt(till: Till) -> Intent:
    return await till.payments.pay_debt(till.tenant_id, "driver:7", return_url=RETURN)


async def on_the_page(till: Till, intent: Intent) -> None:
    assert intent.reference is not None
    await asyncio.to_thread(till.box.pay, intent.reference, "visa")


async def test_a_debt_is_paid_once_however_often_its_payment_is_begun(till: Till) -> None:
    debt = await a_debt(till)
    begun = await asyncio.gather(*(pay_debt(till) for _ in range(4)))
    assert len({each.intent_id for each in begun}) == 1
    paying = await till.find(begun[0])
    await on_the_page(till, paying)
    # Begun once more while nobody has told of it yet: it is the same, and its end is seen.
    assert (await pay_debt(till)).intent_id == paying.intent_id
    paying = await till.payments.returned(till.tenant_id, paying.intent_id)
    assert (paying.state, paying.captured_amount) == (State.CAPTURED, 595)
    assert (await till.find(debt)).owed_amount == 0
    assert "driver_receivable" not in till.balances()
    with pytest.raises(NothingOwed):
        await pay_debt(till)
    assert till.happened("refund") == []
    assert (await till.begin(payer="driver:7", evse=2)).state is State.HOLD_REQUESTED


async def test_what_is_paid_beyond_what_is_still_owed_goes_back(till: Till) -> None:
    debt = await a_debt(till)
    paying = await pay_debt(till)
    await till.payments.write_off(till.actor, debt.intent_id, "too little to chase")
    await on_the_page(till, paying)
    paying = await till.payments.returned(till.tenant_id, paying.intent_id)
    await till.settle()
    paying = await till.find(paying)
    assert (paying.state, paying.captured_amount, paying.refunded_amount) == (State.REFUNDED, 595, 595)
    assert [row["amount"] for row in till.happened("refund")] == [595]
    assert (await till.find(debt)).owed_amount == 0
    assert till.balances() == {"write_offs": 595, "revenue:energy": -500, "vat_payable:DE:19": -95}


@pytest.mark.parametrize("given_up_first", [True, False])
async def test_a_debt_that_is_given_up_at_the_moment_it_is_paid_is_one_of_both(
    till: Till, given_up_first: bool
) -> None:
    debt = await a_debt(till)
    paying = await pay_debt(till)
    await on_the_page(till, paying)

    async def give_up() -> None:
        with suppress(NothingOwed):
            await till.payments.write_off(till.actor, debt.intent_id, "too little to chase")

    async def pay() -> None:
        await till.payments.returned(till.tenant_id, paying.intent_id)

    tasks = []
    async with till.tenants.tenant(till.tenant_id) as conn:
        await store.find_intent(conn, till.tenant_id, debt.intent_id, lock=True)
        for number, each in enumerate((give_up, pay) if given_up_first else (pay, give_up), 1):
            tasks.append(asyncio.create_task(each()))
            while len(till.rows("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")) < number:
                await asyncio.sleep(0.01)
    await asyncio.gather(*tasks)
    await till.settle()
    assert (await till.find(debt)).owed_amount == 0
    sold = {"revenue:energy": -500, "vat_payable:DE:19": -95}
    if given_up_first:
        assert till.balances() == sold | {"write_offs": 595}
        assert [row["amount"] for row in till.happened("refund")] == [595]
    else:
        assert till.balances() == sold | {"psp_receivable:deployment": 595}
        assert till.happened("refund") == []


async def test_a_hold_that_ran_out_falls_to_debt_which_blocks_and_is_written_off(till: Till) -> None:
    intent = await till.paid(payer="driver:7")
    await till.work()
    session_id = till.plug_in(intent, wh=10_000, over=False)
    await till.work()
    await asyncio.to_thread(till.box.advance, 8 * 86_400)
    till.clock.advance(60)
    till.go_on(session_id, wh=10_000)
    await till.work()
    intent = await till.find(intent)
    assert (intent.state, intent.owed_amount, intent.captured_amount) == (State.FAILED, 595, 0)
    assert till.balances()["driver_receivable"] == 595
    with pytest.raises(Exception, match="unpaid"):
        await till.begin(payer="driver:7", evse=2)
    await till.payments.write_off(till.actor, intent.intent_id, "too little to chase")
    assert "driver_receivable" not in till.balances()
    till.clock.advance(8 * 86_400)
    assert (await till.begin(payer="driver:7", evse=2)).state is State.HOLD_REQUESTED


async def test_a_session_held_back_is_owed_once_released_though_its_hold_ran_out(till: Till) -> None:
    till.clock.set(datetime.fromtimestamp(await asyncio.to_thread(till.box.advance, 0), UTC))
    intent = await till.paid(payer="driver:7")
    await till.work()
    session_id = till.plug_in(intent, wh=10_000, over=False)
    await till.work()
    till.rows("UPDATE sessions SET ended_at = last_at WHERE session_id = %s", session_id)
    till.rows(
        "INSERT INTO session_signatures (session_id, tenant_id, station_id, trust, flaws, records, held, checked_at)"
        " VALUES (%s, %s, %s, 'broken', '{key-other}', 2, true, now())",
        session_id, till.tenant_id, till.station_id,
    )  # fmt: skip
    held = await till.find(intent)
    assert held.capture_before is not None
    till.clock.set(held.capture_before - timedelta(hours=1))
    for _ in range(2):
        till.clock.advance(31)
        await till.sweeper.sweep()
        await till.work()
    assert (await till.find(intent)).state is State.AUTHORISED
    assert (till.happened("capture"), till.balances()) == ([], {})
    await asyncio.to_thread(till.box.advance, 8 * 86_400)
    till.clock.advance(8 * 86_400)
    await till.sweeper.sweep()
    assert (await till.find(intent)).state is State.EXPIRED
    till.rows("UPDATE session_signatures SET released_at = now(), released_by = 'me' WHERE session_id = %s", session_id)
    await till.costing.price(tenant_id=till.tenant_id, subject=str(session_id))
    await till.work()
    intent = await till.find(intent)
    assert (intent.state, intent.owed_amount, intent.captured_amount) == (State.FAILED, 595, 0)
    assert till.balances()["driver_receivable"] == 595
    [cost] = till.rows("SELECT incl_minor, sealed_at FROM session_costs WHERE session_id = %s", session_id)
    assert (cost["incl_minor"], cost["sealed_at"] is not None) == (595, True)
