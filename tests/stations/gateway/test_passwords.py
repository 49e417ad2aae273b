"""Passwords that calls give to stations (OCTT 1.6 TC_073, OCTT 2.0.1 TC_A_09/10): which are let in, and since when."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
import websockets

from forecourt.platform.bus import Bus
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import Pool
from forecourt.stations import commands
from forecourt.stations.commands import (
    Answered,
    CallInvalid,
    Commander,
    PasswordOpen,
    Refused,
    StationAnswerInvalid,
    StationLost,
    StationTimeout,
)
from forecourt.stations.model import password_hash
from tests.stations.gateway.conftest import PASSWORD, SECRET, ClockAhead, Rig, StationClient
from tests.support import WAIT_S

NEW = "the-next-password-4567"
VERSIONS = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")
NAMED = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}


class Office:
    """Whoever gives stations their passwords."""

    def __init__(self, rig: Rig, pool: Pool, bus: Bus) -> None:
        self.rig = rig
        self.patient = Commander(pool, bus, SystemClock(), WAIT_S, secret_key=SECRET.encode())
        self.hasty = Commander(pool, bus, ClockAhead(), 0.3, secret_key=SECRET.encode())

    async def give(self, version: str, password: str = NEW, *, hasty: bool = False) -> Answered | Refused:
        """Give the station that is named after its version a password."""
        payload: dict[str, Any] = {"key": "AuthorizationKey", "value": password}
        if version != "ocpp1.6":
            payload = {"setVariableData": [NAMED | {"attributeValue": password}]}
        action = "ChangeConfiguration" if version == "ocpp1.6" else "SetVariables"
        commander = self.hasty if hasty else self.patient
        return await commander.call(self.rig.tenant(), version, action, json.dumps(payload).encode(), "test")


@pytest_asyncio.fixture
async def office(rig: Rig) -> AsyncIterator[Office]:
    bus = await Bus.connect(rig.nats_url)
    yield Office(rig, await rig.ground.pool("forecourt_app", 3), bus)
    await bus.close()


def told(version: str, status: str) -> dict[str, Any]:
    """The station's answer with a status in the words of its version."""
    return {"status": status} if version == "ocpp1.6" else {"setVariableResult": [NAMED | {"attributeStatus": status}]}


async def answer(station: StationClient, result: Any) -> None:
    """Answer the call that waits."""
    ask = await station.next_ask()
    await station.link.send(json.dumps([3, ask[1], result]))


async def lets_in(rig: Rig, identity: str, password: str | bytes) -> bool:
    """Whether a station comes in with a password. It takes the place of the one that is in."""
    try:
        async with rig.station(identity, *VERSIONS, password=password) as station:
            await station.call("Heartbeat", {})
    except websockets.InvalidStatus as refused:
        return refused.response.status_code != 401
    return True


@asynccontextmanager
async def connecting(rig: Rig, identity: str, password: str) -> AsyncIterator[None]:
    """An upgrade with a password, whatever PostgreSQL does meanwhile."""
    async with rig.station(identity, *VERSIONS, password=password):
        yield


async def refused(rig: Rig, identity: str, password: str) -> bool:
    """Whether an upgrade with a password is turned down."""
    try:
        async with connecting(rig, identity, password):
            return False
    except websockets.InvalidStatus as answer:
        return answer.response.status_code == 401


def open_at(rig: Rig, identity: str) -> int:
    """How many open passwords of a station the gateway knows."""
    station = rig.gateway.roster.get(identity)
    assert station is not None
    return len(station.open_passwords)


