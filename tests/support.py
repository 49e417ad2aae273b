"""What tests of several rooms share and that is no fixture."""

import itertools
import os
import random
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

EPOCH = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
#: Whatever a test waits for comes within this, or never. Long, because a busy machine is no fault of the program.
WAIT_S = 120.0

#: Where the ports of tests begin, and how many each process of a run has for itself.
_FIRST_PORT, _PORTS_EACH = 10_000, 2_000
#: The kernel gives ports from here on to whoever asks for any, unless this file says otherwise.
_EPHEMERAL_PORT, _EPHEMERAL_PORTS = 32_768, Path("/proc/sys/net/ipv4/ip_local_port_range")
_turns = itertools.count(random.randrange(_PORTS_EACH))


class FakeClock:
    """A `forecourt.platform.clock.Clock` that stands still until it is told to go on."""

    def __init__(self, at: datetime = EPOCH) -> None:
        assert at.tzinfo is not None
        self._began = self._now = at
        self._monotonic = 1_000.0

    def begin_again(self) -> None:
        """The time of day is that of the beginning; whatever was remembered by the steady one is old."""
        self._now = self._began
        self._monotonic += 1_000_000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Lets time pass, the steady one as well."""
        assert seconds >= 0
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds

    def set(self, at: datetime) -> None:
        """Sets the time of day, as an operator or a time server does; the steady time does not care."""
        assert at.tzinfo is not None
        self._now = at


def free_port() -> int:
    """A TCP port of this machine that nobody listens on, and that nobody gets before the test does.

    The kernel hands none of these out by itself, no process of a run shares its ports with another, and each is given
    again only after all the others were.
    """
    slices = max((_ephemeral_port() - _FIRST_PORT) // _PORTS_EACH, 1)
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % slices
    for _ in range(_PORTS_EACH):
        port = _FIRST_PORT + process * _PORTS_EACH + next(_turns) % _PORTS_EACH
        if not port_in_use(port):
            return port
    raise AssertionError("every port of the tests is taken")


def port_in_use(port: int) -> bool:
    """Whether somebody listens on a TCP port of this machine."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _ephemeral_port() -> int:
    try:
        return int(_EPHEMERAL_PORTS.read_text(encoding="ascii").split()[0])
    except OSError:
        return _EPHEMERAL_PORT
