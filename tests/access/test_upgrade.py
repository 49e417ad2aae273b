"""A database of the version before, brought to this one: who could get in still can, as what they were."""

from pathlib import Path

import psycopg
import pytest

from forecourt.access import Access, Origin, Role
from forecourt.access.service import key_digest
from forecourt.platform.database import Pool
from forecourt.platform.digest import keyed_digest
from forecourt.platform.embedded.postgres import LOGIN
from forecourt.platform.migrate import migrate
from tests.conftest import Database
from tests.http import PASSWORD, PASSWORD_HASH, SECRET
from tests.owned import as_they_were_before
from tests.support import FakeClock

BEFORE = """
INSERT INTO organisations (name) VALUES ('Yard'), ('Harbour');
INSERT INTO operators (tenant_id, email, name, role, password_hash, disabled_at) VALUES
    (1, 'ada@example.org', 'Ada', 'owner', %(hash)s, NULL),
    (2, 'bob@example.org', 'Bob', 'technician', %(hash)s, NULL),
    (1, 'gone@example.org', 'Gone', 'viewer', %(hash)s, now()),
    (2, 'host@example.org', 'Host', 'site_host', %(hash)s, NULL);
INSERT INTO operator_sessions (token_hash, operator_id, tenant_id, expires_at) VALUES (%(token)s, 2, 2, '2027-01-01Z');
INSERT INTO api_keys (tenant_id, name, key_hash, role) VALUES (2, 'Old', %(key)s, 'site_host');
INSERT INTO audit (tenant_id, actor, action, object) VALUES (1, 'operator:1 Ada', 'sign in', 'operator:1 Ada');
"""


async def test_operators_become_people_with_their_passwords_sessions_and_roles(
    owned: tuple[Database, str], tmp_path: Path
) -> None:
    database, owner = owned
    migrate(owner, LOGIN, folders=as_they_were_before(tmp_path, "access.0003"))
    secret = SECRET.encode()
    values = {
        "hash": PASSWORD_HASH,
        "token": keyed_digest(secret, "session", "a token"),
        "key": key_digest(secret, "fc_old"),
    }
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        for statement in BEFORE.split(";\n")[:-1]:
            admin.execute(statement.encode(), values if "%(" in statement else None)
    assert "access.0003" in migrate(owner, LOGIN)
    async with Pool(database.url, "forecourt_app", size=1) as db:
        access = Access(db, secret, FakeClock())
        ada = (await access.sign_in("ada@example.org", PASSWORD, Origin())).actor
        assert (ada.tenant_id, ada.id, ada.role, ada.organisation) == (1, 1, Role.OWNER, "Yard")
        host = (await access.sign_in("host@example.org", PASSWORD, Origin())).actor
        assert host.sites == ()
        bob = await access.of_session("a token")
        assert bob is not None
        assert (bob.tenant_id, bob.name, bob.role) == (2, "Bob", Role.TECHNICIAN)
        key = await access.of_key("fc_old")
        assert key is not None
        assert (key.role, key.sites) == (Role.SITE_HOST, ())
        with pytest.raises(Exception, match="no organisation any more"):
            await access.sign_in("gone@example.org", PASSWORD, Origin())
        async with db.tenant(1) as conn:
            rows = await (await conn.execute("SELECT actor FROM audit ORDER BY audit_id")).fetchall()
        assert rows[0] == ("operator:1 Ada",)
        assert rows[1] == ("person:1 Ada",)
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        new = admin.execute("INSERT INTO people (email, name) VALUES ('new@example.org', 'New') RETURNING person_id")
        assert new.fetchone() == (5,)
