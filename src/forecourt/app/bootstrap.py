"""What every start makes sure of: that there is an organisation, that somebody can get in, and that what stations say
today has a partition of the message log before the first one connects.

Runs as the owner of the tables; people and keys in one transaction. It changes nothing that is there already but the
password of the demo, which is the one that the demo's file holds. A key that was revoked stays revoked.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.errors import UndefinedTable

from forecourt.access import store
from forecourt.access.model import Role
from forecourt.access.passwords import password_hash
from forecourt.access.service import KEY_BYTES, KEY_PREFIX, key_digest
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import connect
from forecourt.platform.errors import ForecourtError, SettingsError
from forecourt.platform.settings import Settings
from forecourt.stations.message_log import make_message_partitions

#: Held for the transaction, so that two first starts at once make one organisation.
LOCK_ID = 0x466F7265626F6F74
ORGANISATION = "My organisation"
DEMO_ORGANISATION = "Demo"
DEMO_EMAIL = "demo@forecourt.example"
DEMO_FILE = "demo.json"
#: Where most sites of the demo are.
DEMO_ZONE = "Europe/Amsterdam"
OWNER_EMAIL = "owner@forecourt.example"
OWNER_FILE = "owner.json"
PASSWORD_BYTES = 12
MIN_KEY_LENGTH = 8


class Bootstrapped(Struct, frozen=True, kw_only=True):
    """Where to get in. Without the demo there is no API key, and an address only where this start made the first
    owner: the password then stands in `password_file`."""

    tenant_id: int
    organisation: str
    email: str | None = None
    password: str | None = None
    api_key: str | None = None
    password_file: Path | None = None


class _Kept(Struct, frozen=True, kw_only=True):
    """What is kept in the data folder of someone who was made at a first start."""

    email: str
    password: str
    api_key: str | None = None


async def ensure(settings: Settings, migrate_url: str, demo: bool) -> Bootstrapped:
    """Makes what is missing: the message log's next partitions, an organisation, the key of
    FORECOURT_BOOTSTRAP_API_KEY, the demo's people and key.

    Safe to run at every start and by several processes at once. `migrate_url` names the owner of the tables.
    """
    if settings.bootstrap_api_key is not None and len(settings.bootstrap_api_key) < MIN_KEY_LENGTH:
        raise SettingsError(f"FORECOURT_BOOTSTRAP_API_KEY needs at least {MIN_KEY_LENGTH} characters.")
    connection = await connect(migrate_url)

    @asynccontextmanager
    async def transaction() -> AsyncIterator[AsyncConnection[Any]]:
        async with connection.transaction():
            yield connection

    try:
        await make_message_partitions(transaction, SystemClock().now().date())
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK_ID,))
            first = await _first_organisation(connection, demo=demo)
            if settings.bootstrap_api_key is not None:
                await _own_key(connection, first[0], "Bootstrap", settings.secret(), settings.bootstrap_api_key)
            if not demo:
                return await _owner(connection, settings, *first)
            return await _demo(connection, settings)
    finally:
        await connection.close()


async def add_organisation(migrate_url: str, name: str, email: str) -> Bootstrapped:
    """Makes another organisation with its first owner: who has this address already signs in as before and changes to
    it; else they are made, and `password` holds the one to sign in with first."""
    connection = await connect(migrate_url)
    try:
        async with connection.transaction():
            tenant_id, _ = await _new_organisation(connection, name, demo=False)
            await connection.execute("SELECT set_config('forecourt.tenant', %s, true)", (str(tenant_id),))
            person = await store.find_person(connection, email)
            if person is not None:
                await store.act_as(connection, person.person_id)
                await store.upsert_membership(
                    connection, tenant_id, person.person_id, role=Role.OWNER.value, site_ids=None, invited_by=None
                )
                return Bootstrapped(tenant_id=tenant_id, organisation=name, email=email)
            password = secrets.token_urlsafe(PASSWORD_BYTES)
            hashed = await asyncio.to_thread(password_hash, password)
            await store.insert_member(
                connection, tenant_id, email=email, name="Owner", role=Role.OWNER.value, password_hash=hashed
            )
            return Bootstrapped(tenant_id=tenant_id, organisation=name, email=email, password=password)
    except UndefinedTable:
        raise ForecourtError("The database has no tables yet. Start Forecourt, or run `forecourt migrate`.") from None
    finally:
        await connection.close()


async def _first_organisation(connection: AsyncConnection[Any], *, demo: bool) -> tuple[int, str]:
    row = await (
        await connection.execute("SELECT tenant_id, name FROM organisations ORDER BY tenant_id LIMIT 1")
    ).fetchone()
    if row is not None:
        return int(row[0]), str(row[1])
    return await _new_organisation(connection, DEMO_ORGANISATION if demo else ORGANISATION, demo=demo)


async def _new_organisation(connection: AsyncConnection[Any], name: str, *, demo: bool) -> tuple[int, str]:
    row = await (
        await connection.execute(
            "INSERT INTO organisations (name, demo, time_zone) VALUES (%s, %s, %s) RETURNING tenant_id",
            (name, demo, DEMO_ZONE if demo else "UTC"),
        )
    ).fetchone()
    assert row is not None
    return int(row[0]), name


async def _owner(
    connection: AsyncConnection[Any], settings: Settings, tenant_id: int, organisation: str
) -> Bootstrapped:
    """The first owner of an organisation that nobody can sign in to yet."""
    await connection.execute("SELECT set_config('forecourt.tenant', %s, true)", (str(tenant_id),))
    row = await (
        await connection.execute("SELECT count(*) FROM memberships WHERE tenant_id = %s", (tenant_id,))
    ).fetchone()
    if row is not None and row[0] > 0:
        return Bootstrapped(tenant_id=tenant_id, organisation=organisation)
    path = settings.data_dir / OWNER_FILE
    kept = await asyncio.to_thread(_kept_file, path, OWNER_EMAIL, None)
    hashed = await asyncio.to_thread(password_hash, kept.password)
    await store.insert_member(
        connection, tenant_id, email=kept.email, name="Owner", role=Role.OWNER.value, password_hash=hashed
    )
    return Bootstrapped(tenant_id=tenant_id, organisation=organisation, email=kept.email, password_file=path)


async def _demo(connection: AsyncConnection[Any], settings: Settings) -> Bootstrapped:
    """The demo's organisation, its owner and its key; a database that has them already keeps them."""
    row = await (
        await connection.execute("SELECT tenant_id, name FROM organisations WHERE demo ORDER BY tenant_id LIMIT 1")
    ).fetchone()
    tenant_id, organisation = (
        (int(row[0]), str(row[1])) if row else await _new_organisation(connection, DEMO_ORGANISATION, demo=True)
    )
    fresh_key = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
    kept = await asyncio.to_thread(_kept_file, settings.data_dir / DEMO_FILE, DEMO_EMAIL, fresh_key)
    if kept.api_key is not None:
        await _own_key(connection, tenant_id, "Demo", settings.secret(), kept.api_key)
    # The file is the truth about the demo's password: one that was lost with its folder would lock everybody out.
    hashed = await asyncio.to_thread(password_hash, kept.password)
    person_id = await store.insert_member(
        connection, tenant_id, email=kept.email, name="Demo owner", role=Role.OWNER.value, password_hash=hashed
    )
    if person_id is None:
        await store.set_password(connection, kept.email, hashed)
    return Bootstrapped(
        tenant_id=tenant_id,
        organisation=organisation,
        email=kept.email,
        password=kept.password,
        api_key=kept.api_key,
    )


async def _own_key(connection: AsyncConnection[Any], tenant_id: int, name: str, secret: bytes, key: str) -> None:
    await connection.execute("SELECT set_config('forecourt.tenant', %s, true)", (str(tenant_id),))
    await store.insert_key(connection, tenant_id, name, Role.OWNER.value, key_digest(secret, key))


def _kept_file(path: Path, email: str, api_key: str | None) -> _Kept:
    """What was kept, or, where nothing was, what will be from now on: a new password beside these."""
    if path.exists():
        try:
            return msgspec.json.decode(path.read_bytes(), type=_Kept)
        except msgspec.MsgspecError as fault:
            raise ForecourtError(f"{path} can't be read as the secrets of a first start: {fault}. Remove it.") from None
    made = _Kept(
        email=email,
        password=secrets.token_urlsafe(PASSWORD_BYTES),
        api_key=api_key,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(made))
    draft.replace(path)
    return made
