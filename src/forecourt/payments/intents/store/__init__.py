"""All SQL of payments: the payments and their calls here; beside it their story, where they are paid, and whose turn it
is to be looked at."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from forecourt.payments.intents.model import Call, CallKind, Intent
from forecourt.platform.ordering import Age, Place, bounds, by_age, onward

Connection = AsyncConnection[Any]

_ORDERS: Final = by_age("i.number")
_INTENT: Final = """
    i.intent_id, i.number, i.tenant_id, i.purpose, i.method, i.state, i.account_id, i.currency, i.hold_amount,
    i.authorised_amount, i.billed_amount, i.captured_amount, i.refunded_amount, i.owed_amount, i.reference, i.page_url,
    i.return_url, i.capture_before, i.may_increment, i.per_hour, i.card, i.saved, i.reader, i.customer, i.email,
    i.language, i.payer, i.station_id, coalesce(s.identity, s.retired_identity) AS station, i.evse, i.token_uid,
    i.tariff_id, i.tariff_version, i.session_id, i.authorised_at, i.start_asked_at, i.slowed_at, i.stop_asked_at,
    i.ends_as, i.reason, i.hold_said, i.created_at, i.updated_at, i.read_at, i.next_at, i.driver_id, i.contract_key,
    i.reads_missed, i.read_next_at, i.debt_of
    """
_FROM: Final = """
    FROM payment_intents i LEFT JOIN stations s ON s.tenant_id = i.tenant_id AND s.station_id = i.station_id
    WHERE i.tenant_id = %(tenant_id)s
    """
_CALL: Final = (
    "call_id, number, intent_id, kind, key, amount, state, tries, refusals, asked_by, said, reason, reference,"
    " asked_at, ended_at, next_at, keyed_at, debt"
)
#: Payments of debts of one payer that are under way: on a page, from the wallet, and by themselves of saved cards.
MAX_PAYING: Final = 10
#: Columns that a change may name.
CHANGEABLE: Final = frozenset(
    {
        "state", "method", "customer", "authorised_amount", "billed_amount", "captured_amount", "refunded_amount",
        "owed_amount", "reference", "page_reference", "page_url", "capture_before", "may_increment", "card", "saved",
        "session_id",
        "authorised_at", "start_asked_at", "stop_asked_at", "ends_as", "reason", "read_at", "next_at",
        "stop_reason", "slowed_at", "watch_at", "reads_missed", "read_next_at",
    }
)  # fmt: skip


class IntentFilter(Struct, frozen=True, kw_only=True):
    """Which payments a list shows; None: whatever it is."""

    state: str | None = None
    method: str | None = None
    purpose: str | None = None
    station: str | None = None
    payer: str | None = None
    owed: bool | None = None
    search: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def insert_intent(conn: Connection, tenant_id: int, values: Mapping[str, Any]) -> UUID:
    """Stores a payment about to be asked for."""
    named = {**values, "tenant_id": tenant_id}
    for name in ("hold_said", "saved"):
        if named.get(name) is not None:
            named[name] = Jsonb(msgspec.to_builtins(named[name]))
    columns, places = ", ".join(named), ", ".join(f"%({name})s" for name in named)
    row = await (
        await conn.execute(f"INSERT INTO payment_intents ({columns}) VALUES ({places}) RETURNING intent_id", named)
    ).fetchone()
    assert row is not None
    return UUID(str(row[0]))


async def find_intent(conn: Connection, tenant_id: int, intent_id: UUID, *, lock: bool = False) -> Intent | None:
    """The payment of this id; `lock`: held until the transaction ends."""
    return await _one(
        conn, "AND i.intent_id = %(id)s", {"tenant_id": tenant_id, "id": intent_id}, "FOR UPDATE OF i" if lock else ""
    )


async def find_by_session(conn: Connection, tenant_id: int, session_id: UUID) -> Intent | None:
    """The payment of a session."""
    return await _one(
        conn, "AND i.session_id = %(id)s AND i.purpose = 'session'", {"tenant_id": tenant_id, "id": session_id}
    )


async def was_refused(conn: Connection, tenant_id: int, session_id: UUID) -> bool:
    """Whether a session's station was told that its token may not charge."""
    cursor = await conn.execute(
        "SELECT token_status <> 'Accepted' FROM sessions WHERE tenant_id = %s AND session_id = %s",
        (tenant_id, session_id),
    )
    row = await cursor.fetchone()
    return row is not None and row[0] is True


