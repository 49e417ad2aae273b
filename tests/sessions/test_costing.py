"""What sessions cost, in a real database: by the tariff that counted when they began, and by what was measured."""

import random
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import pytest_asyncio

from forecourt.access import Actor
from forecourt.ocpp.neutral import Measurand
from forecourt.platform.database import Pool
from forecourt.platform.money import Money
from forecourt.pricing import service as pricing
from forecourt.pricing.assigning import Scope
from forecourt.pricing.discounts import Priced
from forecourt.pricing.model import (
    Conditions,
    Dimension,
    Discount,
    Element,
    PriceComponent,
    Reserved,
    SegmentKind,
    Tariff,
)
from forecourt.sessions.costing import service, store
from forecourt.sessions.costing.charged import charged
from forecourt.sessions.costing.jobs import CostingJobs
from forecourt.sessions.costing.model import CostSealed, NotPricedYet, SessionCost
from forecourt.sessions.costing.service import Agreed
from forecourt.sessions.remote.service import SessionUnknown
from tests.ground import Ground
from tests.http import an_actor
from tests.support import EPOCH, FakeClock

BEGAN = EPOCH
CODES = {"wh": Measurand.ENERGY_IMPORT_REGISTER, "w": Measurand.POWER_IMPORT}


def costing(price: str, *elements: Element) -> Tariff:
    """So much a kWh, 19 % VAT."""
    last = Element(
        price_components=(PriceComponent(type=Dimension.ENERGY, price=Decimal(price), vat=Decimal(19)),)
    )  # fmt: skip
    return Tariff(id="", currency="EUR", elements=(*elements, last))


#: A dearer first hour by the site's clock (13:00 to 14:00 in Berlin), and parking.
BY_TIME = (
    Element(
        price_components=(PriceComponent(type=Dimension.ENERGY, price=Decimal("0.80"), vat=Decimal(19)),),
        conditions=Conditions(start_time="13:00", end_time="14:00"),
    ),
    Element(price_components=(PriceComponent(type=Dimension.PARKING_TIME, price=Decimal(6), vat=Decimal(19)),)),
)


