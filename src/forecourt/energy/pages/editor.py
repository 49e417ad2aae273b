"""The editor of a site's electrics: one form with a row a node, an EVSE and an attachment.

It works without scripts: the last row of each list is an empty one, and what is empty is not there. With scripts rows
are added at will, EVSEs are dragged onto nodes, and the drawing follows.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import count, zip_longest
from typing import Any, Final, TypeVar

import msgspec
from litestar import Response, get, post
from litestar.datastructures import FormMultiDict
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect
from msgspec import Struct

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker
from forecourt.energy.errors import Faulty
from forecourt.energy.model import MAX_NODES, Fault, Node, Phases
from forecourt.energy.pages.common import EnergyPages, SiteSlug, WebRequest, column, field, unread
from forecourt.energy.pages.drawing import Drawings, draw_both
from forecourt.energy.pages.sites import Drawn, now_of, read_drawn
from forecourt.energy.pages.words import OF, PHASES, by_place, misfit, said
from forecourt.energy.service import sites as service
from forecourt.energy.service.sites import SetUp, electrics_tag
from forecourt.energy.site import MAX_ATTACHMENTS, Battery, Current, HungEvse, Load, SiteTree, Solar, with_dc
from forecourt.platform.errors import ForecourtError
from forecourt.platform.preconditions import ChangedMeanwhile
from forecourt.ui.i18n import gettext as _
from forecourt.ui.numbers import NoNumber, decimal, from_kilo, kilo, number, plain

#: EVSEs of a site that the form shows; larger sites are set up over the API.
MAX_EDITED: Final = 500
#: What a first site begins from: a common connection.
FRESH: Final = SiteTree(nodes=(Node(id="grid", limit_a=63.0),))
Row = TypeVar("Row")


class Sheet(Struct, frozen=True, kw_only=True):
    """What a form holds: the tree that it comes to, as far as it can be read, and what can't."""

    tree: SiteTree
    faults: Sequence[Fault]
    tag: str


def read_sheet(form: FormMultiDict) -> Sheet:
    """The tree of a sent form."""
    faults: list[Fault] = []
    parts = {
        "nodes": _rows(form, "node", _NODE, MAX_NODES, _node, faults),
        "evses": _rows(form, "evse", _EVSE, MAX_EDITED, _evse, faults),
        "loads": _rows(form, "load", _LOAD, MAX_ATTACHMENTS, _load, faults),
        "solar": _rows(form, "solar", _SOLAR, MAX_ATTACHMENTS, _plant, faults),
        "batteries": _rows(form, "battery", _BATTERY, MAX_ATTACHMENTS, _battery, faults),
    }
    volts = {"voltage_v": 230.0, "line_voltage_v": 400.0}
    for name, usual in list(volts.items()):
        try:
            volts[name] = number(field(form, name)) or usual
        except NoNumber as refused:
            faults.append(unread(refused))
    tree = with_dc(SiteTree(**{name: tuple(each) for name, each in parts.items()}, **volts))  # type: ignore[arg-type]
    try:
        # What the form may hold, as the API may: texts and sizes.
        msgspec.convert(msgspec.to_builtins(tree), SiteTree)
    except msgspec.ValidationError as refused:
        faults.append(misfit(refused))
    return Sheet(tree=tree, faults=faults, tag=field(form, "tag"))


_NODE: Final = ("id", "name", "parent", "limit_a", "limit_kw", "ratio")
_EVSE: Final = ("id", "node", "phases", "max_a", "min_a", "fallback_a", "dc_kw")
_LOAD: Final = ("id", "name", "node", "most_kw", "meter")
_SOLAR: Final = ("id", "name", "node", "peak_kw", "tilt", "azimuth", "meter")
_BATTERY: Final = (
    "id", "name", "node", "capacity_kwh", "charge_kw", "discharge_kw", "efficiency", "reserve_kwh", "wear",
)  # fmt: skip
_KINDS: Final = {"node": "node", "evse": "EVSE"}


