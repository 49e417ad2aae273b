"""History in PostgreSQL: nothing lost, nothing twice, whatever is killed; and nobody else's."""

import asyncio
import csv
import gzip
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from typer.testing import CliRunner

import forecourt
from forecourt.cli import app
from forecourt.cli.insight import _tell, _tell_age
from forecourt.insight.importing import service, store
from forecourt.insight.importing.files import understood
from forecourt.insight.importing.looking import looked
from forecourt.insight.importing.model import ImportRefused, Report
from forecourt.insight.importing.service import ImportBusy, ImportUnknown, import_number
from forecourt.insight.importing.tables import Options
from forecourt.insight.lake.store import list_places
from forecourt.insight.pseudonyms import of_token
from forecourt.platform.settings import load
from tests.insight.conftest import DATA, Desk
from tests.support import EPOCH, WAIT_S

HEAD = "id,station,driver,start,end,kwh"
#: Of an import that is killed: two batches and some.
ROWS = 4_500


def written(folder: Path, *lines: str, name: str = "old.csv", head: str = HEAD) -> Path:
    path = folder / name
    path.write_text("\n".join((head, *lines)) + "\n", encoding="utf-8")
    return path


def many(count: int) -> list[str]:
    """Sessions of which some are refused, noted or repeated."""
    lines = []
    for i in range(count):
        day, hour = f"2025-{1 + i % 12:02d}-{1 + i % 28:02d}", i % 22
        end = "" if i % 97 == 5 else f"{day} {hour + 1}:30"
        lines.append(
            f"s{i if i % 89 else max(i - 1, 0)},CP{i % 50},d{i % 40},{day} {hour}:00,{end},{i % 70}.{i % 1000:03d}"
        )
    return lines


async def test_all_rows_are_taken_there_or_refused_and_sums_agree(desk: Desk, tmp_path: Path) -> None:
    tenant_id = desk.organisation("counting")
    path = written(
        tmp_path,
        "1,A,d,2025-01-01 10:00,2025-01-01 11:00,5.5",
        "1,A,d,2025-01-01 10:00,2025-01-01 11:00,5.5",  # the very same again
        "1,A,d,2025-01-01 10:00,2025-01-01 11:00,6.5",  # the same id, other facts
        "2,A,d,2025-01-02 10:00,2025-01-02 09:00,1",
        ",A,d,2025-01-03 10:00,2025-01-03 11:00,2",
        ",A,d,2025-01-03 10:00,2025-01-03 11:00,3",
    )
    report = await desk.bring(tenant_id, path)
    assert (report.read, report.taken, report.already) == (6, 3, 0)
    assert report.refused == {"repeated": 1, "id-taken": 1, "ends-before-start": 1}
    assert [(each.line, each.reason) for each in report.refusals] == [
        (3, "repeated"), (4, "id-taken"), (5, "ends-before-start"),
    ]  # fmt: skip
    assert (report.taken_wh, report.refused_wh) == (10_500, 13_000)
    assert desk.rows("SELECT sum(energy_wh)::int FROM imported_sessions WHERE tenant_id = %s", tenant_id) == [(10_500,)]
    again = await desk.bring(tenant_id, path)
    assert (again.read, again.taken, again.already) == (6, 0, 4)
    assert again.refused == {"id-taken": 1, "ends-before-start": 1}
    assert len(desk.kept(tenant_id)) == 3


async def test_money_before_and_after_taxes_is_never_one_sum(desk: Desk, tmp_path: Path) -> None:
    lines = [
        "1,A,2025-01-01 10:00,2025-01-01 11:00,5,10.00,11.90,EUR", "2,A,2025-01-02 10:00,2025-01-02 11:00,5,,5.95,EUR",
    ]  # fmt: skip
    path = written(tmp_path, *lines, head="id,station,start,end,kwh,cost,cost_incl_vat,currency")
    report = await desk.bring(desk.organisation("taxes"), path)
    assert (report.money, report.money_incl) == ({"EUR": 1_000}, {"EUR": 595})


