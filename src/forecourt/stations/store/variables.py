"""Configuration keys and variables as a station last told them, and how the last reading of them went."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct, structs
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.platform.search import anywhere

Connection = AsyncConnection[Any]

_VARIABLE = "component, variable, attribute, value, read_only, secret, unit, read_at"


class VariableRow(Struct, frozen=True, kw_only=True):
    """One configuration key (1.6, without a component) or one attribute of a variable (2.x). The value of a secret is
    never there; another's is None where the station gave none."""

    component: str
    variable: str
    attribute: str
    value: str | None
    read_only: bool
    secret: bool
    unit: str | None
    read_at: datetime


class ReadingRow(Struct, frozen=True, kw_only=True):
    """The last reading of all variables: 'reading', 'complete', 'incomplete' or 'refused'; `said` is why."""

    request_id: int
    asked_by: str
    asked_at: datetime
    state: str
    said: str | None
    variables: int
    ended_at: datetime | None


async def begin_reading(conn: Connection, tenant_id: int, station_id: int, asked_by: str, at: datetime) -> int:
    """A new reading in place of the last one; the number by which a 2.x station's report names it."""
    row = await (
        await conn.execute(
            "INSERT INTO variable_readings AS r (station_id, tenant_id, request_id, asked_by, asked_at, state)"
            " VALUES (%(station_id)s, %(tenant_id)s, nextval('report_request_ids'), %(asked_by)s, %(at)s, 'reading')"
            " ON CONFLICT (station_id) DO UPDATE SET request_id = excluded.request_id, asked_by = excluded.asked_by,"
            " asked_at = excluded.asked_at, state = 'reading', said = NULL, variables = 0, ended_at = NULL"
            " RETURNING request_id",
            {"station_id": station_id, "tenant_id": tenant_id, "asked_by": asked_by, "at": at},
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


async def end_reading(
    conn: Connection,
    tenant_id: int,
    station_id: int,
    request_id: int,
    state: str,
    said: str | None,
    variables: int,
    at: datetime,
) -> bool:
    """How a reading ended; whether it was still going on, so that it ends once."""
    cursor = await conn.execute(
        "UPDATE variable_readings SET state = %s, said = %s, variables = %s, ended_at = %s"
        " WHERE tenant_id = %s AND station_id = %s AND request_id = %s AND state = 'reading'",
        (state, said, variables, at, tenant_id, station_id, request_id),
    )
    return cursor.rowcount == 1


async def find_reading(conn: Connection, tenant_id: int, station_id: int) -> ReadingRow | None:
    """The last reading of a station's variables."""
    cursor = conn.cursor(row_factory=class_row(ReadingRow))
    await cursor.execute(
        "SELECT request_id, asked_by, asked_at, state, said, variables, ended_at FROM variable_readings"
        " WHERE tenant_id = %s AND station_id = %s",
        (tenant_id, station_id),
    )
    return await cursor.fetchone()


async def put_variables(
    conn: Connection, tenant_id: int, station_id: int, variables: Sequence[VariableRow], *, all_of_them: bool
) -> None:
    """Keep these variables; with `all_of_them`, forget all others of the station."""
    if all_of_them:
        await conn.execute(
            "DELETE FROM station_variables WHERE tenant_id = %s AND station_id = %s", (tenant_id, station_id)
        )
    async with conn.cursor() as cursor:
        await cursor.executemany(
            f"INSERT INTO station_variables (station_id, tenant_id, {_VARIABLE})"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (station_id, component, variable, attribute) DO UPDATE SET value = excluded.value,"
            " read_only = excluded.read_only, secret = excluded.secret, read_at = excluded.read_at,"
            " unit = coalesce(excluded.unit, station_variables.unit)",
            [
                (
                    station_id,
                    tenant_id,
                    each.component,
                    each.variable,
                    each.attribute,
                    each.value,
                    each.read_only,
                    each.secret,
                    each.unit,
                    each.read_at,
                )
                for each in variables
            ],
        )


async def list_variables(
    conn: Connection, tenant_id: int, station_id: int, *, search: str, offset: int, limit: int
) -> tuple[list[VariableRow], int]:
    """Variables by name in which `search` is found (name or value), and how many there are of them."""
    matching = (
        "FROM station_variables WHERE tenant_id = %(tenant_id)s AND station_id = %(station_id)s"
        " AND (%(search)s = '' OR concat_ws('.', component, variable) ILIKE %(pattern)s OR value ILIKE %(pattern)s)"
    )
    wanted = {
        "tenant_id": tenant_id,
        "station_id": station_id,
        "search": search,
        "pattern": anywhere(search),
        "offset": offset,
        "limit": limit,
    }
    cursor = conn.cursor(row_factory=class_row(VariableRow))
    await cursor.execute(
        f"SELECT {_VARIABLE} {matching} ORDER BY component, variable, attribute LIMIT %(limit)s OFFSET %(offset)s",
        wanted,
    )
    rows = await cursor.fetchall()
    count = await (await conn.execute(f"SELECT count(*) {matching}", wanted)).fetchone()
    return rows, 0 if count is None else int(count[0])


class VariableFilter(Struct, frozen=True, kw_only=True):
    """Which variables a list shows; None: whatever it is. `search` is found in name or value."""

    search: str | None = None
    component: str | None = None
    variable: str | None = None
    attribute: str | None = None
    read_only: bool | None = None


_WANTED = {
    "search": "(concat_ws('.', component, variable) ILIKE %(pattern)s OR value ILIKE %(pattern)s)",
    "component": "component = %(component)s",
    "variable": "variable = %(variable)s",
    "attribute": "attribute = %(attribute)s",
    "read_only": "read_only = %(read_only)s",
}


async def list_variables_behind(
    conn: Connection,
    tenant_id: int,
    station_id: int,
    wanted: VariableFilter,
    *,
    after: tuple[str, ...] | None,
    limit: int,
) -> list[VariableRow]:
    """The wanted variables by name, behind the component, variable and attribute of `after`."""
    conditions = [condition for name, condition in _WANTED.items() if getattr(wanted, name) is not None]
    if after is not None:
        conditions.append("(component, variable, attribute) > (%(after_0)s, %(after_1)s, %(after_2)s)")
    cursor = conn.cursor(row_factory=class_row(VariableRow))
    await cursor.execute(
        f"SELECT {_VARIABLE} FROM station_variables WHERE tenant_id = %(tenant_id)s AND station_id = %(station_id)s"
        f" {' '.join(f'AND {condition}' for condition in conditions)}"
        " ORDER BY component, variable, attribute LIMIT %(limit)s",
        {
            "tenant_id": tenant_id,
            "station_id": station_id,
            "pattern": anywhere(wanted.search or ""),
            "limit": limit,
            **{f"after_{number}": name for number, name in enumerate(after or ())},
            **structs.asdict(wanted),
        },
    )
    return await cursor.fetchall()


async def find_variables(
    conn: Connection, tenant_id: int, station_id: int, places: Sequence[tuple[str, str, str]]
) -> dict[tuple[str, str, str], VariableRow]:
    """Those of these components, variables and attributes that the station has told of."""
    cursor = conn.cursor(row_factory=class_row(VariableRow))
    await cursor.execute(
        f"SELECT {_VARIABLE} FROM station_variables WHERE tenant_id = %s AND station_id = %s"
        " AND (component, variable, attribute) IN (SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]))",
        (tenant_id, station_id, *([place[part] for place in places] for part in range(3))),
    )
    return {(row.component, row.variable, row.attribute): row for row in await cursor.fetchall()}


async def find_variable(
    conn: Connection, tenant_id: int, station_id: int, component: str, variable: str, attribute: str
) -> VariableRow | None:
    """One of them."""
    cursor = conn.cursor(row_factory=class_row(VariableRow))
    await cursor.execute(
        f"SELECT {_VARIABLE} FROM station_variables WHERE tenant_id = %s AND station_id = %s"
        " AND component = %s AND variable = %s AND attribute = %s",
        (tenant_id, station_id, component, variable, attribute),
    )
    return await cursor.fetchone()