def _rows(
    form: FormMultiDict,
    of: str,
    names: Sequence[str],
    most: int,
    made: Callable[[Mapping[str, str]], Row | None],
    faults: list[Fault],
) -> list[Row]:
    """The rows of one kind; those whose row can't be read are faults."""
    found = []
    for cells in _cells(form, of, names, most):
        try:
            row = made(cells)
        except NoNumber as refused:
            faults.append(msgspec.structs.replace(unread(refused), of=_KINDS.get(of, "attachment"), id=cells["id"]))
            continue
        if row is not None:
            found.append(row)
    return found


def _cells(form: FormMultiDict, of: str, names: Sequence[str], most: int) -> Iterator[dict[str, str]]:
    columns = [column(form, f"{of}.{name}", most + 1) for name in names]
    for cells in zip_longest(*columns, fillvalue=""):
        yield dict(zip(names, cells, strict=True))


def _node(cells: Mapping[str, str]) -> Node | None:
    """A new node is one with a name; a known one stays one without."""
    fresh = cells["id"].startswith("new-")
    if not cells["id"] or (fresh and not cells["name"]):
        return None
    return Node(
        id=cells["id"].removeprefix("new-"),
        name="" if cells["name"] == cells["id"] else cells["name"],
        parent=cells["parent"].removeprefix("new-") or None,
        limit_a=number(cells["limit_a"]),
        limit_w=from_kilo(cells["limit_kw"]),
        delta_wye=number(cells["ratio"]),
    )


def _evse(cells: Mapping[str, str]) -> HungEvse | None:
    station, _, evse = cells["id"].rpartition(":")
    if not cells["node"] or not station or not evse.isdecimal() or len(evse) > 5:
        return None
    known, dc_w = set(Phases), from_kilo(cells["dc_kw"])
    return HungEvse(
        station=station,
        evse=int(evse),
        node=cells["node"].removeprefix("new-"),
        phases=Phases(cells["phases"]) if cells["phases"] in known else Phases.ALL,
        max_a=number(cells["max_a"]) or 32.0,
        min_a=6.0 if (least := number(cells["min_a"])) is None else least,
        fallback_a=number(cells["fallback_a"]),
        current=Current.AC if dc_w is None else Current.DC,
        max_w=dc_w,
    )


def _named(cells: Mapping[str, str]) -> dict[str, Any] | None:
    """What all attachments have; nothing of a row without a name."""
    if not cells["name"] and (not cells["id"] or cells["id"].startswith("new-")):
        return None
    id = cells["id"].removeprefix("new-")
    return {"id": id, "name": "" if cells["name"] == id else cells["name"], "node": cells["node"].removeprefix("new-")}


def _load(cells: Mapping[str, str]) -> Load | None:
    named = _named(cells)
    return named and Load(**named, most_w=from_kilo(cells["most_kw"]) or 0, meter=cells["meter"] or None)  # type: ignore[return-value]


def _plant(cells: Mapping[str, str]) -> Solar | None:
    named = _named(cells)
    if named is None:
        return None
    tilt, azimuth = number(cells["tilt"]), number(cells["azimuth"])
    return Solar(
        **named,
        peak_w=from_kilo(cells["peak_kw"]) or 0,
        tilt_deg=30.0 if tilt is None else tilt,
        azimuth_deg=180.0 if azimuth is None else azimuth,
        meter=cells["meter"] or None,
    )


def _battery(cells: Mapping[str, str]) -> Battery | None:
    named = _named(cells)
    if named is None:
        return None
    percent = number(cells["efficiency"])
    return Battery(
        **named,
        capacity_wh=from_kilo(cells["capacity_kwh"]) or 0,
        charge_w=from_kilo(cells["charge_kw"]) or 0,
        discharge_w=from_kilo(cells["discharge_kw"]) or 0,
        efficiency=0.9 if percent is None else percent / 100,
        reserve_wh=from_kilo(cells["reserve_kwh"]) or 0,
        wear_per_kwh=decimal(cells["wear"]) or Decimal(0),
    )


