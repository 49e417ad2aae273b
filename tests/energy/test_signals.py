"""What is known of the steps ahead is exact where it is known, safe where it is not, and goes by the site's clock."""

import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import uuid4

import numpy as np
import pytest
from msgspec.structs import replace

from forecourt.energy.dispatch.defaults import default_wants
from forecourt.energy.faults import fallback_faults, fallbacks_of, site_faults
from forecourt.energy.feeds.clear_sky import reckon
from forecourt.energy.flows import flows
from forecourt.energy.model import Node, Phases
from forecourt.energy.needs.model import Preferences, Priority, Said, Source, Wants, merge
from forecourt.energy.planning.limits import lasting, room_of
from forecourt.energy.rows import adds_of, rows_of
from forecourt.energy.signals.in_force import limits_held
from forecourt.energy.signals.model import (
    DayRates,
    NodeLimit,
    Provenance,
    Reading,
    Season,
    Span,
    Tariff,
    TariffRow,
    tariff_faults,
)
from forecourt.energy.signals.outlook import Known, signals_at
from forecourt.energy.signals.sheet import SeriesRefused, read_series
from forecourt.energy.signals.sun import ClearSky, Sky
from forecourt.energy.site import Battery, HungEvse, Load, Settings, SiteRecord, SiteTree, Solar
from forecourt.energy.storage.model import DELIVERED_FOR
from forecourt.ocpp.neutral import Unit

BERLIN = "Europe/Berlin"
NOW = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)  # a Monday
GRID = Node(id="grid", limit_a=63)
ROOF = Solar(id="roof", node="grid", peak_w=10_000)


def record(tree: SiteTree | None = None, *, zone: str = BERLIN) -> SiteRecord:
    return SiteRecord(
        tenant_id=1, site_id=1, slug="yard", name="Yard", zone=zone, latitude=52.5, longitude=13.4, version=1,
        tree=tree or SiteTree(nodes=(GRID,)), settings=Settings(), settings_version=1,
    )  # fmt: skip


def priced(tariff: Tariff) -> Known:
    return Known(tariff=TariffRow(tariff=tariff, version=1, changed_at=NOW, changed_by="person:1 Ada"))


def rates(*prices: str, hours: tuple[int, ...] = (0,)) -> DayRates:
    return DayRates(hours=hours, prices=tuple(map(Decimal, prices)))


def test_rates_go_by_season_kind_of_day_and_the_clock_of_the_site() -> None:
    tariff = Tariff(
        currency="EUR",
        seasons=(
            Season(begins="04-01", weekdays=rates("0.10"), weekends=rates("0.05")),
            Season(
                begins="10-01",
                weekdays=rates("0.19", "0.29", hours=(0, 6)),
                weekends=rates("0.15"),
                holidays=rates("0.01"),
            ),
        ),
        holidays=(date(2026, 3, 3),),
    )
    told = {
        datetime(2026, 3, 2, 4, 59, tzinfo=UTC): "0.19",  # 5:59 there; the winter goes on into the new year
        datetime(2026, 3, 2, 5, 0, tzinfo=UTC): "0.29",
        datetime(2026, 3, 1, 12, 0, tzinfo=UTC): "0.15",
        datetime(2026, 3, 3, 12, 0, tzinfo=UTC): "0.01",
        datetime(2026, 3, 31, 22, 0, tzinfo=UTC): "0.10",  # midnight there, in summer time
    }
    assert {at: str(tariff.by_season(at, BERLIN)) for at in told} == told
    # A step that lies in two rates costs what both do, by their times.
    [price] = signals_at(record(), priced(tariff), datetime(2026, 3, 2, 4, 30, tzinfo=UTC), [1.0]).price.values
    assert price == Decimal("0.24")


