"""Tokens for Ctrl-K: by part of a uid, a driver or a vehicle."""

from collections.abc import Sequence

from forecourt.drivers import store
from forecourt.drivers.store import TokenFilter
from forecourt.platform.database import Pool
from forecourt.ui.search import Found

#: Tokens that a search puts in order; a text that fits more is too short to tell.
MAX_CANDIDATES = 200


class TokenSearch:
    """Finds tokens of a tenant."""

    def __init__(self, db: Pool) -> None:
        self._db = db

    async def __call__(self, tenant_id: int, text: str, limit: int, /) -> Sequence[Found]:
        async with self._db.tenant(tenant_id) as conn:
            rows = await store.list_tokens(
                conn,
                tenant_id,
                TokenFilter(search=text),
                order="newest",
                place=None,
                limit=limit,
                most=MAX_CANDIDATES,
            )
        return [
            Found(
                kind="token",
                title=row.uid,
                second=" · ".join(filter(None, (row.driver_name, row.driver_reference, row.vehicle))),
                href=f"/tokens/{row.number}",
            )
            for row in rows
        ]
