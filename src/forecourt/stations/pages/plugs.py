"""The form of a station's plugs: as many rows as there are, and some to fill."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from forecourt.stations.plugs import MAX_PLUGS, Plug, list_plugs, told_plugs
from forecourt.stations.store import Connection
from forecourt.ui.i18n import mark
from forecourt.ui.numbers import from_kilo

#: Empty rows beneath the others.
SPARE_ROWS: Final = 2
MAX_FIELD: Final = 256
#: OCPI's words for plugs that are usual; others may be written.
TYPES: Final = (
    "IEC_62196_T2", "IEC_62196_T2_COMBO", "CHADEMO", "DOMESTIC_F", "IEC_62196_T1", "IEC_62196_T1_COMBO", "SAE_J3400",
    "GBT_AC", "GBT_DC", "MCS",
)  # fmt: skip
COLUMNS: Final = ("evse", "connector", "connector_type", "evse_kind", "power_kw")
WRONG: Final = mark(
    "A row can't be meant: it needs the numbers of an EVSE and a connector, and a type. Nothing was saved."
)
TWICE: Final = mark("Two rows name the same connector, or there are too many. Nothing was saved.")
_EMPTY: Final = {"evse": "", "connector": "", "connector_type": "", "evse_kind": "AC", "power_kw": ""}


class Plugs(Struct, frozen=True, kw_only=True):
    """The form as it is shown, and what it means; `told`: as the station says itself, since nobody said otherwise."""

    rows: Sequence[Mapping[str, str]] = ()
    meant: Sequence[Plug] = ()
    told: bool = False
    fault: str = ""
    types: Sequence[str] = TYPES


async def shown_plugs(conn: Connection, tenant_id: int, identity: str, sent: Plugs | None) -> Plugs:
    """What was sent, if that was wrong, or what is known. Raises StationUnknown."""
    if sent is not None:
        return sent
    said = await list_plugs(conn, tenant_id, identity)
    found = said or await told_plugs(conn, tenant_id, identity)
    rows = [_row(each) for each in found]
    return Plugs(rows=[*rows, *([_EMPTY] * SPARE_ROWS)], meant=found, told=bool(found) and not said)


def sent_plugs(form: Any) -> Plugs:
    """What the form sent; rows that say nothing are left out."""
    columns = {
        name: [str(each)[:MAX_FIELD].strip() for each in form.getall(name, [])][: MAX_PLUGS + SPARE_ROWS]
        for name in COLUMNS
    }
    rows = [dict(zip(COLUMNS, values, strict=True)) for values in zip(*columns.values(), strict=False)]
    meant = []
    for row in rows:
        if not (row["evse"] or row["connector"] or row["connector_type"] or row["power_kw"]):
            continue
        try:
            meant.append(_plug(row))
        except (ValueError, msgspec.ValidationError):
            return Plugs(rows=rows, fault=WRONG)
    return Plugs(rows=rows, meant=meant)


def _plug(row: Mapping[str, str]) -> Plug:
    return msgspec.convert(
        {
            "evse": row["evse"],
            "connector": row["connector"] or "1",
            "connector_type": row["connector_type"],
            "evse_kind": row["evse_kind"],
            "max_power_w": from_kilo(row["power_kw"]),
        },
        Plug,
        strict=False,
    )


def _row(plug: Plug) -> Mapping[str, str]:
    power = "" if plug.max_power_w is None else f"{plug.max_power_w / 1000:g}"
    return {
        "evse": str(plug.evse), "connector": str(plug.connector), "connector_type": plug.connector_type,
        "evse_kind": plug.evse_kind, "power_kw": power,
    }  # fmt: skip