@pytest.mark.parametrize(
    ("now", "begins", "ends"),
    [
        ((2026, 3, 14, 22, 59), (2026, 2, 14, 23), (2026, 3, 14, 23)),
        ((2026, 3, 14, 23, 0), (2026, 3, 14, 23), (2026, 4, 14, 22)),
        ((2026, 1, 3, 0, 0), (2025, 12, 14, 23), (2026, 1, 14, 23)),
    ],
)
def test_a_billing_month_is_from_midnight_to_midnight_there(
    now: tuple[int, ...], begins: tuple[int, ...], ends: tuple[int, ...]
) -> None:
    def utc(parts: tuple[int, ...]) -> datetime:
        year, month, day, hour, minute = (*parts, 0)[:5]
        return datetime(year, month, day, hour, minute, tzinfo=UTC)

    tariff = Tariff(currency="EUR", price_zone="NL", billing_day=15)
    assert tariff.billing_month(utc(now), BERLIN) == (utc(begins), utc(ends))


def test_a_tariffs_faults_are_all_named() -> None:
    bad = Tariff(
        currency="eur",
        seasons=(
            Season(begins="02-30", weekdays=rates("1", "2")),
            Season(begins="02-30", weekdays=rates("0.123456789")),
        ),
        demand_charge_per_kw=Decimal(-1),
    )
    told = "; ".join(map(str, tariff_faults(bad)))
    for piece in ("ISO 4217", "two seasons", "season 1: begins", "each hour needs a price", "8 places", "from 0"):
        assert piece in told
    # A code that no country pays with is none, however well it is spelt.
    assert "XXZ is none" in str(tariff_faults(Tariff(currency="XXZ", price_zone="NL"))[0])
    assert [str(each) for each in tariff_faults(Tariff(currency="EUR"))] == [
        "a price is needed: seasons, or a price_zone"
    ]


def test_a_finer_series_follows_a_coarser_and_a_hole_is_not_bridged() -> None:
    text = (
        "Start;EUR_per_kWh\n2026-03-01T00:00:00+01:00;0.1\n2026-03-01T01:00:00+01:00;0.2\n"
        "2026-03-01T02:00:00+01:00;0.3\n2026-03-01T02:15:00+01:00;0.4\n2026-03-01T09:00:00+01:00;-0.5\n"
    )
    spans = read_series(text, "price", "x", NOW).spans
    assert [(span.minutes, span.value) for span in spans] == [
        (60, Decimal("0.1")), (60, Decimal("0.2")), (15, Decimal("0.3")), (15, Decimal("0.4")), (15, Decimal("-0.5")),
    ]  # fmt: skip
    assert spans[0].start_at == datetime(2026, 2, 28, 23, tzinfo=UTC)
    for bad in ("", "when,eur_per_mwh\n", "utc,eur_per_mwh\n", "start,eur_per_mwh\n2026-03-01T00:00:00,1\n"):
        with pytest.raises(SeriesRefused):
            read_series(bad, "price", "x", NOW)
    with pytest.raises(SeriesRefused):
        read_series("utc,eur_per_mwh\n2026-03-01,NaN\n", "price", "x", NOW)
    twice = "utc,eur_per_mwh\n2026-03-01T00:00:00Z,80\n2026-03-01T00:00:00Z,{}\n"
    assert len(read_series(twice.format(80), "price", "x", NOW).spans) == 1
    with pytest.raises(SeriesRefused, match="Line 3: an earlier"):
        read_series(twice.format(90), "price", "x", NOW)
    for far in ("0001-01-01T00:00:00+01:00", "0001-01-02T00:00:00Z", "1989-01-01T00:00:00Z", "2029-03-02T00:00:00Z"):
        with pytest.raises(SeriesRefused, match="Line 2: the time is more than two years ahead or thirty years past"):
            read_series(f"start,eur_per_mwh\n{far},1\n", "price", "x", NOW)
    with pytest.raises(SeriesRefused, match="at least 0"):
        read_series("utc,g_per_kwh\n2026-03-01,-5\n", "co2", "x", NOW)


