"""SQL of studies of new sites."""

from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from forecourt.insight.siting.model import Asked
from forecourt.insight.siting.report import Report
from forecourt.insight.siting.study import Study, StudyHead, Wanted
from forecourt.insight.store import Connection

#: Studies that one look finds left.
MAX_LEFT: Final = 100

_LISTED: Final = (
    "study_id, name, state, wanted, done, every, doing, made_at, made_by, begun_at, ended_at, stop_wanted, reason"
)


class Begun(Struct, frozen=True):
    """A study in hand: for the how manieth time, from 1, and whether somebody wants an end of it."""

    tries: int
    stop_wanted: bool


def _listed(row: tuple[Any, ...]) -> StudyHead:
    return msgspec.convert(dict(zip(_LISTED.split(", "), row, strict=True)), StudyHead)


async def insert(
    conn: Connection, tenant_id: int, wanted: Wanted, asked: Asked, every: int, at: datetime, by: str
) -> int:
    """A study that waits; its number."""
    found = await conn.execute(
        "INSERT INTO siting_studies (tenant_id, name, state, wanted, places, every, made_at, made_by)"
        " VALUES (%s, %s, 'waiting', %s::jsonb, %s::jsonb, %s, %s, %s) RETURNING study_id",
        (
            tenant_id, wanted.name, msgspec.json.encode(wanted).decode(), msgspec.json.encode(asked).decode(), every,
            at, by,
        ),
    )  # fmt: skip
    row = await found.fetchone()
    assert row is not None
    return int(row[0])


async def count(conn: Connection, tenant_id: int) -> tuple[int, int]:
    """How many there are, and how many of them wait or run."""
    query = "SELECT count(*), count(*) FILTER (WHERE ended_at IS NULL) FROM siting_studies WHERE tenant_id = %s"
    row = await (await conn.execute(query, (tenant_id,))).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


async def listed(conn: Connection, tenant_id: int, limit: int) -> list[StudyHead]:
    """The newest first."""
    query = f"SELECT {_LISTED} FROM siting_studies WHERE tenant_id = %s ORDER BY study_id DESC LIMIT %s"
    return [_listed(row) for row in await (await conn.execute(query, (tenant_id, limit))).fetchall()]


async def find(conn: Connection, tenant_id: int, study_id: int) -> Study | None:
    """One with what came of it."""
    query = f"SELECT {_LISTED}, report FROM siting_studies WHERE tenant_id = %s AND study_id = %s"
    row = await (await conn.execute(query, (tenant_id, study_id))).fetchone()
    if row is None:
        return None
    report = None if row[-1] is None else msgspec.convert(row[-1], Report)
    return Study(listed=_listed(row[:-1]), report=report)


async def places(conn: Connection, tenant_id: int, study_id: int) -> Asked | None:
    """Places and demand of one."""
    query = "SELECT places FROM siting_studies WHERE tenant_id = %s AND study_id = %s"
    row = await (await conn.execute(query, (tenant_id, study_id))).fetchone()
    return None if row is None else msgspec.convert(row[0], Asked)


async def begin(conn: Connection, tenant_id: int, study_id: int, at: datetime) -> Begun | None:
    """Takes one that waits in hand; None: it has ended, or somebody has it."""
    found = await conn.execute(
        "UPDATE siting_studies SET state = 'running', begun_at = %s, heard_at = %s, done = 0, tries = tries + 1"
        " WHERE tenant_id = %s AND study_id = %s AND state = 'waiting' RETURNING tries, stop_wanted",
        (at, at, tenant_id, study_id),
    )
    row = await found.fetchone()
    return None if row is None else Begun(tries=row[0], stop_wanted=row[1])


async def tell(
    conn: Connection, tenant_id: int, study_id: int, tries: int, at: datetime, done: int, doing: str
) -> bool:
    """How far the try of this number is; whether it is to end, for somebody wants that or another has it in hand."""
    found = await conn.execute(
        "UPDATE siting_studies SET done = %s, doing = %s, heard_at = %s"
        " WHERE tenant_id = %s AND study_id = %s AND state = 'running' AND tries = %s RETURNING stop_wanted",
        (done, doing[:200], at, tenant_id, study_id, tries),
    )
    row = await found.fetchone()
    return row is None or bool(row[0])


async def list_left(conn: Connection, running: datetime, waiting: datetime) -> list[tuple[int, int]]:
    """Studies of all organisations, as the worker's role: those that run and of which nobody was heard since one time,
    and those that wait since another, by organisation and number."""
    found = await conn.execute(
        "SELECT tenant_id, study_id FROM siting_studies WHERE ended_at IS NULL AND coalesce(heard_at, made_at) <"
        " CASE state WHEN 'running' THEN %s::timestamptz ELSE %s::timestamptz END"
        " ORDER BY tenant_id, study_id LIMIT %s",
        (running, waiting, MAX_LEFT),
    )
    return [(tenant_id, study_id) for tenant_id, study_id in await found.fetchall()]


async def offer(
    conn: Connection, tenant_id: int, study_id: int, running: datetime, waiting: datetime, at: datetime
) -> bool:
    """Lets one of those wait again; False: it was heard of meanwhile."""
    done = await conn.execute(
        "UPDATE siting_studies SET state = 'waiting', heard_at = %s WHERE tenant_id = %s AND study_id = %s"
        " AND ended_at IS NULL AND coalesce(heard_at, made_at) <"
        " CASE state WHEN 'running' THEN %s::timestamptz ELSE %s::timestamptz END",
        (at, tenant_id, study_id, running, waiting),
    )
    return done.rowcount > 0


async def want_stop(conn: Connection, tenant_id: int, study_id: int, at: datetime) -> bool:
    """Whether it was open, and is to end."""
    done = await conn.execute(
        "UPDATE siting_studies SET stop_wanted = true,"
        " state = CASE WHEN state = 'waiting' THEN 'stopped' ELSE state END,"
        " ended_at = CASE WHEN state = 'waiting' THEN %s ELSE ended_at END"
        " WHERE tenant_id = %s AND study_id = %s AND ended_at IS NULL AND NOT stop_wanted",
        (at, tenant_id, study_id),
    )
    return done.rowcount > 0


async def end(
    conn: Connection, tenant_id: int, study_id: int, tries: int, at: datetime, *, state: str,
    report: Report | None = None, reason: str | None = None,
) -> None:  # fmt: skip
    """The try of this number is over, and the study with it, unless another has it in hand by now."""
    await conn.execute(
        "UPDATE siting_studies SET state = %s, ended_at = %s, report = %s::jsonb, reason = %s, doing = '',"
        " done = CASE WHEN %s THEN every ELSE done END"
        " WHERE tenant_id = %s AND study_id = %s AND state = 'running' AND tries = %s",
        (
            state, at, None if report is None else msgspec.json.encode(report).decode(), reason, report is not None,
            tenant_id, study_id, tries,
        ),
    )  # fmt: skip


async def delete(conn: Connection, tenant_id: int, study_id: int) -> None:
    """Lets it go."""
    await conn.execute("DELETE FROM siting_studies WHERE tenant_id = %s AND study_id = %s", (tenant_id, study_id))
