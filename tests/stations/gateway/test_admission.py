"""Who may connect, with which subprotocol, and what a station may say before it is accepted."""

import asyncio
from typing import Any

import pytest
import websockets

from forecourt.platform.database import Pool
from forecourt.stations.model import password_hash
from forecourt.stations.service import retire_station
from tests.http import an_actor
from tests.stations.gateway.conftest import PASSWORD, SECRET, Rig
from tests.stations.gateway.test_sessions_over_sockets import boot, start
from tests.support import WAIT_S


async def refusal(rig: Rig, identity: str, *protocols: str, **how: Any) -> int:
    """The HTTP status by which an upgrade is refused."""
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with rig.station(identity, *protocols, **how):
            pass
    return refused.value.response.status_code


async def test_the_newest_common_subprotocol_is_chosen_and_an_unknown_one_is_refused(rig: Rig) -> None:
    await rig.register("CP1")
    for offered, chosen in (
        (("ocpp1.6",), "ocpp1.6"),
        (("ocpp1.6", "ocpp2.0.1"), "ocpp2.0.1"),
        (("ocpp2.1", "ocpp1.6", "ocpp2.0.1"), "ocpp2.1"),
        (("ocpp1.5", "ocpp1.6"), "ocpp1.6"),
    ):
        async with rig.station("CP1", *offered) as station:
            assert station.link.subprotocol == chosen
    assert await refusal(rig, "CP1", "ocpp1.5") == 400


async def test_wrong_credentials_are_refused_and_leave_no_trace_of_having_been_seen(rig: Rig) -> None:
    await rig.register("CP1")
    await rig.register("CP2")
    assert await refusal(rig, "CP1", password="wrong") == 401
    assert await refusal(rig, "CP1", user="CP2") == 401
    assert await refusal(rig, "NOBODY") == 404
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with websockets.connect(
            f"ws://127.0.0.1:{rig.port}/ocpp/CP1", subprotocols=[websockets.Subprotocol("ocpp1.6")]
        ):
            pass
    assert refused.value.response.status_code == 401
    assert "Basic" in refused.value.response.headers["WWW-Authenticate"]
    assert rig.rows("SELECT count(*) FROM station_links") == [(0,)]


async def test_the_identity_is_the_last_segment_of_any_path_and_percent_decoded(rig: Rig) -> None:
    await rig.register("CP 1/ä")
    name = "CP%201%2F%C3%A4"
    for path in ("/ocpp/", "/", "/any/prefix/at/all/"):
        async with rig.station(name, user="CP 1/ä", path=path) as station:
            assert (await boot(station))["status"] == "Accepted"


async def test_a_changed_password_closes_the_socket_and_only_the_new_one_opens_another(rig: Rig) -> None:
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        await boot(station)
        rig.admin.execute(
            "UPDATE stations SET password_hash = %s, version = nextval('station_versions')",
            (password_hash(SECRET.encode(), b"another-password-4567"),),
        )
        await rig.gateway._read_roster(everything=False)
        await asyncio.wait_for(station.link.wait_closed(), WAIT_S)
    assert await refusal(rig, "CP1", password=PASSWORD) == 401
    async with rig.station("CP1", password="another-password-4567") as station:
        assert (await boot(station))["status"] == "Accepted"


async def test_a_pending_station_is_asked_to_wait_and_nothing_else_it_says_is_recorded(rig: Rig) -> None:
    await rig.register("CP1", registration="pending")
    async with rig.station("CP1") as station:
        assert (await boot(station))["status"] == "Pending"
        assert (await station.call("StartTransaction", start()))[2] == "SecurityError"
        rig.admin.execute("UPDATE stations SET registration = 'accepted', version = nextval('station_versions')")
        await rig.gateway._read_roster(everything=False)
        assert (await boot(station))["status"] == "Accepted"
        assert (await station.call("StartTransaction", start()))["transactionId"] > 0
    assert rig.rows("SELECT count(*) FROM sessions") == [(1,)]
    await rig.register("CP2", registration="rejected")
    async with rig.station("CP2") as station:
        assert (await boot(station))["status"] == "Rejected"
        assert (await station.call("Heartbeat", {}))[2] == "SecurityError"