async def comes_to_be_settled(rig: Rig, identity: str) -> None:
    """Until the gateway knows of no open password."""
    async with asyncio.timeout(WAIT_S):
        while open_at(rig, identity):
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_accepted_password_is_the_only_one_let_in_and_the_socket_stays(
    rig: Rig, office: Office, version: str
) -> None:
    await rig.register(version)
    async with rig.station(version, version) as station:
        await station.call("Heartbeat", {})
        giving = asyncio.create_task(office.give(version))
        ask = await station.next_ask()
        # Sent, and the answer may never come: a station that took the password must find it known.
        assert open_at(rig, version) == 1
        assert rig.rows("SELECT count(*) FROM commands WHERE password_hash IS NOT NULL") == [(1,)]
        await station.link.send(json.dumps([3, ask[1], told(version, "Accepted")]))
        assert isinstance(await giving, Answered)
        await rig.gateway._read_roster(everything=True)
        # Whoever is in goes on over the same socket.
        assert "currentTime" in await station.call("Heartbeat", {})
    assert not await lets_in(rig, version, PASSWORD)
    assert await lets_in(rig, version, NEW)
    assert rig.rows("SELECT count(*) FROM commands WHERE password_hash IS NOT NULL") == [(0,)]


@pytest.mark.parametrize(
    ("version", "frame"),
    [
        ("ocpp1.6", [3, {"status": "Rejected"}]),
        ("ocpp1.6", [3, {"status": "NotSupported"}]),
        ("ocpp1.6", [4, "NotSupported", "", {}]),
        ("ocpp2.0.1", [3, told("ocpp2.0.1", "Rejected")]),
        ("ocpp2.1", [3, told("ocpp2.1", "UnknownVariable")]),
        ("ocpp2.1", [4, "InternalError", "", {}]),
    ],
)
async def test_a_rejected_password_is_let_in_no_more_and_the_old_one_still_is(
    rig: Rig, office: Office, version: str, frame: list[Any]
) -> None:
    await rig.register(version)
    async with rig.station(version, version) as station:
        await station.call("Heartbeat", {})
        giving = asyncio.create_task(office.give(version))
        ask = await station.next_ask()
        await station.link.send(json.dumps([frame[0], ask[1], *frame[1:]]))
        await giving
        assert "currentTime" in await station.call("Heartbeat", {})
    assert not await lets_in(rig, version, NEW)
    assert await lets_in(rig, version, PASSWORD)


@pytest.mark.parametrize("version", VERSIONS)
async def test_with_a_reboot_required_both_are_let_in_until_the_new_one_is_used(
    rig: Rig, office: Office, version: str
) -> None:
    await rig.register(version)
    async with rig.station(version, version) as station:
        await station.call("Heartbeat", {})
        await asyncio.gather(office.give(version), answer(station, told(version, "RebootRequired")))
        assert "currentTime" in await station.call("Heartbeat", {})
    # A cut connection is no reboot: it comes with the old one, and may come with the new one all the same.
    assert await lets_in(rig, version, PASSWORD)
    async with rig.station(version, version, password=NEW) as station:
        await station.call("Heartbeat", {})
        await comes_to_be_settled(rig, version)
        await rig.gateway._read_roster(everything=True)
        assert "currentTime" in await station.call("Heartbeat", {})
    assert not await lets_in(rig, version, PASSWORD)
    assert await lets_in(rig, version, NEW)


async def test_an_answer_that_never_comes_leaves_both_and_one_that_comes_late_settles_it(
    rig: Rig, office: Office
) -> None:
    for status, only in (("Accepted", NEW), ("Rejected", PASSWORD)):
        for version in ("ocpp1.6", "ocpp2.1"):
            rig.admin.execute("TRUNCATE commands, stations, station_links CASCADE")
            await rig.gateway._read_roster(everything=True)
            await rig.register(version)
            async with rig.station(version, version) as station:
                await station.call("Heartbeat", {})
                with pytest.raises(StationTimeout):
                    await office.give(version, hasty=True)
                assert open_at(rig, version) == 1
                await answer(station, told(version, status))
                await comes_to_be_settled(rig, version)
                assert "currentTime" in await station.call("Heartbeat", {})
            for password in (PASSWORD, NEW):
                assert await lets_in(rig, version, password) is (password == only)


