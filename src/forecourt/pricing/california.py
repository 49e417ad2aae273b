"""What stations of OCPP 1.6 are told of prices: the DataTransfer messages of the application note "OCPP & California
Pricing Requirements" of the Open Charge Alliance (3.x, chapter 3). Pure.

A station that knows them has the configuration key `CustomDisplayCostAndPrice`. Amounts are numbers in the major unit.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from forecourt.platform.money import Money, minor_digits
from forecourt.pricing.model import Conditions, Dimension, Since, Tariff

VENDOR: Final = "org.openchargealliance.costmsg"
#: The configuration key of a station that shows prices, and the one in which its default price stands.
KNOWS: Final = "CustomDisplayCostAndPrice"
DEFAULT_PRICE: Final = "DefaultPrice"
#: Characters of a text (application note, 3.2).
MAX_TEXT: Final = 512


class Prices(Struct, rename={"kwh_price": "kWhPrice", "hour_price": "hourPrice", "flat_fee": "flatFee"}, kw_only=True):
    """What charging costs now."""

    kwh_price: float | UnsetType = UNSET
    hour_price: float | UnsetType = UNSET
    flat_fee: float | UnsetType = UNSET


class IdlePrices(Struct, rename="camel", kw_only=True):
    """What parking costs that doesn't charge, and after how many minutes."""

    grace_minutes: int
    hour_price: float


class Text(Struct, rename="camel", kw_only=True):
    """One text in one language (ISO 639)."""

    format: str
    language: str
    content: str


class Message(Struct, frozen=True, kw_only=True):
    """One DataTransfer of this vendor."""

    message_id: str
    data: str

    def payload(self) -> dict[str, Any]:
        """As DataTransfer.req has it."""
        return {"vendorId": VENDOR, "messageId": self.message_id, "data": self.data}


def prices_of(tariff: Tariff) -> tuple[Prices, IdlePrices | None]:
    """The prices that count without any condition, as a station may show them; those that count sometimes are in the
    text alone."""
    found: dict[Dimension, float] = {}
    idle: IdlePrices | None = None
    for element in tariff.elements:
        c = element.conditions
        for component in element.price_components:
            if c == Conditions():
                found.setdefault(component.type, float(component.price))
            waits = c == Conditions(since=Since.CHARGING_END, min_duration=c.min_duration)
            if component.type is Dimension.PARKING_TIME and idle is None and waits:
                grace = (c.min_duration or 0) // 60
                idle = IdlePrices(grace_minutes=grace, hour_price=float(component.price))
    charging = Prices(
        kwh_price=found.get(Dimension.ENERGY, UNSET),
        hour_price=found.get(Dimension.TIME, UNSET),
        flat_fee=found.get(Dimension.FLAT, UNSET),
    )
    return charging, idle


def default_price(tariff: Tariff, text: str, offline: str) -> str:
    """The value of `DefaultPrice`: what a station shows while nobody is known."""
    charging, _ = prices_of(tariff)
    said = {"priceText": text[:MAX_TEXT], "priceTextOffline": offline[:MAX_TEXT], "chargingPrice": charging}
    return msgspec.json.encode(said).decode()


def user_price(id_token: str, texts: Mapping[str, str], language: str) -> Message:
    """SetUserPrice: what this driver pays, before he starts. `texts` by language."""
    extra = [
        Text(format="UTF8", language=each, content=text[:MAX_TEXT]) for each, text in texts.items() if each != language
    ]
    said = {"idToken": id_token, "priceText": texts[language][:MAX_TEXT], "priceTextExtra": extra}
    return Message(message_id="SetUserPrice", data=msgspec.json.encode(said).decode())


def running_cost(
    transaction_id: int, at: datetime, register_wh: int, cost: Money, *, charging: bool, tariff: Tariff
) -> Message:
    """RunningCost: what it came to by that register, and at which prices a station counts on from there."""
    prices, idle = prices_of(tariff)
    said: dict[str, Any] = {
        "transactionId": transaction_id,
        "timestamp": at,
        "meterValue": register_wh,
        "cost": amount(cost),
        "state": "Charging" if charging else "Idle",
        "chargingPrice": prices,
    }
    if idle is not None:
        said["idlePrice"] = idle
    return Message(message_id="RunningCost", data=msgspec.json.encode(said).decode())


def final_cost(transaction_id: int, cost: Money, text: str, receipt_url: str | None) -> Message:
    """FinalCost: what is paid, and where the receipt is."""
    said: dict[str, Any] = {"transactionId": transaction_id, "cost": amount(cost), "priceText": text[:MAX_TEXT]}
    if receipt_url is not None:
        said["qrCodeText"] = receipt_url
    return Message(message_id="FinalCost", data=msgspec.json.encode(said).decode())


def amount(money: Money) -> float:
    """An amount as a number of JSON in the major unit: exact to the minor unit, as its shortest text is."""
    exact = Fraction(money.amount, 10 ** minor_digits(money.currency))
    return float(Decimal(exact.numerator) / Decimal(exact.denominator))