class Shop:
    """An organisation that sells energy at one station, and its sessions as ingest leaves them."""

    def __init__(
        self, admin: psycopg.Connection[Any], pool: Pool, clock: FakeClock, actor: Actor, station: int
    ) -> None:
        self.admin, self.pool, self.clock, self.actor, self.station = admin, pool, clock, actor, station
        self.tenant_id = actor.tenant_id
        self.jobs = CostingJobs(pool, clock)

    async def sell(self, tariff: Tariff, **scope: Any) -> UUID:
        async with self.pool.tenant(self.tenant_id) as conn:
            made = await pricing.create_tariff(conn, self.actor, "Day", tariff, BEGAN)
            await pricing.assign_tariff(conn, self.actor, made.tariff_id, Scope(**scope), BEGAN)
        return made.tariff_id

    def session(self, wh: int = 10_000, ended_min: int | None = 120, **more: Any) -> UUID:
        ended_at = None if ended_min is None else BEGAN + timedelta(minutes=ended_min)
        known = {
            "tenant_id": self.tenant_id, "station_id": self.station, "transaction_id": str(uuid4()), "start_key": 0,
            "started_at": BEGAN, "last_key": 0, "last_at": ended_at or BEGAN + timedelta(minutes=120),
            "heard_at": BEGAN, "evse": 1, "meter_start_wh": 1_000, "meter_stop_wh": 1_000 + wh, "ended_at": ended_at,
        } | more  # fmt: skip
        query = f"INSERT INTO sessions ({', '.join(known)}) VALUES ({', '.join(['%s'] * len(known))})"
        row = self.admin.execute(f"{query} RETURNING session_id".encode(), list(known.values())).fetchone()
        assert row is not None
        return UUID(str(row[0]))

    def measure(self, session_id: UUID, *values: tuple[float, str, int]) -> None:
        for minutes, what, value in values:
            self.admin.execute(
                "INSERT INTO meter_values (station_id, transaction_id, at, digest, tenant_id, evse, readings)"
                " SELECT station_id, transaction_id, %s, %s, tenant_id, evse, %s FROM sessions WHERE session_id = %s"
                " ON CONFLICT DO NOTHING",
                (BEGAN + timedelta(minutes=minutes), hash((what, value)), [int(CODES[what]), value], session_id),
            )

    def say(self, minutes: float, state: str, arrived: int = 0) -> None:
        """The connector says so then; it is heard so many milliseconds later."""
        at = BEGAN + timedelta(minutes=minutes)
        self.admin.execute(
            "INSERT INTO connector_history (station_id, evse, connector, tenant_id, state, state_at, arrived_at)"
            " VALUES (%s, 1, 1, %s, %s, %s, %s)",
            (self.station, self.tenant_id, state, at, at + timedelta(milliseconds=arrived)),
        )

    def hold(self, since_min: float, until_min: float, *keys: str) -> None:
        """EVSE 1 is held for these tokens."""
        self.admin.execute(
            "INSERT INTO reservations (tenant_id, station_id, evse, token_uid, token_type, token_keys, held_at,"
            " until_at) VALUES (%s, %s, 1, %s, 'Central', %s, %s, %s)",
            (
                self.tenant_id, self.station, keys[0], list(keys), BEGAN + timedelta(minutes=since_min),
                BEGAN + timedelta(minutes=until_min),
            ),
        )  # fmt: skip

    async def price(self, session_id: UUID) -> SessionCost:
        await self.jobs.price(tenant_id=self.tenant_id, subject=str(session_id))
        return await self.cost(session_id)

    async def cost(self, session_id: UUID, **how: Any) -> SessionCost:
        async with self.pool.tenant(self.tenant_id) as conn:
            return await service.cost_of(conn, self.tenant_id, session_id, **how)

    def told(self) -> list[str]:
        """Sessions of which it was said that they are priced, since this was asked last."""
        rows = self.admin.execute(
            "DELETE FROM outbox WHERE event = 'session.priced' AND tenant_id = %s RETURNING subject", (self.tenant_id,)
        ).fetchall()
        return [subject for (subject,) in rows]


@pytest_asyncio.fixture
async def shop(ground: Ground, clock: FakeClock) -> Shop:
    def one(query: str, *values: Any) -> int:
        row = ground.admin.execute(query.encode(), values).fetchone()
        assert row is not None
        return int(row[0])

    tenant = one("INSERT INTO organisations (name) VALUES ('Shop') RETURNING tenant_id")
    site = one(
        "INSERT INTO sites (tenant_id, slug, name, time_zone) VALUES (%s, 'yard', 'Y', 'Europe/Berlin')"
        " RETURNING site_id",
        tenant,
    )
    station = one(
        "INSERT INTO stations (tenant_id, identity, site_id) VALUES (%s, %s, %s) RETURNING station_id",
        tenant, f"shop-{tenant}", site,
    )  # fmt: skip
    pool = await ground.pool("forecourt_app", 2)
    return Shop(ground.admin, pool, clock, an_actor(tenant), station)


def euro(cents: int) -> Money:
    return Money(amount=cents, currency="EUR")


async def test_a_session_that_is_over_costs_what_a_quote_for_it_says_and_others_hear_of_it_once(shop: Shop) -> None:
    tariff_id = await shop.sell(costing("0.40", *BY_TIME))
    session_id = shop.session()
    shop.measure(session_id, (30, "wh", 3_001), (60, "wh", 7_000), (90, "wh", 11_000))
    so_far = await shop.cost(session_id)
    cost = await shop.price(session_id)
    # 6 kWh in the hour before 14:00 in Berlin, 4 behind it, half an hour of parking.
    assert (cost.excl_vat, cost.incl_vat) == (euro(480 + 160 + 300), euro(1119))
    assert cost.bill is not None
    assert [(each.dimension.value, each.used) for each in cost.bill.lines] == [
        ("ENERGY", "6000/1"), ("PARKING_TIME", "1800/1"), ("ENERGY", "4000/1"),
    ]  # fmt: skip
    assert (cost.final, so_far.final, so_far.bill) == (True, False, cost.bill)
    assert cost.tariff is not None
    assert (cost.tariff.tariff_id, cost.tariff.version, cost.tariff.name) == (tariff_id, 1, "Day")
    assert shop.told() == [str(session_id)]
    again = await shop.price(session_id)
    assert (again, shop.told()) == (cost, [])


