"""Calls that share a turn of the event loop share nothing else: a failure at one touches no other."""

import asyncio
import json
from typing import Any

import pytest

from forecourt.ocpp.neutral import Version
from forecourt.stations.gateway import turn
from forecourt.stations.gateway.connection import Connection
from forecourt.stations.gateway.roster import Admission
from tests.stations.gateway.conftest import Rig
from tests.support import WAIT_S


class Wire:
    """A socket in memory, so that several frames can be put into one turn."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.closed = False

    def send(self, data: bytes) -> None:
        self.sent.append(json.loads(data))

    def close(self, code: int, reason: str) -> None:
        self.closed = True

    def pause(self) -> None: ...

    def resume(self) -> None: ...


async def linked(rig: Rig, identity: str) -> tuple[Connection, Wire]:
    """A connection that has its epoch."""
    await rig.register(identity)
    station = rig.gateway.roster.get(identity)
    assert station is not None
    wire = Wire()
    connection = rig.gateway.accept(Admission(station, Version.V16), wire, "test")
    async with asyncio.timeout(WAIT_S):
        while connection.working:
            await asyncio.sleep(0.01)
    return connection, wire


STATUS = b'[2,"s","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"Available"}]'


@pytest.mark.parametrize("step", ["_understand", "_enter", "_word", "_refuse", "_proceed"])
async def test_a_failure_of_ours_at_one_station_keeps_no_other_from_its_answer(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    right = getattr(turn, step)

    def fails_for_one(work: turn.Work, *more: Any) -> Any:
        if work.station.identity == "B":
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "made to fail")
        return right(work, *more)

    (a, wire_a), (b, wire_b), (c, wire_c) = [await linked(rig, name) for name in "ABC"]
    monkeypatch.setattr(turn, step, fails_for_one)
    broken = b'[2,"s","StatusNotification",{}]' if step == "_refuse" else STATUS
    for connection, frame in ((a, STATUS), (b, broken), (c, STATUS)):
        connection.received(frame)
    async with asyncio.timeout(WAIT_S):
        while not (wire_a.sent and wire_c.sent and wire_b.closed):
            await asyncio.sleep(0.01)
    assert wire_a.sent == wire_c.sent == [[3, "s", {}]]
    assert (wire_a.closed, wire_c.closed, a.working, c.working) == (False, False, False, False)
    assert rig.rows("SELECT count(*) FROM connectors JOIN stations USING (station_id) WHERE identity <> 'B'") == [(2,)]


async def test_many_heartbeats_of_one_station_keep_nobody_waiting_behind_them(rig: Rig) -> None:
    connection, wire = await linked(rig, "A")
    commits = rig.gateway.commit.commits
    beats = 500
    for number in range(beats):
        connection.received(b'[2,"h%d","Heartbeat",{}]' % number)
        if number % 50 == 49:
            await asyncio.sleep(0)
    connection.received(STATUS)
    async with asyncio.timeout(WAIT_S):
        while len(wire.sent) < beats + 1:
            await asyncio.sleep(0.01)
    assert rig.gateway.commit.commits - commits < beats / 10