async def test_a_socket_lost_with_the_call_unanswered_leaves_both(rig: Rig, office: Office) -> None:
    await rig.register("ocpp2.0.1")
    async with rig.station("ocpp2.0.1", "ocpp2.0.1") as station:
        await station.call("Heartbeat", {})
        giving = asyncio.create_task(office.give("ocpp2.0.1"))
        await station.next_ask()
    with pytest.raises(StationLost):
        await giving
    assert await lets_in(rig, "ocpp2.0.1", PASSWORD)
    assert await lets_in(rig, "ocpp2.0.1", NEW)
    await comes_to_be_settled(rig, "ocpp2.0.1")
    assert not await lets_in(rig, "ocpp2.0.1", PASSWORD)


async def test_an_answer_that_cant_be_read_or_names_no_password_leaves_both(rig: Rig, office: Office) -> None:
    for version, frame in (("ocpp1.6", '[3,"{}",{]'), ("ocpp2.0.1", '[3,"{}",{"setVariableResult":[]}]')):
        await rig.register(version)
        async with rig.station(version, version) as station:
            await station.call("Heartbeat", {})
            giving = asyncio.create_task(office.give(version))
            ask = await station.next_ask()
            await station.link.send(frame.replace("{}", ask[1], 1))
            if version == "ocpp1.6":
                with pytest.raises(StationAnswerInvalid):
                    await giving
            else:
                await giving
        assert await lets_in(rig, version, PASSWORD)
        assert await lets_in(rig, version, NEW)


async def test_a_key_in_hex_digits_is_let_in_as_digits_and_as_the_bytes_they_stand_for(
    rig: Rig, office: Office
) -> None:
    await rig.register("ocpp1.6")
    present: str | bytes = PASSWORD
    for key in (bytes(range(0x61, 0x61 + 16)), bytes([0, 255, 58, 10, *range(16)])):
        async with rig.station("ocpp1.6", password=present) as station:
            await station.call("Heartbeat", {})
            await asyncio.gather(
                office.give("ocpp1.6", key.hex().upper()), answer(station, told("ocpp1.6", "Accepted"))
            )
        for form in (key, key.hex(), key.hex().upper()):
            assert await lets_in(rig, "ocpp1.6", form)
        for wrong in (key[:-1], key + b"\0", key.hex()[:-2], bytes(len(key)), b""):
            assert not await lets_in(rig, "ocpp1.6", wrong)
        present = key


async def test_what_was_given_first_never_outlives_what_was_given_last(rig: Rig, office: Office) -> None:
    version = "ocpp2.0.1"
    await rig.register(version)
    async with rig.station(version, version) as station:
        await station.call("Heartbeat", {})
        for number in (1, 2):
            with pytest.raises(StationTimeout):
                await office.give(version, f"unanswered-password-{number}", hasty=True)
            # Given again, it is open once.
            with pytest.raises(StationTimeout):
                await office.give(version, f"unanswered-password-{number}", hasty=True)
        assert open_at(rig, version) == 2
        for _ in range(4):
            await station.next_ask()
        await asyncio.gather(office.give(version), answer(station, told(version, "Accepted")))
    for password in (PASSWORD, "unanswered-password-1", "unanswered-password-2"):
        assert not await lets_in(rig, version, password)
    assert await lets_in(rig, version, NEW)


async def test_a_second_change_under_way_or_too_many_open_ones_are_refused_before_anything_is_sent(
    rig: Rig, office: Office
) -> None:
    version = "ocpp1.6"
    await rig.register(version)
    async with rig.station(version) as station:
        await station.call("Heartbeat", {})
        giving = asyncio.create_task(office.give(version))
        ask = await station.next_ask()
        with pytest.raises(PasswordOpen):
            await office.give(version, "another-password-0000")
        await station.link.send(json.dumps([3, ask[1], told(version, "RebootRequired")]))
        await giving
        for number in range(commands.MAX_OPEN_PASSWORDS - 1):
            await asyncio.gather(
                office.give(version, f"another-password-{number}"), answer(station, told(version, "RebootRequired"))
            )
        with pytest.raises(PasswordOpen):
            await office.give(version, "one-password-too-many")
        [(recorded,)] = rig.rows("SELECT count(*) FROM commands")
        assert recorded == commands.MAX_OPEN_PASSWORDS
        assert station.asked == []
        assert open_at(rig, version) == commands.MAX_OPEN_PASSWORDS