class Editor:
    """What the handlers below share."""

    def __init__(self, pages: EnergyPages) -> None:
        self._pages = pages

    async def show(
        self, request: WebRequest, actor: Actor, slug: str, sheet: Sheet | None = None, faults: Sequence[Fault] = (),
        stale: bool = False,
    ) -> Response[str]:  # fmt: skip
        """The form, with what is stored or what was sent and is refused."""
        async with self._pages.db.tenant(actor.tenant_id) as conn:
            held = await service.find_set_up(conn, actor.tenant_id, slug)
            drawn = await read_drawn(conn, actor.tenant_id, held.record.site_id, self._pages.clock.now())
        tree = (held.record.tree or FRESH) if sheet is None else sheet.tree
        with self._pages.shell.speaking(request):
            places = by_place(faults)
            general = [
                f"{_word(fault, tree)} {said(fault)}" for fault in faults if not fault.of or not _is_shown(fault, tree)
            ]
        return self._pages.shell.page(
            "energy/editor.html",
            request,
            viewer=actor,
            current="energy",
            status=412 if stale else 422 if faults else 200,
            site=held.record,
            tree=tree,
            rows=_evse_rows(held, tree),
            too_many=len(held.standing) > MAX_EDITED,
            tag=electrics_tag(held.record) if sheet is None else sheet.tag,
            faults=places,
            general=general,
            stale=stale,
            fresh=held.record.tree is None,
            drawing=_drawing(tree, places, drawn),
            phases=PHASES,
            fresh_ids=_fresh_ids(tree),
            kilo=kilo,
            plain=plain,
        )

    async def check(self, request: WebRequest, actor: Actor, slug: str) -> Response[str]:
        """The drawing of what the form holds, with its faults; nothing is stored."""
        form = await request.form()
        sheet = read_sheet(form)
        async with self._pages.db.tenant(actor.tenant_id) as conn:
            held = await service.find_set_up(conn, actor.tenant_id, slug)
            faults = [*sheet.faults, *await service.check_electrics(conn, actor.tenant_id, held, sheet.tree)]
            drawn = await read_drawn(conn, actor.tenant_id, held.record.site_id, self._pages.clock.now())
        with self._pages.shell.speaking(request):
            places = by_place(faults)
            told = [f"{_word(fault, sheet.tree)} {said(fault)}".strip() for fault in faults]
        return self._pages.shell.page(
            "energy/preview.html",
            request,
            viewer=actor,
            tree=sheet.tree,
            drawing=_drawing(sheet.tree, places, drawn),
            told=told,
        )

    async def save(self, request: WebRequest, actor: Actor, slug: str) -> Response[Any]:
        """Stores what the form holds; what is refused comes back in it, with its faults."""
        form = await request.form()
        sheet = read_sheet(form)
        now = self._pages.clock.now()
        async with self._pages.db.tenant(actor.tenant_id) as conn:
            held = await service.find_set_up(conn, actor.tenant_id, slug)
            faults = [*sheet.faults, *await service.check_electrics(conn, actor.tenant_id, held, sheet.tree)]
        if faults:
            return await self.show(request, actor, slug, sheet, faults)
        try:
            async with self._pages.db.tenant(actor.tenant_id) as conn:
                await service.change_electrics(conn, actor, slug, sheet.tree, now, sheet.tag)
        except ChangedMeanwhile:
            return await self.show(request, actor, slug, sheet, stale=True)
        except ForecourtError as refused:
            if refused.status != 422:
                raise
            found = refused.faults if isinstance(refused, Faulty) else ()
            other = Fault(words="%(what)s", values={"what": refused.detail})
            return await self.show(request, actor, slug, sheet, found or [other])
        return Redirect(f"/energy/sites/{slug}?done=electrics", status_code=303)


