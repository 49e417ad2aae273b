"""The sheet of a site's electrics, as its form is sent: a row a node, an EVSE and an attachment. What is empty is not
there, and what can't be read is told of, all of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import zip_longest
from typing import Any, Final, TypeVar

import msgspec
from litestar.datastructures import FormMultiDict
from msgspec import Struct

from forecourt.energy.model import MAX_NODES, Fault, Node, Phases
from forecourt.energy.pages.common import Cells, column, field
from forecourt.energy.pages.words import misfit
from forecourt.energy.site import MAX_ATTACHMENTS, Battery, Current, HungEvse, Load, SiteTree, Solar, with_dc

#: EVSEs of a site that the form shows; larger sites are set up over the API.
MAX_EDITED: Final = 500
Row = TypeVar("Row")


class Sheet(Struct, frozen=True, kw_only=True):
    """What a form holds: the tree that it comes to, as far as it can be read, what is wrong with what can't, and the
    texts of that, by cell and the id of its row."""

    tree: SiteTree
    faults: Sequence[Fault]
    texts: Mapping[tuple[str, str], str]
    tag: str

    def with_faults(self, found: Sequence[Fault]) -> list[Fault]:
        """All faults: its own, and those `found` in its tree but for what follows from what can't be read."""
        stand_ins = {(id, _STANDS_IN[cell]) for cell, id in self.texts if cell in _STANDS_IN}
        follows = [any(fault.id == id and name in fault.words for id, name in stand_ins) for fault in found]
        return [*self.faults, *(fault for fault, so in zip(found, follows, strict=True) if not so)]


def read_sheet(form: FormMultiDict) -> Sheet:
    """The tree of a sent form."""
    faults: list[Fault] = []
    texts: dict[tuple[str, str], str] = {}
    parts = {
        "nodes": _rows(form, "node", _NODE, MAX_NODES, _node, faults, texts),
        "evses": _rows(form, "evse", _EVSE, MAX_EDITED, _evse, faults, texts),
        "loads": _rows(form, "load", _LOAD, MAX_ATTACHMENTS, _load, faults, texts),
        "solar": _rows(form, "solar", _SOLAR, MAX_ATTACHMENTS, _plant, faults, texts),
        "batteries": _rows(form, "battery", _BATTERY, MAX_ATTACHMENTS, _battery, faults, texts),
    }
    usual = {"voltage_v": 230.0, "line_voltage_v": 400.0}
    cells = Cells({name: field(form, name) for name in usual})
    volts = {name: cells.number(name) or each for name, each in usual.items()}
    faults += cells.faults
    texts |= {(name, ""): each.text for name, each in cells.unread.items()}
    tree = with_dc(SiteTree(**{name: tuple(each) for name, each in parts.items()}, **volts))  # type: ignore[arg-type]
    try:
        # What the form may hold, as the API may: texts and sizes.
        msgspec.convert(msgspec.to_builtins(tree), SiteTree)
    except msgspec.ValidationError as refused:
        faults.append(misfit(refused))
    return Sheet(tree=tree, faults=faults, texts=texts, tag=field(form, "tag"))


_NODE: Final = ("id", "name", "parent", "limit_a", "limit_kw", "ratio")
_EVSE: Final = ("id", "node", "phases", "max_a", "min_a", "fallback_a", "dc_kw")
_LOAD: Final = ("id", "name", "node", "most_kw", "meter")
_SOLAR: Final = ("id", "name", "node", "peak_kw", "tilt", "azimuth", "meter")
_BATTERY: Final = (
    "id", "name", "node", "capacity_kwh", "charge_kw", "discharge_kw", "efficiency", "reserve_kwh", "wear",
)  # fmt: skip
_KINDS: Final = {"node": "node", "evse": "EVSE"}
#: Cells in whose place something stands that the tree can't be without, and what that is called there.
_STANDS_IN: Final = {"battery.capacity_kwh": "capacity_wh", "solar.peak_kw": "peak_w"}


