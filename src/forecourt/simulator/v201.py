"""OCPP 2.0.1 and 2.1 as a station speaks them; 2.1 differs in its subprotocol and a few refusals."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from forecourt.simulator import v201_answers
from forecourt.simulator.bay import Bay, Reading, Transaction
from forecourt.simulator.car import VOLTAGE_V
from forecourt.simulator.said import Kind, Role, Said
from forecourt.simulator.wire import Payload, Refused, stamp

if TYPE_CHECKING:
    from forecourt.simulator.station import Station

#: Why a transaction stops, in the station's words -> (trigger reason, stopped reason).
STOPS = {
    "Local": ("StopAuthorized", "Local"),
    "EVDisconnected": ("EVCommunicationLost", "EVDisconnected"),
    "Remote": ("RemoteStop", "Remote"),
    "HardReset": ("ResetCommand", "ImmediateReset"),
    "SoftReset": ("ResetCommand", "ImmediateReset"),
    "DeAuthorized": ("Deauthorized", "DeAuthorized"),
    "UnlockCommand": ("UnlockCommand", "Other"),
    "EnergyLimit": ("EnergyLimitReached", "EnergyLimitReached"),
    "CostLimit": ("CostLimitReached", "LocalOutOfCredit"),
    "PowerLoss": ("AbnormalCondition", "PowerLoss"),
    "EmergencyStop": ("AbnormalCondition", "EmergencyStop"),
}
CHARGING_STATES = {"Charging": "Charging", "SuspendedEV": "SuspendedEV", "SuspendedEVSE": "SuspendedEVSE"}
OCCUPIED = frozenset(("Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing"))


class Dialect201:
    """Speaks for one station, which names its transactions itself and numbers their events."""

    subprotocol = "ocpp2.0.1"
    dynamic = False
    table = v201_answers.ANSWERS

    def __init__(self, station: "Station") -> None:
        self._station = station
        self._said_status: dict[int, str] = {}

    def boot(self, reason: str) -> tuple[str, Payload]:
        make = self._station.make
        return "BootNotification", {
            "reason": reason,
            "chargingStation": {
                "vendorName": make.vendor,
                "model": make.model[:20],
                "serialNumber": self._station.identity[:25],
                "firmwareVersion": make.firmware,
            },
        }

    def status(self, bay: Bay, at: datetime, always: bool = False) -> None:
        state = "Occupied" if bay.status in OCCUPIED else bay.status
        if not always and self._said_status.get(bay.number) == state:
            return
        self._said_status[bay.number] = state
        payload = {"timestamp": stamp(at), "connectorStatus": state, "evseId": bay.number, "connectorId": 1}
        self._station.link.say(Said("StatusNotification", payload, Kind.STATUS))

    def authorise(self, token: str, then: Callable[[str], None]) -> None:
        self._station.link.say(
            Said(
                "Authorize",
                {"idToken": self._token(token)},
                then=lambda answer: then(answer["idTokenInfo"]["status"]),
                failed=lambda reason: then("Unknown"),
            )
        )

    def begin(self, bay: Bay, tx: Transaction, reading: Reading) -> None:
        # The same for the same session: a replay that was broken off says the same things again.
        tx.id = str(uuid5(NAMESPACE_URL, f"{self._station.identity}/{tx.key}"))
        first = tx.remote_start_id is None and self._station.settings.get("tx_start").startswith("EVConnected")
        info: Payload = {"chargingState": "EVConnected"}
        if tx.remote_start_id is not None:
            info["remoteStartId"] = tx.remote_start_id
        trigger = "RemoteStart" if tx.remote_start_id is not None else "CablePluggedIn" if first else "Authorized"
        self._event(
            "Started", trigger, bay, tx, reading, info, context="Transaction.Begin", token=None if first else tx.token
        )
        if first:
            self._event("Updated", "Authorized", bay, tx, reading, info, token=tx.token)

    def sample(self, bay: Bay, tx: Transaction, reading: Reading, context: str = "Sample.Periodic") -> None:
        info: Payload = {}
        if bay.status in CHARGING_STATES:
            info["chargingState"] = CHARGING_STATES[bay.status]
        trigger = "Trigger" if context == "Trigger" else "MeterValuePeriodic"
        self._event("Updated", trigger, bay, tx, reading, info, context=context)

    def charging_state(self, bay: Bay, tx: Transaction, reading: Reading) -> None:
        self._event("Updated", "ChargingStateChanged", bay, tx, reading, {"chargingState": CHARGING_STATES[bay.status]})

    def end(self, bay: Bay, tx: Transaction, reading: Reading, reason: str, token: str | None) -> None:
        trigger, stopped = STOPS.get(reason, ("AbnormalCondition", "Other"))
        state = "Idle" if reason == "EVDisconnected" else "EVConnected"
        info = {"chargingState": state, "stoppedReason": stopped}
        self._event("Ended", trigger, bay, tx, reading, info, context="Transaction.End", token=token)

    def _event(
        self,
        kind: str,
        trigger: str,
        bay: Bay,
        tx: Transaction,
        reading: Reading,
        info: Payload,
        *,
        context: str | None = None,
        token: str | None = None,
    ) -> None:
        station = self._station
        seq = tx.next_seq()
        payload: Payload = {
            "eventType": kind,
            "timestamp": stamp(reading.at),
            "triggerReason": trigger,
            "seqNo": seq,
            "transactionInfo": {"transactionId": tx.id, **info},
            "evse": {"id": bay.number, "connectorId": 1},
        }
        if not station.link.online or station.habits.always_offline:
            payload["offline"] = True
        if token is not None:
            payload["idToken"] = self._token(token)
        if kind == "Ended":
            payload |= self.reckoned(bay, tx, reading)
        if context is not None:
            payload["meterValue"] = [{"timestamp": stamp(reading.at), "sampledValue": self.values(reading, context)}]
        facts = {"kind": {"Started": "start", "Updated": "update", "Ended": "stop"}[kind], "evse": bay.number}
        if kind == "Updated" and context is not None:
            facts["kind"] = "meter"
        facts |= {"at": stamp(reading.at), "register_wh": reading.register_wh, "seq": seq}

        def answered(answer: Payload) -> None:
            if token is not None and "idTokenInfo" in answer and kind != "Ended":
                station.token_answered(bay, tx, answer["idTokenInfo"]["status"])
            station.paying.answered(bay, tx, answer, over=kind == "Ended")

        role = {"Started": Role.BEGIN, "Updated": Role.METER, "Ended": Role.END}[kind]
        station.link.say(
            Said("TransactionEvent", payload, Kind.BILLING, role=role, session=tx.key, facts=facts, then=answered)
        )

    def values(self, reading: Reading, context: str) -> list[Payload]:
        values: list[Payload] = []

        def add(value: float, measurand: str, unit: str, **more: str) -> None:
            values.append(
                {"value": value, "context": context, "measurand": measurand, "unitOfMeasure": {"unit": unit}, **more}
            )

        make = self._station.make
        for name in make.measurands:
            if name == "plain":
                values.append({"value": reading.register_wh})
            elif name == "energy" and make.energy_unit == "kWh":
                add(reading.register_wh / 1000, "Energy.Active.Import.Register", "kWh", location="Outlet")
            elif name == "energy":
                add(reading.register_wh, "Energy.Active.Import.Register", "Wh", location="Outlet")
            elif name == "power":
                add(round(max(reading.power_w, 0.0), 1), "Power.Active.Import", "W")
            elif name == "offered":
                add(round(reading.offered_w), "Power.Offered", "W")
            elif name == "current":
                for phase in range(reading.phases):
                    add(round(max(reading.current_a, 0.0), 2), "Current.Import", "A", phase=f"L{phase + 1}")
            elif name == "voltage":
                for phase in range(reading.phases):
                    add(VOLTAGE_V, "Voltage", "V", phase=f"L{phase + 1}-N")
            elif name == "soc" and reading.soc is not None:
                add(round(reading.soc * 100, 1), "SoC", "Percent", location="EV")
        if make.gives:
            add(reading.given_wh, "Energy.Active.Export.Register", "Wh", location="Outlet")
            add(round(max(-reading.power_w, 0.0), 1), "Power.Active.Export", "W")
        return values

    def reckoned(self, bay: Bay, tx: Transaction, reading: Reading) -> Payload:
        """What the end of a transaction says of its cost."""
        return {}

    def _token(self, uid: str) -> Payload:
        return {"idToken": uid, "type": self._station.paying.types.get(uid.lower(), "ISO14443")}

    def answer(self, action: str, payload: Payload) -> Payload:
        verb = self.table.get(action)
        if verb is None:
            raise Refused("NotImplemented", f"{action} is not known here")
        return verb(self, self._station, payload)


class Dialect21(Dialect201):
    """2.1: its own subprotocol; it may reckon by tariffs, and is paid by codes and terminals; profiles may be
    dynamic."""

    subprotocol = "ocpp2.1"
    dynamic = True

    table = v201_answers.ANSWERS21

    def reckoned(self, bay: Bay, tx: Transaction, reading: Reading) -> Payload:
        details = self._station.paying.cost_details(bay, tx, reading)
        return {} if details is None else {"costDetails": details}