async def test_without_a_tariff_it_costs_nothing_and_says_so(shop: Shop) -> None:
    session_id = shop.session()
    cost = await shop.price(session_id)
    assert (cost.final, cost.tariff, cost.incl_vat, cost.bill) == (True, None, None, None)
    assert shop.told() == [str(session_id)]
    await shop.sell(costing("0.40"))
    assert await shop.price(session_id) == cost


async def test_a_tariff_that_changes_while_it_runs_does_not_count_for_it(shop: Shop) -> None:
    tariff_id = await shop.sell(costing("0.40"))
    session_id = shop.session(ended_min=None)
    await shop.jobs.price(tenant_id=shop.tenant_id, subject=str(session_id))
    assert shop.told() == []
    later = BEGAN + timedelta(minutes=10)
    async with shop.pool.tenant(shop.tenant_id) as conn:
        await pricing.revise_tariff(conn, shop.actor, tariff_id, costing("9"), later)
        dearer = await pricing.create_tariff(conn, shop.actor, "New", costing("5"), later)
        await pricing.assign_tariff(conn, shop.actor, dearer.tariff_id, Scope(station_id=shop.station), later)
        await pricing.end_tariff(conn, shop.actor, tariff_id, later)
    assert (await shop.cost(session_id)).excl_vat == euro(400)
    shop.admin.execute("UPDATE sessions SET ended_at = last_at WHERE session_id = %s", (session_id,))
    assert (await shop.price(session_id)).excl_vat == euro(400)
    shop.admin.execute("UPDATE sessions SET started_at = %s WHERE session_id = %s", (later, shop.session()))
    assert (await shop.price(shop.session(started_at=later))).excl_vat == euro(5000)


async def test_so_far_it_costs_what_was_heard_and_with_the_time_what_goes_on_since(shop: Shop) -> None:
    await shop.sell(costing("0.40", *BY_TIME))
    session_id = shop.session(ended_min=None)
    shop.measure(session_id, (60, "wh", 11_000), (60, "w", 0), (120, "w", 0))
    heard = await shop.cost(session_id)
    assert (heard.final, heard.excl_vat, heard.at) == (False, euro(800 + 600), BEGAN + timedelta(minutes=120))
    since = await shop.cost(session_id, now=BEGAN + timedelta(minutes=130))
    assert since.excl_vat == euro(800 + 700)


async def test_values_in_any_order_twice_and_late_come_to_the_same_bill(shop: Shop) -> None:
    await shop.sell(costing("0.40", *BY_TIME))
    values = [(minutes, "wh", 1_000 + 83 * minutes) for minutes in range(10, 120, 10)]
    values += [(minutes, "w", 5_000) for minutes in range(5, 120, 10)]
    bills = []
    for seed in range(3):
        session_id = shop.session()
        told = [*values, *values]
        random.Random(seed).shuffle(told)
        for part in (told[:15], told[15:]):
            shop.measure(session_id, *part)
            cost = await shop.price(session_id)
        bills.append((cost.bill, cost.incl_vat))
    assert bills[0] == bills[1] == bills[2]
    assert bills[0][1] is not None


async def test_late_values_change_the_bill_until_money_moves_and_never_afterwards(shop: Shop) -> None:
    await shop.sell(costing("0.40", *BY_TIME[:1]))
    session_id = shop.session()
    before = await shop.price(session_id)
    assert before.excl_vat == euro(600)
    shop.measure(session_id, (60, "wh", 2_001))
    after = await shop.price(session_id)
    assert after.excl_vat == euro(440)
    shop.told()
    async with shop.pool.tenant(shop.tenant_id) as conn:
        sealed = await service.seal(conn, shop.tenant_id, session_id, shop.clock.now())
        assert await service.seal(conn, shop.tenant_id, session_id, shop.clock.now()) == sealed
    assert (sealed.sealed, sealed.incl_vat) == (True, after.incl_vat)
    shop.measure(session_id, (60, "wh", 10_999))
    kept = await shop.price(session_id)
    assert (kept.incl_vat, kept.bill, shop.told()) == (after.incl_vat, after.bill, [])
    assert kept.later == euro(952)
    with pytest.raises(psycopg.errors.RestrictViolation):
        shop.admin.execute("UPDATE session_costs SET incl_minor = 1 WHERE session_id = %s", (session_id,))
    async with shop.pool.tenant(shop.tenant_id) as conn:
        with pytest.raises(CostSealed):
            await service.limit_cost(conn, shop.tenant_id, session_id, euro(1), shop.clock.now())


