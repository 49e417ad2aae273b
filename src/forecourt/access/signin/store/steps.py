"""Steps: what was begun and waits for its second half, found by the digest of a token alone."""

from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

Connection = AsyncConnection[Any]


async def begin_step(
    conn: Connection, token_hash: bytes, purpose: str, person_id: int | None, sealed: bytes, expires_at: datetime
) -> None:
    """Writes down what was begun; needs no tenant."""
    await conn.execute(
        "INSERT INTO sign_in_steps (token_hash, purpose, person_id, sealed, expires_at) VALUES (%s, %s, %s, %s, %s)",
        (token_hash, purpose, person_id, sealed, expires_at),
    )


async def find_step(
    conn: Connection, token_hash: bytes, purpose: str, now: datetime
) -> tuple[int | None, bytes] | None:
    """Whose step it is, and what it holds; leaves it where it is."""
    cursor = await conn.execute("SELECT person_id, sealed FROM access_step(%s, %s, %s)", (token_hash, purpose, now))
    return await cursor.fetchone()


async def take_step(
    conn: Connection, token_hash: bytes, purpose: str, now: datetime
) -> tuple[int | None, bytes] | None:
    """As `find_step`, and nobody takes it again."""
    cursor = await conn.execute(
        "SELECT person_id, sealed FROM access_take_step(%s, %s, %s)", (token_hash, purpose, now)
    )
    return await cursor.fetchone()


async def delete_steps(conn: Connection, person_id: int, purpose: str) -> None:
    """Ends what the person that the transaction acts as has begun for this purpose."""
    await conn.execute("DELETE FROM sign_in_steps WHERE person_id = %s AND purpose = %s", (person_id, purpose))
