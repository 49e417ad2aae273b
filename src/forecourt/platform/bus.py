"""The bus (NATS): commands to gateways by request and reply, and live fan-out. Never the truth.

What is lost here is repaired from PostgreSQL: a missed refresh by polling, a missed delta by the next one, a command
without reply by its deadline.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from forecourt.platform.errors import ForecourtError

log = structlog.get_logger(__name__)

CONNECT_DEADLINE_S = 5
RECONNECT_WAIT_S = 0.5
RETRY_S = 0.5
#: Bytes kept for sending while the bus is away; live deltas beyond it are dropped.
MAX_PENDING_BYTES = 2 * 1024 * 1024
DRAIN_DEADLINE_S = 3
#: How long the bus has to answer a word of ours before it counts as away: one that stands still takes all and says
#: nothing.
PROBE_DEADLINE_S = 2.0
#: Nobody listens there, which the server itself answers.
PROBE_SUBJECT = "forecourt.nobody"
#: The status by which it does.
NOBODY = "503"
#: A connection over which this many pings in a row brought nothing is given up.
PING_EVERY_S = 5
MAX_PINGS = 2


class NoResponders(ForecourtError):
    """Nobody listens on this subject of the bus."""

    status = 503
    code = "no-responders"


class BusTimeout(ForecourtError):
    """The bus gave no reply within the deadline."""

    status = 504
    code = "bus-timeout"


class BusAway(ForecourtError):
    """The message bus can't be reached. It reconnects by itself; try again in a moment."""

    status = 503
    code = "bus-away"


class BusDown(BusAway):
    """The message bus can't be reached, so nothing was sent. It reconnects by itself; try again in a moment."""

    unsent = True


Handler = Callable[[str, bytes, str], Awaitable[None]]


