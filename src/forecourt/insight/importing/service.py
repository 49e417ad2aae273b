"""The verbs of imports: bring a file in, batch by batch; go on where it was killed; take an import back."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec

from forecourt.drivers.model import uid_key
from forecourt.insight.importing import store
from forecourt.insight.importing.made import digest_of
from forecourt.insight.importing.model import (
    MAX_APART_TOLD,
    MAX_REFUSALS_KEPT,
    REASONS,
    ImportRefused,
    Parsed,
    Refusal,
    Report,
    Source,
    count,
)
from forecourt.insight.importing.placing import names_of, placed, site_of
from forecourt.insight.importing.store import Begun, Holder, Kept
from forecourt.insight.lake.store import mark
from forecourt.insight.model import OWN, Session
from forecourt.insight.pseudonyms import of_driver, of_token
from forecourt.insight.store import Connection, pseudonym_key
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError

#: Rows of one transaction.
BATCH_ROWS: Final = 2_000
#: Bytes of a file that are digested at a time.
CHUNK_BYTES: Final = 1 << 20
SOURCE_PATTERN: Final = r"[a-z0-9][a-z0-9._-]{0,62}"

#: Told how many rows are done, and of how many where that is known.
Progress = Callable[[int, int | None], None]


class ImportBusy(ForecourtError):
    """This file is being imported by somebody else just now. Wait until that is done, then ask again."""

    status = 409
    code = "import-busy"


class ImportUnknown(ForecourtError):
    """There is no such import. `forecourt insight imports` lists them."""

    status = 404
    code = "import-unknown"


class Importer:
    """Brings files of past sessions in. `tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool, clock: Clock, by: str) -> None:
        self._tenants = tenants
        self._clock = clock
        self._by = by

    async def bring(
        self, tenant_id: int, path: Path, source: Source, name: str | None, progress: Progress = lambda done, all: None
    ) -> Report:
        """Imports a file that was understood: each row once, whatever was killed and however often it is asked.

        `name` is whose sessions they are, else what the file says. Raises ImportRefused, ImportBusy.
        """
        label = source_name(name or source.source)
        digest = _digest(path, label, source.reading)
        report = Report(file=path.name[:255], form=source.form, source=label, found=source.found)
        async with self._tenants.tenant(tenant_id) as conn:
            begun, fresh = await store.begin(
                conn, tenant_id, source=label, file=report.file, digest=digest, form=source.form, found=source.found,
                at=self._clock.now(), by=self._by, report=report,
            )  # fmt: skip
            key = await pseudonym_key(conn, tenant_id)
        if not fresh:
            report = msgspec.convert(begun.report, Report)
            report.went_on = True
        report.import_id = str(begun.import_id)
        batch: list[Parsed] = []
        for number, parsed in enumerate(source.rows()):
            if number < begun.rows_done:
                continue
            batch.append(parsed)
            if len(batch) == BATCH_ROWS:
                await self._settle(tenant_id, begun, key, report, batch)
                progress(report.read, source.rows_expected)
                batch = []
        await self._settle(tenant_id, begun, key, report, batch)
        progress(report.read, source.rows_expected)
        return await self._end(tenant_id, begun, report)

    async def _settle(self, tenant_id: int, begun: Begun, key: bytes, report: Report, batch: Sequence[Parsed]) -> None:
        """One batch, whole or not at all: its sessions, its refusals, and how far the import is."""
        async with self._tenants.tenant(tenant_id) as conn:
            if await store.hold(conn, tenant_id, begun.import_id) != report.read:
                raise ImportBusy
            kept = await self._kept(conn, tenant_id, begun.source, key, batch)
            refused = [each.refusal for each in batch if each.refusal is not None]
            refused += await self._insert(conn, tenant_id, begun, report, kept)
            for each in refused:
                count(report.refused, each.reason)
                report.refused_wh += each.energy_wh or 0
            report.read += len(batch)
            assert report.read == report.taken + report.already + report.refused_rows
            await store.refuse(conn, tenant_id, begun.import_id, refused, MAX_REFUSALS_KEPT)
            await store.note(conn, tenant_id, begun.import_id, report)

    async def _kept(
        self, conn: Connection, tenant_id: int, source: str, key: bytes, batch: Iterable[Parsed]
    ) -> list[Kept]:
        """As the sessions of a batch are kept: drivers by pseudonyms, places by names that no other source has. Digests
        are of the token also where it is the one of an account: it may not have been when the file came first."""
        read = [(each.line, each.session) for each in batch if each.session is not None]
        sessions = [session for _, session in read]
        own = await store.own_stations(conn, tenant_id, sorted({session.station for session in sessions}))
        homes = await store.homes(conn, tenant_id, source, names_of(source, sessions))
        shown = {uid_key(session.driver) for session in sessions if session.driver is not None}
        holders = await store.list_holders(conn, tenant_id, sorted(shown))
        kept = []
        for line, session in read:
            ours = session.station in own
            facts = facts_of(key, source, session, ours=ours)
            there = facts if ours else placed(source, session, homes)
            digest = digest_of(facts)
            kept.append(
                Kept(
                    line=line,
                    source_id=session.id or f"row-{digest.hex()}",
                    digest=digest,
                    own_station=ours,
                    apart=there.station != facts.station,
                    session=msgspec.structs.replace(there, driver=_whose(key, session, facts.driver, holders)),
                )
            )
        return kept

    async def _insert(
        self, conn: Connection, tenant_id: int, begun: Begun, report: Report, kept: Sequence[Kept]
    ) -> list[Refusal]:
        """Keeps what is new and counts it; the rows that are refused because of what is there."""
        first: dict[str, Kept] = {}
        for each in kept:
            first.setdefault(each.source_id, each)
        new = await store.insert(conn, tenant_id, begun.source, begun.import_id, [*first.values()]) if first else set()
        await mark(conn, tenant_id, [first[name].session.started_at.date() for name in new])
        there = await store.find(conn, tenant_id, begun.source, [each.source_id for each in kept])
        refused = []
        for each in kept:
            if each.source_id in new and first[each.source_id] is each:
                take(report, each.session)
                if each.apart:
                    tell_apart(report, each.session.station)
                continue
            other = there[each.source_id]
            if other.digest != each.digest:
                refused.append(refusal(each.line, each.source_id, each.session.energy_wh, "id-taken"))
            elif other.import_id == begun.import_id:
                refused.append(refusal(each.line, each.source_id, each.session.energy_wh, "repeated"))
            else:
                report.already += 1
                report.already_wh += each.session.energy_wh or 0
                # It is no part of the digest: history that was brought before groups were read has none.
                report.ungrouped += each.session.driver_group not in (None, other.driver_group)
        return refused

    async def _end(self, tenant_id: int, begun: Begun, report: Report) -> Report:
        async with self._tenants.tenant(tenant_id) as conn:
            if await store.hold(conn, tenant_id, begun.import_id) != report.read:
                raise ImportBusy
            await mark(conn, tenant_id, await store.flag_overlaps(conn, tenant_id, begun.source))
            if overlaps := await store.count_overlaps(conn, tenant_id, begun.import_id):
                report.flagged["overlap"] = overlaps
            await store.note(conn, tenant_id, begun.import_id, report, self._clock.now())
            report.refusals = await store.refusals(conn, tenant_id, begun.import_id)
        return report

    async def forget(self, tenant_id: int, import_id: UUID) -> int:
        """Takes an import back, with all that it brought; how many sessions. Raises ImportUnknown."""
        async with self._tenants.tenant(tenant_id) as conn:
            gone = await store.forget(conn, tenant_id, import_id)
            if gone is not None:
                await mark(conn, tenant_id, gone)
        if gone is None:
            raise ImportUnknown
        return len(gone)

    async def imports(self, tenant_id: int, limit: int) -> list[Begun]:
        """Imports, newest first."""
        async with self._tenants.tenant(tenant_id) as conn:
            return await store.list_imports(conn, tenant_id, limit)


def _whose(key: bytes, session: Session, token: str | None, holders: Mapping[str, Sequence[Holder]]) -> str | None:
    """The pseudonym of who has an account and had the token then; else that of the token."""
    if session.driver is None:
        return None
    had = [each for each in holders.get(uid_key(session.driver), ()) if each.had(session.started_at)]
    return of_driver(key, had[0].driver_id) if had else token


def source_name(text: str) -> str:
    """A source's name as it is kept, in small letters without blanks. Raises ImportRefused."""
    name = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._")[:63]
    if re.fullmatch(SOURCE_PATTERN, name) is None or name == OWN:
        raise ImportRefused(f"{text!r} can't be the name of a source. Say one by --source, as old-backend.")
    return name


def _digest(path: Path, source: str, reading: dict[str, Any]) -> bytes:
    """Of a file's content and of how it is read: the same again goes on where it was stopped."""
    digest = hashlib.sha256(msgspec.json.encode([source, reading], order="deterministic"))
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.digest()


def facts_of(key: bytes, source: str, session: Session, *, ours: bool) -> Session:
    """What makes a session the same as another one of its source, whatever name its station is kept by. `ours`: the
    station is one of the organisation's own."""
    return msgspec.structs.replace(
        session,
        driver=None if session.driver is None else of_token(key, session.driver),
        station=session.station if ours else f"{source}/{session.station}",
        site=None if ours else site_of(source, session),
    )


def tell_apart(report: Report, station: str) -> None:
    """Names a station whose name another one has at another site, once."""
    if station not in report.apart and len(report.apart) < MAX_APART_TOLD:
        report.apart.append(station)


def take(report: Report, session: Session) -> None:
    """Counts a session that was taken."""
    report.taken += 1
    report.taken_wh += session.energy_wh or 0
    for flag in session.flags:
        count(report.flagged, flag)
    if session.currency is not None and session.excl_minor is not None:
        count(report.money, session.currency, session.excl_minor)
    elif session.currency is not None and session.incl_minor is not None:
        count(report.money_incl, session.currency, session.incl_minor)
    start = session.started_at.isoformat()
    report.first_at = min(report.first_at or start, start)
    report.last_at = max(report.last_at or start, start)


def refusal(line: int, source_id: str, energy_wh: int | None, reason: str) -> Refusal:
    """A row that is refused for what came before it under its id."""
    return Refusal(line=line, reason=reason, words=f"id {source_id}: {REASONS[reason]}", energy_wh=energy_wh)


def import_number(import_id: str) -> UUID:
    """The number of an import as it is written. Raises ImportUnknown."""
    try:
        return UUID(import_id)
    except ValueError:
        raise ImportUnknown from None
