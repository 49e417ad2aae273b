"""The first start, and every start after it."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from forecourt.access import Access, Origin, Role
from forecourt.access.model import SignInRefused
from forecourt.app.bootstrap import DEMO_EMAIL, add_organisation, ensure
from forecourt.platform.database import Pool
from forecourt.platform.embedded.postgres import LOGIN
from forecourt.platform.errors import ForecourtError, SettingsError
from forecourt.platform.migrate import migrate
from forecourt.platform.settings import Settings
from forecourt.stations.message_log import DAYS_AHEAD
from tests.conftest import Database, Servers
from tests.http import SECRET
from tests.owned import as_they_were_before
from tests.support import FakeClock

KEY = "a-key-that-the-environment-gives"


@pytest.fixture
def fresh(servers: Servers) -> Iterator[Database]:
    with servers.database() as database:
        yield database


@pytest.fixture
def settings(fresh: Database, tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, database_url=fresh.url, secret_key=SECRET)


def rows(database: Database, query: str) -> list[Any]:
    with psycopg.connect(database.admin_url) as connection:
        return connection.execute(query.encode()).fetchall()


async def whose(settings: Settings, key: str) -> Any:
    assert settings.database_url is not None
    async with Pool(settings.database_url, "forecourt_app", size=1) as db:
        return await Access(db, settings.secret(), FakeClock()).of_key(key)


async def test_an_empty_database_gets_one_organisation_however_often_it_starts(
    fresh: Database, settings: Settings
) -> None:
    first = await ensure(settings, fresh.admin_url, False)
    assert (await ensure(settings, fresh.admin_url, False)).tenant_id == first.tenant_id
    assert rows(fresh, "SELECT tenant_id, demo FROM organisations") == [(first.tenant_id, False)]
    assert rows(fresh, "SELECT * FROM api_keys") == []
    assert first.api_key is first.password is None


async def test_what_stations_say_today_has_a_partition_before_the_first_connects(
    fresh: Database, settings: Settings
) -> None:
    await ensure(settings, fresh.admin_url, False)
    [(where, day)] = rows(
        fresh,
        "INSERT INTO messages (at, tenant_id, station_id, direction, kind, message_id, payload)"
        " VALUES (now(), 1, 1, 'i', 2, 'm', '') RETURNING tableoid::regclass::text,"
        " to_char(at AT TIME ZONE 'UTC', 'YYYYMMDD')",
    )
    assert where == f"messages_{day}"


async def test_the_first_owner_can_sign_in_by_the_file_and_is_made_only_once(
    fresh: Database, settings: Settings
) -> None:
    first = await ensure(settings, fresh.admin_url, False)
    assert first.password_file is not None
    assert first.password_file.stat().st_mode & 0o777 == 0o600
    kept = msgspec.json.decode(first.password_file.read_bytes())
    assert settings.database_url is not None
    async with Pool(settings.database_url, "forecourt_app", size=1) as db:
        access = Access(db, settings.secret(), FakeClock())
        assert await access.sign_in(kept["email"], kept["password"], Origin(address="127.0.0.1")) is not None
    again = await ensure(settings, fresh.admin_url, False)
    assert (again.email, again.password_file) == (None, None)
    assert rows(fresh, "SELECT email, role FROM people JOIN memberships USING (person_id)") == [(first.email, "owner")]


async def test_the_key_of_the_environment_owns_the_first_organisation(fresh: Database, settings: Settings) -> None:
    settings = msgspec.structs.replace(settings, bootstrap_api_key=KEY)
    first = await ensure(settings, fresh.admin_url, False)
    await ensure(settings, fresh.admin_url, False)
    actor = await whose(settings, KEY)
    assert (actor.tenant_id, actor.role) == (first.tenant_id, Role.OWNER)
    assert len(rows(fresh, "SELECT * FROM api_keys")) == 1
    later = msgspec.structs.replace(settings, bootstrap_api_key=f"{KEY}-2")
    await ensure(later, fresh.admin_url, False)
    assert (await whose(settings, f"{KEY}-2")).tenant_id == first.tenant_id
    assert await whose(settings, KEY) is not None


async def test_a_key_that_was_revoked_stays_revoked(fresh: Database, settings: Settings) -> None:
    settings = msgspec.structs.replace(settings, bootstrap_api_key=KEY)
    await ensure(settings, fresh.admin_url, False)
    with psycopg.connect(fresh.admin_url, autocommit=True) as connection:
        connection.execute("UPDATE api_keys SET revoked_at = now()")
    await ensure(settings, fresh.admin_url, False)
    assert await whose(settings, KEY) is None


async def test_a_key_too_short_to_keep_anybody_out_is_refused(fresh: Database, settings: Settings) -> None:
    with pytest.raises(SettingsError, match="FORECOURT_BOOTSTRAP_API_KEY"):
        await ensure(msgspec.structs.replace(settings, bootstrap_api_key="short"), fresh.admin_url, False)


async def test_the_demo_is_the_only_organisation_of_an_empty_database_and_the_same_at_every_start(
    fresh: Database, settings: Settings
) -> None:
    settings = msgspec.structs.replace(settings, bootstrap_api_key=KEY)
    first = await ensure(settings, fresh.admin_url, True)
    assert await ensure(settings, fresh.admin_url, True) == first
    assert rows(fresh, "SELECT name, demo FROM organisations") == [("Demo", True)]
    assert first.email == DEMO_EMAIL
    assert first.api_key is not None
    assert first.password is not None
    assert (await whose(settings, first.api_key)).tenant_id == (await whose(settings, KEY)).tenant_id
    kept = settings.data_dir / "demo.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    async with Pool(fresh.url, "forecourt_app", size=1) as db:
        access = Access(db, settings.secret(), FakeClock())
        signed_in = await access.sign_in(DEMO_EMAIL, first.password, Origin(address="::1"))
        assert (signed_in.actor.tenant_id, signed_in.actor.role) == (first.tenant_id, Role.OWNER)


async def test_the_demo_stands_beside_an_organisation_that_was_there_before(
    fresh: Database, settings: Settings
) -> None:
    settings = msgspec.structs.replace(settings, bootstrap_api_key=KEY)
    own = await ensure(settings, fresh.admin_url, False)
    demo = await ensure(settings, fresh.admin_url, True)
    assert demo.tenant_id != own.tenant_id
    assert (await whose(settings, KEY)).tenant_id == own.tenant_id
    assert (await whose(settings, demo.api_key or "")).tenant_id == demo.tenant_id


async def test_a_lost_demo_file_gives_a_new_password_that_works(fresh: Database, settings: Settings) -> None:
    first = await ensure(settings, fresh.admin_url, True)
    (settings.data_dir / "demo.json").unlink()
    second = await ensure(settings, fresh.admin_url, True)
    assert second.password != first.password
    async with Pool(fresh.url, "forecourt_app", size=1) as db:
        access = Access(db, settings.secret(), FakeClock())
        await access.sign_in(DEMO_EMAIL, second.password or "", Origin(address="::1"))
        with pytest.raises(SignInRefused):
            await access.sign_in(DEMO_EMAIL, first.password or "", Origin(address="::1"))


async def test_another_organisation_is_owned_by_somebody_new_or_by_who_is_there_already(
    fresh: Database, settings: Settings
) -> None:
    first = await ensure(settings, fresh.admin_url, False)
    assert first.email is not None
    second = await add_organisation(fresh.admin_url, "Second", "Nia@example.org")
    third = await add_organisation(fresh.admin_url, "Third", first.email.upper())
    assert third.password is None
    assert second.password is not None
    owned = "SELECT o.name, p.email, m.role FROM memberships m JOIN organisations o USING (tenant_id)"
    assert rows(fresh, f"{owned} JOIN people p USING (person_id) ORDER BY o.tenant_id") == [
        (first.organisation, first.email, "owner"),
        ("Second", "nia@example.org", "owner"),
        ("Third", first.email, "owner"),
    ]
    async with Pool(fresh.url, "forecourt_app", size=1) as db:
        access = Access(db, settings.secret(), FakeClock())
        signed_in = await access.sign_in("nia@example.org", second.password, Origin(address="::1"))
        assert (signed_in.actor.tenant_id, signed_in.actor.role) == (second.tenant_id, Role.OWNER)


async def test_a_demo_file_that_is_none_is_named(fresh: Database, settings: Settings) -> None:
    (settings.data_dir / "demo.json").write_text("{")
    with pytest.raises(ForecourtError, match=r"demo\.json"):
        await ensure(settings, fresh.admin_url, True)


async def test_an_ordinary_owner_of_the_tables_is_enough(owned: tuple[Database, str], tmp_path: Path) -> None:
    """Nobody is a superuser, and row-level security holds the owner as well."""
    database, url = owned
    migrate(url, LOGIN, folders=as_they_were_before(tmp_path / "before", "stations.0015"))
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute(
            "INSERT INTO connectors (station_id, evse, connector, tenant_id, state, state_at, activity)"
            " VALUES (1, 1, 1, 1, 'Available', now(), 'Charging'), (1, 2, 1, 1, 'Occupied', now(), 'Charging')"
        )
    migrate(url, LOGIN)
    settings = Settings(data_dir=tmp_path, database_url=database.url, secret_key=SECRET, bootstrap_api_key=KEY)
    first = await ensure(settings, url, True)
    assert (await whose(settings, KEY)).tenant_id == first.tenant_id
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        shown = admin.execute("SELECT evse, shown_state FROM connectors ORDER BY 1").fetchall()
        assert shown == [(1, "Available"), (2, "Charging")]
        parts = admin.execute("SELECT name, day::timestamptz FROM stations_message_partitions()").fetchall()
        assert len(parts) == 1 + DAYS_AHEAD
        said = "INSERT INTO messages (at, tenant_id, station_id, direction, kind, message_id, payload)"
        for at, tenant_id in (("2026-01-01Z", 1), (parts[0][1], 1), (parts[0][1], 2)):
            admin.execute(f"{said} VALUES (%s, %s, 1, 'i', 2, 'm', '')".encode(), (at, tenant_id))
        for days in (1, 200):
            admin.execute(
                "INSERT INTO audit (tenant_id, at, actor, action, object)"
                " VALUES (%s, now() - make_interval(days => %s), 'key x', 'try', 'thing')",
                (first.tenant_id, days),
            )
        name = parts[0][0]
        async with Pool(database.url, "forecourt_worker", size=1) as pool, pool.anyone() as worker:
            for call, parameters, result in (
                ("stations_drop_stray_messages(%s, %s)", ("2026-01-02Z", 9), 1),
                (
                    "(SELECT array_agg(tenant_id ORDER BY tenant_id) FROM stations_message_shares(%s, %s))",
                    (name, 9),
                    [1, 2],
                ),
                ("stations_thin_message_partition(%s, %s)", (name, [1]), True),
                ("access_forget_audit(now(), %s)", (1_000,), 1),
            ):
                row = await (await worker.execute(f"SELECT {call}".encode(), parameters)).fetchone()
                assert row == (result,), call
        assert admin.execute("SELECT tenant_id FROM messages").fetchall() == [(2,)]
        assert admin.execute("SELECT count(*) FROM audit WHERE action = 'try'").fetchall() == [(1,)]
