"""What a 1.6 station answers to each CALL that it knows."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from forecourt.simulator import answers
from forecourt.simulator.bay import Bay
from forecourt.simulator.said import Kind, Said
from forecourt.simulator.settings import BY_KEY16, SETTINGS, WRITE_ONLY
from forecourt.simulator.wire import Payload, stamp

if TYPE_CHECKING:
    from forecourt.simulator.station import Station
    from forecourt.simulator.v16 import Dialect16


def remote_start(dialect: "Dialect16", station: "Station", asked: Payload) -> Payload:
    bay = station.remote_start(asked.get("connectorId"), asked["idTag"], None, asked.get("chargingProfile"))
    return {"status": "Accepted" if bay else "Rejected"}


def remote_stop(dialect: "Dialect16", station: "Station", asked: Payload) -> Payload:
    return {"status": "Accepted" if station.remote_stop(asked["transactionId"]) else "Rejected"}


def reset(dialect: "Dialect16", station: "Station", asked: Payload) -> Payload:
    return {"status": station.reset(hard=asked["type"] == "Hard")}


def unlock(dialect: "Dialect16", station: "Station", asked: Payload) -> Payload:
    bay = station.bay(asked["connectorId"])
    return {"status": station.unlock(bay) if bay else "NotSupported"}


def availability(dialect: "Dialect16", station: "Station", asked: Payload) -> Payload:
    return {"status": station.change_availability(asked["connectorId"], asked["type"] == "Operative")}


def change_configuration(dialect: "Dialect16", station: "Station", asked: Payload) -> Payload:
    setting = BY_KEY16.get(asked["key"].lower())
    if setting is None:
        return {"status": "NotSupported"}
    status = station.settings.change(setting, asked["value"])
    if status == "Accepted":
        station.change_setting(setting.name, asked["value"])
    return {"status": status}


def configuration(dialect: "Dialect16", station: "Station", asked: Payload) -> Payload:
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


def trigger(dialect: "Dialect16", station: "Station", asked: Payload) -> Payload:
    message, number = asked["requestedMessage"], asked.get("connectorId")
    bays = [bay for bay in station.bays if number in (None, 0, bay.number)]
    if not bays:
        return {"status": "Rejected"}
    if message == "MeterValues":
        for bay in bays:
            station.soon(lambda b=bay: _triggered(dialect, station, b))  # type: ignore[misc]
    elif message == "StatusNotification":
        for bay in bays:
            station.soon(lambda b=bay: dialect.status(b, station.time()))  # type: ignore[misc]
    elif not answers.trigger(station, message, dialect.boot):
        return {"status": "NotImplemented"}
    return {"status": "Accepted"}


def _triggered(dialect: "Dialect16", station: "Station", bay: Bay) -> None:
    bay.advance(station.time())
    if bay.tx is not None:
        dialect.sample(bay, bay.tx, bay.reading(station.time()), "Trigger")
        return
    value = {
        "timestamp": stamp(station.time()),
        "sampledValue": dialect.values(bay.reading(station.time()), "Trigger"),
    }
    station.link.say(Said("MeterValues", {"connectorId": bay.number, "meterValue": [value]}, Kind.STATUS))


def set_profile(dialect: "Dialect16", station: "Station", asked: Payload) -> Payload:
    return {"status": station.install_profile(asked["csChargingProfiles"], asked["connectorId"])}


def clear_profile(dialect: "Dialect16", station: "Station", asked: Payload) -> Payload:
    cleared = station.limits.clear(
        asked.get("id"), asked.get("connectorId"), asked.get("chargingProfilePurpose"), asked.get("stackLevel")
    )
    return {"status": "Accepted" if cleared else "Unknown"}


def composite(dialect: "Dialect16", station: "Station", asked: Payload) -> Payload:
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


def reserve(dialect: "Dialect16", station: "Station", asked: Payload) -> Payload:
    until = msgspec.convert(asked["expiryDate"], type=answers.AWARE)
    return {"status": station.reserve(asked["connectorId"], asked["reservationId"], asked["idTag"], until)}


def cancel_reservation(dialect: "Dialect16", station: "Station", asked: Payload) -> Payload:
    return {"status": station.cancel_reservation(asked["reservationId"])}


def data_transfer(dialect: "Dialect16", station: "Station", asked: Payload) -> Payload:
    return {"status": "UnknownVendorId"}


def diagnostics(dialect: "Dialect16", station: "Station", asked: Payload) -> Payload:
    chain = ("Uploading", "UploadFailed")
    answers.say_chain(station, "DiagnosticsStatusNotification", [{"status": s} for s in chain])
    return {"fileName": f"{station.identity}.log"}


def firmware(dialect: "Dialect16", station: "Station", asked: Payload) -> Payload:
    chain = ("Downloading", "DownloadFailed")
    answers.say_chain(station, "FirmwareStatusNotification", [{"status": s} for s in chain])
    return {}


ANSWERS: "dict[str, Callable[[Dialect16, Station, Payload], Payload]]" = {
    "RemoteStartTransaction": remote_start,
    "RemoteStopTransaction": remote_stop,
    "Reset": reset,
    "UnlockConnector": unlock,
    "ChangeAvailability": availability,
    "ChangeConfiguration": change_configuration,
    "GetConfiguration": configuration,
    "ClearCache": lambda dialect, station, asked: {"status": "Accepted"},
    "TriggerMessage": trigger,
    "ExtendedTriggerMessage": trigger,
    "SetChargingProfile": set_profile,
    "ClearChargingProfile": clear_profile,
    "GetCompositeSchedule": composite,
    "GetLocalListVersion": lambda dialect, station, asked: {"listVersion": station.local_list_version},
    "SendLocalList": lambda dialect, station, asked: answers.local_list(station, asked["listVersion"], asked),
    "ReserveNow": reserve,
    "CancelReservation": cancel_reservation,
    "DataTransfer": data_transfer,
    "GetDiagnostics": diagnostics,
    "UpdateFirmware": firmware,
}
