"""Webhooks for Ctrl-K: by part of what they are for or of their address."""

from collections.abc import Sequence

from forecourt.platform.database import Pool
from forecourt.ui.search import Found
from forecourt.webhooks import store


class WebhookSearch:
    """Finds the webhooks of a tenant."""

    def __init__(self, db: Pool) -> None:
        self._db = db

    async def __call__(self, tenant_id: int, text: str, limit: int, /) -> Sequence[Found]:
        async with self._db.tenant(tenant_id) as conn:
            rows = await store.find_by_part(conn, tenant_id, text, limit)
        return [
            Found(
                kind="webhook",
                title=row.description or row.url,
                second=row.url if row.description else "",
                href=f"/webhooks/{row.webhook_id}",
            )
            for row in rows
        ]
