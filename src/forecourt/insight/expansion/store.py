"""SQL of growth: what the operator says of it."""

from datetime import datetime
from typing import Final

import msgspec

from forecourt.insight.expansion.inputs import Inputs
from forecourt.insight.store import Connection

#: What is said for all sites stands under this name.
ALL: Final = ""


async def list_inputs(conn: Connection, tenant_id: int) -> dict[str, Inputs]:
    """What is said, by site; ALL for all sites."""
    rows = await conn.execute("SELECT site, inputs FROM expansion_inputs WHERE tenant_id = %s", (tenant_id,))
    return {site: msgspec.convert(said, Inputs) for site, said in await rows.fetchall()}


async def keep_inputs(conn: Connection, tenant_id: int, site: str, inputs: Inputs, at: datetime, by: str) -> None:
    """Puts what is said of a site in the place of what was."""
    await conn.execute(
        "INSERT INTO expansion_inputs (tenant_id, site, inputs, said_at, said_by) VALUES (%s, %s, %s::jsonb, %s, %s)"
        " ON CONFLICT (tenant_id, site) DO UPDATE SET inputs = excluded.inputs, said_at = excluded.said_at,"
        " said_by = excluded.said_by",
        (tenant_id, site, msgspec.json.encode(inputs).decode(), at, by),
    )


async def forget_inputs(conn: Connection, tenant_id: int, site: str) -> bool:
    """Whether something was said of it."""
    done = await conn.execute("DELETE FROM expansion_inputs WHERE tenant_id = %s AND site = %s", (tenant_id, site))
    return done.rowcount > 0
