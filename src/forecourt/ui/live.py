"""Live values for open pages: what changed anywhere becomes a few small frames to whoever looks at it.

One feed a tenant listens to the bus while pages of that tenant are open. Changes are gathered for a tenth of a second,
encoded once for all pages that watch the same things, and put into a short queue per page. A page that reads slowly
skips frames: what it missed is merged into one. The bus may lose a change; a fresh snapshot now and then heals that.

A page watches by topic: `station.CP1` (every cell of a station), `state.CP1` (its state alone), `totals`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol

import msgspec
import structlog
from msgspec import Struct

from forecourt.platform.clock import Clock, SystemClock
from forecourt.platform.database import limited_to
from forecourt.platform.errors import ForecourtError

log = structlog.get_logger(__name__)

#: Frames that wait for one page; beyond them changes are merged.
MAX_FRAMES: Final = 8
#: Open pages of one process.
MAX_PAGES: Final = 5_000
#: Topics one page may watch.
MAX_WATCHED: Final = 500
#: Changes gathered for one frame of one tenant; beyond it they are left to the next snapshot.
MAX_PENDING: Final = 100_000
PROVIDER_DEADLINE_S: Final = 5.0
#: How long between tries to listen while the bus is away.
BUS_RETRY_S: Final = 1.0

Value = str | int | float | bool | None
Cells = dict[str, Value]
Watch = frozenset[str]

TOTALS: Final = "totals"
_STATION: Final = "station."
_STATE: Final = "state."

_decode = msgspec.json.Decoder(dict[str, Value]).decode
_encode = msgspec.json.encode


class TooManyPages(ForecourtError):
    """Too many pages are open at once. Close some, or try again in a minute."""

    status = 503
    code = "too-many-pages"


class SnapshotProvider(Protocol):
    """Every live cell of some stations of a tenant, by dot-key; stations it doesn't know are left out."""

    async def __call__(self, tenant_id: int, stations: Sequence[str], /) -> Mapping[str, Value]: ...


class TotalsProvider(Protocol):
    """The `totals.` cells of a tenant. Asked at most once a second while somebody looks."""

    async def __call__(self, tenant_id: int, /) -> Mapping[str, Value]: ...


class Subscriber(Protocol):
    """The side of the bus that live pages need; returns how to stop."""

    async def subscribe(
        self, subject: str, handler: Callable[[str, bytes, str], Awaitable[None]]
    ) -> Callable[[], Awaitable[None]]: ...


class Pace(Struct, frozen=True, kw_only=True):
    """How often things happen, in seconds."""

    frame_s: float = 0.1
    totals_s: float = 1.0
    heal_s: float = 30.0


class Page:
    """One open page: what it watches and the frames it has not taken yet."""

    def __init__(self, feed: "_Feed") -> None:
        self.feed = feed
        self.watch: Watch = frozenset()
        self._frames: asyncio.Queue[str] = asyncio.Queue(MAX_FRAMES)
        self._missed: Cells = {}
        #: True from a new watch list until its snapshot: until then changes wait, so that none is painted over.
        self._warming = False

    async def next_frame(self) -> str:
        """The next frame to send; waits for one."""
        if self._missed and not self._warming and self._frames.empty():
            return self._take_missed()
        return await self._frames.get()

    def deliver(self, frame: str, cells: Mapping[str, Value]) -> None:
        """Take a frame of these cells, or remember the cells when the page is behind."""
        if self._warming or self._missed or self._frames.full():
            self._missed.update(cells)
        else:
            self._frames.put_nowait(frame)

    def await_snapshot(self) -> None:
        """Hold changes back until `replace` or `give_up_waiting`."""
        self._warming = True

    def replace(self, snapshot: Mapping[str, Value]) -> None:
        """Take a whole snapshot; frames before it say nothing more."""
        while not self._frames.empty():
            self._frames.get_nowait()
        # What was heard while the snapshot was read may be newer than it; if it is older, its successor is on the way.
        self._frames.put_nowait(_frame("snapshot", {**snapshot, **self._missed}))
        self._missed = {}
        self._warming = False

    def give_up_waiting(self) -> None:
        """No snapshot could be had: go on with changes alone."""
        self._warming = False
        if self._missed and not self._frames.full():
            self._frames.put_nowait(self._take_missed())

    def _take_missed(self) -> str:
        frame = _frame("delta", self._missed)
        self._missed = {}
        return frame


