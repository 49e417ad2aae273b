"""What a driver may do who has scanned a code that changes by itself: he has time to read the price, and pays once.

A code is good for a minute or so, which is too short to read and decide. So a page that was opened by a good one holds
a ticket of ours, signed, for the place and the interval of the code; with it the payment begins, and then the code is
used.
"""

import hmac
import secrets
from datetime import datetime, timedelta
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Struct

from forecourt.driver import store
from forecourt.driver.model import CodeStale, PlaceUnknown
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.digest import keyed_digest
from forecourt.stations.payment_codes.model import VERSION
from forecourt.stations.payment_codes.service import CodeVault, check_password

#: So long a driver may look at the price before he begins to pay.
TICKET_LIFE: Final = timedelta(minutes=10)
_PURPOSE: Final = "scan ticket"
#: What a driver may choose at the station: the energy at which it shall end, in Wh.
MOST_ENERGY_WH: Final = 1_000_000


class Ticket(Struct, frozen=True, kw_only=True):
    """A code that was good when it was scanned. `payment`: the id of the one payment that can be begun by it."""

    tenant_id: int
    station_id: int
    evse: int
    interval: int
    issued_at: datetime
    payment: UUID
    max_energy_wh: int | None = None


class Scans:
    """Owns the tickets. `tenants` is a pool of role forecourt_app, `secret` the secret key of the deployment."""

    def __init__(self, tenants: Pool, clock: Clock, secret: bytes) -> None:
        self._tenants = tenants
        self._clock = clock
        self._secret = secret
        self._vault = CodeVault(secret)

    async def scanned(
        self, station: str, evse: int, version: str, password: str, max_energy_wh: int | None = None
    ) -> str:
        """The ticket for a code that is good and not used. Raises PlaceUnknown, CodeStale."""
        async with self._tenants.anyone() as conn:
            tenant_id = await store.tenant_of_station(conn, station)
        if tenant_id is None:
            raise PlaceUnknown
        now = self._clock.now()
        async with self._tenants.tenant(tenant_id) as conn:
            found = None
            if version.lower() == VERSION:
                found = await check_password(conn, self._vault, tenant_id, station, password, now)
            if found is None or await store.code_used(conn, tenant_id, found.station_id, evse, found.interval):
                raise CodeStale
        # No two are alike, though both were scanned in one second.
        said = (
            f"{tenant_id}.{found.station_id}.{evse}.{found.interval}.{int(now.timestamp())}.{max_energy_wh or 0}"
            f".{secrets.randbits(63)}"
        )
        return f"{said}.{self._mark(said)}"

    async def use(self, text: str, evse: int, station_id: int) -> Ticket:
        """Takes a ticket for the one payment that begins with it; pressed twice it is taken twice. Raises CodeStale."""
        ticket, now = self._read(text), self._clock.now()
        here = ticket is not None and (ticket.station_id, ticket.evse) == (station_id, evse)
        if ticket is None or not here or not timedelta(0) <= now - ticket.issued_at <= TICKET_LIFE:
            raise CodeStale
        async with self._tenants.tenant(ticket.tenant_id) as conn:
            at = (ticket.station_id, ticket.evse, ticket.interval)
            if not await store.use_code(conn, ticket.tenant_id, *at, ticket.payment, now):
                raise CodeStale
        return ticket

    def _mark(self, said: str) -> str:
        return keyed_digest(self._secret, _PURPOSE, said).hex()

    def _read(self, text: str) -> Ticket | None:
        said, _, mark = text.rpartition(".")
        if not hmac.compare_digest(mark.encode(), self._mark(said).encode()):
            return None
        tenant_id, station_id, evse, interval, issued, energy, _ = map(int, said.split("."))
        return Ticket(
            tenant_id=tenant_id,
            station_id=station_id,
            evse=evse,
            interval=interval,
            issued_at=datetime.fromtimestamp(issued, self._clock.now().tzinfo),
            payment=uuid5(NAMESPACE_URL, text),
            max_energy_wh=energy or None,
        )
