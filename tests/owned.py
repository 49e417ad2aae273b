"""A database of an ordinary owner, as on a managed PostgreSQL, and its migrations as far as one likes."""

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from forecourt.platform.migrate import LOGIN_ROLES, room_folders
from tests.conftest import Database, Servers

OWNER = "plain_owner"


@pytest.fixture
def owned(servers: Servers) -> Iterator[tuple[Database, str]]:
    """An empty database whose owner is what the docs ask for: it may make roles and is no superuser, so that row-level
    security holds it as well; and the owner's address."""
    with servers.database(), servers.empty_database() as database:  # the first one makes the roles
        with psycopg.connect(database.admin_url, autocommit=True) as admin:
            admin.execute(f"CREATE ROLE {OWNER} LOGIN CREATEROLE PASSWORD 'plain'".encode())
            # As who makes a role is given it.
            roles = ", ".join((*LOGIN_ROLES, "forecourt_lookup"))
            admin.execute(f"GRANT {roles} TO {OWNER} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE".encode())
            admin.execute(f"ALTER DATABASE {admin.info.dbname} OWNER TO {OWNER}".encode())
        yield database, make_conninfo(database.admin_url, user=OWNER, password="plain")
        with psycopg.connect(database.admin_url, autocommit=True) as admin:
            admin.execute(f"REASSIGN OWNED BY {OWNER} TO CURRENT_USER".encode())
            admin.execute(f"DROP OWNED BY {OWNER} CASCADE".encode())
            admin.execute(f"DROP ROLE {OWNER}".encode())


def as_they_were_before(tmp_path: Path, later: str) -> list[Path]:
    """The rooms' migrations without a later one and all that build on it."""
    files = {path.stem: path for folder in room_folders() for path in folder.glob("*.sql")}
    missing = {later}
    while True:
        more = {name for name, path in files.items() if missing & depends(path)} - missing
        if not more:
            break
        missing |= more
    for name in files.keys() - missing:
        folder = tmp_path / name.partition(".")[0] / "migrations"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.sql").write_bytes(files[name].read_bytes())
    return sorted(tmp_path.glob("*/migrations"))


def depends(path: Path) -> set[str]:
    found = re.search(r"^-- depends: (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return set() if found is None else set(found[1].split())