def _fresh_ids(tree: SiteTree) -> dict[str, str]:
    """An id for the next thing of each kind, which nothing has yet."""
    kinds = {"node": tree.nodes, "load": tree.loads, "solar": tree.solar, "battery": tree.batteries}
    taken = {each.id for each in (*tree.nodes, *tree.attachments)}
    return {
        kind: next(id for number in count(len(each) + 1) if (id := f"{kind}-{number}") not in taken)
        for kind, each in kinds.items()
    }


def _word(fault: Fault, tree: SiteTree) -> str:
    """Of what a fault is, by the name that people gave it."""
    names = {each.id: each.name for each in (*tree.nodes, *tree.attachments)}
    return f"{_(OF[fault.of])} {names.get(fault.id) or fault.id}:" if fault.of in OF else ""


def _is_shown(fault: Fault, tree: SiteTree) -> bool:
    """Whether the fault stands at a row of its own."""
    known = {("node", node.id) for node in tree.nodes} | {("EVSE", each.id) for each in tree.evses}
    return (fault.of, fault.id) in known | {("attachment", each.id) for each in tree.attachments}


def _evse_rows(held: SetUp, tree: SiteTree) -> list[dict[str, Any]]:
    """A row for each EVSE that stands at the site, hung or not, and for each that hangs there by the form."""
    hung = {each.id: each for each in tree.evses}
    rows = []
    for each in held.standing[:MAX_EDITED]:
        id = f"{each.station}:{each.evse}"
        elsewhere = each.at_name if each.at not in (None, held.record.site_id) and not each.astray else ""
        rows.append({"id": id, "name": each.name, "evse": each.evse, "at": hung.pop(id, None), "elsewhere": elsewhere})
    rows += [{"id": id, "name": at.station, "evse": at.evse, "at": at, "elsewhere": ""} for id, at in hung.items()]
    return rows


def _drawing(tree: SiteTree, faults: Mapping[tuple[str, str], Sequence[str]], drawn: Drawn) -> Drawings | None:
    """The drawing with what would flow now, as far as all hangs on something; None of what is no tree."""
    parents = {node.id: node.parent for node in tree.nodes}
    if len(parents) != len(tree.nodes) or sum(parent is None for parent in parents.values()) != 1:
        return None
    for node in tree.nodes:
        at, steps = node.parent, 0
        while at is not None:
            if at not in parents or steps > len(parents):
                return None
            at, steps = parents[at], steps + 1
    hung = {each.node for each in (*tree.evses, *tree.attachments)}
    if hung <= parents.keys() and all(node.delta_wye is None or node.delta_wye > 0 for node in tree.nodes):
        return now_of(tree, drawn, faults).drawings
    return draw_both(tree, {}, {}, {}, faults)


def editor_pages(pages: EnergyPages) -> list[HTTPRouteHandler]:
    """`/energy/sites/{slug}/electrics`."""
    shared = Editor(pages)
    change = {"verb": Verb.CHANGE_ELECTRICS}

    @get("/energy/sites/{slug:str}/electrics", include_in_schema=False, opt=change)
    async def edit_electrics(request: WebRequest, actor: Asker, slug: SiteSlug) -> Response[str]:
        return await shared.show(request, actor, slug)

    @post("/energy/sites/{slug:str}/electrics", include_in_schema=False, status_code=303, opt=change)
    async def save_electrics(request: WebRequest, actor: Asker, slug: SiteSlug) -> Response[Any]:
        return await shared.save(request, actor, slug)

    @post("/energy/sites/{slug:str}/electrics/check", include_in_schema=False, status_code=200, opt=change)
    async def check_electrics(request: WebRequest, actor: Asker, slug: SiteSlug) -> Response[str]:
        return await shared.check(request, actor, slug)

    return [edit_electrics, save_electrics, check_electrics]
