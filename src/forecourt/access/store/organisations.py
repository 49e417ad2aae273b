"""Organisations as their members see and change them."""

from datetime import datetime
from typing import Any

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

Connection = AsyncConnection[Any]


class OrganisationRow(Struct, frozen=True, kw_only=True):
    """One organisation."""

    tenant_id: int
    name: str
    time_zone: str
    language: str
    created_at: datetime


async def find_organisation(conn: Connection, tenant_id: int, *, lock: bool = False) -> OrganisationRow:
    """The organisation that the transaction acts for; held until it ends if it is to be changed."""
    cursor = conn.cursor(row_factory=class_row(OrganisationRow))
    await cursor.execute(
        "SELECT tenant_id, name, time_zone, language, created_at FROM organisations WHERE tenant_id = %s"
        + (" FOR UPDATE" if lock else ""),
        (tenant_id,),
    )
    row = await cursor.fetchone()
    assert row is not None
    return row


async def update_organisation(conn: Connection, tenant_id: int, *, name: str, time_zone: str, language: str) -> None:
    """Changes what an organisation says of itself."""
    await conn.execute(
        "UPDATE organisations SET name = %s, time_zone = %s, language = %s WHERE tenant_id = %s",
        (name, time_zone, language, tenant_id),
    )
