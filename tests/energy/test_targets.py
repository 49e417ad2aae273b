"""A session that has what it was said to end with is stopped, and none before."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from forecourt.access.model import Service
from forecourt.energy import store
from forecourt.energy.needs.model import Source, Wants
from forecourt.energy.targets import AGAIN, SessionTargets
from forecourt.ocpp.neutral import CommandAnswer, StopCharging
from forecourt.pricing.assigning import Scope
from forecourt.pricing.model import Dimension, Element, PriceComponent, Tariff
from forecourt.pricing.service import assign_tariff, create_tariff
from tests.care.yard import Yard
from tests.energy.test_letting_go import RETIRE
from tests.energy.test_store import furnish
from tests.http import an_actor


class Asked:
    """What stations were asked, in place of asking them; none of them obeys."""

    def __init__(self) -> None:
        self.stopped: list[tuple[str, str]] = []
        self.broken = ""

    async def command(self, _tenant: int, station: str, command: Any, by: str, **_: Any) -> tuple[CommandAnswer, str]:
        assert isinstance(command, StopCharging)
        assert by == str(Service(tenant_id=0, id="session-target", name="Target of the session"))
        if command.transaction_id == self.broken:
            raise KeyError(station)
        self.stopped.append((station, command.transaction_id))
        return CommandAnswer(accepted=False, status="Rejected"), ""


async def test_a_session_is_stopped_at_its_target_and_asked_again_only_later(yard: Yard) -> None:
    _, stations, _ = await furnish(yard)
    station_id = stations[next(iter(stations))]

    async def session(wants: Wants, energy_wh: int | None, **facts: Any) -> tuple[UUID, str]:
        made = yard.session(station_id, timedelta(hours=1), energy_wh=energy_wh, **facts)
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            await store.store_needs(conn, yard.tenant_id, made, Source.API, wants, "key:1 App", yard.clock.now())
        [row] = yard.rows("SELECT transaction_id FROM sessions WHERE session_id = %s", made)
        return made, row["transaction_id"]

    now = yard.clock.now()
    by_energy = Wants(stop_energy_wh=10_000)
    _, full = await session(by_energy, 10_000)
    almost, later = await session(by_energy, 9_999)
    await session(by_energy, None)
    _, charged = await session(Wants(stop_soc_pct=80), 1, soc_pct=80)
    await session(Wants(stop_soc_pct=80), 1, soc_pct=79)
    _, late = await session(Wants(stop_at=now), 1)
    await session(Wants(stop_at=now + timedelta(hours=1), energy_wh=1), 5_000)
    # Of the driver counts before of the app.
    more, _ = await session(by_energy, 12_000)
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        wants = Wants(stop_energy_wh=20_000)
        await store.store_needs(conn, yard.tenant_id, more, Source.DRIVER, wants, "person:1 Ada", now)
    over, _ = await session(by_energy, 11_000)
    yard.rows("UPDATE sessions SET ended_at = now() WHERE session_id = %s", over)

    asked = Asked()
    # A kWh costs 1.19 with taxes: 8,404 Wh are the first that cost 10.
    energy = PriceComponent(type=Dimension.ENERGY, price=Decimal(1), vat=Decimal(19))
    tariff = Tariff(id="", currency="EUR", elements=(Element(price_components=(energy,)),))
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        before = now - timedelta(days=2)
        made = await create_tariff(conn, an_actor(yard.tenant_id), "One", tariff, before)
        await assign_tariff(conn, an_actor(yard.tenant_id), made.tariff_id, Scope(), before)
    _, dear = await session(Wants(stop_cost=Decimal(10)), 8_404)
    await session(Wants(stop_cost=Decimal(10)), 8_390)
    targets = SessionTargets(yard.worker, yard.tenants, yard.clock, asked)  # type: ignore[arg-type]
    await targets.stop_reached()
    assert sorted(each for _, each in asked.stopped) == sorted([full, charged, late, dear])
    asked.stopped.clear()
    yard.rows("UPDATE sessions SET meter_stop_wh = meter_stop_wh + 1 WHERE session_id = %s", almost)
    yard.clock.advance(60)
    await targets.stop_reached()
    assert [each for _, each in asked.stopped] == [later], "the others were asked a minute ago"
    asked.stopped.clear()
    yard.clock.advance(AGAIN.total_seconds() - 60)
    await targets.stop_reached()
    assert sorted(each for _, each in asked.stopped) == sorted([full, charged, late, dear]), "they still run"
    asked.stopped.clear()
    # Nobody can ask a station that is out of service, and it takes no place from others.
    yard.rows(RETIRE, station_id)
    yard.clock.advance(AGAIN.total_seconds())
    await targets.stop_reached()
    assert asked.stopped == []
    yard.rows(
        "UPDATE stations SET identity = retired_identity, retired_identity = NULL, retired_at = NULL"
        " WHERE station_id = %s",
        station_id,
    )
    asked.broken = full
    yard.clock.advance(AGAIN.total_seconds())
    await targets.stop_reached()
    assert sorted(each for _, each in asked.stopped) == sorted([later, charged, late, dear]), (
        "one that goes wrong stops no other"
    )