class Hub:
    """All open pages of this process."""

    def __init__(
        self,
        bus: Subscriber,
        *,
        snapshots: Sequence[SnapshotProvider],
        totals: TotalsProvider,
        clock: Clock | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._bus = bus
        self._source = _Source(snapshots=snapshots, totals=totals)
        self._clock = clock or SystemClock()
        self._pace = pace or Pace()
        self._feeds: dict[tuple[int, tuple[int, ...] | None], _Feed] = {}

    @property
    def open_pages(self) -> int:
        return sum(len(feed.pages) for feed in self._feeds.values())

    def check_room(self) -> None:
        """Raises TooManyPages where one more would be too many."""
        if self.open_pages >= MAX_PAGES:
            raise TooManyPages

    @asynccontextmanager
    async def open(self, tenant_id: int, sites: tuple[int, ...] | None = None) -> AsyncIterator[Page]:
        """A page of a tenant for as long as it is open, of these sites only if it is limited; raises TooManyPages."""
        self.check_room()
        key = (tenant_id, sites)
        feed = self._feeds.get(key)
        if feed is None:
            feed = self._feeds[key] = _Feed(tenant_id, sites, self._bus, self._source, self._clock, self._pace)
        page = Page(feed)
        feed.pages.add(page)
        try:
            await feed.listening.wait()
            yield page
        finally:
            feed.pages.discard(page)
            if not feed.pages and self._feeds.get(key) is feed:
                del self._feeds[key]
                await feed.stop()

    async def watch(self, page: Page, topics: Iterable[str], *, most: int = MAX_WATCHED) -> None:
        """Let a page watch these topics from now on: it gets one snapshot of them, then changes."""
        watch = frozenset(topics)
        if len(watch) > most:
            raise ValueError(f"a page may watch {most} topics, not {len(watch)}")
        page.watch = watch
        await page.feed.send_snapshot([page])


class _Source(Struct, frozen=True, kw_only=True):
    """Where whole values come from."""

    snapshots: Sequence[SnapshotProvider]
    totals: TotalsProvider

    async def stations(self, tenant_id: int, watch: Watch) -> Cells:
        whole = {topic.removeprefix(_STATION) for topic in watch if topic.startswith(_STATION)}
        state_only = {topic.removeprefix(_STATE) for topic in watch if topic.startswith(_STATE)} - whole
        cells: Cells = {}
        if not whole and not state_only:
            return cells
        async with asyncio.timeout(PROVIDER_DEADLINE_S):
            for provider in self.snapshots:
                cells.update(await provider(tenant_id, sorted(whole | state_only)))
        # A provider answers for whole stations; a page that asked for less gets less.
        return _select(_by_topic(cells), watch)


class _Feed:
    """Open pages of one tenant that see the same sites, and the listening on their behalf.

    The bus tells of all stations of a tenant. A limited feed passes on what is said of those that a snapshot, which
    PostgreSQL holds to the limit, has shown.
    """

    def __init__(
        self,
        tenant_id: int,
        sites: tuple[int, ...] | None,
        bus: Subscriber,
        source: _Source,
        clock: Clock,
        pace: Pace,
    ) -> None:
        self.pages: set[Page] = set()
        #: Set once changes are heard, or once it is known that the bus is away.
        self.listening = asyncio.Event()
        self._tenant_id = tenant_id
        self._sites = sites
        #: Of the stations asked for by a limited page, those that are at its sites.
        self._visible: set[str] = set()
        self._bus = bus
        self._source = source
        self._clock = clock
        self._pace = pace
        self._pending: Cells = {}
        self._changed = asyncio.Event()
        self._totals: Cells = {}
        self._totals_at = float("-inf")
        self._totals_lock = asyncio.Lock()
        self._work = asyncio.create_task(self._run(), name=f"live feed of tenant {tenant_id}")

    async def stop(self) -> None:
        self._work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._work

    async def send_snapshot(self, pages: Sequence[Page]) -> None:
        """One snapshot to pages that all watch the same; without one they go on with changes."""
        watch = pages[0].watch
        for page in pages:
            page.await_snapshot()
        try:
            cells = await self._stations(watch)
            if TOTALS in watch:
                cells.update(await self._fresh_totals())
        except Exception as fault:  # noqa: BLE001 - a provider's fault must not end the pages; the next round heals
            log.warning("no live snapshot", tenant_id=self._tenant_id, fault=repr(fault))
            for page in pages:
                page.give_up_waiting()
            return
        for page in pages:
            if page.watch == watch:
                page.replace(cells)

    async def _stations(self, watch: Watch) -> Cells:
        with limited_to(self._sites):
            cells = await self._source.stations(self._tenant_id, watch)
        if self._sites is None:
            return cells
        asked = {topic.partition(".")[2] for topic in watch if topic.startswith((_STATION, _STATE))}
        shown = {station for station in asked if f"{_STATION}{station}.state" in cells}
        self._visible = (self._visible - asked) | shown
        return {key: value for key, value in cells.items() if self._may_see(key)}

    def _may_see(self, key: str) -> bool:
        """Whether a cell is of something that this feed's pages may see."""
        if self._sites is None:
            return True
        return key.startswith(_STATION) and key.rpartition(".")[0].removeprefix(_STATION) in self._visible

    async def _run(self) -> None:
        stop_listening: list[Callable[[], Awaitable[None]]] = []
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(stop_listening))
                tasks.create_task(self._send_changes())
                tasks.create_task(self._refresh_totals())
                tasks.create_task(self._heal())
        finally:
            for stop in stop_listening:
                with contextlib.suppress(Exception):
                    await stop()

    async def _listen(self, stop_listening: list[Callable[[], Awaitable[None]]]) -> None:
        while not stop_listening:
            try:
                stop_listening.append(await self._bus.subscribe(f"live.{self._tenant_id}", self._hear))
            except Exception as fault:  # noqa: BLE001 - whatever the bus says, pages go on with snapshots
                log.warning("live values can't listen to the bus", fault=type(fault).__name__)
                self.listening.set()
                await asyncio.sleep(BUS_RETRY_S)
        self.listening.set()

    async def _hear(self, _subject: str, data: bytes, _reply: str) -> None:
        try:
            cells = _decode(data)
        except msgspec.DecodeError:
            log.warning("a live change can't be read", tenant_id=self._tenant_id, size=len(data))
            return
        self._gather({key: value for key, value in cells.items() if self._may_see(key)})

    def _gather(self, cells: Mapping[str, Value]) -> None:
        if len(self._pending) + len(cells) > MAX_PENDING:
            log.warning("too many live changes at once", tenant_id=self._tenant_id)
            return
        self._pending.update(cells)
        self._changed.set()

    async def _send_changes(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            by_topic = _by_topic(self._pending)
            self._pending = {}
            for watch, pages in self._alike().items():
                cells = _select(by_topic, watch)
                if cells:
                    frame = _frame("delta", cells)
                    for page in pages:
                        page.deliver(frame, cells)
            await asyncio.sleep(self._pace.frame_s)

    async def _refresh_totals(self) -> None:
        while True:
            await asyncio.sleep(self._pace.totals_s)
            if not any(TOTALS in page.watch for page in self.pages):
                continue
            before = self._totals
            try:
                after = await self._fresh_totals()
            except Exception as fault:  # noqa: BLE001 - as above
                log.warning("no live totals", tenant_id=self._tenant_id, fault=repr(fault))
                continue
            self._gather({key: value for key, value in after.items() if before.get(key, _UNSEEN) != value})

    async def _fresh_totals(self) -> Cells:
        async with self._totals_lock:
            if self._clock.monotonic() - self._totals_at >= self._pace.totals_s * 0.9:
                with limited_to(self._sites):
                    async with asyncio.timeout(PROVIDER_DEADLINE_S):
                        self._totals = dict(await self._source.totals(self._tenant_id))
                self._totals_at = self._clock.monotonic()
            return self._totals

    async def _heal(self) -> None:
        while True:
            await asyncio.sleep(self._pace.heal_s)
            for watch, pages in self._alike().items():
                if watch:
                    await self.send_snapshot(pages)

    def _alike(self) -> dict[Watch, list[Page]]:
        groups: dict[Watch, list[Page]] = {}
        for page in self.pages:
            groups.setdefault(page.watch, []).append(page)
        return groups


#: Differs from every value a cell can have.
_UNSEEN: Final = object()


def _frame(kind: str, cells: Mapping[str, Value]) -> str:
    return _encode({kind: cells}).decode()


def _by_topic(cells: Mapping[str, Value]) -> dict[str, Cells]:
    """Changes by what pages watch. Identities may hold dots, so the name of the cell is what follows the last one."""
    topics: dict[str, Cells] = {}
    for key, value in cells.items():
        if key.startswith(_STATION):
            topic, _, cell = key.rpartition(".")
            topics.setdefault(topic, {})[key] = value
            if cell == "state":
                topics[_STATE + topic.removeprefix(_STATION)] = {key: value}
        else:
            topics.setdefault(key.partition(".")[0], {})[key] = value
    return topics


def _select(by_topic: Mapping[str, Cells], watch: Watch) -> Cells:
    cells: Cells = {}
    for topic in by_topic.keys() & watch:
        cells.update(by_topic[topic])
    return cells
