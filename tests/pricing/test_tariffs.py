"""Tariffs kept in versions and assigned, in a real database: what counted once counts for ever."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import msgspec
import psycopg
import pytest
import pytest_asyncio
from msgspec import Struct, structs

from forecourt.access import Actor
from forecourt.platform.database import Pool, limited_to
from forecourt.platform.preconditions import ChangedMeanwhile
from forecourt.pricing import service
from forecourt.pricing.assigning import Place, Scope
from forecourt.pricing.errors import (
    AssignmentUnknown,
    PastRefused,
    ScopeRefused,
    TariffEnded,
    TariffUnknown,
    TariffUnreadable,
)
from forecourt.pricing.model import (
    Cap,
    Conditions,
    Day,
    Dimension,
    Element,
    EvseKind,
    Free,
    Per,
    PriceComponent,
    PriceLimit,
    Tariff,
    Tax,
)
from forecourt.pricing.store import assigned as assignments
from forecourt.pricing.store import tariffs as store
from tests.conftest import Database
from tests.ground import Ground
from tests.http import an_actor
from tests.support import EPOCH, FakeClock

LATER = EPOCH + timedelta(days=1)


def costing(price: str, **more: Any) -> Tariff:
    return Tariff(
        id="",
        currency="EUR",
        elements=(Element(price_components=(PriceComponent(type=Dimension.ENERGY, price=Decimal(price)),)),),
        **more,
    )


class Shop(Struct):
    """An organisation that sells energy, with a site below another and a station there."""

    pool: Pool
    actor: Actor
    city: int
    yard: int
    station: int
    admin_url: str

    async def chosen(self, at: Any = EPOCH, station: int | None = None, **whom: Any) -> Any:
        async with self.pool.tenant(self.actor.tenant_id) as conn:
            place = await service.find_place(conn, self.actor.tenant_id, station or self.station, 1)
            assert place is not None
            return await service.tariff_for(conn, self.actor.tenant_id, place, at, **whom)


@pytest_asyncio.fixture
async def shop(ground: Ground, clock: FakeClock) -> Shop:
    def one(query: str, *values: Any) -> int:
        row = ground.admin.execute(query.encode(), values).fetchone()
        assert row is not None
        return int(row[0])

    tenant = one("INSERT INTO organisations (name, time_zone) VALUES ('Shop', 'Europe/Paris') RETURNING tenant_id")
    into = "INSERT INTO sites (tenant_id, slug, name, parent_id, time_zone) VALUES (%s, %s, 'S', %s, %s)"
    city = one(f"{into} RETURNING site_id", tenant, "city", None, "Europe/Paris")
    yard = one(f"{into} RETURNING site_id", tenant, "yard", city, "Europe/Berlin")
    station = one(
        "INSERT INTO stations (tenant_id, identity, site_id) VALUES (%s, %s, %s) RETURNING station_id",
        tenant, f"shop-{tenant}", yard,
    )  # fmt: skip
    pool = await ground.pool("forecourt_app", 2)
    return Shop(pool, an_actor(tenant), city, yard, station, ground.database.admin_url)


async def test_a_place_is_known_by_its_station_with_sites_from_the_nearest_up_their_zone_and_its_plugs(
    shop: Shop,
) -> None:
    async with shop.pool.tenant(shop.actor.tenant_id) as conn:
        said = "INSERT INTO evse_plugs VALUES (%s, 1, %s, %s, %s, 'DC', now(), 'x')"
        for connector, kind in ((1, "IEC_62196_T2_COMBO"), (2, "CHADEMO")):
            await conn.execute(said, (shop.station, connector, shop.actor.tenant_id, kind))
        whole = await service.find_place(conn, shop.actor.tenant_id, shop.station, 1)
        plug = await service.find_place(conn, shop.actor.tenant_id, shop.station, 1, 2)
        assert await service.find_place(conn, shop.actor.tenant_id, 10**9, 1) is None
    assert whole == Place(
        zone="Europe/Berlin",
        site_ids=(shop.yard, shop.city),
        station_id=shop.station,
        evse=1,
        evse_kind=EvseKind.DC,
    )
    assert plug is not None
    assert plug.connector_type == "CHADEMO"


async def test_a_tariff_is_kept_whole_and_read_as_it_was_written(shop: Shop, clock: FakeClock) -> None:
    tariff = costing(
        "0.123456789012",
        min_price=PriceLimit(before_taxes=Decimal("0.50"), after_taxes=Decimal("0.60")),
        starts_at=EPOCH,
        caps=(Cap(before_taxes=Decimal(12), per=Per.DAY, dimensions=frozenset(list(Dimension)[1:3])),),
        free=Free(kwh=Decimal("2.5"), parking_minutes=15),
        roaming_markup=Decimal(10),
    )
    element = Element(
        price_components=(
            PriceComponent(
                type=Dimension.TIME,
                price=Decimal(3),
                taxes=(Tax(name="GST", percent=Decimal(5)), Tax(name="QST", percent=Decimal("9.975"), on_top=True)),
            ),
        ),
        conditions=Conditions(start_time="22:00", days=frozenset(Day), min_kwh=Decimal("0.5")),
    )
    tariff = structs.replace(tariff, elements=(*tariff.elements, element))
    async with shop.pool.tenant(shop.actor.tenant_id) as conn:
        made = await service.create_tariff(conn, shop.actor, "Night", tariff, clock.now())
        held = await service.find_version(conn, shop.actor.tenant_id, made.tariff_id, 1)
    assert held.tariff == structs.replace(tariff, id=str(made.tariff_id))
    assert msgspec.json.encode(held.tariff, order="sorted") == msgspec.json.encode(made.tariff, order="sorted")


async def test_what_counts_when_a_session_begins_stays_whatever_is_changed_afterwards(
    shop: Shop, clock: FakeClock
) -> None:
    async with shop.pool.tenant(shop.actor.tenant_id) as conn:
        made = await service.create_tariff(conn, shop.actor, "Day", costing("0.40"), EPOCH)
        given = await service.assign_tariff(conn, shop.actor, made.tariff_id, Scope(), EPOCH)
        await service.revise_tariff(conn, shop.actor, made.tariff_id, costing("0.50"), EPOCH, valid_from=LATER)
    before, after = await shop.chosen(EPOCH), await shop.chosen(LATER)
    assert (before.version, after.version) == (1, 2)
    assert before.assignment.assignment_id == given.assignment_id
    async with shop.pool.tenant(shop.actor.tenant_id) as conn:
        moment = LATER + timedelta(hours=1)
        await service.unassign_tariff(conn, shop.actor, given.assignment_id, moment)
        await service.unassign_tariff(conn, shop.actor, given.assignment_id, moment + timedelta(hours=1))
        await service.end_tariff(conn, shop.actor, made.tariff_id, moment + timedelta(hours=2))
    for at, was in ((EPOCH, before), (LATER, after)):
        now = await shop.chosen(at)
        assert (now.version, now.tariff) == (was.version, was.tariff)
        assert now.assignment.assignment_id == given.assignment_id
    assert await shop.chosen(moment) is None
    assert await shop.chosen(EPOCH - timedelta(seconds=1)) is None


async def test_neither_a_version_nor_an_assignment_begins_in_the_past(shop: Shop) -> None:
    past = EPOCH - timedelta(seconds=1)
    async with shop.pool.tenant(shop.actor.tenant_id) as conn:
        made = await service.create_tariff(conn, shop.actor, "Day", costing("0.40"), EPOCH)
        with pytest.raises(PastRefused):
            await service.create_tariff(conn, shop.actor, "Day", costing("0.40"), EPOCH, valid_from=past)
        with pytest.raises(PastRefused):
            await service.revise_tariff(conn, shop.actor, made.tariff_id, costing("1"), EPOCH, valid_from=past)
        with pytest.raises(PastRefused):
            await service.assign_tariff(conn, shop.actor, made.tariff_id, Scope(), EPOCH, starts_at=past)
        with pytest.raises(PastRefused):
            await service.assign_tariff(conn, shop.actor, made.tariff_id, Scope(), EPOCH, ends_at=EPOCH)


async def test_a_tariff_that_ended_or_is_of_another_time_is_passed_over_for_the_next_one(shop: Shop) -> None:
    async with shop.pool.tenant(shop.actor.tenant_id) as conn:
        names = {}
        for name, tariff in (("all", costing("0.40")), ("city", costing("0.45")), ("yard", costing("0.50"))):
            names[name] = await service.create_tariff(conn, shop.actor, name, tariff, EPOCH)
        summer = costing("0.20", starts_at=LATER, ends_at=LATER + timedelta(days=1))
        names["station"] = await service.create_tariff(conn, shop.actor, "station", summer, EPOCH)
        for name, scope in (
            ("all", Scope()), ("city", Scope(site_id=shop.city)), ("yard", Scope(site_id=shop.yard)),
            ("station", Scope(station_id=shop.station)),
        ):  # fmt: skip
            await service.assign_tariff(conn, shop.actor, names[name].tariff_id, scope, EPOCH)
    moments = [EPOCH, LATER, LATER + timedelta(days=1)]
    assert [(await shop.chosen(at)).name for at in moments] == ["yard", "station", "yard"]
    async with shop.pool.tenant(shop.actor.tenant_id) as conn:
        await service.end_tariff(conn, shop.actor, names["yard"].tariff_id, moments[2])
        with pytest.raises(TariffEnded):
            await service.assign_tariff(conn, shop.actor, names["yard"].tariff_id, Scope(), moments[2])
        with pytest.raises(TariffEnded):
            await service.revise_tariff(conn, shop.actor, names["yard"].tariff_id, costing("1"), moments[2])
    assert [(await shop.chosen(at)).name for at in moments] == ["yard", "station", "city"]


async def test_a_group_and_a_subscription_have_prices_of_their_own(shop: Shop) -> None:
    async with shop.pool.tenant(shop.actor.tenant_id) as conn:
        for name, scope in (
            ("public", Scope(station_id=shop.station, evse=1)), ("staff", Scope(driver_group="staff")),
            ("gold", Scope(subscription="gold")),
        ):  # fmt: skip
            made = await service.create_tariff(conn, shop.actor, name, costing("0.40"), EPOCH)
            await service.assign_tariff(conn, shop.actor, made.tariff_id, scope, EPOCH)
    assert (await shop.chosen()).name == "public"
    assert (await shop.chosen(group="staff")).name == "staff"
    assert (await shop.chosen(group="staff", subscription="gold")).name == "gold"


async def test_who_changes_a_tariff_that_somebody_else_changed_is_refused(shop: Shop) -> None:
    async with shop.pool.tenant(shop.actor.tenant_id) as conn:
        made = await service.create_tariff(conn, shop.actor, "Day", costing("0.40"), EPOCH)
        tag = service.tariff_tag(made)
        revised = await service.revise_tariff(
            conn, shop.actor, made.tariff_id, costing("0.41"), EPOCH, name="Noon", if_match=tag
        )  # fmt: skip
        assert (revised.version, revised.name) == (2, "Noon")
        with pytest.raises(ChangedMeanwhile):
            await service.revise_tariff(conn, shop.actor, made.tariff_id, costing("0.42"), EPOCH, if_match=tag)
        with pytest.raises(ChangedMeanwhile):
            await service.end_tariff(conn, shop.actor, made.tariff_id, EPOCH, if_match=tag)
        same = await service.revise_tariff(conn, shop.actor, made.tariff_id, costing("0.41"), LATER)
        assert service.tariff_tag(same) == service.tariff_tag(revised)


async def test_what_can_not_be_meant_is_refused_with_all_that_is_wrong(shop: Shop) -> None:
    wrong = costing("NaN", caps=(Cap(before_taxes=Decimal(-1)),), roaming_markup=Decimal(-5))
    async with shop.pool.tenant(shop.actor.tenant_id) as conn:
        with pytest.raises(TariffUnreadable) as refused:
            await service.create_tariff(conn, shop.actor, "Day", wrong, EPOCH)
        for call in (
            service.find_tariff(conn, shop.actor.tenant_id, uuid4()),
            service.find_version(conn, shop.actor.tenant_id, uuid4(), 1),
            service.end_tariff(conn, shop.actor, uuid4(), EPOCH),
        ):
            with pytest.raises(TariffUnknown):
                await call
        with pytest.raises(AssignmentUnknown):
            await service.unassign_tariff(conn, shop.actor, uuid4(), EPOCH)
        for site, station in (("nowhere", None), (None, "CP-none"), ("yard", f"shop-{shop.actor.tenant_id}")):
            with pytest.raises(ScopeRefused):
                await service.scope_of(conn, shop.actor.tenant_id, Scope(), site, station)
        found = await service.scope_of(conn, shop.actor.tenant_id, Scope(evse_kind=EvseKind.AC), "yard", None)
    assert found == Scope(site_id=shop.yard, evse_kind=EvseKind.AC)
    named = {fault["of"] for fault in refused.value.context["faults"]}
    assert named == {"elements[0].price_components[0].price", "caps[0].before_taxes", "tariff.roaming_markup"}


async def test_versions_and_assignments_stay_even_for_who_owns_the_tables(shop: Shop, database: Database) -> None:
    async with shop.pool.tenant(shop.actor.tenant_id) as conn:
        made = await service.create_tariff(conn, shop.actor, "Day", costing("0.40"), EPOCH)
        given = await service.assign_tariff(conn, shop.actor, made.tariff_id, Scope(), EPOCH, ends_at=LATER)
        assert [
            row.version for row in await store.list_versions(conn, shop.actor.tenant_id, made.tariff_id, limit=9)
        ] == [1]
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        for statement in (
            "UPDATE tariff_versions SET body = '{}' WHERE tariff_id = %s",
            "DELETE FROM tariff_versions WHERE tariff_id = %s",
            "DELETE FROM tariff_assignments WHERE tariff_id = %s",
            "UPDATE tariff_assignments SET ends_at = NULL WHERE tariff_id = %s",
            "UPDATE tariff_assignments SET ends_at = ends_at + interval '1 s' WHERE tariff_id = %s",
        ):
            with pytest.raises(psycopg.errors.RestrictViolation):
                admin.execute(statement.encode(), (made.tariff_id,))
    async with shop.pool.tenant(shop.actor.tenant_id) as conn:
        sooner = await service.unassign_tariff(conn, shop.actor, given.assignment_id, EPOCH)
    assert sooner.ends_at == EPOCH


async def test_who_is_limited_to_sites_sees_the_prices_that_count_there_and_no_others(shop: Shop) -> None:
    tenant_id = shop.actor.tenant_id
    with psycopg.connect(shop.admin_url, autocommit=True) as admin:
        for slug, name in (("harbour", "Pier"), ("yard-2", "Other")):
            admin.execute("INSERT INTO sites (tenant_id, slug, name) VALUES (%s, %s, %s)", (tenant_id, slug, name))
        [(harbour,)] = admin.execute(
            "SELECT site_id FROM sites WHERE tenant_id = %s AND slug = 'harbour'", (tenant_id,)
        ).fetchall()
        [(pier,)] = admin.execute(
            "INSERT INTO stations (tenant_id, identity, site_id) VALUES (%s, %s, %s) RETURNING station_id",
            (tenant_id, f"pier-{tenant_id}", harbour),
        ).fetchall()
    made = {}
    async with shop.pool.tenant(tenant_id) as conn:
        for name, scope in {
            "everywhere": [Scope()], "above": [Scope(site_id=shop.city)], "there": [Scope(site_id=shop.yard)],
            "station": [Scope(station_id=shop.station)], "harbour": [Scope(site_id=harbour)],
            "pier": [Scope(station_id=pier)], "both": [Scope(site_id=harbour), Scope(site_id=shop.yard)], "nowhere": [],
        }.items():  # fmt: skip
            made[name] = (await service.create_tariff(conn, shop.actor, name, costing("0.40"), EPOCH)).tariff_id
            for each in scope:
                await service.assign_tariff(conn, shop.actor, made[name], each, EPOCH)

    async def seen(sites: tuple[int, ...] | None) -> tuple[set[str], int]:
        with limited_to(sites):
            async with shop.pool.tenant(tenant_id) as conn:
                rows = await store.list_tariffs(conn, tenant_id, limit=99)
                assigned = await assignments.list_assignments(conn, tenant_id, limit=99)
        return {row.name for row in rows}, len(assigned)

    assert await seen((shop.yard,)) == ({"everywhere", "above", "there", "station", "both"}, 5)
    assert await seen((harbour,)) == ({"everywhere", "harbour", "pier", "both"}, 4)
    assert await seen((shop.city,)) == ({"everywhere", "above", "there", "station", "both"}, 5)
    assert await seen(()) == ({"everywhere"}, 1)
    assert await seen(None) == (set(made), 8)
    with limited_to((shop.yard,)):
        async with shop.pool.tenant(tenant_id) as conn:
            with pytest.raises(TariffUnknown):
                await service.find_tariff(conn, tenant_id, made["pier"])
            # A session of theirs may have begun by it, as its station was elsewhere then.
            assert (await service.find_version(conn, tenant_id, made["pier"], 1)).name == "pier"
        assert (await shop.chosen()).name == "station"
