"""What is kept of a site, what is read of it again, and how it is forgotten."""

import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from msgspec.structs import replace

from forecourt.access import Actor, Role
from forecourt.drivers import service as drivers
from forecourt.energy import jobs, store
from forecourt.energy.jobs import KEEP_ALL_PLANS, KEEP_ALL_POWER, KEEP_PLANS, EnergyJobs
from forecourt.energy.keeper import past as keeping_past
from forecourt.energy.keeper.past import GOOD_FOR, Past
from forecourt.energy.needs.model import Preferences
from forecourt.energy.planner.ladder import Grade
from forecourt.energy.planning.plan import CarPlan, SitePlan
from forecourt.energy.service.needs import change_preferences, preferences_tag
from forecourt.energy.service.signals import known_signals, load_series, say_readings
from forecourt.energy.signals.model import DayRates, Reading, Season, Span, Tariff
from forecourt.energy.signals.outlook import METER_LATE, Demand, signals_at
from forecourt.energy.signals.sheet import Series
from forecourt.energy.site import Load
from forecourt.energy.store import keeping, plans, tidying
from forecourt.energy.store.nudges import CHANNEL
from forecourt.platform.database import connect
from tests.care.yard import Yard
from tests.conftest import Database
from tests.energy.test_store import furnish
from tests.support import WAIT_S

SPAN = timedelta(minutes=15)
S = timedelta(seconds=1)


def actor(yard: Yard) -> Actor:
    return Actor(tenant_id=yard.tenant_id, organisation="Org", id=1, kind="person", name="Ada", role=Role.OWNER)


def took(yard: Yard, site: int, at: datetime, power_w: int, *, measured: bool = True) -> None:
    yard.rows(
        "INSERT INTO site_power (site_id, at, tenant_id, charging_w, load_w, solar_w, allowed_w, measured)"
        " VALUES (%s, %s, %s, %s, 0, 0, 0, %s)",
        site, at, yard.tenant_id, power_w, measured,
    )  # fmt: skip


async def paid(yard: Yard, site: int, past: Past, begins: datetime, now: datetime) -> int:
    demand = Demand(charge_per_kw=Decimal(10), minutes=15, begins_at=begins, ends_at=begins + timedelta(days=30))
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        record = await store.load_site(conn, yard.tenant_id, site)
        assert record is not None
        return await past.paid_w(conn, record, demand, now)


async def test_a_peak_is_paid_by_whole_spans_that_were_measured_weighed_by_how_long_each_power_lasted(
    yard: Yard,
) -> None:
    site, _, _ = await furnish(yard)
    begins = yard.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    at = begins + timedelta(hours=8)
    # A burst of looks within a second, then a minute each: 20 kW for a second, 10 kW for the rest.
    for number in range(10):
        took(yard, site, at + number * timedelta(seconds=0.1), 20_000)
    for minute in range(1, 15):
        took(yard, site, at + timedelta(minutes=minute), 10_000)
    took(yard, site, at + SPAN, 10_000)
    # The next one has a meter that was late, and the one that runs is not over.
    took(yard, site, at + timedelta(minutes=20), 100_000, measured=False)
    for minute in range(21, 31):
        took(yard, site, at + timedelta(minutes=minute), 100_000)
    took(yard, site, at + timedelta(minutes=31), 50_000)
    past = Past()
    assert await paid(yard, site, past, begins, at + timedelta(minutes=32)) == pytest.approx(10_670, abs=10)
    # Once it is over it counts, and only what came since is read.
    for minute in range(32, 46):
        took(yard, site, at + timedelta(minutes=minute), 50_000)
    yard.rows("DELETE FROM site_power WHERE site_id = %s AND at < %s", site, at + SPAN)
    assert await paid(yard, site, past, begins, at + timedelta(minutes=46)) == pytest.approx(53_333, abs=10)
    # A reading in a wrong unit is as high as can be kept, and keeps nobody from looking.
    yard.rows("UPDATE site_power SET charging_w = 2147483647, load_w = 2147483647 WHERE site_id = %s", site)
    assert await paid(yard, site, Past(), begins, at + timedelta(minutes=46)) == 2 * 2_147_483_647
    # Another month begins with nothing.
    later = begins + timedelta(days=31)
    assert await paid(yard, site, past, later, later + timedelta(hours=1)) == 0