async def test_files_that_overlap_bring_each_session_once(desk: Desk, tmp_path: Path) -> None:
    tenant_id = desk.organisation("overlapping")
    lines = [f",A,,2025-01-0{day} 10:00,2025-01-0{day} 11:00,5" for day in range(1, 7)]
    await desk.bring(tenant_id, written(tmp_path, *lines[:4], name="one.csv"), "backend")
    report = await desk.bring(tenant_id, written(tmp_path, *lines[2:], name="two.csv"), "backend")
    assert (report.taken, report.already) == (2, 2)
    assert len(desk.kept(tenant_id)) == 6


async def test_sessions_of_one_evse_that_overlap_are_noted(desk: Desk, tmp_path: Path) -> None:
    tenant_id = desk.organisation("noting")
    head = "id,station,evse,start,end,kwh"
    report = await desk.bring(
        tenant_id,
        written(
            tmp_path,
            "1,A,1,2025-01-01 10:00,2025-01-01 15:00,5",
            "2,A,1,2025-01-01 11:00,2025-01-01 12:00,5",
            "3,A,1,2025-01-01 13:00,2025-01-01 15:00,5",
            "4,A,1,2025-01-01 15:00,2025-01-01 16:00,5",
            "5,A,2,2025-01-01 10:00,2025-01-01 15:00,5",
            head=head,
        ),
    )
    noted = desk.rows("SELECT source_id FROM imported_sessions WHERE tenant_id = %s AND flags = '{overlap}'", tenant_id)
    assert {row[0] for row in noted} == {"1", "2", "3"}
    assert report.flagged == {"overlap": 3}


async def test_a_driver_is_kept_by_a_pseudonym_alone_another_one_in_each_organisation(
    desk: Desk, tmp_path: Path
) -> None:
    path = written(
        tmp_path,
        "1,A,SECRETUID,2025-01-01 10:00,2025-01-01 11:00,5",
        "2,A,secretuid,2025-01-02 10:00,2025-01-02 11:00,5",
    )
    names = []
    for name in ("first", "second"):
        tenant_id = desk.organisation(name)
        await desk.bring(tenant_id, path)
        [(key,)] = desk.rows("SELECT key FROM pseudonym_keys WHERE tenant_id = %s", tenant_id)
        kept = desk.rows("SELECT driver FROM imported_sessions WHERE tenant_id = %s", tenant_id)
        assert kept == [(of_token(key, "SecretUid"),)] * 2
        names.append(kept[0][0])
        for table in ("imports", "import_refusals", "imported_sessions"):
            rows = desk.rows(f"SELECT t::text FROM {table} t WHERE tenant_id = %s", tenant_id)
            assert not any("secretuid" in text.lower() for (text,) in rows)
    assert names[0] != names[1]


async def test_history_is_its_organisations_own(desk: Desk, tmp_path: Path) -> None:
    ours, theirs = desk.organisation("ours"), desk.organisation("theirs")
    path = written(tmp_path, "1,A,d,2025-01-01 10:00,2025-01-01 11:00,5")
    for tenant_id in (ours, theirs):
        report = await desk.bring(tenant_id, path)
        assert (report.taken, report.already) == (1, 0)
    async with desk.pool.tenant(ours) as conn:
        for table in ("imports", "imported_sessions", "pseudonym_keys"):
            rows = await (await conn.execute(f"SELECT tenant_id FROM {table}".encode())).fetchall()
            assert rows == [(ours,)]
    [(brought,)] = desk.rows("SELECT import_id FROM imports WHERE tenant_id = %s", theirs)
    with pytest.raises(ImportUnknown):
        await desk.importer.forget(ours, brought)
    assert await desk.importer.forget(theirs, brought) == 1
    assert desk.kept(theirs) == []
    assert len(desk.kept(ours)) == 1
    with pytest.raises(ImportUnknown):
        import_number("no number")