async def test_a_session_that_goes_on_after_all_is_final_no_more(shop: Shop) -> None:
    await shop.sell(costing("0.40"))
    session_id = shop.session(ended_min=None, closed_at=BEGAN + timedelta(minutes=60))
    assert (await shop.price(session_id)).final
    shop.admin.execute(
        "UPDATE sessions SET closed_at = NULL, meter_stop_wh = 21000 WHERE session_id = %s", (session_id,)
    )
    cost = await shop.price(session_id)
    assert (cost.final, cost.excl_vat) == (False, euro(800))
    async with shop.pool.tenant(shop.tenant_id) as conn:
        with pytest.raises(NotPricedYet):
            await service.seal(conn, shop.tenant_id, session_id, shop.clock.now())


async def test_what_was_agreed_on_counts_before_what_is_assigned_and_the_bill_ends_at_what_may_be_taken(
    shop: Shop,
) -> None:
    await shop.sell(costing("0.40"))
    async with shop.pool.tenant(shop.tenant_id) as conn:
        shown = await pricing.create_tariff(conn, shop.actor, "Shown", costing("0.70"), BEGAN)
        other = await pricing.create_tariff(conn, shop.actor, "Other", costing("0.90"), BEGAN)
    session_id = shop.session()
    assert (await shop.price(session_id)).excl_vat == euro(400)
    now, agreed = shop.clock.now(), Agreed(tariff_id=shown.tariff_id, version=1, most=euro(999))
    async with shop.pool.tenant(shop.tenant_id) as conn:
        await service.freeze(conn, shop.tenant_id, session_id, agreed, now)
        await service.freeze(conn, shop.tenant_id, session_id, None, now)
        await service.freeze(conn, shop.tenant_id, session_id, Agreed(tariff_id=other.tariff_id, version=1), now)
    assert (await shop.cost(session_id)).excl_vat == euro(700)
    async with shop.pool.tenant(shop.tenant_id) as conn:
        await service.limit_cost(conn, shop.tenant_id, session_id, euro(500), now)
    cut = await shop.cost(session_id)
    assert (cut.incl_vat, cut.most) == (euro(500), euro(500))
    assert cut.bill is not None
    assert cut.bill.waived == "333/100"
    async with shop.pool.tenant(shop.tenant_id) as conn:
        await service.limit_cost(conn, shop.tenant_id, session_id, None, now)
    assert (await shop.cost(session_id)).incl_vat == euro(833)


async def test_a_discount_is_asked_for_with_the_bill_and_told_in_it(shop: Shop) -> None:
    await shop.sell(costing("0.40"))
    session_id = shop.session(token_uid="TAG1")
    asked: list[Priced] = []

    async def half(_conn: Any, tenant_id: int, priced: Priced, /) -> tuple[Discount, ...]:
        asked.append(priced)
        return (Discount(id="v1", label="Half", percent=Decimal(50)),) if tenant_id == shop.tenant_id else ()

    await CostingJobs(shop.pool, shop.clock, half).price(tenant_id=shop.tenant_id, subject=str(session_id))
    cost = await shop.cost(session_id)
    assert (cost.excl_vat, cost.incl_vat) == (euro(200), euro(238))
    assert cost.bill is not None
    assert [(each.id, each.label, each.excl_vat) for each in cost.bill.discounts] == [("v1", "Half", "2/1")]
    [question] = asked
    assert (question.token_uid, question.final) == ("TAG1", True)
    assert question.bill.total.excl_vat == 4


