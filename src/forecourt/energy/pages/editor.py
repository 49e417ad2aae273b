"""The editor of a site's electrics: one form with a row a node, an EVSE and an attachment.

It works without scripts: the last row of each list is an empty one, and what is empty is not there. With scripts rows
are added at will, EVSEs are dragged onto nodes, and the drawing follows.
"""

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, Final

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker
from forecourt.energy.errors import Faulty
from forecourt.energy.model import Fault, Node
from forecourt.energy.pages.common import EnergyPages, SiteSlug, WebRequest
from forecourt.energy.pages.drawing import Drawings, draw_both
from forecourt.energy.pages.sheet import MAX_EDITED, Sheet, read_sheet
from forecourt.energy.pages.sites import Drawn, now_of, read_drawn
from forecourt.energy.pages.words import OF, PHASES, by_place, said
from forecourt.energy.service import sites as service
from forecourt.energy.service.sites import SetUp, electrics_tag
from forecourt.energy.site import SiteTree
from forecourt.platform.errors import ForecourtError
from forecourt.platform.preconditions import ChangedMeanwhile
from forecourt.ui.i18n import gettext as _
from forecourt.ui.numbers import kilo, plain

#: What a first site begins from: a common connection.
FRESH: Final = SiteTree(nodes=(Node(id="grid", limit_a=63.0),))


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
            texts={} if sheet is None else sheet.texts,
            kilo=kilo,
            plain=plain,
        )

    async def check(self, request: WebRequest, actor: Actor, slug: str) -> Response[str]:
        """The drawing of what the form holds, with its faults; nothing is stored."""
        form = await request.form()
        sheet = read_sheet(form)
        async with self._pages.db.tenant(actor.tenant_id) as conn:
            held = await service.find_set_up(conn, actor.tenant_id, slug)
            faults = sheet.with_faults(await service.check_electrics(conn, actor.tenant_id, held, sheet.tree))
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
            faults = sheet.with_faults(await service.check_electrics(conn, actor.tenant_id, held, sheet.tree))
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
