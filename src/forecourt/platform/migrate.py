"""Brings a database to the schema of this version: every room's SQL migrations, then the job queue's own schema.

yoyo finds, sorts and records the migrations. Two things are ours, because a migration must survive a kill at any
instant: one advisory lock that PostgreSQL itself drops with the connection (yoyo's lock is a row that stays behind),
and one transaction for a migration and its record (yoyo commits them one after the other).
"""

import itertools
import re
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import psycopg
import yoyo.exceptions
from psycopg import sql
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.migrations import Migration, MigrationStep, read_migrations

from forecourt.platform.errors import ForecourtError

CONNECT_TIMEOUT_S = 10
#: How long a migration waits for another one to finish.
LOCK_DEADLINE_S = 120
#: How long one statement waits for a table that running processes use, before it gives up and lets them go on.
TABLE_LOCK_TIMEOUT_S = 10
#: How soon the server notices that a killed migration's client is gone, even in the middle of a statement.
CLIENT_CHECK_S = 2
#: The advisory lock: the same number for every version of Forecourt, and nobody else's.
LOCK_ID = 0x466F7265636F7572
MIGRATION_NAME = re.compile(r"^(?P<room>[a-z]+)\.\d{4}$")
#: What the comment at the head of a migration says to whoever applies it.
DIRECTIVE = re.compile(r"^--\s*(?P<name>depends|transactional):[ \t]*(?P<value>.*?)\s*$", re.MULTILINE)
#: What the login of FORECOURT_DATABASE_URL may become.
LOGIN_ROLES = ("forecourt_app", "forecourt_ingest", "forecourt_worker")
#: The first PostgreSQL that can grant a membership which must be taken on by SET ROLE.
GRANT_OPTIONS_SINCE = 160_000


class MigrationFailed(ForecourtError):
    """The database could not be brought to this version. It is as it was before the step that failed."""

    code = "migration-failed"


class MigrationBusy(ForecourtError):
    """Another migration of this database is at work and did not finish in time. Try again when it is done."""

    status = 503
    code = "migration-busy"


def migrate(url: str, app_login: str | None = None, folders: Sequence[Path] | None = None) -> list[str]:
    """Applies what is missing and lets `app_login` take the application's roles; returns the ids it applied, in order.

    Safe to run at any time, by several processes at once, and again after a kill. `folders` replaces the rooms' own
    migration folders. Raises MigrationFailed or MigrationBusy.
    """
    try:
        with _Backend(url, "_yoyo_migration") as backend:
            backend.break_lock_of_the_dead()
            applied = _apply(backend, room_folders() if folders is None else folders)
            _install_jobs(backend.connection)
            _grant(backend.connection, app_login)
            return applied
    except psycopg.errors.LockNotAvailable as fault:
        raise MigrationBusy(
            "A table is in use and did not come free in time; stop what holds it, then migrate again."
        ) from fault
    except psycopg.Error as fault:
        raise MigrationFailed(f"PostgreSQL refused the migration: {str(fault).strip()}") from fault


def room_folders() -> list[Path]:
    """The `migrations` folder of every room of the installed package that has one."""
    package = Path(str(resources.files("forecourt")))
    return sorted(folder for folder in package.glob("*/migrations") if folder.is_dir())


class _Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """yoyo's PostgreSQL, on one connection that holds the advisory lock for as long as it lives."""

    def connect(self, dburi: str) -> psycopg.Connection[Any]:
        connection = psycopg.connect(dburi, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S)
        try:
            connection.execute(f"SET lock_timeout = '{LOCK_DEADLINE_S}s'")
            try:
                connection.execute("SELECT pg_advisory_lock(%s)", (LOCK_ID,))
            except psycopg.errors.LockNotAvailable as fault:
                raise MigrationBusy from fault
            connection.execute(f"SET lock_timeout = '{TABLE_LOCK_TIMEOUT_S}s'")
            connection.execute(f"SET client_connection_check_interval = '{CLIENT_CHECK_S}s'")
        except BaseException:
            connection.close()
            raise
        return connection

    def list_tables(self, **_kwargs: str) -> list[str]:
        """The tables where yoyo looks for its own; its version of this wants the URL in parts."""
        rows = self.connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        return [name for (name,) in rows]

    def break_lock_of_the_dead(self) -> None:
        """Removes yoyo's lock row: whoever left it no longer holds the advisory lock, so it is dead."""
        self.create_lock_table()
        self.break_lock()

    def apply_one(self, migration: Migration, force: bool = False, mark: bool = True) -> None:
        """Applies and records one migration in one transaction.

        A migration marked `-- transactional: false` can't be: it must be written so that it can run twice.
        """
        self.ensure_internal_schema_updated()
        if migration.use_transactions:
            with self.transaction():
                migration.process_steps(self, "apply", force=force)
                self.mark_one(migration, log=False)
        else:
            migration.process_steps(self, "apply", force=force)
            with self.transaction():
                self.mark_one(migration, log=False)


