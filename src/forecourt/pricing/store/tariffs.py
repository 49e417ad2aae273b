"""Tariffs and their versions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct

from forecourt.platform.ordering import Age, bounds, by_age, onward
from forecourt.platform.ordering import Place as Behind
from forecourt.platform.search import anywhere
from forecourt.pricing.model import Tariff
from forecourt.pricing.store import Connection

#: Versions of a tariff that are shown.
MAX_SHOWN: Final = 100

_ORDERS: Final = by_age("t.number")
_VERSION_ORDERS: Final = by_age("v.version")
_encode = msgspec.json.Encoder(order="deterministic").encode

#: Who is limited to some sites finds what was ever assigned where these are; by what a session of theirs is priced,
#: `find_version` tells whatever it is.
_TARIFF: Final = """
SELECT t.tariff_id, t.number, t.name, t.created_at, t.created_by, t.ended_at, v.version, v.body, v.valid_from,
    v.made_at, v.made_by
FROM tariffs t JOIN LATERAL (
    SELECT * FROM tariff_versions n WHERE n.tenant_id = t.tenant_id AND n.tariff_id = t.tariff_id
    ORDER BY n.version DESC LIMIT 1
) v ON true
WHERE t.tenant_id = %(tenant_id)s
    AND ((SELECT forecourt_sites()) IS NULL
        OR t.tariff_id IN (SELECT a.tariff_id FROM tariff_assignments a WHERE a.tenant_id = %(tenant_id)s))
"""


class TariffRow(Struct, frozen=True, kw_only=True):
    """A tariff with its latest version, which may not be valid yet."""

    tariff_id: UUID
    number: int
    name: str
    created_at: datetime
    created_by: str
    ended_at: datetime | None
    version: int
    tariff: Tariff
    valid_from: datetime
    made_at: datetime
    made_by: str


class VersionRow(Struct, frozen=True, kw_only=True):
    """One version of a tariff; `ended_at` is the tariff's."""

    tariff_id: UUID
    name: str
    version: int
    tariff: Tariff
    valid_from: datetime
    made_at: datetime
    made_by: str
    ended_at: datetime | None


async def insert_tariff(conn: Connection, tenant_id: int, name: str, by: str, now: datetime) -> UUID:
    """Stores a tariff, as yet without a version."""
    cursor = await conn.execute(
        "INSERT INTO tariffs (tenant_id, name, created_at, created_by) VALUES (%s, %s, %s, %s) RETURNING tariff_id",
        (tenant_id, name, now, by),
    )
    row = await cursor.fetchone()
    assert row is not None
    return UUID(str(row[0]))


async def insert_version(
    conn: Connection, tenant_id: int, version: int, tariff: Tariff, valid_from: datetime, by: str, now: datetime
) -> None:
    """Stores a version of the tariff of its id."""
    await conn.execute(
        "INSERT INTO tariff_versions (tariff_id, version, tenant_id, body, valid_from, made_at, made_by)"
        " VALUES (%s, %s, %s, %s::jsonb, %s, %s, %s)",
        (UUID(tariff.id), version, tenant_id, _encode(tariff).decode(), valid_from, now, by),
    )


async def lock_tariff(conn: Connection, tenant_id: int, tariff_id: UUID) -> bool:
    """Makes others who change it wait until the transaction ends; whether there is one."""
    cursor = await conn.execute(
        "SELECT FROM tariffs WHERE tenant_id = %s AND tariff_id = %s FOR UPDATE", (tenant_id, tariff_id)
    )
    return cursor.rowcount == 1


async def update_tariff(
    conn: Connection, tenant_id: int, tariff_id: UUID, *, name: str, ended_at: datetime | None
) -> None:
    """Its name and its end."""
    await conn.execute(
        "UPDATE tariffs SET name = %s, ended_at = %s WHERE tenant_id = %s AND tariff_id = %s",
        (name, ended_at, tenant_id, tariff_id),
    )


async def note_name(conn: Connection, tenant_id: int, tariff_id: UUID, name: str) -> None:
    """Keeps what a tariff was called. Idempotent."""
    await conn.execute(
        "INSERT INTO tariff_names (tenant_id, tariff_id, name) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (tenant_id, tariff_id, name),
    )


