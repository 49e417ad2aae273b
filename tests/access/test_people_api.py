"""People and invitations over HTTP, and the letters that invite them."""

import re
from typing import Any

import pytest
from httpx import AsyncClient

from forecourt.access import Access, Origin, Role
from forecourt.access.errors import InvitationVoid, InvitedAnother, PasswordRefused
from forecourt.access.invitations import LIFE, Invitations
from forecourt.access.model import Actor
from tests.access.test_people import in_both
from tests.http import BASE, PASSWORD, SECRET, House, Tenant, check_orders, problem, walk

PEOPLE, INVITATIONS = "/api/v1/people", "/api/v1/invitations"


def the_verbs(house: House) -> tuple[Access, Invitations]:
    access = Access(house.db, SECRET.encode(), house.clock)
    return access, Invitations(house.db, SECRET.encode(), house.clock, access, BASE)


def letters(house: House, recipient: str) -> list[tuple[str, str]]:
    """Subject and body of what was written to somebody, oldest first."""
    with house.admin() as connection:
        return connection.execute(
            "SELECT subject, body FROM letters WHERE recipient = %s ORDER BY written_at", (recipient,)
        ).fetchall()


def token_for(house: House, recipient: str) -> str:
    found = re.search(r"/invitation\?token=([\w-]+)", letters(house, recipient)[-1][1])
    assert found is not None
    return found[1]