async def test_a_group_of_drivers_pays_its_own_price_by_the_token_it_showed(shop: Shop) -> None:
    await shop.sell(costing("0.40"))
    await shop.sell(costing("0.10"), driver_group="STAFF")
    shop.admin.execute(
        "INSERT INTO tokens (tenant_id, uid_key, uid, type, status, group_uid)"
        " VALUES (%s, 'tag7', 'TAG7', 'ISO14443', 'accepted', 'STAFF')",
        (shop.tenant_id,),
    )
    assert (await shop.price(shop.session(token_uid="Tag7"))).excl_vat == euro(100)
    assert (await shop.price(shop.session(token_uid="TAG8"))).excl_vat == euro(400)


async def test_the_minutes_that_a_connector_was_held_for_its_driver_are_billed_as_reservation(shop: Shop) -> None:
    per_minute = Element(
        price_components=(PriceComponent(type=Dimension.TIME, price=Decimal(6), vat=Decimal(19)),),
        conditions=Conditions(reservation=Reserved.RESERVATION),
    )
    await shop.sell(costing("0.40", per_minute))
    shop.hold(-10, 5, "mine", "other card")
    held = await shop.price(shop.session(token_uid="MINE"))
    assert held.excl_vat == euro(400 + 100)
    assert held.bill is not None
    first = held.bill.periods[0]
    assert (first.kind, first.seconds) == (SegmentKind.RESERVATION, 600)
    assert first.start == BEGAN - timedelta(minutes=10)
    # It is of whom it was held for, and of the session that began in its time.
    assert (await shop.price(shop.session(token_uid="SOMEBODY"))).excl_vat == euro(400)
    assert (await shop.price(shop.session(token_uid="MINE", evse=2))).excl_vat == euro(400)
    late = BEGAN + timedelta(minutes=6)
    assert (await shop.price(shop.session(token_uid="MINE", started_at=late))).excl_vat == euro(400)
    # Once a tariff counts for it, it stays so though nobody knows of the hold any more.
    running = shop.session(token_uid="MINE", ended_min=None)
    assert (await shop.cost(running)).excl_vat == euro(500)
    async with shop.pool.tenant(shop.tenant_id) as conn:
        await service.freeze(conn, shop.tenant_id, running, None, BEGAN)
    shop.admin.execute("DELETE FROM reservations WHERE tenant_id = %s", (shop.tenant_id,))
    assert (await shop.cost(running)).excl_vat == euro(500)


async def test_what_a_16_connector_said_tells_parking_from_charging(shop: Shop) -> None:
    await shop.sell(costing("0.40", BY_TIME[1]))
    session_id = shop.session()
    for minutes, state in ((-3, "Preparing"), (0, "Charging"), (90, "SuspendedEV")):
        shop.say(minutes, state)
    assert (await shop.price(session_id)).excl_vat == euro(400 + 300)


async def test_what_a_2x_transaction_said_of_its_charging_tells_pauses_as_they_were(shop: Shop) -> None:
    await shop.sell(costing("0.40", BY_TIME[1]))
    session_id = shop.session()
    # Power of nothing all the time would be parking, and says where no energy flowed; the words say why.
    shop.measure(session_id, (60, "wh", 11_000), (60, "w", 0), (120, "w", 0))
    assert (await shop.price(session_id)).excl_vat == euro(400 + 600)
    shop.say(-5, "Occupied")
    told = [(0, "Charging"), (60, "SuspendedEVSE"), (90, "SuspendedEV"), (100, "SuspendedEVSE"), (110, "SuspendedEV")]
    for seq, (minutes, state) in reversed(list(enumerate(told))):
        shop.admin.execute(
            "INSERT INTO session_states (station_id, transaction_id, order_key, state, tenant_id, seq, at)"
            " SELECT station_id, transaction_id, %s, %s, tenant_id, %s, %s FROM sessions WHERE session_id = %s",
            (seq, state, seq, BEGAN + timedelta(minutes=minutes), session_id),
        )
    # The car's own twenty minutes cost, the forty of the site don't; another session at the EVSE is not told of by it.
    assert (await shop.price(session_id)).excl_vat == euro(400 + 200)
    other = shop.session()
    shop.measure(other, (60, "wh", 11_000), (60, "w", 0), (120, "w", 0))
    assert (await shop.price(other)).excl_vat == euro(400 + 600)


