"""Reports on schedule: due by the organisation's clock, made and sent once, and saying what the dashboards say."""

import asyncio
import io
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from msgspec import structs
from pypdf import PdfReader
from python_calamine import CalamineWorkbook

from forecourt.access import Actor, Role
from forecourt.insight.dashboards.answering import Answers
from forecourt.insight.dashboards.model import Answer, Asked, Column, Family, Span, Unit, table
from forecourt.insight.lake.export import Exporter
from forecourt.insight.reports import making, service, store
from forecourt.insight.reports.making import ReportEnclosures, Reporter
from forecourt.insight.reports.model import (
    GAVE_UP,
    MAX_TRIES,
    WAIT_FOR_LAKE,
    Every,
    Form,
    Report,
    days_of,
    latest_until,
    next_after,
)
from forecourt.insight.reports.paper import pdf_of
from forecourt.insight.reports.sheets import xlsx_of
from forecourt.insight.reports.told import Told
from forecourt.platform.database import Pool
from forecourt.platform.mail import Enclosure, Letter, MailJobs
from forecourt.ui.assets import STATIC_DIR
from tests.care.console import signed_in
from tests.http import House, Tenant
from tests.insight.conftest import Desk
from tests.insight.test_importing import written

HEAD = "id,station,site,start,end,kwh,currency,cost,driver,fleet"
#: A Monday; the week before is told of.
MONDAY = datetime(2026, 3, 9, tzinfo=UTC)
WEEKLY = Report(
    report_id=1, name="Week", parts=[Family.USE], site="", driver_group="", covers=Every.WEEK, every=Every.WEEK, day=1,
    hour=7,
    forms=[Form.PDF, Form.XLSX], recipients=["ada@example.org", "bob@example.org"], active=True,
    next_at=MONDAY + timedelta(hours=7), created_at=MONDAY, changed_at=MONDAY,
)  # fmt: skip


def test_a_report_is_due_by_the_clock_of_the_organisation_and_never_twice_a_day() -> None:
    berlin = "Europe/Berlin"
    sunday = structs.replace(WEEKLY, day=7, hour=2)
    # On 29 March 2026 two o'clock is left out, on 25 October it comes twice.
    before = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert next_after(sunday, berlin, before) == datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert next_after(sunday, berlin, datetime(2026, 3, 29, 1, tzinfo=UTC)) == datetime(2026, 4, 5, tzinfo=UTC)
    first = next_after(sunday, berlin, datetime(2026, 10, 24, 12, tzinfo=UTC))
    assert first == datetime(2026, 10, 25, tzinfo=UTC)
    assert next_after(sunday, berlin, first) == datetime(2026, 11, 1, 1, tzinfo=UTC)
    assert latest_until(sunday, berlin, datetime(2026, 10, 25, 1, 30, tzinfo=UTC)) == first


def test_a_month_ends_on_its_last_day_and_a_report_tells_of_whole_ones() -> None:
    monthly = structs.replace(WEEKLY, every=Every.MONTH, day=31, hour=0)
    at, found = datetime(2028, 1, 30, tzinfo=UTC), []
    for _each in range(4):
        at = next_after(monthly, "UTC", at)
        found.append(at.date())
    assert found == [date(2028, 1, 31), date(2028, 2, 29), date(2028, 3, 31), date(2028, 4, 30)]
    assert days_of(Every.MONTH, date(2028, 3, 31)) == (date(2028, 2, 1), date(2028, 2, 29))
    assert days_of(Every.WEEK, date(2026, 3, 9)) == (date(2026, 3, 2), date(2026, 3, 8))
    assert days_of(Every.WEEK, date(2026, 3, 8)) == (date(2026, 2, 23), date(2026, 3, 1))


def test_no_text_is_a_formula_and_every_number_is_one() -> None:
    columns = (
        Column(name="name", label="Name", unit=Unit.TEXT), Column(name="wh", label="Energy", unit=Unit.ENERGY),
        Column(name="paid", label="Paid", unit=Unit.MONEY), Column(name="currency", label="In", unit=Unit.TEXT),
        Column(name="busy", label="Busy", unit=Unit.SECONDS),
    )  # fmt: skip
    names = ["=1+1", "+49 30", "-2", "@SUM(A1)", "http://example.org", "007"]
    rows = [(name, 12_345, 1999, "EUR", 5400) for name in names]
    answer = Answer(
        figures=(), tables=(table("places", "Odd [names]: */?", columns, [*rows, ("¥", 0, 500, "JPY", 0)]),)
    )
    told = Told(
        organisation="=cmd|' /C calc'!A0", name="=HYPERLINK()", site="", zone="UTC", first_day=date(2026, 3, 2),
        last_day=date(2026, 3, 8), known_at=MONDAY, whole=True, answers=[(Family.USE, answer)],
    )  # fmt: skip
    content = xlsx_of(told)
    assert b"<f>" not in content
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    cells = book.get_sheet_by_index(1).to_python()[1:]
    assert [row[0] for row in cells] == [*names, "¥"]
    assert cells[0][1:4] == [12.345, 19.99, "EUR"]
    assert cells[-1][2] == 500
    assert cells[0][4] == timedelta(minutes=90)