async def test_a_call_that_sets_the_password_twice_is_refused(rig: Rig, office: Office) -> None:
    await rig.register("ocpp2.0.1")
    twice = {"setVariableData": [NAMED | {"attributeValue": value} for value in (NEW, NEW + "8")]}
    async with rig.station("ocpp2.0.1", "ocpp2.0.1") as station:
        await station.call("Heartbeat", {})
        with pytest.raises(CallInvalid):
            await office.patient.call(rig.tenant(), "ocpp2.0.1", "SetVariables", json.dumps(twice).encode(), "test")
    assert rig.rows("SELECT count(*) FROM commands") == [(0,)]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_password_that_the_registry_would_refuse_is_not_sent_and_an_empty_one_lets_nobody_in(
    rig: Rig, office: Office, version: str
) -> None:
    await rig.register(version)
    async with rig.station(version, version) as station:
        await station.call("Heartbeat", {})
        for refused in ("", "x" * 65, "pass\nword", "pässword-0123456789"):
            with pytest.raises(CallInvalid):
                await office.give(version, refused)
        assert station.asked == []
    assert rig.rows("SELECT count(*) FROM commands") == [(0,)]
    # However it came to be one: it is as good as none.
    empty = password_hash(SECRET.encode(), b"")
    rig.admin.execute("UPDATE stations SET password_hash = %s, version = nextval('station_versions')", (empty,))
    await rig.gateway._read_roster(everything=True)
    assert not await lets_in(rig, version, b"")


async def test_the_old_password_lets_nobody_in_from_the_moment_the_new_one_did(rig: Rig, office: Office) -> None:
    version = "ocpp1.6"
    await rig.register(version)
    async with rig.station(version) as station:
        await station.call("Heartbeat", {})
        for password in ("given-before-it-00", NEW, "given-after-it-000"):
            await asyncio.gather(office.give(version, password), answer(station, told(version, "RebootRequired")))
    # PostgreSQL settles nothing from here on, so memory alone refuses.
    with rig.admin.transaction():
        rig.admin.execute("LOCK TABLE commands IN SHARE MODE")
        async with connecting(rig, version, NEW):
            for old in (PASSWORD, "given-before-it-00"):
                assert await refused(rig, version, old)
    assert await lets_in(rig, version, "given-after-it-000")


async def test_a_station_that_repeats_the_password_in_its_refusal_tells_it_to_nobody(rig: Rig, office: Office) -> None:
    for version, frame in (
        ("ocpp1.6", [4, "InternalError", f"can't set {NEW}", {"value": f"<{NEW}>"}]),
        ("ocpp2.0.1", [3, {"setVariableResult": [
            NAMED | {"attributeStatus": "Rejected", "attributeStatusInfo": {"reasonCode": "x", "additionalInfo": NEW}}
        ]}]),
    ):  # fmt: skip
        await rig.register(version)
        async with rig.station(version, version) as station:
            await station.call("Heartbeat", {})
            giving = asyncio.create_task(office.give(version))
            ask = await station.next_ask()
            await station.link.send(json.dumps([frame[0], ask[1], *frame[1:]]))
            outcome = await giving
            assert NEW not in str(outcome)
            assert "[redacted]" in str(outcome)
        assert not await lets_in(rig, version, NEW)
    await rig.gateway.drain()
    kept = rig.rows(
        "SELECT payload FROM messages UNION ALL SELECT payload FROM commands UNION ALL SELECT answer FROM commands"
    )
    assert not [text for (text,) in kept if text is not None and NEW in text]
