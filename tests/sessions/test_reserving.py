"""Held connectors: who else shows a token there is refused by us, at its start and whenever that is told; the station
is asked to keep them, and may say what it likes."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from psycopg.errors import UniqueViolation
from psycopg.rows import dict_row

from forecourt.ocpp.neutral import (
    Answer,
    AuthorizationStatus,
    CancelReservation,
    CommandAnswer,
    Reserve,
    Step,
    StopCharging,
    Token,
    TransactionAnswer,
    TransactionReport,
    Version,
)
from forecourt.ocpp.protocol import protocol
from forecourt.platform.database import Pool
from forecourt.sessions.reserving import service, store
from forecourt.sessions.reserving.jobs import ReservationJobs
from forecourt.sessions.reserving.model import REFUSED, How
from forecourt.stations.commands import StationOffline, StationTimeout
from tests.conftest import Database
from tests.ground import Ground
from tests.payments.till import Stations
from tests.sessions.histories import GOOD, NOON
from tests.sessions.writers import TENANT, Bench
from tests.support import FakeClock

OTHER = "TAG9"


@pytest.fixture(scope="module")
def bench(database: Database, nats_url: str) -> Iterator[tuple[Bench, asyncio.Runner]]:
    with asyncio.Runner() as runner:
        made = Bench(database, nats_url)
        made.admin.execute("INSERT INTO organisations (name) VALUES ('A')")
        for uid in (GOOD, OTHER.lower()):
            made.admin.execute(
                "INSERT INTO tokens (tenant_id, uid_key, uid, type, status) VALUES (%s, %s, %s, 'RFID', 'accepted')",
                (TENANT, uid, uid),
            )
        work = made.at_work()
        runner.run(work.__aenter__())
        try:
            yield made, runner
        finally:
            runner.run(work.__aexit__(None, None, None))
            made.admin.close()


def hold(bench: Bench, station: int, *, key: str = GOOD, minutes: int = 10, ended: int | None = None) -> None:
    """EVSE 1 is held for a token from noon on."""
    over = None if ended is None else NOON + timedelta(minutes=ended)
    bench.admin.execute(
        "INSERT INTO reservations (tenant_id, station_id, evse, token_uid, token_type, token_keys, held_at, until_at,"
        " ended_at, how) VALUES (%s, %s, 1, %s, 'Central', %s, %s, %s, %s, %s)",
        (TENANT, station, key, [key], NOON, NOON + timedelta(minutes=minutes), over, over and "released"),
    )


def start(uid: str, *, minutes: int = 1, evse: int = 1, transaction: str | None = None, **more: Any) -> Any:
    at = NOON + timedelta(minutes=minutes)
    report = TransactionReport(
        step=Step.STARTED, at=at, transaction_id=transaction, seq=-1 if transaction is None else 0, evse=evse,
        connector=1, token=Token(uid), **more,
    )  # fmt: skip
    return report, at


def told(answer: Answer) -> tuple[AuthorizationStatus, str | None]:
    assert isinstance(answer, TransactionAnswer)
    assert answer.token is not None
    return answer.token.status, answer.token.message


@pytest.mark.parametrize("transaction", [None, "tx-7"], ids=["1.6", "2.x"])
def test_who_comes_to_a_held_connector_is_refused_with_words_and_whom_it_is_held_for_is_not(
    bench: tuple[Bench, asyncio.Runner], transaction: str | None
) -> None:
    made, runner = bench
    [writer, other_gateway] = made.writers
    station = made.station()
    hold(made, station.station_id)
    refused = runner.run(writer.say(station, start(OTHER, transaction=transaction)))
    assert told(refused) == (AuthorizationStatus.NOT_AT_THIS_TIME, REFUSED)
    rows = made.admin.execute(
        "SELECT token_status FROM sessions WHERE station_id = %s", (station.station_id,)
    ).fetchall()
    assert rows == [("NotAtThisTime",)]
    # Memory has it as the database has it.
    assert [each.token_key >= 1 << 62 for each in writer.sessions._at_station[station.station_id].values()] == [True]
    own = made.station()
    hold(made, own.station_id)
    answer = runner.run(other_gateway.say(own, start("TAG1", transaction=transaction)))
    assert told(answer) == (AuthorizationStatus.ACCEPTED, None)
    # The other EVSE of the station is anybody's.
    beside = runner.run(writer.say(own, start(OTHER, evse=2, transaction=transaction and "tx-8")))
    assert told(beside)[0] is AuthorizationStatus.ACCEPTED


def test_what_is_told_late_is_decided_by_when_it_was(bench: tuple[Bench, asyncio.Runner]) -> None:
    made, runner = bench
    writer = made.writers[0]
    decided = {}
    for minutes in (-1, 0, 4, 5, 9, 11):
        station = made.station()
        hold(made, station.station_id, ended=5)
        answer = runner.run(writer.say(station, start(OTHER, minutes=minutes)))
        decided[minutes] = told(answer)[0] is AuthorizationStatus.ACCEPTED
    assert decided == {-1: True, 0: False, 4: False, 5: True, 9: True, 11: True}
    station = made.station()
    hold(made, station.station_id, minutes=10)
    assert told(runner.run(writer.say(station, start(OTHER, minutes=10))))[0] is AuthorizationStatus.ACCEPTED


def test_whoever_ends_a_session_there_ends_it(bench: tuple[Bench, asyncio.Runner]) -> None:
    made, runner = bench
    station = made.station()
    hold(made, station.station_id)
    runner.run(made.writers[0].say(station, start("TAG1", transaction="tx")))
    at = NOON + timedelta(minutes=3)
    end = TransactionReport(step=Step.ENDED, at=at, transaction_id="tx", seq=1, evse=1, token=Token(OTHER))
    assert told(runner.run(made.writers[0].say(station, (end, at))))[0] is AuthorizationStatus.ACCEPTED


def test_each_version_is_asked_in_its_own_words() -> None:
    reserve = Reserve(id=7, evse=2, token=Token("AB12"), until=NOON)
    assert protocol(Version.V16).lower(reserve) == (
        "ReserveNow",
        b'{"reservationId":7,"connectorId":2,"idTag":"AB12","expiryDate":"2026-03-01T12:00:00.000Z"}',
    )
    for version in (Version.V201, Version.V21):
        action, payload = protocol(version).lower(reserve)
        assert (action, b'"evseId":2' in payload, b'"type":"ISO14443"' in payload) == ("ReserveNow", True, True)
        assert protocol(version).lower(CancelReservation(id=7)) == ("CancelReservation", b'{"reservationId":7}')
    said = protocol(Version.V16).lift_result(reserve, b'{"status":"Occupied"}')
    assert (said.accepted, said.status) == (False, "Occupied")


class Yard:
    """An organisation with one station, and what its worker does about holds."""

    def __init__(self, ground: Ground, tenants: Pool, worker: Pool, clock: FakeClock) -> None:
        self.admin = ground.admin
        self._asked = ground.admin.cursor(row_factory=dict_row)
        self.tenants, self.clock = tenants, clock
        self.stations = Stations()
        commander: Any = self.stations
        self.jobs = ReservationJobs(worker, tenants, clock, commander)
        # Stations that the gateways of this module speak for are none of the registry.
        self.admin.execute("DELETE FROM reservations")
        self.tenant = self.one("INSERT INTO organisations (name) VALUES ('Yard') RETURNING tenant_id AS it")
        self.station = self.one(
            "INSERT INTO stations (tenant_id, identity) VALUES (%s, %s) RETURNING station_id AS it",
            self.tenant, f"hold-{self.tenant}",
        )  # fmt: skip

    def one(self, query: str, *values: Any) -> int:
        row = self._asked.execute(query.encode(), values).fetchone()
        assert row is not None
        return int(row["it"])

    async def hold(self, uid: str = "TAG1") -> UUID:
        now = self.clock.now()
        async with self.tenants.tenant(self.tenant) as conn:
            held = await service.hold(
                conn, self.tenant, self.station, 1, token=Token(uid), others=["CARD2"], now=now,
                until=now + timedelta(minutes=10),
            )  # fmt: skip
        assert held is not None
        return held

    async def made(self, held: UUID) -> dict[str, Any]:
        await self.jobs.made(tenant_id=self.tenant, subject=str(held))
        return self.row(held)

    def row(self, held: UUID) -> dict[str, Any]:
        found = self._asked.execute("SELECT * FROM reservations WHERE reservation_id = %s", (held,)).fetchone()
        assert found is not None
        return found

    def session(self, uid: str) -> UUID:
        found = self._asked.execute(
            "INSERT INTO sessions (tenant_id, station_id, transaction_id, start_key, started_at, last_key, last_at,"
            " heard_at, evse, token_uid) VALUES (%(tenant)s, %(station)s, gen_random_uuid()::text, 0, %(now)s, 0,"
            " %(now)s, %(now)s, 1, %(uid)s) RETURNING session_id",
            {"tenant": self.tenant, "station": self.station, "now": self.clock.now(), "uid": uid},
        ).fetchone()
        assert found is not None
        session_id: UUID = found["session_id"]
        return session_id


@pytest_asyncio.fixture
async def yard(ground: Ground, clock: FakeClock) -> Yard:
    tenants, worker = await ground.pool("forecourt_app", 4), await ground.pool("forecourt_worker", 2)
    return Yard(ground, tenants, worker, clock)


@pytest.mark.parametrize(
    ("answer", "at_station", "how"),
    [
        (CommandAnswer(accepted=True, status="Accepted"), True, None),
        (CommandAnswer(accepted=False, status="Rejected"), False, None),
        (CommandAnswer(accepted=False, status="NotSupported"), False, None),
        (CommandAnswer(accepted=False, status="Occupied"), False, "unusable"),
        (CommandAnswer(accepted=False, status="Faulted"), False, "unusable"),
        (StationOffline(), False, "unusable"),
        (StationTimeout(), None, None),
    ],
    ids=lambda each: str(getattr(each, "status", each)),
)
async def test_what_a_station_answers_decides_whether_it_is_held_by_it_by_us_or_not_at_all(
    yard: Yard, answer: Any, at_station: bool | None, how: str | None
) -> None:
    held = await yard.hold()
    yard.stations.answer = answer
    row = await yard.made(held)
    assert (row["at_station"], row["how"]) == (at_station, how)
    [asked] = yard.stations.asked
    assert isinstance(asked, Reserve)
    assert (asked.id, asked.evse, asked.token.uid, asked.until) == (row["number"], 1, "TAG1", row["until_at"])


async def test_a_hold_that_is_over_is_let_go_at_the_station_and_one_that_was_used_is_not(yard: Yard) -> None:
    for how, cancelled in ((How.RELEASED, True), (How.USED, False)):
        yard.stations.asked.clear()
        held = await yard.hold()
        await yard.made(held)
        async with yard.tenants.tenant(yard.tenant) as conn:
            assert await service.let_go(conn, yard.tenant, held, how, yard.clock.now())
            assert not await service.let_go(conn, yard.tenant, held, How.LAPSED, yard.clock.now())
        await yard.jobs.ended(tenant_id=yard.tenant, subject=str(held))
        assert any(isinstance(each, CancelReservation) for each in yard.stations.asked) is cancelled
        assert yard.row(held)["how"] == how.value


async def test_a_session_uses_its_hold_up_and_one_of_somebody_else_is_stopped(yard: Yard) -> None:
    held = await yard.hold()
    stranger = yard.session("SOMEBODY")
    yard.stations.asked.clear()
    await yard.jobs.started(tenant_id=yard.tenant, subject=str(stranger))
    [stop] = yard.stations.asked
    assert isinstance(stop, StopCharging)
    assert yard.row(held)["how"] is None
    yard.admin.execute("UPDATE sessions SET ended_at = started_at WHERE session_id = %s", (stranger,))
    yard.clock.advance(60)
    # Another card of the same driver is as good.
    await yard.jobs.started(tenant_id=yard.tenant, subject=str(yard.session("card2")))
    row = yard.row(held)
    assert (row["how"], row["ended_at"]) == ("used", yard.clock.now())
    assert len(yard.stations.asked) == 1


async def test_one_connector_is_held_for_one_whoever_asks_and_another_token_makes_it_longer_once(yard: Yard) -> None:
    now = yard.clock.now()

    async def one(number: int) -> UUID | None:
        async with yard.tenants.tenant(yard.tenant) as conn:
            return await service.hold(
                conn, yard.tenant, yard.station, 1, token=Token(f"T{number}"), others=[], now=now,
                until=now + timedelta(minutes=5),
            )  # fmt: skip

    given = [each for each in await asyncio.gather(*map(one, range(4))) if each is not None]
    assert len(given) == 1
    with pytest.raises(UniqueViolation):
        yard.admin.execute(
            "INSERT INTO reservations (tenant_id, station_id, evse, token_uid, token_type, token_keys, held_at,"
            " until_at) SELECT tenant_id, station_id, evse, 'X', 'X', '{x}', held_at, until_at FROM reservations"
            " WHERE reservation_id = %s",
            (given[0],),
        )
    async with yard.tenants.tenant(yard.tenant) as conn:
        for minutes in (8, 20):
            assert await service.admit(conn, yard.tenant, given[0], f"PAY{minutes}", now + timedelta(minutes=minutes))
        held = await store.find(conn, yard.tenant, given[0])
    assert held is not None
    assert held.until_at == now + timedelta(minutes=8)
    assert (held.admits("pay20"), held.admits("T9")) == (True, False)
