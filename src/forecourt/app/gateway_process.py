"""The gateway process: wires the gateway to PostgreSQL, the bus and its sockets, and runs until it is told to stop."""

import asyncio
import resource
from typing import Any
from uuid import uuid4

import structlog
import uvloop
from psycopg import AsyncConnection

from forecourt.app.routing import routes
from forecourt.app.signals import stop_event
from forecourt.drivers.outside.authorizer import Decision, Failure, OutsideAuthorizer
from forecourt.drivers.outside.lanes import LANES as DRIVER_LANES
from forecourt.drivers.outside.lanes import write_of
from forecourt.energy.store.lanes import LANES as ENERGY_LANES
from forecourt.loyalty.giving import Giving
from forecourt.payments.companies.said import Companies, Vies
from forecourt.payments.terminals.lanes import LANES as TERMINAL_LANES
from forecourt.payments.terminals.said import Terminals
from forecourt.platform import database, metrics
from forecourt.platform.bus import Bus
from forecourt.platform.clock import SystemClock
from forecourt.platform.collector import keep_frozen
from forecourt.platform.errors import SettingsError
from forecourt.platform.live import LiveFeed
from forecourt.platform.outward import Outward
from forecourt.platform.settings import Settings
from forecourt.sessions.lanes import LANES as SESSION_LANES
from forecourt.sessions.service import Sessions
from forecourt.sessions.told.total import Totals
from forecourt.stations.certificates.judge import Judge
from forecourt.stations.certificates.kept import KeptAnswers
from forecourt.stations.certificates.lanes import LANES as CERTIFICATE_LANES
from forecourt.stations.certificates.responders import Responders
from forecourt.stations.certificates.said import Certificates
from forecourt.stations.gateway.knocks import Knocks
from forecourt.stations.gateway.lanes import LANES as STATION_LANES
from forecourt.stations.gateway.reports import StationReports
from forecourt.stations.gateway.roster import Roster
from forecourt.stations.gateway.server import Gateway
from forecourt.stations.gateway.transport import carrier, server_tls

log = structlog.get_logger(__name__)

#: Connections beside the group commit's own: roster and lease.
POOL_SIZE = 2
#: Connections by which ended transactions are priced, for stations that show what they came to.
TOTALS_POOL = 2
#: Sockets a process may hold; a hard limit below it is taken as it is.
MAX_FILES = 65_536
COMMIT_TIMEOUT_MS = 15_000
LOCK_TIMEOUT_MS = 5_000


def main(settings: Settings) -> None:
    """Serve stations until SIGTERM or SIGINT, then drain."""
    if settings.database_url is None or settings.nats_url is None:
        raise SettingsError("The gateway needs FORECOURT_DATABASE_URL and FORECOURT_NATS_URL, or use `forecourt up`.")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    uvloop.run(serve(settings))


async def serve(settings: Settings) -> None:
    """Start, say so, wait for the signal, drain."""
    stopping = stop_event()
    assert settings.database_url is not None
    assert settings.nats_url is not None
    await database.wait_until_safe(settings.database_url, "forecourt_ingest")
    bus = await Bus.wait(settings.nats_url, database.START_PATIENCE_S)
    async with (
        database.Pool(settings.database_url, "forecourt_ingest", size=POOL_SIZE, application="gateway") as pool,
        database.Pool(settings.database_url, "forecourt_app", size=TOTALS_POOL, application="gateway") as tenants,
        Outward(private=settings.webhooks_private) as outward,
        Outward(private=settings.responders_private) as to_responders,
    ):
        live = LiveFeed(bus)
        gateway = build(settings, bus, pool, live, outward, to_responders, tenants)
        with metrics.served(settings, metrics.CommitMeasures(gateway.commit)):
            await gateway.start()
            publishing = asyncio.create_task(live.run())
            freezing = asyncio.create_task(keep_frozen())
            servers = await _listen(settings, gateway)
            log.info("gateway ready", port=settings.ocpp_port, gateway=gateway.gateway_id, stations=len(gateway.roster))
            await stopping.wait()
            log.info("gateway drains", connected=len(gateway.connections))
            for server in servers:
                await server.stop()
            await gateway.drain()
            await live.flush()
            publishing.cancel()
            freezing.cancel()
            await bus.close()


def build(
    settings: Settings,
    bus: Bus,
    pool: database.Pool,
    live: LiveFeed,
    outward: Outward,
    to_responders: Outward,
    tenants: database.Pool | None = None,
) -> Gateway:
    """The gateway with its rooms: routes and lanes of drivers, stations, sessions, energy and payments. `outward` goes
    to addresses that customers name, `to_responders` to those that stations and certificates do. `tenants` is a pool of
    role forecourt_app; without one no station is told what a session came to."""
    url = settings.database_url
    assert url is not None

    async def connect() -> AsyncConnection[Any]:
        connection = await database.connect(url, "forecourt_ingest", autocommit=True)
        await connection.execute(
            f"SET statement_timeout = {COMMIT_TIMEOUT_MS}; SET lock_timeout = {LOCK_TIMEOUT_MS};"
            " SET synchronous_commit = on; SET enable_seqscan = off"
        )
        return connection

    clock = SystemClock()
    reports = StationReports(clock, live, settings.heartbeat_interval_s)

    def keep(kept: Decision | Failure) -> None:
        gateway.commit.submit_patiently(write_of(kept))

    costs = None if tenants is None else Totals(tenants, clock, Giving(clock))
    responders = Responders(to_responders, clock, None if tenants is None else KeptAnswers(tenants))
    authorizer = OutsideAuthorizer(outward, settings.secret(), clock, keep)
    sessions = Sessions(live, reports, authorizer, costs, Judge(responders, clock))
    certificates = Certificates(outward, responders, settings.secret(), clock)
    terminals = Terminals(settings.secret(), settings.console_url)
    companies = Companies(None if settings.vies_url is None else Vies(outward, settings.vies_url))
    reports.on_linked.append(sessions.forget)
    roster = Roster(settings.secret(), behind_tls_proxy=settings.ocpp_behind_tls_proxy)
    gateway = Gateway(
        str(uuid4()),
        clock=clock,
        bus=bus,
        connect=connect,
        pool=pool,
        roster=roster,
        routes=routes(reports, sessions, terminals, companies, certificates),
        reports=reports,
        knocks=Knocks(settings.secret(), clock, roster.get),
        lanes=(*DRIVER_LANES, *STATION_LANES, *CERTIFICATE_LANES, *SESSION_LANES, *ENERGY_LANES, *TERMINAL_LANES),
    )
    return gateway


async def _listen(settings: Settings, gateway: Gateway) -> list[Any]:
    plain = carrier(gateway, settings.ocpp_transport, None)
    await plain.start(settings.host, settings.ocpp_port)
    servers: list[Any] = [plain]
    if settings.ocpp_tls_port is not None:
        authorities = None if settings.ocpp_tls_ca is None else str(settings.ocpp_tls_ca)
        context = server_tls(str(settings.ocpp_tls_cert), str(settings.ocpp_tls_key), authorities)
        secure = carrier(gateway, settings.ocpp_transport, context)
        await secure.start(settings.host, settings.ocpp_tls_port)
        servers.append(secure)
    return servers
