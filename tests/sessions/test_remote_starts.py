"""Remote starts over real sockets, from the request to the session that came of it, or to why none did."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import pytest_asyncio

from forecourt.access import Actor
from forecourt.access.idempotency import OUTCOME_UNKNOWN
from forecourt.platform.bus import Bus, BusDown
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import DatabaseBusy, Pool
from forecourt.sessions import store
from forecourt.sessions.remote.model import EXPIRY_GRACE, INTERRUPTED, NO_SESSION_CAME, NOBODY_PLUGGED_IN, START_LIMIT
from forecourt.sessions.remote.service import StartAnswered, TokenRefused, TokenUnregistered, remote_start, remote_stop
from forecourt.stations import service as stations
from forecourt.stations import store as stations_store
from forecourt.stations.commands import CallInvalid, Commander, OutcomeUnrecorded, StationOffline, StationTimeout
from forecourt.stations.errors import StationRetired
from tests.ground import Ground
from tests.http import an_actor
from tests.stations.gateway import test_sessions_over_sockets
from tests.stations.gateway.conftest import SECRET, ClockAhead, Rig, StationClient, a_rig
from tests.stations.gateway.test_sessions_over_sockets import at, event
from tests.support import WAIT_S, FakeClock
from tests.works import Jobs


class Stage:
    """One gateway, the verbs of the web, and the worker's jobs with a clock of their own."""

    def __init__(self, rig: Rig, pool: Pool, worker: Pool, bus: Bus) -> None:
        self.rig = rig
        self.pool = pool
        self.bus = bus
        self.worker = worker
        self.clock = FakeClock(datetime.now(UTC))
        jobs = Jobs(rig.database.url, worker, pool, self.clock, bus=bus, ground=rig.ground)
        self.jobs, self.works = jobs.remote_starts, jobs

    @property
    def actor(self) -> Actor:
        return an_actor(self.rig.tenant())

    @asynccontextmanager
    async def station(self, identity: str, version: str = "ocpp1.6") -> AsyncIterator[StationClient]:
        """A station that the directory knows to be connected."""
        async with self.rig.station(identity, version) as station:
            assert "currentTime" in await station.call("Heartbeat", {})
            yield station

    def start(
        self,
        identity: str = "CP1",
        token: str = "TAG1",
        evse: int | None = None,
        deadline_s: float = WAIT_S,
        *,
        unregistered: bool = True,
    ) -> "asyncio.Task[StartAnswered]":
        clock = SystemClock() if deadline_s == WAIT_S else ClockAhead()
        commander = Commander(self.pool, self.bus, clock, deadline_s, secret_key=SECRET.encode())
        return asyncio.create_task(
            remote_start(
                self.pool,
                commander,
                SystemClock(),
                self.actor,
                identity,
                token_uid=token,
                evse=evse,
                unregistered=unregistered,
            )
        )

    async def accepted(self, station: StationClient, token: str = "TAG1", evse: int | None = None) -> StartAnswered:
        """A remote start that the station accepted."""
        asking = self.start(token=token, evse=evse)
        await answer(station, {"status": "Accepted"})
        return await asking

    async def work(self) -> None:
        """Dispatch and run every job there is."""
        await self.works.dispatch()
        await self.works.run()

    def starts(self) -> list[tuple[Any, ...]]:
        """(status, reason, transaction of the session), in the order of asking."""
        return self.rig.rows(
            "SELECT r.status, r.reason, s.transaction_id FROM remote_starts r LEFT JOIN sessions s USING (session_id)"
            " ORDER BY r.number"
        )

    def said(self) -> list[str]:
        """What others may hear of remote starts and have not."""
        rows = self.rig.rows("SELECT event FROM outbox WHERE event LIKE 'remote_start.%%' ORDER BY 1")
        return [name for (name,) in rows]


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    """`at` counts from this test, not from when its file was read, which may be minutes ago."""
    monkeypatch.setattr(test_sessions_over_sockets, "NOW", datetime.now(UTC))


@pytest_asyncio.fixture
async def stage(ground: Ground) -> AsyncIterator[Stage]:
    async with a_rig(ground) as rig:
        bus = await Bus.connect(rig.nats_url)
        pool, worker = await ground.pool("forecourt_app", 3), await ground.pool("forecourt_worker", 2)
        stage = Stage(rig, pool, worker, bus)
        async with stage.works:
            yield stage
        await bus.close()


