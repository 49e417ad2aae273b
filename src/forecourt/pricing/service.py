"""The verbs of tariffs. Each runs in the caller's transaction, in which it also writes the audit.

What sessions began by never changes: versions are added and never changed, and neither a version nor an assignment
begins before now. So a tariff is looked up for any time of the past as it was looked up then.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct, structs

from forecourt.access import Actor, audit
from forecourt.platform import outbox
from forecourt.platform.preconditions import check_match, etag
from forecourt.pricing.assigning import Assignment, Place, Scope, fits, rank
from forecourt.pricing.checking import check
from forecourt.pricing.errors import (
    AssignmentUnknown,
    PastRefused,
    ScopeRefused,
    TariffEnded,
    TariffUnknown,
)
from forecourt.pricing.model import RENAMED, Tariff
from forecourt.pricing.store import Connection, assigned
from forecourt.pricing.store import tariffs as store
from forecourt.pricing.store.assigned import AssignmentRow
from forecourt.pricing.store.tariffs import TariffRow, VersionRow

#: Assignments that are told of where several fit.
MAX_CONTENDERS: Final = 20


class Chosen(Struct, frozen=True, kw_only=True):
    """The version of a tariff that counts for a session by where and when it begins; and why: by which assignment."""

    tariff_id: UUID
    version: int
    name: str
    tariff: Tariff
    assignment: Assignment


class Contender(Struct, frozen=True, kw_only=True):
    """An assignment that fits, with the version of its tariff that would count; None: none of it does then."""

    row: AssignmentRow
    version: VersionRow | None


def tariff_tag(row: TariffRow) -> str:
    """The ETag of a tariff: another one with each version, name and end."""
    return etag(["tariff", row.tariff_id, row.version, row.name, row.ended_at])


async def tariff_for(
    connection: Connection,
    tenant_id: int,
    place: Place,
    at: datetime,
    group: str | None = None,
    subscription: str | None = None,
) -> Chosen | None:
    """What a session costs that begins there and then, for a driver of a group and a subscription, if of any; None:
    no tariff counts, so it costs nothing. The same question has the same version for an answer for ever.

    The rule is `assigning`'s. An assignment whose tariff has ended, or counts for no session of that time, is passed
    over, and the next one counts.
    """
    fitting = await assigned.list_fitting(connection, tenant_id, place, at)
    for one in sorted(
        (each for each in fitting if fits(each, place, at, group=group, subscription=subscription)),
        key=lambda each: rank(each, place),
        reverse=True,
    ):
        found = await store.version_at(connection, tenant_id, one.tariff_id, at)
        if found is not None and _counts(found.tariff, at):
            return Chosen(
                tariff_id=found.tariff_id,
                version=found.version,
                name=found.name,
                tariff=found.tariff,
                assignment=one,
            )
    return None


async def contenders(
    connection: Connection,
    tenant_id: int,
    place: Place,
    at: datetime,
    group: str | None = None,
    subscription: str | None = None,
) -> list[Contender]:
    """Every assignment that fits there and then, in the order in which they count, MAX_CONTENDERS at the most."""
    fitting = await assigned.list_fitting(connection, tenant_id, place, at)
    ranked = sorted(
        (each for each in fitting if fits(each, place, at, group=group, subscription=subscription)),
        key=lambda each: rank(each, place),
        reverse=True,
    )
    found = []
    for one in ranked[:MAX_CONTENDERS]:
        version = await store.version_at(connection, tenant_id, one.tariff_id, at)
        valid = version is not None and _counts(version.tariff, at)
        found.append(
            Contender(
                row=await find_assignment(connection, tenant_id, one.assignment_id),
                version=version if valid else None,
            )
        )
    return found


def _counts(tariff: Tariff, at: datetime) -> bool:
    after = tariff.starts_at is None or tariff.starts_at <= at
    return after and (tariff.ends_at is None or at < tariff.ends_at)


async def find_place(
    connection: Connection, tenant_id: int, station_id: int, evse: int | None = None, connector: int | None = None
) -> Place | None:
    """What counts of where a station stands and what plugs it has; None if there is no such station."""
    return await assigned.find_place(connection, tenant_id, station_id, evse, connector)


async def find_tariff(connection: Connection, tenant_id: int, tariff_id: UUID) -> TariffRow:
    """The tariff of this id with its latest version. Raises TariffUnknown."""
    row = await store.find_tariff(connection, tenant_id, tariff_id)
    if row is None:
        raise TariffUnknown
    return row


async def unknown_tariffs(connection: Connection, tenant_id: int, tariff_ids: Sequence[UUID]) -> list[UUID]:
    """Which of these are no tariff's, in their order."""
    return await store.list_unknown(connection, tenant_id, tariff_ids) if tariff_ids else []


