"""Stations are brought to what they are wanted to be, over real sockets, whatever happens on the way."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from forecourt.ocpp.neutral import ChargingProfile, CommandAnswer, Period, Purpose, Unit, UnlockConnector
from forecourt.platform.bus import Bus
from forecourt.platform.database import Pool
from forecourt.stations.commands import Commander, StationOffline, StationTimeout
from forecourt.stations.desired import service, store
from forecourt.stations.desired.bring import Bringer
from forecourt.stations.desired.jobs import ANSWERED, BOOTED, DRIFTED, LINKED, DesireJobs
from forecourt.stations.desired.kinds import availability, charging_profile, no_charging_profile
from forecourt.stations.desired.model import MAX_REFUSALS, State, Want
from forecourt.stations.desired.reconciler import Reconciler
from forecourt.stations.desired.service import Desired
from forecourt.stations.gateway.lanes import ANSWERED_LATE
from tests.stations.gateway.conftest import SECRET, Rig, StationClient
from tests.support import WAIT_S, FakeClock

BOOT = {"chargePointVendor": "V", "chargePointModel": "M", "firmwareVersion": "1"}
BOOT_2X = {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M", "firmwareVersion": "1"}}
OUT = {"operative": False}


@pytest.fixture
def transport() -> str:
    """What is tested here is above the transport."""
    return "picows"


class Wishes:
    """A worker's reconciler and its jobs, and who wants something; the clock is moved by hand."""

    def __init__(self, rig: Rig, pool: Pool, worker: Pool, bus: Bus) -> None:
        self.rig = rig
        self.pool = pool
        self.worker = worker
        self.bus = bus
        self.clock = FakeClock(datetime.now(UTC))
        self.tenant_id = rig.tenant()
        self.bringer, self.reconciler = self.another()
        self.jobs = DesireJobs(pool, self.bringer, self.clock)

    def another(self, deadline_s: float = 20.0) -> tuple[Bringer, Reconciler]:
        """One more process that brings stations where they are wanted."""
        batch = Commander(self.pool, self.bus, self.clock, deadline_s, secret_key=SECRET.encode()).batch
        bringer = Bringer(self.pool, batch)
        return bringer, Reconciler(self.worker, bringer, batch)

    async def want(self, *wants: Want) -> None:
        async with self.pool.tenant(self.tenant_id) as conn:
            await service.want_many(conn, self.tenant_id, wants, "test", self.clock.now())

    async def of(self, station: str) -> list[Desired]:
        async with self.pool.tenant(self.tenant_id) as conn:
            return await service.list_desired(conn, self.tenant_id, [station])

    async def one(self, station: str) -> Desired:
        [desired] = await self.of(station)
        return desired

    async def follow(self, event: str) -> list[str]:
        """Do the jobs of an event that was written; the subjects."""
        followed = {
            LINKED: self.jobs.linked, BOOTED: self.jobs.booted, ANSWERED: self.jobs.answered,
            DRIFTED: self.jobs.drifted,
        }  # fmt: skip
        rows = self.rig.rows("DELETE FROM outbox WHERE event = %s RETURNING tenant_id, subject", event)
        for tenant_id, subject in rows:
            await followed[event](tenant_id=tenant_id, subject=subject)
        return [subject for _, subject in rows]


@pytest_asyncio.fixture
async def wishes(rig: Rig, pool: Pool, bus: Bus) -> Wishes:
    return Wishes(rig, pool, await rig.ground.pool("forecourt_worker", 1), bus)


@asynccontextmanager
async def linked(rig: Rig, identity: str, *protocols: str) -> AsyncIterator[StationClient]:
    """A connected station that the directory knows of: it is answered no sooner."""
    async with rig.station(identity, *protocols) as station:
        await station.call("Heartbeat", {})
        yield station


async def obey(station: StationClient, result: Any = "Accepted") -> Any:
    """Answer the next call by a status, or by a whole CALLERROR; what was asked."""
    ask = await station.next_ask()
    if isinstance(result, tuple):
        await station.link.send(_frame([4, ask[1], *result, {}]))
    else:
        await station.link.send(_frame([3, ask[1], {"status": result}]))
    return ask[2:]


def _frame(content: Any) -> str:
    return json.dumps(content)