async def find_by_token(conn: Connection, tenant_id: int, token_uid: str) -> Intent | None:
    """The payment that a token was made for."""
    return await _one(
        conn, "AND lower(i.token_uid) = lower(%(uid)s) AND i.token_uid IS NOT NULL",
        {"tenant_id": tenant_id, "uid": token_uid},
    )  # fmt: skip


async def find_by_reference(conn: Connection, tenant_id: int, account_id: UUID, reference: str) -> Intent | None:
    """The payment that a provider calls this."""
    return await _one(
        conn, "AND i.account_id = %(account)s AND (i.reference = %(name)s OR i.page_reference = %(name)s)",
        {"tenant_id": tenant_id, "account": account_id, "name": reference},
    )  # fmt: skip


async def find_at_connector(conn: Connection, tenant_id: int, station_id: int, evse: int) -> list[Intent]:
    """Payments by which somebody charges, or is about to, at an EVSE: authorised, and their session isn't over."""
    return await _many(
        conn,
        "AND i.station_id = %(station)s AND i.evse = %(evse)s AND i.state = 'authorised' AND NOT EXISTS ("
        " SELECT FROM sessions n WHERE n.tenant_id = i.tenant_id AND n.session_id = i.session_id"
        " AND n.over_at IS NOT NULL) ORDER BY i.number",
        {"tenant_id": tenant_id, "station": station_id, "evse": evse},
    )


async def list_intents(
    conn: Connection, tenant_id: int, wanted: IntentFilter, *, order: Age = "newest", place: Place = None, limit: int
) -> list[Intent]:
    """Payments behind the number of a place."""
    parts, values = [], {"tenant_id": tenant_id, **bounds(place, limit)}
    for name, condition in _WANTED.items():
        value = getattr(wanted, name)
        if value is not None:
            parts.append(f"AND {condition}")
            values[name] = value
    return await _many(conn, f"{' '.join(parts)} {onward(_ORDERS[order], place)}", values)


_WANTED: Final = {
    "state": "i.state = %(state)s",
    "method": "i.method = %(method)s",
    "purpose": "i.purpose = %(purpose)s",
    "station": "s.identity = %(station)s",
    "payer": "i.payer = %(payer)s",
    "owed": "(i.owed_amount > 0) = %(owed)s",
    "search": "(lower(%(search)s) IN (i.intent_id::text, left(i.intent_id::text, 13)) OR i.reference = %(search)s"
    " OR i.page_reference = %(search)s OR i.session_id::text = lower(%(search)s) OR i.card ->> 'last4' = %(search)s"
    " OR s.identity = %(search)s OR i.payer = %(search)s OR 'driver:' || i.driver_id = %(search)s"
    " OR i.intent_id IN (SELECT r.intent_id FROM receipts r"
    " WHERE r.tenant_id = i.tenant_id AND r.number = upper(%(search)s)))",
    "since": "i.created_at >= %(since)s",
    "until": "i.created_at < %(until)s",
}


async def set_return(conn: Connection, tenant_id: int, intent_id: UUID, return_url: str) -> None:
    """Where the driver is led afterwards, which names the payment itself."""
    await conn.execute(
        "UPDATE payment_intents SET return_url = %s WHERE tenant_id = %s AND intent_id = %s",
        (return_url, tenant_id, intent_id),
    )


async def update_intent(
    conn: Connection, tenant_id: int, intent_id: UUID, changes: Mapping[str, Any], at: datetime
) -> None:
    """Changes columns named in CHANGEABLE."""
    assert changes.keys() <= CHANGEABLE, "a column that stays"
    values: dict[str, Any] = {}
    for name, value in changes.items():
        wrapped = value is not None and name in ("card", "saved")
        values[name] = Jsonb(msgspec.to_builtins(value)) if wrapped else getattr(value, "value", value)
    said = ", ".join(f"{name} = %({name})s" for name in values)
    await conn.execute(
        f"UPDATE payment_intents SET {said}{', ' if said else ''}updated_at = %(_at)s"
        " WHERE tenant_id = %(_tenant)s AND intent_id = %(_id)s",
        {**values, "_at": at, "_tenant": tenant_id, "_id": intent_id},
    )