async def tariffs_of_some(connection: Connection, tenant_id: int) -> list[str]:
    """Names of tariffs that count for a group of drivers or a subscription, or ever did, also those that they had once,
    as what was copied out stands by them; for who is limited to some
    sites also of those of which they see none that count for all: of these it may be so elsewhere."""
    return await assigned.list_of_some(connection, tenant_id)


async def find_version(connection: Connection, tenant_id: int, tariff_id: UUID, version: int) -> VersionRow:
    """A version as it was made, whatever came after it. Raises TariffUnknown."""
    row = await store.find_version(connection, tenant_id, tariff_id, version)
    if row is None:
        raise TariffUnknown
    return row


async def create_tariff(
    connection: Connection, actor: Actor, name: str, tariff: Tariff, now: datetime, valid_from: datetime | None = None
) -> TariffRow:
    """Stores a tariff as its first version, with an id of ours. Raises TariffUnreadable, PastRefused."""
    begins = _not_past(valid_from, now)
    check(tariff)
    by = str(actor)
    tariff_id = await store.insert_tariff(connection, actor.tenant_id, name, by, now)
    made = structs.replace(tariff, id=str(tariff_id))
    await store.insert_version(connection, actor.tenant_id, 1, made, begins, by, now)
    row = await find_tariff(connection, actor.tenant_id, tariff_id)
    await audit(connection, actor, "create tariff", f"tariff:{tariff_id}", after=_told(row))
    return row


async def revise_tariff(
    connection: Connection,
    actor: Actor,
    tariff_id: UUID,
    tariff: Tariff,
    now: datetime,
    *,
    name: str | None = None,
    valid_from: datetime | None = None,
    if_match: str | None = None,
) -> TariffRow:
    """Adds a version, unless it is the same as the latest and valid by then.

    Raises TariffUnknown, TariffEnded, ChangedMeanwhile, TariffUnreadable, PastRefused.
    """
    held = await _locked(connection, actor.tenant_id, tariff_id, if_match)
    if held.ended_at is not None:
        raise TariffEnded
    begins = _not_past(valid_from, now)
    check(tariff)
    made = structs.replace(tariff, id=str(tariff_id))
    if name is not None and name != held.name:
        await store.update_tariff(connection, actor.tenant_id, tariff_id, name=name, ended_at=held.ended_at)
        await store.note_name(connection, actor.tenant_id, tariff_id, held.name)
        await outbox.write(connection, actor.tenant_id, RENAMED, str(tariff_id))
    if made != held.tariff or begins < held.valid_from:
        version = held.version + 1
        await store.insert_version(connection, actor.tenant_id, version, made, begins, str(actor), now)
    row = await find_tariff(connection, actor.tenant_id, tariff_id)
    if tariff_tag(row) != tariff_tag(held):
        await audit(
            connection, actor, "revise tariff", f"tariff:{tariff_id}", before=_told(held), after=_told(row)
        )  # fmt: skip
    return row


async def end_tariff(
    connection: Connection, actor: Actor, tariff_id: UUID, now: datetime, if_match: str | None = None
) -> TariffRow:
    """From now on it counts for no session that begins; those that began go on by it. Idempotent.

    Raises TariffUnknown, ChangedMeanwhile.
    """
    held = await _locked(connection, actor.tenant_id, tariff_id, if_match)
    if held.ended_at is not None:
        return held
    await store.update_tariff(connection, actor.tenant_id, tariff_id, name=held.name, ended_at=now)
    await audit(connection, actor, "end tariff", f"tariff:{tariff_id}", {"name": held.name})
    return await find_tariff(connection, actor.tenant_id, tariff_id)