def test_a_step_costs_the_mean_of_its_quarters_and_a_missing_one_what_was_paid_at_that_hour() -> None:
    def span(at: datetime, minutes: int, value: str) -> Span:
        return Span(start_at=at, minutes=minutes, value=Decimal(value), source="ENTSO-E", fetched_at=NOW)

    quarters = [span(NOW + timedelta(minutes=15 * n), 15, f"0.{n + 1}") for n in range(4)]
    yesterday = [span(NOW - timedelta(hours=23), 60, "0.9")]
    tariff = Tariff(currency="EUR", price_zone="NL", factor=Decimal(2), markup_per_kwh=Decimal("0.01"))
    known = priced(tariff)
    known = Known(tariff=known.tariff, prices=[*yesterday, *quarters])
    outlook = signals_at(record(), known, NOW, [0.25, 0.75, 1.0, 1.0])
    assert outlook.price.values == (Decimal("0.21"), Decimal("0.61"), Decimal("1.81"), Decimal("0.61"))
    assert outlook.price.stand_in == (False, False, True, True)
    assert outlook.price.provenance.valid_until == NOW + timedelta(hours=1)
    nothing = signals_at(record(), Known(), NOW, [1.0, 1.0])
    assert nothing.price.stand_in == (True, True)
    assert len(set(nothing.price.values)) == 1, "what is not known shifts nothing"


def test_the_tightest_limit_counts_in_every_step_that_it_touches() -> None:
    def limit(node: str | None, limit_w: int, since: float, until: float | None) -> NodeLimit:
        return NodeLimit(
            limit_id=uuid4(), number=1, source="DSO", external_id="1", node=node, limit_w=limit_w, limit_a=None,
            starts_at=NOW + timedelta(hours=since), ends_at=None if until is None else NOW + timedelta(hours=until),
            said_at=NOW, said_by="x",
        )  # fmt: skip

    known = Known(limits=[limit(None, 20, -1, 0.1), limit("gone", 10, 1.5, 1.6), limit("panel", 7, 2, None)])
    tree = SiteTree(nodes=(GRID, Node(id="panel", parent="grid")))
    limits = {each.node: each.limit_w for each in signals_at(record(tree), known, NOW, [1.0] * 3).limits}
    assert limits == {"grid": (20, 10, None), "panel": (None, None, 7)}


def test_the_sun_stands_highest_at_noon_in_the_south_and_by_pvlib() -> None:
    day = reckon(ROOF, 52.5, 13.4, date(2026, 6, 21), 1)[0][::4]
    assert day.index(max(day)) == 11
    assert 7_000 < max(day) < 10_000
    assert day[0] == day[23] == 0
    # Under a clear sky a plant there gives about seven hours of its peak in midsummer, and two in midwinter.
    assert 60_000 < sum(day) < 75_000
    assert 12_000 < sum(reckon(ROOF, 52.5, 13.4, date(2026, 12, 21), 1)[0][::4]) < 24_000
    east = Solar(id="east", node="grid", peak_w=10_000, azimuth_deg=90.0, tilt_deg=45.0)
    mornings = reckon(east, 52.5, 13.4, date(2026, 6, 21), 1)[0][::4]
    assert mornings.index(max(mornings)) < 10


