"""Row-level security alone: every table of every room, with no check of the application in between.

The database is a throw-away copy without check constraints, foreign keys and triggers, so that rows can be made for any
table from nothing but its columns. Policies and grants are as they are.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import psycopg
import pytest
from msgspec import Struct
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from forecourt.platform.migrate import room_folders
from tests.conftest import Database, Servers

OURS, THEIRS = 1, 2
HERE, BELOW, ELSEWHERE, NOWHERE = 10, 11, 20, 30

#: A value of each type, other for each row.
MADE: Mapping[str, str] = {
    "smallint": "{n}",
    "integer": "{n}",
    "bigint": "{n}",
    "numeric": "{n}",
    "boolean": "false",
    "text": "'row {n}'",
    '"char"': "'i'",
    "bytea": "decode(lpad('{n}', 64, '0'), 'hex')",
    "uuid": "('00000000-0000-0000-0000-' || lpad('{n}', 12, '0'))::uuid",
    "date": "'2026-01-01'::date + {n}",
    "time without time zone": "'12:00'::time",
    "timestamp with time zone": "now() + interval '{n} s'",
    "double precision": "{n}",
    "real": "{n}",
    "jsonb": "'{{}}'",
    "text[]": "'{{}}'",
    "integer[]": "'{{}}'",
    "bigint[]": "'{{}}'",
    "real[]": "'{{}}'",
    "int8multirange": "'{{}}'",
    "tstzmultirange": "'{{}}'",
    "inet": "'127.0.0.1'",
    "interval": "'{n} minutes'",
}


class Column(Struct, frozen=True):
    name: str
    type: str


class Table(Struct, frozen=True):
    name: str
    columns: Sequence[Column]

    def has(self, name: str) -> bool:
        return any(column.name == name for column in self.columns)


@pytest.fixture(scope="module")
def bare(servers: Servers) -> Iterator[Database]:
    with servers.database() as database:
        with psycopg.connect(database.admin_url, autocommit=True) as admin:
            for table, constraint in admin.execute(
                "SELECT conrelid::regclass::text, conname FROM pg_constraint"
                " WHERE contype IN ('f', 'c') AND connamespace = 'public'::regnamespace AND conrelid <> 0"
                " AND coninhcount = 0 ORDER BY contype = 'c'"
            ).fetchall():
                admin.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {constraint}".encode())
            for (table,) in admin.execute("SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger").fetchall():
                admin.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
        yield database


def tables(database: Database, column: str) -> list[Table]:
    """Every table that has this column, partitions apart."""
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        rows = admin.execute(
            "SELECT c.relname, a.attname, format_type(a.atttypid, NULL) FROM pg_class c"
            " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''"
            " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
            " AND EXISTS (SELECT FROM pg_attribute t"
            "  WHERE t.attrelid = c.oid AND t.attname = %s AND NOT t.attisdropped)"
            " ORDER BY c.relname, a.attnum",
            (column,),
        ).fetchall()
    found: dict[str, list[Column]] = {}
    for name, attribute, type_ in rows:
        found.setdefault(name, []).append(Column(attribute, type_))
    return [Table(name, columns) for name, columns in found.items()]


def insert(table: Table, number: int, given: Mapping[str, int], columns: Sequence[Column] | None = None) -> bytes:
    """An INSERT of a row made of numbers, with some columns given."""
    chosen = table.columns if columns is None else columns
    values = [
        str(given[column.name]) if column.name in given else MADE[column.type].format(n=number) for column in chosen
    ]
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in chosen)
    return (
        sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ").format(sql.Identifier(table.name), names)
        + sql.SQL("(" + ", ".join(values) + ")")
    ).as_string().encode()  # fmt: skip


def fill(admin: psycopg.Connection[Any], table: Table, number: int, given: Mapping[str, int]) -> None:
    admin.execute("SET session_replication_role = replica")
    admin.execute(insert(table, number, given))
    admin.execute("RESET session_replication_role")


@pytest.fixture(scope="module")
def filled(bare: Database) -> list[Table]:
    """The tables of tenants, with one row of each of the two in each."""
    found = tables(bare, "tenant_id")
    with psycopg.connect(bare.admin_url, autocommit=True) as admin:
        for table in found:
            for tenant in (OURS, THEIRS):
                fill(admin, table, tenant, {"tenant_id": tenant})
    return found


def as_app(database: Database, **settings: object) -> psycopg.Connection[Any]:
    connection = psycopg.connect(database.url, autocommit=True)
    connection.execute("SET ROLE forecourt_app")
    for name, value in settings.items():
        connection.execute("SELECT set_config(%s, %s, false)", (f"forecourt.{name}", str(value)))
    return connection


def allowed(connection: psycopg.Connection[Any], table: Table, right: str) -> list[Column]:
    """The columns on which the application has a right."""
    return [
        column
        for column in table.columns
        if connection.execute(
            "SELECT has_column_privilege(%s, %s, %s)", (table.name, column.name, right)
        ).fetchone() == (True,)
    ]  # fmt: skip


def test_every_table_of_a_tenant_has_forced_row_level_security(bare: Database, filled: list[Table]) -> None:
    assert len(filled) > 15
    with psycopg.connect(bare.admin_url, autocommit=True) as admin:
        loose = admin.execute(
            "SELECT relname FROM pg_class WHERE relname = ANY(%s) AND NOT (relrowsecurity AND relforcerowsecurity)",
            ([table.name for table in filled],),
        ).fetchall()
    assert loose == []


def unseen(text: str, forced: Collection[str]) -> list[str]:
    """The tables of which a migration changes, or copies, rows that it does not see where whoever migrates is no
    superuser: their row-level security is forced on their owner too. Bodies of functions run later, as another."""
    text = re.sub(r"--[^\n]*", "", text)
    text = re.sub(r"\bDO\s+\$(\w*)\$(.*?)\$\1\$", r"\2", text, flags=re.DOTALL)
    text = re.sub(r"\$(\w*)\$.*?\$\1\$", "''", text, flags=re.DOTALL)
    seen: set[str] = set()
    found = []
    for statement in text.split(";"):
        if said := re.search(r"\bALTER TABLE (\w+) (NO )?FORCE ROW LEVEL SECURITY", statement):
            (seen.add if said[2] else seen.discard)(said[1])
        changed = re.findall(r"\bUPDATE\s+(\w+)(?:\s+(?:AS\s+)?\w+)?\s+SET\b", statement)
        if changed or re.search(r"\b(?:INSERT INTO|DELETE FROM)\b", statement):
            named = changed + re.findall(r"\b(?:FROM|JOIN)\s+(\w+)", statement)
            found += [table for table in named if table in forced and table not in seen]
    return found


def test_a_migration_sees_the_rows_that_it_changes_though_its_owner_is_no_superuser(filled: list[Table]) -> None:
    forced = {table.name for table in filled}
    files = [file for folder in room_folders() for file in folder.glob("*.sql")]
    assert len(files) > 100
    found = {file.name: unseen(file.read_text(encoding="utf-8"), forced) for file in files}
    assert {name: tables for name, tables in found.items() if tables} == {}, "say NO FORCE before and FORCE behind it"
    for bad in ("UPDATE a SET b = 1;", "DELETE FROM a;", "DO $x$ BEGIN DELETE FROM a; END $x$;",
                "INSERT INTO b SELECT c FROM a;", "UPDATE b SET c = 1 FROM a d;"):  # fmt: skip
        opened = f"ALTER TABLE a NO FORCE ROW LEVEL SECURITY;{bad}ALTER TABLE a FORCE ROW LEVEL SECURITY;"
        assert (unseen(bad, {"a"}), unseen(opened, {"a"}), unseen(opened + bad, {"a"})) == (["a"], [], ["a"])


def test_no_row_of_another_tenant_is_seen_taken_changed_or_deleted(bare: Database, filled: list[Table]) -> None:
    seen = set()
    with as_app(bare, tenant=OURS) as connection:
        for table in filled:
            name = sql.Identifier(table.name)
            if allowed(connection, table, "SELECT"):
                query = sql.SQL("SELECT DISTINCT tenant_id FROM {}").format(name)
                found = [tenant for (tenant,) in connection.execute(query).fetchall()]
                assert THEIRS not in found, f"{table.name} shows another tenant's rows"
                seen |= {table.name} if found == [OURS] else set()
            for column in allowed(connection, table, "UPDATE"):
                query = sql.SQL("UPDATE {} SET {} = DEFAULT WHERE tenant_id = %s").format(
                    name, sql.Identifier(column.name)
                )
                assert changes_nothing(connection, query, (THEIRS,)), f"{table.name}.{column.name} can be changed"
            query = sql.SQL("DELETE FROM {} WHERE tenant_id = %s").format(name)
            assert changes_nothing(connection, query, (THEIRS,)), f"{table.name} can be deleted from"
            columns = allowed(connection, table, "INSERT")
            if columns:
                with pytest.raises(InsufficientPrivilege):
                    connection.execute(insert(table, 900, {"tenant_id": THEIRS}, columns))
            if any(column.name == "tenant_id" for column in allowed(connection, table, "UPDATE")):
                query = sql.SQL("UPDATE {} SET tenant_id = %s").format(name)
                assert changes_nothing(connection, query, (THEIRS,)), f"{table.name} gives its rows away"
    # What was looked for was there to be found: these show nothing but to the worker or the person they are of.
    unseen = {table.name for table in filled} - seen
    assert unseen <= {"letters", "outbox", "person_sessions"}, unseen


def changes_nothing(connection: psycopg.Connection[Any], query: sql.Composed, values: tuple[object, ...]) -> bool:
    try:
        return connection.execute(query, values).rowcount == 0
    except InsufficientPrivilege:
        return True


def test_without_a_tenant_nothing_is_seen_or_taken(bare: Database, filled: list[Table]) -> None:
    with as_app(bare) as connection:
        for table in filled:
            if allowed(connection, table, "SELECT"):
                query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table.name))
                assert connection.execute(query).fetchone() == (0,), table.name
            columns = allowed(connection, table, "INSERT")
            if columns:
                with pytest.raises(InsufficientPrivilege):
                    connection.execute(insert(table, 901, {"tenant_id": OURS}, columns))


@pytest.fixture(scope="module")
def placed(servers: Servers) -> Iterator[Database]:
    """Sites HERE, BELOW it and ELSEWHERE with a station of the same number at each, and NOWHERE, which is at none."""
    with servers.database() as database:
        with psycopg.connect(database.admin_url, autocommit=True) as admin:
            admin.execute("INSERT INTO organisations (name) VALUES ('Ours')")
            for site, parent in ((HERE, None), (BELOW, HERE), (ELSEWHERE, None)):
                admin.execute(
                    "INSERT INTO sites (site_id, tenant_id, slug, name, parent_id) OVERRIDING SYSTEM VALUE"
                    " VALUES (%s, 1, %s, 'Site', %s)",
                    (site, f"site-{site}", parent),
                )
            for station in (HERE, BELOW, ELSEWHERE, NOWHERE):
                admin.execute(
                    "INSERT INTO stations (station_id, tenant_id, identity, site_id) OVERRIDING SYSTEM VALUE"
                    " VALUES (%s, 1, %s, %s)",
                    (station, f"CP{station}", None if station == NOWHERE else station),
                )
            for table, constraint in admin.execute(
                "SELECT conrelid::regclass::text, conname FROM pg_constraint"
                " WHERE contype = 'c' AND connamespace = 'public'::regnamespace AND conrelid <> 0 AND coninhcount = 0"
            ).fetchall():
                admin.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}".encode())
            for table in tables(database, "station_id"):
                if table.name != "stations" and table.has("tenant_id"):
                    for station in (HERE, BELOW, ELSEWHERE, NOWHERE):
                        fill(admin, table, station, {"tenant_id": 1, "station_id": station})
        yield database


@pytest.mark.parametrize(
    ("sites", "shown"),
    [
        ("{10}", [HERE, BELOW]),
        ("{11}", [BELOW]),
        ("{11,20}", [BELOW, ELSEWHERE]),
        ("{}", []),
        ("{999}", []),
        ("", [HERE, BELOW, ELSEWHERE, NOWHERE]),
    ],
)
def test_who_is_limited_to_sites_sees_what_is_there_and_below_in_every_table(
    placed: Database, sites: str, shown: list[int]
) -> None:
    looked_at = 0
    with as_app(placed, tenant=1, sites=sites) as connection:
        found = connection.execute("SELECT site_id FROM sites ORDER BY 1").fetchall()
        assert [site for (site,) in found] == [site for site in shown if site != NOWHERE]
        for table in tables(placed, "station_id"):
            if not (table.has("tenant_id") and allowed(connection, table, "SELECT")):
                continue
            query = sql.SQL("SELECT station_id FROM {} ORDER BY 1").format(sql.Identifier(table.name))
            rows = [station for (station,) in connection.execute(query).fetchall()]
            assert rows == shown, f"{table.name}: has its migration called stations_hold_to_sites?"
            looked_at += 1
    assert looked_at > 8


def test_who_is_limited_to_sites_puts_nothing_anywhere_else(placed: Database) -> None:
    with as_app(placed, tenant=1, sites="{10}") as connection:
        for statement in (
            "INSERT INTO stations (tenant_id, identity, site_id) VALUES (1, 'new', 20)",
            "INSERT INTO stations (tenant_id, identity) VALUES (1, 'new')",
            "UPDATE stations SET site_id = 20 WHERE station_id = 10",
            "UPDATE stations SET site_id = NULL WHERE station_id = 10",
            "INSERT INTO sites (tenant_id, slug, name) VALUES (1, 'new', 'New')",
            "INSERT INTO commands (tenant_id, station_id, action, payload, asked_by, asked_at, outcome)"
            " VALUES (1, 20, 'Reset', '', 'a', now(), 'sent')",
            "INSERT INTO tokens (tenant_id, uid_key, uid, type, status) VALUES (1, 'a', 'a', 'b', 'accepted')",
        ):
            with pytest.raises(InsufficientPrivilege, match="row-level security"):
                connection.execute(statement.encode())
        assert connection.execute("UPDATE stations SET name = 'X' WHERE station_id = 20").rowcount == 0
        connection.execute("INSERT INTO sites (tenant_id, slug, name, parent_id) VALUES (1, 'part', 'Part', 11)")
        connection.execute("INSERT INTO stations (tenant_id, identity, site_id) VALUES (1, 'part-1', 11)")
        for table in ("api_keys", "invitations", "audit", "tokens"):
            assert connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,)


def test_a_site_that_moves_takes_along_what_is_below_it(servers: Servers) -> None:
    with servers.database() as database, psycopg.connect(database.admin_url, autocommit=True) as admin:
        admin.execute("INSERT INTO organisations (name) VALUES ('Ours')")
        for slug, parent in (("a", None), ("b", 1), ("c", 2), ("d", None)):
            admin.execute(
                "INSERT INTO sites (tenant_id, slug, name, parent_id) VALUES (1, %s, 'Site', %s)", (slug, parent)
            )
        admin.execute("UPDATE sites SET parent_id = 4 WHERE slug = 'b'")
        assert admin.execute("SELECT slug, path FROM sites ORDER BY slug").fetchall() == [
            ("a", [1]),
            ("b", [4, 2]),
            ("c", [4, 2, 3]),
            ("d", [4]),
        ]
        with pytest.raises(psycopg.errors.CheckViolation, match="can not stand below"):
            admin.execute("UPDATE sites SET parent_id = 3 WHERE slug = 'd'")
