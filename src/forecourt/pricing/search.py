"""Tariffs for Ctrl-K: by part of their name or id."""

from collections.abc import Sequence

from forecourt.platform.database import Pool
from forecourt.pricing.store import tariffs as store
from forecourt.ui.search import Found


class TariffSearch:
    """Finds the tariffs of a tenant."""

    def __init__(self, db: Pool) -> None:
        self._db = db

    async def __call__(self, tenant_id: int, text: str, limit: int, /) -> Sequence[Found]:
        async with self._db.tenant(tenant_id) as conn:
            rows = await store.list_tariffs(conn, tenant_id, search=text, limit=limit)
        return [
            Found(kind="tariff", title=row.name, second=f"{row.tariff.currency} · v{row.version}",
                  href=f"/prices/{row.tariff_id}")
            for row in rows
        ]  # fmt: skip
