"""Which calls tell a station of a cost. Pure."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from forecourt.ocpp.neutral import Version
from forecourt.platform.money import Money
from forecourt.pricing import california
from forecourt.pricing.display import PriceLaw, display, law_of
from forecourt.pricing.model import Circumstances, Tariff
from forecourt.pricing.words import line_words, when_words

#: States of a connector in which a car parks: not while its station pauses it.
_IDLE = frozenset({"SuspendedEV", "EVConnected", "Finishing", "Idle"})


class Way(StrEnum):
    """How a station hears of costs."""

    #: CostUpdated, where TariffCostCtrlr says that costs are shown (2.0.1 I02, 2.1 I02).
    UPDATED = "updated"
    #: DataTransfer of the application note on California's pricing requirements, with `CustomDisplayCostAndPrice`.
    NOTE = "note"


class Hearer(Struct, frozen=True, kw_only=True):
    """A session at a connected station that shows costs, and what it was told of it so far."""

    session_id: UUID
    station_id: int
    station: str
    version: Version
    transaction_id: str
    token_uid: str | None
    meter_wh: int | None
    charging_state: str | None
    country: str | None
    told_minor: int | None
    told_at: datetime | None
    priced_at: datetime | None

    @property
    def way(self) -> Way:
        """By the version it speaks."""
        return Way.NOTE if self.version is Version.V16 else Way.UPDATED


class Call(Struct, frozen=True, kw_only=True):
    """One call to a station."""

    action: str
    payload: bytes


def running(hearer: Hearer, cost: Money, tariff: Tariff, at: datetime) -> Call | None:
    """The call that tells a running cost, after taxes; None where the station's words for it lack something."""
    if hearer.way is Way.UPDATED:
        said = {"totalCost": california.amount(cost), "transactionId": hearer.transaction_id}
        return Call(action="CostUpdated", payload=msgspec.json.encode(said))
    if not hearer.transaction_id.isdecimal() or hearer.meter_wh is None:
        return None
    return _note(
        california.running_cost(
            int(hearer.transaction_id),
            at,
            hearer.meter_wh,
            cost,
            charging=hearer.charging_state not in _IDLE,
            tariff=tariff,
        )
    )


def price(hearer: Hearer, tariff: Tariff, there: Circumstances) -> Call | None:
    """The call that tells what the driver pays; of 1.6 alone, where it has one."""
    if hearer.way is not Way.NOTE or hearer.token_uid is None:
        return None
    words = price_words(tariff, law_of(hearer.country), there)
    return _note(california.user_price(hearer.token_uid, {"en": words}, "en"))


def final(hearer: Hearer, cost: Money, words: str) -> Call | None:
    """The call that tells what a session came to; of 1.6 alone, where it has one."""
    if hearer.way is not Way.NOTE or not hearer.transaction_id.isdecimal():
        return None
    return _note(california.final_cost(int(hearer.transaction_id), cost, words, None))


def price_words(tariff: Tariff, law: PriceLaw, there: Circumstances) -> str:
    """All prices in one line: `€0.59 per kWh (08:00-20:00); €0.10 per minute parked without charging`."""
    said = []
    for line in display(tariff, law, there):
        when = when_words(line.when)
        said.append(line_words(line, law, tariff.currency) + (f" ({when})" if when else ""))
    return "; ".join(said)


def _note(message: california.Message) -> Call:
    payload: dict[str, Any] = message.payload()
    return Call(action="DataTransfer", payload=msgspec.json.encode(payload))
