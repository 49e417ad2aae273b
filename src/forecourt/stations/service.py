"""The verbs of the registry. Each runs in the caller's transaction, in which it also writes the audit."""

import re
import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import available_timezones

from psycopg.errors import CheckViolation

from forecourt.access import Actor, audit
from forecourt.access.limits import SiteName
from forecourt.platform.preconditions import check_match, etag
from forecourt.stations import store
from forecourt.stations.commands import StationUnknown
from forecourt.stations.errors import (
    PositionRefused,
    QuarantinedUnknown,
    SiteExists,
    SiteInUse,
    SiteNeeded,
    SiteTreeRefused,
    SiteUnknown,
    StationExists,
    StationRetired,
    TimeZoneRefused,
    no_site_for,
)
from forecourt.stations.model import password_hash
from forecourt.stations.store import Connection, QuarantineRow, SiteRow, StationRow
from forecourt.stations.store.knocks import unmute_knock

#: Random bytes of a generated password: as hex it has the 40 characters that OCPP 1.6's AuthorizationKey holds at most.
PASSWORD_BYTES = 20
#: Security profiles that need a password (OCPP 2.0.1 A00: unsecured with, and TLS with basic authentication).
PASSWORD_PROFILES = frozenset({1, 2})
MAX_SLUG_LENGTH = 63
#: How many numbers are tried behind a slug made from a name before a random one ends the search.
SLUG_TRIES = 20
MAX_SITE_ID = 2**31 - 1
#: Sites of one organisation that can be chosen from where people and keys are limited.
MAX_SITE_NAMES = 5_000
_TAGGED = (
    "station_id", "name", "site", "security_profile", "registration", "latitude", "longitude", "max_power_w",
    "retired_at", "version",
)  # fmt: skip


def slug_of(name: str) -> str:
    """A name as it can stand in an address: `Büro Süd` is `buro-sud`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:MAX_SLUG_LENGTH].rstrip("-") or "site"


def _slugs(name: str) -> list[str]:
    base = slug_of(name)
    endings = ["", *(f"-{number}" for number in range(2, SLUG_TRIES)), f"-{secrets.token_hex(6)}"]
    return [base[: MAX_SLUG_LENGTH - len(ending)].rstrip("-") + ending for ending in endings]


async def create_site(
    conn: Connection, actor: Actor, *, slug: str | None, parent: str | int | None, values: Mapping[str, Any]
) -> SiteRow:
    """Stores a site; a slug that is not given is made from the name.

    Raises SiteExists, TimeZoneRefused, PositionRefused, SiteRefused, SiteTreeRefused, and SiteNeeded where the actor
    is limited.
    """
    _check_position(values)
    if values["time_zone"] not in available_timezones():
        raise TimeZoneRefused
    values = {**values, "parent_id": await _site_id(conn, actor, parent)}
    for candidate in [slug] if slug is not None else _slugs(values["name"]):
        try:
            row = await store.insert_site(conn, actor.tenant_id, {**values, "slug": candidate})
        except CheckViolation as fault:
            raise SiteTreeRefused from fault
        if row is not None:
            await audit(conn, actor, "create site", f"site:{row.slug}", {"name": row.name, "parent": row.parent})
            return row
    raise SiteExists


async def change_site(
    conn: Connection, actor: Actor, site: str, changes: Mapping[str, Any], if_match: str | None
) -> SiteRow:
    """Changes the named columns of a site, or its `parent`: what is below it moves along.

    Raises SiteUnknown, ChangedMeanwhile, SiteExists, TimeZoneRefused, PositionRefused, SiteRefused, SiteTreeRefused,
    and SiteNeeded where the actor is limited.
    """
    held = await find_site(conn, actor.tenant_id, site, lock=True)
    check_match(if_match, etag(held))
    if changes.get("time_zone", held.time_zone) not in available_timezones():
        raise TimeZoneRefused
    if not changes:
        return held
    _check_position({"latitude": held.latitude, "longitude": held.longitude, **changes})
    columns = {name: value for name, value in changes.items() if name != "parent"}
    if "parent" in changes:
        if actor.sites is not None and held.site_id in actor.sites:
            raise SiteTreeRefused("You are limited to this site, so you can't move it. Ask who is not limited.")
        columns["parent_id"] = await _site_id(conn, actor, changes["parent"])
    try:
        row = await store.update_site(conn, actor.tenant_id, held.site_id, columns)
    except CheckViolation as fault:
        raise SiteTreeRefused from fault
    if row is None:
        raise SiteExists
    changed = [name for name in changes if getattr(held, name) != getattr(row, name)]
    await audit(
        conn,
        actor,
        "change site",
        f"site:{row.slug}",
        before={name: getattr(held, name) for name in changed},
        after={name: getattr(row, name) for name in changed},
    )
    return row


async def delete_site(conn: Connection, actor: Actor, site: str) -> None:
    """Deletes a site without parts where no station stands, retired ones apart. Raises SiteUnknown, SiteInUse."""
    held = await find_site(conn, actor.tenant_id, site, lock=True)
    stations = await store.count_stations_at(conn, actor.tenant_id, held.site_id)
    if stations:
        there = "1 station stands" if stations == 1 else f"{stations} stations stand"
        raise SiteInUse(f"{there} at this site. Move to another site or retire what is there first.", stations=stations)
    if actor.sites is not None and held.site_id in actor.sites:
        raise SiteInUse("You are limited to this site, so you can't delete it. Ask who is not limited.")
    if await store.has_parts(conn, actor.tenant_id, held.site_id):
        raise SiteInUse("Other sites are part of this one. Delete them first, or make them part of another.")
    await store.delete_site(conn, actor.tenant_id, held.site_id)
    await audit(conn, actor, "delete site", f"site:{held.slug}", {"name": held.name})


async def site_names(conn: Connection, tenant_id: int, /) -> Sequence[SiteName]:
    """All sites of a tenant for `forecourt.access.limits`; MAX_SITE_NAMES at most."""
    return await store.list_site_names(conn, tenant_id, MAX_SITE_NAMES)


async def unknown_sites(conn: Connection, tenant_id: int, slugs: Sequence[str]) -> list[str]:
    """Which of these slugs are no site's, in their order."""
    return await store.list_unknown_sites(conn, tenant_id, slugs) if slugs else []


