"""Stations are told of costs over real sockets: each in the words of its version, on change, and what is once, once."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from msgspec import structs

from forecourt.pricing import service as pricing
from forecourt.pricing.assigning import Scope
from forecourt.pricing.model import Cap, Dimension, Element, PriceComponent, Tariff
from forecourt.sessions.told.jobs import ToldJobs
from forecourt.sessions.told.tariffs import TariffJobs
from forecourt.stations.commands import Commander
from forecourt.stations.desired.bring import Bringer
from forecourt.stations.desired.reconciler import Reconciler
from tests.sessions.test_remote_starts import Stage, stage
from tests.stations.gateway.conftest import SECRET, StationClient
from tests.stations.gateway.test_sessions_over_sockets import at, event, meter_values, start

__all__ = ["stage"]
TARIFF = Tariff(
    id="",
    currency="EUR",
    elements=(
        Element(price_components=(PriceComponent(type=Dimension.ENERGY, price=Decimal("0.50"), vat=Decimal(19)),)),
    ),
)


class Teller:
    """The jobs that tell, and a station that says yes to all it is told."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        commander = Commander(stage.pool, stage.bus, stage.clock, secret_key=SECRET.encode())
        self.jobs = ToldJobs(stage.worker, stage.pool, stage.clock, commander)
        self.tariffs = TariffJobs(stage.worker, stage.pool, stage.clock)
        self._reconciler = Reconciler(stage.worker, Bringer(stage.pool, commander.batch), commander.batch)

    async def settle(self) -> None:
        """What is wanted of stations is wanted and sent."""
        await self.tariffs.want_tariffs()
        await self._reconciler.settle()

    async def priced(self, variable: tuple[str, str]) -> None:
        """Everything has a price, and the station says that it shows costs."""
        async with self.stage.pool.tenant(self.stage.rig.tenant()) as conn:
            began = self.stage.clock.now() - timedelta(hours=3)
            made = await pricing.create_tariff(conn, self.stage.actor, "Day", TARIFF, began)
            await pricing.assign_tariff(conn, self.stage.actor, made.tariff_id, Scope(), began)
        self.stage.rig.admin.execute(
            "INSERT INTO station_variables (station_id, component, variable, attribute, tenant_id, value, read_only,"
            " secret, read_at) SELECT station_id, %s, %s, 'Actual', tenant_id, 'true', true, false, now()"
            " FROM stations",
            variable,
        )

    async def told(self, station: StationClient, telling: Any) -> list[Any]:
        """What the station is told while a job runs, each answered."""
        heard, task = [], asyncio.create_task(telling)
        while not task.done():
            asking = asyncio.create_task(station.next_ask())
            await asyncio.wait([asking, task], return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)
                continue
            asked = asking.result()
            heard.append((asked[2], asked[3]))
            status: dict[str, Any] = {} if asked[2] == "CostUpdated" else {"status": "Accepted"}
            if asked[2] == "ClearTariffs":
                status = {"clearTariffsResult": [{"status": "NoTariff"}]}
            await station.link.send(json.dumps([3, asked[1], status]))
        await task
        return heard

    def session(self) -> dict[str, Any]:
        [(session,)] = self.stage.rig.rows("SELECT session_id::text FROM sessions")
        return {"tenant_id": self.stage.rig.tenant(), "subject": session}


@pytest_asyncio.fixture
async def teller(stage: Stage) -> AsyncIterator[Teller]:
    yield Teller(stage)


@pytest.mark.parametrize("version", ["ocpp2.0.1", "ocpp2.1"])
async def test_a_2x_station_hears_a_running_cost_when_it_changes_and_no_more_often(
    teller: Teller, version: str
) -> None:
    await teller.stage.rig.register("CP1")
    async with teller.stage.station("CP1", version) as station:
        await station.call("TransactionEvent", event("Started", 0, -60, 100, evse={"id": 1, "connectorId": 1}))
        await station.call("TransactionEvent", event("Updated", 1, -30, 10_100))
        assert await teller.told(station, teller.jobs.tell_running()) == []
        await teller.priced(("TariffCostCtrlr", "Enabled[Cost]"))
        teller.stage.clock.advance(60)
        told = await teller.told(station, teller.jobs.tell_running())
        # 10 kWh at 0.50, and taxes.
        assert told == [("CostUpdated", {"totalCost": 5.95, "transactionId": "tx-1"})]
        await station.call("TransactionEvent", event("Updated", 2, -20, 12_100))
        assert await teller.told(station, teller.jobs.tell_running()) == []
        teller.stage.clock.advance(60)
        told = await teller.told(station, teller.jobs.tell_running())
        assert told == [("CostUpdated", {"totalCost": 7.14, "transactionId": "tx-1"})]
        teller.stage.clock.advance(60)
        assert await teller.told(station, teller.jobs.tell_running()) == []


