"""What plugs the EVSEs of a station have: their type, AC or DC, and power, as somebody said; and what the station
itself says of it (OCPP 2.x: ConnectorType of a connector, SupplyPhases and Power of an EVSE)."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, convert, structs

from forecourt.access import Actor, audit
from forecourt.platform.errors import ForecourtError
from forecourt.platform.text import NAME_LINE
from forecourt.stations import service, store
from forecourt.stations.store import plugs as kept
from forecourt.stations.store.plugs import Connection, PlugRow

#: Plugs of one station.
MAX_PLUGS: Final = 200
MAX_NUMBER: Final = 10_000
#: Beyond this it is alternating current no more, where nothing else is known.
MOST_AC_W: Final = 43_000

PlugKind = Literal["AC", "DC"]
Number = Annotated[int, Meta(ge=1, le=MAX_NUMBER, examples=[1])]
Watts = Annotated[int, Meta(ge=1, le=2**31 - 1, examples=[22000])]
ConnectorType = Annotated[
    str,
    Meta(
        min_length=1, max_length=255, pattern=NAME_LINE, description="OCPI's ConnectorType.", examples=["IEC_62196_T2"]
    ),
]

#: OCPP's words for types of connectors (2.0.1 ConnectorEnumType) in OCPI's, with what flows.
_TYPES: Final[Mapping[str, tuple[str, PlugKind]]] = {
    "cCCS1": ("IEC_62196_T1_COMBO", "DC"),
    "cCCS2": ("IEC_62196_T2_COMBO", "DC"),
    "cChaoJi": ("CHAOJI", "DC"),
    "cG105": ("CHADEMO", "DC"),
    "cGBT-DC": ("GBT_DC", "DC"),
    "cLECCS": ("IEC_62196_T2_COMBO", "DC"),
    "cMCS": ("MCS", "DC"),
    "cNACS": ("SAE_J3400", "DC"),
    "cNACS-CCS1": ("SAE_J3400", "DC"),
    "cTesla": ("TESLA_S", "DC"),
    "cType1": ("IEC_62196_T1", "AC"),
    "cType2": ("IEC_62196_T2", "AC"),
    "cGBT": ("GBT_AC", "AC"),
    "s309-1P-16A": ("IEC_60309_2_single_16", "AC"),
    "s309-1P-32A": ("IEC_60309_2_single_16", "AC"),
    "s309-3P-16A": ("IEC_60309_2_three_16", "AC"),
    "s309-3P-32A": ("IEC_60309_2_three_32", "AC"),
    "sBS1361": ("DOMESTIC_G", "AC"),
    "sCEE-7-7": ("DOMESTIC_F", "AC"),
    "sType2": ("IEC_62196_T2", "AC"),
    "sType3": ("IEC_62196_T3C", "AC"),
}
#: OCPI's words, which people write in other ways too, and how people speak of plugs.
_OCPI: Final = frozenset({name for name, _kind in _TYPES.values() if not name.startswith(("IEC_60309", "DOMESTIC"))})
_SPOKEN: Final[Mapping[str, str]] = {
    "ccs1": "IEC_62196_T1_COMBO", "combo1": "IEC_62196_T1_COMBO", "ccscombo1": "IEC_62196_T1_COMBO",
    "ccs2": "IEC_62196_T2_COMBO", "combo2": "IEC_62196_T2_COMBO", "ccscombo2": "IEC_62196_T2_COMBO",
    "type1": "IEC_62196_T1", "type2": "IEC_62196_T2", "nacs": "SAE_J3400",
}  # fmt: skip
_OF_EVSE: Final = re.compile(r"EVSE@(\d{1,5})")
_OF_CONNECTOR: Final = re.compile(r"Connector@(\d{1,5})\.(\d{1,5})")


class Plug(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One connector of an EVSE."""

    evse: Number
    connector: Number = 1
    connector_type: ConnectorType
    evse_kind: Annotated[PlugKind, Meta(examples=["AC"])]
    max_power_w: Annotated[Watts | None, Meta(description="Null: that of the station counts.", examples=[22000])] = None


class PlugsRefused(ForecourtError):
    """Two plugs have the same number of an EVSE and a connector, or there are too many. Name each once."""

    status = 422
    code = "plugs-refused"


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