async def find_site(conn: Connection, tenant_id: int, site: str | int, *, lock: bool = False) -> SiteRow:
    """The site of this slug, or of this id, held until the transaction ends if asked for. Raises SiteUnknown."""
    by_id = site if isinstance(site, int) else int(site) if site.isdecimal() and site.isascii() else None
    if by_id is not None and not 0 < by_id <= MAX_SITE_ID:
        by_id = None
    slug = site if isinstance(site, str) else None
    row = await store.find_site(conn, tenant_id, slug=slug, site_id=by_id, lock=lock)
    if row is None:
        raise SiteUnknown
    return row


async def create_station(
    conn: Connection,
    actor: Actor,
    secret_key: bytes,
    *,
    identity: str,
    site: str | int | None,
    password: str | None,
    values: Mapping[str, Any],
    digest: bytes | None = None,
) -> tuple[StationRow, str | None]:
    """Registers a station; returns it with the password that was made for it, if one was needed and none given. A
    dismissal of its id from the inbox ends: it was of a stranger.

    `values` names the other columns of `store.insert_station`; `digest` is of a password that is known by it
    only. Raises StationExists, SiteRefused, SiteNeeded, PositionRefused.
    """
    _check_position(values)
    lacks = digest is None and _lacks_password(values["security_profile"], password)
    made = secrets.token_hex(PASSWORD_BYTES) if lacks else None
    given = password or made
    station_id = await store.insert_station(
        conn,
        actor.tenant_id,
        identity=identity,
        site_id=await _site_id(conn, actor, site),
        password_hash=digest if given is None else password_hash(secret_key, given),
        **values,
    )
    if station_id is None:
        raise StationExists
    await unmute_knock(conn, actor.tenant_id, identity)
    await audit(
        conn,
        actor,
        "create station",
        f"station:{identity}",
        {"security_profile": values["security_profile"], "registration": values["registration"]},
    )
    return await find_station(conn, actor.tenant_id, identity), made


