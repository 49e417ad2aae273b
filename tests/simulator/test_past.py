"""The table of weeks that never were."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from forecourt.simulator import firms, past
from forecourt.simulator.clock import PacedClock
from forecourt.simulator.demo import Demo, cards
from forecourt.simulator.nudge import Nudge

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
    # Two fleets of many and one of few, by cards that stations are shown today, none of them blocked.
    assert {(row["driver"], row["fleet"]) for row in rows if row["fleet"]} <= {*firms.of_cards().items()}
    assert {row["driver"] for row in rows if not row["fleet"]}.isdisjoint(firms.of_cards())
    came = Counter(name for _, name in {(row["driver"], row["fleet"]) for row in rows})
    assert (came["Harbour Taxis"], came["Scheldt Couriers"], came["Lakeside Bakery"]) == (24, 13, 3)
    assert {cards()[uid] for uid in firms.of_cards()} == {"accepted"}


def test_who_has_the_campaign_comes_more_often_and_pays_less_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past, "WEEKS", 8)
    nudge = Nudge(UNTIL)
    rows = [dict(zip(past.HEAD, row, strict=True)) for row in past.sessions(UNTIL, nudge)]
    prices = {
        (row["tariff"], row["kWh"]): float(row["cost incl"]) for row in rows if row["driver"].startswith("guest-")
    }
    visits, cheap = Counter[bool](), Counter[bool]()
    for row in rows:
        at = datetime.fromisoformat(row["start"])
        if row["driver"] in nudge.members and nudge.began <= at < nudge.ended:
            had = nudge.members[row["driver"]]
            visits[had] += 1
            if row["currency"] == "EUR" and float(row["kWh"]):
                full = prices.get((row["tariff"], row["kWh"]))
                cheap[had] += full is not None and float(row["cost incl"]) < full
    drivers = Counter(nudge.members.values())
    assert visits[True] / drivers[True] > 1.1 * visits[False] / drivers[False]
    assert cheap[True] > 10
    assert cheap[False] == 0
    assert 0 < nudge.told()["spent"] <= nudge.told()["most"] * visits[True]
