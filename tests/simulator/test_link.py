"""The line: what is kept, sent again, doubled and scrambled."""

import asyncio
from typing import Any

import pytest

from forecourt.simulator.car import MODELS, Car
from forecourt.simulator.faults import Chances, Cut, Habits
from forecourt.simulator.link import Terms
from forecourt.simulator.station import Station
from tests.simulator.conftest import TERMS, Bench
from tests.simulator.csms import BILLING, Heard, Stub


def begin(bench: Bench, station: Station, number: int = 1) -> None:
    bay = station.bays[number - 1]
    bay.plug_in(Car(MODELS[4], 0.3), bench.clock.now())
    bay.begin("CARD", bench.clock.now())


async def session_with_an_outage(bench: Bench, station: Station, cut: Cut = Cut.ABORT) -> None:
    """Starts online, loses the line, charges and ends offline, and comes back."""
    begin(bench, station)
    await station.link.drained()
    station.link.stop(cut)
    bench.pass_time(300)
    station.bays[0].unplug(bench.clock.now())
    station.link.start()
    await station.link.drained()


def billing(stub: Stub) -> list[Heard]:
    return [heard for heard in stub.heard if heard.action in BILLING]


def stamps(stub: Stub) -> list[str]:
    def stamp(payload: dict[str, Any]) -> str:
        values = payload.get("meterValue")
        return str(payload.get("timestamp") or (values[0]["timestamp"] if values else ""))

    return [stamp(heard.payload) for heard in billing(stub)]


@pytest.mark.parametrize("cut", list(Cut))
async def test_what_happened_offline_is_told_in_order_afterwards(bench: Bench, version: str, cut: Cut) -> None:
    station = await bench.booted(version)
    await session_with_an_outage(bench, station, cut)
    assert stamps(bench.stub) == sorted(stamps(bench.stub))
    ((start_wh, stop_wh),) = bench.stub.books().values()
    assert stop_wh - start_wh == pytest.approx(11_040 / 12, abs=1)
    assert len(bench.stub.all("BootNotification")) == 1
    if version != "1.6":
        flags = [event.get("offline", False) for event in bench.stub.all("TransactionEvent")]
        assert flags == sorted(flags)
        assert flags[-1]
        numbers = [event["seqNo"] for event in bench.stub.all("TransactionEvent")]
        assert numbers == list(range(len(numbers)))


async def test_a_session_that_began_offline_gets_its_id_when_the_line_is_back(bench: Bench) -> None:
    station = await bench.booted("1.6")
    station.link.stop()
    begin(bench, station)
    bench.pass_time(180)
    station.bays[0].unplug(bench.clock.now())
    station.link.start()
    await station.link.drained()
    assert [heard.action for heard in billing(bench.stub)] == [
        "StartTransaction",
        "MeterValues",
        "MeterValues",
        "MeterValues",
        "StopTransaction",
    ]
    assert {values["transactionId"] for values in bench.stub.all("MeterValues")} == {1}


async def test_a_firmware_that_replays_statuses_first_says_available_before_the_stop(bench: Bench) -> None:
    station = await bench.booted("1.6", habits=Habits(replays_statuses_first=True))
    await session_with_an_outage(bench, station)
    actions = [heard.action for heard in bench.stub.heard]
    last_status = len(actions) - 1 - actions[::-1].index("StatusNotification")
    assert last_status < actions.index("MeterValues") < actions.index("StopTransaction") == len(actions) - 1
    assert bench.stub.heard[last_status].payload["status"] == "Available"
    assert len(bench.stub.books()) == 1


async def test_a_scrambled_replay_holds_everything_but_not_in_order(bench: Bench, version: str) -> None:
    station = await bench.booted(version, chances=Chances(reorder=1.0))
    for _ in range(3):
        await session_with_an_outage(bench, station)
    assert station.counts.reordered_replays == 3
    assert stamps(bench.stub) != sorted(stamps(bench.stub))
    assert len(bench.stub.books()) == 3


async def test_an_unanswered_billing_message_is_sent_again_with_a_new_id(bench: Bench, version: str) -> None:
    silent = {"left": 1}

    def mood(heard: Heard) -> str:
        if heard.action in BILLING and silent["left"]:
            silent["left"] -= 1
            return "silence"
        return "answer"

    bench.stub.mood = mood
    station = await bench.booted(version, terms=Terms(answer_deadline_s=1.0, backoff_first_s=0.01))
    begin(bench, station)
    await station.link.drained()
    first, second = billing(bench.stub)[:2]
    assert first.payload == second.payload
    assert first.message_id != second.message_id
    # More than one where the machine took as long for an answer.
    assert station.counts.timeouts >= 1


async def test_two_unanswered_messages_in_a_row_make_the_station_dial_again(bench: Bench) -> None:
    station = await bench.booted("1.6", terms=Terms(answer_deadline_s=0.5, backoff_first_s=0.01))
    bench.stub.mood = lambda heard: "answer" if station.counts.connects > 1 else "silence"
    begin(bench, station)
    await station.link.drained()
    assert station.counts.connects >= 2


