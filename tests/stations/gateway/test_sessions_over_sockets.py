"""A car charges over a real socket, in each version."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.stations.gateway.conftest import Rig, StationClient

NOW = datetime.now(UTC).replace(microsecond=0)


def at(minutes: float) -> str:
    """A time near now, as stations write it."""
    return (NOW + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


async def boot(station: StationClient) -> Any:
    return await station.call("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})


def start(tag: str = "TAG1", meter: int = 1000, when: float = -60) -> dict[str, Any]:
    return {"connectorId": 1, "idTag": tag, "meterStart": meter, "timestamp": at(when)}


def meter_values(transaction_id: int, wh: int, when: float) -> dict[str, Any]:
    sampled = [
        {"value": str(wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
        {"value": "7.2", "measurand": "Power.Active.Import", "unit": "kW"},
    ]
    value = {"timestamp": at(when), "sampledValue": sampled}
    return {"connectorId": 1, "transactionId": transaction_id, "meterValue": [value]}


async def test_a_16_session_from_boot_to_stop_is_stored_as_the_station_said_it(rig: Rig) -> None:
    await rig.register("CP1")
    rig.token("TAG1", group="FLEET")
    async with rig.station("CP1") as station:
        answer = await boot(station)
        assert answer["status"] == "Accepted"
        assert answer["interval"] > 0
        assert await station.call("Authorize", {"idTag": "tag1"}) == {
            "idTagInfo": {"status": "Accepted", "parentIdTag": "FLEET"}
        }
        started = await station.call("StartTransaction", start())
        assert started["transactionId"] > 0
        assert started["idTagInfo"]["status"] == "Accepted"
        number = started["transactionId"]
        assert await station.call("MeterValues", meter_values(number, 4000, -30)) == {}
        stop = {"transactionId": number, "meterStop": 9000, "timestamp": at(-1), "reason": "Local", "idTag": "TAG1"}
        assert (await station.call("StopTransaction", stop))["idTagInfo"]["status"] == "Accepted"
    [row] = rig.rows(
        "SELECT transaction_id, meter_start_wh, meter_stop_wh, started_at, ended_at, stop_reason, token_uid, evse,"
        " power_w, arrival_clock FROM sessions"
    )
    began, ended = NOW - timedelta(minutes=60), NOW - timedelta(minutes=1)
    assert row == (str(number), 1000, 9000, began, ended, "Local", "TAG1", 1, 7200, False)
    samples = rig.rows("SELECT measurand, value FROM samples ORDER BY 1")
    assert samples == [(0, 4000), (4, 7200)]
    events = rig.rows("SELECT event FROM outbox ORDER BY 1")
    assert events == [("session.ended",), ("session.started",)]


async def test_a_start_sent_again_gets_the_same_transaction_id(rig: Rig) -> None:
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        first = await station.call("StartTransaction", start())
        again = await station.call("StartTransaction", start())
        other = await station.call("StartTransaction", start(when=-59))
    assert again == first
    assert other["transactionId"] != first["transactionId"]
    assert rig.rows("SELECT count(*) FROM sessions") == [(2,)]
    assert first["idTagInfo"]["status"] == "Invalid"


async def test_a_reset_clock_makes_an_old_fingerprint_a_new_session_after_a_stop(rig: Rig) -> None:
    await rig.register("CP1")
    reset = {"connectorId": 1, "idTag": "T", "meterStart": 0, "timestamp": "2000-01-01T00:00:10Z"}
    async with rig.station("CP1") as station:
        first = await station.call("StartTransaction", reset)
        assert await station.call("StartTransaction", reset) == first
        number = first["transactionId"]
        await station.call(
            "StopTransaction", {"transactionId": number, "meterStop": 700, "timestamp": "2000-01-01T01:00:10Z"}
        )
        second = await station.call("StartTransaction", reset)
        assert second["transactionId"] != number
        assert await station.call("StartTransaction", reset) == second
    rows = rig.rows("SELECT arrival_clock, started_at > now() - interval '1 minute' FROM sessions")
    assert rows == [(True, True), (True, True)]


async def test_late_meter_values_and_a_resent_stop_change_nothing(rig: Rig) -> None:
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        number = (await station.call("StartTransaction", start()))["transactionId"]
        stop = {"transactionId": number, "meterStop": 5000, "timestamp": at(-10)}
        await station.call("StopTransaction", stop)
        before = rig.rows("SELECT meter_stop_wh, ended_at, stop_reason FROM sessions")
        await station.call("MeterValues", meter_values(number, 7777, -5))
        await station.call("StopTransaction", stop)
        await station.call("StartTransaction", start())
    assert rig.rows("SELECT meter_stop_wh, ended_at, stop_reason FROM sessions") == before
    assert before[0][0] == 5000


async def test_a_stop_of_an_unknown_transaction_is_confirmed_and_kept_for_review(rig: Rig) -> None:
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        stop = {"transactionId": 4711, "meterStop": 5000, "timestamp": at(-10), "reason": "PowerLoss"}
        assert await station.call("StopTransaction", stop) == {}
        assert await station.call("StopTransaction", stop) == {}
        assert await station.call("MeterValues", meter_values(4711, 4000, -30)) == {}
    assert rig.rows("SELECT count(*) FROM sessions") == [(0,)]
    assert rig.rows("SELECT transaction_id, meter_wh, stop_reason FROM orphan_reports") == [("4711", 5000, "PowerLoss")]
    assert rig.rows("SELECT count(*) FROM samples") == [(2,)]


def event(kind: str, seq: int, when: float, wh: int | None = None, **more: Any) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "eventType": kind,
        "timestamp": at(when),
        "triggerReason": "Authorized",
        "seqNo": seq,
        "transactionInfo": {"transactionId": "tx-1", **more.pop("info", {})},
        **more,
    }
    if wh is not None:
        sampled = [{"value": wh, "measurand": "Energy.Active.Import.Register"}]
        payload["meterValue"] = [{"timestamp": at(when), "sampledValue": sampled}]
    return payload


async def test_a_2x_session_is_the_same_in_any_order_of_arrival_and_however_often_said(rig: Rig) -> None:
    rig_events = [
        event("Started", 0, -50, 100, evse={"id": 1, "connectorId": 1}, idToken={"idToken": "T9", "type": "ISO14443"}),
        event("Updated", 1, -40, 2100, info={"chargingState": "Charging"}),
        event("Updated", 2, -30, 4100, info={"chargingState": "SuspendedEV"}),
        event("Ended", 3, -20, 5100, info={"stoppedReason": "EVDisconnected", "chargingState": "Idle"}),
    ]
    facts = (
        "SELECT meter_start_wh, meter_stop_wh, started_at, ended_at, stop_reason, evse, connector, token_uid,"
        " charging_state, seqs::text FROM sessions s JOIN stations USING (station_id) WHERE identity = %s"
    )
    rig.token("T9")
    for name, order, version in (
        ("A", (0, 1, 2, 3), "ocpp2.0.1"),
        ("B", (3, 2, 1, 0), "ocpp2.1"),
        ("C", (2, 0, 0, 3, 1, 3, 2, 0), "ocpp2.0.1"),
    ):
        await rig.register(name)
        async with rig.station(name, version) as station:
            for index in order:
                answer = await station.call("TransactionEvent", rig_events[index])
                expected = {"idTokenInfo": {"status": "Accepted"}} if index == 0 else {}
                assert answer == expected
    [row] = rig.rows(facts, "A")
    assert row[:2] == (100, 5100)
    assert row[4:] == ("EVDisconnected", 1, 1, "T9", "Idle", "{[0,4)}")
    assert rig.rows(facts, "B") == [row]
    assert rig.rows(facts, "C") == [row]


async def test_a_session_that_ended_elsewhere_is_not_counted_once_its_station_connects_again(rig: Rig) -> None:
    await rig.register("CP1")
    one = event("Started", 0, -50, evse={"id": 1, "connectorId": 1})
    other = event("Started", 0, -40, evse={"id": 2, "connectorId": 1}) | {"transactionInfo": {"transactionId": "tx-2"}}
    for started in (one, other):
        sampled = [{"value": 7000, "measurand": "Power.Active.Import"}]
        started["meterValue"] = [{"timestamp": started["timestamp"], "sampledValue": sampled}]
    async with rig.station("CP1", "ocpp2.0.1") as station:
        await station.call("TransactionEvent", one)
        await station.call("TransactionEvent", other)
    assert rig.live.gathered(rig.tenant())["station.CP1.power_w"] == 14_000
    rig.admin.execute("UPDATE sessions SET end_key = last_key + 1, ended_at = now() WHERE transaction_id = 'tx-1'")
    async with rig.station("CP1", "ocpp2.0.1") as station:
        await station.call("TransactionEvent", other)
    assert rig.live.gathered(rig.tenant())["station.CP1.power_w"] == 7_000


async def test_a_hundred_stations_start_at_once_and_all_are_answered(rig: Rig) -> None:
    stations = 100
    for number in range(stations):
        rig.admin.execute(
            "INSERT INTO stations (tenant_id, identity, security_profile) VALUES (%s, %s, 0)",
            (rig.tenant(), f"S{number}"),
        )
    await rig.gateway._read_roster(everything=True)

    async def one(number: int) -> int:
        async with rig.station(f"S{number}") as station:
            return int((await station.call("StartTransaction", start()))["transactionId"])

    numbers = await asyncio.gather(*(one(number) for number in range(stations)))
    assert len(set(numbers)) == stations


async def test_broken_frames_get_the_right_error_and_the_socket_stays_up(rig: Rig) -> None:
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        await station.link.send("this is no JSON")
        await station.link.send("{}")
        await station.link.send('[2,"a","MeterValues"]')
        assert (await station.answer("a"))[2] == "FormationViolation"
        assert (await station.call("StartTransaction", {"connectorId": 1}))[2] == "OccurenceConstraintViolation"
        assert (await station.call("NoSuchThing", {}))[2] == "NotImplemented"
        assert (await station.call("Authorize", {"idTag": {"a": 1}}))[2] == "TypeConstraintViolation"
        assert (await station.call("Authorize", {"idTag": "x" * 21}))[2] == "PropertyConstraintViolation"
        huge = {"transactionId": 2**70, "meterStop": 1, "timestamp": at(-1)}
        assert (await station.call("StopTransaction", huge))[0] == 4
        await station.link.send(json.dumps([3, "unknown", {}]))
        assert "currentTime" in await station.call("Heartbeat", {})