def test_a_report_says_of_which_months_drivers_are_and_why_it_tells_of_none() -> None:
    columns = (Column(name="name", label="Name", unit=Unit.TEXT),)
    months, before = ((date(2026, 2, 1), date(2026, 2, 28)), (date(2026, 1, 1), date(2026, 1, 31)))
    answer = Answer(
        figures=(), tables=(table("segments", "Drivers", columns, [("new",)]),), days=months, days_before=before
    )
    few = Answer(figures=(), tables=(), days=months, too_few=True)
    for told, words in (
        (answer, ["By whole months that are over: from 1 Feb 2026 to 28 Feb 2026.", "from 1 Jan 2026 to 31 Jan 2026."]),
        (few, ["By whole months that are over", "fewer than ten drivers"]),
    ):
        report = Told(
            organisation="Ada", name="Week", site="", zone="UTC", first_day=date(2026, 3, 2), last_day=date(2026, 3, 8),
            known_at=MONDAY, whole=True, answers=[(Family.DRIVERS, told)],
        )  # fmt: skip
        text = " ".join(PdfReader(io.BytesIO(pdf_of(report))).pages[0].extract_text().split())
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(xlsx_of(report))).get_sheet_by_index(0).to_python()
        first = [str(row[0]) for row in sheet]
        for each in words:
            assert each in text
            assert any(line.startswith("Drivers: ") and each in line for line in first)
        assert "nothing to tell" not in text


def test_what_has_no_name_is_called_so_on_paper_and_in_sheets() -> None:
    sessions = Column(name="sessions", label="Sessions", unit=Unit.COUNT)
    tariff, place, name = (
        Column(name=each, label=each.title(), unit=Unit.TEXT) for each in ("tariff", "place", "name")
    )
    answer = Answer(
        figures=(),
        tables=(
            table("tariff", "By tariff", (tariff, sessions), [("", 7), ("Day", 1)]),
            table("places", "Sites", (place, name, sessions), [("-", "-", 8)]),
        ),
    )
    told = Told(
        organisation="Ada", name="Week", site="", zone="UTC", first_day=date(2026, 3, 2), last_day=date(2026, 3, 8),
        known_at=MONDAY, whole=True, answers=[(Family.USE, answer)],
    )  # fmt: skip
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf_of(told))).pages)
    assert "not known" in text
    assert "No site" in text
    book = CalamineWorkbook.from_filelike(io.BytesIO(xlsx_of(told)))
    assert [row[0] for row in book.get_sheet_by_index(1).to_python()[1:]] == ["not known", "Day"]
    assert book.get_sheet_by_index(2).to_python()[1][:2] == ["-", "No site"]


def sessions() -> list[str]:
    """Four a day in the week that is told of, the first of them by a taxi, and one on the day before it and after it.
    Nobody came twice."""
    found = []
    for day in range(-1, 8):
        for number in range(4 if 0 <= day < 7 else 1):
            start = MONDAY - timedelta(days=7 - day, hours=-8 - number)
            end = start + timedelta(hours=2)
            found.append(
                f"{day}-{number},S{number},north,{start:%Y-%m-%d %H:%M},{end:%Y-%m-%d %H:%M},{7 + day}.5,EUR,3"
                f",d{day}-{number},{'Taxis' if number == 0 and 0 <= day < 7 else ''}"
            )
    return found


