"""What a station of OCPP 2.1 does with payments: the code on its display, its own terminal, tariffs that it reckons by,
limits at which a transaction ends, and what it was told of costs.

Passwords of codes are made here by the letter of the specification (Part 2 C25, "TOTP algorithm, version 1").
"""

import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from forecourt.simulator.bay import Bay, Reading, Transaction
from forecourt.simulator.said import Kind, Said
from forecourt.simulator.wire import Payload, stamp

if TYPE_CHECKING:
    from forecourt.simulator.station import Station

BASE62 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIRECT_PAYMENT = "DirectPayment"


class Paying:
    """One station's payments. What a driver sees on the display is `code`."""

    def __init__(self, station: "Station") -> None:
        self._station = station
        #: The types of tokens that are no RFID cards.
        self.types: dict[str, str] = {}
        #: Until when somebody pays on a page, by EVSE: nobody else starts there meanwhile.
        self.begun: dict[int, datetime] = {}
        #: Tariffs by EVSE, as they were set; 0: everywhere.
        self.tariffs: dict[int, Payload] = {}
        #: What was told of costs while transactions ran, and when they ended.
        self.running: dict[str, float] = {}
        self.totals: dict[str, float] = {}
        self.limits: dict[str, Payload] = {}
        self.receipts: dict[str, Payload] = {}
        #: The energy that the driver chose on the display, in Wh.
        self.chosen_wh: dict[int, int] = {}

    # --- the display

    def code(self, number: int, at: datetime | None = None) -> str | None:
        """The address in the code that is on the display for an EVSE; None while it shows none."""
        settings = self._station.settings
        if not settings.flag("codes") or not settings.get("code_secret") or self.blocked(number, at):
            return None
        parts = {
            "{chargingstationid}": self._station.identity,
            "{evse}": str(number),
            "{totp}": self.password(at),
            "{version}": settings.get("code_version"),
        }
        address = settings.get("code_address")
        for name, value in parts.items():
            place = address.lower().find(name)
            if place >= 0:
                address = address[:place] + value + address[place + len(name) :]
        chosen = self.chosen_wh.get(number)
        return address if chosen is None else f"{address}?maxenergy={chosen}"

    def password(self, at: datetime | None = None) -> str:
        """The one-time password of this moment."""
        settings = self._station.settings
        seconds = int((at or self._station.time()).timestamp())
        counter = seconds // settings.number("code_validity")
        digest = hmac.new(settings.get("code_secret").encode("utf-8"), counter.to_bytes(8, "big"), hashlib.sha256)
        hashed = digest.digest()
        offset = hashed[len(hashed) - 1] % 16
        return "".join(BASE62[hashed[(offset + i) % 32] % 62] for i in range(settings.number("code_length")))

    def blocked(self, number: int, at: datetime | None = None) -> bool:
        """Somebody is paying on a page, so that nobody else starts here."""
        until = self.begun.get(number)
        return until is not None and until > (at or self._station.time())

    def notify_begun(self, number: int, timeout_s: int) -> None:
        self.begun[number] = self._station.time() + timedelta(seconds=timeout_s)

    # --- its own terminal

    def pay_at_terminal(self, bay: Bay, reference: str, at: datetime) -> None:
        """A card is held to the terminal and its bank agrees: the driver may charge (C18)."""
        self.types[reference.lower()] = DIRECT_PAYMENT
        bay.present(reference, at)

    def settle(
        self, transaction: str | None, reference: str, amount: float, status: str = "Settled",
        vat_number: str | None = None,
    ) -> None:  # fmt: skip
        """The terminal took the money, or not (C19 to C22). What is answered is kept as the receipt."""
        said: Payload = {
            "pspRef": reference,
            "status": status,
            "settlementAmount": amount,
            "settlementTime": stamp(self._station.time()),
        }
        if transaction is not None:
            said["transactionId"] = transaction
        if vat_number is not None:
            said["vatNumber"] = vat_number

        def answered(answer: Payload) -> None:
            self.receipts[reference] = answer

        self._station.link.say(Said("NotifySettlement", said, Kind.STATUS, then=answered))

    def ask_vat(self, number: str, then: Callable[[Payload], None]) -> None:
        """A driver types the number of his company."""
        self._station.link.say(Said("VatNumberValidation", {"vatNumber": number, "evseId": 1}, Kind.STATUS, then=then))

    # --- costs

    def tariff_at(self, number: int) -> Payload | None:
        return self.tariffs.get(number, self.tariffs.get(0))

    def cost_details(self, bay: Bay, tx: Transaction, reading: Reading) -> Payload | None:
        """What the transaction costs by the station's own tariff; None where it has none. It knows plain prices, and
        says so where there are others."""
        tariff = self.tariff_at(bay.number)
        if tariff is None:
            return None
        energy_wh = max(0, reading.register_wh - tx.start_wh)
        lasted_s = int((reading.at - tx.started_at).total_seconds())
        usage = {"energy": energy_wh / 1000, "chargingTime": lasted_s, "idleTime": 0}
        total: Payload = {"currency": tariff["currency"], "typeOfCost": "NormalCost"}
        reckoned = reckon(tariff, energy_wh, lasted_s)
        if reckoned is None:
            return {
                "totalCost": {**total, "total": {"exclTax": 0, "inclTax": 0}}, "totalUsage": usage,
                "failureToCalculate": True, "failureReason": "only plain prices are known here",
            }  # fmt: skip
        excl, incl = reckoned
        return {"totalCost": {**total, "total": {"exclTax": excl, "inclTax": incl}}, "totalUsage": usage}

    def answered(self, bay: Bay, tx: Transaction, answer: Payload, *, over: bool) -> None:
        """What the CSMS says to an event of a transaction."""
        if "transactionLimit" in answer:
            self.limits[str(tx.id)] = answer["transactionLimit"]
        if "totalCost" in answer:
            (self.totals if over else self.running)[str(tx.id)] = answer["totalCost"]

    def reached(self, bay: Bay, tx: Transaction, register_wh: float) -> str | None:
        """Why a transaction ends by itself now, by the limits that it was given (E16)."""
        limit = self.limits.get(str(tx.id), {})
        if "maxEnergy" in limit and register_wh - tx.start_wh >= limit["maxEnergy"]:
            return "EnergyLimit"
        cost = self.running.get(str(tx.id))
        tariff = self.tariff_at(bay.number)
        if tariff is not None:
            reckoned = reckon(tariff, int(register_wh - tx.start_wh), 0)
            cost = cost if reckoned is None else reckoned[1]
        if "maxCost" in limit and cost is not None and cost >= limit["maxCost"]:
            return "CostLimit"
        return None


def reckon(tariff: Payload, energy_wh: int, lasted_s: int) -> tuple[float, float] | None:
    """A cost before and after taxes; None where the tariff has conditions, or prices that are not known here."""
    parts = (("energy", "priceKwh", energy_wh / 1000), ("chargingTime", "priceMinute", lasted_s / 60),
             ("fixedFee", "priceFixed", 1))  # fmt: skip
    if any(name not in ("energy", "chargingTime", "fixedFee", "tariffId", "currency") for name in tariff):
        return None
    excl = incl = 0.0
    for name, price, quantity in parts:
        of: dict[str, Any] = tariff.get(name, {})
        prices = of.get("prices", [])
        if len(prices) > 1 or any("conditions" in each for each in prices):
            return None
        part = sum(each[price] for each in prices) * quantity
        excl += part
        incl += part * (1 + sum(rate["tax"] for rate in of.get("taxRates", [])) / 100)
    return round(excl, 4), round(incl, 4)
