"""What the provider knows, in one SQLite file: a kill at any instant keeps what was acknowledged.

Everything that one request does, and the answer kept for its key, is one transaction. Objects are stored in the shape
in which they are answered; names that begin with an underscore are never answered.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from forecourt.simulator.provider import limits
from forecourt.simulator.provider.errors import ApiError, Json

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY, account TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (account, kind, seq);
CREATE TABLE IF NOT EXISTS movements (
    id TEXT PRIMARY KEY, account TEXT NOT NULL, currency TEXT NOT NULL, net INTEGER NOT NULL,
    available_on INTEGER NOT NULL, source TEXT);
CREATE INDEX IF NOT EXISTS movements_by_account ON movements (account, currency, available_on);
CREATE TABLE IF NOT EXISTS keys (
    account TEXT NOT NULL, key TEXT NOT NULL, print TEXT NOT NULL, path TEXT NOT NULL, status INTEGER NOT NULL,
    body BLOB NOT NULL, request TEXT NOT NULL, created INTEGER NOT NULL, PRIMARY KEY (account, key));
CREATE INDEX IF NOT EXISTS keys_by_age ON keys (created);
CREATE TABLE IF NOT EXISTS due (
    at INTEGER NOT NULL, account TEXT NOT NULL, what TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (what, id));
CREATE INDEX IF NOT EXISTS due_by_time ON due (at);
CREATE TABLE IF NOT EXISTS deliveries (
    seq INTEGER PRIMARY KEY, endpoint TEXT NOT NULL, event TEXT NOT NULL, attempt INTEGER NOT NULL,
    at INTEGER NOT NULL, copies INTEGER NOT NULL DEFAULT 1);
CREATE INDEX IF NOT EXISTS deliveries_by_time ON deliveries (at);
CREATE TABLE IF NOT EXISTS history (
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, account TEXT NOT NULL, what TEXT NOT NULL, id TEXT NOT NULL,
    payment_intent TEXT, amount INTEGER NOT NULL, currency TEXT NOT NULL, key TEXT, request TEXT);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value BLOB NOT NULL);
"""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The answer that a key has had."""

    print: str
    path: str
    status: int
    body: bytes
    request: str


class Books:
    """The file, opened by one process."""

    def __init__(self, path: Path | str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        # Two processes on one file would answer one key twice.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; an error that is an answer of its own right is committed."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except ApiError as error:
            self._db.execute("COMMIT" if error.kept else "ROLLBACK")
            raise
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # Objects.

    def put(self, account: str, thing: Json) -> Json:
        """Stores it, new or changed."""
        self._db.execute(
            "INSERT INTO objects (account, kind, id, created, body) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            (account, thing["object"], thing["id"], thing.get("created") or 0, msgspec.json.encode(thing)),
        )
        return thing

    def get(self, account: str, given: str, kind: str | None = None) -> Json | None:
        row = self._db.execute(
            "SELECT kind, body FROM objects WHERE id = ? AND account = ?", (given, account)
        ).fetchone()
        return msgspec.json.decode(row[1]) if row and (kind is None or row[0] == kind) else None

    def owner(self, given: str) -> str | None:
        row = self._db.execute("SELECT account FROM objects WHERE id = ?", (given,)).fetchone()
        return row[0] if row else None

    def remove(self, account: str, given: str) -> None:
        self._db.execute("DELETE FROM objects WHERE account = ? AND id = ?", (account, given))

    def count(self, account: str | None, kind: str) -> int:
        row = self._db.execute(
            "SELECT count(*) FROM objects WHERE kind = ? AND (? IS NULL OR account = ?)", (kind, account, account)
        ).fetchone()
        return int(row[0])

    def count_where(self, account: str, kind: str, name: str, value: str) -> int:
        row = self._db.execute(
            "SELECT count(*) FROM objects WHERE account = ? AND kind = ? AND json_extract(body, ?) = ?",
            (account, kind, f"$.{name}", value),
        ).fetchone()
        return int(row[0])

    def full(self) -> bool:
        row = self._db.execute("SELECT max(seq) FROM objects").fetchone()
        return (row[0] or 0) >= limits.MAX_OBJECTS

    def newest(
        self,
        account: str,
        kind: str,
        *,
        equal: Json | None = None,
        created: dict[str, int] | None = None,
        after: str | None = None,
        before: str | None = None,
        limit: int = limits.MAX_PAGE,
    ) -> list[Json]:
        """The newest first, or those just before one. `equal` names members of the body and what they must be."""
        sql, values = "SELECT body FROM objects WHERE account = ? AND kind = ?", [account, kind]
        for name, value in (equal or {}).items():
            sql += " AND json_extract(body, ?) = ?"
            values += [f"$.{name}", value]
        for sign, at in (created or {}).items():
            sql += f" AND created {sign} ?"
            values.append(str(at))
        if after is not None:
            sql += " AND seq < (SELECT seq FROM objects WHERE id = ?)"
            values.append(after)
        if before is not None:
            sql += " AND seq > (SELECT seq FROM objects WHERE id = ?)"
            values.append(before)
        rows = self._db.execute(f"{sql} ORDER BY seq {'ASC' if before else 'DESC'} LIMIT ?", (*values, limit))
        found = [msgspec.json.decode(row[0]) for row in rows]
        return found[::-1] if before else found

    # Money.

    def move(self, account: str, given: str, currency: str, net: int, available_on: int, source: str) -> None:
        self._db.execute(
            "INSERT INTO movements VALUES (?, ?, ?, ?, ?, ?)", (given, account, currency, net, available_on, source)
        )

    def sums(self, account: str, now: int) -> dict[str, tuple[int, int]]:
        """What is available and what is pending, by currency."""
        rows = self._db.execute(
            "SELECT currency, sum(CASE WHEN available_on <= ? THEN net ELSE 0 END),"
            " sum(CASE WHEN available_on > ? THEN net ELSE 0 END) FROM movements WHERE account = ? GROUP BY currency",
            (now, now, account),
        )
        return {row[0]: (row[1], row[2]) for row in rows}

    # Keys.

    def kept(self, account: str, key: str, now: int) -> Kept | None:
        row = self._db.execute(
            "SELECT print, path, status, body, request FROM keys WHERE account = ? AND key = ? AND created > ?",
            (account, key, now - limits.KEYS_KEPT_S),
        ).fetchone()
        return Kept(print=row[0], path=row[1], status=row[2], body=row[3], request=row[4]) if row else None

    def keep(self, account: str, key: str, kept: Kept, now: int) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (account, key, kept.print, kept.path, kept.status, kept.body, kept.request, now),
        )

    # What comes by time.

    def schedule(self, at: int, account: str, what: str, given: str) -> None:
        """That something happens to an object; one time for each kind of it."""
        self._db.execute("INSERT OR REPLACE INTO due VALUES (?, ?, ?, ?)", (at, account, what, given))

    def unschedule(self, what: str, given: str) -> None:
        self._db.execute("DELETE FROM due WHERE what = ? AND id = ?", (what, given))

    def next_due(self, now: int) -> tuple[int, str, str, str] | None:
        """The earliest that is due, taken away: when, whose, what and which."""
        row = self._db.execute(
            "DELETE FROM due WHERE rowid = (SELECT rowid FROM due WHERE at <= ? ORDER BY at, rowid LIMIT 1)"
            " RETURNING at, account, what, id",
            (now,),
        ).fetchone()
        return (row[0], row[1], row[2], row[3]) if row else None

    def is_due(self, now: int) -> bool:
        return self._db.execute("SELECT 1 FROM due WHERE at <= ? LIMIT 1", (now,)).fetchone() is not None

    def purge(self, now: int) -> None:
        """Takes away what is no longer kept."""
        self._db.execute("DELETE FROM keys WHERE created <= ?", (now - limits.KEYS_KEPT_S,))
        self._db.execute("DELETE FROM objects WHERE kind = 'event' AND created <= ?", (now - limits.EVENTS_KEPT_S,))
        self._db.execute("DELETE FROM history WHERE seq <= (SELECT max(seq) FROM history) - ?", (limits.MAX_HISTORY,))

    # Webhooks.

    def queue(self, endpoint: str, event: str, at: int, attempt: int = 0) -> None:
        self._db.execute(
            "INSERT INTO deliveries (endpoint, event, attempt, at) VALUES (?, ?, ?, ?)", (endpoint, event, attempt, at)
        )

    def queued(self, now: int) -> list[tuple[int, str, str, int]]:
        rows = self._db.execute(
            "SELECT seq, endpoint, event, attempt FROM deliveries WHERE at <= ? ORDER BY at, seq LIMIT ?",
            (now, limits.DELIVERIES_A_ROUND),
        )
        return [(row[0], row[1], row[2], row[3]) for row in rows]

    def postpone(self, delivery: int, at: int, attempt: int) -> None:
        self._db.execute("UPDATE deliveries SET at = ?, attempt = ? WHERE seq = ?", (at, attempt, delivery))

    def delivered(self, delivery: int) -> None:
        self._db.execute("DELETE FROM deliveries WHERE seq = ?", (delivery,))

    def waiting(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM deliveries").fetchone()[0])

    # What happened.

    def note(self, at: int, account: str, what: str, given: str, **more: Any) -> None:
        self._db.execute(
            "INSERT INTO history (at, account, what, id, payment_intent, amount, currency, key, request)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (at, account, what, given, *(more[n] for n in ("payment_intent", "amount", "currency", "key", "request"))),
        )

    def history(self, after: int, account: str | None, limit: int) -> list[Json]:
        names = ("seq", "at", "account", "what", "id", "payment_intent", "amount", "currency", "key", "request")
        rows = self._db.execute(
            f"SELECT {', '.join(names)} FROM history"  # noqa: S608 - columns named above
            " WHERE seq > ? AND (? IS NULL OR account = ?) ORDER BY seq LIMIT ?",
            (after, account, account, limit),
        )
        return [dict(zip(names, row, strict=True)) for row in rows]

    # Settings.

    def setting(self, name: str, default: Any = None) -> Any:
        row = self._db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return msgspec.json.decode(row[0]) if row else default

    def set(self, name: str, value: Any) -> None:
        self._db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, msgspec.json.encode(value)))
