"""What a 2.x station answers to each CALL that it knows."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from forecourt.simulator import answers, dynamic, profiles
from forecourt.simulator.bay import Bay
from forecourt.simulator.car import Car
from forecourt.simulator.said import Kind, Said
from forecourt.simulator.settings import BY_PLACE2, COMPONENTS2, SETTINGS, WRITE_ONLY, Setting
from forecourt.simulator.wire import Payload, stamp

if TYPE_CHECKING:
    from forecourt.simulator.station import Station
    from forecourt.simulator.v201 import Dialect201

#: Items of a NotifyReport page.
PAGE_ITEMS = 10


def request_start(dialect: "Dialect201", station: "Station", asked: Payload) -> Payload:
    token = asked["idToken"]
    station.paying.types[token["idToken"].lower()] = token["type"]
    bay = station.remote_start(
        asked.get("evseId"), asked["idToken"]["idToken"], asked["remoteStartId"], asked.get("chargingProfile")
    )
    return {"status": "Accepted" if bay else "Rejected"}


def request_stop(dialect: "Dialect201", station: "Station", asked: Payload) -> Payload:
    return {"status": "Accepted" if station.remote_stop(asked["transactionId"]) else "Rejected"}


def reset(dialect: "Dialect201", station: "Station", asked: Payload) -> Payload:
    if asked.get("evseId") is not None:
        return {"status": "Rejected"}
    status = station.schedule_reset() if asked["type"] == "OnIdle" else station.reset(hard=True)
    return {"status": status}


def unlock(dialect: "Dialect201", station: "Station", asked: Payload) -> Payload:
    bay = station.bay(asked["evseId"])
    if bay is None or asked["connectorId"] != 1:
        return {"status": "UnknownConnector"}
    return {"status": "OngoingAuthorizedTransaction" if bay.tx else station.unlock(bay)}


def availability(dialect: "Dialect201", station: "Station", asked: Payload) -> Payload:
    number = asked.get("evse", {}).get("id", 0)
    return {"status": station.change_availability(number, asked["operationalStatus"] == "Operative")}


def _setting(dialect: "Dialect201", component: Payload, variable: Payload) -> Setting | None:
    found = BY_PLACE2.get((component["name"].lower(), variable["name"].lower()))
    return None if found is None or (found.of21 and not dialect.dynamic) else found


def get_variables(dialect: "Dialect201", station: "Station", asked: Payload) -> Payload:
    results = []
    for item in asked["getVariableData"]:
        component, variable = item["component"], item["variable"]
        setting = _setting(dialect, component, variable)
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


def set_variables(dialect: "Dialect201", station: "Station", asked: Payload) -> Payload:
    results = []
    for item in asked["setVariableData"]:
        component, variable = item["component"], item["variable"]
        setting = _setting(dialect, component, variable)
        if setting is None:
            known = component["name"].lower() in COMPONENTS2
            status = "UnknownVariable" if known else "UnknownComponent"
        else:
            status = station.settings.change(setting, item["attributeValue"])
            if status == "Accepted":
                station.change_setting(setting.name, item["attributeValue"])
        results.append({"attributeStatus": status, "component": component, "variable": variable})
    return {"setVariableResult": results}


def base_report(dialect: "Dialect201", station: "Station", asked: Payload) -> Payload:
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
        if s.place2 and (dialect.dynamic or not s.of21)
    ]
    items += gives_items(station)
    items += cost_items(station)
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


def gives_items(station: "Station") -> list[Payload]:
    """What is told of bays at which cars may give back (2.1 V2XChargingCtrlr)."""
    told = (("Enabled", "true", "boolean"), ("SupportedOperationModes", "ChargingOnly,CentralSetpoint", "MemberList"))
    return [
        {
            "component": {"name": "V2XChargingCtrlr", "evse": {"id": bay.number}},
            "variable": {"name": name},
            "variableAttribute": [{"mutability": "ReadOnly", "value": value}],
            "variableCharacteristics": {"dataType": type, "supportsMonitoring": False},
        }
        for bay in station.bays
        for name, value, type in told
        if station.make.gives
    ]


def cost_items(station: "Station") -> list[Payload]:
    """What is told of costs (TariffCostCtrlr), where it shows any."""
    return [
        {
            "component": {"name": "TariffCostCtrlr"},
            "variable": {"name": "Enabled", "instance": instance},
            "variableAttribute": [{"mutability": "ReadWrite", "value": "true"}],
            "variableCharacteristics": {"dataType": "boolean", "supportsMonitoring": False},
        }
        for instance in ("Cost", "Tariff")
        if station.make.reckons
    ]


def trigger(dialect: "Dialect201", station: "Station", asked: Payload) -> Payload:
    message, number = asked["requestedMessage"], asked.get("evse", {}).get("id")
    bays = [bay for bay in station.bays if number in (None, 0, bay.number)]
    if not bays:
        return {"status": "Rejected"}
    if message == "StatusNotification":
        for bay in bays:
            station.soon(lambda b=bay: dialect.status(b, station.time(), always=True))  # type: ignore[misc]
    elif message in ("TransactionEvent", "MeterValues"):
        for bay in bays:
            station.soon(lambda b=bay: _triggered(dialect, station, b, message))  # type: ignore[misc]
    elif not answers.trigger(station, message, dialect.boot):
        return {"status": "NotImplemented"}
    return {"status": "Accepted"}


def _triggered(dialect: "Dialect201", station: "Station", bay: Bay, message: str) -> None:
    bay.advance(station.time())
    reading = bay.reading(station.time())
    if message == "TransactionEvent" and bay.tx is not None:
        dialect.sample(bay, bay.tx, reading, "Trigger")
    elif message == "MeterValues":
        value = {"timestamp": stamp(reading.at), "sampledValue": dialect.values(reading, "Trigger")}
        station.link.say(Said("MeterValues", {"evseId": bay.number, "meterValue": [value]}, Kind.STATUS))


def set_profile(dialect: "Dialect201", station: "Station", asked: Payload) -> Payload:
    wire = asked["chargingProfile"]
    fault = dynamic.fault_of(wire) if dialect.dynamic else None
    if fault is not None:
        return {"status": "Rejected", "statusInfo": {"reasonCode": fault}}
    bay = station.bay(asked["evseId"])
    gives = station.make.gives and bay is not None and isinstance(bay.load, Car) and bay.load.gives_w > 0
    unsuitable = profiles.unsuitable(wire, gives=gives)
    if unsuitable is not None:
        return {"status": "Rejected", "statusInfo": {"reasonCode": unsuitable}}
    return {"status": station.install_profile(wire, asked["evseId"])}


def update_profile(dialect: "Dialect201", station: "Station", asked: Payload) -> Payload:
    if dynamic.update(station, asked["chargingProfileId"], asked["scheduleUpdate"]):
        return {"status": "Accepted"}
    return {"status": "Rejected", "statusInfo": {"reasonCode": "InvalidProfile"}}


def use_priority(dialect: "Dialect201", station: "Station", asked: Payload) -> Payload:
    bay = next((bay for bay in station.bays if bay.tx is not None and bay.tx.id == asked["transactionId"]), None)
    if bay is None:
        return {"status": "Rejected"}
    found = station.limits.prioritise(bay.number, active=asked["activate"])
    station.soon(station.advance)
    return {"status": "Accepted" if found else "NoProfile"}


def clear_profile(dialect: "Dialect201", station: "Station", asked: Payload) -> Payload:
    what = asked.get("chargingProfileCriteria", {})
    cleared = station.limits.clear(
        asked.get("chargingProfileId"),
        what.get("evseId"),
        what.get("chargingProfilePurpose"),
        what.get("stackLevel"),
    )
    return {"status": "Accepted" if cleared else "Unknown"}


def get_profiles(dialect: "Dialect201", station: "Station", asked: Payload) -> Payload:
    found = [p for p in station.limits if asked.get("evseId") in (None, p.evse)]
    for index, profile in enumerate(found):
        payload = {
            "requestId": asked["requestId"],
            "chargingLimitSource": station.limited_by.get(profile.id, "CSO"),
            "evseId": profile.evse,
            "chargingProfile": [profile.wire],
            "tbc": index < len(found) - 1,
        }
        station.soon(lambda p=payload: station.link.say(Said("ReportChargingProfiles", p, Kind.STATUS)))  # type: ignore[misc]
    return {"status": "Accepted" if found else "NoProfiles"}


def composite(dialect: "Dialect201", station: "Station", asked: Payload) -> Payload:
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


def transaction_status(dialect: "Dialect201", station: "Station", asked: Payload) -> Payload:
    wanted = asked.get("transactionId")
    if wanted is None:
        return {"messagesInQueue": any(s.kind is Kind.BILLING for s in station.link.queue)}
    running = [bay for bay in station.bays if bay.tx is not None and bay.tx.id == wanted]
    waits = any(
        isinstance(s.payload, dict) and s.payload.get("transactionInfo", {}).get("transactionId") == wanted
        for s in station.link.queue
    )
    return {"ongoingIndicator": bool(running), "messagesInQueue": waits}


def reserve(dialect: "Dialect201", station: "Station", asked: Payload) -> Payload:
    until = msgspec.convert(asked["expiryDateTime"], type=answers.AWARE)
    status = station.reserve(asked.get("evseId", 0), asked["id"], asked["idToken"]["idToken"], until)
    return {"status": status}


def cancel_reservation(dialect: "Dialect201", station: "Station", asked: Payload) -> Payload:
    return {"status": station.cancel_reservation(asked["reservationId"])}


def log(dialect: "Dialect201", station: "Station", asked: Payload) -> Payload:
    chain = [{"status": s, "requestId": asked["requestId"]} for s in ("Uploading", "UploadFailure")]
    answers.say_chain(station, "LogStatusNotification", chain)
    return {"status": "Accepted", "filename": f"{station.identity}.log"}


def firmware(dialect: "Dialect201", station: "Station", asked: Payload) -> Payload:
    chain = [{"status": s, "requestId": asked["requestId"]} for s in ("Downloading", "DownloadFailed")]
    answers.say_chain(station, "FirmwareStatusNotification", chain)
    return {"status": "Accepted"}


def cost_updated(dialect: "Dialect201", station: "Station", asked: Payload) -> Payload:
    station.paying.running[asked["transactionId"]] = asked["totalCost"]
    return {}


def set_tariff(dialect: "Dialect201", station: "Station", asked: Payload) -> Payload:
    if not station.make.reckons:
        return {"status": "Rejected"}
    station.paying.tariffs[asked["evseId"]] = asked["tariff"]
    return {"status": "Accepted"}


def clear_tariffs(dialect: "Dialect201", station: "Station", asked: Payload) -> Payload:
    gone = station.paying.tariffs.pop(asked.get("evseId", 0), None)
    return {"clearTariffsResult": [{"status": "NoTariff" if gone is None else "Accepted"}]}


def get_tariffs(dialect: "Dialect201", station: "Station", asked: Payload) -> Payload:
    known = [
        {"tariffId": tariff["tariffId"], "tariffKind": "DefaultTariff", "evseIds": [number]}
        for number, tariff in station.paying.tariffs.items()
        if asked["evseId"] in (0, number)
    ]
    return {"status": "Accepted", "tariffAssignments": known} if known else {"status": "NoTariff"}


def web_payment(dialect: "Dialect201", station: "Station", asked: Payload) -> Payload:
    station.paying.notify_begun(asked["evseId"], asked["timeout"])
    return {}


ANSWERS: "dict[str, Callable[[Dialect201, Station, Payload], Payload]]" = {
    "RequestStartTransaction": request_start,
    "RequestStopTransaction": request_stop,
    "Reset": reset,
    "UnlockConnector": unlock,
    "ChangeAvailability": availability,
    "GetVariables": get_variables,
    "SetVariables": set_variables,
    "GetBaseReport": base_report,
    "ClearCache": lambda dialect, station, asked: {"status": "Accepted"},
    "TriggerMessage": trigger,
    "SetChargingProfile": set_profile,
    "ClearChargingProfile": clear_profile,
    "GetChargingProfiles": get_profiles,
    "GetCompositeSchedule": composite,
    "GetTransactionStatus": transaction_status,
    "GetLocalListVersion": lambda dialect, station, asked: {"versionNumber": station.local_list_version},
    "SendLocalList": lambda dialect, station, asked: answers.local_list(station, asked["versionNumber"], asked),
    "ReserveNow": reserve,
    "CancelReservation": cancel_reservation,
    "CostUpdated": cost_updated,
    "DataTransfer": lambda dialect, station, asked: {"status": "UnknownVendorId"},
    "GetLog": log,
    "UpdateFirmware": firmware,
}
ANSWERS21: "dict[str, Callable[[Dialect201, Station, Payload], Payload]]" = {
    **ANSWERS,
    "SetDefaultTariff": set_tariff,
    "ClearTariffs": clear_tariffs,
    "GetTariffs": get_tariffs,
    "NotifyWebPaymentStarted": web_payment,
    "UpdateDynamicSchedule": update_profile,
    "UsePriorityCharging": use_priority,
}
