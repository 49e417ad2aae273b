"""The planner process: holds sites and keeps them by their plans."""

import asyncio

import structlog
import uvloop

from forecourt.app.signals import stop_event
from forecourt.energy.keeper.planner import Planner
from forecourt.insight.forecast.offered import forecast_of
from forecourt.platform import metrics
from forecourt.platform.bus import Bus
from forecourt.platform.clock import SystemClock
from forecourt.platform.collector import keep_frozen
from forecourt.platform.database import START_PATIENCE_S, Pool, wait_until_safe
from forecourt.platform.errors import SettingsError
from forecourt.platform.settings import Settings
from forecourt.stations.commands import Commander

log = structlog.get_logger(__name__)

#: Sites are looked at one connection each.
TENANT_POOL = 6


def main(settings: Settings) -> None:
    """Plan until SIGTERM or SIGINT; the sites are given back then."""
    if settings.database_url is None or settings.nats_url is None:
        raise SettingsError("The planner needs FORECOURT_DATABASE_URL and FORECOURT_NATS_URL, or use `forecourt up`.")
    uvloop.run(serve(settings))


async def serve(settings: Settings) -> None:
    """Start, plan, stop."""
    url = settings.database_url
    assert url is not None
    assert settings.nats_url is not None
    stopping = stop_event()
    await wait_until_safe(url, "forecourt_worker")
    bus = await Bus.wait(settings.nats_url, START_PATIENCE_S)
    clock = SystemClock()
    async with (
        Pool(url, "forecourt_worker", size=1, application="planner") as worker,
        Pool(url, "forecourt_app", size=TENANT_POOL, application="planner-tenants") as tenants,
    ):
        commander = Commander(tenants, bus, clock, secret_key=settings.secret())
        planner = Planner(
            url, worker=worker, tenants=tenants, stations=commander.batch, clock=clock, forecaster=forecast_of
        )
        with metrics.served(settings):
            frozen = asyncio.create_task(keep_frozen())
            running = asyncio.create_task(planner.run())
            log.info("planner ready")
            stopped = asyncio.create_task(stopping.wait())
            await asyncio.wait([running, stopped], return_when=asyncio.FIRST_COMPLETED)
            ended = running.done()
            running.cancel()
            stopped.cancel()
            frozen.cancel()
            await asyncio.gather(running, stopped, frozen, return_exceptions=True)
        await bus.close()
        if ended:
            running.result()
