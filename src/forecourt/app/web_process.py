"""The web process: console, API and live socket on one loop, until it is told to stop."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator

import structlog
import uvicorn
import uvloop
from litestar.types import ASGIApp

from forecourt.access import Access
from forecourt.app.screens import screens
from forecourt.app.web import create_app
from forecourt.platform.bus import Bus
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import START_PATIENCE_S, Pool, wait_until_safe
from forecourt.platform.errors import SettingsError
from forecourt.platform.settings import Settings

log = structlog.get_logger(__name__)

#: How long open requests may take to end after the process was told to stop.
SHUTDOWN_S = 8
#: How long an idle connection of a browser is kept.
KEEP_ALIVE_S = 65
BACKLOG = 2048
#: Whoever waits for an answer is told that the database is away after this long, should it stand still.
TRANSACTION_DEADLINE_S = 10.0
#: Connections at once, open pages' sockets included.
MAX_CONNECTIONS = 10_000
#: Live pages send a list of what they watch and nothing else.
MAX_SOCKET_MESSAGE_BYTES = 256 * 1024


def main(settings: Settings) -> None:
    """Serve people and programs until SIGTERM or SIGINT, then let open requests end."""
    if settings.database_url is None or settings.nats_url is None:
        raise SettingsError("The web needs FORECOURT_DATABASE_URL and FORECOURT_NATS_URL, or use `forecourt up`.")
    uvloop.run(serve(settings))


async def serve(settings: Settings) -> None:
    """Start, serve, stop."""
    assert settings.database_url is not None
    assert settings.nats_url is not None
    await wait_until_safe(settings.database_url, "forecourt_app")
    bus = await Bus.wait(settings.nats_url, START_PATIENCE_S)
    pool = Pool(
        settings.database_url, "forecourt_app", size=settings.database_pool_size, application="web",
        deadline_s=TRANSACTION_DEADLINE_S,
    )  # fmt: skip
    try:
        async with pool:
            clock = SystemClock()
            access = Access(pool, settings.secret(), clock, console_url=settings.console_url)
            seen = screens(settings, pool, bus, clock, access)
            app = create_app(
                settings,
                pool,
                bus,
                clock,
                access=access,
                shell=seen.shell,
                screens=seen.routes,
                hub=seen.hub,
                strays=seen.strays,
            )
            await run(app, settings)
    finally:
        await bus.close()


async def run(app: ASGIApp, settings: Settings) -> None:
    """Serve one application on the web port until a signal asks to stop."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.web_port,
        loop="none",
        http="httptools",
        ws="websockets-sansio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=SHUTDOWN_S,
        ws_max_size=MAX_SOCKET_MESSAGE_BYTES,
    )
    server = _Server(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.handle_exit, number, None)
    log.info("web ready", port=settings.web_port)
    await server.serve()
    log.info("web stopped")


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers, which end the process before the bus and the pool are closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