async def change_station(
    conn: Connection,
    actor: Actor,
    secret_key: bytes,
    identity: str,
    changes: Mapping[str, Any],
    if_match: str | None,
) -> tuple[StationRow, str | None]:
    """Changes what is named: columns of the registry, `site`, `password`. A password given here is the only one let in:
    whatever calls to the station left open is settled by it.

    Returns the station with the password that was made for it, if its profile now needs one and it had none.
    Raises StationUnknown, StationRetired, ChangedMeanwhile, SiteRefused, SiteNeeded, PositionRefused.
    """
    held = await store.lock_station(conn, actor.tenant_id, identity)
    if held is None:
        raise await _refused(conn, actor.tenant_id, identity)
    before = await find_station(conn, actor.tenant_id, identity)
    check_match(if_match, station_tag(before))
    _check_position({"latitude": before.latitude, "longitude": before.longitude, **changes})
    profile, has_password = held
    columns = {name: value for name, value in changes.items() if name not in ("site", "password")}
    if "site" in changes:
        columns["site_id"] = await _site_id(conn, actor, changes["site"])
    password, made = changes.get("password"), None
    if not has_password and _lacks_password(columns.get("security_profile", profile), password):
        password = made = secrets.token_hex(PASSWORD_BYTES)
    if password is not None:
        columns["password_hash"] = password_hash(secret_key, password)
        await store.forget_open_passwords(conn, actor.tenant_id, identity)
    if not columns:
        return before, made
    await store.update_station(conn, actor.tenant_id, identity, columns)
    row = await find_station(conn, actor.tenant_id, identity)
    changed = [name for name in changes if name != "password" and getattr(before, name) != getattr(row, name)]
    await audit(
        conn,
        actor,
        "change station",
        f"station:{identity}",
        {"new_password": True} if password is not None else {},
        before={name: getattr(before, name) for name in changed},
        after={name: getattr(row, name) for name in changed},
    )
    return row, made


def station_tag(row: StationRow) -> str:
    """The ETag of what can be changed of a station; `version` stands for its password."""
    return etag([getattr(row, name) for name in _TAGGED])


async def retire_station(conn: Connection, actor: Actor, identity: str) -> StationRow:
    """Takes a station out of service for good, twice or once alike; what it did stays. Raises StationUnknown.

    Once gateways have read it, the station is refused; its identity may be registered anew at once, by anybody.
    """
    if await store.lock_station(conn, actor.tenant_id, identity) is not None:
        await store.forget_open_passwords(conn, actor.tenant_id, identity)
        await store.retire_station(conn, actor.tenant_id, identity)
        await audit(conn, actor, "retire station", f"station:{identity}")
    return await find_station(conn, actor.tenant_id, identity)


async def find_station(conn: Connection, tenant_id: int, identity: str) -> StationRow:
    """The station of this identity, in service or else the one retired last. Raises StationUnknown."""
    row = await store.find_station(conn, tenant_id, identity)
    if row is None:
        raise StationUnknown
    return row


async def find_station_id(conn: Connection, tenant_id: int, identity: str) -> int:
    """The number of the station that `find_station` finds. Raises StationUnknown."""
    station_id = await store.find_station_id(conn, tenant_id, identity)
    if station_id is None:
        raise StationUnknown
    return station_id


async def check_in_service(conn: Connection, tenant_id: int, identity: str) -> None:
    """Raises StationUnknown, or StationRetired, unless a station of this identity is in service."""
    if (await find_station(conn, tenant_id, identity)).retired_at is not None:
        raise StationRetired


async def _refused(conn: Connection, tenant_id: int, identity: str) -> StationUnknown | StationRetired:
    """Why a station that is not in service can't be changed."""
    known = await store.find_station_id(conn, tenant_id, identity) is not None
    return StationRetired() if known else StationUnknown()


async def find_quarantined(conn: Connection, tenant_id: int, number: int) -> QuarantineRow:
    """A message that could not be stored, whole. Raises QuarantinedUnknown."""
    row = await store.find_quarantined(conn, tenant_id, number)
    if row is None:
        raise QuarantinedUnknown
    return row


async def review_quarantined(conn: Connection, actor: Actor, number: int) -> QuarantineRow:
    """Marks it as looked at, twice or once alike: the first time counts. Raises QuarantinedUnknown."""
    if await store.review_quarantined(conn, actor.tenant_id, number):
        await audit(conn, actor, "review quarantined message", f"quarantine:{number}")
    return await find_quarantined(conn, actor.tenant_id, number)


def _check_position(values: Mapping[str, Any]) -> None:
    if (values["latitude"] is None) is not (values["longitude"] is None):
        raise PositionRefused


def _lacks_password(security_profile: int, password: str | None) -> bool:
    return password is None and security_profile in PASSWORD_PROFILES


async def _site_id(conn: Connection, actor: Actor, site: str | int | None) -> int | None:
    """The id of a site that the actor may put something at; who is limited to sites must name one of them."""
    if site is None:
        if actor.sites is not None:
            raise SiteNeeded
        return None
    try:
        return (await find_site(conn, actor.tenant_id, site)).site_id
    except SiteUnknown:
        raise no_site_for(actor) from None
