"""Tokens for one session: made when somebody has paid for it, and worth nothing once it was used or time is over.

They stand beside the tokens that are registered, are decided upon like them, and are shown in no list of them.
"""

from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from forecourt.drivers import store

Connection = AsyncConnection[Any]


async def let_in(conn: Connection, tenant_id: int, uid: str, *, type_: str, until: datetime) -> None:
    """Makes the token, or lets it in anew until then. Idempotent."""
    await store.upsert_adhoc(conn, tenant_id, uid, type_=type_, until=until)


async def bar(conn: Connection, tenant_id: int, uid: str) -> None:
    """From now on it starts nothing."""
    await store.bar_adhoc(conn, tenant_id, uid)


async def is_adhoc(conn: Connection, tenant_id: int, uid: str) -> bool:
    """Whether a token was made for one session: nobody outside is asked about it."""
    return await store.is_adhoc(conn, tenant_id, uid)


async def forget(conn: Connection, before: datetime, most: int) -> int:
    """Forgets tokens that were over before a time; how many. For the worker."""
    return await store.forget_adhoc(conn, before, most)