class Bus:
    """One connection to the bus, for the life of a process."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @classmethod
    async def connect(cls, url: str) -> "Bus":
        """Connect within CONNECT_DEADLINE_S or raise BusAway; afterwards reconnect for ever."""

        async def quiet(fault: Exception) -> None:
            log.debug("bus fault", fault=type(fault).__name__)

        async def back() -> None:
            log.info("bus reconnected")

        async def gone() -> None:
            if not client.is_closed and not client.is_draining:
                log.warning("bus away")

        client = Client()

        try:
            # The client itself would try the first time for ever.
            async with asyncio.timeout(CONNECT_DEADLINE_S):
                await client.connect(
                    url,
                    connect_timeout=CONNECT_DEADLINE_S,
                    allow_reconnect=True,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=RECONNECT_WAIT_S,  # type: ignore[arg-type]
                    pending_size=MAX_PENDING_BYTES,
                    ping_interval=PING_EVERY_S,
                    max_outstanding_pings=MAX_PINGS,
                    drain_timeout=DRAIN_DEADLINE_S,
                    error_cb=quiet,
                    reconnected_cb=back,
                    disconnected_cb=gone,
                )
        except (OSError, nats.errors.Error, TimeoutError) as fault:
            raise BusAway from fault
        return cls(client)

    @classmethod
    async def wait(cls, url: str, patience_s: float) -> "Bus":
        """Connect to a bus that may still be starting. Raises BusAway when patience ends."""
        deadline = asyncio.get_running_loop().time() + patience_s
        while True:
            try:
                return await cls.connect(url)
            except BusAway:
                if asyncio.get_running_loop().time() >= deadline:
                    raise
                await asyncio.sleep(RETRY_S)

    @property
    def connected(self) -> bool:
        """Whether the bus can be reached, as far as is known without asking it."""
        return self._client.is_connected

    async def check(self) -> None:
        """Return once the bus has answered; raises BusDown after PROBE_DEADLINE_S, or at once if known."""
        if not self.connected:
            raise BusDown
        try:
            await self._client.request(PROBE_SUBJECT, b"", timeout=PROBE_DEADLINE_S)
        except nats.errors.NoRespondersError:
            return
        except (nats.errors.Error, TimeoutError, OSError) as fault:
            raise BusDown from fault

    async def publish(self, subject: str, data: bytes, reply: str = "") -> None:
        """Send to whoever listens; lost if nobody does. Raises BusAway when the bus is away and its buffer full."""
        try:
            await self._client.publish(subject, data, reply=reply)
        except (nats.errors.Error, OSError) as fault:
            raise BusAway from fault

    async def request(self, subject: str, data: bytes, deadline_s: float) -> bytes:
        """Ask one listener, over a bus that answers. Raises NoResponders or BusAway at once, BusDown within
        PROBE_DEADLINE_S, BusTimeout at the deadline."""
        # A bus that is away or stands still would have it delivered when it is back: long after the one who asked was
        # told no.
        await self.check()
        try:
            message = await self._client.request(subject, data, timeout=deadline_s)
        except nats.errors.NoRespondersError as fault:
            raise NoResponders from fault
        except (nats.errors.TimeoutError, TimeoutError) as fault:
            raise BusTimeout from fault
        except (nats.errors.Error, OSError) as fault:
            raise BusAway from fault
        return bytes(message.data)

    async def request_all(self, subject: str, data: bytes, expected: int, deadline_s: float) -> list[bytes]:
        """Ask every listener; returns when `expected` have replied or at the deadline, with the replies so far."""
        replies: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1024)
        inbox = self._client.new_inbox()

        async def collect(message: Msg) -> None:
            if message.data and not replies.full():
                replies.put_nowait(bytes(message.data))

        subscription = await self._client.subscribe(inbox, cb=collect)
        got: list[bytes] = []
        try:
            await self.publish(subject, data, reply=inbox)
            async with asyncio.timeout(deadline_s):
                while len(got) < expected:
                    got.append(await replies.get())
        except TimeoutError:
            pass
        finally:
            await subscription.unsubscribe()
        return got

    async def converse(
        self, requests: Sequence[tuple[str, bytes]], deadline_s: float
    ) -> AsyncGenerator[list[tuple[int, bytes | None]], None]:
        """Ask listeners that may answer each request many times: what has come since the last time, each reply with the
        number of its request, None where nobody listens. Ends at the deadline, or when the caller has enough.

        Raises BusDown within PROBE_DEADLINE_S before anything is sent, BusAway after.
        """
        await self.check()
        inbox = self._client.new_inbox()
        replies: asyncio.Queue[tuple[int, bytes | None]] = asyncio.Queue()

        async def collect(message: Msg) -> None:
            nobody = message.headers is not None and message.headers.get("Status") == NOBODY
            replies.put_nowait((int(message.subject.rpartition(".")[2]), None if nobody else bytes(message.data)))

        subscription = await self._client.subscribe(f"{inbox}.*", cb=collect)
        loop = asyncio.get_running_loop()
        until = loop.time() + deadline_s
        try:
            for number, (subject, data) in enumerate(requests):
                await self.publish(subject, data, reply=f"{inbox}.{number}")
            while (left_s := until - loop.time()) > 0:
                try:
                    some = [await asyncio.wait_for(replies.get(), left_s)]
                except TimeoutError:
                    return
                while not replies.empty():
                    some.append(replies.get_nowait())
                yield some
        finally:
            with contextlib.suppress(nats.errors.Error, OSError):
                await subscription.unsubscribe()

    async def subscribe(self, subject: str, handler: Handler) -> Callable[[], Awaitable[None]]:
        """Call `handler(subject, data, reply subject or "")` for each message; returns how to stop."""

        async def deliver(message: Msg) -> None:
            await handler(message.subject, bytes(message.data), message.reply)

        subscription: Any = await self._client.subscribe(subject, cb=deliver)

        async def stop() -> None:
            await subscription.unsubscribe()

        # The server must know of it before the caller relies on it.
        await self._client.flush()
        return stop

    async def close(self) -> None:
        """Send what is buffered, then disconnect, within DRAIN_DEADLINE_S; at once where the bus is away."""
        try:
            async with asyncio.timeout(DRAIN_DEADLINE_S):
                await self._client.drain()
        except (TimeoutError, nats.errors.Error, OSError):
            with contextlib.suppress(nats.errors.Error, OSError):
                await self._client.close()
