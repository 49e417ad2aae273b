"""All SQL stands in the stores of the rooms, where a reader looks for it; the files that are not yet so are named."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import forecourt

SOURCE = Path(forecourt.__file__).parent
STATEMENT = re.compile(r"\b(?:SELECT\b.+|INSERT INTO\b|DELETE FROM\b|UPDATE \w+ SET\b)", re.DOTALL)
#: What asks the lake, whose tables are called as rooms' are.
OF_THE_LAKE = {"insight/health/store/days.py"}
#: Files beside the stores in which SQL stands, and of what it is. None comes to them.
BESIDE = {
    "app/bootstrap.py": "what begins before any room is there",
    "app/history_process.py": "one look whether an organisation is a demo",
    "app/web.py": "whether the database answers",
    "cli/insight.py": "the word SELECT in a help text",
    "energy/keeper/planner.py": "whether the database answers",
    "energy/whatif/steps.py": "DuckDB's, over a file of a what-if",
    "insight/expansion/past.py": "DuckDB's, over the lake",
    "insight/forecast/past.py": "DuckDB's, over the lake",
    "insight/lake/groups.py": "DuckDB's, over the lake",
    "insight/lake/rollup.py": "DuckDB's, over the lake",
    "platform/commit.py": "the frame of lanes",
    "platform/database.py": "connections",
    "platform/embedded/postgres.py": "the server itself",
    "platform/mail.py": "letters",
    "platform/migrate.py": "migrations",
    "platform/outbox.py": "the outbox",
    "sessions/cars.py": "cars that were seen",
    "sessions/told/limits.py": "limits of transactions",
    "simulator/provider/books.py": "SQLite's, the sandbox's own file",
    "stations/gateway/roster.py": "what a gateway keeps in memory",
    "stations/gateway/server.py": "sockets that are no longer held",
    "stations/message_log.py": "the message log",
}


def texts(tree: ast.Module) -> Iterator[str]:
    """The texts of a module, but for what it says of itself."""
    said = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value


def is_store(path: Path) -> bool:
    """Whether SQL has its place in this file: a store, or the lanes of a group commit."""
    return path.name in {"store.py", "lanes.py"} or "store" in path.parts


def test_no_sql_stands_outside_the_stores_but_where_it_is_named() -> None:
    found = set()
    for path in SOURCE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        # Few files have such words at all: only they are parsed, to leave out what is said of them.
        if is_store(path.relative_to(SOURCE)) or not STATEMENT.search(text):
            continue
        if any(map(STATEMENT.search, texts(ast.parse(text)))):
            found.add(str(path.relative_to(SOURCE)))
    assert found - BESIDE.keys() == set(), "move it into the store of its room"
    assert BESIDE.keys() - found == set(), "there is none left here: strike it off the list"


def migrated(statement: str) -> dict[str, str]:
    """What migrations make, and the room whose it is."""
    made = re.compile(rf"^CREATE (?:OR REPLACE )?{statement} (?:IF NOT EXISTS )?([a-z_0-9]+)", re.MULTILINE)
    return {
        name: path.parents[1].name
        for path in SOURCE.glob("*/migrations/*.sql")
        for name in made.findall(path.read_text(encoding="utf-8"))
    }


@pytest.mark.parametrize("room", ["insight", "loyalty"])
def test_rooms_that_look_at_all_others_read_their_views_and_no_table_of_theirs(room: str) -> None:
    tables, views = migrated("TABLE"), migrated("VIEW")
    assert {"sessions", "loyalty_uses"} <= tables.keys()
    assert {"session_facts", "driver_visits"} <= views.keys()
    named = re.compile(r"\b(?:FROM|JOIN|UPDATE|INTO)\s+([a-z_0-9]+)")
    foreign = {
        f"{path.relative_to(SOURCE)}: {name}"
        for path in (SOURCE / room).rglob("*.py")
        if is_store(path.relative_to(SOURCE)) and str(path.relative_to(SOURCE)) not in OF_THE_LAKE
        for text in texts(ast.parse(path.read_text(encoding="utf-8")))
        for name in named.findall(text)
        if name not in views and tables.get(name, room) != room
    }
    assert foreign == set(), "publish a view in that room, or ask it by a verb"


def test_nobody_but_the_pool_ends_its_transactions() -> None:
    """What comes after a commit of one's own would be kept at once, each statement alone and without a tenant."""
    ends = re.compile(r"\.(?:commit|rollback)\(\)")
    found = {path for path in SOURCE.rglob("*.py") if ends.search(path.read_text(encoding="utf-8"))}
    assert found == {SOURCE / "platform" / "database.py"}


def test_sql_is_known_wherever_it_is_written() -> None:
    tree = ast.parse(
        '"""Of UPDATE t SET."""\nA = "DELETE FROM t"\ndef f(c):\n    """SELECT x."""\n    c(f"SELECT {c} FROM t")'
    )
    assert sum(bool(STATEMENT.search(text)) for text in texts(tree)) == 2