async def test_a_16_station_with_the_note_hears_the_price_what_runs_and_the_end_each_once(teller: Teller) -> None:
    await teller.stage.rig.register("CP1")
    async with teller.stage.station("CP1") as station:
        await teller.priced(("", "CustomDisplayCostAndPrice"))
        number = (await station.call("StartTransaction", start()))["transactionId"]
        [(action, price)] = await teller.told(station, teller.jobs.tell_price(**teller.session()))
        assert (action, price["vendorId"], price["messageId"]) == (
            "DataTransfer", "org.openchargealliance.costmsg", "SetUserPrice",
        )  # fmt: skip
        assert json.loads(price["data"])["priceText"] == "€0.595 per kWh"
        assert await teller.told(station, teller.jobs.tell_price(**teller.session())) == []
        await station.call("MeterValues", meter_values(number, 11_000, -30))
        [(_, running)] = await teller.told(station, teller.jobs.tell_running())
        said = json.loads(running["data"])
        assert (running["messageId"], said["cost"], said["transactionId"]) == ("RunningCost", 5.95, number)
        assert said["state"] == "Charging"
        # What its connector says is all that tells that it pauses.
        paused = {"connectorId": 1, "status": "SuspendedEV", "errorCode": "NoError", "timestamp": at(-25)}
        await station.call("StatusNotification", paused)
        await station.call("MeterValues", meter_values(number, 12_000, -20))
        teller.stage.clock.advance(60)
        [(_, running)] = await teller.told(station, teller.jobs.tell_running())
        assert json.loads(running["data"])["state"] == "Idle"
        assert await teller.told(station, teller.jobs.tell_final(**teller.session())) == []
        await station.call("StopTransaction", {"transactionId": number, "meterStop": 13_000, "timestamp": at(-1)})
        # Reviewed and priced by the worker, which tells the station of the end by itself.
        told = [each for _ in range(4) for each in await teller.told(station, teller.stage.work())]
        finals = [each for _, each in told if each["messageId"] == "FinalCost"]
        assert [json.loads(each["data"])["cost"] for each in finals] == [7.14]
        assert await teller.told(station, teller.jobs.tell_final(**teller.session())) == []


async def test_a_21_station_reckons_by_the_tariff_that_counts_and_by_none_that_it_can_not_be_told(
    teller: Teller,
) -> None:
    await teller.stage.rig.register("CP1")
    async with teller.stage.station("CP1", "ocpp2.1") as station:
        now = teller.stage.clock.now().isoformat().replace("+00:00", "Z")
        said = {"timestamp": now, "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
        await station.call("StatusNotification", said)
        assert await teller.told(station, teller.settle()) == []
        await teller.priced(("TariffCostCtrlr", "Enabled[Tariff]"))
        [(action, given)] = await teller.told(station, teller.settle())
        assert (action, given["evseId"], given["tariff"]["currency"]) == ("SetDefaultTariff", 1, "EUR")
        assert given["tariff"]["tariffId"].endswith(".1")
        assert given["tariff"]["energy"] == {
            "prices": [{"priceKwh": 0.5}], "taxRates": [{"type": "VAT", "tax": 19.0}],
        }  # fmt: skip
        assert await teller.told(station, teller.settle()) == []
        # A cap can't be said, so the station would reckon something else than is billed.
        async with teller.stage.pool.tenant(teller.stage.rig.tenant()) as conn:
            [(tariff_id,)] = teller.stage.rig.rows("SELECT tariff_id FROM tariffs")
            capped = structs.replace(TARIFF, caps=(Cap(before_taxes=Decimal(9)),))
            await pricing.revise_tariff(conn, teller.stage.actor, tariff_id, capped, teller.stage.clock.now())
        assert await teller.told(station, teller.settle()) == [("ClearTariffs", {"evseId": 1})]
