"""SQL that all of the room shares: whose work it is, and the key of its pseudonyms."""

import secrets
from typing import Any, Final

from psycopg import AsyncConnection

Connection = AsyncConnection[Any]

#: Bytes of a key of pseudonyms.
KEY_BYTES: Final = 32


async def list_tenants(conn: Connection) -> list[tuple[int, str]]:
    """Every organisation by number and name, for the role of the worker."""
    return await (await conn.execute("SELECT tenant_id, name FROM insight_tenants()")).fetchall()


async def pseudonym_key(conn: Connection, tenant_id: int) -> bytes:
    """The organisation's key, made when it is first needed, in the caller's transaction."""
    await conn.execute(
        "INSERT INTO pseudonym_keys (tenant_id, key) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        (tenant_id, secrets.token_bytes(KEY_BYTES)),
    )
    row = await (await conn.execute("SELECT key FROM pseudonym_keys WHERE tenant_id = %s", (tenant_id,))).fetchone()
    assert row is not None
    return bytes(row[0])
