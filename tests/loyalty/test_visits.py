"""Whose a session is, and that one driver's are found without reading what all others did."""

import csv
from datetime import timedelta
from pathlib import Path
from typing import Any

from forecourt.driver.account.store import driver_of_session
from forecourt.insight.lake.store import copy_out
from forecourt.loyalty.rewards.store import sum_use
from forecourt.loyalty.store import uses
from forecourt.loyalty.store.effects import list_did
from forecourt.stations.plugs import _PLAIN, _TYPES, plain_type
from tests.loyalty.club import Club

#: Of everybody else.
OTHERS = 2_000
_READ = (
    "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables"
    " WHERE relname IN ('sessions', 'session_costs', 'payment_intents', 'driver_tokens', 'tokens')"
)


async def read_by(conn: Any) -> int:
    """Rows of the tables of sessions and tokens that the transaction read so far."""
    row = await (await conn.execute(_READ)).fetchone()
    return int(row[0])


def a_crowd(club: Club) -> None:
    """Drivers with a card and a session each, with as much as the planner of queries needs to know of them."""
    till, long_ago = club.till, club.till.clock.now() - timedelta(days=300)
    till.rows(
        "WITH made AS (INSERT INTO driver_accounts (tenant_id, email, state, pays_by, created_at, updated_at)"
        " SELECT %s, 'crowd' || n || '@club.test', 'active', 'wallet', %s, %s FROM generate_series(1, %s) n"
        " RETURNING tenant_id, driver_id), cards AS (INSERT INTO tokens (tenant_id, uid_key, uid, type, status)"
        " SELECT tenant_id, 'crowd' || driver_id, 'crowd' || driver_id, 'ISO14443', 'accepted' FROM made"
        " RETURNING tenant_id, uid_key) INSERT INTO driver_tokens"
        " SELECT tenant_id, 'crowd' || driver_id, driver_id, %s, 'operator' FROM made",
        club.tenant_id, long_ago, long_ago, OTHERS, long_ago,
    )  # fmt: skip
    till.rows(
        "INSERT INTO sessions (tenant_id, station_id, transaction_id, start_key, started_at, last_key, last_at,"
        " heard_at, evse, token_uid, meter_start_wh, meter_stop_wh, ended_at)"
        " SELECT tenant_id, %s, uid_key, 0, %s, 0, %s, %s, 1, uid_key, 0, 5000, %s"
        " FROM driver_tokens WHERE tenant_id = %s AND uid_key LIKE 'crowd%%'",
        till.station_id, *[till.clock.now() - timedelta(days=9)] * 4, club.tenant_id,
    )  # fmt: skip
    till.rows("ANALYZE sessions, session_costs, payment_intents, driver_accounts, driver_tokens, tokens")


async def test_what_one_driver_did_is_found_without_reading_what_all_others_did(club: Club) -> None:
    a_crowd(club)
    [(driver, uid)] = club.drivers()
    sessions = [club.session(uid, ago=timedelta(days=day)) for day in range(3)]
    campaign = await club.campaign(amount=100)
    since = club.till.clock.now() - timedelta(days=30)
    async with club.till.tenants.tenant(club.tenant_id) as conn:
        use = await sum_use(conn, club.tenant_id, driver, "EUR", since)
        assert (use.sessions, use.energy_wh) == (3, 30_000)
        assert await read_by(conn) < 50
    async with club.till.tenants.tenant(club.tenant_id) as conn:
        found = await uses.occasion_of_session(conn, club.tenant_id, sessions[0])
        assert found is not None
        assert found.driver_id == driver
        assert await read_by(conn) < 50
    assert campaign.members == OTHERS + 1


async def test_what_a_campaign_changed_is_found_without_reading_what_all_others_did(club: Club) -> None:
    campaign = await club.campaign(amount=100, codes=("ONE",))
    a_crowd(club)
    [(driver, uid)] = club.drivers()
    for day in (2, 3, 20):
        club.session(uid, ago=timedelta(days=day))
    now = club.till.clock.now()
    club.till.rows(
        "INSERT INTO loyalty_members (tenant_id, campaign_id, driver_id, treated) VALUES (%s, %s, %s, true)",
        club.tenant_id, campaign.campaign_id, driver,
    )  # fmt: skip
    async with club.till.tenants.tenant(club.tenant_id) as conn:
        [did] = await list_did(
            conn, club.tenant_id, campaign.campaign_id, since=now - timedelta(days=30),
            start=now - timedelta(days=10), until=now, hours=[], currency="EUR",
        )  # fmt: skip
        assert (did.treated, did.visits_b, did.visits, did.wh) == (True, 1, 2, 20_000)
        assert await read_by(conn) < 50


async def test_whose_a_session_is_is_the_same_for_points_and_for_the_lake(club: Club, tmp_path: Path) -> None:
    [(late, uid), (early, _)] = club.drivers(2)
    now = club.till.clock.now()
    # Both held it when the session began: who had it first is said to be its driver, however the station spells it.
    club.till.rows(
        "INSERT INTO driver_tokens_past VALUES (%s, %s, %s, %s, %s)",
        club.tenant_id, uid, early, now - timedelta(days=500), now,
    )  # fmt: skip
    session = club.session(uid.upper())
    async with club.till.tenants.tenant(club.tenant_id) as conn:
        counted = [
            (await sum_use(conn, club.tenant_id, driver, "EUR", now - timedelta(days=1))).sessions
            for driver in (early, late)
        ]
        occasion = await uses.occasion_of_session(conn, club.tenant_id, session)
        whose = await driver_of_session(conn, club.tenant_id, session)
        await copy_out(conn, "sessions", club.tenant_id, now - timedelta(days=1), now, tmp_path / "sessions.csv")
    [row] = csv.reader((tmp_path / "sessions.csv").read_text().splitlines())
    assert counted == [1, 0]
    assert occasion is not None
    assert whose is not None
    assert (occasion.driver_id, whose.driver_id, int(row[-2])) == (early, early, early)


async def test_kinds_of_plugs_have_the_same_names_in_views_and_in_the_program(club: Club) -> None:
    said = [*_PLAIN, *_TYPES, *(name for name, _ in _TYPES.values()), "CCS 2", "Type-2", "CHAdeMO", "CCS", "left one"]
    for each in said:
        [row] = club.till.rows("SELECT plain_connector_type(%s) AS it", each)
        assert row["it"] == plain_type(each), each
    assert {plain_type("CCS"), plain_type("left one")} == {"CCS", "left one"}
