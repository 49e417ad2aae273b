"""The verbs of the inbox: strangers that knocked are adopted as stations of one's own, or dismissed."""

from datetime import datetime, timedelta
from typing import Final

from forecourt.access import Actor, audit
from forecourt.platform.preconditions import check_match, etag
from forecourt.stations import service, store
from forecourt.stations.errors import KnockUnknown, PasswordNotKept, PasswordTwice
from forecourt.stations.store import Connection, StationRow
from forecourt.stations.store import knocks as kept
from forecourt.stations.store.knocks import KnockRow

#: A stranger that was dismissed is not shown again for so long, however often it knocks.
DISMISSED_FOR: Final = timedelta(days=30)


def knock_tag(row: KnockRow) -> str:
    """The ETag of what an adoption relies on: that this is the stranger, and the password, that somebody saw."""
    return etag([row.number, row.has_password, row.contested])


def suggested_profile(row: KnockRow) -> int:
    """The security profile that fits how a stranger came: a password, over TLS where it spoke TLS."""
    return 2 if row.tls else 1


async def find_stranger(conn: Connection, tenant_id: int, identity: str, *, lock: bool = False) -> KnockRow:
    """Who knocked under this identity and is not registered here. Raises KnockUnknown."""
    row = await kept.find_knock(conn, tenant_id, identity, lock=lock)
    if await store.find_stations(conn, tenant_id, [identity]):
        raise KnockUnknown(
            "This id is registered, so it is no stranger's. `GET /api/v1/inbox?registered=true` lists the registered"
            " stations that were refused, with why and when."
        )
    if row is None or row.station_id is not None:
        raise KnockUnknown
    return row


async def adopt(
    conn: Connection,
    actor: Actor,
    secret_key: bytes,
    identity: str,
    *,
    site: str | int | None,
    name: str | None,
    registration: str,
    security_profile: int | None,
    password: str | None,
    keep_password: bool,
    if_match: str | None,
) -> tuple[StationRow, str | None]:
    """Registers a stranger, with the password that it showed if `keep_password`; with the password made, if one was.

    Raises KnockUnknown, ChangedMeanwhile, PasswordTwice, PasswordNotKept, StationExists, SiteRefused, SiteNeeded.
    """
    row = await find_stranger(conn, actor.tenant_id, identity, lock=True)
    check_match(if_match, knock_tag(row))
    digest = None
    if keep_password:
        if password is not None:
            raise PasswordTwice
        digest = await kept.find_kept_password(conn, actor.tenant_id, identity)
        if digest is None:
            raise PasswordNotKept
    values = {
        "name": name,
        "security_profile": suggested_profile(row) if security_profile is None else security_profile,
        "registration": registration,
        "latitude": None,
        "longitude": None,
        "max_power_w": None,
    }
    station, made = await service.create_station(
        conn, actor, secret_key, identity=identity, site=site, password=password, values=values, digest=digest
    )
    await kept.delete_knock(conn, actor.tenant_id, identity)
    detail = {"knocked": row.knocked, "address": row.remote_address, "kept_password": keep_password}
    await audit(conn, actor, "adopt station", f"station:{identity}", detail)
    return station, made


async def dismiss(conn: Connection, actor: Actor, identity: str, now: datetime) -> KnockRow:
    """Leaves a stranger out of the inbox for DISMISSED_FOR, twice or once alike. Raises KnockUnknown."""
    row = await find_stranger(conn, actor.tenant_id, identity, lock=True)
    if row.muted_until is None or row.muted_until <= now:
        await kept.mute_knock(conn, actor.tenant_id, identity, now + DISMISSED_FOR)
        await audit(conn, actor, "dismiss stranger", f"station:{identity}", {"address": row.remote_address})
    return await find_stranger(conn, actor.tenant_id, identity)


async def renew_code(conn: Connection, actor: Actor) -> str:
    """Another code for the address of strangers; those who use the former one come here no more."""
    code = await kept.renew_inbox_code(conn, actor.tenant_id)
    await audit(conn, actor, "renew inbox code", "inbox")
    return code
