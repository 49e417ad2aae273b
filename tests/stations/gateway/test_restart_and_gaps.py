"""What a gateway learns of a station beside its reports: that it restarts, what it lacks, and when it was away."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from forecourt.access import Role
from forecourt.ocpp.neutral import ResetType
from forecourt.platform.bus import Bus
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import Pool
from forecourt.stations import control
from forecourt.stations.commands import Commander
from forecourt.stations.gateway import reports
from forecourt.stations.gateway.lanes import MAX_HARDWARE
from forecourt.stations.live import LiveStations
from tests.http import an_actor
from tests.stations.gateway.conftest import SECRET, Rig, StationClient
from tests.stations.gateway.test_commands import obey
from tests.stations.gateway.test_field_behaviour import status
from tests.stations.gateway.test_sessions_over_sockets import at, boot, start
from tests.support import WAIT_S


async def shown(rig: Rig, pool: Pool, identity: str = "CP1") -> Any:
    """The state of a station as a page that opens now shows it."""
    return (await LiveStations(pool).snapshot(rig.tenant(), [identity]))[f"station.{identity}.state"]


def told(rig: Rig, identity: str = "CP1") -> Any:
    """The state that pages that are open were told last."""
    return rig.live.gathered(rig.tenant()).get(f"station.{identity}.state")


async def until_rows(rig: Rig, query: str, wanted: list[tuple[Any, ...]]) -> None:
    async with asyncio.timeout(WAIT_S):
        while rig.rows(query) != wanted:
            await asyncio.sleep(0.02)


async def reset(rig: Rig, pool: Pool, bus: Bus, station: StationClient, kind: ResetType, said: str) -> Any:
    commander = Commander(pool, bus, SystemClock(), WAIT_S, secret_key=SECRET.encode())
    actor = an_actor(rig.tenant(), Role.TECHNICIAN)
    obeyed, asked = await asyncio.gather(
        control.reset(pool, commander, actor, "CP1", kind), obey(station, {"status": said})
    )
    assert obeyed.status == said
    return asked


LINK = "SELECT restarting_until IS NOT NULL, gateway_id IS NOT NULL FROM station_links"


async def test_a_station_that_agreed_to_a_reset_is_restarting_until_it_is_back(
    rig: Rig,
    pool: Pool,
    bus: Bus,
) -> None:
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        await station.call("StatusNotification", status("Faulted", -1, errorCode="OtherError"))
        await reset(rig, pool, bus, station, ResetType.HARD, "Rejected")
        assert (await shown(rig, pool), told(rig)) == ("Faulted", "Faulted")
        assert await reset(rig, pool, bus, station, ResetType.HARD, "Accepted") == ["Reset", {"type": "Hard"}]
        await until_rows(rig, LINK, [(True, True)])
        assert (await shown(rig, pool), told(rig)) == ("Restarting", "Restarting")
    await until_rows(rig, LINK, [(True, False)])
    assert (await shown(rig, pool), told(rig)) == ("Restarting", "Restarting")
    async with rig.station("CP1") as station:
        await station.call("StatusNotification", status("Available", 0))
        assert (await shown(rig, pool), told(rig)) == ("Available", "Available")
    await until_rows(rig, LINK, [(False, False)])
    assert (await shown(rig, pool), told(rig)) == ("Offline", "Offline")


async def test_a_boot_over_the_same_connection_ends_a_restart(rig: Rig, pool: Pool, bus: Bus) -> None:
    await rig.register("CP1")
    async with rig.station("CP1", "ocpp2.0.1") as station:
        await station.call("Heartbeat", {})
        await reset(rig, pool, bus, station, ResetType.SOFT, "Scheduled")
        assert told(rig) == "Available"
        assert await reset(rig, pool, bus, station, ResetType.SOFT, "Accepted") == ["Reset", {"type": "OnIdle"}]
        await until_rows(rig, LINK, [(True, True)])
        who = {"vendorName": "V", "model": "M"}
        await station.call("BootNotification", {"reason": "RemoteReset", "chargingStation": who})
        assert (await shown(rig, pool), told(rig)) == ("Available", "Available")


async def test_a_reset_by_the_expert_door_counts_as_well_and_one_of_an_evse_does_not(
    rig: Rig,
    pool: Pool,
    bus: Bus,
) -> None:
    await rig.register("CP1")
    commander = Commander(pool, bus, SystemClock(), WAIT_S, secret_key=SECRET.encode())
    async with rig.station("CP1", "ocpp2.1") as station:
        await station.call("Heartbeat", {})
        for payload, wanted in (
            (b'{"type":"Immediate","evseId":1}', "Available"),
            (b'{"type":"Immediate"}', "Restarting"),
        ):
            await asyncio.gather(
                commander.call(rig.tenant(), "CP1", "Reset", payload, "test"), obey(station, {"status": "Accepted"})
            )
            assert told(rig) == wanted


@pytest.mark.parametrize("stays", [True, False])
async def test_a_station_that_is_not_back_in_time_is_shown_as_what_it_is(
    rig: Rig,
    pool: Pool,
    bus: Bus,
    monkeypatch: pytest.MonkeyPatch,
    stays: bool,
) -> None:
    monkeypatch.setattr(reports, "RESTART_LIMIT_S", 0.0)
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        await station.call("StatusNotification", status("Unavailable", -1))
        await reset(rig, pool, bus, station, ResetType.HARD, "Accepted")
        if not stays:
            await station.link.close()
        wanted = "Unavailable" if stays else "Offline"
        async with asyncio.timeout(WAIT_S):
            while (await shown(rig, pool), told(rig)) != (wanted, wanted):
                await asyncio.sleep(0.05)


async def test_a_station_that_came_back_to_another_gateway_is_not_shown_offline_by_the_first(
    rig: Rig, pool: Pool, bus: Bus
) -> None:
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        await station.call("Heartbeat", {})
        await reset(rig, pool, bus, station, ResetType.HARD, "Accepted")
    await until_rows(rig, LINK, [(True, False)])
    rig.admin.execute("INSERT INTO gateways VALUES ('other', now(), now() + interval '1 hour')")
    rig.admin.execute("UPDATE station_links SET gateway_id = 'other', epoch = 2, restarting_until = NULL")
    [(known, _)] = rig.gateway.reports._restarting.values()
    rig.gateway.reports._restarting[known.station_id] = (known, 0.0)
    async with asyncio.timeout(WAIT_S):
        while rig.gateway.reports._restarting or not rig.gateway.commit.idle:
            await asyncio.sleep(0.02)
    assert told(rig) == "Restarting"
    assert await shown(rig, pool) == "Available"


async def test_what_a_station_lacks_is_remembered_until_it_boots_with_another_firmware(
    rig: Rig,
    pool: Pool,
    bus: Bus,
) -> None:
    await rig.register("CP1")
    commander = Commander(pool, bus, SystemClock(), WAIT_S, secret_key=SECRET.encode())

    async def call(station: StationClient, action: str, payload: bytes, said: str, *, error: bool) -> None:
        asking = asyncio.create_task(commander.call(rig.tenant(), "CP1", action, payload, "test"))
        asked = await station.next_ask()
        reply = [4, asked[1], said, "", {}] if error else [3, asked[1], {"status": said}]
        await station.link.send(json.dumps(reply))
        await asking

    def boot(firmware: str) -> dict[str, str]:
        return {"chargePointVendor": "V", "chargePointModel": "M", "firmwareVersion": firmware}

    kept = "SELECT action, said FROM unsupported_actions ORDER BY 1"
    async with rig.station("CP1") as station:
        await station.call("BootNotification", boot("1.0"))
        await call(station, "ClearCache", b"{}", "InternalError", error=True)
        await call(station, "ChangeConfiguration", b'{"key":"a","value":"b"}', "NotSupported", error=False)
        for _ in range(2):
            await call(station, "ReserveNow", RESERVE, "NotImplemented", error=True)
            await call(station, "UnlockConnector", b'{"connectorId":1}', "NotSupported", error=False)
        await until_rows(rig, kept, [("ReserveNow", "NotImplemented"), ("UnlockConnector", "NotSupported")])
        await station.call("BootNotification", boot("1.0"))
        assert len(rig.rows(kept)) == 2
        # It informs and blocks nothing.
        await call(station, "UnlockConnector", b'{"connectorId":1}', "Unlocked", error=False)
        await station.call("BootNotification", boot("1.1"))
        assert rig.rows(kept) == []


async def test_serial_numbers_by_which_a_station_boots_are_kept_once_each_and_no_more_than_a_few(
    rig: Rig,
) -> None:
    await rig.register("CP1")

    def boot(serial: str | None, model: str = "M") -> dict[str, str]:
        told = {"chargePointVendor": "V", "chargePointModel": model}
        return told if serial is None else told | {"chargePointSerialNumber": serial}

    kept = "SELECT serial, model FROM station_hardware ORDER BY first_booted_at"
    async with rig.station("CP1") as station:
        for serial, model in (("A", "M"), ("A", "M"), (None, "M"), ("B", "N"), ("A", "N")):
            await station.call("BootNotification", boot(serial, model))
        # A station that comes back as it was is no third one.
        assert rig.rows(kept) == [("A", "M"), ("B", "N")]
        for number in range(MAX_HARDWARE):
            await station.call("BootNotification", boot(f"S{number}"))
        assert len(rig.rows(kept)) == MAX_HARDWARE


RESERVE = b'{"connectorId":1,"expiryDate":"2030-01-01T00:00:00Z","idTag":"T","reservationId":1}'
GAPS = "SELECT epoch, returned_at IS NOT NULL FROM connection_gaps ORDER BY epoch"


async def test_each_loss_of_a_connection_and_its_return_is_kept(rig: Rig) -> None:
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        await station.call("Heartbeat", {})
    await until_rows(rig, GAPS, [(1, False)])
    rig.admin.execute("UPDATE connection_gaps SET lost_at = lost_at - interval '1 hour'")
    async with rig.station("CP1") as station:
        await station.call("Heartbeat", {})
        assert rig.rows(GAPS) == [(1, True)]
        [(length,)] = rig.rows("SELECT returned_at - lost_at FROM connection_gaps")
        assert timedelta(hours=1) < length < timedelta(hours=1, minutes=1)
    await until_rows(rig, GAPS, [(1, True), (2, False)])


async def test_a_connection_that_replaces_another_or_comes_within_a_second_leaves_no_gap(rig: Rig) -> None:
    await rig.register("CP1")
    async with rig.station("CP1") as first:
        await first.call("Heartbeat", {})
        async with rig.station("CP1") as second:
            await second.call("Heartbeat", {})
            await asyncio.wait_for(first.link.wait_closed(), WAIT_S)
            assert rig.rows(GAPS) == []
    await until_rows(rig, GAPS, [(2, False)])
    rig.admin.execute("UPDATE connection_gaps SET lost_at = now()")
    async with rig.station("CP1") as third:
        await third.call("Heartbeat", {})
        assert rig.rows(GAPS) == []


@pytest.mark.parametrize(("lease_min", "seen_min", "wanted_min"), [(10, 30, 10), (10, 5, 5), (None, 30, 30)])
async def test_the_gap_of_a_gateway_that_was_killed_begins_with_the_last_sign_of_life(
    rig: Rig, lease_min: int | None, seen_min: int, wanted_min: int
) -> None:
    await rig.register("CP1")
    now = datetime.now(UTC)
    if lease_min is not None:
        rig.admin.execute(
            "INSERT INTO gateways (gateway_id, started_at, lease_until) VALUES ('dead', now(), %s)",
            (now - timedelta(minutes=lease_min),),
        )
    rig.admin.execute(
        "INSERT INTO station_links (station_id, tenant_id, epoch, gateway_id, protocol, connected_at, last_seen_at)"
        " SELECT station_id, tenant_id, 7, 'dead', 'ocpp1.6', now() - interval '1 day', %s FROM stations",
        (now - timedelta(minutes=seen_min),),
    )
    async with rig.station("CP1") as station:
        await station.call("Heartbeat", {})
        assert rig.rows("SELECT epoch, lost_at FROM connection_gaps") == [(7, now - timedelta(minutes=wanted_min))]
        assert rig.rows(GAPS) == [(7, True)]


async def test_an_unlock_is_told_in_the_station_s_word_and_its_session_ends_by_the_station_s_own(
    rig: Rig, pool: Pool, bus: Bus
) -> None:
    await rig.register("CP1")
    commander = Commander(pool, bus, SystemClock(), WAIT_S, secret_key=SECRET.encode())
    actor = an_actor(rig.tenant(), Role.SUPPORT)
    async with rig.station("CP1") as station:
        number = (await station.call("StartTransaction", start()))["transactionId"]
        for word in ("UnlockFailed", "NotSupported", "Unlocked"):
            obeyed, asked = await asyncio.gather(
                control.unlock(pool, commander, actor, "CP1", evse=1, connector=1), obey(station, {"status": word})
            )
            assert asked == ["UnlockConnector", {"connectorId": 1}]
            assert (obeyed.accepted, obeyed.status) == (word == "Unlocked", word)
        assert rig.rows("SELECT ended_at FROM sessions") == [(None,)]
        stop = {"transactionId": number, "meterStop": 2000, "timestamp": at(0), "reason": "UnlockCommand"}
        await station.call("StopTransaction", stop)
    assert rig.rows("SELECT stop_reason, meter_stop_wh FROM sessions") == [("UnlockCommand", 2000)]
    assert rig.rows("SELECT action FROM audit") == [("unlock connector",)] * 3


async def test_a_reset_with_a_session_running_closes_it_by_its_stop_and_never_shows_a_fault(
    rig: Rig, pool: Pool, bus: Bus
) -> None:
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        number = (await station.call("StartTransaction", start()))["transactionId"]
        await reset(rig, pool, bus, station, ResetType.SOFT, "Accepted")
        stop = {"transactionId": number, "meterStop": 2000, "timestamp": at(0), "reason": "SoftReset"}
        await station.call("StopTransaction", stop)
        await station.call("StatusNotification", status("Unavailable", 0))
        assert told(rig) == "Restarting"
    await until_rows(rig, LINK, [(True, False)])
    assert (await shown(rig, pool), told(rig)) == ("Restarting", "Restarting")
    async with rig.station("CP1") as station:
        await boot(station)
        assert await shown(rig, pool) == "Unavailable"
    assert rig.rows("SELECT stop_reason, meter_stop_wh FROM sessions") == [("SoftReset", 2000)]


async def test_a_power_failure_closes_its_session_by_the_stop_and_leaves_a_gap(rig: Rig) -> None:
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        number = (await station.call("StartTransaction", start()))["transactionId"]
        station.link.transport.abort()
    await until_rows(rig, GAPS, [(1, False)])
    rig.admin.execute("UPDATE connection_gaps SET lost_at = lost_at - interval '10 minutes'")
    async with rig.station("CP1") as station:
        await boot(station)
        assert rig.rows("SELECT ended_at FROM sessions") == [(None,)]
        stop = {"transactionId": number, "meterStop": 2000, "timestamp": at(-1), "reason": "PowerLoss"}
        await station.call("StopTransaction", stop)
        assert rig.rows(GAPS) == [(1, True)]
    assert rig.rows("SELECT stop_reason FROM sessions") == [("PowerLoss",)]
