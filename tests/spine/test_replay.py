"""Real sessions of two fleets, replayed over real sockets while nearly everything goes wrong on the way."""

from collections import Counter
from datetime import UTC, datetime

from forecourt.simulator import plan, sessions_file
from forecourt.simulator.faults import Chances
from forecourt.simulator.ledger import Ledger
from forecourt.simulator.link import Terms
from forecourt.simulator.replay import Options, Replay
from forecourt.simulator.sessions_file import Session
from tests.spine import books
from tests.spine.conftest import shared_data
from tests.spine.processes import STATIONS_SECRET, Deployment
from tests.support import free_port

CHANCES = Chances(cut=0.1, offline=0.1, duplicate=0.05, reorder=0.7)
TERMS = Terms(backoff_first_s=0.05, backoff_most_s=1.0, retry_interval_s=0.1)
MONTH = (datetime(2019, 3, 1, tzinfo=UTC), datetime(2019, 4, 1, tzinfo=UTC))


async def replay(deployment: Deployment, sessions: list[Session], *, seed: int, meter_interval_s: int) -> None:
    """Plays sessions through one gateway and holds what is stored against the file and the stations' own words."""
    parts = plan.plan(sessions, seed)
    deployment.register(part.identity for part in parts)
    deployment.accept_tokens({play.token for part in parts for play in part.plays})
    port = free_port()
    gateway = await deployment.gateway(port)
    ledger = Ledger()
    options = Options(
        url=f"ws://127.0.0.1:{port}/ocpp",
        seed=seed,
        meter_interval_s=meter_interval_s,
        chances=CHANCES,
        terms=TERMS,
        secret=STATIONS_SECRET,
    )
    report = await Replay(parts, options, ledger=ledger).run()
    gateway.terminate()
    assert await gateway.ended() == 0
    assert gateway.complaints() == []

    # A third of the stations in each version, and what was to go wrong did.
    versions = Counter(part.version for part in parts)
    assert set(versions) == {"1.6", "2.0.1", "2.1"}
    assert max(versions.values()) - min(versions.values()) <= 1
    counts = report.counts
    assert counts.cuts >= 0.1 * counts.connects > 0
    assert min(counts.offline_periods, counts.duplicates, counts.reordered_replays, counts.resent) > 0
    assert counts.duplicates_answered_differently == 0
    # Nothing was turned down or given up on either side.
    assert (report.unaccepted, report.wrong_energy) == ([], [])
    assert (counts.call_errors, counts.tokens_refused, counts.dropped) == (0, 0, 0), counts

    found = books.stored(deployment)
    assert books.unwanted(deployment) == {}
    assert books.lost(ledger.rows, found) == []
    known = books.transactions(ledger.rows)
    assert set(known) == {session.id for session in sessions}
    assert set(known.values()) == set(found)
    for session in sessions:
        kept = found[known[session.id]]
        assert abs(kept.meter_stop_wh - kept.meter_start_wh - session.energy_wh) <= 1, session
        assert (kept.started_at, kept.ended_at) == (session.start, session.end)


async def test_every_session_of_a_garage_is_stored_once_with_its_energy_through_cuts_outages_copies_and_disorder(
    deployment: Deployment,
) -> None:
    [file] = shared_data("caltech").glob("*.json.gz")
    sessions = sessions_file.load(file).sessions
    assert len(sessions) == 475
    await replay(deployment, sessions, seed=1, meter_interval_s=1_800)


async def test_every_session_of_a_month_at_homes_is_stored_once_with_its_energy_through_the_same(
    deployment: Deployment,
) -> None:
    columns = sessions_file.Columns.parse(
        "station=user_id,start=plugin_time,end=plugout_time,energy_kwh=energy_session,id=session_id,site=location",
        delimiter=";",
        decimal=",",
        zone="Europe/Oslo",
    )
    file = shared_data("norway_residential") / "Dataset1_charging_reports.csv"
    sessions = [s for s in sessions_file.load(file, columns).sessions if MONTH[0] <= s.start < MONTH[1]]
    assert len(sessions) == 1680
    await replay(deployment, sessions, seed=2, meter_interval_s=7_200)