async def test_a_pause_of_the_site_or_of_our_own_limit_costs_no_parking(shop: Shop) -> None:
    await shop.sell(costing("0.40", BY_TIME[1]))
    paused, full = shop.session(), shop.session()
    for minutes, state in ((0, "Charging"), (60, "SuspendedEVSE"), (90, "Charging"), (100, "SuspendedEVSE")):
        shop.say(minutes, state)
    assert (await shop.price(paused)).excl_vat == euro(400)
    # Then the site lets power flow, and the car takes none of it.
    shop.say(110, "SuspendedEV")
    cost = await shop.price(full)
    assert cost.excl_vat == euro(400 + 100)
    # A partner who prices the periods comes to the same.
    said = charged(cost, costing("0.40", BY_TIME[1]))
    assert said.total_parking_time == round(10 / 60, 4)
    parked = [each for period in said.charging_periods or [] for each in period.dimensions if "PARK" in each.type]
    assert [each.volume for each in parked] == [said.total_parking_time]
    assert [(each.type, each.volume) for each in (said.charging_periods or [])[1].dimensions] == [("ENERGY", 0)]


async def test_of_words_that_a_16_connector_said_at_one_second_the_one_that_came_last_counts(shop: Shop) -> None:
    await shop.sell(costing("0.40", BY_TIME[1]))
    session_id = shop.session()
    # Stations tell whole seconds: it charges again, and pauses at once for the rest.
    for arrived, (minutes, state) in enumerate(
        ((0, "Charging"), (90, "Preparing"), (90, "Charging"), (90, "Finishing"))
    ):
        shop.say(minutes, state, arrived)
    assert (await shop.price(session_id)).excl_vat == euro(400 + 300)


async def test_what_is_too_much_to_read_is_read_coarser_to_the_end_of_its_session(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MAX_MEASURED", 6)
    monkeypatch.setattr(store, "MAX_STATES", 3)
    session = shop.session()
    for number in range(11):
        shop.measure(session, (10 * number, "wh", 1_000 + 900 * number))
        shop.measure(session, (10 * number, "w", 5_400))
        shop.say(10 * number, "Charging")
    shop.say(112, "SuspendedEV")
    async with shop.pool.tenant(shop.tenant_id) as conn:
        costed = await store.find_costed(conn, shop.tenant_id, session)
        assert costed is not None
        found = await store.find_measured(conn, shop.tenant_id, shop.station, costed.transaction_id)
        states = await store.list_states(conn, shop.tenant_id, costed, BEGAN + timedelta(minutes=120))
    assert _minutes(found) == [[20, 60, 100], [20, 60, 100]]
    assert [state for _, state in states] == ["Charging", "SuspendedEV"]


async def test_of_what_is_measured_in_turns_nothing_is_left_out_whole_where_it_is_too_much_to_read(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MAX_MEASURED", 6)
    session = shop.session()
    for number in range(6):
        shop.measure(session, (20 * number, "wh", 1_000 + 1_800 * number))
        shop.measure(session, (20 * number + 10, "w", 5_400))
    async with shop.pool.tenant(shop.tenant_id) as conn:
        costed = await store.find_costed(conn, shop.tenant_id, session)
        assert costed is not None
        found = await store.find_measured(conn, shop.tenant_id, shop.station, costed.transaction_id)
    assert found.thinned
    assert _minutes(found) == [[20, 60, 100], [30, 70, 110]]


def _minutes(found: store.Measurements) -> list[list[int]]:
    return [[(at - BEGAN) // timedelta(minutes=1) for at, _ in each] for each in (found.registers, found.power)]


async def test_another_organisations_session_has_no_cost(shop: Shop) -> None:
    async with shop.pool.tenant(shop.tenant_id) as conn:
        for verb in (service.cost_of, service.price, service.seal):
            with pytest.raises(SessionUnknown):
                await verb(conn, shop.tenant_id, uuid4(), EPOCH)
    await shop.jobs.price(tenant_id=shop.tenant_id, subject=str(uuid4()))