async def test_a_station_of_ours_is_known_by_its_identity(desk: Desk, tmp_path: Path) -> None:
    tenant_id = desk.organisation("stations")
    desk.rows("INSERT INTO stations (tenant_id, identity) VALUES (%s, 'OUR-1') RETURNING 1", tenant_id)
    lines = [f"{n},{station},,2025-01-01 10:00,2025-01-01 11:00,5" for n, station in enumerate(("OUR-1", "OLD-1"))]
    await desk.bring(tenant_id, written(tmp_path, *lines))
    kept = desk.rows(
        "SELECT station, own_station, site FROM imported_sessions WHERE tenant_id = %s ORDER BY 1", tenant_id
    )
    assert kept == [("OUR-1", True, None), ("old/OLD-1", False, "old")]


async def test_stations_whose_names_are_unique_within_a_site_alone_are_told_apart(desk: Desk, tmp_path: Path) -> None:
    tenant_id = desk.organisation("two sites")
    head = "id,station,site,start,end,kwh"
    lines = [
        f"{site}{plug}{day},CP{plug},{site},2025-01-0{day} 10:00,2025-01-0{day} 11:00,{plug}"
        for day in (1, 2) for site in ("North", "South") for plug in (1, 2)
    ]  # fmt: skip
    path = written(tmp_path, *lines[:4], head=head)

    def places() -> list[tuple[Any, ...]]:
        return desk.rows(
            "SELECT p.station, p.site, count(s.*) FROM imported_places p JOIN imported_sessions s USING"
            " (tenant_id, station) WHERE tenant_id = %s GROUP BY 1, 2 ORDER BY 1", tenant_id
        )  # fmt: skip

    def expected(sessions: int) -> list[tuple[Any, ...]]:
        names = (("CP1", "North"), ("CP2", "North"), ("South/CP1", "South"), ("South/CP2", "South"))
        return [(f"old/{station}", f"old/{site}", sessions) for station, site in names]

    report = await desk.bring(tenant_id, path)
    assert places() == expected(1)
    assert report.apart == ["old/South/CP1", "old/South/CP2"]
    again = await desk.bring(tenant_id, path)
    assert (again.taken, again.already, again.apart) == (0, 4, [])
    # Another file of the source goes on with the same stations, in whatever order it names them.
    more = await desk.bring(tenant_id, written(tmp_path, *reversed(lines), name="more.csv", head=head), "old")
    assert (more.taken, more.already) == (4, 4)
    assert places() == expected(2)
    # Who was told apart stays so when the first of its name is gone.
    desk.rows("DELETE FROM imported_places WHERE tenant_id = %s AND site = 'old/North' RETURNING 1", tenant_id)
    await desk.bring(
        tenant_id, written(tmp_path, "n,CP1,South,2025-02-01 10:00,2025-02-01 11:00,1", name="c.csv", head=head), "old"
    )
    assert desk.rows("SELECT station FROM imported_sessions WHERE source_id = 'n'") == [("old/South/CP1",)]


def test_looking_counts_as_importing_does(tmp_path: Path) -> None:
    head = "id,station,site,driver,start,end,kwh"
    path = written(
        tmp_path,
        "1,A,North,d,2025-01-01 10:00,2025-01-01 11:00,5",
        "1,A,North,D,2025-01-01 10:00,2025-01-01 11:00,5",
        "1,A,North,d,2025-01-01 10:00,2025-01-01 11:00,6",
        "2,A,South,d,2025-01-01 10:00,2025-01-01 11:00,6",
        head=head,
    )
    report = looked(understood(path, Options(), EPOCH), "Old Backend")
    assert (report.source, report.read, report.taken, report.taken_wh) == ("old-backend", 4, 2, 11_000)
    assert report.refused == {"repeated": 1, "id-taken": 1}
    assert [(each.line, each.reason) for each in report.refusals] == [(3, "repeated"), (4, "id-taken")]
    assert report.apart == ["old-backend/South/A"]
    for name in ("own", "..."):
        told = CliRunner().invoke(app, ["insight", "import", "--look", str(path), "--source", name])
        assert told.exit_code == 1
        with pytest.raises(ImportRefused, match="--source"):
            looked(understood(path, Options(), EPOCH), name)


