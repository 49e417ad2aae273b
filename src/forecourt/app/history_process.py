"""The demo's past: simulated weeks before its first start, brought in as an operator brings his history, so that what
looks at weeks has something to look at from the first hour on.

A process of its own, of the lowest priority, that ends when it is done. One that is stopped goes on with the next start
where it was; what is in is not brought again. It touches the demo's organisation and no other.
"""

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog

from forecourt.insight.actions.service import Finder
from forecourt.insight.forecast.making import Forecaster
from forecourt.insight.importing.files import understood
from forecourt.insight.importing.service import Importer
from forecourt.insight.importing.store import own_stations
from forecourt.insight.importing.tables import Options
from forecourt.insight.lake.export import Exporter
from forecourt.insight.lake.layout import LakeBusy
from forecourt.insight.store import list_tenants
from forecourt.platform import log as logs
from forecourt.platform.clock import Clock, SystemClock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.platform.settings import Settings, load

log = structlog.get_logger(__name__)

#: Whose records they are, in the list of imports and in the lake.
SOURCE: Final = "simulated-past"
#: The table, in the data folder, by the day until when it tells.
NAME: Final = "simulated-past-{day}.csv"
NICE: Final = 19
#: How long the demo's stations may take to be registered, and how often they are looked for.
STATIONS_WITHIN: Final = timedelta(minutes=5)
POLL_S: Final = 2.0
#: How often a lake that somebody else writes is tried again.
LAKE_TRIES: Final = 30
MAX_IMPORTS: Final = 1_000
#: How long the choice of a forecast may take: then it is made without what learns, and stays so for a week.
CHOICE_S: Final = 60.0


class StationsMissing(ForecourtError):
    """The demo's stations are not registered yet. The next start brings their past in."""

    code = "stations-missing"


def main() -> None:
    """Brings the past in where it is missing, and makes the lake, forecasts and actions of it."""
    os.nice(NICE)
    settings = load(os.environ)
    logs.set_up(settings.log_level, settings.log_format)
    asyncio.run(_main(settings))


async def _main(settings: Settings) -> None:
    assert settings.database_url is not None
    url = settings.database_url
    async with Pool(url, "forecourt_worker", size=1, application="history") as every, every.anyone() as conn:
        tenants = await list_tenants(conn)
    async with Pool(url, "forecourt_app", size=2, application="history") as pool:
        for tenant_id, _ in tenants:
            await bring(pool, SystemClock(), settings, tenant_id)


async def bring(pool: Pool, clock: Clock, settings: Settings, tenant_id: int) -> bool:
    """Whether something was brought in: nothing is where it is there already, or this is no demo. Raises
    StationsMissing."""
    importer = Importer(pool, clock, "demo")
    async with pool.tenant(tenant_id) as conn:
        row = await (await conn.execute("SELECT demo FROM organisations WHERE tenant_id = %s", (tenant_id,))).fetchone()
    if row is None or not row[0]:
        return False
    imports = await importer.imports(tenant_id, MAX_IMPORTS)
    is_in = any(each.source == SOURCE and each.ended_at is not None for each in imports)
    path = await asyncio.to_thread(_kept, settings.data_dir)
    if is_in and path is None:
        return False
    if path is None:
        path = await _made(settings.data_dir, clock)
    if not is_in:
        await _until_registered(pool, clock, tenant_id, path)
        source = await asyncio.to_thread(understood, path, Options(), clock.now())
        report = await importer.bring(tenant_id, path, source, SOURCE)
        log.info("the demo's past is in", sessions=report.taken, energy_wh=report.taken_wh)
    await _export(Exporter(pool, clock, settings.lake), tenant_id)
    await Finder(pool, clock, settings.lake).find(tenant_id)
    await Forecaster(pool, clock, settings.lake, choice_s=CHOICE_S).make(tenant_id)
    # While the table is there, something is left to do.
    await asyncio.to_thread(path.unlink)
    log.info("the demo's past is told")
    return True


def _kept(folder: Path) -> Path | None:
    """The table of a start that was stopped."""
    return next(iter(sorted(folder.glob(NAME.format(day="*")))), None)


async def _made(folder: Path, clock: Clock) -> Path:
    """A table of the weeks until now."""
    until = clock.now().replace(microsecond=0)
    path = folder / NAME.format(day=f"{until:%Y-%m-%d}")
    made = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "forecourt.simulator.past", str(path), until.isoformat()
    )
    if await made.wait():
        raise ForecourtError("The simulated past could not be made.")
    return path


async def _until_registered(pool: Pool, clock: Clock, tenant_id: int, path: Path) -> None:
    """Waits for the stations that the table tells of: sessions at a station that nobody knows would be a stranger's."""
    source = await asyncio.to_thread(understood, path, Options(), clock.now())
    names = sorted({each.session.station for each in source.rows() if each.session is not None})
    until_s = clock.monotonic() + STATIONS_WITHIN.total_seconds()
    while True:
        async with pool.tenant(tenant_id) as conn:
            there = await own_stations(conn, tenant_id, names)
        if len(there) == len(names):
            return
        if clock.monotonic() > until_s:
            raise StationsMissing
        await asyncio.sleep(POLL_S)


async def _export(exporter: Exporter, tenant_id: int) -> None:
    for left in reversed(range(LAKE_TRIES)):
        try:
            await exporter.export(tenant_id)
        except LakeBusy:
            if not left:
                raise
            await asyncio.sleep(POLL_S)
        else:
            return


if __name__ == "__main__":
    try:
        main()
    except ForecourtError as fault:
        sys.exit(fault.detail)
