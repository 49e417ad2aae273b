"""Authenticators, recovery codes and passkeys of the person that the transaction acts as."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

Connection = AsyncConnection[Any]

#: Passkeys of one person.
MAX_PASSKEYS = 20


class AuthenticatorRow(Struct, frozen=True, kw_only=True):
    """An authenticator app that shows codes by time."""

    seed: bytes
    created_at: datetime


class FactorCounts(Struct, frozen=True, kw_only=True):
    """What a person has."""

    authenticators: int
    passkeys: int
    recovery_codes: int

    @property
    def any(self) -> bool:
        """Whether a password alone is not enough."""
        return self.authenticators > 0 or self.passkeys > 0


class PasskeyRow(Struct, frozen=True, kw_only=True):
    """A passkey as its owner sees it."""

    passkey_id: int
    credential_id: bytes
    name: str
    synced: bool
    created_at: datetime
    last_used_at: datetime | None


class PasskeyHolder(Struct, frozen=True, kw_only=True):
    """A passkey as sign-in needs it."""

    passkey_id: int
    person_id: int
    #: Of the person.
    name: str
    public_key: bytes
    sign_count: int


async def count_factors(conn: Connection, person_id: int) -> FactorCounts:
    """How many of each the person has; recovery codes that are left."""
    cursor = conn.cursor(row_factory=class_row(FactorCounts))
    await cursor.execute(
        "SELECT (SELECT count(*) FROM authenticators WHERE person_id = %(id)s) AS authenticators,"
        " (SELECT count(*) FROM passkeys WHERE person_id = %(id)s) AS passkeys,"
        " (SELECT count(*) FROM recovery_codes WHERE person_id = %(id)s AND used_at IS NULL) AS recovery_codes",
        {"id": person_id},
    )
    row = await cursor.fetchone()
    assert row is not None
    return row


async def find_authenticator(conn: Connection, person_id: int) -> AuthenticatorRow | None:
    """The person's authenticator; the seed is sealed."""
    cursor = conn.cursor(row_factory=class_row(AuthenticatorRow))
    await cursor.execute("SELECT seed, created_at FROM authenticators WHERE person_id = %s", (person_id,))
    return await cursor.fetchone()


async def put_authenticator(conn: Connection, person_id: int, seed: bytes, step: int, now: datetime) -> None:
    """Gives the person this authenticator instead of the one they had."""
    await conn.execute("DELETE FROM authenticators WHERE person_id = %s", (person_id,))
    await conn.execute(
        "INSERT INTO authenticators (person_id, seed, last_step, created_at) VALUES (%s, %s, %s, %s)",
        (person_id, seed, step, now),
    )


async def delete_authenticator(conn: Connection, person_id: int) -> bool:
    """Takes the authenticator away; whether there was one."""
    return (await conn.execute("DELETE FROM authenticators WHERE person_id = %s", (person_id,))).rowcount > 0


async def take_step_of_time(conn: Connection, person_id: int, step: int) -> bool:
    """Takes the code of this 30 s step; False if it or a later one was taken before (RFC 6238 §5.2)."""
    cursor = await conn.execute(
        "UPDATE authenticators SET last_step = %s WHERE person_id = %s AND last_step < %s", (step, person_id, step)
    )
    return cursor.rowcount > 0


async def put_recovery_codes(conn: Connection, person_id: int, digests: Sequence[bytes]) -> None:
    """Gives the person these recovery codes instead of all that they had."""
    await conn.execute("DELETE FROM recovery_codes WHERE person_id = %s", (person_id,))
    await conn.execute(
        "INSERT INTO recovery_codes (person_id, code_hash) SELECT %s, unnest(%s::bytea[])", (person_id, list(digests))
    )


async def use_recovery_code(conn: Connection, person_id: int, digest: bytes, now: datetime) -> bool:
    """Uses up a recovery code; False if it is none or was used."""
    cursor = await conn.execute(
        "UPDATE recovery_codes SET used_at = %s WHERE person_id = %s AND code_hash = %s AND used_at IS NULL",
        (now, person_id, digest),
    )
    return cursor.rowcount > 0


async def find_passkey(conn: Connection, credential_id: bytes) -> PasskeyHolder | None:
    """Whose passkey this is; needs no tenant."""
    cursor = conn.cursor(row_factory=class_row(PasskeyHolder))
    return await (await cursor.execute("SELECT * FROM access_passkey(%s)", (credential_id,))).fetchone()


async def list_passkeys(conn: Connection, person_id: int) -> list[PasskeyRow]:
    """The person's passkeys, oldest first."""
    cursor = conn.cursor(row_factory=class_row(PasskeyRow))
    await cursor.execute(
        "SELECT passkey_id, credential_id, name, synced, created_at, last_used_at FROM passkeys WHERE person_id = %s"
        " ORDER BY passkey_id LIMIT %s",
        (person_id, MAX_PASSKEYS),
    )
    return await cursor.fetchall()


async def insert_passkey(
    conn: Connection,
    person_id: int,
    *,
    credential_id: bytes,
    public_key: bytes,
    sign_count: int,
    name: str,
    synced: bool,
    now: datetime,
) -> int | None:
    """Keeps a passkey; None if it is somebody's already."""
    cursor = await conn.execute(
        "INSERT INTO passkeys (person_id, credential_id, public_key, sign_count, name, synced, created_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (credential_id) DO NOTHING RETURNING passkey_id",
        (person_id, credential_id, public_key, sign_count, name, synced, now),
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def touch_passkey(conn: Connection, person_id: int, passkey_id: int, sign_count: int, now: datetime) -> bool:
    """Remembers a use; False if another one counted as far meanwhile. Some devices don't count and always say 0."""
    cursor = await conn.execute(
        "UPDATE passkeys SET sign_count = %(count)s, last_used_at = %(now)s"
        " WHERE person_id = %(person)s AND passkey_id = %(id)s AND (sign_count < %(count)s OR %(count)s = 0)",
        {"count": sign_count, "now": now, "person": person_id, "id": passkey_id},
    )
    return cursor.rowcount > 0


async def rename_passkey(conn: Connection, person_id: int, passkey_id: int, name: str) -> bool:
    """Gives a passkey another name; False if there is no such passkey of theirs."""
    cursor = await conn.execute(
        "UPDATE passkeys SET name = %s WHERE person_id = %s AND passkey_id = %s", (name, person_id, passkey_id)
    )
    return cursor.rowcount > 0


async def delete_passkey(conn: Connection, person_id: int, passkey_id: int) -> str | None:
    """Takes a passkey away and returns its name; None if there is no such passkey of theirs."""
    cursor = await conn.execute(
        "DELETE FROM passkeys WHERE person_id = %s AND passkey_id = %s RETURNING name", (person_id, passkey_id)
    )
    row = await cursor.fetchone()
    return None if row is None else str(row[0])