async def insert_call(
    conn: Connection, tenant_id: int, intent_id: UUID, *, kind: CallKind, amount: int, at: datetime,
    asked_by: str | None = None, said: str | None = None, debt: UUID | None = None,
) -> Call:  # fmt: skip
    """Stores a call that is about to be made, with a key that nobody had before."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        f"INSERT INTO payment_calls (call_id, tenant_id, intent_id, kind, key, amount, asked_by, said, debt, asked_at,"
        " next_at) SELECT id, %(tenant)s, %(intent)s, %(kind)s, 'forecourt-' || replace(id::text, '-', ''), %(amount)s,"
        " %(by)s, %(said)s, %(debt)s,"
        f" %(at)s, %(at)s FROM gen_random_uuid() AS id RETURNING {_CALL}",
        {
            "tenant": tenant_id, "intent": intent_id, "kind": kind.value, "amount": amount, "by": asked_by,
            "said": said, "debt": debt, "at": at,
        },
    )  # fmt: skip
    return msgspec.convert(await cursor.fetchone(), Call)


async def list_calls(conn: Connection, tenant_id: int, intent_id: UUID, *, lock: bool = False) -> list[Call]:
    """Every call of a payment, the oldest first."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        f"SELECT {_CALL} FROM payment_calls WHERE tenant_id = %s AND intent_id = %s ORDER BY number"
        f" {'FOR UPDATE' if lock else ''}",
        (tenant_id, intent_id),
    )
    return [msgspec.convert(row, Call) for row in await cursor.fetchall()]


async def find_call(conn: Connection, tenant_id: int, call_id: UUID, *, lock: bool = False) -> Call | None:
    """The call of this id."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        f"SELECT {_CALL} FROM payment_calls WHERE tenant_id = %s AND call_id = %s {'FOR UPDATE' if lock else ''}",
        (tenant_id, call_id),
    )
    row = await cursor.fetchone()
    return None if row is None else msgspec.convert(row, Call)


async def note_try(conn: Connection, tenant_id: int, call_id: UUID, next_at: datetime) -> int:
    """Counts a try before it is made; which one it is."""
    row = await (
        await conn.execute(
            "UPDATE payment_calls SET tries = tries + 1, next_at = %s WHERE tenant_id = %s AND call_id = %s"
            " RETURNING tries",
            (next_at, tenant_id, call_id),
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


async def renew_key(
    conn: Connection, tenant_id: int, call: Call, at: datetime, next_at: datetime, *, refused: bool = False
) -> None:
    """Another key than this call has, unless somebody gave it one already: under the last one the provider will only
    say again that it failed, or that it refused, which is counted; or it may have forgotten it."""
    await conn.execute(
        """
        UPDATE payment_calls SET key = fresh || CASE key WHEN fresh THEN 'b' ELSE '' END, keyed_at = %(at)s,
            next_at = %(next_at)s, refusals = refusals + %(refused)s
        FROM (SELECT 'forecourt-' || replace(call_id::text, '-', '') || '-' || tries AS fresh
            FROM payment_calls WHERE tenant_id = %(tenant)s AND call_id = %(call)s) AS named
        WHERE tenant_id = %(tenant)s AND call_id = %(call)s AND state = 'open' AND key = %(key)s
        """,
        {
            "tenant": tenant_id, "call": call.call_id, "key": call.key, "at": at, "next_at": next_at,
            "refused": int(refused),
        },
    )  # fmt: skip


async def hasten_calls(conn: Connection, tenant_id: int, intent_id: UUID, at: datetime) -> None:
    """Something was heard of a payment: its calls that wait are looked at now."""
    await conn.execute(
        "UPDATE payment_calls SET next_at = %s WHERE tenant_id = %s AND intent_id = %s AND state = 'open'"
        " AND next_at > %s",
        (at, tenant_id, intent_id, at),
    )


async def end_call(
    conn: Connection, tenant_id: int, call_id: UUID, *, done: bool, at: datetime, reason: str | None = None,
    reference: str | None = None,
) -> bool:  # fmt: skip
    """Keeps what came of a call; whether it was still open."""
    cursor = await conn.execute(
        "UPDATE payment_calls SET state = %s, ended_at = %s, reason = %s, reference = %s"
        " WHERE tenant_id = %s AND call_id = %s AND state = 'open'",
        ("done" if done else "failed", at, reason, reference, tenant_id, call_id),
    )
    return cursor.rowcount == 1


async def undo_call(conn: Connection, tenant_id: int, call_id: UUID, *, at: datetime, reason: str) -> None:
    """What was done by a call came to nothing afterwards."""
    await conn.execute(
        "UPDATE payment_calls SET state = 'failed', ended_at = %s, reason = %s"
        " WHERE tenant_id = %s AND call_id = %s AND state = 'done'",
        (at, reason, tenant_id, call_id),
    )


async def owed_by(conn: Connection, tenant_id: int, payer: str, *, lock: bool = False) -> list[Intent]:
    """Payments of which somebody owes something, the oldest first; `lock`: held until the transaction ends."""
    return await _owed(conn, "AND i.payer = %(payer)s", {"tenant_id": tenant_id, "payer": payer}, lock=lock)


async def owed_of(conn: Connection, tenant_id: int, intent_id: UUID, *, lock: bool = False) -> list[Intent]:
    """A payment, and those that paid its debt alone, as far as something of them is owed, the oldest first; `lock`:
    held until the transaction ends."""
    return await _owed(
        conn,
        "AND (i.intent_id = %(intent)s OR i.debt_of = %(intent)s)",
        {"tenant_id": tenant_id, "intent": intent_id},
        lock=lock,
    )


async def _owed(conn: Connection, condition: str, values: Mapping[str, Any], *, lock: bool) -> list[Intent]:
    """Of these what is owed, the oldest first. What paid a debt is held before it, by ids: so does who refunds."""
    held = "ORDER BY i.purpose <> 'debt', i.intent_id FOR UPDATE OF i" if lock else ""
    return sorted(await _many(conn, f"{condition} AND i.owed_amount > 0 {held}", values), key=lambda each: each.number)


async def find_paying_of(conn: Connection, tenant_id: int, intent_id: UUID) -> Intent | None:
    """The payment that was begun for the debt of this one alone, and of which it isn't known what came."""
    return await _one(
        conn,
        "AND i.debt_of = %(intent)s AND i.state IN ('hold_requested', 'authorised', 'capturing')",
        {"tenant_id": tenant_id, "intent": intent_id},
    )


