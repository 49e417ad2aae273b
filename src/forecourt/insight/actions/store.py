"""SQL of actions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from forecourt.insight.actions.model import Action, Effect, Kind, Measured, Proposal, State
from forecourt.insight.store import Connection

_COLUMNS: Final = (
    "action_id, kind, site, station, evse, state, currency, expected, low, high, facts, raised_at, seen_at, decided_at,"
    " decided_by, measured"
)


def _action(row: tuple[Any, ...]) -> Action:
    number, kind, site, station, evse, state, currency, expected, low, high, facts, *rest = row
    raised_at, seen_at, decided_at, decided_by, measured = rest
    return Action(
        id=number, kind=Kind(kind), site=site, station=station, evse=evse, state=State(state), currency=currency,
        effect=Effect(expected=expected, low=low, high=high), facts=facts, raised_at=raised_at, seen_at=seen_at,
        decided_at=decided_at, decided_by=decided_by,
        measured=None if measured is None else msgspec.convert(measured, Measured),
    )  # fmt: skip


async def list_actions(conn: Connection, tenant_id: int, states: Sequence[State], limit: int) -> list[Action]:
    """Those in these states: open ones by their effect, currency after currency, then what was decided last."""
    rows = await conn.execute(
        f"SELECT {_COLUMNS} FROM insight_actions WHERE tenant_id = %s AND state = ANY(%s)"
        " ORDER BY decided_at DESC NULLS FIRST, count(*) OVER (PARTITION BY state, currency) DESC, currency,"
        " expected DESC, action_id LIMIT %s",
        (tenant_id, [state.value for state in states], limit),
    )
    return [_action(row) for row in await rows.fetchall()]


async def find_action(conn: Connection, tenant_id: int, action_id: int, *, lock: bool = False) -> Action | None:
    """One of them, held until the transaction ends if it is to be changed."""
    held = " FOR UPDATE" if lock else ""
    query = f"SELECT {_COLUMNS} FROM insight_actions WHERE tenant_id = %s AND action_id = %s{held}"
    row = await (await conn.execute(query, (tenant_id, action_id))).fetchone()
    return None if row is None else _action(row)


async def decide(
    conn: Connection, tenant_id: int, action_id: int, state: State, at: datetime | None, by: str | None
) -> None:
    """Puts one into a state. What is taken is measured anew; of what is dismissed, what was measured stays."""
    await conn.execute(
        "UPDATE insight_actions SET state = %s, decided_at = %s, decided_by = %s,"
        " measured = CASE WHEN %s = 'dismissed' THEN measured END"
        " WHERE tenant_id = %s AND action_id = %s",
        (state.value, at, by, state.value, tenant_id, action_id),
    )


async def decided_since(conn: Connection, tenant_id: int, since: datetime) -> list[Action]:
    """Those that were taken or dismissed since a time."""
    rows = await conn.execute(
        f"SELECT {_COLUMNS} FROM insight_actions WHERE tenant_id = %s AND decided_at >= %s ORDER BY action_id",
        (tenant_id, since),
    )
    return [_action(row) for row in await rows.fetchall()]


async def keep_open(conn: Connection, tenant_id: int, found: Sequence[Proposal], at: datetime) -> None:
    """Has these be the open ones: what was there already stays the same with new numbers, others go."""
    for each in found:
        await conn.execute(
            "INSERT INTO insight_actions (tenant_id, kind, site, station, evse, currency, expected, low, high, facts,"
            " raised_at, seen_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s)"
            " ON CONFLICT (tenant_id, kind, site, station, evse) WHERE state = 'open' DO UPDATE SET"
            " currency = excluded.currency, expected = excluded.expected, low = excluded.low, high = excluded.high,"
            " facts = excluded.facts, seen_at = excluded.seen_at",
            (
                tenant_id, *each.place, each.currency, each.effect.expected, each.effect.low, each.effect.high,
                msgspec.json.encode(each.facts).decode(), at, at,
            ),
        )  # fmt: skip
    await conn.execute(
        "DELETE FROM insight_actions WHERE tenant_id = %s AND state = 'open' AND seen_at < %s", (tenant_id, at)
    )


async def keep_measured(conn: Connection, tenant_id: int, action_id: int, found: Measured) -> None:
    """What came of one that is taken."""
    await conn.execute(
        "UPDATE insight_actions SET measured = %s::jsonb WHERE tenant_id = %s AND action_id = %s AND state = 'taken'",
        (msgspec.json.encode(found).decode(), tenant_id, action_id),
    )


async def has_open(conn: Connection, tenant_id: int, of: Action) -> bool:
    """Whether the same was found again and is open."""
    row = await (
        await conn.execute(
            "SELECT EXISTS (SELECT FROM insight_actions WHERE tenant_id = %s AND kind = %s AND site = %s"
            " AND station = %s AND evse = %s AND state = 'open' AND action_id <> %s)",
            (tenant_id, *of.place, of.id),
        )
    ).fetchone()
    return row is not None and bool(row[0])


async def forget(conn: Connection, tenant_id: int, before: datetime) -> int:
    """Lets those go that were decided on before a time; how many."""
    done = await conn.execute(
        "DELETE FROM insight_actions WHERE tenant_id = %s AND decided_at < %s", (tenant_id, before)
    )
    return done.rowcount
