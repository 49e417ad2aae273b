"""A fleet or a tariff is called otherwise: days of the lake that tell of it by a name that it had are made anew, so
that its past is one. Which these are the lake knows itself, in its few rows of days of groups and of sites."""

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

from forecourt.insight.lake import asking, store
from forecourt.insight.lake.layout import Folder, LakeMissing
from forecourt.platform.database import Pool

#: A day of a site's own clock is of so many of UTC, by which files are parted.
_NEAR = (-1, 0, 1)


async def fleet_renamed(tenants: Pool, root: Path, tenant_id: int, fleet_id: int) -> None:
    """Marks the days, for the next export. Raises LakeBusy while the lake is written, as what is written then may have
    been read before: it is to be tried again."""
    async with tenants.tenant(tenant_id) as conn:
        names = await store.former_names(conn, tenant_id, fleet_id)
    await _mark(tenants, root, tenant_id, ("group_days", "driver_group"), names)


async def tariff_renamed(tenants: Pool, root: Path, tenant_id: int, tariff_id: UUID) -> None:
    """The same for a tariff. Raises LakeBusy."""
    async with tenants.tenant(tenant_id) as conn:
        names = await store.former_tariff_names(conn, tenant_id, tariff_id)
    await _mark(tenants, root, tenant_id, ("site_days", "tariff"), names)


async def _mark(tenants: Pool, root: Path, tenant_id: int, where: tuple[str, str], names: Sequence[str]) -> None:
    if not names:
        return
    folder = Folder(root, tenant_id)
    # Where there is no lake, or one of another form, one may be in the making.
    with folder.locked():
        # What a stopped export had made is made again.
        folder.note(None)
        days = await asyncio.to_thread(_days, root, tenant_id, where, names)
        async with tenants.tenant(tenant_id) as conn:
            await store.mark(conn, tenant_id, days)


def _days(root: Path, tenant_id: int, where: tuple[str, str], names: Sequence[str]) -> list[date]:
    table, column = where
    try:
        with asking.expressed(root, tenant_id) as tables:
            days = tables[table]
            mine = days.filter(days[column].isin(list(names))).select("local_date").distinct()
            found: list[date] = mine.to_pyarrow().column("local_date").to_pylist()
    except LakeMissing:
        return []
    return sorted({day + timedelta(days=more) for day in found for more in _NEAR})
