"""`forecourt up`: the whole of Forecourt on one machine, from nothing to a page that shows cars charging.

Starts what is not given by URL (PostgreSQL, NATS), brings the database to this version, makes sure that somebody can
sign in, then runs the gateway, the web, the worker and the planner as processes of their own and keeps them running.
"""

import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import msgspec
from psycopg.conninfo import conninfo_to_dict
from rich.console import Console

from forecourt.app.supervisor import Service, Supervisor
from forecourt.app.welcome import welcome
from forecourt.platform.database import DatabaseBusy, connect
from forecourt.platform.embedded import EmbeddedNats, EmbeddedPostgres
from forecourt.platform.embedded.process import Child, FolderLock
from forecourt.platform.errors import ForecourtError, SettingsError
from forecourt.platform.settings import PREFIX, Settings

if TYPE_CHECKING:
    from forecourt.app.bootstrap import Bootstrapped

#: How long the processes may take until they listen.
LISTEN_TIMEOUT_S = 60.0
POLL_S = 0.05
#: Who stops after whom: first those who bring work, last those who finish it.
STOP_ORDER = (("simulator",), ("planner",), ("gateway",), ("web", "worker"), ("provider",))
#: What each may take to put down its work, before it is killed.
STOP_WAITS_S = {
    "provider": 5.0,
    "simulator": 5.0,
    "planner": 10.0,
    "gateway": 15.0,
    "web": 10.0,
    "worker": 10.0,
    "history": 2.0,
}
#: Settings that the processes have no business with.
KEPT_FROM_CHILDREN = (f"{PREFIX}MIGRATE_URL", f"{PREFIX}BOOTSTRAP_API_KEY")


class PortTaken(ForecourtError):
    """A port is taken by another program. Stop that program, or choose another port."""

    code = "port-taken"


def main(settings: Settings, *, demo: bool) -> None:
    """Runs until it is told to stop (Ctrl-C, SIGTERM) and leaves no process behind.

    Raises ForecourtError when something can't be started; what was started before is stopped.
    """
    asyncio.run(_main(settings, Console(), demo=demo))


def migrate_only(settings: Settings) -> list[str]:
    """Brings the database to this version and makes the first way in; returns what was applied.

    Starts the embedded server for it if need be.
    """
    if settings.database_url is None:
        return asyncio.run(_migrate_embedded(settings))
    from forecourt.app.bootstrap import ensure
    from forecourt.platform.migrate import migrate

    url = _owner_url(settings)
    applied = migrate(url, login_of(settings.database_url))
    asyncio.run(ensure(settings, url, False))
    return applied


def _owner_url(settings: Settings) -> str:
    if settings.migrate_url is None:
        raise SettingsError(f"{PREFIX}MIGRATE_URL is not set: it names the owner of the tables.")
    return settings.migrate_url


async def _migrate_embedded(settings: Settings) -> list[str]:
    from forecourt.app.bootstrap import ensure
    from forecourt.platform.migrate import migrate

    with FolderLock(settings.data_dir.absolute() / "up.lock"):
        async with EmbeddedPostgres(settings.data_dir) as postgres:
            applied = await asyncio.to_thread(migrate, postgres.admin_url, login_of(postgres.app_url))
            await ensure(settings, postgres.admin_url, False)
            return applied


def add_organisation(settings: Settings, name: str, email: str) -> "Bootstrapped":
    """Makes another organisation and its first owner, whether Forecourt runs or not."""
    from forecourt.app.bootstrap import add_organisation as add

    if settings.database_url is not None:
        return asyncio.run(add(_owner_url(settings), name, email))

    async def add_embedded() -> "Bootstrapped":
        postgres = EmbeddedPostgres(settings.data_dir)
        try:
            return await add(postgres.admin_url, name, email)
        except DatabaseBusy:
            with FolderLock(settings.data_dir.absolute() / "up.lock"):
                async with postgres:
                    return await add(postgres.admin_url, name, email)

    return asyncio.run(add_embedded())


