"""Importing real sessions."""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from forecourt.simulator.sessions_file import Columns, load

NORWAY = Columns.parse(
    "station=user_id,start=plugin_time,end=plugout_time,energy_kwh=energy_session,id=session_id,site=location",
    delimiter=";",
    decimal=",",
    zone="Europe/Oslo",
)


def test_the_index_form_of_acn_data_is_read_whole(real_file: Callable[[str], Path]) -> None:
    imported = load(real_file("caltech/caltech_2019-03_01-15.json.gz"))
    assert len(imported.sessions) == 475
    assert imported.energy_wh == 4_469_488
    assert imported.refused == {}
    first = imported.sessions[0]
    assert first.start == datetime(2019, 3, 1, 14, 20, tzinfo=UTC)
    assert (first.station, first.energy_wh) == ("CA-315", 4_216)


def test_a_csv_with_decimal_commas_and_local_times_is_read_and_its_holes_are_counted(
    real_file: Callable[[str], Path],
) -> None:
    imported = load(real_file("norway_residential/Dataset1_charging_reports.csv"), NORWAY)
    assert len(imported.sessions) + imported.refused.total() == 35_377
    assert imported.refused["no end"] == 38
    assert imported.energy_wh == sum(session.energy_wh for session in imported.sessions)
    assert len({session.station for session in imported.sessions}) == 267
    one = next(session for session in imported.sessions if session.id == "ASK_18266")
    assert one.start == datetime(2019, 11, 28, 18, 8, tzinfo=UTC)
    assert one.energy_wh == 19_960


def test_the_api_form_of_acn_data_is_read(tmp_path: Path) -> None:
    item = {
        "_id": "5bc90cb9f9af8b0d7fe77cd2",
        "connectionTime": "Wed, 25 Apr 2018 11:08:04 GMT",
        "disconnectTime": "Wed, 25 Apr 2018 13:20:10 GMT",
        "kWhDelivered": 7.932,
        "sessionID": "2_39_78_362_2018-04-25 11:08:04.400812",
        "siteID": "0002",
        "spaceID": "CA-496",
        "stationID": "2-39-78-362",
        "timezone": "America/Los_Angeles",
        "userID": None,
    }
    file = tmp_path / "acn.json"
    file.write_text(json.dumps({"_items": [item, {**item, "sessionID": "x", "disconnectTime": None}]}))
    imported = load(file)
    (session,) = imported.sessions
    assert session.start == datetime(2018, 4, 25, 11, 8, 4, tzinfo=UTC)
    assert (session.station, session.site, session.energy_wh) == ("CA-496", "0002", 7_932)
    assert imported.refused == {"no time": 1}


def test_rows_that_are_no_sessions_are_refused_with_their_reason(tmp_path: Path) -> None:
    file = tmp_path / "sessions.csv.gz"
    lines = [
        "who,from,to,kwh,nr",
        "A,2026-01-01 10:00,2026-01-01 11:00,5.5,1",
        "A,2026-01-01 10:00,2026-01-01 11:00,5.5,1",
        "A,2026-01-01 10:00,2026-01-01 10:00,5.5,2",
        "A,2026-01-01 10:00,2026-01-01 11:00,-1,3",
        "A,2026-01-01 10:00,2026-01-01 11:00,5000,4",
        "A,yesterday,2026-01-01 11:00,5,5",
        ",2026-01-01 10:00,2026-01-01 11:00,5,6",
        "A,2026-01-01 10:00,2026-01-01 11:00,,7",
        "B,2026-01-01T10:00+01:00,2026-01-01T11:00+01:00,0,8",
    ]
    file.write_bytes(gzip.compress("\r\n".join(lines).encode()))
    imported = load(file, Columns.parse("station=who,start=from,end=to,energy_kwh=kwh,id=nr"))
    assert [session.id for session in imported.sessions] == ["8", "1"]
    assert imported.refused == {
        "the session id was there before": 1,
        "ends before it starts, or at once": 1,
        "negative energy": 1,
        "more power than any station has": 1,
        "a value can't be read": 1,
        "no station": 1,
        "no energy": 1,
    }
    assert imported.examples[0] == (2, "the session id was there before")