def _read(migrations: Sequence[Migration]) -> None:
    """Reads every file, of which only the head matters here: PostgreSQL itself finds where a statement ends, whatever
    it quotes, so the file is one step and sent as it is. Left to itself yoyo takes all of them apart first, at every
    start, whether or not one is missing: that takes seconds."""
    known = {migration.id: migration for migration in migrations}
    for migration in migrations:
        path = Path(migration.path)
        source = path.read_text(encoding="utf-8") if path.suffix == ".sql" else ""
        lines = source.lstrip().splitlines(keepends=True)
        head = "".join(itertools.takewhile(lambda line: line.startswith("--"), lines))
        said = {found["name"]: found["value"] for found in DIRECTIVE.finditer(head)}
        wanted = {known.get(name) for name in said.get("depends", "").split()}
        if None in wanted:
            raise yoyo.exceptions.BadMigration(f"{path.name} builds on a migration that is not there.")
        migration.source, migration._depends = source, wanted
        migration.use_transactions = said.get("transactional", "true") == "true"
        migration.steps = [MigrationStep(0, _sending(source), None)]


def _sending(source: str) -> Callable[[psycopg.Connection[Any]], object]:
    return lambda connection: connection.execute(source.encode())


def _apply(backend: _Backend, folders: Sequence[Path]) -> list[str]:
    applied: list[str] = []
    try:
        migrations = read_migrations(*(str(folder) for folder in folders))
        _read(migrations)
        for migration in migrations:
            _check_name(migration)
        for migration in backend.to_apply(migrations):
            current = migration.id
            try:
                backend.apply_one(migration)
            except psycopg.errors.LockNotAvailable:
                raise
            except psycopg.Error as fault:
                raise MigrationFailed(f"Migration {current} failed: {str(fault).strip()}", migration=current) from fault
            applied.append(current)
    except yoyo.exceptions.BadMigration as fault:
        raise MigrationFailed(f"A migration can't be read: {fault}") from fault
    return applied


def _check_name(migration: Migration) -> None:
    """Refuses what yoyo would sort by luck: a foreign name, or a migration that does not say what it builds on."""
    path = Path(migration.path)
    name = MIGRATION_NAME.match(migration.id)
    if name is None or path.suffix != ".sql" or name["room"] != path.parent.parent.name:
        raise MigrationFailed(f"{path.name} in {path.parent} must be named <room>.NNNN.sql after the room it is in.")
    if migration.id != "platform.0001" and not migration.depends:
        raise MigrationFailed(f"{path.name} must say what it builds on: `-- depends: platform.0001` or later.")


def _install_jobs(connection: psycopg.Connection[Any]) -> None:
    """Creates the job queue's tables, once, all or nothing."""
    row = connection.execute("SELECT to_regclass('procrastinate_jobs')").fetchone()
    if row is not None and row[0] is not None:
        return
    from procrastinate.schema import SchemaManager  # late, because it loads the whole queue

    with connection.transaction():
        # Plain bytes: the schema has percent signs and many statements, and takes no parameters.
        connection.execute(SchemaManager.get_schema().encode())


#: The queue has no row-level security and names what all tenants do: it is the worker's alone. Others write the outbox.
JOB_GRANTS = (
    (
        "forecourt_worker",
        "SELECT, INSERT, UPDATE, DELETE ON procrastinate_jobs, procrastinate_events,"
        " procrastinate_periodic_defers, procrastinate_workers",
    ),
    (
        "forecourt_worker",
        "USAGE ON SEQUENCE procrastinate_jobs_id_seq, procrastinate_events_id_seq,"
        " procrastinate_periodic_defers_id_seq, procrastinate_workers_id_seq",
    ),
)


def _grant(connection: psycopg.Connection[Any], app_login: str | None) -> None:
    """Gives the roles their rights on the job queue, and the login its roles; says the same each time it runs."""
    rows = connection.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", (list(LOGIN_ROLES),)).fetchall()
    present = {name for (name,) in rows}
    with connection.transaction():
        for role, right in JOB_GRANTS:
            if role in present:
                connection.execute(f"GRANT {right} TO {role}")
        if app_login is None:
            return
        inherit = " WITH INHERIT FALSE, SET TRUE" if connection.info.server_version >= GRANT_OPTIONS_SINCE else ""
        for role in sorted(present):
            connection.execute(
                sql.SQL("GRANT {} TO {}" + inherit).format(sql.Identifier(role), sql.Identifier(app_login))
            )
