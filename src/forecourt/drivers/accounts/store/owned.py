"""What is a driver's: tokens, vehicles, consent."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row

from forecourt.drivers.accounts.model import MAX_TOKENS, MAX_VEHICLES, Consent, OwnToken, Vehicle, VehicleSaid

Connection = AsyncConnection[Any]

_VEHICLE = "vehicle_id, name, battery_wh, max_ac_w, max_dc_w, connector, added_at"


async def attach_token(
    conn: Connection, tenant_id: int, driver_id: int, uid_key: str, at: datetime, by: str
) -> int | None:
    """Makes a token a driver's; whose it is now, which is another's where it was so already."""
    await conn.execute(
        "INSERT INTO driver_tokens (tenant_id, uid_key, driver_id, attached_at, attached_by)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (tenant_id, uid_key, driver_id, at, by),
    )
    row = await (
        await conn.execute(
            "SELECT driver_id FROM driver_tokens WHERE tenant_id = %s AND uid_key = %s", (tenant_id, uid_key)
        )
    ).fetchone()
    return None if row is None else int(row[0])


async def list_tokens(conn: Connection, tenant_id: int, driver_id: int) -> list[OwnToken]:
    """The tokens of a driver, in the order in which they came."""
    cursor = conn.cursor(row_factory=class_row(OwnToken))
    await cursor.execute(
        "SELECT t.number, t.uid, t.type, t.status, d.attached_at, d.attached_by FROM driver_tokens d"
        " JOIN tokens t ON t.tenant_id = d.tenant_id AND t.uid_key = d.uid_key"
        " WHERE d.tenant_id = %s AND d.driver_id = %s ORDER BY d.attached_at, t.number LIMIT %s",
        (tenant_id, driver_id, MAX_TOKENS),
    )
    return await cursor.fetchall()


class Holder(Struct, frozen=True, kw_only=True):
    """Whose a token is. `state` and `pays_by` are the words of `AccountState` and `PaysBy`."""

    driver_id: int
    name: str | None
    email: str | None
    state: str
    pays_by: str


async def list_holders(conn: Connection, tenant_id: int, uid_keys: Sequence[str]) -> dict[str, Holder]:
    """Whose each of these tokens is, by its `uid_key`; those that are nobody's are left out."""
    cursor = await conn.execute(
        "SELECT d.uid_key, a.driver_id, a.name, a.email, a.state, a.pays_by FROM driver_tokens d"
        " JOIN driver_accounts a ON a.tenant_id = d.tenant_id AND a.driver_id = d.driver_id"
        " WHERE d.tenant_id = %s AND d.uid_key = ANY(%s)",
        (tenant_id, list(uid_keys)),
    )
    return {
        key: Holder(**dict(zip(Holder.__struct_fields__, values, strict=True)))
        for key, *values in await cursor.fetchall()
    }


async def put_claim(conn: Connection, tenant_id: int, digest: bytes, uid_key: str, expires_at: datetime) -> None:
    """A code by which a token can be claimed, in place of the one before."""
    await conn.execute("DELETE FROM token_claims WHERE tenant_id = %s AND uid_key = %s", (tenant_id, uid_key))
    await conn.execute(
        "INSERT INTO token_claims (digest, tenant_id, uid_key, expires_at) VALUES (%s, %s, %s, %s)",
        (digest, tenant_id, uid_key, expires_at),
    )


async def take_claim(conn: Connection, tenant_id: int, digest: bytes, now: datetime) -> str | None:
    """The `uid_key` that a code stands for, which is used up with it."""
    row = await (
        await conn.execute(
            "DELETE FROM token_claims WHERE tenant_id = %s AND digest = %s AND expires_at > %s RETURNING uid_key",
            (tenant_id, digest, now),
        )
    ).fetchone()
    return None if row is None else str(row[0])


async def list_vehicles(conn: Connection, tenant_id: int, driver_id: int) -> list[Vehicle]:
    """The cars of a driver, in the order in which they came."""
    cursor = conn.cursor(row_factory=class_row(Vehicle))
    await cursor.execute(
        f"SELECT {_VEHICLE} FROM driver_vehicles WHERE tenant_id = %s AND driver_id = %s ORDER BY vehicle_id LIMIT %s",
        (tenant_id, driver_id, MAX_VEHICLES),
    )
    return await cursor.fetchall()


async def insert_vehicle(conn: Connection, tenant_id: int, driver_id: int, said: VehicleSaid, at: datetime) -> Vehicle:
    """One more car."""
    cursor = conn.cursor(row_factory=class_row(Vehicle))
    await cursor.execute(
        "INSERT INTO driver_vehicles (tenant_id, driver_id, name, battery_wh, max_ac_w, max_dc_w, connector, added_at)"
        f" VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING {_VEHICLE}",
        (tenant_id, driver_id, said.name, said.battery_wh, said.max_ac_w, said.max_dc_w, said.connector, at),
    )
    row = await cursor.fetchone()
    assert row is not None
    return row


async def update_vehicle(
    conn: Connection, tenant_id: int, driver_id: int, vehicle_id: int, said: VehicleSaid
) -> Vehicle | None:
    """A car described anew; None if the driver has none of this number."""
    cursor = conn.cursor(row_factory=class_row(Vehicle))
    await cursor.execute(
        "UPDATE driver_vehicles SET name = %s, battery_wh = %s, max_ac_w = %s, max_dc_w = %s, connector = %s"
        f" WHERE tenant_id = %s AND driver_id = %s AND vehicle_id = %s RETURNING {_VEHICLE}",
        (
            said.name, said.battery_wh, said.max_ac_w, said.max_dc_w, said.connector,
            tenant_id, driver_id, vehicle_id,
        ),
    )  # fmt: skip
    return await cursor.fetchone()


async def delete_vehicle(conn: Connection, tenant_id: int, driver_id: int, vehicle_id: int | None) -> bool:
    """Forgets a car, or with None all of them; whether there was one."""
    cursor = await conn.execute(
        "DELETE FROM driver_vehicles WHERE tenant_id = %s AND driver_id = %s"
        " AND (%s::bigint IS NULL OR vehicle_id = %s)",
        (tenant_id, driver_id, vehicle_id, vehicle_id),
    )
    return cursor.rowcount > 0


async def insert_consent(
    conn: Connection, tenant_id: int, driver_id: int, kind: str, given: bool, text_version: str, at: datetime
) -> None:
    """What a driver said now."""
    await conn.execute(
        "INSERT INTO driver_consents (tenant_id, driver_id, kind, given, text_version, said_at)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (tenant_id, driver_id, kind, given, text_version, at),
    )


async def list_consents(conn: Connection, tenant_id: int, driver_id: int) -> list[Consent]:
    """The latest word on each kind."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        "SELECT DISTINCT ON (kind) kind, given, text_version, said_at FROM driver_consents"
        " WHERE tenant_id = %s AND driver_id = %s ORDER BY kind, consent_id DESC",
        (tenant_id, driver_id),
    )
    return [msgspec.convert(row, Consent) for row in await cursor.fetchall()]
