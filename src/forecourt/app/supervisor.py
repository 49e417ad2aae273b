"""Keeps a set of processes running: starts, watches, starts again with growing pauses, and stops in order."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from forecourt.platform.embedded.process import Child, trim_log
from forecourt.platform.errors import ForecourtError

#: The pause before a process that died is started again: doubled each time, and forgotten after a calm while.
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 30.0
CALM_AFTER_S = 60.0
#: How often the logs' sizes are looked at.
TRIM_EVERY_S = 60.0

Tell = Callable[[str], None]


class ProcessFailed(ForecourtError):
    """A process of Forecourt ended while starting. Its log tells why."""

    code = "process-failed"


class Watched(Protocol):
    """Something that runs until it dies: a child of ours, or an embedded server."""

    async def wait(self) -> int: ...


class Service(Struct, frozen=True, kw_only=True):
    """One process of Forecourt: what runs, and how long it may take to put down its work when asked to stop."""

    name: str
    child: Child
    stop_wait_s: float


class Supervisor:
    """Watches processes from `watch` or `start` until `stop`; each death and each new start is told in one line."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._services: list[Service] = []
        self._tasks: list[asyncio.Task[None]] = []
        #: Set once the first start is complete: before it, a death is an error; after it, a reason to start again.
        self._settled = False
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def watch(self, name: str, watched: Watched, restart: Callable[[], Awaitable[None]], log: Path) -> None:
        """Restarts something already running whenever it dies."""
        self._tasks.append(asyncio.create_task(self._keep(name, watched, restart, log), name=f"keep {name}"))

    async def start(self, service: Service) -> None:
        """Starts a process and watches it."""
        await service.child.start()
        self._services.append(service)
        self.watch(service.name, service.child, service.child.start, service.child.log)

    def settle(self) -> None:
        """Everything is up for the first time; from now on what dies is started again."""
        self._settled = True
        self._tasks.append(asyncio.create_task(self._trim_logs(), name="trim logs"))

    async def stop(self, order: Sequence[Sequence[str]]) -> None:
        """Stops the started processes group by group, those of one group at once, each within its own deadline."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for names in order:
            group = [service for service in self._services if service.name.partition("-")[0] in names]
            await asyncio.gather(
                *(service.child.stop(((signal.SIGTERM, service.stop_wait_s),)) for service in group),
                return_exceptions=True,
            )

    async def kill(self) -> None:
        """Stops everything without waiting for anything: the person at the keyboard has asked twice."""
        await asyncio.gather(*(service.child.stop(()) for service in self._services), return_exceptions=True)

    async def _keep(self, name: str, watched: Watched, restart: Callable[[], Awaitable[None]], log: Path) -> None:
        loop = asyncio.get_running_loop()
        pause_s = FIRST_PAUSE_S
        while True:
            started = loop.time()
            code = await watched.wait()
            if not self._settled:
                self._fail(name, code, log)
                return
            if loop.time() - started > CALM_AFTER_S:
                pause_s = FIRST_PAUSE_S
            self._tell(f"{name} ended ({cause(code)}); starting it again in {pause_s:g} s. Its log: {log}")
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            try:
                await restart()
            except (ForecourtError, OSError) as fault:
                self._tell(f"{name} could not be started: {fault}")

    def _fail(self, name: str, code: int, log: Path) -> None:
        if not self.failed.done():
            tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:])
            fault = ProcessFailed(f"{name} ended while starting ({cause(code)}). The end of its log ({log}):\n{tail}")
            self.failed.set_exception(fault)

    async def _trim_logs(self) -> None:
        while True:
            await asyncio.sleep(TRIM_EVERY_S)
            for service in self._services:
                await asyncio.to_thread(trim_log, service.child.log)


def cause(code: int) -> str:
    """Why a process ended, for a person."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
