"""The table of weeks that never were."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from forecourt.simulator import past
from forecourt.simulator.clock import PacedClock
from forecourt.simulator.demo import Demo

UNTIL = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def test_the_past_is_the_same_each_time_of_the_demos_plugs_and_over_before_it_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(past, "WEEKS", 3)
    rows = [dict(zip(past.HEAD, row, strict=True)) for row in past.sessions(UNTIL)]
    assert rows == [dict(zip(past.HEAD, row, strict=True)) for row in past.sessions(UNTIL)]
    demo = Demo("ws://nowhere", PacedClock(), None, 1)
    plugs = {(station.identity, str(bay.number)) for station in demo.stations for bay in station.bays}
    assert {(row["station"], row["evse"]) for row in rows} == plugs
    assert len({row["id"] for row in rows}) == len(rows)
    begins, stands = UNTIL - timedelta(weeks=3, hours=1), dict[tuple[str, str], datetime]()
    tries, failed = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for row in sorted(rows, key=lambda row: row["start"]):
        since, until, full = (datetime.fromisoformat(row[name]) for name in ("start", "end", "done charging time"))
        plug = row["station"], row["evse"]
        assert begins <= since <= full <= until < UNTIL
        assert stands.get(plug, since) <= since
        stands[plug] = until
        tries[plug] += 1
        failed[plug] += float(row["kWh"]) == 0
    bad = (past.FAILING[0], str(past.FAILING[1]))
    assert failed[bad] > 0.3 * tries[bad]
    assert sum(failed.values()) - failed[bad] < 0.06 * sum(tries.values())