async def test_numbers_that_no_session_has_are_refused_and_the_rest_is_taken(desk: Desk, tmp_path: Path) -> None:
    tenant_id = desk.organisation("too-large")
    head = "id,station,start,end,kwh,charging_time_h,cost,currency"
    stay = "A,2025-01-01 10:00,2025-01-01 11:00"
    path = written(
        tmp_path,
        f"1,{stay},5,0.5,10.00,USD",
        f"2,{stay},5,0.5,1e308,USD",
        f"3,{stay},5,0.5,-1e308,USD",
        f"4,{stay},5,0.5,100000000.01,USD",
        f"5,{stay},1e308,0.5,10.00,USD",
        f"6,{stay},1e999999,0.5,10.00,USD",
        f"7,{stay},5,1e12,10.00,USD",
        f"8,{stay},5,999999999:00,10.00,USD",
        "9,B,2025-01-01 10:00,2025-01-01 11:00,5,0.5,100000000.00,USD",
        head=head,
    )
    looked_at = looked(understood(path, Options(), EPOCH), "old")
    report = await desk.bring(tenant_id, path, "old")
    for each in (looked_at, report):
        assert (each.read, each.taken, each.refused) == (9, 2, {"too-large": 7})
        assert [(refusal.line, refusal.reason) for refusal in each.refusals] == [
            (line, "too-large") for line in range(3, 10)
        ]
        assert each.money == {"USD": 10_000_001_000}
    assert looked_at.refused_wh == report.refused_wh
    assert "1e308" in report.refusals[0].words


async def test_a_group_that_comes_later_is_told_as_not_taken(desk: Desk, tmp_path: Path) -> None:
    tenant_id = desk.organisation("groups-later")
    lines = [f"{n},A,d{n},2025-01-01 1{n}:00,2025-01-01 1{n}:30,5" for n in range(4)]
    await desk.bring(tenant_id, written(tmp_path, *lines), "old")
    groups = ("Lab", "Lab", "", "Lab")
    more = [
        *(f"{line},{group}" for line, group in zip(lines, groups, strict=True)),
        "9,A,d9,2025-02-01 10:00,2025-02-01 11:00,5,Lab",
    ]
    later = written(tmp_path, *more, name="later.csv", head=f"{HEAD},fleet")
    report = await desk.bring(tenant_id, later, "old")
    assert (report.taken, report.already, report.ungrouped) == (1, 4, 3)
    # Taken back and brought again, it is there, and then there is nothing more to say.
    for begun in await desk.importer.imports(tenant_id, 10):
        await desk.importer.forget(tenant_id, begun.import_id)
    assert (await desk.bring(tenant_id, later, "old")).ungrouped == 0
    again = await desk.bring(tenant_id, later, "old")
    assert (again.already, again.ungrouped) == (5, 0)
    assert desk.rows(
        "SELECT count(*)::int FROM imported_sessions WHERE tenant_id = %s AND driver_group = 'Lab'", tenant_id
    ) == [(4,)]


async def test_an_import_that_was_stopped_can_be_forgotten(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "BATCH_ROWS", 50)
    tenant_id = desk.organisation("stopped")
    path = written(tmp_path, *many(150))
    note, noted = store.note, []

    async def stopping(*given: Any) -> None:
        noted.append(given)
        if len(noted) == 2:
            raise RuntimeError("stopped")
        await note(*given)

    monkeypatch.setattr(store, "note", stopping)
    with pytest.raises(RuntimeError, match="stopped"):
        await desk.bring(tenant_id, path)
    importer = desk.importer
    [begun] = await importer.imports(tenant_id, 10)
    assert (begun.rows_done, begun.ended_at) == (50, None)
    assert await importer.forget(tenant_id, begun.import_id) == begun.report["taken"] > 0
    assert await importer.imports(tenant_id, 10) == []
    assert desk.kept(tenant_id) == []


