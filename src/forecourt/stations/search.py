"""Stations and sites for Ctrl-K: by part of an identity, a name, or where a site is."""

from collections.abc import Sequence
from urllib.parse import quote

from forecourt.platform.database import Pool
from forecourt.stations import store
from forecourt.ui.search import Found


def station_path(identity: str) -> str:
    """The address at which a person looks at a station."""
    return f"/stations/{quote(identity, safe='')}"


class StationSearch:
    """Finds stations and sites of a tenant."""

    def __init__(self, db: Pool) -> None:
        self._db = db

    async def __call__(self, tenant_id: int, text: str, limit: int, /) -> Sequence[Found]:
        async with self._db.tenant(tenant_id) as conn:
            stations = await store.find_by_part(conn, tenant_id, text, limit)
            sites = await store.find_sites_by_part(conn, tenant_id, text, limit)
        return [
            *(
                Found(
                    kind="station",
                    title=name or identity,
                    second=" · ".join(filter(None, (identity if name else None, site))),
                    href=station_path(identity),
                )
                for identity, name, site in stations
            ),
            *(Found(kind="site", title=name, second=city or "", href=f"/sites/{slug}") for slug, name, city in sites),
        ]
