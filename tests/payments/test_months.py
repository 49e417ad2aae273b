"""What is left of a fleet's month is asked for within the commit that answers stations: what it reads is bounded by the
month, however long the fleet has been driving."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.conftest import Database

#: Sessions of the months before, and of this one: as many with a hold as without.
BEFORE, NOW = 30_000, 40
#: Tables that grow with every session of a fleet.
GROWING = ("payment_book_holds", "payment_intents", "fleet_sessions")
HOLD, ON_ACCOUNT = 100, 30


@pytest.fixture(scope="module")
def books(database: Database) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    """A fleet with one driver, and years of their sessions."""
    with psycopg.connect(database.admin_url, autocommit=True, row_factory=dict_row) as admin:
        admin.execute("INSERT INTO organisations (name) VALUES ('Fleet')")
        admin.execute(
            "INSERT INTO fleets (tenant_id, name, currency, zone, created_at, updated_at)"
            " VALUES (1, 'Vans', 'EUR', 'Europe/Berlin', now(), now())"
        )
        admin.execute(
            "INSERT INTO driver_accounts (tenant_id, email, pays_by, created_at, updated_at)"
            " VALUES (1, 'ada@example.com', 'fleet', now(), now())"
        )
        admin.execute("INSERT INTO fleet_members (tenant_id, driver_id, fleet_id, joined_at) VALUES (1, 1, 1, now())")
        admin.execute(
            "INSERT INTO tokens (tenant_id, uid_key, uid, type, status)"
            " VALUES (1, 'ada', 'ADA', 'ISO14443', 'accepted')"
        )
        admin.execute("INSERT INTO driver_tokens VALUES (1, 'ada', 1, now(), 'operator')")
        _drive(admin, "m.began - interval '1 day' * (1 + n % 1000)", BEFORE)
        _drive(admin, "m.began + interval '1 second' * n", NOW)
        admin.execute("ANALYZE")
        yield admin


def _drive(admin: psycopg.Connection[Any], at: str, count: int) -> None:
    """Sessions that were held for, with what was said of each, and as many that nothing was held for."""
    admin.execute(
        f"""
        WITH m AS (
            SELECT date_trunc('month', now() AT TIME ZONE 'Europe/Berlin') AT TIME ZONE 'Europe/Berlin' AS began),
        driven AS (SELECT gen_random_uuid() AS id, gen_random_uuid() AS session_id, {at} AS at
            FROM m, generate_series(1, {count}) n),
        paid AS (INSERT INTO payment_intents (intent_id, tenant_id, purpose, method, state, currency, hold_amount,
                authorised_amount, captured_amount, payer, driver_id, session_id, hold_said, created_at, updated_at)
            SELECT id, 1, 'session', 'invoice', 'captured', 'EUR', {HOLD}, {HOLD}, {HOLD}, 'fleet:1', 1, session_id,
                '{{}}', at, at FROM driven),
        said AS (INSERT INTO fleet_sessions (tenant_id, session_id, fleet_id, driver_id, cost_centre, month, currency,
                amount, said_at)
            SELECT 1, unnest(ARRAY[session_id, gen_random_uuid()]), 1, 1, '',
                date_trunc('month', at AT TIME ZONE 'Europe/Berlin')::date, 'EUR', {ON_ACCOUNT}, at FROM driven)
        INSERT INTO payment_book_holds (tenant_id, intent, payer, kind, currency, state, authorised, captured, refunds,
            key, made_at)
        SELECT 1, replace(id::text, '-', ''), 'fleet:1', 'invoice', 'EUR', 'captured', {HOLD}, {HOLD},
            '[{{"amount": 10}}]', id::text, at FROM driven
        """.encode()
    )


def asked(books: psycopg.Connection[dict[str, Any]]) -> tuple[str | None, dict[str, int]]:
    """What a gateway is told of the driver's token, and the rows of each table that were read for it."""
    rows_read = (
        "SELECT relname, (seq_tup_read + coalesce(idx_tup_fetch, 0))::int AS read FROM pg_stat_xact_user_tables"
        " WHERE relname = ANY(%s)"
    )
    with books.transaction(force_rollback=True):
        # Every row that is looked at is fetched, so that it is counted.
        books.execute("SET LOCAL enable_indexonlyscan = off")
        books.execute("SET LOCAL ROLE forecourt_ingest")
        before = {row["relname"]: row["read"] for row in books.execute(rows_read, (list(GROWING),))}
        [told] = books.execute("SELECT status FROM account_refusals WHERE tenant_id = 1 AND uid_key = 'ada'").fetchall()
        after = {row["relname"]: row["read"] for row in books.execute(rows_read, (list(GROWING),))}
    assert set(after) == set(GROWING)
    return told["status"], {name: after[name] - before[name] for name in GROWING}


def limits(books: psycopg.Connection[dict[str, Any]], fleet: int | None, member: int | None) -> None:
    books.execute("UPDATE fleets SET month_limit = %s", (fleet,))
    books.execute("UPDATE fleet_members SET month_limit = %s", (member,))


def test_a_fleet_without_limits_is_not_reckoned_at_all(books: psycopg.Connection[dict[str, Any]]) -> None:
    limits(books, None, None)
    assert asked(books) == (None, dict.fromkeys(GROWING, 0))


@pytest.mark.parametrize("whose", ["fleet", "member"])
def test_what_is_read_of_a_fleet_is_its_month_and_not_its_history(
    books: psycopg.Connection[dict[str, Any]], whose: str
) -> None:
    # Holds less what was given back, and sessions that nothing was held for: each once.
    spent = NOW * (HOLD - 10) + NOW * ON_ACCOUNT
    for limit, told in ((spent + 1, None), (spent, "NoCredit")):
        limits(books, *((limit, None) if whose == "fleet" else (None, limit)))
        status, read = asked(books)
        assert status == told
        # Its holds twice: in their month, and once more beside what was said of their sessions.
        assert read["fleet_sessions"] == 2 * NOW
        assert NOW <= read["payment_book_holds"] <= 2 * NOW
        assert NOW <= read["payment_intents"] <= 2 * NOW
