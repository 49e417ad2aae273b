"""A station of each version against a CSMS of another make, which holds every frame against its schema."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from forecourt.simulator.car import MODELS, Car
from forecourt.simulator.faults import Habits
from forecourt.simulator.fleet import MAKES
from forecourt.simulator.station import Station
from tests.simulator.conftest import Bench
from tests.simulator.csms import Stub

HATCH = MODELS[4]
CARD = "04A2B1C3"
START_ACTIONS = {"1.6": "StartTransaction", "2.0.1": "TransactionEvent", "2.1": "TransactionEvent"}


def car(soc: float = 0.3) -> Car:
    return Car(HATCH, soc)


async def charging(bench: Bench, version: str, **more: Any) -> Station:
    """A booted station with a car that charges at bay 1."""
    station = await bench.booted(version, **more)
    bay = station.bays[0]
    bay.plug_in(car(), bench.clock.now())
    bay.present(CARD, bench.clock.now())
    await bench.stub.until(lambda: bay.tx is not None and bay.tx.id is not None)
    await station.link.drained()
    return station


def stopped(stub: Stub) -> dict[str, Any]:
    """The one stop that was said, in the words of 1.6."""
    stops = stub.all("StopTransaction")
    for event in stub.all("TransactionEvent"):
        if event["eventType"] == "Ended":
            stops.append({"reason": event["transactionInfo"]["stoppedReason"], "timestamp": event["timestamp"]})
    (stop,) = stops
    return stop


async def test_a_car_charges_from_plug_to_plug_and_the_books_agree_with_the_meter(bench: Bench, version: str) -> None:
    station = await charging(bench, version)
    bay = station.bays[0]
    began_wh = int(bay.register_wh)
    bench.pass_time(600)
    bay.stop("Local", bench.clock.now(), CARD)
    bay.unplug(bench.clock.now())
    await station.link.drained()

    ((start_wh, stop_wh),) = bench.stub.books().values()
    assert start_wh == began_wh
    assert stop_wh - start_wh == pytest.approx(11_040 / 6, abs=1)
    assert stopped(bench.stub)["reason"] == "Local"
    assert bench.stub.all("BootNotification")
    assert {row["kind"] for row in bench.ledger.rows} >= {"start", "meter", "stop"}
    meters = [row for row in bench.ledger.rows if row["kind"] == "meter"]
    assert len(meters) == 10
    registers = [row["register_wh"] for row in meters]
    assert registers == sorted(registers)


async def test_statuses_follow_the_session(bench: Bench) -> None:
    station = await charging(bench, "1.6")
    station.bays[0].stop("Local", bench.clock.now(), CARD)
    station.bays[0].unplug(bench.clock.now())
    await station.link.drained()
    said = [status["status"] for status in bench.stub.all("StatusNotification")]
    assert said == ["Available", "Preparing", "Charging", "Finishing", "Available"]


@pytest.mark.parametrize("newer", ["2.0.1", "2.1"])
async def test_events_of_a_transaction_are_numbered_without_a_gap(bench: Bench, newer: str) -> None:
    station = await charging(bench, newer, make={"tx_start": "EVConnected"})
    bench.pass_time(300)
    station.bays[0].unplug(bench.clock.now())
    await station.link.drained()
    events = bench.stub.all("TransactionEvent")
    assert [event["seqNo"] for event in events] == list(range(len(events)))
    assert len({event["transactionInfo"]["transactionId"] for event in events}) == 1
    assert [event["eventType"] for event in events][:2] == ["Started", "Updated"]
    assert "idToken" not in events[0]
    assert events[1]["idToken"]["idToken"] == CARD
    assert events[-1]["transactionInfo"]["stoppedReason"] == "EVDisconnected"


async def test_a_card_that_is_refused_starts_nothing(bench: Bench, version: str) -> None:
    bench.stub.tokens[CARD] = "Blocked"
    station = await bench.booted(version)
    station.bays[0].plug_in(car(), bench.clock.now())
    station.bays[0].present(CARD, bench.clock.now())
    await station.link.drained()
    assert station.bays[0].tx is None
    assert not bench.stub.all(START_ACTIONS[version])


async def test_a_token_refused_after_an_offline_start_ends_the_transaction(bench: Bench, version: str) -> None:
    bench.stub.tokens[CARD] = "Invalid" if version == "1.6" else "Unknown"
    station = await bench.booted(version)
    station.link.stop()
    station.bays[0].plug_in(car(), bench.clock.now())
    station.bays[0].present(CARD, bench.clock.now())
    assert station.bays[0].tx is not None
    station.link.start()
    await bench.stub.until(lambda: station.bays[0].tx is None)
    await station.link.drained()
    assert stopped(bench.stub)["reason"] == "DeAuthorized"


async def test_a_remote_start_charges_the_car_that_stands_there_and_a_remote_stop_ends_it(
    bench: Bench, version: str
) -> None:
    station = await bench.booted(version)
    bay = station.bays[0]
    bay.plug_in(car(), bench.clock.now())
    if version == "1.6":
        answer = await bench.stub.call("CP 1", "RemoteStartTransaction", {"connectorId": 1, "idTag": CARD})
    else:
        token = {"idToken": CARD, "type": "ISO14443"}
        asked = {"evseId": 1, "idToken": token, "remoteStartId": 77}
        answer = await bench.stub.call("CP 1", "RequestStartTransaction", asked)
    assert answer["status"] == "Accepted"
    await bench.stub.until(lambda: bay.tx is not None and bay.tx.id is not None)
    await station.link.drained()
    if version != "1.6":
        assert bench.stub.all("TransactionEvent")[0]["transactionInfo"]["remoteStartId"] == 77

    assert bay.tx is not None
    action = "RemoteStopTransaction" if version == "1.6" else "RequestStopTransaction"
    assert (await bench.stub.call("CP 1", action, {"transactionId": bay.tx.id}))["status"] == "Accepted"
    await bench.stub.until(lambda: bay.tx is None)
    await station.link.drained()
    assert stopped(bench.stub)["reason"] == "Remote"
    other = 4711 if version == "1.6" else "nobody"
    assert (await bench.stub.call("CP 1", action, {"transactionId": other}))["status"] == "Rejected"


async def test_a_remote_start_without_a_car_waits_for_one_until_it_times_out(bench: Bench) -> None:
    station = await bench.booted("1.6", make={"bays": 2})
    for number in (1, 2):
        asked = {"connectorId": number, "idTag": CARD}
        assert (await bench.stub.call("CP 1", "RemoteStartTransaction", asked))["status"] == "Accepted"
    station.bays[0].plug_in(car(), bench.clock.now())
    bench.pass_time(120)
    station.bays[1].plug_in(car(), bench.clock.now())
    await station.link.drained()
    assert station.bays[0].tx is not None
    assert station.bays[1].tx is None


async def test_a_hard_reset_ends_the_session_goes_dark_and_boots_again(bench: Bench, version: str) -> None:
    station = await charging(bench, version)
    kind = "Hard" if version == "1.6" else "Immediate"
    assert (await bench.stub.call("CP 1", "Reset", {"type": kind}))["status"] == "Accepted"
    await bench.stub.until(lambda: len(bench.stub.all("BootNotification")) == 2)
    await bench.stub.until(lambda: len(bench.stub.books()) == 1)
    assert stopped(bench.stub)["reason"] == ("HardReset" if version == "1.6" else "ImmediateReset")
    assert station.bays[0].tx is None


async def test_a_reset_on_idle_waits_for_the_car_to_leave(bench: Bench) -> None:
    station = await charging(bench, "2.0.1")
    assert (await bench.stub.call("CP 1", "Reset", {"type": "OnIdle"}))["status"] == "Scheduled"
    bench.pass_time(60)
    assert station.bays[0].tx is not None
    station.bays[0].unplug(bench.clock.now())
    bench.pass_time(30)
    await bench.stub.until(lambda: len(bench.stub.all("BootNotification")) == 2)


def limit(version: str, watts: float, purpose: str = "TxProfile") -> tuple[str, dict[str, Any]]:
    schedule = {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": watts}]}
    shared = {"stackLevel": 1, "chargingProfilePurpose": purpose, "chargingProfileKind": "Relative"}
    if version == "1.6":
        profile = {"chargingProfileId": 9, **shared, "chargingSchedule": schedule}
        return "SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile}
    profile = {"id": 9, **shared, "chargingSchedule": [{"id": 1, **schedule}]}
    return "SetChargingProfile", {"evseId": 1, "chargingProfile": profile}


async def test_a_charging_profile_is_obeyed_and_cleared_again(bench: Bench, version: str) -> None:
    station = await charging(bench, version)
    bay = station.bays[0]
    assert (await bench.stub.call("CP 1", *limit(version, 5_000)))["status"] == "Accepted"
    bench.pass_time(30)
    before_wh = bay.register_wh
    bench.pass_time(360)
    assert bay.register_wh - before_wh == pytest.approx(500, rel=0.01)
    assert bay.reading(bench.clock.now()).power_w <= 5_000

    clear = {"id": 9} if version == "1.6" else {"chargingProfileId": 9}
    assert (await bench.stub.call("CP 1", "ClearChargingProfile", clear))["status"] == "Accepted"
    bench.pass_time(60)
    assert bay.reading(bench.clock.now()).power_w == pytest.approx(11_040)


def dynamic(**change: Any) -> dict[str, Any]:
    periods = change.pop("periods", [{"startPeriod": 0, "limit": 5_000}])
    schedule = {"id": 1, "chargingRateUnit": "W", "duration": 300, "chargingSchedulePeriod": periods}
    profile = {
        "id": 9, "stackLevel": 1, "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Dynamic",
        "dynUpdateInterval": 120, "chargingSchedule": [schedule], **change,
    }  # fmt: skip
    return {"evseId": 1, "chargingProfile": profile}


async def test_a_dynamic_profile_is_changed_asked_for_and_over_when_nobody_changes_it(bench: Bench) -> None:
    station = await charging(bench, "2.1")
    told = partial(bench.stub.call, "CP 1")
    change = {"chargingProfileId": 9, "scheduleUpdate": {"limit": 3_000}}
    unknown = {"status": "Rejected", "statusInfo": {"reasonCode": "InvalidProfile"}}
    assert await told("UpdateDynamicSchedule", change) == unknown
    two = [{"startPeriod": 0, "limit": 1}, {"startPeriod": 60, "limit": 2}]
    wrong = await told("SetChargingProfile", dynamic(periods=two))
    assert wrong == {"status": "Rejected", "statusInfo": {"reasonCode": "InvalidSchedule"}}
    assert await told("SetChargingProfile", dynamic(chargingProfileKind="Relative")) == unknown
    assert await told("SetChargingProfile", dynamic()) == {"status": "Accepted"}
    bench.pass_time(60)
    assert station.limit_w(station.bays[0], bench.clock.now()) == 5_000
    assert await told("UpdateDynamicSchedule", change) == {"status": "Accepted"}
    assert station.limit_w(station.bays[0], bench.clock.now()) == 3_000
    bench.pass_time(110)
    assert bench.stub.all("PullDynamicScheduleUpdate") == []
    bench.stub.update = {"status": "Accepted", "scheduleUpdate": {"limit": 4_000}}
    bench.pass_time(15)
    await bench.stub.until(lambda: len(bench.stub.all("PullDynamicScheduleUpdate")) == 1)
    # What is asked after that answer is answered after it was taken.
    await told("GetLocalListVersion", {})
    assert station.limit_w(station.bays[0], bench.clock.now()) == 4_000
    bench.stub.update = unknown
    bench.pass_time(290)
    assert station.limit_w(station.bays[0], bench.clock.now()) == 4_000
    bench.pass_time(15)
    assert station.limit_w(station.bays[0], bench.clock.now()) > 11_000


async def test_a_limit_of_nothing_suspends_the_session_and_does_not_end_it(bench: Bench, version: str) -> None:
    station = await charging(bench, version)
    await bench.stub.call("CP 1", *limit(version, 0))
    bench.pass_time(120)
    assert station.bays[0].status == "SuspendedEVSE"
    assert station.bays[0].tx is not None


async def test_a_transaction_profile_without_a_transaction_is_turned_down(bench: Bench, version: str) -> None:
    await bench.booted(version)
    assert (await bench.stub.call("CP 1", *limit(version, 5_000)))["status"] == "Rejected"
    default = limit(version, 5_000, "TxDefaultProfile")
    assert (await bench.stub.call("CP 1", *default))["status"] == "Accepted"


async def test_the_composite_schedule_tells_the_limit_unless_the_firmware_leaves_it_empty(bench: Bench) -> None:
    await charging(bench, "1.6")
    await bench.stub.call("CP 1", *limit("1.6", 5_000))
    asked = {"connectorId": 1, "duration": 3_600}
    answer = await bench.stub.call("CP 1", "GetCompositeSchedule", asked)
    (period,) = answer["chargingSchedule"]["chargingSchedulePeriod"]
    assert period["limit"] == 5_000

    await bench.booted("1.6", "CP 2", habits=Habits(empty_composite=True))
    answer = await bench.stub.call("CP 2", "GetCompositeSchedule", asked)
    assert answer["status"] == "Accepted"
    assert answer["chargingSchedule"]["chargingSchedulePeriod"] == []


async def test_a_stubborn_firmware_accepts_a_limit_and_ignores_it_and_a_slow_one_takes_its_time(bench: Bench) -> None:
    stubborn = await charging(bench, "2.0.1", habits=Habits(ignores_limits=True))
    await bench.stub.call("CP 1", *limit("2.0.1", 5_000))
    bench.pass_time(120)
    assert stubborn.bays[0].reading(bench.clock.now()).power_w == pytest.approx(11_040)
    stubborn.power_off()
    bench.stub.heard.clear()

    slow = await bench.booted("2.0.1", "CP 2", habits=Habits(obeys_after_s=60))
    slow.bays[0].plug_in(car(), bench.clock.now())
    slow.bays[0].begin(CARD, bench.clock.now())
    bench.pass_time(30)
    await bench.stub.call("CP 2", *limit("2.0.1", 5_000))
    bench.pass_time(30)
    assert slow.bays[0].reading(bench.clock.now()).power_w > 5_000
    bench.pass_time(90)
    assert slow.bays[0].reading(bench.clock.now()).power_w <= 5_000


async def test_a_changed_password_is_used_from_the_next_connection_on(bench: Bench, version: str) -> None:
    old, new = "0123456789abcdef", "fedcba9876543210fedc"
    bench.stub.passwords["CP 1"] = old
    station = await bench.booted(version, password=old)
    bench.stub.passwords["CP 1"] = new
    if version == "1.6":
        await bench.stub.call("CP 1", "ChangeConfiguration", {"key": "AuthorizationKey", "value": new})
        answer = await _reconnected(bench, station, "GetConfiguration", {"key": ["AuthorizationKey"]})
        assert answer["configurationKey"] == [{"key": "AuthorizationKey", "readonly": False}]
    else:
        place = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
        await bench.stub.call("CP 1", "SetVariables", {"setVariableData": [{**place, "attributeValue": new}]})
        answer = await _reconnected(bench, station, "GetVariables", {"getVariableData": [place]})
        assert answer["getVariableResult"][0]["attributeStatus"] == "Rejected"
    assert station.counts.connects == 2


async def _reconnected(bench: Bench, station: Station, action: str, payload: dict[str, Any]) -> dict[str, Any]:
    await bench.stub.until(lambda: station.counts.connects == 2 and "CP 1" in bench.stub.connections)
    return await bench.stub.call("CP 1", action, payload)


async def test_a_wrong_password_is_tried_again_and_again(bench: Bench) -> None:
    bench.stub.passwords["CP 1"] = "right"
    station = bench.station("1.6", password="wrong")
    station.power_on()
    while station.counts.connects_refused < 3:
        await asyncio.sleep(0.01)
    assert station.counts.connects == 0


async def test_the_heartbeat_follows_the_interval_that_the_csms_sets(bench: Bench, version: str) -> None:
    bench.stub.interval_s = 600
    station = await bench.booted(version)
    bench.pass_time(590)
    assert not bench.stub.all("Heartbeat")
    bench.pass_time(30)
    await station.link.drained()
    assert len(bench.stub.all("Heartbeat")) == 1
    if version == "1.6":
        asked = {"key": "HeartbeatInterval", "value": "60"}
        assert (await bench.stub.call("CP 1", "ChangeConfiguration", asked))["status"] == "Accepted"
    else:
        place = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
        await bench.stub.call("CP 1", "SetVariables", {"setVariableData": [{**place, "attributeValue": "60"}]})
    bench.pass_time(90)
    await station.link.drained()
    assert len(bench.stub.all("Heartbeat")) == 2


async def test_a_pending_station_says_nothing_until_it_is_accepted(bench: Bench, version: str) -> None:
    bench.stub.boot_status, bench.stub.interval_s = "Pending", 1
    station = bench.station(version)
    station.power_on()
    await bench.stub.until(lambda: len(bench.stub.all("BootNotification")) == 2)
    assert not bench.stub.all("StatusNotification")
    bench.stub.boot_status = "Accepted"
    await bench.stub.until(lambda: station.accepted and len(bench.stub.all("StatusNotification")) == 1)


async def test_unknown_actions_are_answered_with_not_implemented(bench: Bench) -> None:
    await bench.booted("1.6", habits=Habits(unsupported=frozenset({"ReserveNow"})))
    with pytest.raises(RuntimeError, match="NotImplemented"):
        await bench.stub.call("CP 1", "DeleteCertificate", _HASHES)
    reserve = {"connectorId": 1, "expiryDate": "2026-03-02T09:00:00Z", "idTag": CARD, "reservationId": 4}
    with pytest.raises(RuntimeError, match="NotImplemented"):
        await bench.stub.call("CP 1", "ReserveNow", reserve)


_HASHES = {
    "certificateHashData": {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": "00",
        "issuerKeyHash": "00",
        "serialNumber": "00",
    }
}


async def test_a_reservation_keeps_others_away_until_it_expires(bench: Bench) -> None:
    station = await bench.booted("1.6")
    reserve = {"connectorId": 1, "expiryDate": "2026-03-02T09:00:00Z", "idTag": CARD, "reservationId": 4}
    assert (await bench.stub.call("CP 1", "ReserveNow", reserve))["status"] == "Accepted"
    assert (await bench.stub.call("CP 1", "ReserveNow", {**reserve, "reservationId": 5}))["status"] == "Occupied"
    start = {"connectorId": 1, "idTag": "STRANGER"}
    assert (await bench.stub.call("CP 1", "RemoteStartTransaction", start))["status"] == "Rejected"
    bench.pass_time(3_700)
    await station.link.drained()
    assert bench.stub.all("StatusNotification")[-1]["status"] == "Available"


async def test_unlocking_a_1_6_connector_ends_its_session(bench: Bench) -> None:
    station = await charging(bench, "1.6")
    assert (await bench.stub.call("CP 1", "UnlockConnector", {"connectorId": 1}))["status"] == "Unlocked"
    await bench.stub.until(lambda: station.bays[0].tx is None)
    await station.link.drained()
    assert stopped(bench.stub)["reason"] == "UnlockCommand"


async def test_an_inoperative_station_says_so_and_takes_no_one(bench: Bench, version: str) -> None:
    station = await bench.booted(version)
    asked = {"connectorId": 0, "type": "Inoperative"} if version == "1.6" else {"operationalStatus": "Inoperative"}
    assert (await bench.stub.call("CP 1", "ChangeAvailability", asked))["status"] == "Accepted"
    await station.link.drained()
    await bench.stub.until(lambda: len(bench.stub.all("StatusNotification")) == 2)
    said = bench.stub.all("StatusNotification")[-1]
    assert said.get("status", said.get("connectorStatus")) == "Unavailable"


async def test_triggered_messages_come(bench: Bench, version: str) -> None:
    station = await charging(bench, version)
    bench.stub.heard.clear()
    for message in ("Heartbeat", "StatusNotification", "MeterValues", "BootNotification"):
        assert (await bench.stub.call("CP 1", "TriggerMessage", {"requestedMessage": message}))["status"] == "Accepted"
        await bench.stub.until(lambda m=message: bool(bench.stub.all(m)))  # type: ignore[misc]
    await station.link.drained()


async def test_the_base_report_comes_in_pages(bench: Bench) -> None:
    station = await bench.booted("2.1")
    asked = {"requestId": 5, "reportBase": "FullInventory"}
    assert (await bench.stub.call("CP 1", "GetBaseReport", asked))["status"] == "Accepted"
    await bench.stub.until(lambda: any(not page["tbc"] for page in bench.stub.all("NotifyReport")))
    pages = bench.stub.all("NotifyReport")
    assert [page["seqNo"] for page in pages] == list(range(len(pages)))
    assert len(pages) > 1
    await station.link.drained()


async def test_a_fault_stops_the_flow_and_keeps_the_session(bench: Bench) -> None:
    station = await charging(bench, "1.6")
    bay = station.bays[0]
    bay.fault("GroundFailure", bench.clock.now())
    before_wh = bay.register_wh
    bench.pass_time(300)
    assert bay.register_wh == before_wh
    assert bay.tx is not None
    bay.repair(bench.clock.now())
    bench.pass_time(300)
    assert bay.register_wh > before_wh
    await station.link.drained()
    codes = [(s["status"], s["errorCode"]) for s in bench.stub.all("StatusNotification")]
    assert ("Faulted", "GroundFailure") in codes


async def test_a_power_failure_is_told_after_the_next_boot(bench: Bench, version: str) -> None:
    station = await charging(bench, version)
    station.power_loss()
    bench.pass_time(600)
    station.power_on()
    await bench.stub.until(lambda: len(bench.stub.books()) == 1)
    assert stopped(bench.stub)["reason"] == "PowerLoss"
    actions = [heard.action for heard in bench.stub.heard]
    stop = "StopTransaction" if version == "1.6" else "TransactionEvent"
    assert actions.index("BootNotification", 1) < len(actions) - 1 - actions[::-1].index(stop)


async def test_a_ghost_keeps_metering_a_transaction_that_a_reset_ended_without_a_stop(bench: Bench) -> None:
    station = await charging(bench, "1.6", habits=Habits(ghost_after_reset=True))
    assert (await bench.stub.call("CP 1", "Reset", {"type": "Hard"}))["status"] == "Accepted"
    await bench.stub.until(lambda: len(bench.stub.all("BootNotification")) == 2)
    bench.stub.heard.clear()
    bench.pass_time(180)
    await station.link.drained()
    assert len(bench.stub.all("MeterValues")) == 3
    assert not bench.stub.all("StopTransaction")


@pytest.mark.parametrize("stays", [False, True])
async def test_a_wrong_clock_is_put_right_by_the_boot_unless_it_stays_wrong(bench: Bench, stays: bool) -> None:
    habits = Habits(clock_offset=timedelta(hours=-3), clock_stays_wrong=stays)
    station = bench.station("1.6", habits=habits)
    assert station.time() == bench.clock.now() - timedelta(hours=3)
    station.power_on()
    await bench.stub.until(lambda: bool(bench.stub.all("StatusNotification")))
    hour = bench.stub.all("StatusNotification")[0]["timestamp"][11:13]
    assert hour == ("05" if stays else "08")


async def test_every_make_of_the_fleet_speaks_by_the_schema(bench: Bench, version: str) -> None:
    for name, make in MAKES.items():
        station = bench.station(version, name)
        station.make = make
        station.power_on()
        bay = station.bays[0]
        bay.plug_in(car(), bench.clock.now())
        bay.begin(CARD, bench.clock.now())
        bench.pass_time(120)
        bay.unplug(bench.clock.now())
        await bench.stub.until(lambda s=station: s.accepted)  # type: ignore[misc]
        await station.link.drained()
    assert len(bench.stub.books()) == len(MAKES)
