"""SQL of models that an organisation's own outcomes made, and of their contests."""

from datetime import date, datetime
from typing import Final

import msgspec

from forecourt.insight.health.contest import Contest
from forecourt.insight.health.model import FORM, Card, Model
from forecourt.insight.store import Connection

#: Models that are kept beside the one in use, and contests.
MAX_MODELS: Final = 4
MAX_CONTESTS: Final = 36


async def find_in_use(conn: Connection, tenant_id: int) -> Model | None:
    """The organisation's own model; None: the one that ships is in use, as where its own was made of other features."""
    row = await (
        await conn.execute(
            "SELECT card, trees FROM connector_models WHERE tenant_id = %s AND in_use AND (card->>'form')::int = %s",
            (tenant_id, FORM),
        )
    ).fetchone()
    return None if row is None else Model(card=msgspec.convert(row[0], Card), trees=row[1])


async def use_model(conn: Connection, tenant_id: int, version: str, model: Model, at: datetime) -> None:
    """From now on this model is in use; of those before, the newest are kept."""
    await conn.execute("UPDATE connector_models SET in_use = false WHERE tenant_id = %s AND in_use", (tenant_id,))
    await conn.execute(
        "INSERT INTO connector_models (tenant_id, version, made_at, in_use, card, trees)"
        " VALUES (%s, %s, %s, true, %s::jsonb, %s) ON CONFLICT (tenant_id, version) DO UPDATE SET in_use = true",
        (tenant_id, version, at, msgspec.json.encode(model.card).decode(), model.trees or ""),
    )
    await conn.execute(
        "DELETE FROM connector_models WHERE tenant_id = %(tenant)s AND NOT in_use AND version NOT IN ("
        " SELECT version FROM connector_models WHERE tenant_id = %(tenant)s ORDER BY made_at DESC LIMIT %(most)s)",
        {"tenant": tenant_id, "most": MAX_MODELS},
    )


async def keep_contest(conn: Connection, tenant_id: int, held_on: date, at: datetime, contest: Contest) -> None:
    """Keeps a contest in the place of one of the same day; the newest of all are kept."""
    await conn.execute(
        "DELETE FROM connector_contests WHERE tenant_id = %(tenant)s AND (held_on = %(day)s OR held_on < ("
        " SELECT held_on FROM connector_contests WHERE tenant_id = %(tenant)s ORDER BY held_on DESC"
        " OFFSET %(most)s LIMIT 1))",
        {"tenant": tenant_id, "day": held_on, "most": MAX_CONTESTS - 1},
    )
    await conn.execute(
        "INSERT INTO connector_contests (tenant_id, held_on, held_at, champion, challenger, won, told)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s::jsonb)",
        (
            tenant_id, held_on, at, contest.champion, contest.challenger, contest.won,
            msgspec.json.encode(contest).decode(),
        ),
    )  # fmt: skip


async def list_contests(conn: Connection, tenant_id: int, limit: int) -> list[tuple[date, Contest]]:
    """The newest first, each with its day."""
    rows = await conn.execute(
        "SELECT held_on, told FROM connector_contests WHERE tenant_id = %s ORDER BY held_on DESC LIMIT %s",
        (tenant_id, limit),
    )
    return [(day, msgspec.convert(told, Contest)) for day, told in await rows.fetchall()]