async def invite(client: AsyncClient, email: str, **more: Any) -> dict[str, Any]:
    answer = await client.post(INVITATIONS, json={"email": email, "role": "technician", **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def signed_in_as(house: House, tenant: Tenant) -> tuple[Actor, str]:
    access, _ = the_verbs(house)
    signed_in = await access.sign_in(await tenant.operator(), PASSWORD, Origin())
    return signed_in.actor, signed_in.token


async def test_the_invited_chooses_a_password_and_is_what_they_were_invited_as(house: House, tenant: Tenant) -> None:
    owner = await tenant.client()
    yard = (await owner.post("/api/v1/sites", json={"name": "Yard"})).json()
    made = await invite(owner, "New.One@Example.org", sites=["yard"])
    assert (made["email"], made["sites"]) == ("new.one@example.org", ["yard"])
    [(subject, body)] = letters(house, "new.one@example.org")
    assert "invites you to Organisation" in subject
    assert re.search(r"^http://[\w.:]+/invitation\?token=[\w-]{43}$", body, re.MULTILINE)
    _, invitations = the_verbs(house)
    token = token_for(house, "new.one@example.org")
    assert (await invitations.find(token)).organisation in subject
    signed_in = await invitations.accept_new(token, "Nina", "four words of mine", Origin(address="10.0.0.9"))
    actor = signed_in.actor
    assert (actor.tenant_id, actor.role, actor.sites) == (tenant.tenant_id, Role.TECHNICIAN, (yard["id"],))
    [person] = [each for each in await walk(owner, PEOPLE) if each["id"] == actor.id]
    assert (person["name"], person["role"], person["sites"]) == ("Nina", "technician", ["yard"])
    assert await walk(owner, INVITATIONS) == []
    with pytest.raises(InvitationVoid):
        await invitations.accept_new(token, "Again", "four words of mine", Origin())
    [entry] = await walk(owner, "/api/v1/audit", action="accept invitation")
    assert (entry["actor"], entry["address"]) == (f"person:{actor.id} Nina", "10.0.0.9")


async def test_somebody_who_is_a_person_already_joins_as_who_they_are(
    house: House, tenant: Tenant, stranger: Tenant
) -> None:
    actor, session = await signed_in_as(house, stranger)
    owner = await tenant.client()
    with house.admin() as connection:
        row = connection.execute("SELECT email FROM people WHERE person_id = %s", (actor.id,)).fetchone()
    assert row is not None
    await invite(owner, row[0], role="support")
    access, invitations = the_verbs(house)
    token = token_for(house, row[0])
    with pytest.raises(InvitedAnother):
        await invitations.accept_new(token, "Impostor", "four words of mine", Origin())
    another, other_session = await signed_in_as(house, stranger)
    with pytest.raises(InvitedAnother):
        await invitations.accept(token, another, other_session)
    await invitations.accept(token, actor, session)
    there = await access.of_session(session)
    assert there is not None
    assert (there.id, there.tenant_id, there.role) == (actor.id, tenant.tenant_id, Role.SUPPORT)
    problem(await owner.post(INVITATIONS, json={"email": row[0], "role": "viewer"}), 409, "already-member")


async def test_a_link_is_void_after_a_week_after_sending_again_and_after_revoking(house: House, tenant: Tenant) -> None:
    owner = await tenant.client()
    _, invitations = the_verbs(house)
    made = await invite(owner, "late@example.org")
    first = token_for(house, "late@example.org")
    problem(await owner.post(INVITATIONS, json={"email": "late@example.org", "role": "viewer"}), 409, "already-invited")
    house.clock.advance(LIFE.total_seconds())
    with pytest.raises(InvitationVoid):
        await invitations.find(first)
    again = await owner.post(f"{INVITATIONS}/{made['id']}/resend")
    assert again.status_code == 200
    second = token_for(house, "late@example.org")
    assert second != first
    with pytest.raises(InvitationVoid):
        await invitations.find(first)
    assert (await invitations.find(second)).email == "late@example.org"
    assert (await owner.delete(f"{INVITATIONS}/{made['id']}")).status_code == 200
    with pytest.raises(InvitationVoid):
        await invitations.find(second)
    problem(await owner.delete(f"{INVITATIONS}/{made['id']}"), 404, "invitation-unknown")
    problem(await owner.post(f"{INVITATIONS}/{made['id']}/resend"), 404, "invitation-unknown")


async def test_the_token_stands_in_the_letter_and_nowhere_else(house: House, tenant: Tenant) -> None:
    await invite(await tenant.client(), "secret@example.org")
    token = token_for(house, "secret@example.org")
    with house.admin() as connection:
        for table in ("invitations", "audit", "outbox"):
            rows = connection.execute(f"SELECT {table}::text FROM {table}".encode()).fetchall()
            assert not any(token in text or token.encode().hex() in text for (text,) in rows)


async def test_the_letter_speaks_the_language_of_the_organisation(house: House, tenant: Tenant) -> None:
    owner = await tenant.client()
    await owner.patch("/api/v1/organisation", json={"language": "de", "time_zone": "Europe/Berlin"})
    await invite(owner, "neu@example.org")
    [(subject, body)] = letters(house, "neu@example.org")
    assert "lädt Sie zu Organisation" in subject
    assert re.search(r"bis 08\.03\.2026, 13:00:00 MEZ", body)


async def test_a_short_password_is_refused_and_the_link_still_works(house: House, tenant: Tenant) -> None:
    await invite(await tenant.client(), "short@example.org")
    _, invitations = the_verbs(house)
    token = token_for(house, "short@example.org")
    with pytest.raises(PasswordRefused):
        await invitations.accept_new(token, "S", "short", Origin())
    await invitations.accept_new(token, "S", "a kettle drives a boat", Origin())


async def test_a_role_changes_and_holds_from_the_next_request_on(house: House, tenant: Tenant) -> None:
    owner = await tenant.client()
    actor, session = await signed_in_as(house, tenant)
    second, _ = await signed_in_as(house, tenant)
    await owner.post("/api/v1/sites", json={"name": "Yard"})
    access, _ = the_verbs(house)
    for change, expected in (
        ({"role": "technician"}, ("technician", None)),
        ({"sites": ["yard"]}, ("technician", ["yard"])),
        ({"role": "site_host"}, ("site_host", ["yard"])),
        ({"role": "viewer", "sites": None}, ("viewer", None)),
    ):
        changed = await owner.patch(f"{PEOPLE}/{actor.id}", json=change)
        assert (changed.json()["role"], changed.json()["sites"]) == expected
        after = await access.of_session(session)
        assert after is not None
        assert after.role == expected[0]
    [newest, *_] = await walk(owner, "/api/v1/audit", object=f"person:{actor.id}", action="change person")
    assert newest["before"] == {"role": "site_host", "sites": ["yard"]}
    assert newest["after"] == {"role": "viewer", "sites": None}
    wrong: dict[str, Any]
    for wrong in ({"role": "site_host"}, {"sites": []}, {"sites": ["nowhere"]}, {"role": "owner", "sites": ["yard"]}):
        problem(await owner.patch(f"{PEOPLE}/{actor.id}", json=wrong), 422, "sites-refused")
    assert second.role is Role.OWNER


async def test_who_is_removed_is_signed_out_at_once_and_may_be_invited_again(house: House, tenant: Tenant) -> None:
    owner = await tenant.client()
    actor, session = await signed_in_as(house, tenant)
    await signed_in_as(house, tenant)
    access, _ = the_verbs(house)
    removed = await owner.delete(f"{PEOPLE}/{actor.id}")
    assert removed.json()["id"] == actor.id
    assert await access.of_session(session) is None
    problem(await owner.get(f"{PEOPLE}/{actor.id}"), 404, "person-unknown")
    await invite(owner, removed.json()["email"])


async def test_two_who_change_the_same_person_at_once_do_not_undo_each_other(house: House, tenant: Tenant) -> None:
    owner = await tenant.client()
    actor, _ = await signed_in_as(house, tenant)
    await signed_in_as(house, tenant)
    tag = (await owner.get(f"{PEOPLE}/{actor.id}")).headers["etag"]
    first = await owner.patch(f"{PEOPLE}/{actor.id}", json={"role": "viewer"}, headers={"if-match": tag})
    assert first.status_code == 200
    late = await owner.patch(f"{PEOPLE}/{actor.id}", json={"role": "support"}, headers={"if-match": tag})
    problem(late, 412, "changed-meanwhile")


async def test_the_last_owner_can_neither_be_removed_nor_made_less(house: House, tenant: Tenant) -> None:
    owner = await tenant.client()
    first, _ = await signed_in_as(house, tenant)
    problem(await owner.delete(f"{PEOPLE}/{first.id}"), 409, "last-owner")
    problem(await owner.patch(f"{PEOPLE}/{first.id}", json={"role": "operator"}), 409, "last-owner")
    second, _ = await signed_in_as(house, tenant)
    assert (await owner.patch(f"{PEOPLE}/{first.id}", json={"role": "operator"})).status_code == 200
    problem(await owner.delete(f"{PEOPLE}/{second.id}"), 409, "last-owner")


async def test_people_are_sorted_as_asked_and_one_who_is_removed_meanwhile_takes_none_with_them(
    house: House, tenant: Tenant
) -> None:
    owner, names = await tenant.client(), ("Berta", "ada", "Cleo", "Ada", "Berta")
    emails = [await tenant.operator() for _ in names]
    emails[1], emails[3] = f"z{emails[1]}", f"b{emails[3]}"
    with house.admin() as connection:
        for email, name in zip(emails, names, strict=True):
            connection.execute(
                "UPDATE people SET email = %s, name = %s WHERE email = %s", (email, name, email.lstrip("zb"))
            )
    first, zed, cleo, bee, last = emails
    first_of_two, second_of_two = sorted((first, last))
    await check_orders(
        owner,
        PEOPLE,
        "email",
        oldest=emails,
        newest=emails[::-1],
        name=[bee, zed, first_of_two, second_of_two, cleo],
        email=[bee, *sorted((first, cleo, last)), zed],
    )
    page = (await owner.get(PEOPLE, params={"sort": "name", "limit": 2})).json()
    await owner.delete(f"{PEOPLE}/{page['items'][1]['id']}")
    rest = (await owner.get(PEOPLE, params={"sort": "name", "cursor": page["next"]})).json()
    assert [each["email"] for each in rest["items"]] == [first_of_two, second_of_two, cleo]


async def test_invitations_are_listed_from_either_end(tenant: Tenant) -> None:
    owner, emails = await tenant.client(), [f"{name}@example.org" for name in "cab"]
    for email in emails:
        await invite(owner, email)
    await check_orders(owner, INVITATIONS, "email", oldest=emails, newest=emails[::-1])


async def test_a_person_of_another_organisation_is_none_here(house: House, tenant: Tenant, stranger: Tenant) -> None:
    actor, _ = await signed_in_as(house, stranger)
    owner = await tenant.client()
    made = await invite(await stranger.client(), "theirs@example.org")
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", "")):
        answer = await owner.request(method, f"{PEOPLE}/{actor.id}{path}", json={} if method == "PATCH" else None)
        problem(answer, 404, "person-unknown")
    problem(await owner.delete(f"{INVITATIONS}/{made['id']}"), 404, "invitation-unknown")


async def test_a_key_gives_away_no_right_that_it_lacks(house: House, tenant: Tenant) -> None:
    owner = await tenant.client()
    body = {"name": "Onboarding", "role": "owner", "scopes": ["read", "read_campaigns", "people", "keys"]}
    key = (await owner.post("/api/v1/keys", json=body)).json()["key"]
    client = house.client(headers={"authorization": f"Bearer {key}"})
    await invite(client, "viewer@example.org", role="viewer")
    problem(await client.post(INVITATIONS, json={"email": "o@example.org", "role": "owner"}), 403, "rights-exceeded")
    problem(await client.post("/api/v1/keys", json={"name": "More", "role": "technician"}), 403, "rights-exceeded")
    refused = problem(await client.post("/api/v1/sites", json={"name": "Yard"}), 403, "scope-missing")
    assert refused["needs"] == "change_sites"
    actor, _ = await signed_in_as(house, tenant)
    problem(await client.patch(f"{PEOPLE}/{actor.id}", json={"role": "viewer"}), 403, "rights-exceeded")
    problem(await client.delete(f"{PEOPLE}/{actor.id}"), 403, "rights-exceeded")


async def test_i_am_told_who_i_am_and_where_i_belong(house: House, tenant: Tenant, stranger: Tenant) -> None:
    email, person_id = await in_both(house, tenant, stranger)
    browser = house.client()
    await browser.post("/sign-in", data={"email": email, "password": PASSWORD})
    me = (await browser.get("/api/v1/me")).json()
    assert (me["kind"], me["id"], me["email"]) == ("person", person_id, email)
    assert {each["id"] for each in me["organisations"]} == {tenant.tenant_id, stranger.tenant_id}
    changed = await browser.patch("/api/v1/me", json={"name": "Ada", "language": "de"}, headers={"origin": BASE})
    assert (changed.json()["name"], changed.json()["language"]) == ("Ada", "de")
    problem(
        await browser.patch("/api/v1/me", json={"language": "xx"}, headers={"origin": BASE}), 422, "language-refused"
    )
    key = await tenant.client(Role.VIEWER)
    mine = (await key.get("/api/v1/me")).json()
    assert (mine["kind"], mine["email"], mine["scopes"]) == ("key", None, ["read", "read_campaigns"])
    problem(await key.patch("/api/v1/me", json={"name": "X"}), 409, "not-a-person")


async def test_owners_change_the_organisation_and_everybody_sees_it(tenant: Tenant) -> None:
    owner = await tenant.client()
    changed = await owner.patch("/api/v1/organisation", json={"name": "Kiel Netz", "time_zone": "Europe/Berlin"})
    assert (changed.json()["name"], changed.json()["time_zone"]) == ("Kiel Netz", "Europe/Berlin")
    viewer = await tenant.client(Role.VIEWER)
    assert (await viewer.get("/api/v1/organisation")).json() == changed.json()
    problem(await viewer.patch("/api/v1/organisation", json={"name": "Mine"}), 403, "forbidden")
    problem(await owner.patch("/api/v1/organisation", json={"time_zone": "Mars"}), 422, "zone-refused")
    problem(await owner.patch("/api/v1/organisation", json={"language": "xx"}), 422, "language-refused")
    [entry] = await walk(owner, "/api/v1/audit", action="change organisation")
    assert entry["after"] == {"name": "Kiel Netz", "time_zone": "Europe/Berlin"}
