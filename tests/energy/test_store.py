"""What the planner reads of a site, from the real PostgreSQL: its electrics, the cars that are there and that were."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from uuid import uuid4

import msgspec
import pytest

from forecourt.access import Actor, Role
from forecourt.energy import store
from forecourt.energy.dispatch.grounds import Ground
from forecourt.energy.dispatch.obedience import MAX_OBEY_S
from forecourt.energy.dispatch.standing import may_draw
from forecourt.energy.errors import TooManyLimits
from forecourt.energy.keeper.notes import note_obedience
from forecourt.energy.keeper.reading import find_planned, read_site
from forecourt.energy.model import Node, Phases
from forecourt.energy.needs.model import Preferences, Priority, Source, Wants
from forecourt.energy.service import signals
from forecourt.energy.service.sites import find_record
from forecourt.energy.signals.model import NodeLimit, Reading, Span
from forecourt.energy.site import HungEvse, Mode, Settings, SiteTree
from forecourt.energy.store import keeping
from forecourt.energy.store import signals as signal_store
from forecourt.ocpp.neutral import Measurand, Phase
from tests.care.yard import Yard

ADA = "person:1 Ada"


def identity(yard: Yard, station_id: int) -> str:
    [row] = yard.rows("SELECT identity FROM stations WHERE station_id = %s", station_id)
    return str(row["identity"])


def measured(yard: Yard, session: object, ago: timedelta, **values: int) -> None:
    """Meter values by measurand and phase: `current_import_l1` in mA."""
    readings = []
    for name, value in values.items():
        what, _, line = name.upper().rpartition("_L")
        measurand, phase = (what, f"L{line}") if what else (name.upper(), "NONE")
        readings += [Measurand[measurand] | Phase[phase] << 8, value]
    yard.rows(
        "INSERT INTO meter_values (station_id, transaction_id, at, digest, tenant_id, evse, readings)"
        " SELECT station_id, transaction_id, %s, 1, tenant_id, evse, %s FROM sessions WHERE session_id = %s",
        yard.clock.now() - ago,
        readings,
        session,
    )


async def furnish(yard: Yard, *, enabled: bool = True) -> tuple[int, dict[str, int], SiteTree]:
    """A site with a part: two EVSEs hang, one of them at the part."""
    site = yard.site()
    part = yard.site(parent_id=site)
    stations = {}
    for place in (site, part):
        station_id = yard.station(site_id=place)
        yard.says(station_id, "Available")
        stations[identity(yard, station_id)] = station_id
    tree = SiteTree(
        nodes=(Node(id="grid", limit_a=63), Node(id="panel", parent="grid", name="Panel", limit_w=22_000)),
        evses=tuple(
            HungEvse(station=name, evse=1, node="panel", phases=Phases.L1 if number else Phases.ALL)
            for number, name in enumerate(stations)
        ),
    )
    now = yard.clock.now()
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        await store.lock_site(conn, yard.tenant_id, site, ADA, now)
        await store.store_tree(conn, yard.tenant_id, site, 1, tree, ADA, now)
        await store.hang(conn, yard.tenant_id, site, [(each.station, each.evse) for each in tree.evses])
        settings = Settings(mode=Mode.SOLAR, enabled=enabled, unserved_per_kwh=Decimal("0.45"))
        await store.store_settings(conn, yard.tenant_id, site, settings, ADA, now)
    return site, stations, tree


async def test_a_site_is_read_as_it_was_stored_and_a_station_that_left_it_is_a_stray(yard: Yard) -> None:
    site, stations, tree = await furnish(yard)
    first, second = stations
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        record = await store.load_site(conn, yard.tenant_id, site)
        assert record is not None
        assert (record.version, record.zone, record.tree, record.strays) == (1, "Europe/Berlin", tree, ())
        assert record.settings == Settings(mode=Mode.SOLAR, enabled=True, unserved_per_kwh=Decimal("0.45"))
        assert record.electrics is not None
        assert [evse.phases for evse in record.electrics.evses] == [Phases.ALL, Phases.L1]
        assert await store.evses_of(conn, yard.tenant_id, site) == {
            f"{first}:1": (first, 1),
            f"{second}:1": (second, 1),
        }
    yard.rows("UPDATE stations SET site_id = NULL WHERE station_id = %s", stations[second])
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        moved = await store.load_site(conn, yard.tenant_id, site)
        assert moved is not None
        assert moved.tree is not None
        assert [each.station for each in moved.tree.evses] == [first]
        assert [(stray.station, stray.evse) for stray in moved.strays] == [(second, 1)]
        assert await store.load_tree(conn, yard.tenant_id, site, yard.clock.now()) == (1, tree)
        assert await store.load_tree(conn, yard.tenant_id, site, yard.clock.now() - timedelta(seconds=1)) is None


async def test_the_worker_hears_of_the_sites_of_all_that_are_planned_for_and_of_no_other(yard: Yard) -> None:
    site, _, _ = await furnish(yard)
    off, _, _ = await furnish(yard, enabled=False)
    yard.tenant_id = yard.organisation()
    other, _, _ = await furnish(yard)
    async with yard.worker.anyone() as conn:
        planned = await store.planned_sites(conn)
    assert {site, other} <= {each.site_id for each in planned}
    assert off not in {each.site_id for each in planned}
    assert {each.tenant_id for each in planned if each.site_id == other} == {yard.tenant_id}
    assert {each.zone for each in planned} == {"Europe/Berlin"}


async def test_a_car_that_is_there_comes_with_what_it_draws_and_what_its_driver_needs(yard: Yard) -> None:
    site, stations, _ = await furnish(yard)
    first, second = stations
    yard.rows(
        "INSERT INTO tokens (tenant_id, uid_key, uid, type, status) VALUES (%s, 'ab', 'AB', 'Central', 'accepted')",
        yard.tenant_id,
    )
    running = yard.session(
        stations[first], timedelta(hours=1), energy_wh=5_000, token_uid="AB", power_w=7_000, power_key=1
    )
    measured(yard, running, timedelta(minutes=6), current_import_l1=9_000, current_import_l2=9_000)
    measured(yard, running, timedelta(minutes=1), current_import_l1=10_100, current_offered=16_000)
    yard.session(stations[second], timedelta(hours=9), timedelta(hours=8), 9_000)
    yard.session(stations[first], timedelta(hours=30), timedelta(hours=8), 9_000)
    now = yard.clock.now()
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        habit = Preferences(departure=time(7, 30), energy_wh=20_000, priority=Priority.HIGH)
        await store.store_preferences(conn, yard.tenant_id, "aB", habit, ADA, now)
        said = Wants(energy_wh=12_000, minimum_wh=4_000, minimum_by=now + timedelta(hours=2))
        assert await store.store_needs(conn, yard.tenant_id, running, Source.API, said, ADA, now)
        await store.store_needs(conn, yard.tenant_id, running, Source.PREDICTED, Wants(energy_wh=1), ADA, now)
        [car] = await store.active_cars(conn, yard.tenant_id, site)
    assert (car.session_id, car.evse_id, car.energy_wh, car.power_w) == (running, f"{first}:1", 5_000, 7_000)
    assert (car.currents_a, car.offered_a) == ((10.1, 9.0, None), 16.0)
    assert car.measured_at == now - timedelta(minutes=1)
    assert (car.needs.energy_wh, car.needs.sources["energy_wh"]) == (12_000, Source.API)
    assert (car.needs.wants.priority, car.needs.sources["priority"]) == (Priority.HIGH, Source.TOKEN)
    local = car.needs.departure_at.astimezone(UTC) if car.needs.departure_at else None
    assert local is not None
    assert car.started_at < local <= car.started_at + timedelta(days=1)


async def test_currents_count_by_our_clock_whatever_the_station_says_of_lines_and_time(yard: Yard) -> None:
    site, stations, _ = await furnish(yard)
    now, minute = yard.clock.now(), timedelta(minutes=1)
    fast, slow = stations.values()
    ahead = yard.session(fast, timedelta(hours=1), last_at=now + 2 * minute)
    measured(yard, ahead, -minute, current_import=9_000)
    measured(yard, ahead, -2 * minute, current_offered=16_000)
    behind = yard.session(slow, timedelta(hours=1), last_at=now - 5 * minute, power_w=6_900, power_key=1)
    measured(yard, behind, 6 * minute, power_import=6_900)
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        cars = {car.session_id: car for car in await store.active_cars(conn, yard.tenant_id, site)}
    assert (cars[ahead].currents_a, cars[ahead].measured_at) == ((9.0, 9.0, 9.0), now - minute)
    assert (cars[behind].measured_at, cars[behind].power_at) == (None, now - minute)


async def test_a_station_that_tells_its_register_alone_is_found_out_and_counts_with_what_it_takes(yard: Yard) -> None:
    site, stations, _ = await furnish(yard)
    now, minute = yard.clock.now(), timedelta(minutes=1)
    wild, meek = stations.values()
    sessions = {wild: yard.session(wild, timedelta(hours=1)), meek: yard.session(meek, timedelta(hours=1))}
    for ago in range(4):
        # 22 kW in steps of 10 Wh, and a register that is told in kWh.
        measured(yard, sessions[wild], ago * minute, energy_import_register=50_000 - ago * 366 // 10 * 10)
        measured(yard, sessions[meek], ago * minute, energy_import_register=50_000 if ago else 51_000)
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        told = [
            keeping.NewOrder(
                station_id=station_id, evse=1, session_id=session, limit_ma=0, urgent=True, sent_at=now - 4 * minute,
                valid_to=now + 8 * minute,
            )
            for station_id, session in sessions.items()
        ]  # fmt: skip
        taken = [
            keeping.OrderAnswer(order_id=number, accepted=True, unsent=False, status="Accepted")
            for number in await keeping.insert_orders(conn, yard.tenant_id, site, told)
        ]
        await keeping.answer_orders(conn, yard.tenant_id, taken, now - 4 * minute)
        record = await find_planned(conn, yard.tenant_id, site)
        assert record is not None
        reading = await read_site(conn, record, None, now)
        assert await note_obedience(conn, reading) == 1, "one kWh more may have been a single Wh"
        after = (await read_site(conn, record, None, now)).known
    await yard.look()
    [incident] = yard.incidents()
    assert (incident["kind"], incident["station_id"], incident["evse"]) == ("disobeys", wild, 1)
    yard.rows("UPDATE sessions SET closed_at = last_at WHERE session_id = %s", sessions[wild])
    await yard.look()
    assert yard.kinds() == [], "it is over with its session"
    assert after.tree.evses[0].station == identity(yard, wild)
    assert [may_draw(standing, now)[1] for standing in after.standings] == [Ground.DISOBEYS, Ground.ORDER]
    counted_ma = may_draw(after.standings[0], now)[0]
    assert 30_000 <= counted_ma <= 32_000
    assert after.cars[0].power_w == pytest.approx(21_900, abs=700)


async def test_what_may_still_hold_of_many_orders_is_never_forgotten(yard: Yard) -> None:
    site, stations, _ = await furnish(yard)
    station_id, now = next(iter(stations.values())), yard.clock.now()
    session = yard.session(station_id, timedelta(hours=1))

    async def held() -> list[tuple[int, bool | None]]:
        orders = await keeping.orders_of(conn, yard.tenant_id, site, now, [])
        assert {order.drawn_ma for order in orders[session]} <= {9_000, None}
        assert orders[session][-1].drawn_ma == 9_000
        assert [order.rested for order in orders[session]] == [order.limit_ma == 11_000 for order in orders[session]]
        return [(order.limit_ma, order.accepted) for order in orders[session]]

    async with yard.tenants.tenant(yard.tenant_id) as conn:
        told = [
            keeping.NewOrder(
                station_id=station_id, evse=1, session_id=session, limit_ma=limit_ma, urgent=True,
                sent_at=now - timedelta(seconds=ago_s), valid_to=now + timedelta(minutes=4),
                drawn_ma=9_000 if limit_ma < 32_000 else None, rested=limit_ma == 11_000,
            )
            # The clock was set back meanwhile: the latest is the one of the highest number.
            for ago_s, limit_ma in [(50, 30_000), (80, 32_000), *((n, 21_000 - 500 * n) for n in range(2, 22, 2))]
        ]  # fmt: skip
        numbers = await keeping.insert_orders(conn, yard.tenant_id, site, told)
        assert await held() == [(32_000, None), *((each, None) for each in range(18_000, 10_000, -1_000))]
        unsent = keeping.OrderAnswer(order_id=numbers[-1], accepted=False, unsent=True, status="station-busy")
        taken = keeping.OrderAnswer(order_id=numbers[-2], accepted=True, unsent=False, status="Accepted")
        await keeping.answer_orders(conn, yard.tenant_id, [unsent, taken], now - timedelta(seconds=MAX_OBEY_S + 1))
        # The first was under way when the one that replaces it was sent, and may have come after that.
        assert await held() == [(30_000, None), (12_000, True), (11_000, False)]


async def test_a_limit_can_be_lowered_however_many_there_are_those_of_feeds_count_apart_and_none_is_left_out(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, _, _ = await furnish(yard)
    now = yard.clock.now()
    ada = Actor(tenant_id=yard.tenant_id, organisation="Org", id=1, kind="person", name="Ada", role=Role.OWNER)
    monkeypatch.setattr(signals, "MAX_LIMITS", 2)

    async def limit(id: str, limit_a: float) -> None:
        said = NodeLimit(
            limit_id=uuid4(), number=0, source="DSO", external_id=id, node=None, limit_w=None, limit_a=limit_a,
            starts_at=now, ends_at=None, said_at=now, said_by="",
        )  # fmt: skip
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            record = await find_record(conn, yard.tenant_id, str(site))
            await signals.say_limit(conn, ada, record, said)

    yard.rows(
        "WITH f AS (INSERT INTO energy_feeds (tenant_id, site_id, name, source, changed_at, changed_by, next_at)"
        "  VALUES (%s, %s, 'VTN', '{}', now(), 'Ada', now()) RETURNING tenant_id, site_id, feed_id)"
        " INSERT INTO node_limits"
        "  (tenant_id, site_id, source, external_id, limit_w, starts_at, said_at, said_by, feed_id)"
        " SELECT tenant_id, site_id, 'VTN', n, 9000, %s, now(), 'Ada', feed_id FROM f, unnest('{a,b,c}'::text[]) n",
        yard.tenant_id, site, now,
    )  # fmt: skip
    await limit("a", 40)
    await limit("b", 40)
    await limit("b", 20)
    with pytest.raises(TooManyLimits):
        await limit("c", 10)
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        read = await store.limits_between(conn, yard.tenant_id, site, now, now + timedelta(hours=1))
        assert sorted(each.limit_a for each in read if each.limit_a is not None) == [20, 40]
        assert await store.count_limits(conn, yard.tenant_id, site, now, fed=True) == 3
        monkeypatch.setattr(signal_store, "MAX_LIMITS", 4)
        with pytest.raises(TooManyLimits):
            await store.limits_between(conn, yard.tenant_id, site, now, now + timedelta(hours=1))


async def test_past_visits_say_when_cars_came_and_left_what_they_took_and_how_fast(yard: Yard) -> None:
    site, stations, _ = await furnish(yard)
    first, second = stations
    now = yard.clock.now()
    early = yard.session(stations[second], timedelta(days=40), timedelta(hours=8), 1_000, token_uid="AB")
    late = yard.session(stations[first], timedelta(days=2), timedelta(hours=8), 9_000, token_uid="ab")
    measured(yard, late, timedelta(days=2), power_import=3_000)
    measured(yard, late, timedelta(days=1, hours=22), power_import=7_200)
    yard.session(stations[first], timedelta(hours=1), energy_wh=1)
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        await store.store_needs(conn, yard.tenant_id, late, Source.DRIVER, Wants(energy_wh=20_000), ADA, now)
        [visit] = await store.visits_of(conn, yard.tenant_id, site, now - timedelta(days=30))
        of_token = await store.visits_of_token(conn, yard.tenant_id, "ab", now - timedelta(days=90))
    assert (visit.session_id, visit.energy_wh, visit.max_w) == (late, 9_000, 7_200)
    assert (visit.came_at, visit.left_at - visit.came_at) == (now - timedelta(days=2), timedelta(hours=8))
    assert visit.stated == Wants(energy_wh=20_000)
    assert [each.session_id for each in of_token] == [early, late]


async def test_a_series_is_stored_once_however_often_it_comes(yard: Yard) -> None:
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    spans = [
        Span(start_at=begin + timedelta(hours=hour), minutes=60, value=Decimal(hour) / 8, source="a", fetched_at=begin)
        for hour in range(5)
    ]
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        assert await store.store_series(conn, yard.tenant_id, "price", "NL", "EUR", spans) == 5
        changed = msgspec.structs.replace(spans[4], value=Decimal("-0.00125"))
        assert await store.store_series(conn, yard.tenant_id, "price", "NL", "EUR", [*spans[:4], changed]) == 1
        found = await store.prices_between(
            conn, yard.tenant_id, "NL", begin + timedelta(minutes=90), begin + timedelta(hours=5)
        )
        assert [span.value for span in found] == [
            Decimal("0.125"),
            Decimal("0.25"),
            Decimal("0.375"),
            Decimal("-0.00125"),
        ]
        [line] = await store.list_series(conn, yard.tenant_id, "price")
    assert (line.values, line.first_at, line.last_at) == (5, begin, begin + timedelta(hours=5))


async def test_readings_come_as_means_and_the_last_one_counts(yard: Yard) -> None:
    site, _, _ = await furnish(yard)
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    readings = [Reading(at=begin + timedelta(minutes=5 * number), power_w=1_000 * number) for number in range(6)]
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        for _ in range(2):
            await store.store_readings(
                conn,
                yard.tenant_id,
                site,
                "hall",
                [msgspec.structs.replace(each, source="api") for each in readings],
                begin,
            )
        found = await store.readings_between(conn, yard.tenant_id, site, begin, begin + timedelta(hours=1))
        latest = await store.latest_readings(conn, yard.tenant_id, site, begin + timedelta(hours=1))
    assert [(each.at, each.power_w) for each in found["hall"]] == [
        (begin, 1_000),
        (begin + timedelta(minutes=15), 4_000),
    ]
    assert latest["hall"].power_w == 5_000


@pytest.mark.parametrize(
    ("gaps", "away_min"),
    [
        ([(30, 20)], 30),
        ([(90, 60), (30, 20)], 30),
        # It came back and was gone again before it could tell what had begun.
        ([(90, 31), (30, 20)], 90),
        ([(200, 150), (90, 31), (30, 22), (21, 20)], 90),
        ([], None),
    ],
    ids=["once", "long-before", "again", "again-and-again", "never"],
)
async def test_one_that_was_back_for_a_moment_only_has_been_away_since_before(
    yard: Yard, gaps: list[tuple[int, int]], away_min: int | None
) -> None:
    site, stations, _ = await furnish(yard)
    [name, *_], [station_id, *_] = stations, stations.values()
    now = yard.clock.now()
    yard.rows("DELETE FROM connection_gaps WHERE station_id = %s", station_id)
    for number, (lost, returned) in enumerate(gaps):
        yard.rows(
            "INSERT INTO connection_gaps (station_id, epoch, tenant_id, lost_at, returned_at)"
            " VALUES (%s, %s, %s, %s, %s)",
            station_id, number, yard.tenant_id, now - timedelta(minutes=lost), now - timedelta(minutes=returned),
        )  # fmt: skip
    # A break that is too short to be kept is none that makes it forgotten that it was away.
    yard.rows("UPDATE station_links SET connected_at = %s WHERE station_id = %s", now, station_id)
    # What it said was free was so before the last break.
    yard.rows("UPDATE connectors SET state_at = %s WHERE station_id = %s", now - timedelta(minutes=31), station_id)
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        [link] = [each for each in await keeping.links_of(conn, yard.tenant_id, site) if each.station == name]
    assert link.away_at == (None if away_min is None else now - timedelta(minutes=away_min))
    assert link.back_at == (None if away_min is None else now - timedelta(minutes=20))
    assert list(link.free) == []
