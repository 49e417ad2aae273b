"""Writes the lake: what changed since the last snapshot, and nothing else; or all of it anew.

Marks of days (`lake_marks`) tell which sessions changed; of other tables, when something was last heard of. Partitions
that hold such a day are copied out, hours are counted again where sessions changed, and a manifest names the files.
Marks are taken away after that, and only those that were seen: a kill at any instant leaves a whole snapshot and marks
that lead to the same one. What was copied before a kill is not copied again.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import msgspec
from msgspec import Struct

from forecourt.insight.lake import following, store, tables
from forecourt.insight.lake.erasing import Eraser
from forecourt.insight.lake.layout import FORMAT, File, Folder, Manifest, Work
from forecourt.insight.lake.parts import bounds, holds, outgrown, partitions_of
from forecourt.insight.lake.store import Place
from forecourt.insight.lake.tables import Names
from forecourt.insight.store import pseudonym_key
from forecourt.insight.usage.expressions import VISIT_S
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool

if TYPE_CHECKING:
    import pyarrow as pa

    from forecourt.insight.lake.rollup import RollUp

#: Transactions and clocks of hosts differ by less: what was heard so long before the last export is looked at again.
MARGIN: Final = timedelta(minutes=15)
#: Before a day, so much is looked at for the first try of a visit.
FIRST_TRY: Final = timedelta(seconds=VISIT_S)
#: Tables that are copied as they are.
COPIED: Final = ("sessions", "states", "gaps", "prices", "incidents")
COUNTED: Final = (
    "hours", "site_hours", "zone_hours", "station_months", "site_uses", "site_days", "group_days", "stay_days",
    "driver_months", "network_hours",
)  # fmt: skip

#: Told what is being written, how many parts are done and of how many.
Progress = Callable[[str, int, int], None]


class Exported(Struct, frozen=True, kw_only=True):
    """What an export came to. `parts`: how many files it wrote; 0 means that the last snapshot holds everything."""

    snapshot: int
    parts: int
    rows: int
    sessions: int
    went_on: bool


#: The longest partition, which loses its drivers as a whole: who is erased is known so much longer than pseudonyms.
LONGEST: Final = timedelta(days=31)


class Keep(Struct, frozen=True, kw_only=True):
    """How long snapshots, and drivers' pseudonyms, are kept; None: for ever."""

    snapshots: timedelta | None = timedelta(days=30)
    drivers: timedelta | None = timedelta(days=800)


