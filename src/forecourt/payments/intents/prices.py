"""What payments ask of prices: what is offered at a place, and what a session came to."""

import hashlib
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct

from forecourt.payments.intents.model import Intent
from forecourt.payments.intents.store import Connection
from forecourt.payments.intents.store.places import connector_of, country_of
from forecourt.payments.ledger.billed import Billed, of_quote
from forecourt.platform.clock import Clock
from forecourt.platform.money import Money
from forecourt.pricing import service as pricing
from forecourt.pricing.discounts import Discounts, no_discounts
from forecourt.pricing.model import Circumstances, EvseKind, Tariff
from forecourt.sessions.costing import service as costing
from forecourt.sessions.costing.service import Agreed

#: Characters of what names a price.
PRICE_ID_LENGTH: Final = 20
#: What gives more than this is direct current.
MOST_AC_W: Final = 43_000
#: Where a station stands of which nobody said so.
NOWHERE: Final = "ZZ"


class Offer(Struct, frozen=True, kw_only=True):
    """The price that counts at a place now, as the driver is shown it. `power_w`: what the connector gives."""

    station_id: int
    tariff: Tariff
    tariff_id: UUID
    version: int
    name: str
    zone: ZoneInfo
    kind: EvseKind | None = None
    power_w: int | None = None
    group: str | None = None
    #: The tariff counts for the members of this subscription.
    subscription: str | None = None

    @property
    def circumstances(self) -> Circumstances:
        """Under which it is priced."""
        return Circumstances(evse_kind=self.kind, driver_group=self.group)

    @property
    def price_id(self) -> str:
        """Names the price as it is shown, so that who agrees to it agrees to no other: this version of a tariff, under
        these circumstances."""
        told = f"{self.tariff_id} {self.version} {self.kind} {self.group}"
        return hashlib.sha256(told.encode()).hexdigest()[:PRICE_ID_LENGTH]

    def said(self) -> dict[str, Any]:
        """The circumstances as they are kept beside the payment."""
        return {"kind": None if self.kind is None else self.kind.value, "group": self.group}


class Cost(Struct, frozen=True, kw_only=True):
    """What a session comes to in minor units, with taxes: so far, or in the end. `held`: its measurement is broken or
    unproven, and nothing is taken for it until a person releases it. `given`: something was given off it; `delivered`:
    energy flowed."""

    amount: int
    currency: str
    final: bool
    held: bool = False
    given: bool = False
    delivered: bool = True


class Prices:
    """Prices of places and sessions, each in the caller's transaction."""

    def __init__(self, clock: Clock, discounts: Discounts = no_discounts) -> None:
        self._clock = clock
        self._discounts = discounts

    async def offer(
        self, conn: Connection, tenant_id: int, station: str, evse: int, at: datetime, *, group: str | None = None,
        subscription: str | None = None,
    ) -> Offer | None:  # fmt: skip
        """The price at an EVSE; None where there is none. Raises StationUnknown."""
        station_id, power_w = await connector_of(conn, tenant_id, station, evse)
        place = await pricing.find_place(conn, tenant_id, station_id, evse)
        if place is None:
            return None
        chosen = await pricing.tariff_for(conn, tenant_id, place, at, group, subscription)
        if chosen is None:
            return None
        guessed = None if power_w is None else EvseKind.DC if power_w > MOST_AC_W else EvseKind.AC
        return Offer(
            station_id=station_id,
            tariff=chosen.tariff,
            tariff_id=chosen.tariff_id,
            version=chosen.version,
            name=chosen.name,
            zone=ZoneInfo(place.zone),
            kind=place.evse_kind or guessed,
            power_w=power_w,
            group=group,
            subscription=chosen.assignment.scope.subscription,
        )

    async def freeze(self, conn: Connection, tenant_id: int, session_id: UUID, intent: Intent) -> None:
        """The version that the driver agreed to counts for the session, and no more is billed than is held."""
        if intent.tariff_id is None or intent.tariff_version is None:
            return
        agreed = Agreed(
            tariff_id=intent.tariff_id,
            version=intent.tariff_version,
            most=intent.held,
            circumstances=Circumstances(evse_kind=_kind(intent), driver_group=intent.hold_said.get("group")),
        )
        await costing.freeze(conn, tenant_id, session_id, agreed, self._clock.now(), self._discounts)

    async def counting(self, conn: Connection, tenant_id: int, session_id: UUID, station: str) -> Offer | None:
        """The price that counts for a session that began at a station, fixed with this; None where none does."""
        found = await costing.counting(conn, tenant_id, session_id, self._clock.now())
        if found is None:
            return None
        _, power_w = await connector_of(conn, tenant_id, station, found.evse or 1)
        guessed = None if power_w is None else EvseKind.DC if power_w > MOST_AC_W else EvseKind.AC
        return Offer(
            station_id=found.station_id,
            tariff=found.tariff,
            tariff_id=found.tariff_id,
            version=found.version,
            name=found.name,
            zone=ZoneInfo(found.zone),
            kind=found.circumstances.evse_kind or guessed,
            power_w=power_w,
            group=found.circumstances.driver_group,
        )

    async def limit(self, conn: Connection, tenant_id: int, session_id: UUID, most: Money) -> None:
        """More, or less, is held now, and may be billed."""
        await costing.limit_cost(conn, tenant_id, session_id, most, self._clock.now(), self._discounts)

    async def cost(self, conn: Connection, tenant_id: int, session_id: UUID, *, heard: bool = False) -> Cost | None:
        """What a session comes to; None while it has no price. `heard`: of one that runs, by its last word alone, and
        not by the time that passed since."""
        now = None if heard else self._clock.now()
        found = await costing.cost_of(conn, tenant_id, session_id, now, self._discounts)
        if found.incl_vat is None:
            return None
        said = found.incl_vat
        given = found.bill is not None and bool(found.bill.discounts)
        delivered = found.bill is not None and any(Fraction(each.energy_wh) for each in found.bill.periods)
        return Cost(
            amount=said.amount, currency=said.currency, final=found.final, held=found.held, given=given,
            delivered=delivered,
        )  # fmt: skip

    async def seal(self, conn: Connection, tenant_id: int, session_id: UUID) -> None:
        """Money moves by the final cost: it changes no more. Raises NotPricedYet where it is not final any more."""
        await costing.seal(conn, tenant_id, session_id, self._clock.now())

    async def billed(self, conn: Connection, tenant_id: int, session_id: UUID) -> Billed:
        """What a session came to by what it was for, as it is posted."""
        found = await costing.cost_of(conn, tenant_id, session_id, self._clock.now(), self._discounts)
        assert found.bill is not None, "what costs something has a bill"
        country = await country_of(conn, tenant_id, session_id)
        return of_quote(found.bill, NOWHERE if country is None else country)

    async def rates(self, conn: Connection, tenant_id: int, session_id: UUID) -> dict[Decimal | None, int]:
        """What a session came to by rate of VAT, with it."""
        found = await costing.cost_of(conn, tenant_id, session_id, self._clock.now(), self._discounts)
        assert found.bill is not None, "what costs something has a bill"
        return {each.vat: each.incl_vat.amount for each in found.bill.rounded.by_rate}


def _kind(intent: Intent) -> EvseKind | None:
    said = intent.hold_said.get("kind")
    return None if said is None else EvseKind(said)