def test_an_hour_that_happens_twice_in_autumn_does_not_shorten_a_session(tmp_path: Path) -> None:
    file = tmp_path / "sessions.csv"
    file.write_text("s,a,b,e\nX,2025-10-25 22:00,2025-10-26 06:00,9\n")
    columns = Columns.parse("station=s,start=a,end=b,energy_kwh=e", zone="Europe/Oslo")
    (session,) = load(file, columns).sessions
    assert (session.end - session.start).total_seconds() == 9 * 3600


@pytest.mark.parametrize(
    ("mapping", "complaint"),
    [
        ("station=a,start=b,end=c", "energy_kwh or energy_wh"),
        ("station=a,end=c,energy_kwh=d", "lacks start"),
        ("station=a,start=b,end=c,power=d", "maps none of"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused_at_once(mapping: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Columns.parse(mapping)


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (gzip.compress(b'{"_items": []}' * 50, mtime=0)[:-12], "cut short or damaged"),
        (b"\x1f\x8b\x08no gzip at all", "cut short or damaged"),
        (b'{"meta": {}, "sessions": []}', "must say start"),
        (b'{"meta": {"start": "2026-01-01", "period_min": 5}, "sessions": {}}', "must say start"),
        (b'{"_items": {"a": 1}}', "neither ACN-Data"),
        (b'{"_items": [', "truncated"),
        (b"7,8", "needs its columns mapped"),
    ],
)
def test_a_file_that_is_damaged_or_of_another_form_is_refused_in_words(
    tmp_path: Path, raw: bytes, complaint: str
) -> None:
    file = tmp_path / "sessions"
    file.write_bytes(raw)
    with pytest.raises(ValueError, match=complaint):
        load(file)


def test_a_row_that_is_none_is_refused_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "sessions.json"
    row = '{"session_id": 1, "station_id": 2, "arrival": %s, "departure": 12, "kwh": 3}'
    meta = '{"meta": {"start": "2026-01-01T00:00:00+00:00", "period_min": 5}, "sessions": [%s]}'
    file.write_text(meta % ",".join((row % 1, row % 10**18, "[]", "null", row % '"now"')))
    imported = load(file)
    assert (len(imported.sessions), imported.refused.total()) == (1, 4)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    file = tmp_path / "sessions.csv"
    file.write_text("s,a,b\n")
    with pytest.raises(ValueError, match="no column e; it has s, a, b"):
        load(file, Columns.parse("station=s,start=a,end=b,energy_kwh=e"))


@pytest.mark.parametrize(
    ("inputs", "stated"),
    [
        (
            [
                {"requestedDeparture": "Thu, 19 Oct 2018 22:00:00 GMT", "kWhRequested": 12.5},
                {"requestedDeparture": "Thu, 19 Oct 2018 23:00:00 GMT", "kWhRequested": 40},
            ],
            (datetime(2018, 10, 19, 22, tzinfo=UTC), 12_500),
        ),
        ([{"kWhRequested": "8"}], (None, 8_000)),
        ([{"requestedDeparture": "at noon", "kWhRequested": 8}], (None, None)),
        ([{"kWhRequested": -3}], (None, None)),
        ([{"kWhRequested": "inf"}], (None, None)),
        (["nothing"], (None, None)),
        (None, (None, None)),
    ],
)
def test_what_a_driver_said_first_is_read_and_what_cannot_be_read_was_not_said(
    tmp_path: Path, inputs: Any, stated: tuple[datetime | None, int | None]
) -> None:
    row = {
        "_id": "1",
        "stationID": "S",
        "connectionTime": "Thu, 19 Oct 2018 13:00:00 GMT",
        "disconnectTime": "Thu, 19 Oct 2018 21:00:00 GMT",
        "kWhDelivered": 7.5,
        "userInputs": inputs,
    }
    file = tmp_path / "acn.json"
    file.write_bytes(json.dumps({"_items": [row]}).encode())
    [session] = load(file).sessions
    assert (session.stated_end, session.stated_wh) == stated
