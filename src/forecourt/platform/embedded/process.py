"""Child processes that die with their parent, the lock on a data folder, and as whom root runs PostgreSQL."""

import asyncio
import contextlib
import fcntl
import functools
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path
from signal import Signals
from typing import IO, Self

from msgspec import Struct

from forecourt.platform.errors import ForecourtError

LAUNCHER = Path(__file__).with_name("launch.py")
PROBE_TIMEOUT_S = 10
#: How long a killed process may take to vanish before we give up on it.
KILL_TIMEOUT_S = 10.0
POLL_S = 0.02
#: A log larger than this at start, or at a trim, is moved aside; one earlier log is kept.
LOG_LIMIT_BYTES = 20_000_000
LOG_TAIL_BYTES = 2_000
#: Accounts that exist on nearly every system and own nothing; PostgreSQL wants its user to have a name.
HARMLESS_ACCOUNTS = ("daemon", "nobody")


class EmbeddedServerFailed(ForecourtError):
    """An embedded server could not be started. Its log tells why."""

    code = "embedded-server-failed"


class FolderInUse(ForecourtError):
    """Another Forecourt runs in this data folder. Stop it, or choose another folder by FORECOURT_DATA_DIR."""

    code = "folder-in-use"


class Guise(Struct, frozen=True, kw_only=True):
    """As whom a program runs: ourselves, ourselves behind a user namespace, or another user."""

    kind: str = "self"
    uid: int = 0
    gid: int = 0

    def __str__(self) -> str:
        return self.kind if self.kind == "self" else f"{self.kind}:{self.uid}:{self.gid}"

    @property
    def owner(self) -> tuple[int, int]:
        """The uid and gid, as we see them, to whom the program's files must belong."""
        return (self.uid, self.gid) if self.kind == "switch" else (os.geteuid(), os.getegid())


def harmless_account() -> pwd.struct_passwd:
    """An existing account that is not root; raises EmbeddedServerFailed where there is none."""
    for name in HARMLESS_ACCOUNTS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    others = [account for account in pwd.getpwall() if account.pw_uid != 0]
    if not others:
        raise EmbeddedServerFailed("PostgreSQL does not run as root, and this system has no other account.")
    return others[0]


@functools.cache
def unprivileged() -> Guise:
    """The best guise here for a program that refuses to run as root; asks the kernel once."""
    if os.geteuid() != 0:
        return Guise()
    account = harmless_account()
    behind = Guise(kind="namespace", uid=account.pw_uid, gid=account.pw_gid)
    probe = subprocess.run(
        launch_command([shutil.which("true") or "/bin/true"], guise=behind, death_signal=signal.SIGKILL),
        capture_output=True,
        timeout=PROBE_TIMEOUT_S,
        check=False,
    )
    if probe.returncode == 0:
        return behind
    return Guise(kind="switch", uid=account.pw_uid, gid=account.pw_gid)


def launch_command(argv: Sequence[str], *, guise: Guise, death_signal: Signals) -> list[str]:
    """The command that becomes `argv` by way of the launcher; its parent must be this very process."""
    return [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(int(death_signal)), str(guise), *argv]


class Child:
    """One child process: started with its output in a log, awaited, and stopped by ever clearer signals."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        guise: Guise | None = None,
        death_signal: Signals = signal.SIGTERM,
    ) -> None:
        self._command = launch_command(argv, guise=guise or Guise(), death_signal=death_signal)
        self._env = dict(os.environ if env is None else env)
        self._process: asyncio.subprocess.Process | None = None
        self.log = log

    async def start(self) -> None:
        """Starts the program in a session of its own, so that a Ctrl-C reaches it only through us, in order."""
        assert not self.running
        trim_log(self.log)
        with open_private(self.log, "ab") as out:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=self._env,
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """The process id of the program (the launcher became it); only while or after it ran."""
        assert self._process is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs and before it started; negative for a signal."""
        return None if self._process is None else self._process.returncode

    async def wait(self) -> int:
        """Waits for the end of the program, without deadline: it may run for years."""
        assert self._process is not None
        return await self._process.wait()

    async def stop(self, steps: Iterable[tuple[Signals, float]]) -> None:
        """Sends each signal and waits its seconds for the end; then kills the whole process group."""
        for number, wait_s in steps:
            if not self.running:
                break
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.wait(), wait_s)
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        await asyncio.wait_for(self.wait(), KILL_TIMEOUT_S)

    def tail(self) -> str:
        """The last lines of the log, for an error message."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - LOG_TAIL_BYTES))
                return file.read().decode(errors="replace").strip()
        except OSError:
            return ""


def open_private(path: Path, mode: str) -> IO[bytes]:
    """Opens a file that only we may read, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags, 0o600)

    return open(path, mode, opener=opener)


def trim_log(path: Path) -> None:
    """Moves a grown log aside by copying, because its writer keeps it open and appends."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > LOG_LIMIT_BYTES:
            shutil.copyfile(path, path.with_suffix(path.suffix + ".1"))
            os.truncate(path, 0)


class FolderLock:
    """Holds a folder for one process. The kernel lets it go with the process, so it is never stale."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        """Raises FolderInUse, naming the process that holds the folder."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = self._path.open("a+", encoding="ascii")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise FolderInUse(
                f"Another Forecourt (process {holder}) runs in {self._path.parent}."
                " Stop it, or choose another folder by FORECOURT_DATA_DIR."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def processes_in(folder: Path) -> list[int]:
    """The processes whose working folder this is (PostgreSQL's all are); empty where there is no /proc."""
    found = []
    place = str(folder.resolve())
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.readlink(entry / "cwd") == place:
                found.append(int(entry.name))
    return found


def processes_with(argument: str) -> list[int]:
    """The processes that were started with this very argument; empty where there is no /proc."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if argument.encode() in (entry / "cmdline").read_bytes().split(b"\0") and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


async def until_gone(pids: Iterable[int], wait_s: float) -> list[int]:
    """Waits for processes that are not our children to end; returns those that did not in time."""
    left = list(pids)
    async for _ in polling(wait_s):
        left = [pid for pid in left if alive(pid)]
        if not left:
            break
    return left


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and awaits its parent's notice does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


async def polling(wait_s: float) -> AsyncIterator[float]:
    """Yields the seconds left until the deadline, every few milliseconds, at least once."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_s
    while True:
        left_s = deadline - loop.time()
        yield left_s
        if left_s <= 0:
            return
        await asyncio.sleep(POLL_S)
