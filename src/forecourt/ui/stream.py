"""Live values for programs: the frames of the hub as Server-Sent Events (WHATWG HTML §9.2).

A stream begins with a snapshot and goes on with changes, in the words of the live socket. A program that reads slower
than things happen gets them merged; one that does not read at all is dropped, with the reason where it can still be
told. There is no `id`: who comes back gets a snapshot, which is more than whatever was missed.
"""

import asyncio
from collections import Counter as Counts
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog
from litestar import Response
from litestar.types import Receive, Scope, Send
from prometheus_client import Counter, Gauge

from forecourt.platform.errors import ForecourtError
from forecourt.ui.live import Hub, TooManyPages

log = structlog.get_logger(__name__)

MEDIA_TYPE: Final = "text/event-stream"
#: A comment is sent when nothing else was for so long, so that proxies keep the connection and both sides notice its
#: end.
BEAT_S: Final = 15.0
#: A program that takes nothing for so long is dropped.
SEND_DEADLINE_S: Final = 10.0
#: How long a stream may go on after its key was revoked.
RECHECK_S: Final = 60.0
#: Streams of one key in one process.
MAX_OF_KEY: Final = 10
#: Stations of one stream.
MAX_STREAMED: Final = 5_000

OPEN = Gauge("forecourt_streams", "Live streams of programs that are open.")
DROPPED = Counter("forecourt_streams_dropped_total", "Streams ended from our side.", ["reason"])

_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # Proxies that gather answers would make it anything but live.
    (b"x-accel-buffering", b"no"),
]
_BEAT: Final = b": beat\n\n"


class TooManyStreams(ForecourtError):
    """This key has as many streams open as it may. Close one, or let one stream carry more stations."""

    status = 429
    code = "too-many-streams"


class TooManyStreamed(ForecourtError):
    """These are more stations than one stream carries. Name some by `stations` or `sites`, and open several streams."""

    status = 422
    code = "too-many-streamed"


class Streams:
    """The open streams of this process."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._of_key: Counts[str] = Counts()

    def begin(
        self,
        tenant_id: int,
        asker: str,
        stations: Collection[str],
        still: Callable[[], Awaitable[bool]],
        *,
        sites: tuple[int, ...] | None = None,
    ) -> "EventStream":
        """The answer that streams these stations for as long as it is read and `still` says that it may be.

        Of the stations it carries those at the sites that the asker is limited to.

        Raises TooManyStreams, TooManyStreamed, TooManyPages.
        """
        if len(stations) > MAX_STREAMED:
            raise TooManyStreamed
        if self._of_key[asker] >= MAX_OF_KEY:
            raise TooManyStreams
        self._hub.check_room()
        return EventStream(self, tenant_id, asker, stations, still, sites)

    @asynccontextmanager
    async def _counted(self, asker: str) -> AsyncIterator[None]:
        self._of_key[asker] += 1
        OPEN.inc()
        try:
            yield
        finally:
            OPEN.dec()
            self._of_key[asker] -= 1
            if not self._of_key[asker]:
                del self._of_key[asker]

    async def run(self, stream: "EventStream", receive: Receive, send: Send) -> None:
        """Send until the program is gone, is too slow, or may not listen any more."""
        async with self._counted(stream.asker):
            await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
            tasks = [
                asyncio.create_task(part) for part in (_gone(receive), self._tell(stream, send), _allowed(stream.still))
            ]
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            reason = next(iter(done)).result()
            if reason is not None:
                log.info("a stream was ended", tenant_id=stream.tenant_id, asker=stream.asker, reason=reason)
                DROPPED.labels(reason).inc()
                await _end(send, reason)

    async def _tell(self, stream: "EventStream", send: Send) -> str:
        topics = [f"station.{identity}" for identity in stream.stations]
        try:
            async with self._hub.open(stream.tenant_id, stream.sites) as page:
                await self._hub.watch(page, topics, most=MAX_STREAMED)
                while True:
                    try:
                        async with asyncio.timeout(BEAT_S):
                            said = b"data: " + (await page.next_frame()).encode() + b"\n\n"
                    except TimeoutError:
                        said = _BEAT
                    async with asyncio.timeout(SEND_DEADLINE_S):
                        await send({"type": "http.response.body", "body": said, "more_body": True})
        except TimeoutError:
            return "not reading"
        except TooManyPages:
            return "too many pages"


class EventStream(Response[bytes]):
    """An answer that goes on."""

    def __init__(
        self,
        streams: Streams,
        tenant_id: int,
        asker: str,
        stations: Collection[str],
        still: Callable[[], Awaitable[bool]],
        sites: tuple[int, ...] | None,
    ) -> None:
        super().__init__(b"", media_type=MEDIA_TYPE)
        self.tenant_id = tenant_id
        self.asker = asker
        self.stations = stations
        self.still = still
        self.sites = sites
        self._streams = streams

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        """What sends it."""

        async def respond(_scope: Scope, receive: Receive, send: Send) -> None:
            await self._streams.run(self, receive, send)

        return respond


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _allowed(still: Callable[[], Awaitable[bool]]) -> str:
    while True:
        await asyncio.sleep(RECHECK_S)
        if not await still():
            return "key revoked"


async def _end(send: Send, reason: str) -> None:
    """Tells the reason where the connection still takes it."""
    last = f'event: end\ndata: {{"reason": "{reason}"}}\n\n'.encode()
    try:
        async with asyncio.timeout(SEND_DEADLINE_S):
            await send({"type": "http.response.body", "body": last, "more_body": False})
    except (TimeoutError, OSError):
        return
