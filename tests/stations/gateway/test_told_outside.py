"""What stations do is written down for programs outside, and only where one wants to hear of it."""

import asyncio
from typing import Any

import pytest

from tests.stations.gateway.conftest import Rig
from tests.stations.gateway.test_sessions_over_sockets import at, boot
from tests.support import WAIT_S

EVENTS = ["station.connected", "station.disconnected", "station.state", "station.fault"]


def follow(rig: Rig, *events: str) -> None:
    rig.rows(
        "INSERT INTO webhooks (tenant_id, url, events, secret) VALUES (%s, 'https://example.com', %s, '') RETURNING 1",
        rig.tenant(),
        list(events),
    )


#: What is for programs outside; the other event is for our own watch.
TOLD = "SELECT event FROM outbox WHERE event <> 'station.faults_changed' ORDER BY 1"


async def told(rig: Rig, *wanted: str) -> None:
    """Waits until exactly these events lie in the outbox, and takes them out."""
    async with asyncio.timeout(WAIT_S):
        while sorted(found := [event for (event,) in rig.rows(TOLD)]) != sorted(wanted):
            assert set(found) <= set(wanted), found
            await asyncio.sleep(0.05)
    rig.admin.execute("DELETE FROM outbox")


def status(state: str, minute: int, error: str = "NoError") -> dict[str, Any]:
    return {"connectorId": 1, "status": state, "errorCode": error, "timestamp": at(minute - 10)}


@pytest.mark.parametrize("transport", ["picows"], indirect=True)
async def test_coming_going_states_and_faults_are_told_once_each(rig: Rig) -> None:
    follow(rig, *EVENTS)
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        await boot(station)
        await told(rig, "station.connected")
        await station.call("StatusNotification", status("Available", 0))
        await told(rig, "station.state")
        await station.call("StatusNotification", status("Available", 1))
        await station.call("StatusNotification", status("Faulted", 2, "GroundFailure"))
        await told(rig, "station.state", "station.fault")
        # The same fault said again is no news, and neither is what was before it, said late.
        await station.call("StatusNotification", status("Faulted", 3, "GroundFailure"))
        await station.call("StatusNotification", status("Charging", 1))
        await told(rig)
        async with rig.station("CP1") as again:
            await boot(again)
            await told(rig)
    await told(rig, "station.disconnected")


@pytest.mark.parametrize("transport", ["picows"], indirect=True)
async def test_nothing_is_written_for_nobody(rig: Rig) -> None:
    follow(rig, "station.fault")
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        await boot(station)
        await station.call("StatusNotification", status("Available", 0))
        await told(rig)