def _rows(
    form: FormMultiDict,
    of: str,
    names: Sequence[str],
    most: int,
    made: Callable[[Cells], Row | None],
    faults: list[Fault],
    texts: dict[tuple[str, str], str],
) -> list[Row]:
    """The rows of one kind; what can't be read of them are faults, and their texts are kept."""
    found = []
    for texts_of in _cells(form, of, names, most):
        cells = Cells(texts_of)
        row = made(cells)
        if row is None:
            continue
        found.append(row)
        id = cells["id"].removeprefix("new-")
        place = {"of": _KINDS.get(of, "attachment"), "id": id}
        faults += [msgspec.structs.replace(each, **place) for each in cells.faults]
        texts |= {(f"{of}.{name}", id): each.text for name, each in cells.unread.items()}
    return found


def _cells(form: FormMultiDict, of: str, names: Sequence[str], most: int) -> Iterator[dict[str, str]]:
    columns = [column(form, f"{of}.{name}", most + 1) for name in names]
    for cells in zip_longest(*columns, fillvalue=""):
        yield dict(zip(names, cells, strict=True))


def _node(cells: Cells) -> Node | None:
    """A new node is one with a name; a known one stays one without."""
    fresh = cells["id"].startswith("new-")
    if not cells["id"] or (fresh and not cells["name"]):
        return None
    return Node(
        id=cells["id"].removeprefix("new-"),
        name="" if cells["name"] == cells["id"] else cells["name"],
        parent=cells["parent"].removeprefix("new-") or None,
        limit_a=cells.number("limit_a"),
        limit_w=cells.kilo("limit_kw"),
        delta_wye=cells.number("ratio"),
    )


def _evse(cells: Cells) -> HungEvse | None:
    station, _, evse = cells["id"].rpartition(":")
    if not cells["node"] or not station or not evse.isdecimal() or len(evse) > 5:
        return None
    known, dc_w = set(Phases), cells.kilo("dc_kw")
    return HungEvse(
        station=station,
        evse=int(evse),
        node=cells["node"].removeprefix("new-"),
        phases=Phases(cells["phases"]) if cells["phases"] in known else Phases.ALL,
        max_a=cells.number("max_a") or 32.0,
        min_a=6.0 if (least := cells.number("min_a")) is None else least,
        fallback_a=cells.number("fallback_a"),
        current=Current.AC if dc_w is None else Current.DC,
        max_w=dc_w,
    )


def _named(cells: Cells) -> dict[str, Any] | None:
    """What all attachments have; nothing of a row without a name."""
    if not cells["name"] and (not cells["id"] or cells["id"].startswith("new-")):
        return None
    id = cells["id"].removeprefix("new-")
    return {"id": id, "name": "" if cells["name"] == id else cells["name"], "node": cells["node"].removeprefix("new-")}


def _load(cells: Cells) -> Load | None:
    named = _named(cells)
    return named and Load(**named, most_w=cells.kilo("most_kw") or 0, meter=cells["meter"] or None)  # type: ignore[return-value]


def _plant(cells: Cells) -> Solar | None:
    named = _named(cells)
    if named is None:
        return None
    tilt, azimuth = cells.number("tilt"), cells.number("azimuth")
    return Solar(
        **named,
        peak_w=cells.kilo("peak_kw", 1) or 0,
        tilt_deg=30.0 if tilt is None else tilt,
        azimuth_deg=180.0 if azimuth is None else azimuth,
        meter=cells["meter"] or None,
    )


def _battery(cells: Cells) -> Battery | None:
    named = _named(cells)
    if named is None:
        return None
    percent = cells.number("efficiency")
    return Battery(
        **named,
        capacity_wh=cells.kilo("capacity_kwh", 1) or 0,
        charge_w=cells.kilo("charge_kw") or 0,
        discharge_w=cells.kilo("discharge_kw") or 0,
        efficiency=0.9 if percent is None else percent / 100,
        reserve_wh=cells.kilo("reserve_kwh") or 0,
        wear_per_kwh=cells.decimal("wear") or Decimal(0),
    )
