"""The organisation's provider for its drivers, and whom it signed in."""

from datetime import datetime
from typing import Any

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

Connection = AsyncConnection[Any]


class DriverProvider(Struct, frozen=True, kw_only=True):
    """A provider; its secret is sealed."""

    title: str
    issuer: str
    client_id: str
    client_secret: bytes
    domains: list[str]
    app_redirects: list[str]
    app_clients: list[str]
    version: int
    changed_at: datetime


async def find_provider(conn: Connection, tenant_id: int, *, lock: bool = False) -> DriverProvider | None:
    """The organisation's provider, held until the transaction ends if asked for."""
    cursor = conn.cursor(row_factory=class_row(DriverProvider))
    await cursor.execute(
        "SELECT title, issuer, client_id, client_secret, domains, app_redirects, app_clients, version, changed_at"
        " FROM driver_providers"
        f" WHERE tenant_id = %s {'FOR UPDATE' if lock else ''}",
        (tenant_id,),
    )
    return await cursor.fetchone()


async def put_provider(conn: Connection, tenant_id: int, row: DriverProvider) -> bool:
    """Keeps the provider; False unless what is kept is of the version before."""
    cursor = await conn.execute(
        "INSERT INTO driver_providers AS p (tenant_id, title, issuer, client_id, client_secret, domains,"
        " app_redirects, app_clients, version, changed_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (tenant_id) DO UPDATE SET"
        " title = excluded.title, issuer = excluded.issuer, client_id = excluded.client_id,"
        " client_secret = excluded.client_secret, domains = excluded.domains,"
        " app_redirects = excluded.app_redirects, app_clients = excluded.app_clients, version = excluded.version,"
        " changed_at = excluded.changed_at WHERE p.version = excluded.version - 1",
        (
            tenant_id, row.title, row.issuer, row.client_id, row.client_secret, row.domains, row.app_redirects,
            row.app_clients, row.version, row.changed_at,
        ),
    )  # fmt: skip
    return cursor.rowcount == 1


async def delete_provider(conn: Connection, tenant_id: int) -> None:
    """Takes the provider away."""
    await conn.execute("DELETE FROM driver_providers WHERE tenant_id = %s", (tenant_id,))


async def end_provided(conn: Connection, tenant_id: int) -> int:
    """Ends the sessions that providers began, and forgets what they call drivers; how many ended."""
    await conn.execute(
        "UPDATE driver_accounts SET subject = NULL WHERE tenant_id = %s AND subject IS NOT NULL", (tenant_id,)
    )
    cursor = await conn.execute("DELETE FROM driver_sessions WHERE tenant_id = %s AND how = 'provider'", (tenant_id,))
    return cursor.rowcount


async def find_subject(conn: Connection, tenant_id: int, subject: str) -> int | None:
    """The driver whom the provider calls this."""
    cursor = await conn.execute(
        "SELECT driver_id FROM driver_accounts WHERE tenant_id = %s AND subject = %s", (tenant_id, subject)
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def subject_of(conn: Connection, tenant_id: int, driver_id: int) -> str | None:
    """What the provider calls a driver."""
    cursor = await conn.execute(
        "SELECT subject FROM driver_accounts WHERE tenant_id = %s AND driver_id = %s FOR UPDATE", (tenant_id, driver_id)
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]
