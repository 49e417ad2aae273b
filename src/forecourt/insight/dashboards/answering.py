"""Asks a lake and remembers: the same question of the same snapshot is answered once.

Answers are made in threads, a few at a time, for DuckDB and its memory are shared by all who look: one at a time of an
organisation, so that who asks much waits behind himself. What takes too long is broken off.
"""

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from litestar.di import NamedDependency
from msgspec import Struct, structs

from forecourt.insight.dashboards import availability, behind, drivers, groups, owned, success, use
from forecourt.insight.dashboards.model import Answer, Asked, Family, Table
from forecourt.insight.dashboards.scope import Scope
from forecourt.insight.lake import asking
from forecourt.insight.model import OWN
from forecourt.insight.turns import Halt, Made, Turns

#: Answers that are made at once, and of one organisation; who comes meanwhile waits, organisations in turn.
AT_ONCE: Final = 2
AT_ONCE_OF_ONE: Final = 1
#: Seconds after which somebody who waits is told that it takes too long, and for files that nobody waits for.
ANSWER_WITHIN_S: Final = 30.0
FILE_WITHIN_S: Final = 600.0
#: Seconds after which somebody who waits for a table as a file is told the same; as many are written at once as answers
#: are made, for each holds all of its cells.
WRITTEN_WITHIN_S: Final = 60.0
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
    """A snapshot; `edition` is another one once drivers were erased from it. `first_at` and `last_at`: when its first
    session began and its last; None: it has none. `sources`: whose records beside our own are in it, MAX_SOURCES at
    most."""

    lake_id: str
    snapshot: int
    edition: str
    watermark: datetime
    first_at: datetime | None
    last_at: datetime | None
    sources: tuple[str, ...] = ()


class Answers:
    """Answers from the lakes below a folder, each within so many seconds, waiting included."""

    def __init__(self, root: Path, within_s: float = ANSWER_WITHIN_S) -> None:
        self._root = root
        self._made = Made(Turns(AT_ONCE, AT_ONCE_OF_ONE), asking.Hand, within_s, MAX_KEPT)
        self._written = Made(Turns(AT_ONCE, AT_ONCE_OF_ONE), Halt, WRITTEN_WITHIN_S, 0)

    async def lake(self, tenant_id: int) -> Lake:
        """The latest snapshot. Raises LakeMissing, AnswerTooSlow."""
        _folder, manifest = await asyncio.to_thread(asking.snapshot_of, self._root, tenant_id)
        edition = manifest.edition

        def looked(hand: asking.Hand) -> Lake:
            with asking.expressed(self._root, tenant_id, manifest.snapshot, hand) as tables:
                sessions = tables["sessions"]
                began = sessions.started_at
                row = sessions.aggregate(first=began.min(), last=began.max()).to_pyarrow().to_pylist()[0]
                others = sessions.filter(sessions.source != OWN).select("source").distinct()
                sources = others.order_by("source").limit(MAX_SOURCES).to_pyarrow().column("source").to_pylist()
            return Lake(
                lake_id=manifest.lake_id, snapshot=manifest.snapshot, edition=edition, watermark=manifest.watermark,
                first_at=row["first"], last_at=row["last"], sources=tuple(sources),
            )  # fmt: skip

        key = (manifest.lake_id, manifest.snapshot, edition, manifest.watermark)
        found: Lake = await self._made.once(tenant_id, key, looked)
        return found

    async def answer(self, tenant_id: int, lake: Lake, family: Family, asked: Asked) -> Answer:
        """What that snapshot says. Raises LakeMissing, PlaceUnknown, GroupUnknown, TraitOfFew,
        AnswerTooSlow."""

        def made(hand: asking.Hand) -> Answer:
            with scoped(self._root, tenant_id, lake, asked, hand) as scope:
                scope.check()
                groups.check(scope)
                owned.check(scope)
                told = FROM_THE_LAKE[family](scope)
                return told if told.known_at or told.too_few else structs.replace(told, known_at=scope.known_at)

        key = (lake.lake_id, lake.snapshot, lake.edition, lake.watermark, family, asked)
        found: Answer = await self._made.once(tenant_id, key, made)
        return found

    async def behind(self, tenant_id: int, lake: Lake, asked: Asked, outcome: str, most: int) -> Table:
        """So many sessions of what is asked. It is kept for nobody. Raises LakeMissing, PlaceUnknown, GroupUnknown,
        TraitOfFew, AnswerTooSlow."""

        def made(hand: asking.Hand) -> Table:
            with scoped(self._root, tenant_id, lake, asked, hand) as scope:
                scope.check()
                groups.check(scope)
                owned.check(scope)
                return behind.behind(scope, outcome, most)

        found: Table = await self._made.anew(tenant_id, made)
        return found

    async def file(self, tenant_id: int, write: Callable[[Halt], bytes]) -> bytes:
        """A file that a thread writes; it is kept for nobody. Raises AnswerTooSlow."""
        written: bytes = await self._written.anew(tenant_id, write)
        return written


Answering = NamedDependency[Answers]


@contextmanager
def scoped(root: Path, tenant_id: int, lake: Lake, asked: Asked, hand: asking.Hand | None = None) -> Iterator[Scope]:
    """A snapshot narrowed to what is asked; with a `hand`, others can break it off. Raises LakeMissing."""
    with (
        tempfile.TemporaryDirectory(prefix="forecourt-insight-") as folder,
        asking.expressed(root, tenant_id, lake.snapshot, hand) as tables,
    ):
        yield Scope(tables, asked, lake.watermark, Path(folder), hand)
