"""What payments ask of prices: what is offered at a place, and what a session came to."""

from datetime import datetime
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct
from psycopg import AsyncConnection

from forecourt.payments.ledger.billed import Billed
from forecourt.pricing.model import EvseKind, Tariff

Connection = AsyncConnection[Any]


class Offer(Struct, frozen=True, kw_only=True):
    """The price that counts at a place now, as the driver is shown it."""

    station_id: int
    tariff: Tariff
    tariff_id: UUID
    version: int
    zone: ZoneInfo
    kind: EvseKind | None = None
    #: What the connector gives.
    power_w: int | None = None


class Cost(Struct, frozen=True, kw_only=True):
    """What a session comes to in minor units, with taxes: so far, or in the end."""

    amount: int
    currency: str
    final: bool


class Prices(Protocol):
    """Prices of places and sessions; wired in app."""

    async def offer(
        self, conn: Connection, tenant_id: int, station: str, evse: int, at: datetime, payer: str | None, /
    ) -> Offer | None:
        """The price at an EVSE, for whoever it is; None where there is none. Raises StationUnknown."""
        ...

    async def freeze(
        self, conn: Connection, tenant_id: int, session_id: UUID, tariff_id: UUID, version: int, /
    ) -> None:
        """This version counts for the session: it is the one that the driver agreed to."""
        ...

    async def cost(self, conn: Connection, tenant_id: int, session_id: UUID, /) -> Cost | None:
        """What a session comes to; None while it has no price."""
        ...

    async def billed(self, conn: Connection, tenant_id: int, session_id: UUID, /) -> Billed:
        """What a session came to by what it was for, as it is posted."""
        ...