async def test_two_at_once_bring_every_row_once(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "BATCH_ROWS", 50)
    tenant_id = desk.organisation("together")
    path = written(tmp_path, *many(600))
    outcomes = await asyncio.gather(*(desk.bring(tenant_id, path) for _ in range(2)), return_exceptions=True)
    assert all(isinstance(each, ImportBusy) or not isinstance(each, BaseException) for each in outcomes)
    report = await desk.bring(tenant_id, path)
    alone = desk.organisation("alone")
    await desk.bring(alone, path)
    assert desk.kept(tenant_id) == desk.kept(alone)
    assert report.taken + report.already == len(desk.kept(alone))


@pytest.mark.kill
async def test_a_killed_import_goes_on_to_the_same_end(desk: Desk, tmp_path: Path) -> None:
    path = written(tmp_path, *many(ROWS))
    whole = desk.organisation("never killed")
    expected = await desk.bring(whole, path)
    tenant_id = desk.organisation("killed")
    environment = {"FORECOURT_DATABASE_URL": desk.database.url}
    arguments = (
        "insight",
        "import",
        str(path),
        "--organisation",
        str(tenant_id),
        "--json",
        str(tmp_path / "report.json"),
    )

    # Stopped where it stands: what is written down of an import is held as soon as one batch is there.
    with held(desk) as until_held:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "forecourt.cli", *arguments, env=os.environ | environment,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        await until_held()
        process.kill()
        await process.wait()
    [(done,)] = desk.rows("SELECT rows_done FROM imports WHERE tenant_id = %s", tenant_id)
    assert 0 < done < ROWS
    [(kept,)] = desk.rows("SELECT count(*) FROM imported_sessions WHERE tenant_id = %s", tenant_id)
    assert 0 < kept < expected.taken
    again = await asyncio.to_thread(CliRunner().invoke, app, arguments, env=environment)
    assert again.exit_code == 0, again.output
    [report] = json.loads((tmp_path / "report.json").read_bytes())
    assert report["went_on"]
    for name in ("read", "taken", "already", "refused", "flagged", "taken_wh", "refused_wh", "first_at", "last_at"):
        assert report[name] == getattr(expected, name), name
    assert [(each["line"], each["reason"]) for each in report["refusals"]] == [
        (each.line, each.reason) for each in expected.refusals
    ]
    assert desk.kept(tenant_id) == desk.kept(whole)


@contextmanager
def held(desk: Desk) -> Iterator[Callable[[], Awaitable[None]]]:
    """No import can write down a second batch; awaiting what is yielded returns when one wants to."""
    with psycopg.connect(desk.database.admin_url, autocommit=True) as admin:
        admin.execute("SELECT pg_advisory_lock(1)")
        admin.execute(
            "CREATE FUNCTION held() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN new; END'"
        )
        admin.execute(
            "CREATE TRIGGER held BEFORE UPDATE ON imports FOR EACH ROW WHEN (old.rows_done > 0) EXECUTE FUNCTION held()"
        )

        async def until_held() -> None:
            async with asyncio.timeout(WAIT_S):
                while admin.execute("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").rowcount == 0:
                    await asyncio.sleep(0.05)

        yield until_held
        # Whoever waits is let go, and finds that nobody is there to commit.
        admin.execute("SELECT pg_advisory_unlock(1)")
        admin.execute("DROP FUNCTION held CASCADE")


def test_the_command_line_tells_what_a_file_would_come_to(tmp_path: Path) -> None:
    path = written(tmp_path, "1,A,d,2025-01-01 10:00,2025-01-01 11:00,5", "2,A,d,2025-01-02 10:00,,1")
    told = CliRunner().invoke(app, ["insight", "import", "--look", str(path)])
    assert told.exit_code == 0
    assert "1 would be taken" in told.output
    assert "line 3: neither an end nor a duration" in told.output