def test_the_share_of_a_clear_sky_is_learned_from_the_meter_hour_by_hour() -> None:
    # Eight hours of sun, of which a tree takes most after 13:00 UTC.
    quarters = [8_000 if 7 * 4 <= quarter < 15 * 4 else 0 for quarter in range(96)]
    clear = ClearSky(days={(NOW + timedelta(days=n)).date(): quarters for n in range(-15, 4)})
    past = [
        Reading(at=at, power_w=(clear.power_w(at) or 0) * (1 if at.hour >= 13 else 5) // 10)
        for at in (NOW - timedelta(minutes=15 * n) for n in range(1, 4 * 24 * 10))
    ]
    sky = Sky(ROOF, clear, past, NOW)
    assert sky.known
    noon = NOW.replace(hour=12) + timedelta(days=2)
    assert sky.power_w(noon, late=False) == 4_000
    assert sky.power_w(noon.replace(hour=14), late=False) == 800
    assert sky.power_w(noon.replace(hour=3), late=False) == 0
    # While the meter is late, what was exceeded on four of five occasions; beyond what was reckoned nothing is known.
    late = sky.power_w(noon, late=True)
    assert late == 800
    assert sky.power_w(noon + timedelta(days=3), late=False) is None
    tree = SiteTree(nodes=(GRID,), solar=(ROOF,))
    [unknown] = signals_at(record(tree), Known(), NOW, [1.0]).solar
    assert (unknown.power_w.values, unknown.power_w.stand_in) == ((0,), (True,))
    assert (unknown.measured_w, unknown.most_w) == (None, ROOF.peak_w)
    # What it gives is known from the first reading on, though nothing was learned for the hours to come.
    begun = Known(latest={"roof": Reading(at=NOW - timedelta(minutes=19), power_w=5_000)}, skies={"roof": clear})
    [sun] = signals_at(record(tree), begun, NOW, [1.0]).solar
    assert (sun.measured_w, sun.most_w, sun.power_w.stand_in) == (5_000, 8_000, (True,))
    known = Known(readings={"roof": past}, latest={"roof": past[0]}, skies={"roof": clear})
    [sun] = signals_at(record(tree), known, NOW, [1.0] * 120).solar
    assert (sun.power_w.values[1], sun.power_w.stand_in[1]) == (4_000, False)
    assert (sun.power_w.values[-1], sun.power_w.stand_in[-1]) == (0, True)


def test_what_flows_is_what_the_rows_count() -> None:
    nodes = (
        Node(id="grid", limit_a=1, limit_w=1), Node(id="t", parent="grid", delta_wye=4, limit_a=1),
        Node(id="pod", parent="t", limit_a=1),
    )  # fmt: skip
    phases = list(Phases)
    tree = SiteTree(
        nodes=nodes, voltage_v=120, line_voltage_v=208,
        evses=tuple(HungEvse(station=f"S{n}", evse=1, node="pod" if n % 2 else "t", phases=each)
                    for n, each in enumerate(phases)),
    )  # fmt: skip
    currents = {each.id: 6.0 + number for number, each in enumerate(tree.evses)}
    found = flows(tree, currents, {})
    rows = rows_of(tree.electrics)
    loads = dict(zip(rows.names, rows.loads(np.array(list(currents.values()))), strict=True))
    for node in nodes:
        counted = max(loads.get(f"{node.id} L{line}", 0.0) for line in (1, 2, 3))
        assert found[node.id].current_a == pytest.approx(counted, abs=0.06)
    assert found["grid"].power_w == pytest.approx(loads["grid power"] * 1000, abs=1)
    # A car that takes one conductor of three: its power is what was measured, its current counts on each.
    one_of_three = flows(tree, {tree.evses[0].id: 6.0}, {}, None, {tree.evses[0].id: 700})
    assert one_of_three["grid"].power_w == 700
    assert one_of_three["grid"].current_a == flows(tree, {tree.evses[0].id: 6.0}, {})["grid"].current_a
    box = Battery(id="box", node="grid", capacity_wh=1, charge_w=1, discharge_w=1)
    furnished = SiteTree(nodes=(GRID,), loads=(Load(id="hall", node="grid"),), solar=(ROOF,), batteries=(box,))
    building = flows(furnished, {}, {"hall": 27_600, "roof": 6_900, "box": -6_900})
    assert (building["grid"].current_a, building["grid"].power_w) == (20.0, 13_800)


def test_a_building_above_a_transformer_takes_amperes_of_the_voltage_there() -> None:
    hung = (HungEvse(station="CP1", evse=1, node="t", max_a=200.0),)
    nodes = (Node(id="grid", limit_a=60.0), Node(id="t", parent="grid", delta_wye=4), Node(id="panel", parent="grid"))
    trees = {
        at: SiteTree(nodes=nodes, voltage_v=120, line_voltage_v=208, evses=hung, loads=(Load(id="hall", node=at),))
        for at in ("grid", "panel", "t")
    }
    volts = 120 * 4 / math.sqrt(3)
    assert {node.id: trees["t"].volts_at(node.id) for node in nodes} == pytest.approx(
        {"grid": volts, "t": 120, "panel": volts}
    )
    [building] = replace(trees["t"], evses=()).electrics.nodes[1:2]
    assert replace(trees["t"], evses=()).volts_at(building.id) == pytest.approx(120)
    taken_a = 15_000 / (3 * volts)
    for tree in trees.values():
        assert flows(tree, {}, {"hall": 15_000})["grid"].current_a == pytest.approx(taken_a, abs=0.06)
        known = Known(latest={"hall": Reading(at=NOW, power_w=15_000)})
        rows = room_of(tree, signals_at(record(tree), known, NOW, [1.0])).now()
        assert rows.limits[rows.names.index("grid L1")] == pytest.approx(60 - taken_a)
        added = adds_of(tree.electrics, tree.loads[0].node, ["grid L1", "grid power"])
        assert np.abs(added) == pytest.approx([taken_a / 15, 1.0])
        [held, *_] = [each for each in limits_held(tree, (), NOW) if each.node == "grid"]
        assert held.limit_w == round(60 * 3 * volts)


def test_a_fallback_left_to_itself_never_overloads_what_is_silent() -> None:
    evses = tuple(HungEvse(station=f"S{n}", evse=1, node="grid") for n in range(4))
    wide, narrow = (SiteTree(nodes=(Node(id="grid", limit_a=limit),), evses=evses) for limit in (24.0, 23.9))
    assert set(fallbacks_of(wide, Settings()).values()) == {6.0}
    assert set(fallbacks_of(narrow, Settings()).values()) == {0.0}
    assert [fault.id for fault in fallback_faults(narrow, dict.fromkeys((each.id for each in evses), 6.0))] == ["grid"]
    hall = Load(id="hall", node="grid", most_w=6_900)  # 10 A of each conductor
    for attached in ({"loads": (hall,)}, {"batteries": (Battery(id="b", node="grid", capacity_wh=9_000, charge_w=6_900,
                                                                discharge_w=6_900),)}):  # fmt: skip
        shared = SiteTree(nodes=(Node(id="grid", limit_a=33.9),), evses=evses, **attached)
        assert set(fallbacks_of(shared, Settings()).values()) == {0.0}
        enough = SiteTree(nodes=(Node(id="grid", limit_a=34),), evses=evses, **attached)
        assert set(fallbacks_of(enough, Settings()).values()) == {6.0}
    chain = tuple(Node(id=str(n), parent=str(n - 1) if n else None) for n in range(22))
    assert [fault.id for fault in site_faults(SiteTree(nodes=chain))] == ["20", "21"]
    assert math.isfinite(sum(fallbacks_of(wide, Settings(fallback_a=5.0)).values()))


def test_a_limit_that_holds_all_the_time_takes_the_fallbacks_that_it_does_not_bear() -> None:
    evses = tuple(HungEvse(station=f"S{n}", evse=1, node="grid") for n in range(4))
    tree = SiteTree(nodes=(GRID,), evses=evses)

    def fallbacks(until: float | None, settings: Settings) -> set[int]:
        ends_at = None if until is None else NOW + timedelta(hours=until)
        said = NodeLimit(
            limit_id=uuid4(), number=1, source="DSO", external_id="1", node=None, limit_w=None, limit_a=23.0,
            starts_at=NOW, ends_at=ends_at, said_at=NOW, said_by="x",
        )  # fmt: skip
        outlook = signals_at(record(tree), Known(limits=[said]), NOW, [1.0] * 24)
        wants = default_wants(lasting(tree, outlook), settings, lambda _: Unit.CURRENT)
        return {max(period["limit"] for period in want.wanted["periods"]) for want in wants}

    for settings in (Settings(), Settings(fallback_a=6.0)):
        assert fallbacks(2, settings) == {6_000}
        assert fallbacks(None, settings) == {0}


def test_of_each_thing_the_first_source_counts_that_says_it() -> None:
    started = datetime(2026, 3, 28, 22, 0, tzinfo=UTC)  # the night in which Berlin's clocks are set forward
    habit = Preferences(departure=time(6, 30), energy_wh=30_000, minimum_wh=5_000, minimum_within_s=3_600)
    said = [
        Said(source=Source.TOKEN, wants=habit.at(started, BERLIN), said_at=started, said_by="t"),
        Said(source=Source.API, wants=Wants(energy_wh=1, priority=Priority.LOW), said_at=started, said_by="a"),
        Said(source=Source.DRIVER, wants=Wants(battery_wh=60_000, present_soc_pct=20, stop_soc_pct=50),
             said_at=started, said_by="d"),
    ]  # fmt: skip
    needs = merge(said)
    assert needs.departure_at == datetime(2026, 3, 29, 4, 30, tzinfo=UTC)
    assert (needs.wants.minimum_by, needs.wants.energy_wh) == (started + timedelta(hours=1), 1)
    assert needs.sources["energy_wh"] is Source.API
    assert merge(said[2:]).energy_wh == 18_000, "a target of the session caps what it needs"
    assert merge([]).energy_wh is None


def test_the_sun_and_a_load_below_nothing_make_no_room_that_may_be_gone_in_a_moment() -> None:
    evse = HungEvse(station="CP1", evse=1, node="grid", max_a=200.0)
    grid = Node(id="grid", limit_w=10_000)
    tree = SiteTree(nodes=(grid,), evses=(evse,), loads=(Load(id="hall", node="grid"),), solar=(ROOF,))
    nothing = signals_at(record(tree), Known(), NOW, [1.0, 1.0])

    def room_w(
        load_w: int, sun_w: int, measured_w: int | None, takes_w: int | None = None, age: timedelta = DELIVERED_FOR
    ) -> list[float]:
        [hall], [roof] = nothing.loads, nothing.solar
        takes = replace(hall.power_w, values=(load_w,) * 2, stand_in=(False,) * 2)
        loads = (replace(hall, power_w=takes, measured_w=takes_w),)
        measured = Provenance(source="meter", fetched_at=NOW - age)
        gives = replace(roof.power_w, values=(sun_w,) * 2, stand_in=(False,) * 2, provenance=measured)
        solar = (replace(roof, power_w=gives, measured_w=measured_w),)
        room = room_of(tree, replace(nothing, loads=loads, solar=solar))
        [number] = [n for n, name in enumerate(room.rows.names) if name == "grid power"]
        return [float(each) for each in room.now().limits[[number]]] + [float(room.limits[number, 1])]

    assert room_w(0, 0, 0) == pytest.approx([10, 10])
    assert room_w(-50_000, 0, 0) == pytest.approx([10, 10])
    # A hall that usually takes less by now may go on as it was measured for a while; one that will take more does.
    assert room_w(2_000, 0, 0, 7_000) == pytest.approx([3, 8])
    assert room_w(2_000, 0, 0, 1_000) == pytest.approx([8, 8])
    # Now what is measured, never more than expected or than a fifth of the limit; later what is expected.
    assert room_w(0, 8_000, 1_500) == pytest.approx([11.5, 18])
    assert room_w(0, 1_000, 9_000) == pytest.approx([11, 11])
    assert room_w(0, 30_000, 30_000) == pytest.approx([12, 40])
    assert room_w(0, 8_000, None) == pytest.approx([10, 18])
    # A cloud may have come since.
    assert room_w(0, 8_000, 1_500, age=DELIVERED_FOR + timedelta(seconds=1)) == pytest.approx([10, 18])