class Office:
    """An organisation with a lake until Monday noon, and what is needed to make its reports."""

    def __init__(self, desk: Desk, root: Path, tenant_id: int) -> None:
        self.desk, self.tenant_id, self.pool = desk, tenant_id, desk.pool
        self.answers = Answers(root)
        self.reporter = Reporter(desk.pool, desk.clock, self.answers)

    async def report(self, **changes: Any) -> Report:
        columns = structs.asdict(structs.replace(WEEKLY, **changes))
        del columns["report_id"]
        async with self.pool.tenant(self.tenant_id) as conn:
            return await store.insert_report(conn, self.tenant_id, columns)

    async def runs(self, report: Report) -> list[Any]:
        async with self.pool.tenant(self.tenant_id) as conn:
            return await store.list_runs(conn, self.tenant_id, report.report_id)

    def letters(self) -> list[str]:
        query = "SELECT recipient FROM letters WHERE tenant_id = %s ORDER BY 1"
        return [row[0] for row in self.desk.rows(query, self.tenant_id)]

    def at(self, **after: float) -> None:
        self.desk.clock.set(MONDAY + timedelta(**after))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def lake(tmp_path_factory: pytest.TempPathFactory, pool: Pool, admin: Any, database: Any) -> Any:
    """An organisation and the folder of its lake, for all tests of this module."""
    from tests.support import FakeClock

    root = tmp_path_factory.mktemp("reports")
    desk = Desk(pool, admin, FakeClock(MONDAY + timedelta(hours=12)), database)
    tenant_id = desk.organisation("reporting")
    await desk.bring(tenant_id, written(root, *sessions(), head=HEAD), "old")
    await Exporter(pool, desk.clock, root / "lake").export(tenant_id)
    return tenant_id, root / "lake"


@pytest_asyncio.fixture(loop_scope="module")
async def office(desk: Desk, lake: tuple[int, Path]) -> AsyncIterator[Office]:
    tenant_id, root = lake
    found = Office(desk, root, tenant_id)
    found.at(hours=13)
    yield found
    for name in ("reports", "letters"):
        desk.rows(f"DELETE FROM {name} WHERE tenant_id = %s RETURNING 1", tenant_id)


