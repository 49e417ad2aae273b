"""Processes of Forecourt that need not be loaded anew, which is most of the work of starting one.

`python -m tests.spine.forking SOCKET` is asked by a socket for one at a time: its arguments and environment, as JSON,
with a socket to tell it by and the file of its log. A child, forked with everything loaded, is that process to its end,
by the way that `forecourt up` goes; it is told its number, and then its exit code, as numbers of 32 bits. It dies with
this process, and this one with the tests.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from forecourt.app import entry
from forecourt.platform.collector import loading
from forecourt.platform.embedded.process import Child, open_private, trim_log

#: The most bytes that an ask takes: an environment.
MAX_ASK_BYTES = 128 * 1024
PR_SET_PDEATHSIG = 1
_NUMBER = struct.Struct("!i")
_forker: list[tuple[subprocess.Popen[bytes], socket.socket]] = []


class Forked(Child):
    """A process of Forecourt by its arguments, forked instead of loaded; otherwise as any other child."""

    def __init__(self, arguments: Sequence[str], *, log: Path, env: Mapping[str, str]) -> None:
        super().__init__((), log=log, env=env)
        self._arguments = arguments

    async def start(self) -> None:
        """Forks it."""
        assert not self.running
        trim_log(self.log)
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ask = json.dumps({"arguments": self._arguments, "env": self._env}).encode()
        with theirs, open_private(self.log, "ab") as out:
            socket.send_fds(_asked(), [ask], [theirs.fileno(), out.fileno()])
        mine.setblocking(False)
        process: Any = _Process(mine)
        await process.begun()
        self._process = process


class _Process:
    """What `Child` wants to know of a process."""

    def __init__(self, told: socket.socket) -> None:
        self._told = told
        self.pid = 0
        self.returncode: int | None = None

    async def begun(self) -> None:
        self.pid = await self._number()
        self._ended = asyncio.create_task(self._end())

    async def wait(self) -> int:
        return await asyncio.shield(self._ended)

    async def _end(self) -> int:
        with self._told:
            self.returncode = await self._number()
        return self.returncode

    async def _number(self) -> int:
        number: int
        (number,) = _NUMBER.unpack(await asyncio.get_running_loop().sock_recv(self._told, _NUMBER.size))
        return number


def _asked() -> socket.socket:
    """The socket of the process that forks, which is started if it wasn't."""
    if not _forker:
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * MAX_ASK_BYTES)
        with its:
            command = [sys.executable, "-u", "-m", "tests.spine.forking", str(its.fileno())]
            _forker.append((subprocess.Popen(command, pass_fds=[its.fileno()]), ours))
    return _forker[0][1]


def main() -> None:
    """Forks until nobody can ask any more."""
    die_with(os.getppid())
    asks = socket.socket(fileno=int(sys.argv[1]))
    watched = selectors.DefaultSelector()
    watched.register(asks, selectors.EVENT_READ)
    while True:
        for key, _ in watched.select():
            if key.fileobj is not asks:
                child, told = key.data
                watched.unregister(key.fileobj)
                os.close(key.fd)
                _tell(told, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
                os.close(told)
                continue
            ask, files, *_ = socket.recv_fds(asks, MAX_ASK_BYTES, 2)
            if not ask:
                return
            how = json.loads(ask)
            with loading():
                import_module(entry.PROCESSES[how["arguments"][0]])
            told, log = files
            forker, child = os.getpid(), os.fork()
            if child == 0:
                die_with(forker)
                watched.close()
                asks.detach()
                be(how["arguments"], how["env"], log)
            os.close(log)
            _tell(told, child)
            watched.register(os.pidfd_open(child), selectors.EVENT_READ, (child, told))


def _tell(told: int, number: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # who asked has given it up
        os.write(told, _NUMBER.pack(number))


def be(arguments: Sequence[str], env: Mapping[str, str], log: int) -> None:
    """Is this process, to its end."""
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.environ.clear()
    os.environ.update(env)
    sys.argv[1:] = arguments
    entry.main()
    sys.exit()


def die_with(parent: int) -> None:
    """Asks the kernel for the end of this process at that of its parent."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent ended before it could be watched")


if __name__ == "__main__":
    main()
