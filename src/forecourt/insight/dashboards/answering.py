"""Asks a lake and remembers: the same question of the same snapshot is answered once.

Answers are made in threads, a few at a time, for DuckDB and its memory are shared by all who look.
"""

import asyncio
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from litestar.di import NamedDependency
from msgspec import Struct

from forecourt.insight.dashboards import availability, drivers, success, use
from forecourt.insight.dashboards.model import Answer, Asked, Family
from forecourt.insight.dashboards.scope import Scope
from forecourt.insight.lake import asking
from forecourt.insight.model import OWN

#: Answers that are made at once; who comes meanwhile waits.
AT_ONCE: Final = 2
#: Answers that are kept: the latest that were asked for.
MAX_KEPT: Final = 256
#: Sources of imported history that a page names.
MAX_SOURCES: Final = 10

#: What is answered from the lake; profit is answered from the books.
FROM_THE_LAKE: Final[dict[Family, Callable[[Scope], Answer]]] = {
    Family.USE: use.answer,
    Family.SUCCESS: success.answer,
    Family.AVAILABILITY: availability.answer,
    Family.DRIVERS: drivers.answer,
}


class Lake(Struct, frozen=True, kw_only=True):
    """A snapshot. `first_at` and `last_at`: when its first session began and its last; None: it has none. `sources`:
    whose records beside our own are in it, MAX_SOURCES at most."""

    lake_id: str
    snapshot: int
    watermark: datetime
    first_at: datetime | None
    last_at: datetime | None
    sources: tuple[str, ...] = ()


class Answers:
    """Answers from the lakes below a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._room = asyncio.Semaphore(AT_ONCE)
        self._kept: OrderedDict[tuple[object, ...], Any] = OrderedDict()

    async def lake(self, tenant_id: int) -> Lake:
        """The latest snapshot. Raises LakeMissing."""
        _folder, manifest = await asyncio.to_thread(asking.snapshot_of, self._root, tenant_id)

        def looked() -> Lake:
            with asking.expressed(self._root, tenant_id, manifest.snapshot) as tables:
                sessions = tables["sessions"]
                began = sessions.started_at
                row = sessions.aggregate(first=began.min(), last=began.max()).to_pyarrow().to_pylist()[0]
                others = sessions.filter(sessions.source != OWN).select("source").distinct()
                sources = others.order_by("source").limit(MAX_SOURCES).to_pyarrow().column("source").to_pylist()
            return Lake(
                lake_id=manifest.lake_id, snapshot=manifest.snapshot, watermark=manifest.watermark,
                first_at=row["first"], last_at=row["last"], sources=tuple(sources),
            )  # fmt: skip

        found: Lake = await self._once((manifest.lake_id, manifest.snapshot, manifest.watermark), looked)
        return found

    async def answer(self, tenant_id: int, lake: Lake, family: Family, asked: Asked) -> Answer:
        """What that snapshot says. Raises LakeMissing, PlaceUnknown."""

        def made() -> Answer:
            with scoped(self._root, tenant_id, lake, asked) as scope:
                scope.check()
                return FROM_THE_LAKE[family](scope)

        found: Answer = await self._once((lake.lake_id, lake.snapshot, lake.watermark, family, asked), made)
        return found

    async def _once(self, key: tuple[object, ...], make: Callable[[], Any]) -> Any:
        if key not in self._kept:
            async with self._room:
                if key not in self._kept:
                    self._kept[key] = await asyncio.to_thread(make)
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


Answering = NamedDependency[Answers]


@contextmanager
def scoped(root: Path, tenant_id: int, lake: Lake, asked: Asked) -> Iterator[Scope]:
    """A snapshot narrowed to what is asked. Raises LakeMissing."""
    with (
        tempfile.TemporaryDirectory(prefix="forecourt-insight-") as folder,
        asking.expressed(root, tenant_id, lake.snapshot) as tables,
    ):
        yield Scope(tables, asked, lake.watermark, Path(folder))