async def failed_since(conn: Connection, tenant_id: int, intent_id: UUID, since: datetime) -> bool:
    """Whether a payment of the debt of this one alone was begun since then and failed, so that nothing was taken."""
    found = await _one(
        conn,
        "AND i.debt_of = %(intent)s AND i.state = 'failed' AND i.captured_amount = 0 AND i.owed_amount = 0"
        " AND i.created_at > %(since)s",
        {"tenant_id": tenant_id, "intent": intent_id, "since": since},
    )
    return found is not None


async def hold_payer(conn: Connection, tenant_id: int, payer: str) -> None:
    """Nobody else begins to pay what they owe until the transaction ends."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('owed by ' || %s, %s))", (payer, tenant_id))


async def list_paying(conn: Connection, tenant_id: int, payer: str) -> list[Intent]:
    """The payments that somebody began for what they owe, and of which it isn't known what came, the oldest first."""
    return await _many(
        conn,
        "AND i.payer = %(payer)s AND i.purpose = 'debt' AND i.state IN ('hold_requested', 'authorised', 'capturing')"
        f" ORDER BY i.number LIMIT {MAX_PAYING}",
        {"tenant_id": tenant_id, "payer": payer},
    )


async def count_states(conn: Connection, tenant_id: int) -> dict[str, int]:
    """How many payments are in each state."""
    cursor = await conn.execute(
        "SELECT state, count(*) FROM payment_intents WHERE tenant_id = %s GROUP BY state", (tenant_id,)
    )
    return {str(state): int(count) for state, count in await cursor.fetchall()}


async def _one(conn: Connection, condition: str, values: Mapping[str, Any], lock: str = "") -> Intent | None:
    found = await _many(conn, f"{condition} LIMIT 1 {lock}", values)
    return found[0] if found else None


async def _many(conn: Connection, condition: str, values: Mapping[str, Any]) -> list[Intent]:
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(f"SELECT {_INTENT} {_FROM} {condition}", values)
    return [msgspec.convert(row, Intent) for row in await cursor.fetchall()]