@pytest.mark.parametrize(
    ("first", "kept", "told"),
    [(801, 800, True), (799, 800, False), (5_000, 0, False)],
    ids=["old", "young", "for-ever"],
)
def test_the_command_line_tells_of_which_sessions_the_lake_forgets_who_came(
    first: int, kept: int, capsys: pytest.CaptureFixture[str], *, told: bool
) -> None:
    began = datetime.now(UTC) - timedelta(days=first)
    _tell_age(Report(first_at=began.isoformat()), msgspec.structs.replace(load({}), keep_pseudonyms_days=kept))
    assert ("FORECOURT_KEEP_PSEUDONYMS_DAYS" in capsys.readouterr().err) == told


def test_the_command_line_tells_of_groups_that_were_not_taken(capsys: pytest.CaptureFixture[str]) -> None:
    for ungrouped in (2, 0):
        _tell(Report(file="a.csv", read=3, already=3, ungrouped=ungrouped))
        assert ("2 that are there already have another driver_group" in capsys.readouterr().err) == bool(ungrouped)


#: What each public data set holds by its own words: rows, energy in Wh, refused by reason.
def caltech(path: Path) -> tuple[int, int, dict[str, int]]:
    sessions = json.loads(gzip.decompress(path.read_bytes()))["sessions"]
    return len(sessions), sum(round(Decimal(str(each["kwh"])) * 1000) for each in sessions), {}


def norway(path: Path) -> tuple[int, int, dict[str, int]]:
    with path.open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    energy_wh = sum(round(Decimal(row["energy_session"].replace(",", ".")) * 1000) for row in rows)
    return len(rows), energy_wh, {"no-end": sum(row["plugout_time"] == "NA" for row in rows)}


def asensio(path: Path) -> tuple[int, int, dict[str, int]]:
    with path.open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    return len(rows), sum(round(Decimal(row["kwhTotal"]) * 1000) for row in rows), {}


def epfl(path: Path) -> tuple[int, int, dict[str, int]]:
    import python_calamine

    rows = python_calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()[1:]
    return len(rows), sum(round(Decimal(repr(row[5]))) for row in rows), {}


PUBLIC: dict[str, Any] = {
    "caltech/caltech_2019-03_01-15.json.gz": caltech,
    "norway_residential/Dataset1_charging_reports.csv": norway,
    "asensio_workplace/station_data_dataverse.csv": asensio,
    "epfl_dcfast/Session_data.xlsx": epfl,
}


#: Of a data set with more, its beginning is taken, and that nothing comes twice is left to the smaller ones.
MANY_ROWS = 5_000


def beginning(path: Path, folder: Path) -> Path:
    """A data set, or as much of it under the same name."""
    lines = path.read_bytes().splitlines(keepends=True)
    if path.suffix != ".csv" or len(lines) <= MANY_ROWS:
        return path
    taken = folder / path.name
    taken.write_bytes(b"".join(lines[: MANY_ROWS + 1]))
    return taken


@pytest.mark.parametrize("name", PUBLIC)
async def test_a_public_data_set_comes_in_with_nothing_lost(desk: Desk, tmp_path: Path, name: str) -> None:
    if not (DATA / name).exists():
        pytest.skip(f"{name} is not at hand")
    path = beginning(DATA / name, tmp_path)
    rows, energy_wh, refused = PUBLIC[name](path)
    tenant_id = desk.organisation(name)
    report = await desk.bring(tenant_id, path)
    assert report.read == rows
    assert report.refused == refused
    assert report.taken == rows - sum(refused.values())
    assert report.taken_wh + report.refused_wh == energy_wh
    assert report.already == 0
    [kept] = desk.rows("SELECT count(*), sum(energy_wh)::int FROM imported_sessions WHERE tenant_id = %s", tenant_id)
    assert kept == (report.taken, report.taken_wh)
    if rows < MANY_ROWS:
        again = await desk.bring(tenant_id, path)
        assert (again.taken, again.already, again.already_wh) == (0, report.taken, report.taken_wh)


