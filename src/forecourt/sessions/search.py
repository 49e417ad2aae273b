"""Sessions for Ctrl-K: by the beginning of an id, or by the transaction as the station knows it."""

import re
from collections.abc import Sequence
from uuid import UUID

from forecourt.platform.database import Pool
from forecourt.sessions import store
from forecourt.ui import formats
from forecourt.ui.search import Found

#: Fewer digits of an id fit too many sessions to tell anything.
LEAST_DIGITS = 4
_ID = re.compile(r"[0-9a-f]+", re.IGNORECASE)
_DIGITS = 32


class SessionSearch:
    """Finds sessions of a tenant."""

    def __init__(self, db: Pool) -> None:
        self._db = db

    async def __call__(self, tenant_id: int, text: str, limit: int, /) -> Sequence[Found]:
        async with self._db.tenant(tenant_id) as conn:
            rows = await store.search(conn, tenant_id, ids_beginning(text), text, limit)
        return [
            Found(
                kind="session",
                title=f"{row.station_name or row.station} · {formats.moment(row.started_at)}",
                second=f"{str(row.session_id)[:8]} · {row.transaction_id}",
                href=f"/sessions/{row.session_id}",
            )
            for row in rows
        ]


def ids_beginning(text: str) -> tuple[UUID, UUID] | None:
    """The first and the last id that begin so; None for what is no beginning of an id, or a too short one."""
    digits = text.replace("-", "")
    if _ID.fullmatch(digits) is None or not LEAST_DIGITS <= len(digits) <= _DIGITS:
        return None
    return UUID(digits.ljust(_DIGITS, "0")), UUID(digits.ljust(_DIGITS, "f"))
