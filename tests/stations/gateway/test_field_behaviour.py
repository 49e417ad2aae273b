"""What stations in the field do that breaks simple systems, said to a real socket."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from forecourt.platform.bus import Bus
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import DatabaseBusy, Pool
from forecourt.sessions.jobs import SessionJobs
from forecourt.stations.gateway import connection, reports
from forecourt.stations.gateway.words import REFRESH_SUBJECT
from forecourt.stations.model import SILENCE
from tests.stations.gateway.conftest import Rig
from tests.stations.gateway.test_sessions_over_sockets import NOW, at, boot, event, meter_values, start
from tests.stations.gateway.test_told_outside import follow
from tests.support import WAIT_S


def status(state: str, when: float, connector: int = 1, **more: Any) -> dict[str, Any]:
    return {"connectorId": connector, "errorCode": "NoError", "status": state, "timestamp": at(when)} | more


async def test_a_16_replay_of_all_statuses_then_meter_values_then_the_stop_ends_available_and_closed(rig: Rig) -> None:
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        await station.call("StatusNotification", status("Charging", -59))
        number = (await station.call("StartTransaction", start()))["transactionId"]
    async with rig.station("CP1") as station:
        for state, when in (("SuspendedEV", -40), ("Finishing", -30), ("Available", -20)):
            await station.call("StatusNotification", status(state, when))
        await station.call("MeterValues", meter_values(number, 6000, -45))
        await boot(station)
        await station.call("MeterValues", meter_values(number, 9000, -25))
        assert rig.rows("SELECT ended_at FROM sessions") == [(None,)]
        stop = {"transactionId": number, "meterStop": 8000, "timestamp": at(-30), "reason": "EVDisconnected"}
        await station.call("StopTransaction", stop)
    [row] = rig.rows("SELECT meter_stop_wh, ended_at, stop_reason FROM sessions")
    assert row == (8000, NOW - timedelta(minutes=30), "EVDisconnected")
    assert rig.rows("SELECT state FROM connectors") == [("Available",)]
    history = rig.rows("SELECT state FROM connector_history ORDER BY state_at")
    assert [state for (state,) in history] == ["Charging", "SuspendedEV", "Finishing", "Available"]


async def test_a_fault_is_told_to_who_watches_when_it_begins_and_when_it_ends_and_only_then(rig: Rig) -> None:
    [(station_id,)] = await registered(rig)
    told = [("station.faults_changed", str(station_id))]

    async def said(state: str, when: float) -> list[tuple[Any, ...]]:
        rig.rows("DELETE FROM outbox RETURNING 1")
        await station.call("StatusNotification", status(state, when))
        return rig.rows("SELECT event, subject FROM outbox WHERE event = 'station.faults_changed'")

    async with rig.station("CP1") as station:
        assert await said("Available", -60) == []
        assert await said("Faulted", -50) == told
        assert await said("Faulted", -40) == []
        assert await said("Available", -55) == [], "a replay of before the fault ends nothing"
        assert await said("Available", -30) == told
        assert await said("Charging", -20) == []


async def registered(rig: Rig) -> list[tuple[Any, ...]]:
    await rig.register("CP1")
    return rig.rows("SELECT station_id FROM stations WHERE identity = 'CP1'")


async def test_an_old_status_that_comes_late_does_not_undo_a_newer_one(rig: Rig) -> None:
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        await station.call("StatusNotification", status("Available", -1))
        await station.call("StatusNotification", status("Faulted", -50, errorCode="GroundFailure"))
        await station.call("StatusNotification", status("Available", -1))
    assert rig.rows("SELECT state, error_code FROM connectors") == [("Available", None)]
    assert rig.rows("SELECT count(*) FROM connector_history") == [(2,)]


async def test_a_station_ahead_of_time_is_not_stuck_in_its_last_state_once_its_clock_is_right(rig: Rig) -> None:
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        await station.call("StatusNotification", status("Faulted", 600))
        since_now = (datetime.now(UTC) - NOW) / timedelta(minutes=1)
        await station.call("StatusNotification", status("Available", since_now + 0.5))
    assert rig.rows("SELECT state FROM connectors") == [("Available",)]


async def test_a_clock_ahead_of_arrival_does_not_bill(rig: Rig) -> None:
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        number = (await station.call("StartTransaction", start(when=600)))["transactionId"]
        stop = {"transactionId": number, "meterStop": 8000, "timestamp": at(660)}
        await station.call("StopTransaction", stop)
        await station.call("StopTransaction", stop)
    [(arrival, began, ended, energy)] = rig.rows(
        "SELECT arrival_clock, started_at <= now(), ended_at <= now(), meter_stop_wh - meter_start_wh FROM sessions"
    )
    assert (arrival, began, ended, energy) == (True, True, True, 7000)


async def test_boots_with_a_transaction_running_neither_end_nor_double_it(rig: Rig) -> None:
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        await boot(station)
        number = (await station.call("StartTransaction", start()))["transactionId"]
    for _ in range(2):
        async with rig.station("CP1") as station:
            await boot(station)
            await station.call("StatusNotification", status("Available", -20))
            await station.call("MeterValues", meter_values(number, 5000, -10))
    assert rig.rows("SELECT ended_at, meter_stop_wh FROM sessions") == [(None, 5000)]


async def test_blocked_expired_and_no_credit_tokens_are_told_so_and_their_sessions_kept(rig: Rig) -> None:
    for version, words in (("ocpp1.6", ("Blocked", "Expired", "Blocked", "Invalid")),):
        await rig.register(version)
        for uid, state in (("B", "blocked"), ("E", "expired"), ("N", "no_credit")):
            rig.token(uid, state)
        async with rig.station(version, version) as station:
            for uid, word in zip(("B", "E", "N", "unknown"), words, strict=True):
                assert (await station.call("Authorize", {"idTag": uid}))["idTagInfo"]["status"] == word
            late = await station.call("StartTransaction", start(tag="B"))
            assert late["transactionId"] > 0
            assert late["idTagInfo"]["status"] == "Blocked"
    await rig.register("CP2")
    async with rig.station("CP2", "ocpp2.0.1") as station:
        for uid, word in (("B", "Blocked"), ("E", "Expired"), ("N", "NoCredit"), ("unknown", "Invalid")):
            token = {"idToken": {"idToken": uid, "type": "ISO14443"}}
            assert (await station.call("Authorize", token))["idTokenInfo"]["status"] == word
    assert rig.rows("SELECT token_uid, token_status FROM sessions") == [("B", "Blocked")]


async def test_meter_values_without_units_or_measurands_are_energy_in_wh(rig: Rig) -> None:
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        number = (await station.call("StartTransaction", start(meter=0)))["transactionId"]
        bare = {"timestamp": at(-5), "sampledValue": [{"value": "1500"}]}
        await station.call("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": [bare]})
    assert rig.rows("SELECT meter_start_wh, meter_stop_wh FROM sessions") == [(0, 1500)]


async def test_many_values_of_one_second_are_all_kept_and_said_twice_kept_once(rig: Rig) -> None:
    await rig.register("CP1")

    def values(*sampled: dict[str, str]) -> dict[str, Any]:
        return {"connectorId": 1, "meterValue": [{"timestamp": at(-5), "sampledValue": list(sampled)}]}

    current = [{"value": str(n), "measurand": "Current.Import", "unit": "A", "phase": f"L{n}"} for n in (1, 2, 3)]
    begin = {"value": "7", "context": "Transaction.Begin"}
    async with rig.station("CP1") as station:
        for _ in range(2):
            await station.call("MeterValues", values(*current))
            await station.call("MeterValues", values({"value": "7"}, begin))
            await station.call("MeterValues", values(current[0], begin))
    rows = rig.rows("SELECT measurand, phase, context, value FROM samples ORDER BY 1, 2, 3")
    assert rows == [(0, 0, 0, 7), (0, 0, 1, 7), (7, 1, 0, 1000), (7, 2, 0, 2000), (7, 3, 0, 3000)]


async def test_signed_meter_values_are_kept_byte_for_byte(rig: Rig) -> None:
    signed = 'OCMF|{"FV":"1.0","GI":"ä"}|{"SD":"3045"}'
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        value = {"timestamp": at(-5), "sampledValue": [{"value": signed, "format": "SignedData"}]}
        assert await station.call("MeterValues", {"connectorId": 1, "meterValue": [value]}) == {}
    [(kept,)] = rig.rows("SELECT signed FROM meter_values")
    assert [text for _, text in json.loads(kept)] == [signed]


async def test_data_of_an_unknown_vendor_and_notices_are_answered_as_their_version_wants(rig: Rig) -> None:
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        assert await station.call("DataTransfer", {"vendorId": "x", "data": "1"}) == {"status": "UnknownVendorId"}
        assert await station.call("FirmwareStatusNotification", {"status": "DownloadFailed"}) == {}
        assert await station.call("DiagnosticsStatusNotification", {"status": "UploadFailed"}) == {}
    await rig.register("CP2")
    async with rig.station("CP2", "ocpp2.0.1") as station:
        report = {"requestId": 1, "generatedAt": at(0), "seqNo": 2, "tbc": False}
        assert await station.call("NotifyReport", report) == {}
        assert await station.call("NotifyReport", report | {"reportData": []}) == {}
        assert (await station.call("SignCertificate", {"csr": "x"}))["status"] == "Rejected"
        assert (await station.call("Reset", {"type": "Immediate"}))[2] in ("NotSupported", "NotImplemented")
        assert "currentTime" in await station.call("Heartbeat", {})


async def test_a_deviation_that_can_be_understood_is_served_and_shown_in_the_message_log(rig: Rig) -> None:
    await rig.register("CP1")
    odd = start() | {"meterStart": 1000.0, "timestamp": "2026-11-01T10:00:00", "vendorField": 1}
    async with rig.station("CP1") as station:
        assert (await station.call("StartTransaction", odd))["transactionId"] > 0
        await station.call("Authorize", {"idTag": "x"})
    [(deviations,)] = rig.rows("SELECT deviations FROM messages WHERE action = 'StartTransaction' AND direction = 'i'")
    for name in ("integer-as-decimal", "time-without-zone", "unknown-field"):
        assert name in deviations


async def test_events_of_a_2x_offline_gap_keep_their_own_times_and_missing_ones_are_seen(rig: Rig) -> None:
    await rig.register("CP1")
    async with rig.station("CP1", "ocpp2.1") as station:
        await station.call("TransactionEvent", event("Started", 0, -50, 100, evse={"id": 2, "connectorId": 1}))
        await station.call("TransactionEvent", event("Updated", 3, -30, 3100, offline=True))
        await station.call("TransactionEvent", event("Updated", 2, -40, 2100, offline=True))
        await station.call("TransactionEvent", event("Ended", 5, -20, info={"stoppedReason": "PowerLoss"}))
    [row] = rig.rows("SELECT offline, seqs::text, meter_stop_wh, evse, stop_reason FROM sessions")
    assert row == (True, "{[0,1),[2,4),[5,6)}", 3100, 2, "PowerLoss")


async def test_a_2x_connector_shows_what_its_transaction_says_and_no_more_once_that_ended(rig: Rig) -> None:
    await rig.register("CP1")
    async with rig.station("CP1", "ocpp2.0.1") as station:
        occupied = {"timestamp": at(-51), "connectorStatus": "Occupied", "evseId": 1, "connectorId": 1}
        await station.call("StatusNotification", occupied)
        place = {"id": 1, "connectorId": 1}
        await station.call("TransactionEvent", event("Started", 0, -50, evse=place, info={"chargingState": "Charging"}))
        assert rig.rows("SELECT shown_state FROM connectors") == [("Charging",)]
        await station.call("TransactionEvent", event("Updated", 1, -40, info={"chargingState": "SuspendedEV"}))
        assert rig.rows("SELECT shown_state FROM connectors") == [("SuspendedEV",)]
        await station.call("TransactionEvent", event("Ended", 2, -30, info={"stoppedReason": "Local"}))
        assert rig.rows("SELECT shown_state FROM connectors") == [("Occupied",)]


async def test_a_2x_connector_at_which_a_car_charges_is_not_free_whatever_it_says_or_never_said(
    rig: Rig, pool: Pool, bus: Bus
) -> None:
    await rig.register("CP1")
    shown = "SELECT evse, connector, state, shown_state FROM connectors ORDER BY evse"
    async with rig.station("CP1", "ocpp2.0.1") as station:
        free = {"timestamp": at(-49), "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
        charging = {"chargingState": "Charging"}
        first, second = {"id": 1, "connectorId": 1}, {"id": 2, "connectorId": 1}
        await station.call("TransactionEvent", event("Started", 0, -50, evse=first, info=charging))
        assert rig.rows(shown) == [(1, 1, "Unknown", "Charging")]
        await station.call("StatusNotification", free)
        assert rig.rows(shown) == [(1, 1, "Available", "Charging")]
        assert rig.rows("SELECT state FROM connector_history") == [("Available",)], "its history is what it said"
        assert rig.rows("SELECT state FROM connector_conditions") == [("Available",)], "and what others look for"
        await station.call("TransactionEvent", event("Ended", 1, -30, info={"stoppedReason": "EVDisconnected"}))
        assert rig.rows(shown) == [(1, 1, "Available", "Available")]
        quiet = {"transactionId": "quiet"}
        await station.call("TransactionEvent", event("Started", 0, -20, evse=second, info=quiet))
        assert rig.rows(shown)[1] == (2, 1, "Unknown", "Occupied"), "a session that says nothing of the car"
        await station.call("TransactionEvent", event("Updated", 1, -19, info={**charging, **quiet}))
        assert rig.rows(shown)[1] == (2, 1, "Unknown", "Charging")
        await station.call("StatusNotification", {**free, "evseId": 2, "timestamp": at(-18)})
        # Its end is lost: the session is closed from evidence, and the connector's own word counts again.
        rig.admin.execute("UPDATE sessions SET closed_at = now() WHERE over_at IS NULL")
        follow(rig, "station.state")
        assert rig.live.gathered(rig.tenant())["station.CP1.state"] == "Charging"
        async with Pool(rig.database.url, "forecourt_worker", size=1) as worker:
            await SessionJobs(worker, pool, SystemClock(), bus).close_silent()
        assert rig.rows(shown)[1] == (2, 1, "Available", "Available")
        assert rig.rows("SELECT event FROM outbox WHERE event = 'station.state'") == [("station.state",)]
        async with asyncio.timeout(WAIT_S):
            while rig.live.gathered(rig.tenant())["station.CP1.connector-2-1"] != "Available":
                await asyncio.sleep(0.01)
        assert rig.live.gathered(rig.tenant())["station.CP1.state"] == "Available"
        await station.call(
            "TransactionEvent", event("Started", 0, -9, evse=second, info={**charging, "transactionId": "next"})
        )
        assert rig.rows(shown)[1] == (2, 1, "Available", "Charging"), "what was known before is said anew"


async def test_a_car_at_one_connector_of_an_evse_leaves_the_others_free(rig: Rig) -> None:
    await rig.register("CP1")
    shown = "SELECT connector, state, shown_state FROM connectors ORDER BY connector"
    states = {number: f"station.CP1.connector-1-{number}" for number in (1, 2, 3)}

    def told() -> list[Any]:
        cells = rig.live.gathered(rig.tenant())
        return [cells.get(cell) for cell in states.values()]

    async with rig.station("CP1", "ocpp2.0.1") as station:
        for number in (1, 2):
            free = {"timestamp": at(-60), "connectorStatus": "Available", "evseId": 1, "connectorId": number}
            await station.call("StatusNotification", free)
        at_second, charging = {"id": 1, "connectorId": 2}, {"chargingState": "Charging"}
        await station.call("TransactionEvent", event("Started", 0, -50, evse=at_second))
        # Its place is not said again.
        await station.call("TransactionEvent", event("Updated", 1, -49, evse={"id": 1}, info=charging))
        assert rig.rows(shown) == [(1, "Available", "Available"), (2, "Available", "Charging")]
        assert told() == ["Available", "Charging", None]
        occupied = {"timestamp": at(-48), "connectorStatus": "Occupied", "evseId": 1, "connectorId": 1}
        await station.call("StatusNotification", occupied)
        assert rig.rows(shown)[0] == (1, "Occupied", "Charging"), "Occupied means what the session of its EVSE says"
        await station.call("TransactionEvent", event("Ended", 2, -40))
        assert rig.rows(shown) == [(1, "Occupied", "Occupied"), (2, "Available", "Available")]
        # One that never said anything, beside two that did; then a session of which nobody knows where it is.
        third = {"transactionId": "third", **charging}
        await station.call("TransactionEvent", event("Started", 0, -30, evse={"id": 1, "connectorId": 3}, info=third))
        assert rig.rows(shown)[1:] == [(2, "Available", "Available"), (3, "Unknown", "Charging")]
        assert told() == ["Charging", "Available", "Charging"]
        await station.call("TransactionEvent", event("Ended", 1, -29, info={"transactionId": "third"}))
        somewhere = {"transactionId": "somewhere", **charging}
        await station.call("TransactionEvent", event("Started", 0, -20, evse={"id": 1}, info=somewhere))
        assert rig.rows(shown) == [
            (1, "Occupied", "Charging"), (2, "Available", "Available"), (3, "Unknown", "Unknown"),
        ]  # fmt: skip


async def test_a_session_that_was_closed_for_its_silence_is_shown_again_as_soon_as_it_goes_on(
    rig: Rig, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.register("CP1")
    shown, place, charging = "SELECT shown_state FROM connectors", {"id": 1, "connectorId": 1}, "Charging"
    async with rig.station("CP1", "ocpp2.0.1") as station:
        free = {"timestamp": at(-30), "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
        await station.call("StatusNotification", free)
        await station.call("TransactionEvent", event("Started", 0, -20, evse=place, info={"chargingState": charging}))
        rig.admin.execute("UPDATE sessions SET closed_at = now() WHERE over_at IS NULL")
        async with Pool(rig.database.url, "forecourt_worker", size=1) as worker:
            await SessionJobs(worker, pool, SystemClock()).close_silent()
        assert rig.rows(shown) == [("Available",)]
        monkeypatch.setattr(SystemClock, "now", lambda _: datetime.now(UTC) + SILENCE)
        await station.call("TransactionEvent", event("Updated", 1, -5))
        assert rig.rows(shown) == [("Charging",)]
        assert rig.live.gathered(rig.tenant())["station.CP1.state"] == charging
        # Taken up anew by a socket that found it as it was, and ended only then.
    async with rig.station("CP1", "ocpp2.0.1") as station:
        await station.call("Heartbeat", {})
        rig.admin.execute("UPDATE connectors SET activity = NULL")
        await station.call("TransactionEvent", event("Updated", 2, -4, evse=place))
        assert rig.rows(shown) == [("Occupied",)], "what it said last is known once it was read back"
        await station.call("TransactionEvent", event("Updated", 3, -3))
        assert rig.rows(shown) == [("Charging",)]


@pytest.mark.parametrize("transport", ["picows"], indirect=True)
async def test_what_a_new_session_says_is_not_lost_to_the_end_of_what_the_one_before_it_said(rig: Rig) -> None:
    await rig.register("CP1")
    place, charging = {"id": 1, "connectorId": 1}, {"chargingState": "Charging"}
    async with rig.station("CP1", "ocpp2.0.1") as station:
        await station.call("TransactionEvent", event("Started", 0, -50, evse=place, info=charging))
        with psycopg.connect(rig.database.admin_url) as worker:
            worker.execute("UPDATE connectors SET activity = NULL, active_here = false")
            following = event("Started", 0, -9, evse=place, info={"transactionId": "next", **charging})
            said = asyncio.create_task(station.call("TransactionEvent", following))
            while not rig.rows("SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"):
                assert not said.done(), "it was stored without a look at what is about to be ended"
                await asyncio.sleep(0.01)
            worker.commit()
        await said
        assert rig.rows("SELECT shown_state FROM connectors") == [("Charging",)]


@pytest.mark.parametrize("transport", ["picows"], indirect=True)
async def test_a_station_that_names_ever_new_connectors_is_served_and_kept_within_bounds(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "MAX_CONNECTORS", 2)
    await rig.register("CP1")
    known = "SELECT evse, state, shown_state FROM connectors ORDER BY evse"
    begun = [(1, "Occupied", "Occupied"), (2, "Unknown", "Charging")]

    def said(evse: int, state: str = "Occupied") -> dict[str, Any]:
        return {"timestamp": at(-40 + evse), "connectorStatus": state, "evseId": evse, "connectorId": 1}

    def session(evse: int) -> dict[str, Any]:
        info = {"transactionId": f"at {evse}", "chargingState": "Charging"}
        return event("Started", 0, -20, evse={"id": evse, "connectorId": 1}, info=info)

    async with rig.station("CP1", "ocpp2.0.1") as station:
        await station.call("StatusNotification", said(1))
        await station.call("TransactionEvent", session(2))
        for evse in (3, 4):
            assert await station.call("StatusNotification", said(evse)) == {}
            assert await station.call("TransactionEvent", session(evse)) == {}
        assert rig.rows(known) == begun
        assert rig.rows("SELECT count(*) FROM connector_history") == [(1,)]
        assert rig.rows("SELECT count(*) FROM sessions") == [(3,)], "a session is kept wherever it is"
        kept = [key for key in rig.live.gathered(rig.tenant()) if "connector-" in key]
        assert sorted(kept) == ["station.CP1.connector-1-1", "station.CP1.connector-2-1"]
        assert set(rig.gateway.roster.get("CP1").active_at) == {2}  # type: ignore[union-attr]
        await station.call("StatusNotification", said(2, "Available"))
        assert rig.rows(known)[1] == (2, "Available", "Charging"), "what is known is heard as ever"
    deviations = rig.rows("SELECT action, deviations FROM messages WHERE deviations IS NOT NULL ORDER BY number")
    assert deviations == [
        (action, f"connector-beyond-limit {evse}.1")
        for evse in (3, 4)
        for action in ("StatusNotification", "TransactionEvent")
    ]


async def test_a_ghost_that_goes_on_metering_after_a_hard_reset_stays_one_open_session(rig: Rig) -> None:
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        number = (await station.call("StartTransaction", start()))["transactionId"]
        await boot(station)
        await station.call("StatusNotification", status("Available", -40))
        for minute in range(-39, -30):
            await station.call("MeterValues", meter_values(number, 4000, minute))
        other = (await station.call("StartTransaction", start(when=-20)))["transactionId"]
        assert other != number
    assert rig.rows("SELECT count(*), count(ended_at) FROM sessions") == [(2, 0)]


async def test_screens_hear_of_a_fault_with_its_code_and_of_a_car_that_charges(rig: Rig) -> None:
    heard: dict[str, Any] = {}
    bus = await Bus.connect(rig.nats_url)

    async def hear(subject: str, data: bytes, reply: str) -> None:
        heard.update(json.loads(data))

    await bus.subscribe(f"live.{rig.tenant()}", hear)
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        await station.call("StatusNotification", status("Faulted", -2, errorCode="GroundFailure"))
        number = (await station.call("StartTransaction", start()))["transactionId"]
        await station.call("MeterValues", meter_values(number, 4000, -1))
        async with asyncio.timeout(WAIT_S):
            while heard.get("station.CP1.power_w") != 7200:
                await rig.live.flush()
                await asyncio.sleep(0.02)
    assert heard["station.CP1.state"] == "Faulted"
    assert heard["station.CP1.error"] == "GroundFailure"
    assert heard["station.CP1.energy_wh"] == 3000
    [(session_id,)] = rig.rows("SELECT session_id::text FROM sessions")
    assert heard["station.CP1.session_id"] == session_id
    await bus.close()


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
async def test_a_certificate_that_nobody_can_sign_is_refused_each_time_and_nothing_follows(
    rig: Rig, version: str
) -> None:
    await rig.register("CP1")
    async with rig.station("CP1", version) as station:
        for _ in range(3):
            assert (await station.call("SignCertificate", {"csr": "a request"}))["status"] == "Rejected"
        assert "currentTime" in await station.call("Heartbeat", {})
        assert station.asked == []
    assert rig.rows("SELECT count(*) FROM commands") == [(0,)]


async def test_a_status_of_a_clock_that_was_reset_is_news_and_no_replay(rig: Rig) -> None:
    await rig.register("CP1")
    async with rig.station("CP1", "ocpp1.6") as station:
        await station.call("StatusNotification", status("Available", 0))
        faulted = status("Faulted", 0) | {"timestamp": "2000-01-01T00:00:10Z", "errorCode": "GroundFailure"}
        await station.call("StatusNotification", faulted)
        assert rig.rows("SELECT state FROM connectors") == [("Faulted",)]


async def test_a_gateway_that_could_not_read_the_registry_does_not_say_that_it_has(
    rig: Rig, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(**_: Any) -> None:
        raise DatabaseBusy

    monkeypatch.setattr(rig.gateway, "_read_roster", away)
    assert await bus.request_all(REFRESH_SUBJECT, b"", 1, 0.5) == []
    monkeypatch.undo()
    assert len(await bus.request_all(REFRESH_SUBJECT, b"", 1, 20.0)) == 1


async def test_answers_to_no_call_can_not_fill_the_log(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MAX_STRAYS", 3)
    await rig.register("CP1")
    async with rig.station("CP1", "ocpp1.6") as station:
        for number in range(10):
            await station.link.send(f'[3,"stray-{number}",{{}}]')
        # Stored with its commit, and everything before it.
        await station.call("StatusNotification", status("Available", 0))
    kept = rig.rows("SELECT message_id FROM messages WHERE deviations = 'answers no call' ORDER BY number")
    assert kept == [("stray-0",), ("stray-1",), ("stray-2",)]
