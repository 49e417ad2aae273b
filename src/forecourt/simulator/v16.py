"""OCPP 1.6J as a station speaks it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from forecourt.simulator import answers
from forecourt.simulator.bay import Bay, Reading, Transaction
from forecourt.simulator.car import VOLTAGE_V
from forecourt.simulator.said import Kind, Role, Said
from forecourt.simulator.settings import BY_KEY16, SETTINGS, WRITE_ONLY
from forecourt.simulator.wire import Payload, Refused, stamp

if TYPE_CHECKING:
    from datetime import datetime

    from forecourt.simulator.station import Station

#: CiString20Type of idTag.
LONGEST_TAG = 20


class Dialect16:
    """Speaks for one station. The transaction id comes from the CSMS, so what follows a start waits for its answer."""

    subprotocol = "ocpp1.6"

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
        value = {"timestamp": stamp(reading.at), "sampledValue": self._values(reading, context)}
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

    def _values(self, reading: Reading, context: str) -> list[Payload]:
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

    # --- what the CSMS asks

    def answer(self, action: str, payload: Payload) -> Payload:
        verb = ANSWERS.get(action)
        if verb is None:
            raise Refused("NotImplemented", f"{action} is not known here")
        return verb(self, self._station, payload)

    def remote_start(self, station: "Station", asked: Payload) -> Payload:
        bay = station.remote_start(asked.get("connectorId"), asked["idTag"], None, asked.get("chargingProfile"))
        return {"status": "Accepted" if bay else "Rejected"}

    def remote_stop(self, station: "Station", asked: Payload) -> Payload:
        return {"status": "Accepted" if station.remote_stop(asked["transactionId"]) else "Rejected"}

    def reset(self, station: "Station", asked: Payload) -> Payload:
        return {"status": station.reset(hard=asked["type"] == "Hard")}

    def unlock(self, station: "Station", asked: Payload) -> Payload:
        bay = station.bay(asked["connectorId"])
        return {"status": station.unlock(bay) if bay else "NotSupported"}

    def availability(self, station: "Station", asked: Payload) -> Payload:
        return {"status": station.change_availability(asked["connectorId"], asked["type"] == "Operative")}

    def change_configuration(self, station: "Station", asked: Payload) -> Payload:
        setting = BY_KEY16.get(asked["key"].lower())
        if setting is None:
            return {"status": "NotSupported"}
        status = station.settings.change(setting, asked["value"])
        if status == "Accepted":
            station.change_setting(setting.name, asked["value"])
        return {"status": status}

    def configuration(self, station: "Station", asked: Payload) -> Payload:
        keys = asked.get("key") or [s.key16 for s in SETTINGS if s.key16]
        known: list[Payload] = []
        for key in keys:
            setting = BY_KEY16.get(key.lower())
            if setting is not None and setting.key16 is not None:
                entry: Payload = {"key": setting.key16, "readonly": setting.mutability == "ReadOnly"}
                if setting.mutability != WRITE_ONLY:
                    entry["value"] = station.settings.get(setting.name)
                known.append(entry)
        answer: Payload = {"configurationKey": known}
        unknown = [key for key in keys if key.lower() not in BY_KEY16]
        return {**answer, "unknownKey": unknown} if unknown else answer

    def trigger(self, station: "Station", asked: Payload) -> Payload:
        message, number = asked["requestedMessage"], asked.get("connectorId")
        bays = [bay for bay in station.bays if number in (None, 0, bay.number)]
        if not bays:
            return {"status": "Rejected"}
        if message == "MeterValues":
            for bay in bays:
                station.soon(lambda b=bay: self._triggered_values(b))  # type: ignore[misc]
        elif message == "StatusNotification":
            for bay in bays:
                station.soon(lambda b=bay: self.status(b, station.time()))  # type: ignore[misc]
        elif not answers.trigger(station, message, self.boot):
            return {"status": "NotImplemented"}
        return {"status": "Accepted"}

    def _triggered_values(self, bay: Bay) -> None:
        station = self._station
        bay.advance(station.time())
        if bay.tx is not None:
            self.sample(bay, bay.tx, bay.reading(station.time()), "Trigger")
            return
        value = {
            "timestamp": stamp(station.time()),
            "sampledValue": self._values(bay.reading(station.time()), "Trigger"),
        }
        station.link.say(Said("MeterValues", {"connectorId": bay.number, "meterValue": [value]}, Kind.STATUS))

    def set_profile(self, station: "Station", asked: Payload) -> Payload:
        return {"status": station.install_profile(asked["csChargingProfiles"], asked["connectorId"])}

    def clear_profile(self, station: "Station", asked: Payload) -> Payload:
        cleared = station.limits.clear(
            asked.get("id"), asked.get("connectorId"), asked.get("chargingProfilePurpose"), asked.get("stackLevel")
        )
        return {"status": "Accepted" if cleared else "Unknown"}

    def composite(self, station: "Station", asked: Payload) -> Payload:
        number, duration_s = asked["connectorId"], asked["duration"]
        if number and station.bay(number) is None:
            return {"status": "Rejected"}
        unit = asked.get("chargingRateUnit", "W")
        return {
            "status": "Accepted",
            "connectorId": number,
            "scheduleStart": stamp(station.time()),
            "chargingSchedule": {
                "duration": duration_s,
                "chargingRateUnit": unit,
                "chargingSchedulePeriod": answers.periods(station, number, duration_s, unit),
            },
        }

    def reserve(self, station: "Station", asked: Payload) -> Payload:
        until = msgspec.convert(asked["expiryDate"], type=answers.AWARE)
        return {"status": station.reserve(asked["connectorId"], asked["reservationId"], asked["idTag"], until)}

    def cancel_reservation(self, station: "Station", asked: Payload) -> Payload:
        return {"status": station.cancel_reservation(asked["reservationId"])}

    def data_transfer(self, station: "Station", asked: Payload) -> Payload:
        return {"status": "UnknownVendorId"}

    def diagnostics(self, station: "Station", asked: Payload) -> Payload:
        chain = ("Uploading", "UploadFailed")
        answers.say_chain(station, "DiagnosticsStatusNotification", [{"status": s} for s in chain])
        return {"fileName": f"{station.identity}.log"}

    def firmware(self, station: "Station", asked: Payload) -> Payload:
        chain = ("Downloading", "DownloadFailed")
        answers.say_chain(station, "FirmwareStatusNotification", [{"status": s} for s in chain])
        return {}


def _register(at: "datetime", register_wh: int, context: str) -> Payload:
    value: dict[str, Any] = {"value": str(register_wh), "context": context, "unit": "Wh"}
    return {"timestamp": stamp(at), "sampledValue": [{**value, "measurand": "Energy.Active.Import.Register"}]}


ANSWERS: dict[str, Callable[[Dialect16, "Station", Payload], Payload]] = {
    "RemoteStartTransaction": Dialect16.remote_start,
    "RemoteStopTransaction": Dialect16.remote_stop,
    "Reset": Dialect16.reset,
    "UnlockConnector": Dialect16.unlock,
    "ChangeAvailability": Dialect16.availability,
    "ChangeConfiguration": Dialect16.change_configuration,
    "GetConfiguration": Dialect16.configuration,
    "ClearCache": lambda dialect, station, asked: {"status": "Accepted"},
    "TriggerMessage": Dialect16.trigger,
    "ExtendedTriggerMessage": Dialect16.trigger,
    "SetChargingProfile": Dialect16.set_profile,
    "ClearChargingProfile": Dialect16.clear_profile,
    "GetCompositeSchedule": Dialect16.composite,
    "GetLocalListVersion": lambda dialect, station, asked: {"listVersion": station.local_list_version},
    "SendLocalList": lambda dialect, station, asked: answers.local_list(station, asked["listVersion"], asked),
    "ReserveNow": Dialect16.reserve,
    "CancelReservation": Dialect16.cancel_reservation,
    "DataTransfer": Dialect16.data_transfer,
    "GetDiagnostics": Dialect16.diagnostics,
    "UpdateFirmware": Dialect16.firmware,
}