_PLAIN: Final[Mapping[str, str]] = {
    **{_letters(said): name for said, (name, _kind) in _TYPES.items()},
    **{_letters(name): name for name in _OCPI},
    **_SPOKEN,
}


def plain_type(said: str) -> str:
    """A type of connector by OCPI's word, however it is written: `cCCS2` and `CCS 2` are `IEC_62196_T2_COMBO`. What
    nobody knows stays as it is. Pure; the view `plug_types` has it by the same rule."""
    return _PLAIN.get(_letters(said), said)


async def list_plugs(connection: Connection, tenant_id: int, identity: str) -> list[Plug]:
    """Those of a station, as somebody said. Raises StationUnknown."""
    station_id = await service.find_station_id(connection, tenant_id, identity)
    return [_plug(row) for row in await kept.list_plugs(connection, tenant_id, station_id)]


async def told_plugs(connection: Connection, tenant_id: int, identity: str) -> list[Plug]:
    """Those of a station as it says itself, as far as its variables were read. Raises StationUnknown."""
    station_id = await service.find_station_id(connection, tenant_id, identity)
    return told(await kept.list_told(connection, tenant_id, station_id))


async def put_plugs(
    connection: Connection, actor: Actor, identity: str, plugs: Sequence[Plug], now: datetime
) -> list[Plug]:
    """These and no others. Raises StationUnknown, StationRetired, PlugsRefused."""
    if len({(each.evse, each.connector) for each in plugs}) < len(plugs) or len(plugs) > MAX_PLUGS:
        raise PlugsRefused
    await service.check_in_service(connection, actor.tenant_id, identity)
    await store.lock_station(connection, actor.tenant_id, identity)
    station_id = await service.find_station_id(connection, actor.tenant_id, identity)
    before = [_plug(row) for row in await kept.list_plugs(connection, actor.tenant_id, station_id)]
    wanted = sorted(plugs, key=lambda each: (each.evse, each.connector))
    if wanted != before:
        rows = [PlugRow(**structs.asdict(each)) for each in wanted]
        await kept.put_plugs(connection, actor.tenant_id, station_id, rows, str(actor), now)
        await audit(
            connection,
            actor,
            "change plugs",
            f"station:{identity}",
            before={"plugs": [structs.asdict(each) for each in before]},
            after={"plugs": [structs.asdict(each) for each in wanted]},
        )
    return wanted


def told(said: Sequence[tuple[str, str, str]]) -> list[Plug]:
    """Plugs by a station's variables: component, variable, value. A connector whose type has no word of OCPI's keeps
    the station's own; one of which nothing tells what flows is left out. Pure."""
    evses: dict[int, dict[str, str]] = {}
    for component, variable, value in said:
        evse = _OF_EVSE.fullmatch(component)
        if evse is not None:
            evses.setdefault(int(evse[1]), {})[variable] = value
    found = []
    for component, variable, value in said:
        at = _OF_CONNECTOR.fullmatch(component)
        if at is None or variable != "ConnectorType" or not 1 <= int(at[1]) <= MAX_NUMBER:
            continue
        of_evse = evses.get(int(at[1]), {})
        power_w = _watts(of_evse.get("Power", ""))
        name, kind = _TYPES.get(value, (value, None))
        kind = kind or _flows(of_evse.get("SupplyPhases", ""), power_w)
        if kind is not None and name and 1 <= int(at[2]) <= MAX_NUMBER:
            found.append(
                Plug(
                    evse=int(at[1]), connector=int(at[2]), connector_type=name[:255], evse_kind=kind,
                    max_power_w=power_w,
                )
            )  # fmt: skip
    return sorted(found, key=lambda each: (each.evse, each.connector))[:MAX_PLUGS]


def _plug(row: PlugRow) -> Plug:
    return convert(row, Plug, from_attributes=True)


def _flows(phases: str, power_w: int | None) -> PlugKind | None:
    """What an EVSE gives, by the phases of its supply (2.0.1 SupplyPhases; 0: direct current)."""
    if phases in ("0", "1", "2", "3"):
        return "DC" if phases == "0" else "AC"
    return None if power_w is None else "DC" if power_w > MOST_AC_W else "AC"


def _watts(text: str) -> int | None:
    whole = text.partition(".")[0]
    return int(whole) if whole.isdecimal() and len(whole) <= 9 and int(whole) > 0 else None