async def answer(station: StationClient, result: Any) -> Any:
    """Answer the next call; what was asked."""
    asked = await station.next_ask()
    await station.link.send(json.dumps([3, asked[1], result]))
    return asked


def begin(tag: str = "TAG1", connector: int = 1, when: float = 0, meter: int = 1000) -> dict[str, Any]:
    return {"connectorId": connector, "idTag": tag, "meterStart": meter, "timestamp": at(when)}


def status(state: str, connector: int = 1) -> dict[str, Any]:
    now = (datetime.now(UTC) + timedelta(milliseconds=1)).isoformat().replace("+00:00", "Z")
    return {"connectorId": connector, "errorCode": "NoError", "status": state, "timestamp": now}


async def test_a_16_start_is_linked_to_the_first_session_of_its_token_and_to_no_other(stage: Stage) -> None:
    await stage.rig.register("CP1")
    async with stage.station("CP1") as station:
        await station.call("StartTransaction", begin(when=-1, meter=1))
        await stage.work()
        asked = await stage.accepted(station)
        assert stage.starts() == [("accepted", None, None)]
        await station.call("StartTransaction", begin(tag="OTHER"))
        first = await station.call("StartTransaction", begin(tag="tag1"))
        await station.call("StartTransaction", begin(tag="TAG1", meter=2000))
        for _ in range(2):
            await stage.work()
            assert stage.starts() == [("started", None, str(first["transactionId"]))]
            assert await station.call("StartTransaction", begin(tag="tag1")) == first
        assert station.asked == []
    async with stage.pool.tenant(stage.rig.tenant()) as conn:
        sessions = await store.list_sessions(conn, stage.rig.tenant(), store.SessionFilter(), order="newest", limit=9)
    linked = [(row.transaction_id, row.asked_by) for row in sessions if row.remote_start == asked.remote_start]
    assert linked == [(str(first["transactionId"]), str(stage.actor))]


async def test_a_16_start_is_not_linked_to_another_connector_or_to_a_replay_of_an_older_session(stage: Stage) -> None:
    await stage.rig.register("CP1")
    async with stage.station("CP1") as station:
        await stage.accepted(station, evse=2)
        await station.call("StartTransaction", begin(connector=1))
        await station.call("StartTransaction", begin(connector=2, when=-30))
        await stage.work()
        assert stage.starts() == [("accepted", None, None)]
        right = await station.call("StartTransaction", begin(connector=2))
        await stage.work()
    assert stage.starts() == [("started", None, str(right["transactionId"]))]


async def test_a_session_that_is_quicker_than_the_answer_is_linked_when_it_comes_and_not_if_it_is_a_no(
    stage: Stage,
) -> None:
    await stage.rig.register("CP1")
    async with stage.station("CP1") as station:
        for word, meter, wanted in (("Rejected", 1, "rejected"), ("Accepted", 2, "started")):
            asking = stage.start()
            asked = await station.next_ask()
            started = await station.call("StartTransaction", begin(meter=meter, tag="TAG1" if meter > 1 else "tAg1"))
            await stage.work()
            assert stage.starts()[-1] == ("requested", None, None)
            await station.link.send(json.dumps([3, asked[1], {"status": word}]))
            assert (await asking).accepted is (word == "Accepted")
            await stage.work()
            assert stage.starts()[-1][0] == wanted
    assert stage.starts() == [
        ("rejected", "The station said Rejected.", None),
        ("started", None, str(started["transactionId"])),
    ]


@pytest.mark.parametrize("version", ["ocpp2.0.1", "ocpp2.1"])
async def test_a_2x_start_is_linked_by_its_number_in_the_event_or_by_the_transaction_in_the_answer(
    stage: Stage, version: str
) -> None:
    await stage.rig.register("CP1")
    async with stage.station("CP1", version) as station:
        await station.call("TransactionEvent", event("Started", 0, -1))
        asking = stage.start()
        await answer(station, {"status": "Accepted", "transactionId": "tx-1"})
        assert (await asking).transaction_id == "tx-1"
        assert stage.starts() == [("started", None, "tx-1")]
        asking = stage.start(evse=1)
        asked = await answer(station, {"status": "Accepted"})
        await asking
        number = asked[3]["remoteStartId"]
        for transaction, info in (("tx-2", {"remoteStartId": number + 1}), ("tx-3", {"remoteStartId": number})):
            info |= {"transactionId": transaction}
            await station.call("TransactionEvent", event("Started", 0, 0, info=info))
        await stage.work()
    assert stage.starts() == [("started", None, "tx-1"), ("started", None, "tx-3")]


