"""The verbs of a driver's cars: what they are, and which of them start by being plugged in."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from uuid import UUID

from forecourt.access.model import Origin
from forecourt.driver.account import store
from forecourt.driver.account.model import OFFERED_FOR, Plugged
from forecourt.driver.account.store import Connection, OfferedCar
from forecourt.drivers.accounts import service as accounts
from forecourt.drivers.accounts.model import Driver, Vehicle, VehicleSaid
from forecourt.drivers.accounts.store.rules import find_rules
from forecourt.drivers.autocharge import service as autocharge
from forecourt.drivers.autocharge.model import MAC, CarUnknown, OwnCar, address_of
from forecourt.platform.clock import Clock

#: A transaction that sees of drivers nothing but what is one's own.
Acting = Callable[[Driver], AbstractAsyncContextManager[Connection]]


class Cars:
    """The verbs, each in a transaction that acts as its driver."""

    def __init__(self, acting: Acting, clock: Clock) -> None:
        self._acting = acting
        self._clock = clock

    async def plugged(self, driver: Driver) -> Plugged:
        """Cars that start by being plugged in, and those of the driver's last sessions that may."""
        async with self._acting(driver) as conn:
            rules = await find_rules(conn, driver.tenant_id)
            cars = await autocharge.list_cars(conn, driver.tenant_id, driver.driver_id)
            offered = await self._offered(conn, driver) if rules.autocharge else []
        known = {each.address for each in cars}
        new = [each for each in offered if address_of(each.uid, MAC) not in known]
        return Plugged(on=rules.autocharge, cars=cars, offered=new)

    async def enrol(self, driver: Driver, session_id: UUID, name: str | None, origin: Origin) -> OwnCar:
        """The car of a session that the driver paid otherwise starts by itself from now on. Raises AutochargeOff,
        CarUnknown, TokenTaken, TooManyOwned."""
        async with self._acting(driver) as conn:
            offered = await self._offered(conn, driver)
            uid = next((each.uid for each in offered if each.session_id == session_id), None)
            if uid is None:
                raise CarUnknown
            who = driver.acting(origin)
            return await autocharge.enrol(conn, who, driver.driver_id, uid, name, self._clock.now(), by="driver")

    async def forget(self, driver: Driver, address: str, origin: Origin) -> None:
        """The car starts nothing any more. Raises CarUnknown."""
        async with self._acting(driver) as conn:
            await autocharge.forget_car(conn, driver.acting(origin), driver.driver_id, address)

    async def _offered(self, conn: Connection, driver: Driver) -> list[OfferedCar]:
        since = self._clock.now() - OFFERED_FOR
        return await store.list_offered_cars(conn, driver.tenant_id, driver.driver_id, since)

    async def put(self, driver: Driver, said: VehicleSaid, origin: Origin, vehicle_id: int | None = None) -> Vehicle:
        """A car, new or described anew. Raises VehicleUnknown, TooManyOwned."""
        async with self._acting(driver) as conn:
            if vehicle_id is None:
                return await accounts.add_vehicle(conn, driver, driver.acting(origin), said, self._clock.now())
            return await accounts.change_vehicle(conn, driver, driver.acting(origin), vehicle_id, said)

    async def remove(self, driver: Driver, vehicle_id: int, origin: Origin) -> None:
        """Forgets a car. Raises VehicleUnknown."""
        async with self._acting(driver) as conn:
            await accounts.remove_vehicle(conn, driver, driver.acting(origin), vehicle_id)
