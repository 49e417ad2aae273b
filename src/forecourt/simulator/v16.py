"""OCPP 1.6J as a station speaks it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from forecourt.simulator import v16_answers
from forecourt.simulator.bay import Bay, Reading, Transaction
from forecourt.simulator.car import VOLTAGE_V
from forecourt.simulator.said import Kind, Role, Said
from forecourt.simulator.wire import Payload, Refused, stamp

if TYPE_CHECKING:
    from datetime import datetime

    from forecourt.simulator.station import Station

#: CiString20Type of idTag.
LONGEST_TAG = 20


class Dialect16:
    """Speaks for one station. The transaction id comes from the CSMS, so what follows a start waits for its answer."""

    subprotocol = "ocpp1.6"
    dynamic = False

    def __init__(self, station: "Station") -> None:
        self._station = station

    def boot(self, reason: str) -> tuple[str, Payload]:
        make = self._station.make
        return "BootNotification", {
            "chargePointVendor": make.vendor[:20],
            "chargePointModel": make.model[:20],
            "chargePointSerialNumber": self._station.identity[:25],
            "firmwareVersion": make.firmware,
        }

    def status(self, bay: Bay, at: "datetime", always: bool = False) -> None:
        payload = {"connectorId": bay.number, "errorCode": bay.error, "status": bay.status, "timestamp": stamp(at)}
        self._station.link.say(Said("StatusNotification", payload, Kind.STATUS))

    def authorise(self, token: str, then: Callable[[str], None]) -> None:
        self._station.link.say(
            Said(
                "Authorize",
                {"idTag": token[:LONGEST_TAG]},
                then=lambda answer: then(answer["idTagInfo"]["status"]),
                failed=lambda reason: then("Invalid"),
            )
        )

    def begin(self, bay: Bay, tx: Transaction, reading: Reading) -> None:
        def started(answer: Payload) -> None:
            tx.id = answer["transactionId"]
            self._station.token_answered(bay, tx, answer["idTagInfo"]["status"])

        def refused(code: str) -> None:
            tx.lost = True
            self._station.link.drop(tx.key)

        payload = {
            "connectorId": bay.number,
            "idTag": tx.token[:LONGEST_TAG],
            "meterStart": tx.start_wh,
            "timestamp": stamp(reading.at),
        }
        self._say("StartTransaction", payload, tx, bay, reading, Role.BEGIN, "start", then=started, failed=refused)

    def sample(self, bay: Bay, tx: Transaction, reading: Reading, context: str = "Sample.Periodic") -> None:
        value = {"timestamp": stamp(reading.at), "sampledValue": self.values(reading, context)}
        self._say(
            "MeterValues",
            lambda: {"connectorId": bay.number, "transactionId": tx.id, "meterValue": [value]},
            tx,
            bay,
            reading,
            Role.METER,
            "meter",
        )

    def charging_state(self, bay: Bay, tx: Transaction, reading: Reading) -> None:
        """1.6 has only the StatusNotification, already said."""

    def end(self, bay: Bay, tx: Transaction, reading: Reading, reason: str, token: str | None) -> None:
        station = self._station

        def payload() -> Payload:
            stop: Payload = {
                "transactionId": tx.id,
                "meterStop": reading.register_wh,
                "timestamp": stamp(reading.at),
                "reason": reason,
            }
            if token is not None:
                stop["idTag"] = token[:LONGEST_TAG]
            if station.make.stop_data:
                stop["transactionData"] = [
                    _register(tx.started_at, tx.start_wh, "Transaction.Begin"),
                    _register(reading.at, reading.register_wh, "Transaction.End"),
                ]
            return stop

        self._say("StopTransaction", payload, tx, bay, reading, Role.END, "stop")

    def _say(
        self,
        action: str,
        payload: Payload | Callable[[], Payload],
        tx: Transaction,
        bay: Bay,
        reading: Reading,
        role: Role,
        kind: str,
        then: Callable[[Payload], None] | None = None,
        failed: Callable[[str], None] | None = None,
    ) -> None:
        if tx.lost:
            self._station.counts.dropped += 1
            return
        self._station.link.say(
            Said(
                action,
                payload,
                Kind.BILLING,
                role=role,
                session=tx.key,
                facts={"kind": kind, "evse": bay.number, "at": stamp(reading.at), "register_wh": reading.register_wh},
                then=then,
                failed=failed,
                ready=None if role is Role.BEGIN else lambda: tx.id is not None,
            )
        )

    def values(self, reading: Reading, context: str) -> list[Payload]:
        values: list[Payload] = []

        def add(value: float | int | str, measurand: str, unit: str, **more: str) -> None:
            values.append({"value": str(value), "context": context, "measurand": measurand, "unit": unit, **more})

        make = self._station.make
        for name in make.measurands:
            if name == "plain":
                values.append({"value": str(reading.register_wh)})
            elif name == "energy" and make.energy_unit == "kWh":
                add(f"{reading.register_wh / 1000:.3f}", "Energy.Active.Import.Register", "kWh", location="Outlet")
            elif name == "energy":
                add(reading.register_wh, "Energy.Active.Import.Register", "Wh", location="Outlet")
            elif name == "power":
                add(f"{reading.power_w:.1f}", "Power.Active.Import", "W")
            elif name == "offered":
                add(f"{reading.offered_w:.0f}", "Power.Offered", "W")
            elif name == "current":
                for phase in range(reading.phases):
                    add(f"{reading.current_a:.2f}", "Current.Import", "A", phase=f"L{phase + 1}")
            elif name == "voltage":
                for phase in range(reading.phases):
                    add(VOLTAGE_V, "Voltage", "V", phase=f"L{phase + 1}-N")
            elif name == "soc" and reading.soc is not None:
                add(round(reading.soc * 100), "SoC", "Percent", location="EV")
        return values

    def answer(self, action: str, payload: Payload) -> Payload:
        verb = v16_answers.ANSWERS.get(action)
        if verb is None:
            raise Refused("NotImplemented", f"{action} is not known here")
        return verb(self, self._station, payload)


def _register(at: "datetime", register_wh: int, context: str) -> Payload:
    value: dict[str, Any] = {"value": str(register_wh), "context": context, "unit": "Wh"}
    return {"timestamp": stamp(at), "sampledValue": [{**value, "measurand": "Energy.Active.Import.Register"}]}
