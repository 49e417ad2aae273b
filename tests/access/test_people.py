"""People: of no organisation, and what one organisation may and may not do with them."""

from typing import Any

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from forecourt.access import Access, Origin, Role, store
from forecourt.access.model import NotAMember
from tests.http import PASSWORD, SECRET, House, Tenant


async def in_both(house: House, tenant: Tenant, other: Tenant, role: Role = Role.VIEWER) -> tuple[str, int]:
    """The address and the id of an owner of `tenant` who also is a member of `other`."""
    email = await tenant.operator()
    async with house.db.anyone() as conn:
        person = await store.find_person(conn, email)
    assert person is not None
    async with house.db.tenant(other.tenant_id, person_id=person.person_id) as conn:
        await store.upsert_membership(
            conn, other.tenant_id, person.person_id, role=role.value, site_ids=None, invited_by=None
        )
    return email, person.person_id


def an_access(house: House) -> Access:
    return Access(house.db, SECRET.encode(), house.clock)


async def test_a_person_of_two_organisations_moves_between_them_with_the_role_they_have_in_each(
    house: House, tenant: Tenant, stranger: Tenant
) -> None:
    email, _ = await in_both(house, tenant, stranger)
    access = an_access(house)
    signed_in = await access.sign_in(email, PASSWORD, Origin())
    here = {tenant.tenant_id: Role.OWNER, stranger.tenant_id: Role.VIEWER}
    for there in (stranger, tenant, stranger):
        actor = await access.of_session(signed_in.token)
        assert actor is not None
        await access.choose_organisation(actor, signed_in.token, there.tenant_id)
        after = await access.of_session(signed_in.token)
        assert after is not None
        assert (after.tenant_id, after.role, after.id) == (there.tenant_id, here[there.tenant_id], actor.id)
    # They find themself where they were last.
    assert (await access.sign_in(email, PASSWORD, Origin())).actor.tenant_id == stranger.tenant_id


async def test_nobody_enters_an_organisation_that_they_do_not_belong_to(
    house: House, tenant: Tenant, stranger: Tenant
) -> None:
    access = an_access(house)
    signed_in = await access.sign_in(await tenant.operator(), PASSWORD, Origin())
    with pytest.raises(NotAMember):
        await access.choose_organisation(signed_in.actor, signed_in.token, stranger.tenant_id)
    with pytest.raises(InsufficientPrivilege, match="row-level security"):
        async with house.db.person(signed_in.actor.id) as conn:
            await conn.execute("UPDATE person_sessions SET tenant_id = %s", (stranger.tenant_id,))


def as_app(house: House, **settings: int) -> psycopg.Connection[Any]:
    connection = psycopg.connect(house.database.url, autocommit=True)
    connection.execute("SET ROLE forecourt_app")
    for name, value in settings.items():
        connection.execute("SELECT set_config(%s, %s, false)", (f"forecourt.{name}", str(value)))
    return connection


async def test_an_organisation_sees_its_members_and_changes_nothing_of_who_they_are(
    house: House, tenant: Tenant, stranger: Tenant
) -> None:
    email, person_id = await in_both(house, tenant, stranger)
    await stranger.operator()
    with as_app(house, tenant=tenant.tenant_id) as connection:
        assert connection.execute("SELECT email FROM people").fetchall() == [(email,)]
        assert connection.execute("SELECT tenant_id FROM memberships").fetchall() == [(tenant.tenant_id,)]
        for change in ("name = 'X'", "password_hash = 'x'", "language = 'de'"):
            assert connection.execute(f"UPDATE people SET {change}".encode()).rowcount == 0
        with pytest.raises(InsufficientPrivilege, match="permission denied"):
            connection.execute("SELECT password_hash FROM people")
        with pytest.raises(InsufficientPrivilege, match="row-level security"):
            connection.execute(
                "INSERT INTO memberships (tenant_id, person_id, role) VALUES (%s, %s, 'owner')",
                (tenant.tenant_id, person_id + 1),
            )
    with as_app(house, person=person_id) as connection:
        assert connection.execute("UPDATE people SET language = 'de'").rowcount == 1
        assert connection.execute("SELECT count(*) FROM memberships").fetchone() == (2,)
        assert connection.execute("SELECT count(*) FROM organisations").fetchone() == (2,)
        assert connection.execute("SELECT count(*) FROM api_keys").fetchone() == (0,)


async def test_who_was_removed_is_out_at_once_and_unseen(house: House, tenant: Tenant, stranger: Tenant) -> None:
    email, _ = await in_both(house, tenant, stranger)
    access = an_access(house)
    signed_in = await access.sign_in(email, PASSWORD, Origin())
    with house.admin() as connection:
        connection.execute(
            "UPDATE memberships SET disabled_at = now() WHERE tenant_id = %s", (signed_in.actor.tenant_id,)
        )
    assert await access.of_session(signed_in.token) is None
    with as_app(house, tenant=signed_in.actor.tenant_id) as connection:
        assert connection.execute("SELECT count(*) FROM people").fetchone() == (0,)
    # The other organisation still has them.
    assert (await access.sign_in(email, PASSWORD, Origin())).actor.tenant_id != signed_in.actor.tenant_id