@asynccontextmanager
async def database_of(settings: Settings) -> AsyncIterator[str]:
    """The application's address of the database, whether Forecourt runs or not: the embedded server is started for as
    long as it is needed. Raises FolderInUse while another start or stop is at work."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    postgres = EmbeddedPostgres(settings.data_dir)
    try:
        await (await connect(postgres.app_url)).close()
    except DatabaseBusy:
        with FolderLock(settings.data_dir.absolute() / "up.lock"):
            async with postgres:
                yield postgres.app_url
        return
    yield postgres.app_url


async def _main(settings: Settings, console: Console, *, demo: bool) -> None:
    with stop_signals() as stop, FolderLock(settings.data_dir.absolute() / "up.lock"):
        check_ports(settings)
        async with AsyncExitStack() as stack:
            with console.status("Starting PostgreSQL and NATS"):
                complete, postgres, nats = await start_servers(settings, stack)
            with console.status("Bringing the database to this version"):
                bootstrapped = await prepare_database(complete, console, demo=demo)
            supervisor = Supervisor(lambda line: tell(console, line, "yellow"))
            logs = complete.data_dir / "log"
            if postgres is not None:
                supervisor.watch("postgres", postgres, postgres.restart, logs / "postgres.log")
            if nats is not None:
                supervisor.watch("nats", nats, nats.restart, logs / "nats.log")
            try:
                with console.status("Starting the gateway, the web and the worker"):
                    await unless(stop, start_processes(complete, supervisor, bootstrapped, demo=demo))
                if not stop.is_set():
                    if demo and complete.demo_past and bootstrapped is not None:
                        await stack.enter_async_context(demo_past(complete))
                    console.print(welcome(complete, bootstrapped, demo=demo))
                    await stop.wait()
            finally:
                tell(console, "Stopping: stations keep what is not acknowledged, and send it again.", "dim")
                await stop_processes(supervisor, stop)


def tell(console: Console, line: str, style: str) -> None:
    """Prints a line, if there is still somebody to read it: work goes on when the terminal is gone."""
    with contextlib.suppress(OSError):
        console.print(line, style=style, highlight=False, markup=False)


async def unless(stop: asyncio.Event, work: Coroutine[None, None, None]) -> None:
    """Does the work, or leaves it in the middle once `stop` is set."""
    tasks = (asyncio.create_task(work), asyncio.create_task(stop.wait()))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if tasks[0].done():
            tasks[0].result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.contextmanager
def stop_signals() -> Iterator[asyncio.Event]:
    """An event that Ctrl-C, SIGTERM or the closing of the terminal sets."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def stop_processes(supervisor: Supervisor, stop: asyncio.Event) -> None:
    """Stops in order; a second Ctrl-C stops at once."""
    stop.clear()
    orderly = asyncio.create_task(supervisor.stop(STOP_ORDER))
    again = asyncio.create_task(stop.wait())
    await asyncio.wait((orderly, again), return_when=asyncio.FIRST_COMPLETED)
    again.cancel()
    if not orderly.done():
        await supervisor.kill()
    await orderly


def check_ports(settings: Settings) -> None:
    """Raises PortTaken, or SettingsError where two of our own shall have one port, naming the variables, before
    anything is started."""
    ports = [
        ("WEB_PORT", "HOST", settings.web_port),
        ("OCPP_PORT", "HOST", settings.ocpp_port),
        ("OCPP_TLS_PORT", "HOST", settings.ocpp_tls_port),
        *(("METRICS_PORT", "METRICS_HOST", port) for port in metrics_ports(settings).values()),
    ]
    ours: dict[int, str] = {}
    for name, host_name, port in ports:
        if port is None:
            continue
        if port in ours:
            behind = "" if port == getattr(settings, name.lower()) else " (it and the ports behind it)"
            raise SettingsError(
                f"{PREFIX}{ours[port]} and {PREFIX}{name}{behind} ask for the same port {port}: change one of them."
            )
        ours[port] = name
        host = settings.host if host_name == "HOST" else settings.metrics_host
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as fault:
                if fault.errno == errno.EADDRINUSE:
                    raise PortTaken(
                        f"Port {port} is taken by another program. Stop it, or set {PREFIX}{name} to another port."
                    ) from None
                raise SettingsError(
                    f"Nothing can listen on {host} port {port}: {fault.strerror}."
                    f" Check {PREFIX}{host_name} and {PREFIX}{name}."
                ) from None


def gateway_names(settings: Settings) -> list[str]:
    """The gateways that are started: `gateway`, `gateway-2` and so on."""
    return ["gateway", *(f"gateway-{number}" for number in range(2, settings.gateway_workers + 1))]


def metrics_ports(settings: Settings) -> dict[str, int]:
    """Where each process serves what it measures: FORECOURT_METRICS_PORT the worker, the next ones the gateways
    and the planner."""
    if settings.metrics_port is None:
        return {}
    return {name: settings.metrics_port + n for n, name in enumerate(["worker", *gateway_names(settings), "planner"])}


