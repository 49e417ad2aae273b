"""One site's keeper: whatever goes wrong with a plan, and whoever else holds the site."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest

from forecourt.energy import store
from forecourt.energy.expecting import Foreseen
from forecourt.energy.keeper import keeper as keeping
from forecourt.energy.keeper import learning, telling
from forecourt.energy.keeper import notes as noting
from forecourt.energy.keeper.apart import MAX_LOST, Lost, TooManyLost, apart
from forecourt.energy.keeper.keeper import AWAY_REST_S, Gates, SiteKeeper
from forecourt.energy.keeper.reading import read_site
from forecourt.energy.keeper.standings import SILENT_AFTER
from forecourt.energy.needs.model import Source, Wants
from forecourt.energy.planner.problem import TooLate
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.planning.making import plan_site, site_room
from forecourt.energy.planning.plan import SitePlan
from forecourt.energy.signals.model import DayRates, Season, Tariff
from forecourt.energy.site import Mode, Settings
from forecourt.energy.store import leases
from forecourt.energy.store import needs as needs_store
from forecourt.energy.store.keeping import store_obedience
from tests.care.yard import Yard
from tests.energy.test_store import furnish, measured


class Stations:
    """Take what they are asked, and never answer."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.is_asked = threading.Event()
        self.commands: list[UUID] = []

    async def enter(
        self, conn: Any, tenant_id: int, asked: list[Any], *_: Any, **__: Any
    ) -> tuple[list[Any], list[Any]]:
        self.asked += asked
        entered = [SimpleNamespace(identity=each[0], command=each[1], command_id=str(uuid4())) for each in asked]
        self.commands += [UUID(each.command_id) for each in entered]
        self.is_asked.set()
        return entered, []

    async def carry(self, tenant_id: int, entered: list[Any], *, urgent: bool, **_: Any) -> AsyncGenerator[None, None]:
        assert urgent, "one that isn't may be overtaken by one that is"
        nothing: tuple[None, ...] = ()
        for each in nothing:
            yield each


class Hanging:
    """Plans that are never made until they go on, but for those after the first `only`."""

    def __init__(self) -> None:
        self.begun, self.goes_on = threading.Event(), threading.Event()
        self.only = 9
        self.solvers: list[SiteSolver] = []

    def __call__(self, known: Any, solver: SiteSolver, *more: Any) -> SitePlan:
        self.solvers.append(solver)
        self.begun.set()
        if len(self.solvers) <= self.only:
            self.goes_on.wait(60)
        return plan_site(known, solver, *more)


async def furnished(yard: Yard, holder: UUID | None = None) -> tuple[SiteKeeper, Stations, int]:
    """A site with a car that charges."""
    site, numbers, _ = await furnish(yard)
    yard.session(next(iter(numbers.values())), timedelta(hours=1), energy_wh=5_000)
    stations: Any = Stations()
    made = SiteKeeper(
        yard.tenant_id, site, tenants=yard.tenants, stations=stations, clock=yard.clock, gates=Gates(1), holder=holder
    )
    return made, stations, site