async def test_the_newest_socket_of_a_station_wins_and_it_is_never_shown_offline_for_it(rig: Rig) -> None:
    await rig.register("CP1")
    async with rig.station("CP1") as former:
        await boot(former)
        async with rig.station("CP1") as newer:
            await boot(newer)
            await asyncio.wait_for(former.link.wait_closed(), WAIT_S)
            # What the old socket's end wrote has been committed when this answer is there.
            await newer.call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"})
            await newer.call("Authorize", {"idTag": "X"})
            [(epoch, gateway)] = rig.rows("SELECT epoch, gateway_id FROM station_links")
            assert (epoch, gateway) == (2, rig.gateway.gateway_id)
    await _eventually_unlinked(rig)


async def _eventually_unlinked(rig: Rig) -> None:
    async with asyncio.timeout(WAIT_S):
        while rig.rows("SELECT gateway_id FROM station_links") != [(None,)]:
            await asyncio.sleep(0.02)


async def test_a_station_may_go_on_without_a_boot_after_it_reconnects(rig: Rig) -> None:
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        await boot(station)
    async with rig.station("CP1") as station:
        assert (await station.call("StartTransaction", start()))["transactionId"] > 0


async def test_fragments_are_joined_and_what_is_no_text_or_too_long_closes_the_socket(rig: Rig) -> None:
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        await station.link.send(iter(['[2,"f1","Heart', 'beat",', "{}]"]))
        assert (await station.answer("f1"))[0] == 3
        await station.link.send(b"\x00\x01")
        await asyncio.wait_for(station.link.wait_closed(), WAIT_S)
        assert station.link.close_code == 1003
    async with rig.station("CP1") as station:
        with pytest.raises(websockets.ConnectionClosed):
            await station.call("DataTransfer", {"vendorId": "v", "data": "x" * (2 << 20)})


async def retire(rig: Rig, identity: str) -> None:
    """The station is retired by the API's verb; the gateway is yet to learn it."""
    async with Pool(rig.database.url, "forecourt_app", size=1) as pool, pool.tenant(rig.tenant()) as conn:
        await retire_station(conn, an_actor(rig.tenant()), identity)


async def test_a_retired_station_is_hung_up_on_and_refused_while_its_name_serves_another(rig: Rig) -> None:
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        await boot(station)
        assert (await station.call("StartTransaction", start()))["transactionId"] > 0
        await retire(rig, "CP1")
        await rig.gateway._read_roster(everything=False)
        await asyncio.wait_for(station.link.wait_closed(), WAIT_S)
        assert station.link.close_reason == "no longer registered here"
    assert await refusal(rig, "CP1") == 404
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        assert (await boot(station))["status"] == "Accepted"
    assert rig.rows("SELECT count(DISTINCT station_id) FROM station_links") == [(2,)]
    # It is the first one's, whose transaction goes on being its own.
    [(of_session,)] = rig.rows("SELECT station_id FROM sessions")
    assert rig.rows("SELECT station_id FROM stations WHERE retired_at IS NOT NULL") == [(of_session,)]


@pytest.mark.parametrize("everything", [False, True])
async def test_a_name_that_changed_hands_unseen_is_read_in_any_order_of_versions(rig: Rig, everything: bool) -> None:
    await rig.register("CP1")
    async with rig.station("CP1") as station:
        await boot(station)
        await retire(rig, "CP1")
        rig.admin.execute(
            "INSERT INTO stations (tenant_id, identity, password_hash) VALUES (%s, 'CP1', %s)",
            (rig.tenant("Another"), password_hash(SECRET.encode(), b"of-the-new-owner-0123")),
        )
        # The retirement's version was drawn last.
        rig.admin.execute("UPDATE stations SET version = nextval('station_versions') WHERE retired_at IS NOT NULL")
        await rig.gateway._read_roster(everything=everything)
        await asyncio.wait_for(station.link.wait_closed(), WAIT_S)
    assert await refusal(rig, "CP1") == 401
    async with rig.station("CP1", password="of-the-new-owner-0123") as station:
        assert (await boot(station))["status"] == "Accepted"
        # What was read is read again with every word of the bus.
        await rig.gateway._read_roster(everything=False)
        assert "currentTime" in await station.call("Heartbeat", {})
    known = rig.gateway.roster.get("CP1")
    assert known is not None
    assert known.tenant_id == rig.tenant("Another")
