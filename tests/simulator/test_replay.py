"""Replays of real sessions, with everything going wrong that can be asked for."""

import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from forecourt.simulator import plan, sessions_file
from forecourt.simulator.faults import Chances
from forecourt.simulator.ledger import Ledger, read
from forecourt.simulator.link import Terms
from forecourt.simulator.replay import Options, Progress, Replay
from forecourt.simulator.sessions_file import Session
from tests.simulator.csms import Stub
from tests.support import WAIT_S

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
TERMS = Terms(answer_deadline_s=WAIT_S, backoff_first_s=0.01, backoff_most_s=0.1, retry_interval_s=0.01)


def made_up(count: int) -> list[Session]:
    """Sessions at four stations, many of them at the same time at one."""
    return [
        Session(
            id=f"s{n}",
            station=f"ST/{n % 4}",
            start=NOW + timedelta(minutes=17 * n),
            end=NOW + timedelta(minutes=17 * n + 20 + 13 * (n % 9)),
            energy_wh=(n * 1_371) % 9_000,
        )
        for n in range(count)
    ]


def energies(stub: Stub) -> list[int]:
    return sorted(stop_wh - start_wh for start_wh, stop_wh in stub.books().values())


def test_sessions_move_by_whole_weeks_to_end_just_before_now() -> None:
    sessions = made_up(10)
    now = datetime(2027, 7, 1, tzinfo=UTC)
    moved = plan.moved(sessions, plan.shift_weeks(sessions, now))
    by = moved[0].start - sessions[0].start
    assert by % timedelta(days=7) == timedelta()
    assert now - timedelta(days=7) < max(session.end for session in moved) <= now


def test_sessions_that_overlap_at_a_station_get_bays_of_their_own_and_registers_run_on() -> None:
    parts = plan.plan(made_up(60), seed=3)
    assert [part.version for part in parts] == ["1.6", "2.0.1", "2.1", "1.6"]
    assert [part.identity for part in parts] == ["ST-0", "ST-1", "ST-2", "ST-3"]
    for part in parts:
        assert part.make.bays == max(play.bay for play in part.plays)
        for bay in range(1, part.make.bays + 1):
            plays = [play for play in part.plays if play.bay == bay]
            for one, next_one in itertools.pairwise(plays):
                assert one.session.end <= next_one.session.start
                assert next_one.register_wh == one.register_wh + one.session.energy_wh
    assert any(part.make.bays > 1 for part in parts)
    assert plan.plan(made_up(60), seed=3) == parts


async def test_every_session_arrives_once_with_its_energy_through_cuts_outages_copies_and_disorder() -> None:
    sessions = made_up(80)
    chances = Chances(cut=0.4, offline=0.4, duplicate=0.3, reorder=0.7)
    ledger = Ledger()
    async with Stub() as stub:
        options = Options(url=stub.url, chances=chances, wrong_clock=0.5, terms=TERMS, seed=5)
        report = await Replay(plan.plan(sessions, 5), options, ledger=ledger).run()
        assert stub.faults == []
        assert energies(stub) == sorted(session.energy_wh for session in sessions)
    assert report.sessions_done == len(sessions)
    assert report.energy_done_wh == sum(session.energy_wh for session in sessions)
    assert report.wrong_energy == []
    assert min(report.counts.cuts, report.counts.offline_periods, report.counts.duplicates) > 0
    assert report.counts.reordered_replays > 0
    stops = [row for row in ledger.rows if row["kind"] == "stop" and not row["duplicate"]]
    assert {row["session"] for row in stops} == {session.id for session in sessions}


async def test_the_same_seed_breaks_the_same_things() -> None:
    chances = Chances(offline=0.5)
    periods = []
    for _ in range(2):
        async with Stub() as stub:
            report = await Replay(plan.plan(made_up(20), 5), Options(url=stub.url, chances=chances, terms=TERMS)).run()
            periods.append(report.counts.offline_periods)
    assert periods[0] == periods[1] > 0


async def test_with_a_speed_all_stations_share_one_clock() -> None:
    sessions = made_up(8)
    async with Stub() as stub:
        report = await Replay(plan.plan(sessions, 1), Options(url=stub.url, speed=20_000, terms=TERMS)).run()
        assert stub.faults == []
        assert energies(stub) == sorted(session.energy_wh for session in sessions)
    assert report.sessions_done == 8


async def test_a_replay_that_was_broken_off_goes_on_where_it_was(tmp_path: Path) -> None:
    sessions = made_up(20)
    parts = plan.plan(sessions, 1)
    first = Progress(tmp_path / "state")
    first.begin(3)
    for session in sessions[:12]:
        first.note(session.id)
    first.close()
    with (tmp_path / "state").open("a") as file:
        file.write('"cut sh')

    again = Progress(tmp_path / "state")
    again.begin(9)
    assert again.weeks == 3
    assert again.done == {session.id for session in sessions[:12]}
    async with Stub() as stub:
        options = Options(url=stub.url, terms=TERMS)
        report = await Replay(parts, options, done=frozenset(again.done), on_done=again.note).run()
        assert energies(stub) == sorted(session.energy_wh for session in sessions[12:])
    again.close()
    assert report.sessions_before == 12
    assert report.sessions_done == 8
    assert Progress(tmp_path / "state").done == {session.id for session in sessions}


async def test_the_ledger_on_disk_holds_what_was_acknowledged(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    async with Stub() as stub:
        await Replay(plan.plan(made_up(6), 1), Options(url=stub.url, terms=TERMS), ledger=ledger).run()
    ledger.close()
    with (tmp_path / "ledger.jsonl").open("a") as file:
        file.write('{"kind": "st')
    rows = list(read(tmp_path / "ledger.jsonl"))
    assert sum(row["kind"] == "stop" for row in rows) == 6
    assert all(row["transaction"] is not None for row in rows)
    assert json.dumps(rows[0]["payload"])


async def test_real_sessions_arrive_with_their_energy(real_file: Callable[[str], Path]) -> None:
    sessions = sessions_file.load(real_file("caltech/caltech_2019-03_01-15.json.gz")).sessions[:150]
    chances = Chances(cut=0.1, offline=0.1, duplicate=0.1, reorder=0.5)
    async with Stub() as stub:
        options = Options(url=stub.url, chances=chances, terms=TERMS, meter_interval_s=3_600)
        report = await Replay(plan.plan(sessions, 1), options).run()
        assert stub.faults == []
        assert energies(stub) == sorted(session.energy_wh for session in sessions)
    assert set(report.versions) == {"1.6", "2.0.1", "2.1"}