async def assign_tariff(
    connection: Connection,
    actor: Actor,
    tariff_id: UUID,
    scope: Scope,
    now: datetime,
    *,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> AssignmentRow:
    """Lets a tariff count for a scope, from now on or later; assignments that it covers are left as they are.

    Raises TariffUnknown, TariffEnded, PastRefused, ScopeRefused.
    """
    held = await find_tariff(connection, actor.tenant_id, tariff_id)
    if held.ended_at is not None:
        raise TariffEnded
    begins = _not_past(starts_at, now)
    if ends_at is not None and ends_at <= begins:
        raise PastRefused("An assignment ends after it begins. Leave its end out, or name a later one.")
    if (scope.site_id is not None and scope.station_id is not None) or (
        scope.evse is not None and scope.station_id is None
    ):
        raise ScopeRefused
    tenant_id = actor.tenant_id
    assignment_id = await assigned.insert_assignment(
        connection, tenant_id, tariff_id, scope, begins, ends_at, str(actor), now
    )
    row = await find_assignment(connection, tenant_id, assignment_id)
    await audit(connection, actor, "assign tariff", f"tariff:{tariff_id}", _scope_told(row))
    return row


async def unassign_tariff(
    connection: Connection, actor: Actor, assignment_id: UUID, now: datetime
) -> AssignmentRow:  # fmt: skip
    """Ends an assignment for sessions that begin from now on. Idempotent. Raises AssignmentUnknown."""
    held = await find_assignment(connection, actor.tenant_id, assignment_id)
    if held.ends_at is not None and held.ends_at <= max(now, held.starts_at):
        return held
    await assigned.end_assignment(connection, actor.tenant_id, assignment_id, now, str(actor))
    await audit(connection, actor, "unassign tariff", f"tariff:{held.tariff_id}", _scope_told(held))
    return await find_assignment(connection, actor.tenant_id, assignment_id)


async def find_assignment(connection: Connection, tenant_id: int, assignment_id: UUID) -> AssignmentRow:
    """The assignment of this id. Raises AssignmentUnknown."""
    row = await assigned.find_assignment(connection, tenant_id, assignment_id)
    if row is None:
        raise AssignmentUnknown
    return row


async def scope_of(
    connection: Connection, tenant_id: int, scope: Scope, site: str | None, station: str | None
) -> Scope:
    """The scope with the site of this slug or the station of this id. Raises ScopeRefused."""
    if site is not None and station is not None:
        raise ScopeRefused
    site_id = None if site is None else await assigned.find_site_id(connection, tenant_id, site)
    station_id = None if station is None else await assigned.find_station_id(connection, tenant_id, station)
    if (site is not None and site_id is None) or (station is not None and station_id is None):
        raise ScopeRefused
    return structs.replace(scope, site_id=site_id, station_id=station_id)


async def _locked(connection: Connection, tenant_id: int, tariff_id: UUID, if_match: str | None) -> TariffRow:
    if not await store.lock_tariff(connection, tenant_id, tariff_id):
        raise TariffUnknown
    held = await find_tariff(connection, tenant_id, tariff_id)
    check_match(if_match, tariff_tag(held))
    return held


def _not_past(wanted: datetime | None, now: datetime) -> datetime:
    if wanted is not None and wanted < now:
        raise PastRefused
    return now if wanted is None else wanted


def _told(row: TariffRow) -> Mapping[str, Any]:
    """What the audit tells of a tariff: its versions are kept whole where they are."""
    return {"name": row.name, "version": row.version, "valid_from": row.valid_from.isoformat()}


def _scope_told(row: AssignmentRow) -> Mapping[str, Any]:
    known = {
        "site": row.site, "station": row.station, "evse": row.evse, "connector_type": row.connector_type,
        "evse_kind": row.evse_kind, "driver_group": row.driver_group, "subscription": row.subscription,
        "starts_at": row.starts_at.isoformat(), "ends_at": None if row.ends_at is None else row.ends_at.isoformat(),
    }  # fmt: skip
    return {name: value for name, value in known.items() if value is not None}