async def test_an_answer_lost_with_the_connection_leads_to_the_same_message_again(bench: Bench, version: str) -> None:
    lost: list[str] = []

    def mood(heard: Heard) -> str:
        if heard.action in BILLING and not lost:
            lost.append(heard.message_id)
            return "cut"
        return "answer"

    bench.stub.mood = mood
    station = await bench.booted(version)
    begin(bench, station)
    bench.pass_time(120)
    station.bays[0].unplug(bench.clock.now())
    await station.link.drained()
    first, second = billing(bench.stub)[:2]
    assert first.payload == second.payload
    assert len(bench.stub.books()) == 1


async def test_an_error_on_a_billing_message_is_tried_again_as_often_as_set_and_then_given_up(bench: Bench) -> None:
    bench.stub.mood = lambda heard: "InternalError" if heard.action == "StopTransaction" else "answer"
    station = await bench.booted("1.6", terms=TERMS)
    begin(bench, station)
    bench.pass_time(30)
    station.bays[0].unplug(bench.clock.now())
    await station.link.drained()
    assert len(bench.stub.all("StopTransaction")) == 3
    assert station.counts.dropped == 1
    assert len({heard.message_id for heard in bench.stub.heard}) == len(bench.stub.heard)


async def test_a_refused_start_takes_the_rest_of_its_session_with_it(bench: Bench) -> None:
    bench.stub.mood = lambda heard: "InternalError" if heard.action == "StartTransaction" else "answer"
    station = await bench.booted("1.6")
    begin(bench, station)
    bench.pass_time(120)
    station.bays[0].unplug(bench.clock.now())
    await station.link.drained()
    assert not bench.stub.all("MeterValues")
    assert not bench.stub.all("StopTransaction")


async def test_duplicates_are_true_copies_with_ids_of_their_own(bench: Bench, version: str) -> None:
    station = await bench.booted(version, chances=Chances(duplicate=1.0))
    begin(bench, station)
    bench.pass_time(120)
    station.bays[0].unplug(bench.clock.now())
    await station.link.drained()
    said = billing(bench.stub)
    assert len(said) == 2 * station.counts.duplicates
    payloads = [heard.payload for heard in said]
    assert all(payloads.count(payload) == 2 for payload in payloads)
    assert len({heard.message_id for heard in said}) == len(said)
    assert len(bench.stub.books()) == 1
    assert sum(row["duplicate"] for row in bench.ledger.rows) == station.counts.duplicates


async def test_a_lost_end_is_never_said(bench: Bench) -> None:
    station = await bench.booted("2.0.1", habits=Habits(loses_offline_end=True))
    await session_with_an_outage(bench, station)
    assert {event["eventType"] for event in bench.stub.all("TransactionEvent")} == {"Started", "Updated"}
    assert bench.stub.all("StatusNotification")[-1]["connectorStatus"] == "Available"


async def test_only_firmware_with_that_habit_boots_at_every_reconnect(bench: Bench, version: str) -> None:
    station = await bench.booted(version, habits=Habits(boots_on_reconnect=True))
    await session_with_an_outage(bench, station)
    assert len(bench.stub.all("BootNotification")) == 2
    assert len(bench.stub.books()) == 1


async def test_a_half_open_line_is_followed_by_a_second_one_of_the_same_name(bench: Bench) -> None:
    station = await bench.booted("1.6")
    old = bench.stub.connections["CP 1"]
    station.link.cut(Cut.HALF_OPEN)
    await bench.stub.until(lambda: bench.stub.connections.get("CP 1") not in (None, old))
    assert old.close_code is None
    begin(bench, station)
    await station.link.drained()
    assert bench.stub.all("StartTransaction")


async def test_one_call_at_a_time_is_under_way(bench: Bench, version: str) -> None:
    under_way = {"now": 0, "most": 0}

    def mood(heard: Heard) -> str:
        under_way["now"] += 1
        under_way["most"] = max(under_way.values())
        asyncio.get_running_loop().call_soon(lambda: under_way.update(now=under_way["now"] - 1))
        return "answer"

    bench.stub.mood = mood
    station = await bench.booted(version, make={"bays": 4})
    for number in range(1, 5):
        begin(bench, station, number)
    bench.pass_time(300)
    await station.link.drained()
    assert under_way["most"] == 1


async def test_a_csms_that_hangs_up_without_an_answer_is_not_dialled_at_once_again(bench: Bench) -> None:
    bench.stub.mood = lambda heard: "cut"
    station = bench.station("2.1", terms=Terms(backoff_first_s=3_600, backoff_most_s=3_600))
    station.power_on()
    await bench.stub.until(lambda: station.counts.connects == 1 and not bench.stub.connections)
    await asyncio.sleep(0.05)
    assert station.counts.connects == 1
    assert not station.link.online


async def test_a_copy_that_is_answered_with_another_transaction_is_noticed(bench: Bench) -> None:
    station = await bench.booted("1.6", chances=Chances(duplicate=1.0))
    bench.stub.forgets = True
    begin(bench, station)
    await station.link.drained()
    assert station.counts.duplicates_answered_differently == 1
