"""OCPP 2.0.1 and 2.1 as a station speaks them; 2.1 differs in its subprotocol and a few refusals."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

import msgspec

from forecourt.simulator import answers
from forecourt.simulator.bay import Bay, Reading, Transaction
from forecourt.simulator.car import VOLTAGE_V
from forecourt.simulator.said import Kind, Role, Said
from forecourt.simulator.settings import BY_PLACE2, COMPONENTS2, SETTINGS, WRITE_ONLY
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
    "PowerLoss": ("AbnormalCondition", "PowerLoss"),
    "EmergencyStop": ("AbnormalCondition", "EmergencyStop"),
}
CHARGING_STATES = {"Charging": "Charging", "SuspendedEV": "SuspendedEV", "SuspendedEVSE": "SuspendedEVSE"}
OCCUPIED = frozenset(("Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing"))
#: Items of a NotifyReport page.
PAGE_ITEMS = 10


class Dialect201:
    """Speaks for one station, which names its transactions itself and numbers their events."""

    subprotocol = "ocpp2.0.1"

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
                {"idToken": _token(token)},
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
            payload["idToken"] = _token(token)
        if context is not None:
            payload["meterValue"] = [{"timestamp": stamp(reading.at), "sampledValue": self._values(reading, context)}]
        facts = {"kind": {"Started": "start", "Updated": "update", "Ended": "stop"}[kind], "evse": bay.number}
        if kind == "Updated" and context is not None:
            facts["kind"] = "meter"
        facts |= {"at": stamp(reading.at), "register_wh": reading.register_wh, "seq": seq}

        def answered(answer: Payload) -> None:
            if token is not None and "idTokenInfo" in answer and kind != "Ended":
                station.token_answered(bay, tx, answer["idTokenInfo"]["status"])

        role = {"Started": Role.BEGIN, "Updated": Role.METER, "Ended": Role.END}[kind]
        station.link.say(
            Said("TransactionEvent", payload, Kind.BILLING, role=role, session=tx.key, facts=facts, then=answered)
        )

    def _values(self, reading: Reading, context: str) -> list[Payload]:
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
                add(round(reading.power_w, 1), "Power.Active.Import", "W")
            elif name == "offered":
                add(round(reading.offered_w), "Power.Offered", "W")
            elif name == "current":
                for phase in range(reading.phases):
                    add(round(reading.current_a, 2), "Current.Import", "A", phase=f"L{phase + 1}")
            elif name == "voltage":
                for phase in range(reading.phases):
                    add(VOLTAGE_V, "Voltage", "V", phase=f"L{phase + 1}-N")
            elif name == "soc" and reading.soc is not None:
                add(round(reading.soc * 100, 1), "SoC", "Percent", location="EV")
        return values

    # --- what the CSMS asks

    def answer(self, action: str, payload: Payload) -> Payload:
        verb = self.verbs().get(action)
        if verb is None:
            raise Refused("NotImplemented", f"{action} is not known here")
        return verb(self, self._station, payload)

    def verbs(self) -> "dict[str, Callable[[Dialect201, Station, Payload], Payload]]":
        return ANSWERS

    def request_start(self, station: "Station", asked: Payload) -> Payload:
        bay = station.remote_start(
            asked.get("evseId"), asked["idToken"]["idToken"], asked["remoteStartId"], asked.get("chargingProfile")
        )
        return {"status": "Accepted" if bay else "Rejected"}

    def request_stop(self, station: "Station", asked: Payload) -> Payload:
        return {"status": "Accepted" if station.remote_stop(asked["transactionId"]) else "Rejected"}

    def reset(self, station: "Station", asked: Payload) -> Payload:
        if asked.get("evseId") is not None:
            return {"status": "Rejected"}
        status = station.schedule_reset() if asked["type"] == "OnIdle" else station.reset(hard=True)
        return {"status": status}

    def unlock(self, station: "Station", asked: Payload) -> Payload:
        bay = station.bay(asked["evseId"])
        if bay is None or asked["connectorId"] != 1:
            return {"status": "UnknownConnector"}
        return {"status": "OngoingAuthorizedTransaction" if bay.tx else station.unlock(bay)}

    def availability(self, station: "Station", asked: Payload) -> Payload:
        number = asked.get("evse", {}).get("id", 0)
        return {"status": station.change_availability(number, asked["operationalStatus"] == "Operative")}

    def get_variables(self, station: "Station", asked: Payload) -> Payload:
        results = []
        for item in asked["getVariableData"]:
            component, variable = item["component"], item["variable"]
            setting = BY_PLACE2.get((component["name"].lower(), variable["name"].lower()))
            result: Payload = {"component": component, "variable": variable}
            if setting is None:
                known = component["name"].lower() in COMPONENTS2
                result["attributeStatus"] = "UnknownVariable" if known else "UnknownComponent"
            elif item.get("attributeType", "Actual") != "Actual":
                result["attributeStatus"] = "NotSupportedAttributeType"
            elif setting.mutability == WRITE_ONLY:
                result["attributeStatus"] = "Rejected"
            else:
                result |= {"attributeStatus": "Accepted", "attributeValue": station.settings.get(setting.name)}
            results.append(result)
        return {"getVariableResult": results}

    def set_variables(self, station: "Station", asked: Payload) -> Payload:
        results = []
        for item in asked["setVariableData"]:
            component, variable = item["component"], item["variable"]
            setting = BY_PLACE2.get((component["name"].lower(), variable["name"].lower()))
            if setting is None:
                known = component["name"].lower() in COMPONENTS2
                status = "UnknownVariable" if known else "UnknownComponent"
            else:
                status = station.settings.change(setting, item["attributeValue"])
                if status == "Accepted":
                    station.change_setting(setting.name, item["attributeValue"])
            results.append({"attributeStatus": status, "component": component, "variable": variable})
        return {"setVariableResult": results}

    def base_report(self, station: "Station", asked: Payload) -> Payload:
        items = [
            {
                "component": {"name": s.place2[0]},
                "variable": {"name": s.place2[1]},
                "variableAttribute": [
                    {"mutability": s.mutability}
                    | ({} if s.mutability == WRITE_ONLY else {"value": station.settings.get(s.name)})
                ],
                "variableCharacteristics": {"dataType": s.type, "supportsMonitoring": False},
            }
            for s in SETTINGS
            if s.place2
        ]
        pages = [items[i : i + PAGE_ITEMS] for i in range(0, len(items), PAGE_ITEMS)]
        for seq, page in enumerate(pages):
            payload = {
                "requestId": asked["requestId"],
                "generatedAt": stamp(station.time()),
                "seqNo": seq,
                "tbc": seq < len(pages) - 1,
                "reportData": page,
            }
            station.soon(lambda p=payload: station.link.say(Said("NotifyReport", p, Kind.STATUS)))  # type: ignore[misc]
        return {"status": "Accepted"}

    def trigger(self, station: "Station", asked: Payload) -> Payload:
        message, number = asked["requestedMessage"], asked.get("evse", {}).get("id")
        bays = [bay for bay in station.bays if number in (None, 0, bay.number)]
        if not bays:
            return {"status": "Rejected"}
        if message == "StatusNotification":
            for bay in bays:
                station.soon(lambda b=bay: self.status(b, station.time(), always=True))  # type: ignore[misc]
        elif message in ("TransactionEvent", "MeterValues"):
            for bay in bays:
                station.soon(lambda b=bay: self._triggered(b, message))  # type: ignore[misc]
        elif not answers.trigger(station, message, self.boot):
            return {"status": "NotImplemented"}
        return {"status": "Accepted"}

    def _triggered(self, bay: Bay, message: str) -> None:
        station = self._station
        bay.advance(station.time())
        reading = bay.reading(station.time())
        if message == "TransactionEvent" and bay.tx is not None:
            self.sample(bay, bay.tx, reading, "Trigger")
        elif message == "MeterValues":
            value = {"timestamp": stamp(reading.at), "sampledValue": self._values(reading, "Trigger")}
            station.link.say(Said("MeterValues", {"evseId": bay.number, "meterValue": [value]}, Kind.STATUS))

    def set_profile(self, station: "Station", asked: Payload) -> Payload:
        return {"status": station.install_profile(asked["chargingProfile"], asked["evseId"])}

    def clear_profile(self, station: "Station", asked: Payload) -> Payload:
        what = asked.get("chargingProfileCriteria", {})
        cleared = station.limits.clear(
            asked.get("chargingProfileId"),
            what.get("evseId"),
            what.get("chargingProfilePurpose"),
            what.get("stackLevel"),
        )
        return {"status": "Accepted" if cleared else "Unknown"}

    def get_profiles(self, station: "Station", asked: Payload) -> Payload:
        found = [p for p in station.limits if asked.get("evseId") in (None, p.evse)]
        for index, profile in enumerate(found):
            payload = {
                "requestId": asked["requestId"],
                "chargingLimitSource": "CSO",
                "evseId": profile.evse,
                "chargingProfile": [profile.wire],
                "tbc": index < len(found) - 1,
            }
            station.soon(lambda p=payload: station.link.say(Said("ReportChargingProfiles", p, Kind.STATUS)))  # type: ignore[misc]
        return {"status": "Accepted" if found else "NoProfiles"}

    def composite(self, station: "Station", asked: Payload) -> Payload:
        number, duration_s = asked["evseId"], asked["duration"]
        if number and station.bay(number) is None:
            return {"status": "Rejected"}
        unit = asked.get("chargingRateUnit", "W")
        return {
            "status": "Accepted",
            "schedule": {
                "evseId": number,
                "duration": duration_s,
                "scheduleStart": stamp(station.time()),
                "chargingRateUnit": unit,
                "chargingSchedulePeriod": answers.periods(station, number, duration_s, unit),
            },
        }

    def transaction_status(self, station: "Station", asked: Payload) -> Payload:
        wanted = asked.get("transactionId")
        if wanted is None:
            return {"messagesInQueue": any(s.kind is Kind.BILLING for s in station.link.queue)}
        running = [bay for bay in station.bays if bay.tx is not None and bay.tx.id == wanted]
        waits = any(
            isinstance(s.payload, dict) and s.payload.get("transactionInfo", {}).get("transactionId") == wanted
            for s in station.link.queue
        )
        return {"ongoingIndicator": bool(running), "messagesInQueue": waits}

    def reserve(self, station: "Station", asked: Payload) -> Payload:
        until = msgspec.convert(asked["expiryDateTime"], type=answers.AWARE)
        status = station.reserve(asked.get("evseId", 0), asked["id"], asked["idToken"]["idToken"], until)
        return {"status": status}

    def cancel_reservation(self, station: "Station", asked: Payload) -> Payload:
        return {"status": station.cancel_reservation(asked["reservationId"])}

    def log(self, station: "Station", asked: Payload) -> Payload:
        chain = [{"status": s, "requestId": asked["requestId"]} for s in ("Uploading", "UploadFailure")]
        answers.say_chain(station, "LogStatusNotification", chain)
        return {"status": "Accepted", "filename": f"{station.identity}.log"}

    def firmware(self, station: "Station", asked: Payload) -> Payload:
        chain = [{"status": s, "requestId": asked["requestId"]} for s in ("Downloading", "DownloadFailed")]
        answers.say_chain(station, "FirmwareStatusNotification", chain)
        return {"status": "Accepted"}


class Dialect21(Dialect201):
    """2.1: its own subprotocol; tariffs on the station are known and turned down."""

    subprotocol = "ocpp2.1"

    def verbs(self) -> "dict[str, Callable[[Dialect201, Station, Payload], Payload]]":
        return ANSWERS21


def _token(uid: str) -> Payload:
    return {"idToken": uid, "type": "ISO14443"}


ANSWERS: "dict[str, Callable[[Dialect201, Station, Payload], Payload]]" = {
    "RequestStartTransaction": Dialect201.request_start,
    "RequestStopTransaction": Dialect201.request_stop,
    "Reset": Dialect201.reset,
    "UnlockConnector": Dialect201.unlock,
    "ChangeAvailability": Dialect201.availability,
    "GetVariables": Dialect201.get_variables,
    "SetVariables": Dialect201.set_variables,
    "GetBaseReport": Dialect201.base_report,
    "ClearCache": lambda dialect, station, asked: {"status": "Accepted"},
    "TriggerMessage": Dialect201.trigger,
    "SetChargingProfile": Dialect201.set_profile,
    "ClearChargingProfile": Dialect201.clear_profile,
    "GetChargingProfiles": Dialect201.get_profiles,
    "GetCompositeSchedule": Dialect201.composite,
    "GetTransactionStatus": Dialect201.transaction_status,
    "GetLocalListVersion": lambda dialect, station, asked: {"versionNumber": station.local_list_version},
    "SendLocalList": lambda dialect, station, asked: answers.local_list(station, asked["versionNumber"], asked),
    "ReserveNow": Dialect201.reserve,
    "CancelReservation": Dialect201.cancel_reservation,
    "CostUpdated": lambda dialect, station, asked: {},
    "DataTransfer": lambda dialect, station, asked: {"status": "UnknownVendorId"},
    "GetLog": Dialect201.log,
    "UpdateFirmware": Dialect201.firmware,
}
ANSWERS21: "dict[str, Callable[[Dialect201, Station, Payload], Payload]]" = {
    **ANSWERS,
    "SetDefaultTariff": lambda dialect, station, asked: {"status": "Rejected"},
    "GetTariffs": lambda dialect, station, asked: {"status": "NoTariff"},
}