async def test_where_stations_are_follows_what_is_imported_and_forgotten(desk: Desk, tmp_path: Path) -> None:
    tenant_id = desk.organisation("places")
    head = "id,station,site,evse,start,end,kwh"

    async def bring(name: str, *lines: str, time_zone: str) -> Any:
        (tmp_path / name).mkdir()
        return await desk.bring(tenant_id, written(tmp_path / name, *lines, head=head), "old", time_zone=time_zone)

    await bring("a", "1,A,north,1,2025-01-05 10:00,2025-01-05 11:00,9", time_zone="Europe/Berlin")
    report = await bring(
        "b", "2,A,north,2,2025-03-05 10:00,2025-03-05 11:00,9", "3,B,,,2025-01-01 10:00,2025-01-01 11:00,9",
        time_zone="Asia/Kolkata",
    )  # fmt: skip
    assert report.taken == 2

    async def places() -> list[tuple[Any, ...]]:
        async with desk.pool.tenant(tenant_id) as conn:
            found = await list_places(conn, tenant_id)
        return [(each.station, each.site, each.zone, each.evses, each.first_at, each.last_at) for each in found]

    first, last = datetime(2025, 1, 5, 9, tzinfo=UTC), datetime(2025, 3, 5, 5, 30, tzinfo=UTC)
    b = datetime(2025, 1, 1, 4, 30, tzinfo=UTC)
    assert await places() == [
        ("old/A", "old/north", "Asia/Kolkata", 2, first, last),
        ("old/B", "old", "Asia/Kolkata", 0, b, b + timedelta(hours=1)),
    ]
    [(latest,)] = desk.rows(
        "SELECT import_id FROM imports WHERE tenant_id = %s ORDER BY number DESC LIMIT 1", tenant_id
    )
    await desk.importer.forget(tenant_id, latest)
    assert await places() == [("old/A", "old/north", "Europe/Berlin", 1, first, first + timedelta(hours=1))]


async def test_plugs_that_were_stored_by_other_names_have_ocpis_now_and_the_lake_makes_their_days_anew(
    desk: Desk, tmp_path: Path
) -> None:
    tenant_id = desk.organisation("plugs")
    rows = [
        "1,A,1,2025-03-03 10:00,2025-03-03 11:00,5,CCS 2", "2,A,1,2025-03-04 10:00,2025-03-04 11:00,5,left one",
        "3,A,1,2025-03-05 10:00,2025-03-05 11:00,5,cType2",
    ]  # fmt: skip
    path = written(tmp_path, *rows, head="id,station,evse,start,end,kwh,connector type")
    await desk.bring(tenant_id, path, "old")
    kinds = "SELECT connector_type FROM imported_sessions WHERE tenant_id = %s ORDER BY started_at"
    named = [("IEC_62196_T2_COMBO",), ("left one",), ("IEC_62196_T2",)]
    assert desk.rows(kinds, tenant_id) == named
    # As it was before: by the words of the file.
    desk.admin.execute(
        "UPDATE imported_sessions SET connector_type = 'cCCS2' WHERE tenant_id = %s AND source_id = '1'", (tenant_id,)
    )
    migration = (Path(forecourt.__file__).parent / "insight/migrations/insight.0089.sql").read_text(encoding="utf-8")
    begins = migration.index("-- The lake of a form before")
    desk.admin.execute(migration[begins:].encode())
    assert desk.rows(kinds, tenant_id) == named
    # Nobody waits for it: a session that is recorded or looked at stands in none of its way.
    assert not {"sessions", "evse_plugs", "lake_marks"} & {*migration[begins:].replace(";", " ").split()}