async def test_a_2x_session_that_names_its_start_before_the_answer_outweighs_the_answer(stage: Stage) -> None:
    await stage.rig.register("CP1")
    async with stage.station("CP1", "ocpp2.0.1") as station:
        asking = stage.start()
        asked = await station.next_ask()
        info = {"remoteStartId": asked[3]["remoteStartId"]}
        await station.call("TransactionEvent", event("Started", 0, 0, info=info))
        await stage.work()
        assert stage.starts() == [("started", None, "tx-1")]
        await station.link.send(json.dumps([3, asked[1], {"status": "Rejected"}]))
        assert not (await asking).accepted
    assert stage.starts() == [("started", None, "tx-1")]
    assert stage.said() == ["remote_start.linked"]


async def test_two_starts_and_two_sessions_are_linked_one_to_one_by_workers_at_the_same_time(stage: Stage) -> None:
    await stage.rig.register("CP1")
    async with stage.station("CP1") as station:
        for _ in range(2):
            await stage.accepted(station)
        numbers = [
            str((await station.call("StartTransaction", begin(connector=n, meter=n)))["transactionId"]) for n in (1, 2)
        ]
    sessions = [row[0] for row in stage.rig.rows("SELECT session_id::text FROM sessions ORDER BY number DESC")]
    tenant = stage.rig.tenant()
    await asyncio.gather(*(stage.jobs.link_session(tenant_id=tenant, subject=each) for each in sessions * 3))
    assert stage.starts() == [("started", None, number) for number in numbers]


async def test_a_start_that_is_not_sent_or_not_answered_fails_with_its_reason_and_is_said_to_have(stage: Stage) -> None:
    await stage.rig.register("CP1")
    with pytest.raises(StationOffline) as offline:
        await stage.start()
    async with stage.station("CP1", "ocpp2.0.1") as station:
        with pytest.raises(CallInvalid):
            await stage.start(token="x" * 37)
        with pytest.raises(StationTimeout):
            await stage.start(deadline_s=1.0)
        assert [status for status, _, _ in stage.starts()] == ["failed"] * 3
        assert stage.starts()[0][1] == StationOffline.default_message()
        assert stage.starts()[2][1] == StationTimeout.default_message()
        assert stage.said() == ["remote_start.failed"] * 3
        ids = stage.rig.rows("SELECT request_id::text, expires_at IS NULL FROM remote_starts ORDER BY number")
        assert offline.value.context["remote_start"] == ids[0][0]
        assert [closed for _, closed in ids] == [True, True, False]
        # It had obeyed all the same, as its own word says later.
        asked = await station.next_ask()
        info = {"remoteStartId": asked[3]["remoteStartId"]}
        await station.call("TransactionEvent", event("Started", 0, 0, info=info))
        await stage.work()
    assert stage.starts()[2] == ("started", None, "tx-1")


async def test_an_accepted_start_without_a_session_expires_after_its_time_and_not_before(stage: Stage) -> None:
    await stage.rig.register("CP1")
    async with stage.station("CP1") as station:
        await stage.accepted(station)
        stage.clock.set(datetime.now(UTC) + START_LIMIT)
        assert await stage.jobs.settle_due() == 0
        stage.clock.set(datetime.now(UTC) + START_LIMIT + EXPIRY_GRACE)
        assert await stage.jobs.settle_due() == 1
        assert stage.starts() == [("expired", NO_SESSION_CAME, None)]
        assert stage.said() == ["remote_start.expired"]
        assert await stage.jobs.settle_due() == 0
        await stage.work()
        assert stage.said() == []


async def test_a_session_that_came_in_time_is_linked_even_if_its_event_is_late(stage: Stage) -> None:
    await stage.rig.register("CP1")
    async with stage.station("CP1") as station:
        await stage.accepted(station)
        number = (await station.call("StartTransaction", begin()))["transactionId"]
        stage.clock.set(datetime.now(UTC) + START_LIMIT + EXPIRY_GRACE)
        assert await stage.jobs.settle_due() == 0
    assert stage.starts() == [("started", None, str(number))]
    assert stage.said() == ["remote_start.linked"]


