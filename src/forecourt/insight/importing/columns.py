"""Which column of a table says what: told by the operator, known of a public data set, or recognised by its name."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from msgspec import Struct

from forecourt.insight.importing.model import ImportRefused
from forecourt.insight.importing.values import Order

#: What can be mapped: the field, and what it says.
FIELDS: Final[dict[str, str]] = {
    "id": "the session's id",
    "start": "when it was plugged in",
    "start_date": "the day of the start, where the time stands apart",
    "start_clock": "the time of that day",
    "end": "when it was unplugged",
    "end_date": "the day of the end",
    "end_clock": "the time of that day",
    "duration_h": "how long it was plugged in, in hours or as h:mm:ss",
    "duration_min": "the same in minutes",
    "duration_s": "the same in seconds",
    "charging_end": "when charging ended",
    "charging_h": "how long it charged, in hours or as h:mm:ss",
    "charging_min": "the same in minutes",
    "charging_s": "the same in seconds",
    "energy_kwh": "energy in kWh",
    "energy_wh": "energy in Wh",
    "station": "the station",
    "evse": "the EVSE or plug of the station",
    "site": "the site",
    "driver": "who charged; only a pseudonym of it is kept",
    "driver_group": "the group of who charged, as a fleet; told only of five drivers or more",
    "connector_type": "the type of plug",
    "cost": "what it cost before taxes, or as it is, in whole units of the currency",
    "cost_incl": "what it cost after taxes",
    "currency": "the currency",
    "tariff": "the tariff",
    "stop_reason": "why it ended",
}
#: Seconds of the unit of each field that is a length of time.
DURATIONS: Final = {"duration_h": 3600, "duration_min": 60, "duration_s": 1}
CHARGINGS: Final = {"charging_h": 3600, "charging_min": 60, "charging_s": 1}
#: Wh of the unit of each field that is energy.
ENERGIES: Final = {"energy_kwh": 1000, "energy_wh": 1}

#: Names that columns often bear, in small letters without anything between; the first that a file has counts.
_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "id": ("sessionid", "transactionid", "chargingevent", "cdrid", "pluginevent", "plugineventid", "uid", "id",
           "session"),
    "start": (
        "start", "startedat", "startdatetime", "starttime", "startdate", "startdatetime", "pluginat", "plugintime",
        "connectiontime", "arrival", "arrivaltime", "begin", "begintime", "created", "sessionstart", "chargingstart",
        "startplugin", "transactionstart", "startdatetimelocal",
    ),
    "end": (
        "end", "endedat", "enddatetime", "endtime", "enddate", "plugoutat", "plugouttime", "disconnecttime",
        "disconnectiontime", "departure", "departuretime", "ended", "stop", "stoptime", "sessionend", "chargingend",
        "endplugout", "finish", "transactionstop",
    ),
    "duration_h": (
        "durationh", "durationhours", "totaldurationhhmmss", "durationhhmmss", "totalduration", "connectiontimeh",
        "durationhrs", "connectedtimeh", "pluggedinduration",
    ),
    "duration_min": ("durationmin", "durationminutes", "staymin", "parkingtimemin", "connectedtimemin", "parktimemin"),
    "duration_s": ("durations", "durationseconds", "durationsec"),
    "charging_end": ("donechargingtime", "chargingendedat", "endofcharge", "chargingendtime"),
    "charging_h": ("chargingtimehhmmss", "chargingtimeh", "chargetimehrs", "chargingdurationh", "chargingtimehours"),
    "charging_min": ("chargingtimemin", "chargingdurationmin", "chargetimemin"),
    "charging_s": ("chargingtimes", "chargingdurations"),
    "energy_kwh": (
        "energykwh", "kwh", "kwhtotal", "totalkwh", "kwhdelivered", "energydeliveredkwh", "consumkwh", "elkwh",
        "totalenergykwh", "chargedenergykwh", "totalenergy", "deliveredkwh", "consumptionkwh",
    ),
    "energy_wh": ("energywh", "wh", "totalenergywh", "energydeliveredwh"),
    "station": (
        "station", "stationid", "stationname", "chargerid", "charger", "chargepoint", "chargepointid", "cpid",
        "chargingstation", "chargingstationid", "chargeboxid", "spaceid", "locationid", "garageid",
    ),
    "evse": ("evse", "evseid", "evseuid", "connector", "connectorid", "portnumber", "port", "plug", "plugid", "ccs"),
    "site": ("site", "siteid", "sitename", "location", "locationname", "garage", "address1", "address"),
    "driver": ("driver", "driverid", "userid", "user", "customerid", "customer", "cardid", "rfid", "token", "tokenuid",
               "authid", "idtag"),
    "driver_group": ("drivergroup", "fleet", "fleetname", "fleetid", "usergroup", "customergroup"),
    "connector_type": ("connectortype", "plugtype", "porttype"),
    "cost": ("cost", "fee", "price", "amount", "revenue", "totalcost", "dollars", "costexclvat"),
    "cost_incl": ("costinclvat", "totalcostinclvat", "costincl", "gross"),
    "currency": ("currency",),
    "tariff": ("tariff", "tariffid", "tariffname"),
    "stop_reason": ("stopreason", "endedby", "reason", "terminationreason"),
}  # fmt: skip
#: Days and times of a day in columns of their own: Start Date, Start Time.
_APART: Final = (
    ("start_date", "startdate"),
    ("start_clock", "starttime"),
    ("end_date", "enddate"),
    ("end_clock", "endtime"),
)
#: A column that says energy and not in which unit.
_UNITLESS: Final = ("energy", "energysession", "energydelivered", "consumption", "energyconsumed")
#: Means of an energy without a unit above this are Wh.
MOST_KWH_MEAN: Final = 500


class Known(Struct, frozen=True, kw_only=True):
    """A public data set, known by its columns."""

    name: str
    source: str
    columns: Mapping[str, str]
    zone: str = "UTC"
    century: int | None = None
    order: Order | None = None
    decimal: Literal[".", ","] | None = None
    currency: str | None = None
    station: str | None = None
    site: str | None = None
    notes: tuple[str, ...] = ()


KNOWN: Final = (
    Known(
        name="residential charging in Norway (Sørensen et al. 2024)",
        source="norway-residential",
        columns={
            "id": "session_id", "site": "location", "station": "user_id", "driver": "user_id", "start": "plugin_time",
            "end": "plugout_time", "duration_h": "connection_time", "energy_kwh": "energy_session",
        },
        zone="Europe/Oslo",
        decimal=",",
    ),
    Known(
        name="workplace charging (Asensio et al. 2021)",
        source="asensio-workplace",
        columns={
            "id": "sessionId", "site": "locationId", "station": "stationId", "driver": "userId", "start": "created",
            "end": "ended", "duration_h": "chargeTimeHrs", "energy_kwh": "kwhTotal", "cost": "dollars",
        },
        century=2000,
        currency="USD",
        notes=("its years are written 0014 and 0015", "nobody says in which zone: its times are taken as they stand"),
    ),
    Known(
        name="DC fast charging at EPFL",
        source="epfl-dcfast",
        columns={
            "id": "Session", "evse": "CCS", "start": "Arrival", "end": "Departure", "duration_min": "Stay (min)",
            "energy_wh": "Energy (Wh)",
        },
        zone="Europe/Zurich",
        station="EPFL",
        site="EPFL",
    ),
)  # fmt: skip


class Columns(Struct, frozen=True, kw_only=True):
    """Which field is read of which column, and how it was found."""

    names: Mapping[str, str]
    known: Known | None = None

    def says(self, field: str) -> bool:
        """Whether the file has it."""
        return field in self.names


def plain(name: str) -> str:
    """A column's name in small letters and digits alone."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def find(head: Sequence[str], told: Mapping[str, str]) -> Columns:
    """The columns of a file with this head: those of a data set that is known, else those with names that say it; what
    was told wins. Raises ImportRefused for a column that is not there."""
    for field, column in told.items():
        if field not in FIELDS:
            raise ImportRefused(f"Nothing is called {field}. What can be mapped: {', '.join(FIELDS)}.")
        if column not in head:
            raise ImportRefused(f"The file has no column {column}. It has: {', '.join(head)}.")
    known = next((each for each in KNOWN if set(each.columns.values()) <= set(head)), None)
    names = dict(known.columns) if known is not None else _recognised(head)
    for field in told:
        for other in (*ENERGIES,) if field in ENERGIES else (*DURATIONS,) if field in DURATIONS else ():
            names.pop(other, None)
    return Columns(names=names | dict(told), known=known)