async def test_whatever_is_wrong_with_a_plan_what_there_is_is_shared_out_and_told(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, stations, site = await furnished(yard)
    [row] = yard.rows("SELECT session_id FROM sessions WHERE tenant_id = %s", yard.tenant_id)
    measured(yard, row["session_id"], timedelta(seconds=20), current_import_l1=9_500)

    def broken(*_: Any) -> None:
        raise IndexError("no such row")

    monkeypatch.setattr(keeping, "plan_site", broken)
    await kept.turn()
    [plan] = yard.rows("SELECT grade, why FROM energy_plans WHERE site_id = %s", site)
    assert (plan["grade"], plan["why"]) == ("filled", "IndexError: no such row")
    # A late answer finds its order by the command.
    assert yard.rows("SELECT command_id, drawn_ma FROM charging_orders WHERE site_id = %s", site) == [
        {"command_id": command, "drawn_ma": 9_500} for command in stations.commands
    ]
    assert len(stations.asked) == 1


async def test_a_keeper_outlives_whatever_goes_wrong_in_a_look(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, _, site = await furnished(yard)

    async def broken(*_: Any) -> None:
        raise KeyError("CP1")

    monkeypatch.setattr(keeping, "read_site", broken)
    assert await kept.look() == AWAY_REST_S
    assert yard.rows("SELECT 1 FROM energy_plans WHERE site_id = %s", site) == []
    monkeypatch.undo()
    await kept.look()
    assert len(yard.rows("SELECT 1 FROM energy_plans WHERE site_id = %s", site)) == 1


@pytest.mark.parametrize("fault", [RuntimeError("no model"), psycopg.OperationalError("away"), None])
async def test_whatever_goes_wrong_with_a_forecast_it_is_planned_without_one(
    yard: Yard, fault: Exception | None
) -> None:
    site, numbers, _ = await furnish(yard)
    yard.session(next(iter(numbers.values())), timedelta(hours=1), energy_wh=5_000)
    asked: list[str] = []

    async def broken(conn: Any, _tenant_id: int, slug: str, _now: Any, /) -> Foreseen:
        asked.append(slug)
        if fault is None:
            await conn.execute("SELECT * FROM there_is_no_such_table")
        raise fault or AssertionError

    stations: Any = Stations()
    kept = SiteKeeper(
        yard.tenant_id, site, tenants=yard.tenants, stations=stations, clock=yard.clock, gates=Gates(1),
        forecaster=broken,
    )  # fmt: skip
    await kept.look()
    assert len(asked) == 1
    [plan] = yard.rows("SELECT grade, why FROM energy_plans WHERE site_id = %s", site)
    assert (plan["grade"], plan["why"]) == ("optimal", "")
    assert len(stations.asked) == 1, "the car is told all the same"


def limited(yard: Yard, site: int, limit_a: int, begins_s: float = 0.0, ends_s: float | None = None) -> None:
    """Somebody limits all of the site from a time on, or until a time."""
    now = yard.clock.now()
    yard.rows(
        "INSERT INTO node_limits (tenant_id, site_id, source, external_id, limit_a, starts_at, ends_at, said_at,"
        " said_by) VALUES (%s, %s, 'test', %s, %s, %s, %s, %s, 'test')",
        yard.tenant_id, site, str(uuid4()), limit_a, now + timedelta(seconds=begins_s),
        None if ends_s is None else now + timedelta(seconds=ends_s), now,
    )  # fmt: skip


async def test_what_can_not_be_kept_of_a_look_keeps_no_station_from_being_told_less(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, stations, site = await furnished(yard)
    limited(yard, site, 6)

    async def broken(conn: Any, *_: Any) -> None:
        await conn.execute("SELECT 2147483647 + 1")

    asked_then: list[int] = []

    async def taken(*_: Any) -> int:
        asked_then.append(len(stations.asked))
        return 0

    monkeypatch.setattr(noting, "take_meters", taken)
    monkeypatch.setattr(noting, "note_obedience", broken)
    await kept.turn()
    # The car was told less before anything else, and what could be kept is.
    assert asked_then == [1]
    [order] = yard.rows("SELECT limit_ma, urgent FROM charging_orders WHERE site_id = %s", site)
    assert (order["limit_ma"] <= 6_000, order["urgent"]) == (True, True)
    assert len(yard.rows("SELECT 1 FROM site_power WHERE site_id = %s", site)) == 1
    assert len(yard.rows("SELECT 1 FROM desires WHERE tenant_id = %s AND wanted IS NOT NULL", yard.tenant_id)) == 2


async def told_once(yard: Yard, kept: SiteKeeper, stations: Stations, limit_ma: int) -> None:
    """The station has said yes to a limit, and no to a default; nothing is to be cut."""
    await kept.turn()
    yard.rows("UPDATE charging_orders SET accepted = true, answered_at = sent_at, limit_ma = %s", limit_ma)
    yard.rows("UPDATE desires SET state = 'refused'")
    stations.is_asked.clear()


def planning_until_told(
    monkeypatch: pytest.MonkeyPatch, stations: Stations, meanwhile: Callable[[], object]
) -> list[bool]:
    """Plans take until a station is told something, or for long; whether one was."""
    told: list[bool] = []

    def slowly(*args: Any) -> SitePlan:
        if not told:
            meanwhile()
            told.append(stations.is_asked.wait(20))
        return plan_site(*args)

    monkeypatch.setattr(keeping, "plan_site", slowly)
    return told


async def test_whatever_goes_wrong_with_a_look_while_a_plan_is_made_the_plan_counts(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, stations, site = await furnished(yard)
    loop, looked, planning = asyncio.get_running_loop(), threading.Event(), threading.Event()

    async def broken_meanwhile(*args: Any) -> Any:
        if planning.is_set():
            looked.set()
            raise KeyError("CP1")
        return await read_site(*args)

    def slowly(*args: Any) -> SitePlan:
        planning.set()
        loop.call_soon_threadsafe(kept.wake)
        assert looked.wait(20)
        planning.clear()
        return plan_site(*args)

    monkeypatch.setattr(keeping, "read_site", broken_meanwhile)
    monkeypatch.setattr(keeping, "plan_site", slowly)
    await kept.turn()
    assert yard.rows("SELECT grade, why FROM energy_plans WHERE site_id = %s", site) == [
        {"grade": "optimal", "why": ""}
    ]
    assert len(stations.asked) == 1


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hanging]:
    found = Hanging()
    monkeypatch.setattr(keeping, "plan_site", found)
    yield found
    found.goes_on.set()


async def test_a_solver_whose_plan_was_given_up_is_used_no_more(yard: Yard, hanging: Hanging) -> None:
    kept, _, _ = await furnished(yard)
    turn = asyncio.create_task(kept.turn())
    assert await asyncio.to_thread(hanging.begun.wait, 20)
    turn.cancel()
    await asyncio.gather(turn, return_exceptions=True)
    hanging.goes_on.set()
    await kept.turn()
    first, second = hanging.solvers
    assert first is not second, "a thread may still solve with the first"


async def test_a_solver_that_hangs_is_left_to_itself_and_what_there_is_is_shared_out(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, hanging: Hanging
) -> None:
    kept, stations, site = await furnished(yard)
    with monkeypatch.context() as hurried:
        hurried.setattr(keeping, "DEADLINE_S", 0.0)
        hurried.setattr(keeping, "HANGS_AFTER_S", 0.01)
        await kept.turn()
    assert yard.rows("SELECT grade, why FROM energy_plans WHERE site_id = %s", site) == [
        {"grade": "filled", "why": keeping.HANGS}
    ]
    assert yard.rows("SELECT stage, fault FROM planning_faults WHERE site_id = %s", site) == [
        {"stage": "plan", "fault": keeping.HANGS}
    ]
    assert len(stations.asked) == 1, "the car is told all the same"
    # The first hangs yet, and nobody waits for it.
    hanging.only = 1
    yard.clock.advance(60)
    await kept.turn()
    assert [row["grade"] for row in yard.rows("SELECT grade FROM energy_plans WHERE site_id = %s", site)] == [
        "filled", "optimal",
    ]  # fmt: skip
    first, second = hanging.solvers
    assert first is not second
    assert yard.rows("SELECT 1 FROM planning_faults WHERE site_id = %s", site) == []


async def test_so_many_threads_that_hang_end_a_process_and_those_that_return_do_not() -> None:
    goes_on, lost = threading.Event(), Lost()
    hang = [apart(goes_on.wait) for _ in range(MAX_LOST)]
    for each in hang[1:]:
        lost.add(each)
    lost.check()
    lost.add(hang[0])
    with pytest.raises(TooManyLost):
        lost.check()
    goes_on.set()
    await asyncio.gather(*hang)
    await asyncio.sleep(0)
    lost.check()


async def test_a_limit_that_begins_while_a_plan_is_made_is_not_waited_for_until_it_is_made(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, stations, site = await furnished(yard)
    await told_once(yard, kept, stations, 9_000)
    yard.clock.advance(60)
    # One ends at once and matters to nobody, but that the keeper looks then; it stays deaf to all that is said.
    limited(yard, site, 63, ends_s=0.1)
    limited(yard, site, 6, begins_s=100)
    told = planning_until_told(monkeypatch, stations, lambda: yard.clock.advance(110))
    await kept.turn()
    assert told == [True]
    _, cut, *_ = yard.rows("SELECT limit_ma, urgent FROM charging_orders WHERE site_id = %s ORDER BY order_id", site)
    assert (cut["limit_ma"] <= 6_000, cut["urgent"]) == (True, True)


async def test_what_a_station_was_told_does_not_run_out_while_a_plan_is_made(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, stations, site = await furnished(yard)
    await told_once(yard, kept, stations, 9_000)
    yard.clock.advance(200)
    loop = asyncio.get_running_loop()
    told = planning_until_told(monkeypatch, stations, lambda: loop.call_soon_threadsafe(kept.wake))
    await kept.turn()
    assert told == [True]
    _, again, *_ = yard.rows("SELECT limit_ma FROM charging_orders WHERE site_id = %s ORDER BY order_id", site)
    assert again["limit_ma"] == 9_000


async def test_a_site_is_looked_at_again_when_a_station_that_has_gone_counts_as_silent(yard: Yard) -> None:
    kept, stations, site = await furnished(yard)
    await told_once(yard, kept, stations, 9_000)
    yard.clock.advance(61)
    await told_once(yard, kept, stations, 9_000)
    orders = yard.rows("SELECT DISTINCT station_id FROM charging_orders WHERE site_id = %s", site)
    [station_id] = [row["station_id"] for row in orders]
    yard.link(station_id, connected=False, at=yard.clock.now() - timedelta(seconds=5))
    yard.clock.advance(11)
    assert await kept.turn() == pytest.approx((SILENT_AFTER - timedelta(seconds=16)).total_seconds())


async def test_a_limit_that_is_known_ahead_is_kept_when_it_begins_by_the_slowest_too(yard: Yard) -> None:
    kept, stations, site = await furnished(yard)
    await told_once(yard, kept, stations, 16_000)
    [row] = yard.rows("SELECT station_id FROM sessions WHERE tenant_id = %s", yard.tenant_id)
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        await store_obedience(conn, yard.tenant_id, row["station_id"], 1, None, 90.0, proven=True, fell_at=None)
    limited(yard, site, 6, begins_s=130)
    yard.clock.advance(20)
    # Ninety seconds it takes to obey, and ten to be told.
    assert await kept.turn() <= 10
    before = len(stations.asked)
    yard.clock.advance(11)
    await kept.turn()
    assert len(stations.asked) == before + 1
    [last] = yard.rows(
        "SELECT limit_ma, urgent FROM charging_orders WHERE site_id = %s ORDER BY order_id DESC LIMIT 1", site
    )
    assert (last["limit_ma"] <= 6_000, last["urgent"]) == (True, True)


async def test_a_limit_that_began_at_the_beginning_of_time_stops_no_plan(yard: Yard) -> None:
    kept, stations, site = await furnished(yard)
    since = yard.clock.now() - datetime(1, 1, 1, tzinfo=UTC)
    limited(yard, site, 7, begins_s=-since.total_seconds())
    await told_once(yard, kept, stations, 7_000)


async def test_a_plan_is_kept_where_it_says_something_else_and_each_minute(yard: Yard) -> None:
    kept, _, site = await furnished(yard)

    async def plans(after_s: float) -> int:
        yard.clock.advance(after_s)
        await kept.turn()
        return len(yard.rows("SELECT 1 FROM energy_plans WHERE site_id = %s", site))

    assert [await plans(1) for _ in range(3)] == [1, 1, 1]
    [other] = yard.rows(
        "SELECT station_id FROM hung_evses WHERE site_id = %s AND station_id NOT IN (SELECT station_id FROM sessions)",
        site,
    )
    yard.session(other["station_id"], timedelta(hours=1), energy_wh=5_000)
    assert [await plans(1), await plans(1), await plans(60)] == [2, 2, 3]
    # What somebody said is in a plan that can be read, though nobody is told anything else for it.
    [session, *_] = yard.rows(
        "SELECT n.session_id, n.tenant_id FROM sessions n JOIN hung_evses h ON h.station_id = n.station_id"
        " WHERE h.site_id = %s", site,
    )  # fmt: skip
    for hours, kept_plans in ((5, 4), (6, 5)):
        wants = Wants(departure_at=yard.clock.now() + timedelta(hours=hours))
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            await needs_store.store_needs(
                conn, yard.tenant_id, session["session_id"], Source.DRIVER, wants, "driver", yard.clock.now()
            )
        assert [await plans(1), await plans(1)] == [kept_plans, kept_plans]


LONG_AGO = [(600, 16_000, True, False), (60, 16_000, True, False)]


@pytest.mark.parametrize(
    ("told", "says", "obeys", "rests"),
    [
        pytest.param(LONG_AGO, "Charging", None, True, id="it takes nothing"),
        pytest.param(LONG_AGO, "SuspendedEV", None, True, id="it is full"),
        pytest.param([(60, 16_000, True, False)], "Charging", None, False, id="it was offered something just now"),
        pytest.param([(60, 16_000, True, False)], "SuspendedEV", None, False, id="as it was, and says that it is full"),
        pytest.param([(220, 16_000, True, False)], "Charging", None, False, id="its station may be slow"),
        pytest.param([(220, 16_000, True, False)], "SuspendedEV", None, False, id="as it may, and says it is full"),
        pytest.param([(220, 16_000, True, False)], "Charging", 10.0, True, id="its station is quick"),
        pytest.param([*LONG_AGO, (15, 0, None, True)], "SuspendedEV", None, True, id="as when it was told first"),
        pytest.param(
            [(20, 16_000, True, False), (15, 0, None, False)], "SuspendedEV", None, False,
            id="it had no time to begin when it was told first",
        ),
    ],
)  # fmt: skip
async def test_with_nothing_is_noted_whether_the_car_rests(
    yard: Yard, told: list[tuple[int, int, bool | None, bool]], says: str, obeys: float | None, rests: bool
) -> None:
    kept, _, site = await furnished(yard)
    [row] = yard.rows("SELECT session_id, station_id FROM sessions WHERE tenant_id = %s", yard.tenant_id)
    if obeys is not None:
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            await store_obedience(conn, yard.tenant_id, row["station_id"], 1, None, obeys, proven=True, fell_at=None)
    for ago_s, limit_ma, accepted, rested in told:
        at = yard.clock.now() - timedelta(seconds=ago_s)
        yard.rows(
            "INSERT INTO charging_orders (tenant_id, site_id, station_id, evse, session_id, limit_ma, urgent, sent_at,"
            " valid_to, answered_at, accepted, rested) VALUES (%s, %s, %s, 1, %s, %s, false, %s, %s, %s, %s, %s)",
            yard.tenant_id, site, row["station_id"], row["session_id"], limit_ma, at,
            at + timedelta(minutes=12 if limit_ma == 0 else 5), None if accepted is None else at, accepted, rested,
        )  # fmt: skip
    yard.says(row["station_id"], says)
    measured(yard, row["session_id"], timedelta(seconds=3), current_import_l1=0)
    limited(yard, site, 5)
    await kept.turn()
    orders = yard.rows(
        "SELECT limit_ma, urgent, rested FROM charging_orders WHERE site_id = %s ORDER BY order_id", site
    )
    assert orders[len(told) :] == [{"limit_ma": 0, "urgent": True, "rested": rests}]


async def test_who_lost_its_lease_tells_stations_nothing(yard: Yard) -> None:
    holder = uuid4()
    kept, stations, site = await furnished(yard, holder)
    await kept.turn()
    assert stations.asked == []
    for table in ("charging_orders", "energy_plans", "site_power"):
        assert yard.rows(f"SELECT 1 FROM {table} WHERE site_id = %s", site) == [], table
    assert yard.rows("SELECT 1 FROM desires WHERE tenant_id = %s", yard.tenant_id) == []
    async with yard.worker.anyone() as conn:
        assert await leases.hold_sites(conn, holder, [(yard.tenant_id, site)], timedelta(minutes=1), 1) == [site]
    yard.clock.advance(60)
    await kept.turn()
    assert len(stations.asked) == 1
    assert len(yard.rows("SELECT 1 FROM energy_plans WHERE site_id = %s", site)) == 1
    # Nor does it take anything away from stations that have left.
    yard.rows("UPDATE energy_sites SET enabled = false WHERE site_id = %s", site)
    yard.rows("UPDATE stations SET site_id = NULL WHERE tenant_id = %s", yard.tenant_id)
    yard.rows("UPDATE sessions SET ended_at = %s WHERE tenant_id = %s", yard.clock.now(), yard.tenant_id)
    yard.rows("DELETE FROM planner_leases WHERE site_id = %s", site)
    await kept.turn()
    assert yard.rows("SELECT 1 FROM desires WHERE tenant_id = %s AND wanted = 'null'", yard.tenant_id) == []


async def test_an_order_counts_from_when_it_is_recorded_however_long_ago_its_site_was_read(yard: Yard) -> None:
    kept, _, site = await furnished(yard)
    limited(yard, site, 6)
    reading = await kept.read()
    assert reading is not None
    yard.clock.advance(7)
    assert await kept.cut(reading, site_room(reading.known))
    await kept.settled()
    [order] = yard.rows("SELECT sent_at FROM charging_orders WHERE site_id = %s", site)
    assert order["sent_at"] == yard.clock.now()


async def test_a_cut_goes_out_in_parts_each_recorded_before_it_is_sent_and_only_by_who_holds_the_site(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Recording(Stations):
        """What of it was there to be seen by others when it was sent."""

        def __init__(self) -> None:
            super().__init__()
            self.recorded: list[bool] = []

        async def carry(
            self, tenant_id: int, entered: list[Any], *, urgent: bool, **_: Any
        ) -> AsyncGenerator[None, None]:
            commands = [UUID(each.command_id) for each in entered]
            rows = yard.rows("SELECT urgent FROM charging_orders WHERE command_id = ANY(%s)", commands)
            self.recorded.append([row["urgent"] for row in rows] == [True])
            nothing: tuple[None, ...] = ()
            for each in nothing:
                yield each

    holder, stations = uuid4(), Recording()
    site, numbers, _ = await furnish(yard)
    for station_id in numbers.values():
        yard.session(station_id, timedelta(hours=1), energy_wh=5_000)
    limited(yard, site, 6)
    doubles: Any = stations
    kept = SiteKeeper(
        yard.tenant_id, site, tenants=yard.tenants, stations=doubles, clock=yard.clock, gates=Gates(1), holder=holder
    )

    async def hold() -> None:
        async with yard.worker.anyone() as conn:
            assert await leases.hold_sites(conn, holder, [(yard.tenant_id, site)], timedelta(minutes=1), 1) == [site]

    parts = 0

    async def lost_meanwhile(*args: Any) -> bool:
        nonlocal parts
        parts += 1
        if parts == 2:
            yard.rows("DELETE FROM planner_leases WHERE site_id = %s", site)
        return await leases.keep_lease(*args)

    await hold()
    monkeypatch.setattr(telling, "PART", 1)
    monkeypatch.setattr(telling, "keep_lease", lost_meanwhile)

    async def cut() -> None:
        reading = await kept.read()
        assert reading is not None
        assert await kept.cut(reading, site_room(reading.known))
        await kept.settled()

    await cut()
    assert (parts, len(stations.asked), stations.recorded) == (2, 1, [True])
    assert len(yard.rows("SELECT 1 FROM charging_orders WHERE site_id = %s", site)) == 1
    await hold()
    await cut()
    told = {identity for identity, _ in stations.asked}
    assert (len(told), stations.recorded) == (2, [True, True])


@pytest.mark.parametrize("thinks", [True, False], ids=["thinks", "too_late"])
async def test_a_planner_that_begins_anew_at_a_dear_hour_says_what_was_planned_before(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, thinks: bool
) -> None:
    """The first one has looked back: a peak of 20 kW is as good as paid, so the car can wait for a cheap hour. The
    second one is not that far yet, or finds no plan in time."""
    kept, _, site = await furnished(yard)
    now = yard.clock.now()
    cheap = (now.astimezone(ZoneInfo("Europe/Berlin")) + timedelta(hours=2)).hour
    hours = DayRates(hours=tuple(range(24)), prices=tuple(Decimal("0.10" if h >= cheap else "0.60") for h in range(24)))
    tariff = Tariff(currency="EUR", seasons=(Season(weekdays=hours),), demand_charge_per_kw=Decimal(10))
    [row] = yard.rows("SELECT session_id FROM sessions WHERE tenant_id = %s", yard.tenant_id)
    wants = Wants(departure_at=now + timedelta(hours=6), energy_wh=20_000)
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        await store.store_tariff(conn, yard.tenant_id, site, tariff, "test", now)
        await store.store_settings(conn, yard.tenant_id, site, Settings(mode=Mode.CHEAPEST, enabled=True), "test", now)
        await needs_store.store_needs(conn, yard.tenant_id, row["session_id"], Source.DRIVER, wants, "driver", now)

    async def read_days(*_: Any) -> Callable[[], None]:
        return lambda: None

    monkeypatch.setattr(learning, "read_days", read_days)
    monkeypatch.setattr(learning, "worthwhile_w", lambda _: 20_000)

    async def turns(kept: SiteKeeper) -> list[int]:
        """What it tells within two minutes."""
        before = yard.rows("SELECT coalesce(max(order_id), 0) AS last FROM charging_orders")[0]["last"]
        for _ in range(3):
            await kept.turn()
            yard.rows("UPDATE charging_orders SET accepted = true, answered_at = sent_at WHERE site_id = %s", site)
            yard.clock.advance(61)
        orders = yard.rows(
            "SELECT limit_ma FROM charging_orders WHERE site_id = %s AND order_id > %s ORDER BY order_id", site, before
        )
        return [each["limit_ma"] for each in orders]

    await kept.turn()
    await kept.settled()
    assert (await turns(kept))[-1] == 0, "it doesn't wait: this would prove nothing"
    gates, stations = Gates(1), Stations()
    await gates.looking_back.acquire()
    if not thinks:
        monkeypatch.setattr(SiteSolver, "solve", too_late)
    again = SiteKeeper(
        yard.tenant_id, site, tenants=yard.tenants, stations=cast("Any", stations), clock=yard.clock, gates=gates
    )
    assert set(await turns(again)) <= {0}
    grades = yard.rows("SELECT grade FROM energy_plans WHERE site_id = %s ORDER BY at DESC LIMIT 1", site)
    assert grades == [{"grade": "optimal" if thinks else "kept"}]


def too_late(*_: Any) -> None:
    raise TooLate("no plan within 10 s")