class Exporter:
    """Writes lakes below a folder. `tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool, clock: Clock, root: Path, keep: Keep | None = None) -> None:
        self._tenants = tenants
        self._clock = clock
        self._root = root
        self._keep = keep or Keep()

    async def export(
        self, tenant_id: int, *, anew: bool = False, progress: Progress = lambda what, done, all: None
    ) -> Exported:
        """Brings an organisation's lake to what PostgreSQL says; with `anew`, reads everything again. The same again
        writes nothing. Raises LakeBusy."""
        folder = Folder(self._root, tenant_id)
        with folder.locked():
            async with self._tenants.tenant(tenant_id) as conn:
                names = await store.open_erasures(conn, tenant_id)
            if names:
                await Eraser(self._tenants, self._clock, self._root).within(folder, names)
            now = self._clock.now()
            run = _Run(self._tenants, folder, now, self._keep, anew=anew, progress=progress)
            exported = await run.export()
        if self._keep.drivers is not None:
            async with self._tenants.tenant(tenant_id) as conn:
                await store.forget_erasures(conn, tenant_id, now - self._keep.drivers - LONGEST)
        return exported


class _Run:
    """One export."""

    def __init__(
        self, tenants: Pool, folder: Folder, now: datetime, keep: Keep, *, anew: bool, progress: Progress
    ) -> None:  # fmt: skip
        self._tenants = tenants
        self._keep = keep
        self._now = now
        self._today = now.date()
        self._folder = folder
        self._tenant_id = folder.tenant_id
        self._anew = anew
        self._progress = progress
        self._parts = self._rows = 0

    async def export(self) -> Exported:
        before = await self._before()
        async with self._tenants.tenant(self._tenant_id) as conn:
            marks = await store.marks(conn, self._tenant_id)
            places = await store.list_places(conn, self._tenant_id)
            names = Names(await pseudonym_key(conn, self._tenant_id), await store.erased(conn, self._tenant_id))
        found = {table: {file.partition: file for file in files} for table, files in before.tables.items()}
        work = self._work(before)
        went_on = bool(work.made)
        dirty = await self._dirty(before, found, marks)
        done = 0
        for table, partitions in dirty.items():
            for partition in partitions:
                self._progress(table, done, sum(map(len, dirty.values())))
                work = await self._part(work, table, partition, marks, names)
                _put(found.setdefault(table, {}), table, partition, work)
                done += 1
        placed = following.digest(places)
        moved: set[str] = set()
        if placed != before.places:
            moved = await asyncio.to_thread(self._moved, before, places)
        await self._count(before, found, dirty["sessions"], places, moved)
        after = msgspec.structs.replace(
            before, snapshot=before.snapshot + 1, made_at=self._now, watermark=self._now, places=placed,
            tables={table: sorted(files.values(), key=lambda file: file.partition) for table, files in found.items()},
        )  # fmt: skip
        return await self._finish(before, after, marks, went_on)

    async def _before(self) -> Manifest:
        """The snapshot to build on: the latest that is here, if it is the one of this organisation's lake."""
        latest = self._folder.latest()
        async with self._tenants.tenant(self._tenant_id) as conn:
            known = await store.find_lake(conn, self._tenant_id)
        # A kill before PostgreSQL heard of a snapshot leaves one more; several more, a database that was restored.
        if (
            latest is not None
            and known is not None
            and latest.lake_id == known[0]
            and 0 <= latest.snapshot - known[1] <= 1
        ):
            return latest
        # A folder that was lost, or is another's: what it misses is marked nowhere any more.
        self._anew = True
        numbers = [
            *self._folder.snapshots(),
            0 if known is None else known[1],
            0 if latest is None else latest.snapshot,
        ]
        return Manifest(
            lake_id=latest.lake_id if latest is not None and known is None else str(uuid4()),
            tenant_id=self._tenant_id, snapshot=max(numbers), made_at=self._now, watermark=self._now,
        )  # fmt: skip

    def _work(self, before: Manifest) -> Work:
        """What a run that was stopped had made, if this is the same one again."""
        work = self._folder.work()
        if work is not None and (work.base, work.anew) == (before.snapshot, self._anew):
            return work
        return Work(format=FORMAT, base=before.snapshot, anew=self._anew)

    async def _dirty(
        self, before: Manifest, found: dict[str, dict[str, File]], marks: dict[date, int]
    ) -> dict[str, list[str]]:
        """The partitions of each table that are to be copied."""
        dirty: dict[str, list[str]] = {}
        heard = None if self._anew else before.watermark - MARGIN
        for table in COPIED:
            if table == "sessions" and not self._anew:
                days = {*marks}
            else:
                async with self._tenants.tenant(self._tenant_id) as conn:
                    days = {*await store.list_days(conn, table, self._tenant_id, heard)}
            there = found.get(table, {})
            old = outgrown(there, self._today)
            if table == "sessions":
                old += [each for each, file in there.items() if file.drivers and self._anonymous(each)]
            if self._anew:
                old += there
            dirty[table] = partitions_of([*days, *(bounds(each)[0].date() for each in old)], self._today)
        return dirty

    def _anonymous(self, partition: str) -> bool:
        """Whether drivers of a partition are past the time for which they are kept."""
        return self._keep.drivers is not None and bounds(partition)[1] < self._now - self._keep.drivers

    async def _part(self, work: Work, table: str, partition: str, marks: dict[date, int], names: Names) -> Work:
        """Copies one partition, unless that was done before a kill and nothing was heard of it since."""
        name = f"{table}/{partition}"
        covers = {day: number for day, number in marks.items() if table == "sessions" and holds(partition, day)}
        if table == "sessions" and name in work.made and work.made[name][1] == covers:
            file = work.made[name][0]
            if file is None or (self._folder.path / file.path).exists():
                return work
        since, until = bounds(partition)
        text, draft = self._folder.draft(table, f"{partition}.csv"), self._folder.draft(table, partition)
        async with self._tenants.tenant(self._tenant_id) as conn:
            await store.copy_out(conn, table, self._tenant_id, since, until, text)
        written = await asyncio.to_thread(
            tables.from_text, table, text, draft, names, anonymous=self._anonymous(partition)
        )
        text.unlink()
        work.made[name] = (await asyncio.to_thread(self._placed, draft, table, partition, written), covers)
        await asyncio.to_thread(self._folder.note, work)
        return work

    def _placed(self, draft: Path, table: str, partition: str, written: tables.Written) -> File | None:
        """The file under its own name; None: it has no rows, so there is none."""
        if not written.rows:
            draft.unlink()
            return None
        path, digest = self._folder.place(draft, table, partition)
        self._parts += 1
        self._rows += written.rows
        return File(
            partition=partition, path=path, rows=written.rows, digest=digest, until=written.until,
            drivers=written.drivers,
        )  # fmt: skip

    async def _count(
        self,
        before: Manifest,
        found: dict[str, dict[str, File]],
        copied: Sequence[str],
        places: Sequence[Place],
        moved: set[str],
    ) -> None:
        """Counts hours again from where sessions changed until the last of them ended, then or now; and where stations
        charged that are new, or are of another site or zone than the last snapshot has them. Then stations and drivers,
        of whom one file tells."""
        from forecourt.insight.lake.rollup import RollUp

        sessions, old = found.get("sessions", {}), {file.partition: file for file in before.tables.get("sessions", ())}
        days: set[date] = set()
        for each in (*sessions.values(), *old.values()):
            if self._anew or (moved and await asyncio.to_thread(following.names, self._folder.path / each.path, moved)):
                days |= following.days(each)
        for partition in copied:
            inside = [file for name, file in old.items() if name.startswith(partition)]
            now = [sessions[partition]] if partition in sessions else []
            if inside != now:
                for each in (*inside, *now):
                    days |= following.days(each)
        for table in COUNTED:
            days |= {bounds(each)[0].date() for each in outgrown(found.get(table, {}), self._today)}
        wanted = partitions_of(days, self._today)
        roll_up = RollUp(places, self._folder.spill)
        try:
            for number, partition in enumerate(wanted):
                self._progress("hours", number, len(wanted))
                await asyncio.to_thread(self._hours, roll_up, found, sessions, partition)
            follows = following.Following(self._folder, roll_up, self._placed)
            await asyncio.to_thread(follows.stations, found, places)
            await asyncio.to_thread(follows.drivers, before, found)
            await asyncio.to_thread(follows.spans, before, found, self._today)
            await asyncio.to_thread(follows.groups, before, found)
        finally:
            roll_up.close()

    def _moved(self, before: Manifest, places: Sequence[Place]) -> set[str]:
        """Stations that hours are counted otherwise of than in a snapshot."""
        import pyarrow.parquet as pq

        known: set[following.Fact] = set()
        for file in before.tables.get("stations", ()):
            rows = pq.read_table(self._folder.path / file.path, columns=["station", "site", "zone", "power_w"])
            columns = (column.to_pylist() for column in rows.columns)
            known |= {(*where, bool(power_w)) for *where, power_w in zip(*columns, strict=True)}
        return {station for station, *_ in known ^ {*following.facts(places)}}

    def _hours(
        self, roll_up: "RollUp", found: dict[str, dict[str, File]], sessions: dict[str, File], partition: str
    ) -> None:
        since, until = bounds(partition)
        # Hours of other clocks may begin up to one before midnight; sessions that began long before may still stand,
        # and a try of just before it may be the first of a visit.
        near = [
            self._folder.path / file.path
            for name, file in sessions.items()
            if bounds(name)[0] < until + timedelta(hours=1) and (file.until is None or file.until >= since - FIRST_TRY)
        ]
        counted: dict[str, pa.Table] = {}
        if near:
            hours = roll_up.hours(near, since, until)
            counted = hours | roll_up.coarser(hours) | roll_up.days(near, since, until)
        for table in COUNTED:
            there = found.setdefault(table, {})
            for name in [each for each in there if each.startswith(partition)]:
                del there[name]
            if table in counted:
                draft = self._folder.draft(table, partition)
                file = self._placed(draft, table, partition, tables.from_table(table, counted[table], draft))
                if file is not None:
                    there[partition] = file

    async def _finish(self, before: Manifest, after: Manifest, marks: dict[date, int], went_on: bool) -> Exported:
        """Publishes a snapshot that is another than the last one, takes the marks away, lets old snapshots go."""
        known = self._folder.latest()
        same = known is not None and known.lake_id == after.lake_id and known.tables == after.tables
        if same:
            after = msgspec.structs.replace(after, snapshot=before.snapshot)
        await asyncio.to_thread(self._folder.publish, after)
        async with self._tenants.tenant(self._tenant_id) as conn:
            await store.unmark(conn, self._tenant_id, marks)
            await store.note_lake(conn, self._tenant_id, after.lake_id, after.snapshot, self._now)
        await asyncio.to_thread(self._tidied, after)
        sessions = sum(file.rows for file in after.tables.get("sessions", ()))
        return Exported(
            snapshot=after.snapshot, parts=0 if same else self._parts, rows=self._rows, sessions=sessions,
            went_on=went_on,
        )  # fmt: skip

    def _tidied(self, latest: Manifest) -> None:
        """Leaves nothing that nobody needs any more."""
        self._folder.note(None)
        self._retain(latest)
        self._folder.sweep()

    def _retain(self, latest: Manifest) -> None:
        """Lets go of snapshots that are past their time, and of those of another lake; never of the latest."""
        for number in self._folder.snapshots():
            if number == latest.snapshot:
                continue
            manifest = self._folder.snapshot(number)
            old = manifest is not None and self._keep.snapshots is not None
            if (
                manifest is None
                or manifest.lake_id != latest.lake_id
                or (old and manifest.made_at < self._now - (self._keep.snapshots or timedelta()))
            ):
                self._folder.drop(number)


def _put(files: dict[str, File], table: str, partition: str, work: Work) -> None:
    """The partition as it was made, in the place of all that it holds."""
    for name in [each for each in files if each.startswith(partition)]:
        del files[name]
    file = work.made[f"{table}/{partition}"][0]
    if file is not None:
        files[partition] = file
