"""Files of past sessions as they come: what is understood, what is refused, and how that is told."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from forecourt.insight.importing.files import understood
from forecourt.insight.importing.model import REASONS, ImportRefused, Parsed
from forecourt.insight.importing.tables import Options
from forecourt.insight.model import Session
from tests.support import EPOCH


def rows(path: Path, **options: Any) -> list[Parsed]:
    return list(understood(path, Options(**options), EPOCH).rows())


def one(path: Path, **options: Any) -> Session:
    [row] = rows(path, **options)
    assert row.session is not None, row.refusal
    return row.session


def csv(folder: Path, *lines: str, name: str = "past.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(("\n".join(lines) + "\n").encode(encoding))
    return path


HEAD = "id;station;start;end;energy_kwh"


def refused(path: Path, **options: Any) -> str:
    with pytest.raises(ImportRefused) as fault:
        rows(path, **options)
    return fault.value.detail


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_decimal_comma_is_found_and_energy_is_exact(tmp_path: Path) -> None:
    path = csv(
        tmp_path, HEAD, "1;A;2025-01-01 10:00;2025-01-01 11:00;12,345", "2;A;2025-01-02 10:00;2025-01-02 11:00;7"
    )
    assert [row.session.energy_wh for row in rows(path) if row.session] == [12345, 7000]


def test_thousands_are_told_from_decimals(tmp_path: Path) -> None:
    head = "id;station;start;end;energy_wh"
    path = csv(
        tmp_path, head, "1;A;2025-01-01 10:00;2025-01-01 11:00;12.345,5", "2;A;2025-01-01 12:00;2025-01-01 13:00;1,5"
    )
    assert [row.session.energy_wh for row in rows(path) if row.session] == [12346, 2]
    path = csv(tmp_path, head, "1;A;2025-01-01 10:00;2025-01-01 11:00;12,345.5")
    assert one(path).energy_wh == 12346


def test_an_energy_without_a_unit_is_taken_by_its_size(tmp_path: Path) -> None:
    head = "id,station,start,end,energy"
    assert one(csv(tmp_path, head, "1,A,2025-01-01 10:00,2025-01-01 11:00,12.5")).energy_wh == 12_500
    assert one(csv(tmp_path, head, "1,A,2025-01-01 10:00,2025-01-01 11:00,12500")).energy_wh == 12_500
    told = one(csv(tmp_path, head, "1,A,2025-01-01 10:00,2025-01-01 11:00,800"), map={"energy_kwh": "energy"})
    assert told.energy_wh == 800_000


def test_local_times_are_of_the_zone_that_is_said(tmp_path: Path) -> None:
    path = csv(tmp_path, HEAD, "1;A;2025-07-01 10:00;2025-07-01 11:00+00:00;1")
    session = one(path, time_zone="Europe/Oslo")
    assert (session.started_at, session.ended_at) == (at("2025-07-01 08:00"), at("2025-07-01 11:00"))
    assert session.zone == "Europe/Oslo"


@pytest.mark.parametrize(
    ("duration", "start", "end"),
    [
        # Clocks went back at 03:00 local: 02:30 came at 00:30 and at 01:30 UTC.
        ("", "2025-10-26 00:30", "2025-10-26 02:00"),
        ("1.5", "2025-10-26 00:30", "2025-10-26 02:00"),
        ("0.5", "2025-10-26 01:30", "2025-10-26 02:00"),
    ],
)
def test_a_time_that_came_twice_is_settled_by_the_duration(tmp_path: Path, duration: str, start: str, end: str) -> None:
    path = csv(tmp_path, "id,station,start,end,duration_h,kwh", f"1,A,2025-10-26 02:30,2025-10-26 03:00,{duration},5")
    session = one(path, time_zone="Europe/Oslo")
    assert (session.started_at, session.ended_at) == (at(start), at(end))
    assert session.flags == ("clock-change",)


def test_an_end_that_came_twice_is_never_before_the_start(tmp_path: Path) -> None:
    path = csv(tmp_path, HEAD, "1;A;2025-10-26 02:50;2025-10-26 02:10;1")
    session = one(path, time_zone="Europe/Oslo")
    assert (session.started_at, session.ended_at) == (at("2025-10-26 00:50"), at("2025-10-26 01:10"))


def test_a_time_that_the_clock_skipped_is_refused_with_its_line_and_the_zone(tmp_path: Path) -> None:
    path = csv(tmp_path, HEAD, "1;A;2025-03-30 01:30;2025-03-30 03:30;1", "2;A;2025-03-30 02:30;2025-03-30 04:00;3")
    first, second = rows(path, time_zone="Europe/Oslo")
    assert first.session is not None
    assert second.refusal is not None
    assert (second.refusal.line, second.refusal.reason, second.refusal.energy_wh) == (3, "no-such-time", 3000)
    assert "2025-03-30 02:30 did not exist in Europe/Oslo" in second.refusal.words


def test_a_year_of_two_digits_needs_its_century(tmp_path: Path) -> None:
    path = csv(tmp_path, HEAD, "1;A;0014-11-18 15:40:26;0014-11-18 17:11:04;7.78")
    [row] = rows(path)
    assert row.refusal is not None
    assert (row.refusal.line, row.refusal.reason, row.refusal.words) == (2, "bad-year", "the year 0014")
    assert one(path, century=2000).started_at == at("2014-11-18 15:40:26")


def test_day_and_month_are_told_apart_or_asked_for(tmp_path: Path) -> None:
    early = csv(tmp_path, HEAD, "1;A;02/01/2025 10:00;02/01/2025 11:00;1")
    assert "--dates dmy or --dates mdy" in refused(early)
    assert one(early, dates="dmy").started_at == at("2025-01-02 10:00")
    assert one(early, dates="mdy").started_at == at("2025-02-01 10:00")
    late = csv(tmp_path, HEAD, "1;A;02/01/2025 10:00 PM;02/28/2025 11:00 PM;1")
    assert one(late).started_at == at("2025-02-01 22:00")


def test_a_day_and_its_time_may_stand_apart(tmp_path: Path) -> None:
    head = "Charging event,CP ID,Connector,Start Date,Start Time,End Date,End Time,Total kWh,Site"
    session = one(csv(tmp_path, head, "77,50911,2,25/08/2019,22:32,26/08/2019,01:05,19.2,Princes St"))
    assert (session.started_at, session.ended_at) == (at("2019-08-25 22:32"), at("2019-08-26 01:05"))
    assert (session.id, session.station, session.evse, session.site) == ("77", "50911", "2", "Princes St")
    assert session.energy_wh == 19_200


def test_durations_stand_for_an_end_and_for_the_end_of_charging(tmp_path: Path) -> None:
    head = "Station Name,Start Date,Total Duration (hh:mm:ss),Charging Time (hh:mm:ss),Energy (kWh),Fee,Currency"
    session = one(csv(tmp_path, head, "GARAGE 1,1/15/2020 8:05,02:10:30,01:00:00,6.25,1.5,USD"))
    assert (session.started_at, session.ended_at) == (at("2020-01-15 08:05:00"), at("2020-01-15 10:15:30"))
    assert session.charging_ended_at == at("2020-01-15 09:05:00")
    assert (session.currency, session.excl_minor) == ("USD", 150)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1;;2025-01-01 10:00;2025-01-01 11:00;1", "no-station"),
        ("1;A;NA;2025-01-01 11:00;1", "no-start"),
        ("1;A;2025-01-01 10:00;;1", "no-end"),
        ("1;A;soon;2025-01-01 11:00;1", "bad-time"),
        ("1;A;2025-13-01 10:00;2025-01-01 11:00;1", "bad-time"),
        ("1;A;1925-01-01 10:00;1925-01-01 11:00;1", "bad-time"),
        ("1;A;2025-01-01 11:00;2025-01-01 10:00;1", "ends-before-start"),
        ("1;A;2027-01-01 11:00;2027-01-01 12:00;1", "in-future"),
        ("1;A;2025-01-01 10:00;2025-01-01 11:00;-1", "negative-energy"),
        ("1;A;2025-01-01 10:00;2025-01-01 11:00;much", "bad-number"),
        ("1;A;2025-01-01 10:00;2025-01-01 11:00;5000", "impossible-power"),
    ],
)
def test_a_row_that_is_no_session_is_refused_with_line_and_reason(tmp_path: Path, line: str, reason: str) -> None:
    path = csv(
        tmp_path, HEAD, "0;A;2025-01-01 08:00;2025-01-01 09:00;1", line, "2;A;2025-01-01 12:00;2025-01-01 13:00;1"
    )
    before, row, after = rows(path)
    assert before.session is not None
    assert after.session is not None
    assert row.refusal is not None
    assert (row.refusal.line, row.refusal.reason) == (3, reason)


def test_a_price_without_a_currency_is_refused_for_that_and_not_as_a_number(tmp_path: Path) -> None:
    path = csv(tmp_path, f"{HEAD};cost", "1;A;2025-01-01 10:00;2025-01-01 11:00;1;2.50")
    [row] = rows(path)
    assert row.refusal is not None
    assert row.refusal.reason == "no-currency"
    assert "--currency" in REASONS[row.refusal.reason]


@pytest.mark.parametrize(
    ("line", "flag"),
    [
        ("1;A;2025-01-01 10:00;2025-01-01 11:00;0", "no-energy"),
        ("1;A;2025-01-01 10:00;2025-01-01 11:00;", "energy-unknown"),
        ("1;A;2025-01-01 10:00;2025-01-01 10:00;0.1", "instant"),
        ("1;A;2025-01-01 10:00;2025-02-01 10:00;1", "long-stay"),
    ],
)
def test_what_is_odd_and_possible_is_kept_and_noted(tmp_path: Path, line: str, flag: str) -> None:
    assert flag in one(csv(tmp_path, HEAD, line)).flags


def test_a_document_that_was_cut_off_names_the_line_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "acn.json"
    path.write_text('{"_items": [\n{"connectionTime": "Wed, 25 Apr 2018 11:08:04 GMT",\n"kWhDel', encoding="utf-8")
    assert refused(path) == ("acn.json was cut off: it ends in the middle of line 3. Copy or download it again.")
    packed = tmp_path / "acn.json.gz"
    packed.write_bytes(gzip.compress(b'{"_items": []}' * 5000)[:-20])
    assert "was cut off" in refused(packed)
    path.write_text('{"_items": [\n{"connectionTime": 1,}\n]}', encoding="utf-8")
    assert refused(path).startswith("Line 2 of acn.json is no JSON")


def test_a_table_that_was_cut_off_names_the_line(tmp_path: Path) -> None:
    path = csv(tmp_path, HEAD, "1;A;2025-01-01 10:00;2025-01-01 11:00;1", '2;"A;2025-01-01 12:00')
    assert "Line 3 of past.csv can't be read" in refused(path)


def test_a_wrong_encoding_is_told_with_its_line(tmp_path: Path) -> None:
    lines = (HEAD, "1;A;2025-01-01 10:00;2025-01-01 11:00;1", "2;Frölunda;2025-01-01 12:00;2025-01-01 13:00;1")
    western = csv(tmp_path, *lines, encoding="cp1252")
    source = understood(western, Options(), EPOCH)
    assert "line 3 is not UTF-8: read as Windows-1252; if that is wrong, say --encoding" in source.found
    assert [row.session.station for row in source.rows() if row.session] == ["A", "Frölunda"]
    assert "Line 3 of past.csv is no text in utf-8" in refused(western, encoding="utf-8")
    assert "--encoding utf-16" in refused(csv(tmp_path, *lines, encoding="utf-16-le"))
    assert len(rows(csv(tmp_path, *lines, encoding="utf-16"))) == 2
    assert len(rows(csv(tmp_path, *lines, encoding="utf-16-le"), encoding="utf-16-le")) == 2
    assert "There is no encoding klingon" in refused(western, encoding="klingon")


def test_a_file_of_another_kind_says_what_is_missing(tmp_path: Path) -> None:
    assert "is empty" in refused(csv(tmp_path, ""))
    assert "--map start=COLUMN" in refused(csv(tmp_path, "name,colour", "a,b"))
    assert "no head of a table" in refused(csv(tmp_path, "once upon a time"))
    assert "The file has no column plugin" in refused(csv(tmp_path, HEAD, "1;A;x;y;1"), map={"start": "plugin"})
    assert "Nothing is called begin" in refused(csv(tmp_path, HEAD, "1;A;x;y;1"), map={"begin": "start"})
    broken = tmp_path / "past.xlsx"
    broken.write_bytes(b"PK\x03\x04 and nothing more")
    assert "can't be read as a workbook" in refused(broken)
    other = tmp_path / "other.json"
    other.write_text('[{"name": "x"}]', encoding="utf-8")
    assert "Its items have name" in refused(other)
    other.write_text('{"name": "x"}', encoding="utf-8")
    assert "without a list of sessions" in refused(other)


def test_acn_data_is_read_as_its_api_gives_it(tmp_path: Path) -> None:
    item = {
        "_id": "5bc90cb9f9af8b0d7fe77cd2", "clusterID": "0039", "connectionTime": "Wed, 25 Apr 2018 11:08:04 GMT",
        "disconnectTime": "Wed, 25 Apr 2018 13:20:10 GMT", "doneChargingTime": "Wed, 25 Apr 2018 13:21:10 GMT",
        "kWhDelivered": 7.932, "sessionID": "2_39_78_362_2018-04-25 11:08:04.400812", "siteID": "0002",
        "spaceID": "CA-496", "stationID": "2-39-78-362", "timezone": "America/Los_Angeles", "userID": None,
    }  # fmt: skip
    path = tmp_path / "acn.json"
    path.write_text(json.dumps({"_items": [item, item | {"disconnectTime": None}], "_meta": {}}), encoding="utf-8")
    first, second = rows(path)
    assert first.session is not None
    assert first.session.started_at == at("2018-04-25 11:08:04")
    # ACN-Data has ends of charging that come after the departure.
    assert first.session.charging_ended_at == first.session.ended_at == at("2018-04-25 13:20:10")
    assert (first.session.energy_wh, first.session.zone) == (7932, "America/Los_Angeles")
    assert (first.session.site, first.session.station, first.session.driver) == ("0002", "CA-496", None)
    assert second.refusal is not None
    assert (second.refusal.line, second.refusal.reason, second.refusal.energy_wh) == (2, "no-end", 7932)


CDR_221 = {
    "country_code": "NL", "party_id": "ABC", "id": "12345", "start_date_time": "2025-06-29T21:39:09Z",
    "end_date_time": "2025-06-29T23:37:32Z", "cdr_token": {"uid": "012345678", "type": "RFID"},
    "cdr_location": {"id": "LOC1", "name": "Gent Zuid", "evse_uid": "3256", "connector_standard": "IEC_62196_T2"},
    "currency": "EUR", "tariffs": [{"id": "12"}], "charging_periods": [], "total_energy": 15.342, "total_time": 1.973,
    "total_cost": {"excl_vat": 4.005, "incl_vat": 4.85}, "total_parking_time": 0.5,
}  # fmt: skip
CDR_211 = {
    "id": "12345", "start_date_time": "2015-06-29T21:39:09Z", "stop_date_time": "2015-06-29T23:37:32Z",
    "auth_id": "DE8ACC12E46L89", "currency": "EUR", "total_cost": 4.00, "total_energy": 15.342, "total_time": 1.973,
    "location": {
        "id": "LOC1", "name": "Gent Zuid", "time_zone": "Europe/Brussels",
        "evses": [{"uid": "3256", "connectors": [{"id": "1", "standard": "IEC_62196_T2"}]}],
    },
    "charging_periods": [],
}  # fmt: skip


@pytest.mark.parametrize("wrapped", [True, False])
def test_charge_detail_records_of_ocpi_are_read_in_every_version(tmp_path: Path, wrapped: bool) -> None:
    newest = CDR_221 | {"total_cost": {"before_taxes": 4.00, "taxes": [{"name": "VAT", "amount": 0.84}]}, "id": "3"}
    for cdr, money in ((CDR_221, (401, 485)), (CDR_211, (400, None)), (newest, (400, 484))):
        path = tmp_path / "cdrs.json"
        path.write_text(json.dumps({"data": [cdr]} if wrapped else [cdr]), encoding="utf-8")
        session = one(path)
        assert session.energy_wh == 15_342
        assert (session.station, session.site, session.evse) == ("LOC1", "Gent Zuid", "3256")
        assert session.connector_type == "IEC_62196_T2"
        assert session.currency == "EUR"
        assert (session.excl_minor, session.incl_minor) == money
        assert session.ended_at.second == 32
    assert session.charging_ended_at == at("2025-06-29 23:07:32")
