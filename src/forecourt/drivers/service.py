"""The verbs of tokens. Each runs in the caller's transaction and writes the audit in it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from forecourt.access import Actor, audit
from forecourt.drivers import store
from forecourt.drivers.model import Token, TokenState, TokenUnknown, uid_key
from forecourt.drivers.store import Connection, TokenRow
from forecourt.platform.preconditions import check_match, etag


async def put_token(
    conn: Connection,
    actor: Actor,
    *,
    uid: str,
    type_: str,
    status: TokenState,
    group: str | None,
    expires_at: datetime | None,
) -> tuple[Token, bool]:
    """Stores a token whole, replacing one of the same uid; returns it and whether it is new. Idempotent."""
    row, new = await store.upsert_token(
        conn, actor.tenant_id, uid=uid, type_=type_, status=status.value, group_uid=group, expires_at=expires_at
    )
    await audit(conn, actor, "create token" if new else "replace token", f"token:{uid}", {"status": status.value})
    await store.tell_changed(conn, actor.tenant_id, row.uid)
    return shown(row), new


async def change_token(
    conn: Connection, actor: Actor, uid: str, changes: Mapping[str, Any], if_match: str | None
) -> Token:
    """Changes the named columns (`store.CHANGEABLE`) of a token. Raises TokenUnknown, ChangedMeanwhile."""
    held = await store.find_token(conn, actor.tenant_id, uid_key(uid), lock=True)
    if held is None:
        raise TokenUnknown
    check_match(if_match, etag(shown(held)))
    row = await store.update_token(conn, actor.tenant_id, uid_key(uid), changes)
    if row is None:
        raise TokenUnknown
    changed = [name for name in changes if getattr(held, name) != getattr(row, name)]
    await audit(
        conn,
        actor,
        "change token",
        f"token:{row.uid}",
        before={name: _plain(getattr(held, name)) for name in changed},
        after={name: _plain(getattr(row, name)) for name in changed},
    )
    await store.tell_changed(conn, actor.tenant_id, row.uid)
    return shown(row)


async def find_token(conn: Connection, tenant_id: int, uid: str) -> Token:
    """The token of this uid, compared without case. Raises TokenUnknown."""
    row = await store.find_token(conn, tenant_id, uid_key(uid))
    if row is None:
        raise TokenUnknown
    return shown(row)


async def delete_token(conn: Connection, actor: Actor, uid: str) -> None:
    """Forgets a token: from now on it is unknown. Raises TokenUnknown."""
    if not await store.delete_token(conn, actor.tenant_id, uid_key(uid)):
        raise TokenUnknown
    await audit(conn, actor, "delete token", f"token:{uid}")
    await store.tell_changed(conn, actor.tenant_id, uid)


def shown(row: TokenRow) -> Token:
    """The token that a row holds."""
    return Token(
        uid=row.uid,
        type=row.type,
        status=TokenState(row.status),
        group=row.group_uid,
        expires_at=row.expires_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
