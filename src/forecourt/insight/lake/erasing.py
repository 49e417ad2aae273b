"""Drivers who are erased: nothing of them stays in any snapshot, nor in imported history.

Who erases an account asks for it in the same transaction (`ask`); the lake is rewritten by a job, or before the next
export. Files that hold such a driver are written anew without, manifests that name them are replaced, and once nobody
reads by the old ones the old files are deleted. All of it can be done again at any time, so a kill leaves nothing
behind that the next try doesn't find.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import structlog
from msgspec import Struct

from forecourt.insight.lake import store, tables
from forecourt.insight.lake.following import Following
from forecourt.insight.lake.layout import File, Folder, Manifest, wait_for_readers
from forecourt.insight.pseudonyms import of_driver, of_token
from forecourt.insight.store import Connection, pseudonym_key
from forecourt.platform import outbox
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool

log = structlog.get_logger(__name__)

#: Tables that name drivers.
NAMING: Final = ("sessions", "group_days", "driver_months", "driver_spans", "drivers")
#: Tables that are counted of what drivers of groups did.
GROUPED: Final = ("group_uses", "driver_groups")
#: The outbox event: somebody is to be erased from the lake; the subject is the organisation.
ERASED: Final = "insight.erasure"


class Gone(Struct, frozen=True, kw_only=True):
    """What an erasure came to: how many drivers' pseudonyms, in how many files and imported sessions they were."""

    pseudonyms: int
    files: int
    imported: int


async def ask(conn: Connection, tenant_id: int, driver_id: int, uids: Sequence[str], at: datetime) -> None:
    """Has a driver and these tokens be erased from the lake, in the transaction that erases the account."""
    key = await pseudonym_key(conn, tenant_id)
    names = [of_driver(key, driver_id), *(of_token(key, uid) for uid in uids)]
    await store.ask_erasure(conn, tenant_id, names, at)
    await outbox.write(conn, tenant_id, ERASED, str(tenant_id))


class Eraser:
    """Erases drivers from lakes below a folder. `tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool, clock: Clock, root: Path) -> None:
        self._tenants = tenants
        self._clock = clock
        self._root = root

    async def erase(self, tenant_id: int) -> Gone:
        """Erases all who are to be. Raises LakeBusy while the lake is written: it is to be tried again."""
        async with self._tenants.tenant(tenant_id) as conn:
            names = await store.open_erasures(conn, tenant_id)
        if not names:
            return Gone(pseudonyms=0, files=0, imported=0)
        folder = Folder(self._root, tenant_id)
        with folder.locked():
            return await self.within(folder, names)

    async def within(self, folder: Folder, names: set[str]) -> Gone:
        """The same for who holds the folder's lock."""
        tenant_id = folder.tenant_id
        async with self._tenants.tenant(tenant_id) as conn:
            imported = await store.forget_imported(conn, tenant_id, sorted(names))
        files = await asyncio.to_thread(_rewrite, folder, names)
        async with self._tenants.tenant(tenant_id) as conn:
            await store.end_erasures(conn, tenant_id, sorted(names), self._clock.now())
        return Gone(pseudonyms=len(names), files=files, imported=imported)


def _rewrite(folder: Folder, names: set[str]) -> int:
    """In every snapshot that is kept; how many files held one of them."""
    # What a stopped export had made may hold them; it is made again.
    folder.note(None)
    instead: dict[str, File] = {}
    with ExitStack() as olds:
        if not wait_for_readers([olds.enter_context(old) for old in _replaced(folder, names, instead)]):
            log.warning("files are deleted that somebody reads still, who is told that the lake is busy")
        folder.sweep()
    return sum(new.path != old for old, new in instead.items())


def _replaced(folder: Folder, names: set[str], instead: dict[str, File]) -> Iterator[BinaryIO]:
    """The manifests that others took the place of."""
    last: Manifest | None = None
    for number in folder.snapshots():
        manifest = folder.snapshot(number)
        if manifest is None:
            folder.drop(number)
            continue
        clean = {
            table: [_clean(folder, table, file, names, instead) for file in manifest.tables.get(table, ())]
            for table in NAMING
        }
        last, old = msgspec.structs.replace(manifest, tables=manifest.tables | clean), last or manifest
        if any(files != manifest.tables.get(table, []) for table, files in clean.items()):
            # One snapshot has most files of the one before: what these tell of groups is counted once.
            last.tables.update(_grouped(folder, old, last))
            yield folder.replace(last)


def _grouped(folder: Folder, before: Manifest, after: Manifest) -> dict[str, list[File]]:
    """What is told of groups without their drivers, counted again of what is left of these; as in a snapshot `before`
    where that has the same."""
    from forecourt.insight.lake.rollup import RollUp

    def placed(draft: Path, table: str, partition: str, written: tables.Written) -> File | None:
        if not written.rows:
            draft.unlink()
            return None
        path, digest = folder.place(draft, table, partition)
        return File(partition=partition, path=path, rows=written.rows, digest=digest)

    known = after.tables | {table: before.tables.get(table, []) for table in GROUPED}
    found = {table: {file.partition: file for file in files} for table, files in known.items()}
    with closing(RollUp((), folder.spill)) as rolled:
        Following(folder, rolled, placed).groups(before, found)
    return {table: sorted(found[table].values(), key=lambda file: file.partition) for table in GROUPED}


def _clean(folder: Folder, table: str, file: File, names: set[str], instead: dict[str, File]) -> File:
    """The file, or the one without these drivers, made once for all snapshots that share it."""
    if not file.drivers:
        return file
    if file.path not in instead:
        draft = folder.draft(table, file.partition)
        written = tables.without(table, folder.path / file.path, draft, names)
        if written is None:
            instead[file.path] = file
        else:
            path, digest = folder.place(draft, table, file.partition)
            instead[file.path] = File(
                partition=file.partition, path=path, rows=written.rows, digest=digest, until=written.until,
                drivers=written.drivers,
            )  # fmt: skip
    return instead[file.path]