async def find_tariff(conn: Connection, tenant_id: int, tariff_id: UUID) -> TariffRow | None:
    """The tariff of this id with its latest version."""
    cursor = conn.cursor(row_factory=_tariff)
    await cursor.execute(f"{_TARIFF} AND t.tariff_id = %(tariff_id)s", {"tenant_id": tenant_id, "tariff_id": tariff_id})
    return await cursor.fetchone()


async def list_tariffs(
    conn: Connection,
    tenant_id: int,
    *,
    search: str | None = None,
    order: Age = "newest",
    place: Behind = None,
    limit: int,
) -> list[TariffRow]:
    """Tariffs with their latest versions, behind the number of a place."""
    values = {"tenant_id": tenant_id, **bounds(place, limit)}
    found = "" if search is None else " AND (t.name ILIKE %(search)s OR t.tariff_id::text ILIKE %(search)s)"
    if search is not None:
        values["search"] = anywhere(search)
    cursor = conn.cursor(row_factory=_tariff)
    await cursor.execute(f"{_TARIFF}{found} {onward(_ORDERS[order], place)}", values)
    return await cursor.fetchall()


_VERSION: Final = """
SELECT v.tariff_id, t.name, v.version, v.body, v.valid_from, v.made_at, v.made_by, t.ended_at
FROM tariff_versions v JOIN tariffs t ON t.tenant_id = v.tenant_id AND t.tariff_id = v.tariff_id
WHERE v.tenant_id = %(tenant_id)s AND v.tariff_id = %(tariff_id)s
"""


async def list_unknown(connection: Connection, tenant_id: int, tariff_ids: Sequence[UUID]) -> list[UUID]:
    """Which of these are no tariff's, in their order."""
    cursor = await connection.execute(
        "SELECT n.tariff_id FROM unnest(%s::uuid[]) WITH ORDINALITY AS n (tariff_id, place)"
        " WHERE NOT EXISTS (SELECT FROM tariffs t WHERE t.tenant_id = %s AND t.tariff_id = n.tariff_id)"
        " ORDER BY n.place",
        (list(tariff_ids), tenant_id),
    )
    return [tariff_id for (tariff_id,) in await cursor.fetchall()]


async def find_version(conn: Connection, tenant_id: int, tariff_id: UUID, version: int) -> VersionRow | None:
    """This very version, valid or not."""
    cursor = conn.cursor(row_factory=_version)
    await cursor.execute(
        f"{_VERSION} AND v.version = %(version)s",
        {"tenant_id": tenant_id, "tariff_id": tariff_id, "version": version},
    )
    return await cursor.fetchone()


async def version_at(conn: Connection, tenant_id: int, tariff_id: UUID, at: datetime) -> VersionRow | None:
    """The version that is valid at a time; None before the first."""
    cursor = conn.cursor(row_factory=_version)
    await cursor.execute(
        f"{_VERSION} AND v.valid_from <= %(at)s ORDER BY v.valid_from DESC, v.version DESC LIMIT 1",
        {"tenant_id": tenant_id, "tariff_id": tariff_id, "at": at},
    )
    return await cursor.fetchone()


async def list_versions(
    conn: Connection, tenant_id: int, tariff_id: UUID, *, order: Age = "newest", place: Behind = None, limit: int
) -> list[VersionRow]:
    """The versions of a tariff behind the number of a place."""
    cursor = conn.cursor(row_factory=_version)
    await cursor.execute(
        f"{_VERSION} {onward(_VERSION_ORDERS[order], place)}",
        {"tenant_id": tenant_id, "tariff_id": tariff_id, **bounds(place, limit)},
    )
    return await cursor.fetchall()


def _tariff(cursor: Any) -> Any:
    return _made(TariffRow, cursor)


def _version(cursor: Any) -> Any:
    return _made(VersionRow, cursor)


def _made(kind: type[Struct], cursor: Any) -> Any:
    """Rows with their body read as a tariff."""
    names = ["tariff" if column.name == "body" else column.name for column in cursor.description or ()]

    def made(values: Sequence[Any]) -> Any:
        named = dict(zip(names, values, strict=True))
        named["tariff"] = msgspec.convert(named["tariff"], Tariff, strict=False)
        return kind(**named)

    return made