def profile(limit_ma: int, *, now: datetime, minutes: int = 15, number: int = 7) -> ChargingProfile:
    return ChargingProfile(
        id=number, stack_level=0, purpose=Purpose.TX_DEFAULT, unit=Unit.CURRENT,
        periods=(Period(start_s=0, limit=limit_ma),), start_at=now, valid_to=now + timedelta(minutes=minutes),
    )  # fmt: skip


async def test_an_offline_station_goes_out_of_service_when_it_is_back(rig: Rig, wishes: Wishes) -> None:
    await rig.register("DS1")
    await wishes.want(availability("DS1", operative=False))
    assert await wishes.reconciler.settle() == 1
    away = await wishes.one("DS1")
    assert (away.state, away.why, away.drifts, away.by) == (State.UNREACHABLE, "station-offline", True, "test")
    async with linked(rig, "DS1") as station:
        assert len(await wishes.follow(LINKED)) == 1
        settling = asyncio.create_task(wishes.reconciler.settle())
        assert await obey(station) == ["ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}]
        assert await settling == 1
        there = await wishes.one("DS1")
        assert (there.state, there.why, there.drifts, there.reported) == (State.REACHED, None, False, OUT)
        status = {"connectorId": 0, "errorCode": "NoError", "status": "Available"}
        await station.call("StatusNotification", status)
        seen = await wishes.one("DS1")
        assert (seen.drifts, seen.reported) == (True, {"operative": True})
        assert len(await wishes.follow(DRIFTED)) == 1
        assert await wishes.reconciler.settle() == 0
        # What a station changed by itself is undone a minute after it was reached, and then left as it is.
        wishes.clock.advance(60)
        settling = asyncio.create_task(wishes.reconciler.settle())
        assert await obey(station) == ["ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}]
        assert await settling == 1
        await station.call("StatusNotification", {**status, "status": "Unavailable"})
        assert not (await wishes.one("DS1")).drifts
        assert await wishes.follow(DRIFTED) == []
        asked = rig.rows("SELECT count(*) FROM commands")
        wishes.clock.advance(3600)
        assert await wishes.reconciler.settle() == 1
        assert rig.rows("SELECT count(*) FROM commands") == asked


async def test_only_stations_of_which_something_is_wanted_are_told_of(rig: Rig, wishes: Wishes) -> None:
    await rig.register("DS2")
    async with linked(rig, "DS2") as station:
        await station.call("BootNotification", BOOT)
    assert await wishes.follow(LINKED) == await wishes.follow(BOOTED) == []


async def test_after_a_boot_everything_is_sent_again_and_after_a_reconnect_only_what_is_not_reached(
    rig: Rig, wishes: Wishes
) -> None:
    await rig.register("DS3")
    now = wishes.clock.now()
    async with linked(rig, "DS3") as station:
        await wishes.want(charging_profile("DS3", 1, profile(16_000, now=now)))
        settling = asyncio.create_task(wishes.reconciler.settle())
        asked = await obey(station)
        assert asked[1]["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 16
        assert await settling == 1
    async with linked(rig, "DS3") as station:
        assert len(await wishes.follow(LINKED)) == 1
        assert await wishes.reconciler.settle() == 0
        await station.call("BootNotification", BOOT)
        assert len(await wishes.follow(BOOTED)) == 1
        booted = await wishes.one("DS3")
        assert (booted.reported, [each["periods"][0]["limit"] for each in booted.unsure]) == (None, [16_000])
        settling = asyncio.create_task(wishes.reconciler.settle())
        assert await obey(station) == asked
        assert await settling == 1
        there = await wishes.one("DS3")
        assert (there.state, there.unsure, there.reported["periods"][0]["limit"]) == (State.REACHED, (), 16_000)


async def test_one_that_says_no_is_asked_again_later_and_at_last_left_alone_until_it_boots(
    rig: Rig, wishes: Wishes
) -> None:
    await rig.register("DS4")
    async with linked(rig, "DS4", "ocpp2.0.1") as station:
        await wishes.want(availability("DS4", operative=False, evse=1))
        for number in range(MAX_REFUSALS):
            assert (await wishes.one("DS4")).attempts == number
            settling = asyncio.create_task(wishes.reconciler.settle())
            assert await obey(station, "Rejected") == [
                "ChangeAvailability", {"evse": {"id": 1}, "operationalStatus": "Inoperative"},
            ]  # fmt: skip
            assert await settling == 1
            assert await wishes.reconciler.settle() == 0
            wishes.clock.advance(3600)
        refused = await wishes.one("DS4")
        assert (refused.state, refused.why, refused.next_try_at) == (State.REFUSED, "Rejected", None)
        assert await wishes.reconciler.settle() == 0
        await station.call("BootNotification", BOOT_2X)
        await wishes.follow(BOOTED)
        settling = asyncio.create_task(wishes.reconciler.settle())
        await obey(station)
        assert await settling == 1
        assert (await wishes.one("DS4")).state is State.REACHED


async def test_what_a_station_does_not_have_is_remembered_until_it_boots_with_another_firmware(
    rig: Rig, wishes: Wishes
) -> None:
    await rig.register("DS5")
    now = wishes.clock.now()
    async with linked(rig, "DS5") as station:
        await station.call("BootNotification", BOOT)
        await wishes.want(charging_profile("DS5", 1, profile(16_000, now=now)))
        settling = asyncio.create_task(wishes.reconciler.settle())
        await obey(station, ("NotImplemented", "no such thing"))
        assert await settling == 1
        lacking = await wishes.one("DS5")
        assert (lacking.state, lacking.why) == (State.UNSUPPORTED, "NotImplemented")
        # Neither something newer nor a boot has it asked for again.
        await _kept(rig, "SELECT 1 FROM unsupported_actions WHERE action = 'SetChargingProfile'")
        await wishes.want(charging_profile("DS5", 1, profile(6_000, now=now)))
        await station.call("BootNotification", BOOT)
        await wishes.follow(BOOTED)
        assert await wishes.reconciler.settle() == 1
        assert (await wishes.one("DS5")).why == "station-lacks"
        await station.call("BootNotification", {**BOOT, "firmwareVersion": "2"})
        await wishes.follow(BOOTED)
        settling = asyncio.create_task(wishes.reconciler.settle())
        asked = await obey(station)
        assert asked[1]["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 6
        assert await settling == 1
        assert (await wishes.one("DS5")).state is State.REACHED


async def _kept(rig: Rig, query: str) -> None:
    async with asyncio.timeout(WAIT_S):
        while not rig.rows(query):
            await asyncio.sleep(0.02)


async def test_a_newer_wish_waits_for_the_one_in_flight_and_is_the_last_that_is_sent(rig: Rig, wishes: Wishes) -> None:
    await rig.register("DS6")
    now = wishes.clock.now()
    async with linked(rig, "DS6") as station:
        await wishes.want(charging_profile("DS6", 1, profile(32_000, now=now)))
        first = asyncio.create_task(wishes.reconciler.settle())
        ask = await station.next_ask()
        other, _ = wishes.another()
        newer = charging_profile("DS6", 1, profile(6_000, now=now))
        brought = await other.bring_one(wishes.tenant_id, newer, "the planner")
        assert (brought.state, brought.answer) == (State.PENDING, None)
        await station.link.send(_frame([3, ask[1], {"status": "Accepted"}]))
        asked = await obey(station)
        assert asked[1]["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 6
        assert await first == 2
        there = await wishes.one("DS6")
        assert (there.state, there.by) == (State.REACHED, "the planner")
        assert there.reported["periods"][0]["limit"] == 6_000


async def test_the_same_wish_once_more_sends_nothing(rig: Rig, wishes: Wishes) -> None:
    await rig.register("DS7")
    want = availability("DS7", operative=False)
    async with linked(rig, "DS7") as station:
        bringing = asyncio.create_task(wishes.bringer.bring_one(wishes.tenant_id, want, "test"))
        await obey(station)
        brought = await bringing
        assert isinstance(brought.answer, CommandAnswer)
        assert (brought.state, brought.answer.status) == (State.REACHED, "Accepted")
        brought = await wishes.bringer.bring_one(wishes.tenant_id, want, "test")
        assert (brought.state, brought.answer) == (State.REACHED, None)
        bringing = asyncio.create_task(wishes.bringer.bring_one(wishes.tenant_id, want, "test", again=True))
        await obey(station)
        assert (await bringing).state is State.REACHED
    assert rig.rows("SELECT d.version FROM desires d JOIN stations USING (station_id) WHERE identity = 'DS7'") == [(1,)]


async def test_what_a_worker_that_was_killed_had_in_hand_is_tried_anew_when_its_time_is_over(
    rig: Rig, wishes: Wishes
) -> None:
    await rig.register("DS8")
    async with linked(rig, "DS8") as station:
        await wishes.want(availability("DS8", operative=False))
        _, dying = wishes.another()
        task = asyncio.create_task(dying.settle())
        ask = await station.next_ask()
        # Dead between sending and recording: nothing of what comes is heard.
        for in_air in list(dying._in_air):
            in_air.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await station.link.send(_frame([3, ask[1], {"status": "Accepted"}]))
        sent = await wishes.one("DS8")
        assert (sent.state, sent.reported, sent.unsure) == (State.SENT, None, (OUT,))
        # It may hold what was sent even while something else is sent, until the answer to that.
        await wishes.want(availability("DS8", operative=True))
        assert await wishes.reconciler.settle() == 0
        wishes.clock.advance(60)
        settling = asyncio.create_task(wishes.reconciler.settle())
        ask = await station.next_ask()
        assert (await wishes.one("DS8")).unsure == (OUT, {"operative": True})
        await station.link.send(_frame([3, ask[1], {"status": "Accepted"}]))
        assert await settling == 1
        there = await wishes.one("DS8")
        assert (there.state, there.reported, there.unsure) == (State.REACHED, {"operative": True}, ())


async def test_two_workers_never_send_the_same_at_a_time(rig: Rig, wishes: Wishes) -> None:
    for number in range(20):
        await rig.register(f"DT{number}")
    await wishes.want(*(availability(f"DT{number}", operative=False) for number in range(20)))
    workers = [wishes.reconciler, wishes.another()[1], wishes.another()[1]]
    # All are offline, which is found out in the very transaction that takes them.
    assert sum(await asyncio.gather(*(worker.settle() for worker in workers))) == 20
    assert rig.rows("SELECT DISTINCT attempts FROM desires") == [(1,)]


async def test_a_late_answer_settles_the_version_that_it_is_an_answer_to(rig: Rig, wishes: Wishes) -> None:
    await rig.register("DS9")
    bringer, _ = wishes.another(deadline_s=1.5)
    async with linked(rig, "DS9") as station:
        brought = await bringer.bring_one(wishes.tenant_id, availability("DS9", operative=False), "test")
        assert isinstance(brought.answer, StationTimeout)
        late = await wishes.one("DS9")
        assert (late.state, late.why) == (State.PENDING, "station-timeout")
        rig.rows("UPDATE commands SET routine = true WHERE command_id = %s RETURNING 1", late.command_id)
        await obey(station)
        await _kept(rig, f"SELECT 1 FROM outbox WHERE event = '{ANSWERED}'")
        # Whoever asks all day long hears of it as well.
        told = rig.rows("DELETE FROM outbox WHERE event = %s RETURNING subject", ANSWERED_LATE)
        assert told == [(late.command_id,)]
        assert await wishes.follow(ANSWERED) == [late.command_id]
        assert (await wishes.one("DS9")).state is State.REACHED


async def test_a_profile_is_forgotten_when_it_has_expired_and_cleared_when_none_is_wanted(
    rig: Rig, wishes: Wishes
) -> None:
    await rig.register("DS10")
    now = wishes.clock.now()
    async with linked(rig, "DS10") as station:
        for number, evse in ((1, 1), (2, 2)):
            await wishes.want(charging_profile("DS10", evse, profile(16_000, now=now, number=number)))
        settling = asyncio.create_task(wishes.reconciler.settle())
        await obey(station)
        await obey(station)
        assert await settling == 2
        await wishes.want(no_charging_profile("DS10", 2, Purpose.TX_DEFAULT, 0))
        settling = asyncio.create_task(wishes.reconciler.settle())
        asked = await obey(station, "Unknown")
        assert asked == [
            "ClearChargingProfile", {"connectorId": 2, "chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 0},
        ]  # fmt: skip
        assert await settling == 1
        assert [each.key for each in await wishes.of("DS10")] == ["1/tx_default/0"]
        wishes.clock.advance(15 * 60)
        assert await wishes.reconciler.settle() == 0
        assert await wishes.of("DS10") == []


async def test_what_comes_later_is_agreed_to_and_looked_for_again(rig: Rig, wishes: Wishes) -> None:
    await rig.register("DS11")
    async with linked(rig, "DS11") as station:
        await wishes.want(availability("DS11", operative=False, evse=1))
        settling = asyncio.create_task(wishes.reconciler.settle())
        await obey(station, "Scheduled")
        assert await settling == 1
        assert (await wishes.one("DS11")).state is State.SCHEDULED
        wishes.clock.advance(300)
        settling = asyncio.create_task(wishes.reconciler.settle())
        await obey(station, "Accepted")
        assert await settling == 1
        assert (await wishes.one("DS11")).state is State.REACHED


async def test_a_retired_station_is_wanted_nothing_of_and_what_it_goes_by_is_known_for_days(
    rig: Rig, wishes: Wishes
) -> None:
    await rig.register("DS12")
    await wishes.want(availability("DS12", operative=False))
    rig.admin.execute(
        "UPDATE stations SET retired_at = %s, retired_identity = identity, identity = NULL WHERE identity = 'DS12'",
        (wishes.clock.now(),),
    )
    assert await wishes.reconciler.settle() == 0
    assert len(rig.rows("SELECT 1 FROM desires")) == 1
    wishes.clock.advance(store.RETIRED_FOR.total_seconds())
    assert await wishes.reconciler.settle() == 0
    assert rig.rows("SELECT 1 FROM desires") == []


async def test_many_stations_are_asked_at_once_urgent_calls_first_and_no_silent_one_holds_up_the_others(
    rig: Rig, wishes: Wishes
) -> None:
    for name in ("DM1", "DM2", "DM3"):
        await rig.register(name)
    commander = Commander(wishes.pool, wishes.bus, wishes.clock, 20.0, secret_key=SECRET.encode())
    unlock = UnlockConnector(evse=1)
    async with linked(rig, "DM1") as silent, linked(rig, "DM2", "ocpp2.1") as quick:
        in_work = asyncio.create_task(commander.command(wishes.tenant_id, "DM2", unlock, "test"))
        first = await quick.next_ask()
        ordinary = asyncio.create_task(commander.command(wishes.tenant_id, "DM2", UnlockConnector(evse=9), "test"))
        await _kept(rig, "SELECT 1 FROM commands WHERE payload LIKE '%%9%%'")
        asked = [(name, unlock) for name in ("DM1", "DM2", "DM3", "nobody")]
        coming = commander.command_many(wishes.tenant_id, asked, "test", urgent=True)
        unsent = {(await anext(coming))[0], (await anext(coming))[0]}
        assert unsent == {"DM3", "nobody"}
        answer = asyncio.ensure_future(anext(coming))
        await silent.next_ask()
        await quick.link.send(_frame([3, first[1], {"status": "Unlocked"}]))
        second = await quick.next_ask()
        assert second[3] == {"evseId": 1, "connectorId": 1}
        await quick.link.send(_frame([3, second[1], {"status": "UnlockFailed"}]))
        identity, said = await answer
        assert isinstance(said, CommandAnswer)
        assert (identity, said.status) == ("DM2", "UnlockFailed")
        third = await quick.next_ask()
        assert third[3] == {"evseId": 9, "connectorId": 1}
        await quick.link.send(_frame([3, third[1], {"status": "Unlocked"}]))
        await asyncio.gather(in_work, ordinary)
        await coming.aclose()


async def test_what_nobody_knows_of_is_not_wanted_of_anybody(wishes: Wishes) -> None:
    await wishes.want(availability("no such station", operative=False))
    brought = await wishes.bringer.bring_one(wishes.tenant_id, availability("neither", operative=False), "test")
    assert brought.command_id is None
    assert isinstance(brought.answer, Exception)
    assert not isinstance(brought.answer, StationOffline)
    async with wishes.pool.tenant(wishes.tenant_id) as conn:
        assert await store.list_desires(conn, wishes.tenant_id, ["no such station", "neither"]) == []
