"""SQL of reports, their runs, and the files that were made."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from forecourt.insight.reports.model import MAX_REPORTS, MAX_RUNS, Form, Made, Report, Run
from forecourt.insight.store import Connection

#: Runs of one organisation that one turn of the job takes up.
MAX_AT_ONCE: Final = 100

_REPORT: Final = (
    "report_id, name, parts, site, driver_group, covers, every, day, hour, forms, recipients, active, next_at,"
    " created_at, changed_at"
)
_RUN: Final = (
    "run_id, report_id, due_at, by_hand, first_day, last_day, state, tries, next_at, settled_at, known_at, reason"
)
_FORMS: Final = "ARRAY(SELECT f.form FROM report_files f WHERE f.run_id = r.run_id ORDER BY f.form) AS forms"


def _report(row: Sequence[Any]) -> Report:
    return msgspec.convert(dict(zip(_REPORT.split(", "), row, strict=True)), Report)


def _run(row: Sequence[Any]) -> Run:
    return msgspec.convert(dict(zip([*_RUN.split(", "), "forms"], row, strict=True)), Run)


async def list_reports(conn: Connection, tenant_id: int) -> list[Report]:
    """All of them, by name."""
    query = f"SELECT {_REPORT} FROM reports WHERE tenant_id = %s ORDER BY name, report_id LIMIT {MAX_REPORTS}"
    return [_report(row) for row in await (await conn.execute(query, (tenant_id,))).fetchall()]


async def find_report(conn: Connection, tenant_id: int, report_id: int, *, lock: bool = False) -> Report | None:
    """One of them, held until the transaction ends if it is to be changed."""
    query = f"SELECT {_REPORT} FROM reports WHERE tenant_id = %s AND report_id = %s{' FOR UPDATE' if lock else ''}"
    row = await (await conn.execute(query, (tenant_id, report_id))).fetchone()
    return None if row is None else _report(row)


async def insert_report(conn: Connection, tenant_id: int, columns: Mapping[str, Any]) -> Report:
    """One more, with all columns but the id."""
    names = ", ".join(columns)
    query = (
        f"INSERT INTO reports (tenant_id, {names}) VALUES (%(tenant)s, {', '.join(f'%({name})s' for name in columns)})"
        f" RETURNING {_REPORT}"
    )
    row = await (await conn.execute(query, {"tenant": tenant_id, **columns})).fetchone()
    assert row is not None
    return _report(row)


async def update_report(conn: Connection, tenant_id: int, report_id: int, columns: Mapping[str, Any]) -> Report:
    """Changes columns of one that is held."""
    sets = ", ".join(f"{name} = %({name})s" for name in columns)
    query = f"UPDATE reports SET {sets} WHERE tenant_id = %(tenant)s AND report_id = %(report)s RETURNING {_REPORT}"
    row = await (await conn.execute(query, {"tenant": tenant_id, "report": report_id, **columns})).fetchone()
    assert row is not None
    return _report(row)


async def delete_report(conn: Connection, tenant_id: int, report_id: int) -> list[UUID]:
    """Forgets a report with its history and files; the letters that were written for it."""
    runs = "SELECT run_id FROM report_runs WHERE tenant_id = %(tenant)s AND report_id = %(report)s"
    letters = await _letters(conn, runs, tenant_id, report_id)
    await conn.execute("DELETE FROM reports WHERE tenant_id = %s AND report_id = %s", (tenant_id, report_id))
    return letters


async def take_letters(conn: Connection, tenant_id: int, report_id: int, recipients: Sequence[str]) -> list[UUID]:
    """Forgets the letters of a report to these; which they were."""
    runs = "SELECT run_id FROM report_runs WHERE tenant_id = %(tenant)s AND report_id = %(report)s"
    letters = await _letters(conn, runs, tenant_id, report_id)
    gone = await conn.execute(
        "DELETE FROM report_letters WHERE tenant_id = %s AND letter_id = ANY(%s) AND recipient = ANY(%s)"
        " RETURNING letter_id",
        (tenant_id, letters, list(recipients)),
    )
    return [letter_id for (letter_id,) in await gone.fetchall()]


async def count_reports(conn: Connection, tenant_id: int) -> int:
    """How many there are."""
    row = await (await conn.execute("SELECT count(*) FROM reports WHERE tenant_id = %s", (tenant_id,))).fetchone()
    return 0 if row is None else int(row[0])


async def list_due(conn: Connection, tenant_id: int, now: datetime) -> list[Report]:
    """Reports whose time has come, held by nobody else; they are held until the transaction ends."""
    query = (
        f"SELECT {_REPORT} FROM reports WHERE tenant_id = %s AND active AND next_at <= %s"
        f" ORDER BY next_at, report_id LIMIT {MAX_AT_ONCE} FOR UPDATE SKIP LOCKED"
    )
    return [_report(row) for row in await (await conn.execute(query, (tenant_id, now))).fetchall()]


async def insert_run(
    conn: Connection, tenant_id: int, report_id: int, *, due_at: datetime, days: tuple[date, date], by_hand: bool
) -> int | None:
    """One more run, that is to be made now; None: the report was due at that time before."""
    query = (
        "INSERT INTO report_runs (tenant_id, report_id, due_at, by_hand, first_day, last_day, next_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (report_id, due_at) DO NOTHING RETURNING run_id"
    )
    row = await (await conn.execute(query, (tenant_id, report_id, due_at, by_hand, *days, due_at))).fetchone()
    return None if row is None else int(row[0])


async def forget_runs(conn: Connection, tenant_id: int, report_id: int) -> list[UUID]:
    """Forgets all but the latest MAX_RUNS of a report; the letters that were written for them."""
    old = (
        "SELECT run_id FROM report_runs WHERE tenant_id = %(tenant)s AND report_id = %(report)s"
        f" ORDER BY due_at DESC, run_id DESC OFFSET {MAX_RUNS}"
    )
    letters = await _letters(conn, old, tenant_id, report_id)
    await conn.execute(
        f"DELETE FROM report_runs WHERE tenant_id = %(tenant)s AND run_id IN ({old})",
        {"tenant": tenant_id, "report": report_id},
    )
    return letters


async def _letters(conn: Connection, runs: str, tenant_id: int, report_id: int) -> list[UUID]:
    """Of these runs of a report, which are held: letters that are being written are waited for."""
    asked = {"tenant": tenant_id, "report": report_id}
    held = "SELECT FROM report_runs WHERE tenant_id = %(tenant)s AND report_id = %(report)s FOR UPDATE"
    await conn.execute(held, asked)
    query = f"SELECT letter_id FROM report_letters WHERE tenant_id = %(tenant)s AND run_id IN ({runs})"
    rows = await (await conn.execute(query, asked)).fetchall()
    return [letter_id for (letter_id,) in rows]


async def list_runs(conn: Connection, tenant_id: int, report_id: int) -> list[Run]:
    """Of one report, the latest first."""
    query = (
        f"SELECT {_RUN}, {_FORMS} FROM report_runs r WHERE tenant_id = %s AND report_id = %s"
        f" ORDER BY due_at DESC, run_id DESC LIMIT {MAX_RUNS}"
    )
    return [_run(row) for row in await (await conn.execute(query, (tenant_id, report_id))).fetchall()]


async def last_runs(conn: Connection, tenant_id: int) -> dict[int, Run]:
    """The latest run of each report, by its id."""
    query = (
        f"SELECT DISTINCT ON (report_id) {_RUN}, {_FORMS} FROM report_runs r WHERE tenant_id = %s"
        " ORDER BY report_id, due_at DESC, run_id DESC"
    )
    rows = [_run(row) for row in await (await conn.execute(query, (tenant_id,))).fetchall()]
    return {row.report_id: row for row in rows}


async def waiting_runs(conn: Connection, tenant_id: int, now: datetime) -> list[int]:
    """Runs that are to be tried now, by id."""
    query = (
        "SELECT run_id FROM report_runs WHERE tenant_id = %s AND state = 'waiting' AND next_at <= %s"
        f" ORDER BY next_at, run_id LIMIT {MAX_AT_ONCE}"
    )
    return [run for (run,) in await (await conn.execute(query, (tenant_id, now))).fetchall()]


async def find_run(conn: Connection, tenant_id: int, run_id: int, *, lock: bool = False) -> Run | None:
    """One run, held until the transaction ends if it is to be settled."""
    query = f"SELECT {_RUN}, {_FORMS} FROM report_runs r WHERE tenant_id = %s AND run_id = %s"
    query += " FOR UPDATE" if lock else ""
    row = await (await conn.execute(query, (tenant_id, run_id))).fetchone()
    return None if row is None else _run(row)


async def put_off(conn: Connection, tenant_id: int, run_id: int, *, until: datetime, tries: int) -> None:
    """A run waits longer."""
    await conn.execute(
        "UPDATE report_runs SET next_at = %s, tries = %s WHERE tenant_id = %s AND run_id = %s AND state = 'waiting'",
        (until, tries, tenant_id, run_id),
    )


async def settle(
    conn: Connection, tenant_id: int, run_id: int, *, at: datetime, known_at: datetime | None, reason: str | None
) -> None:
    """A run was made, or for that reason it failed."""
    await conn.execute(
        "UPDATE report_runs SET state = %s, settled_at = %s, known_at = %s, reason = %s"
        " WHERE tenant_id = %s AND run_id = %s AND state = 'waiting'",
        ("made" if reason is None else "failed", at, known_at, reason, tenant_id, run_id),
    )


async def insert_files(conn: Connection, tenant_id: int, run_id: int, files: Sequence[Made]) -> None:
    """What a run made."""
    for each in files:
        await conn.execute(
            "INSERT INTO report_files (tenant_id, run_id, form, name, content) VALUES (%s, %s, %s, %s, %s)",
            (tenant_id, run_id, each.form, each.name, each.content),
        )


async def find_file(conn: Connection, tenant_id: int, report_id: int, run_id: int, form: Form) -> Made | None:
    """A file of a run of a report."""
    query = (
        "SELECT f.form, f.name, f.content FROM report_files f JOIN report_runs r USING (tenant_id, run_id)"
        " WHERE f.tenant_id = %s AND r.report_id = %s AND f.run_id = %s AND f.form = %s"
    )
    row = await (await conn.execute(query, (tenant_id, report_id, run_id, form))).fetchone()
    return None if row is None else Made(form=Form(row[0]), name=row[1], content=bytes(row[2]))


async def insert_letter(conn: Connection, tenant_id: int, run_id: int, recipient: str, letter_id: UUID) -> None:
    """A letter of a run was written."""
    await conn.execute(
        "INSERT INTO report_letters (tenant_id, run_id, recipient, letter_id) VALUES (%s, %s, %s, %s)",
        (tenant_id, run_id, recipient, letter_id),
    )


async def files_of_letter(conn: Connection, tenant_id: int, letter_id: UUID) -> list[Made]:
    """What goes with a letter; nothing with one that is of no report."""
    query = (
        "SELECT f.form, f.name, f.content FROM report_files f JOIN report_letters l USING (tenant_id, run_id)"
        " WHERE l.tenant_id = %s AND l.letter_id = %s ORDER BY f.form"
    )
    rows = await (await conn.execute(query, (tenant_id, letter_id))).fetchall()
    return [Made(form=Form(form), name=name, content=bytes(content)) for form, name, content in rows]


async def rename_groups(conn: Connection, tenant_id: int, fleet_id: int) -> None:
    """Reports of a fleet by a name that it had, and that no other has now, are of it as it is called."""
    await conn.execute(
        "UPDATE reports r SET driver_group = n.fleet FROM former_fleet_names n WHERE r.tenant_id = %(tenant)s"
        " AND n.tenant_id = r.tenant_id AND n.fleet_id = %(fleet)s AND n.name = r.driver_group AND NOT n.taken",
        {"tenant": tenant_id, "fleet": fleet_id},
    )