async def start_servers(
    settings: Settings, stack: AsyncExitStack
) -> tuple[Settings, EmbeddedPostgres | None, EmbeddedNats | None]:
    """Starts, at once, the servers for which no URL is given; returns the settings with every URL filled in."""
    postgres = EmbeddedPostgres(settings.data_dir) if settings.database_url is None else None
    nats = EmbeddedNats(settings.data_dir) if settings.nats_url is None else None
    started = [server for server in (postgres, nats) if server is not None]
    outcomes = await asyncio.gather(*(stack.enter_async_context(server) for server in started), return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    complete = msgspec.structs.replace(settings, data_dir=settings.data_dir.absolute())
    if postgres is not None:
        complete = msgspec.structs.replace(complete, database_url=postgres.app_url, migrate_url=postgres.admin_url)
    if nats is not None:
        complete = msgspec.structs.replace(complete, nats_url=nats.url)
    return complete, postgres, nats


async def prepare_database(settings: Settings, console: Console, *, demo: bool) -> "Bootstrapped | None":
    """Migrates and makes sure that somebody can sign in; does neither to a database whose owner's URL is not given."""
    from forecourt.app.bootstrap import ensure
    from forecourt.platform.migrate import migrate

    assert settings.database_url is not None
    if settings.migrate_url is None:
        console.print(f"{PREFIX}MIGRATE_URL is not set: the database is used as it is.", style="yellow")
        return None
    await asyncio.to_thread(migrate, settings.migrate_url, login_of(settings.database_url))
    return await ensure(settings, settings.migrate_url, demo)


def login_of(url: str) -> str:
    """The user that a database URL signs in as; libpq's own rules where it names none."""
    user = conninfo_to_dict(url).get("user") or os.environ.get("PGUSER")
    if not user:
        raise SettingsError(f"{PREFIX}DATABASE_URL names no user: write postgresql://USER:PASSWORD@HOST/DATABASE.")
    return str(user)


async def start_processes(
    settings: Settings, supervisor: Supervisor, bootstrapped: "Bootstrapped | None", *, demo: bool
) -> None:
    """Starts every process and waits until the gateway and the web listen; raises ProcessFailed if one ends."""
    host = reachable(settings.host)
    if demo and bootstrapped is not None and settings.stripe_key is None:
        settings = await start_provider(settings, supervisor, host)
    env = child_environment(settings)
    measured = metrics_ports(settings)
    for name in [*gateway_names(settings), "web", "worker", "planner"]:
        entry = ["-m", "forecourt.app.entry", name.partition("-")[0]]
        own = {f"{PREFIX}METRICS_PORT": str(measured[name])} if name in measured else {}
        await supervisor.start(service(settings, env | own, name, entry))
    listening = asyncio.gather(*(until_listening(host, port) for port in (settings.web_port, settings.ocpp_port)))
    done, _ = await asyncio.wait(
        (listening, supervisor.failed), timeout=LISTEN_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED
    )
    listening.cancel()
    await asyncio.wait((listening,))
    for outcome in done:
        outcome.result()
    if not done:
        raise ForecourtError(f"Nothing listens after {LISTEN_TIMEOUT_S:g} s. The logs are in {settings.data_dir}/log.")
    if demo:
        arguments = ["-m", "forecourt.simulator", "--demo", "--url", f"ws://{host}:{settings.ocpp_port}/ocpp"]
        if bootstrapped is not None:
            arguments += ["--api", f"http://{host}:{settings.web_port}"]
        await supervisor.start(service(settings, stranger_environment(bootstrapped), "simulator", arguments))
    supervisor.settle()


@asynccontextmanager
async def demo_past(settings: Settings) -> AsyncIterator[None]:
    """Has the demo's past be brought in meanwhile, by a process that ends by itself and is not started again."""
    past = service(settings, child_environment(settings), "history", ["-m", "forecourt.app.history_process"])
    await past.child.start()
    try:
        yield
    finally:
        await past.child.stop(((signal.SIGTERM, past.stop_wait_s),))


async def start_provider(settings: Settings, supervisor: Supervisor, host: str) -> Settings:
    """Starts the demo's payment provider and waits until it listens; the settings by which payments go there."""
    from forecourt.app.demo import BOOKS, demo_account, demo_provider

    provider = await asyncio.to_thread(demo_provider, settings, host)
    arguments = ["-m", "forecourt.simulator.provider", "--host", settings.host, "--port", str(provider.port)]
    arguments += ["--address", provider.address, "--state", str(settings.data_dir / BOOKS)]
    await supervisor.start(service(settings, stranger_environment(None), "provider", arguments))
    waiting = asyncio.ensure_future(until_listening(host, provider.port))
    done, _ = await asyncio.wait(
        (waiting, supervisor.failed), timeout=LISTEN_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED
    )
    waiting.cancel()
    for outcome in done:
        outcome.result()
    return await asyncio.to_thread(demo_account, settings, provider, host)


def service(settings: Settings, env: Mapping[str, str], name: str, arguments: list[str]) -> Service:
    """One process: this very Python with other arguments, writing to a log of its name."""
    child = Child(
        [sys.executable, *arguments],
        log=settings.data_dir / "log" / f"{name}.log",
        env=env,
        death_signal=signal.SIGTERM,
    )
    return Service(name=name, child=child, stop_wait_s=STOP_WAITS_S[name.partition("-")[0]])


def child_environment(settings: Settings) -> dict[str, str]:
    """Our own environment with every setting spelt out, without those that would give a process rights it lacks."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)} | settings.environment()
    for name in KEPT_FROM_CHILDREN:
        env.pop(name, None)
    return env | {"PYTHONUNBUFFERED": "1"}


def stranger_environment(bootstrapped: "Bootstrapped | None") -> dict[str, str]:
    """What the simulator gets: a key to the API, as any customer would, and no other setting of ours."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    if bootstrapped is not None and bootstrapped.api_key is not None:
        env[f"{PREFIX}API_KEY"] = bootstrapped.api_key
    return env | {"PYTHONUNBUFFERED": "1"}


def reachable(host: str) -> str:
    """The address by which programs on this machine reach what listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104


async def until_listening(host: str, port: int) -> None:
    """Waits until something takes connections on a port."""
    while True:
        try:
            _, writer = await asyncio.open_connection(host.strip("[]"), port)
        except OSError:
            await asyncio.sleep(POLL_S)
        else:
            writer.close()
            return