async def test_a_request_whose_process_died_is_settled_by_the_worker(stage: Stage) -> None:
    await stage.rig.register("CP1")
    async with stage.station("CP1") as station:
        for _ in range(2):
            asking = stage.start()
            asked = await station.next_ask()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await station.link.send(json.dumps([3, asked[1], {"status": "Accepted"}]))
        number = (await station.call("StartTransaction", begin()))["transactionId"]
        await stage.work()
        assert stage.starts() == [("requested", None, None)] * 2
        stage.clock.set(datetime.now(UTC) + START_LIMIT + EXPIRY_GRACE)
        assert await stage.jobs.settle_due() == 1
    assert stage.starts() == [("started", None, str(number)), ("failed", INTERRUPTED, None)]


@pytest.mark.parametrize("evse", [1, None])
async def test_a_connector_that_is_free_again_without_a_session_expires_its_start_at_once(
    stage: Stage, evse: int | None
) -> None:
    await stage.rig.register("CP1")
    async with stage.station("CP1") as station:
        await station.call("StatusNotification", status("Available"))
        await stage.accepted(station, evse=evse)
        await station.call("StatusNotification", status("Preparing"))
        await stage.work()
        assert stage.starts() == [("accepted", None, None)]
        await station.call("StatusNotification", status("Available"))
        await stage.work()
        assert stage.starts() == [("expired", NOBODY_PLUGGED_IN, None)]
        # Who comes with the same card later starts on their own.
        await station.call("StartTransaction", begin())
        await stage.work()
    assert stage.starts() == [("expired", NOBODY_PLUGGED_IN, None)]


async def test_another_connector_that_is_free_again_and_one_with_a_session_expire_nothing(stage: Stage) -> None:
    await stage.rig.register("CP1")
    async with stage.station("CP1") as station:
        await stage.accepted(station, evse=1)
        for state in ("Preparing", "Available"):
            await station.call("StatusNotification", status(state, connector=2))
        await stage.work()
        assert stage.starts() == [("accepted", None, None)]
        await station.call("StatusNotification", status("Preparing"))
        number = (await station.call("StartTransaction", begin()))["transactionId"]
        await station.call("StatusNotification", status("Available"))
        await stage.work()
    assert stage.starts() == [("started", None, str(number))]
    assert stage.rig.rows("SELECT count(*) FROM sessions WHERE ended_at IS NOT NULL") == [(0,)]


async def test_meter_values_and_other_statuses_ask_for_no_job(stage: Stage) -> None:
    await stage.rig.register("CP1")
    async with stage.station("CP1") as station:
        number = (await station.call("StartTransaction", begin()))["transactionId"]
        await stage.work()
        # What the review of the start says leads to a look at the station.
        await stage.work()
        for state in ("Charging", "Finishing", "Available"):
            await station.call("StatusNotification", status(state))
        sampled = [{"timestamp": at(0), "sampledValue": [{"value": "2000"}]}]
        await station.call("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": sampled})
    assert stage.rig.rows("SELECT event FROM outbox") == []


async def test_a_remote_stop_is_one_call_and_its_refusal_is_told(stage: Stage) -> None:
    await stage.rig.register("CP1")
    commander = Commander(stage.pool, stage.bus, SystemClock(), WAIT_S, secret_key=SECRET.encode())
    async with stage.station("CP1") as station:
        number = (await station.call("StartTransaction", begin()))["transactionId"]
        [(session_id,)] = stage.rig.rows("SELECT session_id FROM sessions")
        for word in ("Rejected", "Accepted"):
            asking = asyncio.create_task(remote_stop(stage.pool, commander, stage.actor, session_id))
            asked = await answer(station, {"status": word})
            assert asked[2:] == ["RemoteStopTransaction", {"transactionId": number}]
            obeyed = await asking
            assert (obeyed.accepted, obeyed.status) == (word == "Accepted", word)
            # The audit names the command, which has the outcome.
            [told] = stage.rig.rows(
                "SELECT a.action, a.object, c.outcome, c.answer::json ->> 'status' FROM audit a JOIN commands c"
                " ON c.command_id::text = a.detail ->> 'command' WHERE c.command_id = %s",
                obeyed.command_id,
            )
            assert told == ("stop charging", f"session:{session_id}", "answered", word)
        assert "currentTime" in await station.call("Heartbeat", {})
        assert station.asked == []


