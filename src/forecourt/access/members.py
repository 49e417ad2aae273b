"""The verbs of an organisation and of who belongs to it. Each runs in the caller's transaction and writes the audit."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import available_timezones

from forecourt.access import store
from forecourt.access.auditing import audit
from forecourt.access.errors import LanguageRefused, LastOwner, NotAPerson, PersonUnknown, ZoneRefused
from forecourt.access.limits import Limits, check_gift
from forecourt.access.model import Actor, Role
from forecourt.access.signin.model import BySomebodyElse
from forecourt.access.store import Connection, MemberRow, OrganisationRow, ProfileRow
from forecourt.platform.preconditions import check_match, etag


async def find_organisation(conn: Connection, tenant_id: int) -> OrganisationRow:
    """The organisation that the transaction acts for, for whoever asks from another room."""
    return await store.find_organisation(conn, tenant_id)


async def find_member(conn: Connection, tenant_id: int, person_id: int) -> MemberRow:
    """The member of this id. Raises PersonUnknown."""
    row = await store.find_member(conn, tenant_id, person_id)
    if row is None:
        raise PersonUnknown
    return row


def member_tag(row: MemberRow) -> str:
    """The ETag of what can change of a member."""
    return etag([row.person_id, row.role, row.site_ids])


async def change_member(
    conn: Connection,
    actor: Actor,
    limits: Limits,
    person_id: int,
    role: Role,
    sites: Sequence[str | int] | None,
    if_match: str | None = None,
) -> MemberRow:
    """Changes what a member is, from their next request on.

    Raises PersonUnknown, ChangedMeanwhile, LastOwner, SitesRefused, RightsExceeded.
    """
    owners = await store.lock_owners(conn, actor.tenant_id)
    row = await find_member(conn, actor.tenant_id, person_id)
    check_match(if_match, member_tag(row))
    check_gift(actor, Role(row.role))
    check_gift(actor, role)
    if owners == [person_id] and role is not Role.OWNER:
        raise LastOwner
    site_ids = limits.ids(role, sites)
    if (row.role, row.site_ids) == (role.value, site_ids):
        return row
    await store.update_membership(conn, actor.tenant_id, person_id, role=role.value, site_ids=site_ids)
    await audit(
        conn,
        actor,
        "change person",
        f"person:{person_id}",
        {"email": row.email},
        before={"role": row.role, "sites": limits.slugs(row.site_ids)},
        after={"role": role.value, "sites": limits.slugs(site_ids)},
    )
    return await find_member(conn, actor.tenant_id, person_id)


async def remove_member(conn: Connection, actor: Actor, person_id: int, now: datetime) -> MemberRow:
    """Removes a member, whose sessions in the organisation end at once; returns what they were.

    Raises PersonUnknown, LastOwner, RightsExceeded.
    """
    owners = await store.lock_owners(conn, actor.tenant_id)
    row = await find_member(conn, actor.tenant_id, person_id)
    check_gift(actor, Role(row.role))
    if owners == [person_id]:
        raise LastOwner
    await store.disable_membership(conn, actor.tenant_id, person_id, now)
    await audit(
        conn, actor, "remove person", f"person:{person_id}", before={"email": row.email, "role": row.role}, after={}
    )
    return row


async def change_organisation(
    conn: Connection,
    actor: Actor,
    *,
    name: str | None,
    time_zone: str | None,
    language: str | None,
    spoken: Sequence[str],
    if_match: str | None = None,
) -> OrganisationRow:
    """Changes what is given of the actor's organisation. Raises ChangedMeanwhile, ZoneRefused, LanguageRefused."""
    row = await store.find_organisation(conn, actor.tenant_id, lock=True)
    check_match(if_match, etag(row))
    after = {
        "name": row.name if name is None else name,
        "time_zone": row.time_zone if time_zone is None else time_zone,
        "language": row.language if language is None else language,
    }
    if after["time_zone"] not in available_timezones():
        raise ZoneRefused
    if after["language"] not in spoken:
        raise LanguageRefused(f"Languages are: {', '.join(spoken)}.")
    before = {key: getattr(row, key) for key in after}
    if before != after:
        await store.update_organisation(conn, actor.tenant_id, **after)
        changed = [key for key in after if before[key] != after[key]]
        await audit(
            conn,
            actor,
            "change organisation",
            f"organisation:{actor.tenant_id}",
            before={key: before[key] for key in changed},
            after={key: after[key] for key in changed},
        )
    return await store.find_organisation(conn, actor.tenant_id)


async def find_profile(conn: Connection, actor: Actor) -> ProfileRow:
    """What the actor says of themself, in a transaction that acts as them. Raises NotAPerson."""
    row = None if actor.person_id is None else await store.find_profile(conn, actor.person_id)
    if row is None:
        raise NotAPerson
    return row


async def change_profile(
    conn: Connection,
    actor: Actor,
    *,
    name: str,
    language: str | None,
    spoken: Sequence[str],
    if_match: str | None = None,
) -> ProfileRow:
    """Changes what the actor says of themself; no language means the browser's.

    Raises NotAPerson, ChangedMeanwhile, LanguageRefused, and BySomebodyElse for who was signed in by a provider.
    """
    row = await find_profile(conn, actor)
    if actor.session is not None and actor.session.by_provider:
        raise BySomebodyElse
    check_match(if_match, etag(row))
    if language is not None and language not in spoken:
        raise LanguageRefused(f"Languages are: {', '.join(spoken)}.")
    if (row.name, row.language) != (name, language):
        await store.update_profile(conn, row.person_id, name=name, language=language)
        await audit(
            conn,
            actor,
            "change profile",
            f"person:{row.person_id}",
            before={"name": row.name, "language": row.language},
            after={"name": name, "language": language},
        )
    return await find_profile(conn, actor)