def _recognised(head: Sequence[str]) -> dict[str, str]:
    by_name = {plain(column): column for column in reversed(head)}
    names = {
        field: next(by_name[name] for name in usual if name in by_name)
        for field, usual in _NAMES.items()
        if any(name in by_name for name in usual)
    }
    if all(name in by_name for _, name in _APART) and names.get("start") in {
        by_name["startdate"],
        by_name["starttime"],
    }:
        names |= {field: by_name[name] for field, name in _APART}
        del names["start"], names["end"]
    if names.get("site") == names.get("station"):
        names.pop("site", None)
    return names


def energy_unit(head: Sequence[str], sample: Mapping[str, Sequence[Any]]) -> tuple[str, str] | None:
    """The field and column of an energy whose unit its name doesn't say, by how large it is; `sample` holds numbers."""
    for column in head:
        if plain(column) in _UNITLESS and sample.get(column):
            mean = sum(sample[column]) / len(sample[column])
            return ("energy_wh" if mean > MOST_KWH_MEAN else "energy_kwh"), column
    return None


def check(columns: Columns, head: Sequence[str], station: str | None) -> None:
    """Raises ImportRefused where what every session needs is in no column."""
    names = columns.names
    lacks = []
    if "start" not in names and not {"start_date", "start_clock"} <= names.keys():
        lacks.append("start")
    ends = {"end", *DURATIONS} & names.keys() or {"end_date", "end_clock"} <= names.keys()
    if not ends:
        lacks.append("end")
    if "station" not in names and station is None:
        lacks.append("station")
    if not {*ENERGIES} & names.keys():
        lacks.append("energy_kwh")
    if lacks:
        raise ImportRefused(
            f"No column says {', '.join(lacks)}. Say which does: --map {lacks[0]}=COLUMN; a file of one station:"
            f" --station NAME. The columns: {', '.join(head)}."
        )