async def test_a_session_has_one_start_and_a_start_one_session_by_the_database_itself(stage: Stage) -> None:
    await stage.rig.register("CP1")
    async with stage.station("CP1") as station:
        for _ in range(2):
            await stage.accepted(station)
        await station.call("StartTransaction", begin())
    with pytest.raises(psycopg.errors.UniqueViolation):
        stage.rig.admin.execute(
            "UPDATE remote_starts SET status = 'started', session_id = (SELECT session_id FROM sessions)"
        )


async def test_a_start_that_was_never_sent_for_want_of_the_bus_is_linked_to_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.rig.register("CP1")
    stage.rig.token("TAG1")
    async with stage.station("CP1") as station:
        with monkeypatch.context() as patched:
            patched.setattr(Bus, "connected", property(lambda _: False))
            with pytest.raises(BusDown):
                await stage.start()
        await station.call("StartTransaction", begin())
        await stage.work()
        [(status, *_)] = stage.starts()
        assert status == "failed"


async def test_a_2x_start_named_only_later_in_the_transaction_is_linked_at_once(stage: Stage) -> None:
    await stage.rig.register("CP1")
    stage.rig.token("TAG1")
    async with stage.station("CP1", "ocpp2.0.1") as station:
        await station.call("TransactionEvent", event("Started", 0, 0))
        await stage.work()
        asking = stage.start()
        asked = await answer(station, {"status": "Accepted"})
        await asking
        named = event("Updated", 1, 0, info={"remoteStartId": asked[3]["remoteStartId"]})
        await station.call("TransactionEvent", named)
        await stage.work()
        [(status, *_)] = stage.starts()
        assert status == "started"


async def test_a_call_whose_outcome_could_not_be_stored_is_of_unknown_outcome(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(*_: Any) -> None:
        raise DatabaseBusy

    await stage.rig.register("CP1")
    async with stage.station("CP1") as station:
        monkeypatch.setattr(stations_store, "finish_command", busy)
        asking = stage.start()
        await answer(station, {"status": "Accepted"})
        with pytest.raises(OutcomeUnrecorded) as unknown:
            await asking
    assert unknown.value.status in OUTCOME_UNKNOWN
    assert not unknown.value.unsent


async def test_a_retired_station_is_asked_nothing(stage: Stage) -> None:
    await stage.rig.register("CP1")
    async with stage.pool.tenant(stage.rig.tenant()) as conn:
        await stations.retire_station(conn, stage.actor, "CP1")
    with pytest.raises(StationRetired):
        await stage.start()
    assert stage.starts() == []


async def test_retiring_a_station_forgets_every_password_that_is_open(stage: Stage) -> None:
    await stage.rig.register("CP1")
    [(command_id,)] = stage.rig.rows(
        "INSERT INTO commands (tenant_id, station_id, action, payload, asked_by, asked_at, outcome, password_hash)"
        " SELECT tenant_id, station_id, 'ChangeConfiguration', '{}', 'x', now(), 'timeout', 'y' FROM stations"
        " RETURNING command_id::text"
    )
    async with stage.pool.tenant(stage.rig.tenant()) as conn:
        assert not (await stations.retire_station(conn, stage.actor, "CP1")).has_password
    stage.rig.admin.execute("SELECT stations_settle_password(%s::uuid, true)", (command_id,))
    assert stage.rig.rows("SELECT password_hash FROM stations") == [(None,)]


async def test_a_token_that_may_not_charge_starts_nothing_and_its_status_is_named(stage: Stage) -> None:
    await stage.rig.register("CP1")
    for status in ("blocked", "expired", "invalid", "no_credit"):
        stage.rig.token(status, status)
    stage.rig.token("over")
    stage.rig.admin.execute("UPDATE tokens SET expires_at = now() - interval '1 second' WHERE uid = 'over'")
    async with stage.station("CP1") as station:
        for uid in ("blocked", "EXPIRED", "invalid", "no_credit", "over"):
            with pytest.raises(TokenRefused) as refused:
                await stage.start(token=uid)
            assert refused.value.context["token_status"] == ("expired" if uid == "over" else uid.lower())
        with pytest.raises(TokenUnregistered):
            await stage.start(token="nobodys", unregistered=False)
        assert "currentTime" in await station.call("Heartbeat", {})
        assert station.asked == []
        assert stage.starts() == []
        stage.rig.admin.execute("UPDATE tokens SET expires_at = now() + interval '1 hour' WHERE uid = 'over'")
        asking = stage.start(token="OVER", unregistered=False)
        asked = await answer(station, {"status": "Accepted"})
        assert (await asking).accepted
        assert asked[3]["idTag"] == "over"
