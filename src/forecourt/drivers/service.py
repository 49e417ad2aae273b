"""The verbs of tokens. Each runs in the caller's transaction and writes the audit in it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from forecourt.access import Actor, audit
from forecourt.access.model import Service
from forecourt.drivers import store
from forecourt.drivers.model import Token, TokenState, TokenUnknown, uid_key
from forecourt.drivers.sheet import COLUMNS, plan_tokens
from forecourt.drivers.store import Connection, TokenRow
from forecourt.platform.preconditions import check_match, etag
from forecourt.platform.sheets import Plan, read_sheet


async def put_token(
    conn: Connection,
    actor: Actor | Service,
    *,
    uid: str,
    type_: str,
    status: TokenState,
    group: str | None,
    expires_at: datetime | None,
    driver_name: str | None = None,
    driver_reference: str | None = None,
    vehicle: str | None = None,
) -> tuple[Token, bool]:
    """Stores a token whole, replacing one of the same uid; returns it and whether it is new. Idempotent."""
    row, new = await store.upsert_token(
        conn,
        actor.tenant_id,
        uid=uid,
        type_=type_,
        status=status.value,
        group_uid=group,
        expires_at=expires_at,
        driver_name=driver_name,
        driver_reference=driver_reference,
        vehicle=vehicle,
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


async def import_tokens(conn: Connection, actor: Actor, csv: bytes | str, *, dry_run: bool) -> Plan:
    """What a sheet of tokens comes to and, unless `dry_run`, doing it: by the verbs above, in one transaction. Lines
    that are refused are left out. A second time nothing is left to change. Raises SheetRefused."""
    sheet = read_sheet(csv, frozenset(COLUMNS), "uid")
    keys = [uid_key(line.cells.get("uid", "")) for line in sheet.lines]
    known = await store.find_tokens(conn, actor.tenant_id, keys)
    plan = plan_tokens(sheet, {key: shown(row) for key, row in known.items()})
    if dry_run:
        return plan
    for line in plan.of("create"):
        await put_token(conn, actor, uid=line.id, **line.values)
    for line in plan.of("change"):
        await change_token(conn, actor, line.id, columns_of(line.values), None)
    return replace(plan, done=True)


_COLUMN_OF = {"group": "group_uid", "type_": "type"}


def columns_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by their names in the verbs, by their columns in the database."""
    return {
        _COLUMN_OF.get(name, name): value.value if isinstance(value, TokenState) else value
        for name, value in values.items()
    }


def shown(row: TokenRow) -> Token:
    """The token that a row holds."""
    return Token(
        uid=row.uid,
        type=row.type,
        status=TokenState(row.status),
        group=row.group_uid,
        expires_at=row.expires_at,
        driver_name=row.driver_name,
        driver_reference=row.driver_reference,
        vehicle=row.vehicle,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