async def test_what_forecasts_learn_from_is_not_read_at_each_look(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    site, _, _ = await furnish(yard)
    read: list[datetime] = []

    async def learned(conn: Any, record: Any, now: datetime) -> dict[str, Any]:
        read.append(now)
        return {}

    monkeypatch.setattr(keeping_past, "learned_readings", learned)
    past, now = Past(), yard.clock.now()
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        record = await store.load_site(conn, yard.tenant_id, site)
        assert record is not None
        # A clock that jumped back is no reason to believe what was read for as long as it jumped.
        for at in (now, now + GOOD_FOR / 2, now + GOOD_FOR, now):
            await past.readings(conn, record, at)
    assert read == [now, now + GOOD_FOR, now]


async def test_plans_are_thinned_after_days_and_forgotten_after_weeks_a_site_at_a_time(yard: Yard) -> None:
    site, _, _ = await furnish(yard)
    now = yard.clock.now().replace(minute=0, second=0, microsecond=0)
    fresh, thinned, old = now - timedelta(hours=1), now - KEEP_ALL_PLANS - timedelta(hours=1), now - KEEP_PLANS
    kept = [fresh, fresh + timedelta(minutes=1), thinned, thinned + SPAN]
    gone = [thinned + timedelta(minutes=1), thinned + SPAN + timedelta(minutes=2), old - timedelta(minutes=1)]
    for at in (*kept, *gone):
        yard.rows(
            "INSERT INTO energy_plans (site_id, at, tenant_id, grade, why, plan, known)"
            " VALUES (%s, %s, %s, 'optimal', '', '{}', '')",
            site, at, yard.tenant_id,
        )  # fmt: skip
    await EnergyJobs(yard.worker, yard.tenants, yard.clock).tidy()
    rows = yard.rows("SELECT at FROM energy_plans WHERE site_id = %s ORDER BY at", site)
    assert [row["at"] for row in rows] == sorted(kept)


async def test_what_a_site_takes_is_kept_every_so_often_and_thinned_once_its_month_is_over(yard: Yard) -> None:
    site, _, _ = await furnish(yard)
    now = yard.clock.now().replace(minute=0, second=0, microsecond=0)
    old = now - KEEP_ALL_POWER - timedelta(hours=1)
    took: Any = {"charging_w": 1, "load_w": 0, "solar_w": 0, "allowed_w": 1}
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        for begin in (old, now - timedelta(hours=1)):
            for seconds in (0, 5, 14, 15, 60, 300):
                at = begin + timedelta(seconds=seconds)
                await keeping.insert_power(conn, yard.tenant_id, site, at, **took)

    def kept(begin: datetime) -> list[float]:
        rows = yard.rows("SELECT at FROM site_power WHERE site_id = %s AND at >= %s ORDER BY at", site, begin)
        return [each for row in rows if (each := (row["at"] - begin).total_seconds()) < 3_600]

    assert kept(old) == kept(now - timedelta(hours=1)) == [0, 15, 60, 300]
    await EnergyJobs(yard.worker, yard.tenants, yard.clock).tidy()
    assert (kept(old), kept(now - timedelta(hours=1))) == ([0, 300], [0, 15, 60, 300])


async def test_what_a_site_took_while_no_worker_ran_is_thinned_however_long_ago(yard: Yard) -> None:
    """And once it was thinned by a worker, that one looks no further back than a few days."""
    site, _, _ = await furnish(yard)
    now = yard.clock.now().replace(minute=0, second=0, microsecond=0)
    old = now - KEEP_ALL_POWER - timedelta(days=100)
    jobs = EnergyJobs(yard.worker, yard.tenants, yard.clock)

    async def left() -> int:
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            for minute in range(5):
                at, took = old + timedelta(minutes=minute), {"charging_w": 1, "load_w": 0, "solar_w": 0, "allowed_w": 1}
                await conn.execute(
                    "INSERT INTO site_power (site_id, at, tenant_id, charging_w, load_w, solar_w, allowed_w)"
                    " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                    (site, at, yard.tenant_id, *took.values()),
                )
        await jobs.tidy()
        return len(yard.rows("SELECT at FROM site_power WHERE site_id = %s", site))

    assert (await left(), await left()) == (1, 5)
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        about = conn, yard.tenant_id, site
        assert await tidying.oldest_unthinned(*about, old, now) == old
        assert await tidying.oldest_unthinned(*about, old + timedelta(minutes=4), now) is None


async def test_what_a_clock_that_has_jumped_told_is_neither_the_latest_nor_fresh(yard: Yard) -> None:
    """An hour ahead, and back again: until then those readings would be the latest, and never late."""
    site, _, tree = await furnish(yard)
    now = yard.clock.now()
    hall = Load(id="hall", node="grid", most_w=9_000)
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        record = await store.load_site(conn, yard.tenant_id, site)
        assert record is not None
        record = replace(record, tree=replace(tree, loads=(hall,)))
        for at, power_w in ((now + timedelta(hours=1), 100), (now - METER_LATE - timedelta(seconds=1), 4_000)):
            said = [Reading(at=at, power_w=power_w, source="meter")]
            await store.store_readings(conn, yard.tenant_id, site, "hall", said, at)
        latest = await store.latest_readings(conn, yard.tenant_id, site, now)
        assert latest["hall"].power_w == 4_000
        known = await known_signals(conn, record, now, now + timedelta(hours=1))
        [load] = signals_at(record, known, now, [1.0]).loads
        assert (load.measured_w, load.power_w.stand_in, load.power_w.values) == (None, (True,), (9_000,))
        # A gateway that is ahead by less hides nobody's word: what it says was measured by now.
        ahead = [Reading(at=now + timedelta(minutes=4), power_w=7_000, source="fast")]
        await say_readings(conn, yard.tenant_id, record, None, ahead, now)
        await say_readings(
            conn, yard.tenant_id, record, None, [Reading(at=now + S, power_w=8_000, source="slow")], now + S
        )
        latest = await store.latest_readings(conn, yard.tenant_id, site, now + S)
    assert (latest["hall"].power_w, latest["hall"].source) == (8_000, "slow")


async def test_what_is_wrong_with_one_site_keeps_no_other_from_being_tidied(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, _, _ = await furnish(yard)
    site, _, _ = await furnish(yard)
    yard.rows(
        "INSERT INTO energy_plans (site_id, at, tenant_id, grade, why, plan, known)"
        " VALUES (%s, %s, %s, 'optimal', '', '{}', '')",
        site, yard.clock.now() - KEEP_PLANS - timedelta(hours=1), yard.tenant_id,
    )  # fmt: skip
    thin_plans = tidying.thin_plans

    async def fails(conn: Any, tenant_id: int, site_id: int, *times: datetime) -> int:
        if site_id == broken:
            raise ValueError("no such plan")
        return await thin_plans(conn, tenant_id, site_id, *times)

    monkeypatch.setattr(tidying, "thin_plans", fails)
    await EnergyJobs(yard.worker, yard.tenants, yard.clock).tidy()
    assert yard.rows("SELECT 1 FROM energy_plans WHERE site_id = %s", site) == []


def planned(cars: int, at: datetime) -> SitePlan:
    """A plan of 54 steps, in a third of which a car charges, at three powers that are nobody else's."""
    chance = random.Random(cars)

    def steps() -> tuple[int, ...]:
        runs = [(0, 18), *((chance.randrange(1_400, 22_000), 6) for _ in range(3)), (0, 18)]
        return tuple(power_w for power_w, length in runs for _ in range(length))

    return SitePlan(
        at=at, grade=Grade.OPTIMAL, why="", targets_ma=tuple(chance.randrange(32_000) for _ in range(cars)),
        grid_w=steps(), peak_w=1,
        cars=tuple(
            CarPlan(
                session_id=uuid4(), evse_id=f"CP{number}:1", limit_ma=chance.randrange(32_000), steps_w=steps(),
                lacks_wh=chance.randrange(60_000), unserved_wh=0, ready_at=at + timedelta(minutes=number),
                leaves_at=at + timedelta(minutes=number, seconds=chance.randrange(60)),
            )
            for number in range(cars)
        ),
    )  # fmt: skip


async def test_a_plan_takes_few_bytes_and_is_read_as_it_was_stored(yard: Yard) -> None:
    site, _, _ = await furnish(yard)
    now = yard.clock.now()
    for cars, most_bytes in ((54, 5_000), (5_000, 400_000)):
        plan = planned(cars, now + timedelta(minutes=cars))
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            await plans.insert_plan(conn, yard.tenant_id, site, plan, b"what was known")
            stored = await plans.find_plan(conn, yard.tenant_id, site, plan.at + timedelta(seconds=59))
        assert stored is not None
        assert stored.plan == plan
        [row] = yard.rows(
            "SELECT pg_column_size(packed) AS bytes FROM energy_plans WHERE site_id = %s AND at = %s", site, plan.at
        )
        assert row["bytes"] < most_bytes
    # One of before is read as well.
    yard.rows(
        "INSERT INTO energy_plans (site_id, at, tenant_id, grade, why, plan, known)"
        " VALUES (%s, %s, %s, 'optimal', '', %s::jsonb, '')",
        site, now, yard.tenant_id, msgspec.json.encode(replace(plan, at=now)).decode(),
    )  # fmt: skip
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        before = await plans.find_plan(conn, yard.tenant_id, site, now)
    assert before is not None
    assert before.plan.cars == plan.cars


async def test_plans_that_take_too_much_are_thinned_sooner_and_forgotten_where_that_is_not_enough(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, _, _ = await furnish(yard)
    now = yard.clock.now().replace(minute=0, second=0, microsecond=0)
    ages = [1, 2, 31, 32, 61, 62]
    for minutes in ages:
        yard.rows(
            "INSERT INTO energy_plans (site_id, at, tenant_id, grade, why, packed, known)"
            " VALUES (%s, %s, %s, 'optimal', '', %s, '')",
            site, now - timedelta(minutes=minutes), yard.tenant_id, random.Random(1).randbytes(10_000),
        )  # fmt: skip

    async def tidied(all_bytes: int, most_bytes: int) -> list[int]:
        monkeypatch.setattr(jobs, "KEEP_ALL_BYTES", all_bytes)
        monkeypatch.setattr(jobs, "KEEP_BYTES", most_bytes)
        await EnergyJobs(yard.worker, yard.tenants, yard.clock).tidy()
        rows = yard.rows("SELECT at FROM energy_plans WHERE site_id = %s ORDER BY at DESC", site)
        return [int((now - row["at"]).total_seconds()) // 60 for row in rows]

    assert await tidied(100_000, 100_000) == ages
    # The newest three fit as they are; of those before, one in a quarter of an hour is left.
    assert await tidied(31_000, 100_000) == [1, 2, 31, 32, 62]
    assert await tidied(31_000, 41_000) == [1, 2, 31, 32]


async def test_an_answer_that_came_late_settles_its_order_once(yard: Yard) -> None:
    site, stations, _ = await furnish(yard)
    first, command = next(iter(stations.values())), uuid4()
    now = yard.clock.now()
    yard.rows(
        "INSERT INTO charging_orders (tenant_id, site_id, station_id, evse, session_id, limit_ma, urgent, sent_at,"
        " valid_to, answered_at, command_id) VALUES (%s, %s, %s, 1, %s, 6000, false, %s, %s, %s, %s)",
        yard.tenant_id, site, first, uuid4(), now, now + timedelta(minutes=5), now, command,
    )  # fmt: skip
    yard.rows(
        "INSERT INTO commands (command_id, tenant_id, station_id, action, payload, asked_by, asked_at, outcome, answer,"
        " routine) VALUES (%s, %s, %s, 'SetChargingProfile', '{}', 'test', %s, 'late', %s, true)",
        command, yard.tenant_id, first, now, '{"status": "Accepted"}',
    )  # fmt: skip
    jobs = EnergyJobs(yard.worker, yard.tenants, yard.clock)
    yard.clock.advance(45)
    await jobs.limit_answered(tenant_id=yard.tenant_id, subject=str(command))
    [order] = yard.rows("SELECT accepted, status, answered_at FROM charging_orders WHERE command_id = %s", command)
    assert order == {"accepted": True, "status": "Accepted", "answered_at": yard.clock.now()}
    yard.rows("UPDATE commands SET answer = %s WHERE command_id = %s", '{"code": "InternalError"}', command)
    await jobs.limit_answered(tenant_id=yard.tenant_id, subject=str(command))
    await jobs.limit_answered(tenant_id=yard.tenant_id, subject=str(uuid4()))
    [order] = yard.rows("SELECT accepted FROM charging_orders WHERE command_id = %s", command)
    assert order == {"accepted": True}


async def test_a_change_that_was_refused_late_is_no_word_on_limits(yard: Yard) -> None:
    site, stations, _ = await furnish(yard)
    first, now = next(iter(stations.values())), yard.clock.now()
    for action, unsent in (("UpdateDynamicSchedule", True), ("SetChargingProfile", False)):
        command, session = uuid4(), uuid4()
        [order] = yard.rows(
            "INSERT INTO charging_orders (tenant_id, site_id, station_id, evse, session_id, limit_ma, urgent, sent_at,"
            " valid_to, answered_at, command_id) VALUES (%s, %s, %s, 1, %s, 6000, false, %s, %s, %s, %s)"
            " RETURNING order_id",
            yard.tenant_id, site, first, session, now, now + timedelta(minutes=5), now, command,
        )  # fmt: skip
        yard.rows("DELETE FROM dynamic_profiles")
        yard.rows(
            "INSERT INTO dynamic_profiles (station_id, evse, tenant_id, site_id, session_id, order_id, profile_id,"
            " said, limit_ma, told_at, lasts, until, held_at)"
            " VALUES (%s, 1, %s, %s, %s, %s, 11, '{}', 6000, %s, '5 min', %s, %s)",
            first, yard.tenant_id, site, session, order["order_id"], now, now, now,
        )  # fmt: skip
        yard.rows(
            "INSERT INTO commands (command_id, tenant_id, station_id, action, payload, asked_by, asked_at, outcome,"
            " answer, routine) VALUES (%s, %s, %s, %s, '{}', 'test', %s, 'late', %s, true)",
            command, yard.tenant_id, first, action, now, '{"status": "Rejected"}',
        )  # fmt: skip
        jobs = EnergyJobs(yard.worker, yard.tenants, yard.clock)
        await jobs.limit_answered(tenant_id=yard.tenant_id, subject=str(command))
        found = yard.rows("SELECT accepted, unsent FROM charging_orders WHERE command_id = %s", command)
        assert found == [{"accepted": False, "unsent": unsent}]
        assert yard.rows("SELECT held_at IS NULL AS lost FROM dynamic_profiles") == [{"lost": unsent}]


async def test_prices_of_a_zone_and_what_a_driver_usually_needs_wake_the_sites_that_go_by_them(
    database: Database, yard: Yard
) -> None:
    site, stations, _ = await furnish(yard)
    other, _, _ = await furnish(yard)
    yard.rows(
        "INSERT INTO tokens (tenant_id, uid_key, uid, type, status) VALUES (%s, 'ab', 'AB', 'Central', 'accepted')",
        yard.tenant_id,
    )
    yard.session(next(iter(stations.values())), timedelta(hours=1), token_uid="AB")
    season = Season(weekdays=DayRates(hours=(0,), prices=(Decimal("0.30"),)))
    now = yard.clock.now()
    span = Span(start_at=now, minutes=60, value=Decimal("0.1"), source="test", fetched_at=now)
    async with yard.tenants.tenant(yard.tenant_id) as tenant:
        await store.store_tariff(
            tenant, yard.tenant_id, other, Tariff(currency="EUR", seasons=(season,), price_zone="NL"), "test", now
        )
    conn = await connect(database.url, "forecourt_worker", autocommit=True)
    async with conn:
        await conn.execute(f"LISTEN {CHANNEL}")
        async with yard.tenants.tenant(yard.tenant_id) as tenant:
            await load_series(tenant, actor(yard), "price", "NL", Series(currency="EUR", spans=(span,)))
        async with yard.tenants.tenant(yard.tenant_id) as tenant:
            await drivers.find_token(tenant, yard.tenant_id, "AB")
            await change_preferences(
                tenant, actor(yard), "AB", Preferences(energy_wh=9_000), now, preferences_tag(None)
            )
        heard = [int(said.payload) async for said in conn.notifies(timeout=WAIT_S, stop_after=2)]
    assert heard == [other, site]