class Box:
    """A post that keeps what it is given."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []

    async def send(self, letter: Letter) -> None:
        self.letters.append(letter)


@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_sent_opens_and_sums_up_to_what_the_dashboard_answers(office: Office, database: Any) -> None:
    report = await office.report()
    assert await office.reporter.make_due(office.tenant_id) == 1
    [run] = await office.runs(report)
    assert (run.state, run.forms, run.first_day) == ("made", [Form.PDF, Form.XLSX], date(2026, 3, 2))
    snapshot = await office.answers.lake(office.tenant_id)
    span = Span(since=MONDAY - timedelta(days=7), until=MONDAY)
    answer = await office.answers.answer(office.tenant_id, snapshot, Family.USE, Asked(span=span, zone="UTC"))
    figures: dict[str, Any] = {each.label: each.value for each in answer.figures}
    box = Box()
    async with Pool(database.url, "forecourt_worker", size=1) as worker:
        mail = MailJobs(worker, box, office.desk.clock, ReportEnclosures(office.pool))
        query = "SELECT letter_id::text FROM letters WHERE tenant_id = %s"
        for (letter_id,) in office.desk.rows(query, office.tenant_id):
            await mail.send(office.tenant_id, letter_id)
    assert sorted(each.recipient for each in box.letters) == ["ada@example.org", "bob@example.org"]
    pdf, sheet = (each.content for each in box.letters[0].enclosed)
    book = CalamineWorkbook.from_filelike(io.BytesIO(sheet))
    told: dict[Any, Any] = {row[1]: row[2] for row in book.get_sheet_by_index(0).to_python()[7:]}
    assert told["Sessions"] == figures["Sessions"] == 28
    assert told["Energy"] == pytest.approx(float(figures["Energy"]) / 1000)
    days = next(name for name in book.sheet_names if "over time" in name)
    rows: list[list[Any]] = book.get_sheet_by_name(days).to_python()
    place = rows[0].index("Energy (kWh)")
    assert sum(row[place] for row in rows[1:]) == pytest.approx(told["Energy"])
    assert rows[1][0] == date(2026, 3, 2)
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    assert "2 Mar 2026" in text
    assert f"{float(told['Energy']):,.1f}\xa0kWh".replace("\xa0", " ") in text.replace("\xa0", " ")


@pytest.mark.asyncio(loop_scope="module")
async def test_a_report_of_one_group_tells_of_its_sessions_alone(office: Office, database: Any) -> None:
    await office.report(driver_group="Taxis", recipients=["ada@example.org"])
    assert await office.reporter.make_due(office.tenant_id) == 1
    box = Box()
    async with Pool(database.url, "forecourt_worker", size=1) as worker:
        mail = MailJobs(worker, box, office.desk.clock, ReportEnclosures(office.pool))
        for (letter_id,) in office.desk.rows(
            "SELECT letter_id::text FROM letters WHERE tenant_id = %s", office.tenant_id
        ):
            await mail.send(office.tenant_id, letter_id)
    pdf, sheet = (each.content for each in box.letters[0].enclosed)
    book = CalamineWorkbook.from_filelike(io.BytesIO(sheet))
    told: dict[Any, Any] = {row[1]: row[2] for row in book.get_sheet_by_index(0).to_python()[7:]}
    assert told["Sessions"] == 7
    assert told["Energy"] == pytest.approx(sum(7.5 + day for day in range(7)))
    assert "Taxis" in " ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_report_is_sent_once_whoever_is_killed_and_made_up_for_once_after_an_outage(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = await office.report(next_at=MONDAY - timedelta(days=14))

    class Killed(BaseException):
        pass

    async def killed(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        # Between the last letter and the end of the transaction.
        patch.setattr(store, "insert_letter", killed)
        with pytest.raises(Killed):
            await office.reporter.make_due(office.tenant_id)
    assert office.letters() == []
    [run] = await office.runs(report)
    assert (run.state, run.forms, run.due_at) == ("waiting", [], MONDAY + timedelta(hours=7))
    assert await office.reporter.make_due(office.tenant_id) == 0, "not before it is to be tried again"
    office.at(hours=14)
    assert await office.reporter.make_due(office.tenant_id) == 1
    assert not await office.reporter.make(office.tenant_id, run.run_id)
    assert await office.reporter.make_due(office.tenant_id) == 0
    assert office.letters() == ["ada@example.org", "bob@example.org"]
    assert len(await office.runs(report)) == 1


@pytest.mark.asyncio(loop_scope="module")
async def test_who_is_taken_off_a_report_gets_no_letter_that_was_not_sent(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    actor = Actor(tenant_id=office.tenant_id, organisation="-", id=1, kind="person", name="Mia", role=Role.OWNER)

    async def leave(report: Report, *recipients: str) -> None:
        async with office.pool.tenant(office.tenant_id) as conn:
            await service.change(conn, actor, report.report_id, {"recipients": [*recipients]}, office.desk.clock.now())

    report = await office.report(forms=[Form.XLSX], recipients=["goes@example.org", "stays@example.org"])
    other = await office.report(forms=[Form.XLSX], recipients=["goes@example.org"])
    assert await office.reporter.make_due(office.tenant_id) == 2
    await leave(report, "stays@example.org")
    # What another report sends there goes on.
    assert office.letters() == ["goes@example.org", "stays@example.org"]
    await leave(other)
    assert office.letters() == ["stays@example.org"]
    # While the files are made.
    later = await office.report(forms=[Form.XLSX], recipients=["goes@example.org"])
    honest = making._written

    def leaving(*arguments: Any) -> Any:
        asyncio.run_coroutine_threadsafe(leave(later), loop).result()
        return honest(*arguments)

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(making, "_written", leaving)
    assert await office.reporter.make_due(office.tenant_id) == 1
    assert office.letters() == ["stays@example.org"]


@pytest.mark.asyncio(loop_scope="module")
async def test_letters_of_a_report_that_is_deleted_stay_unsent_whenever_that_is(
    office: Office, database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    actor = Actor(tenant_id=office.tenant_id, organisation="-", id=1, kind="person", name="Mia", role=Role.OWNER)

    async def delete(report: Report) -> None:
        async with office.pool.tenant(office.tenant_id) as conn:
            await service.delete(conn, actor, report.report_id)

    stays = await office.report(forms=[Form.XLSX], recipients=["stays@example.org"])
    goes = await office.report(forms=[Form.XLSX], recipients=["goes@example.org"])
    late = await office.report(forms=[Form.XLSX], recipients=["late@example.org"])
    assert await office.reporter.make_due(office.tenant_id) == 3
    await delete(goes)
    assert office.letters() == ["late@example.org", "stays@example.org"]
    box, honest = Box(), ReportEnclosures(office.pool)

    async def meanwhile(tenant_id: int, letter_id: UUID) -> tuple[Enclosure, ...]:
        """While what goes with the letters is fetched, one of them is taken back with its files."""
        if "late@example.org" in office.letters():
            await delete(late)
        return await honest(tenant_id, letter_id)

    async with Pool(database.url, "forecourt_worker", size=1) as worker:
        mail = MailJobs(worker, box, office.desk.clock, meanwhile)
        query = "SELECT letter_id::text FROM letters WHERE tenant_id = %s ORDER BY recipient"
        for (letter_id,) in office.desk.rows(query, office.tenant_id):
            await mail.send(office.tenant_id, letter_id)
    assert [(each.recipient, len(each.enclosed)) for each in box.letters] == [("stays@example.org", 1)]
    # While its letters are being written.
    tasks, written_down = [], store.insert_letter

    async def deleted_meanwhile(*letter: Any) -> None:
        await written_down(*letter)
        tasks.append(asyncio.create_task(delete(writing)))
        while not office.desk.rows("SELECT FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.01)

    writing = await office.report(forms=[Form.XLSX], recipients=["late@example.org"])
    monkeypatch.setattr(store, "insert_letter", deleted_meanwhile)
    assert await office.reporter.make_due(office.tenant_id) == 1
    await tasks[0]
    assert office.letters() == []
    async with office.pool.tenant(office.tenant_id) as conn:
        assert [each.report_id for each in await store.list_reports(conn, office.tenant_id)] == [stays.report_id]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_report_waits_for_its_days_and_is_tried_so_often_only(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.report(next_at=MONDAY + timedelta(days=7, hours=7), forms=[Form.XLSX])
    office.at(days=7, hours=7)
    assert await office.reporter.make_due(office.tenant_id) == 0
    office.at(days=7, hours=8)
    assert await office.reporter.make_due(office.tenant_id) == 0
    office.desk.clock.set(MONDAY + timedelta(days=7, hours=7) + WAIT_FOR_LAKE)
    assert await office.reporter.make_due(office.tenant_id) == 1, "of what is known"

    def broken(*_: Any) -> None:
        raise OSError

    report = await office.report(next_at=MONDAY + timedelta(hours=7))
    monkeypatch.setattr(making, "_written", broken)
    for _try in range(MAX_TRIES + 1):
        assert await office.reporter.make_due(office.tenant_id) == 0
        office.desk.clock.advance(86_400)
        run = (await office.runs(report))[-1]
    assert (run.state, run.reason, run.tries) == ("failed", GAVE_UP, MAX_TRIES)


@pytest.fixture(scope="module")
def application(application_with_pages: tuple[Pool, Any]) -> tuple[Pool, Any]:
    return application_with_pages


@pytest.mark.skipif(not (STATIC_DIR / "manifest.json").exists(), reason="the web assets are not built")
async def test_who_may_sets_reports_up_and_sees_what_became_of_them(house: House, tenant: Tenant) -> None:
    owner = await signed_in(house, tenant)
    assert "There is no report yet" in (await owner.get("/insight/reports")).text
    form = {
        "name": "Week", "active": "on", "parts": ["use", "profit"], "site": "", "covers": "week", "every": "week",
        "weekday": "1", "month_day": "1", "hour": "7", "forms": "xlsx", "recipients": "ada@example.org, =1+1",
    }  # fmt: skip
    refused = await owner.post("/insight/reports", data=form)
    assert refused.status_code == 422
    assert "This is no address: =1+1." in refused.text
    made = await owner.post("/insight/reports", data={**form, "recipients": "ada@example.org"})
    assert made.status_code == 303
    api = await tenant.client()
    [report] = (await api.get("/api/v1/reports")).json()["items"]
    assert (report["parts"], report["forms"], report["day"]) == (["use", "profit"], ["xlsx"], 1)
    path = f"/api/v1/reports/{report['id']}"
    wrong = await api.patch(path, json={"day": 8})
    assert wrong.status_code == 422
    assert (await api.patch(path, json={"every": "month", "day": 31})).json()["next_at"] != report["next_at"]
    run = (await api.post(f"{path}/runs")).json()
    assert (run["state"], run["files"]) == ("waiting", [])
    page = (await owner.get(f"/insight/reports/{report['id']}")).text
    assert "Waiting" in page
    assert "ada@example.org" in page
    assert (await api.get(f"{path}/runs/{run['id']}/xlsx")).status_code == 404
    technician = await signed_in(house, tenant, Role.TECHNICIAN)
    assert (await technician.get("/insight/reports")).status_code == 403
    assert "/insight/reports" not in (await technician.get("/insight/forecasts")).text
    other = await (await house.tenant()).client()
    assert (await other.get(path)).status_code == 404
    sure = await owner.post(f"/insight/reports/{report['id']}/delete")
    assert "Delete the report" in sure.text
    await owner.post(f"/insight/reports/{report['id']}/delete", data={"sure": "yes"})
    assert (await api.get("/api/v1/reports")).json()["items"] == []
