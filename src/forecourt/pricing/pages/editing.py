"""The editor of a tariff: a plain form, whose rows come and go by its own buttons, with a preview beside it."""

from typing import Any, Final
from uuid import UUID

from litestar import Response
from litestar.response import Redirect
from msgspec import Struct, structs

from forecourt.access import Actor
from forecourt.access.once import FIELD, form_key, made_before, once, remember
from forecourt.platform.errors import ForecourtError
from forecourt.platform.preconditions import ChangedMeanwhile
from forecourt.platform.text import seen
from forecourt.pricing import service
from forecourt.pricing.errors import PastRefused, TariffEnded, TariffUnreadable
from forecourt.pricing.model import Day, Tariff
from forecourt.pricing.pages.draft import NOW_WITHIN, Draft, blank, changed, read, written
from forecourt.pricing.pages.preview import Preview, preview
from forecourt.pricing.pages.reading import Fault, faults_of, read_draft
from forecourt.pricing.pages.shared import PricePages, WebRequest, tariff_href, zone_of
from forecourt.pricing.store import assigned
from forecourt.ui.i18n import mark

#: The currency of a new tariff, until somebody says another.
USUAL_CURRENCY: Final = "EUR"
NO_NAME: Final = mark("a name has 1 to 200 characters")
STALE: Final = mark(
    "Somebody else changed the tariff meanwhile, so nothing was stored. What you wrote stands below; saving it again"
    " puts yours in its place."
)
PAST: Final = mark("a version counts from now on or later; leave it empty to begin now")
ENDED: Final = mark("The tariff has ended, so it is not changed any more. Make another one.")


class Shown(Struct, frozen=True, kw_only=True):
    """The form as it is answered: of which tariff (None: a new one), and what is wrong."""

    tariff_id: UUID | None
    draft: Draft
    tag: str = ""
    #: Of a form that makes a tariff, once.
    key: str = ""
    notice: str = ""
    faults: tuple[Fault, ...] = ()
    status: int = 200


async def show_editor(pages: PricePages, request: WebRequest, actor: Actor, tariff_id: UUID | None) -> Response[str]:
    """The form with the latest version in it, or nothing."""
    if tariff_id is None:
        return await _form(pages, request, actor, Shown(tariff_id=None, draft=blank(USUAL_CURRENCY), key=form_key()))
    async with pages.db.tenant(actor.tenant_id) as conn:
        row = await service.find_tariff(conn, actor.tenant_id, tariff_id)
    draft = written(row.tariff, row.name, zone_of(actor))
    return await _form(
        pages, request, actor, Shown(tariff_id=tariff_id, draft=draft, tag=service.tariff_tag(row))
    )  # fmt: skip


async def send_editor(pages: PricePages, request: WebRequest, actor: Actor, tariff_id: UUID | None) -> Response[Any]:
    """What one of the form's buttons asks for: another row, a look at it, or that it is saved as a version."""
    form = await request.form()
    draft, act, tag = read(form), str(form.get("act", "preview")), str(form.get("tag", ""))[:200]
    key = str(form.get(FIELD, "")) if tariff_id is None else ""
    shown = Shown(tariff_id=tariff_id, draft=draft, tag=tag, key=key)
    if act not in ("save", "preview"):
        return await _form(pages, request, actor, _with(shown, draft=changed(draft, act)))
    tariff, valid_from, faults = read_draft(draft, zone_of(actor))
    name, now = seen(draft.head["name"]), pages.clock.now()
    if not 1 <= len(name) <= 200:
        faults = [Fault(field="name", words=NO_NAME), *faults]
    if faults or tariff is None or act == "preview":
        failed = bool(faults) and act == "save"
        return await _form(
            pages, request, actor, _with(shown, faults=tuple(faults), status=422 if failed else 200)
        )  # fmt: skip
    if valid_from is not None and now - NOW_WITHIN < valid_from <= now:
        valid_from = None
    try:
        async with pages.db.tenant(actor.tenant_id) as conn:
            if tariff_id is None:
                sent = once(actor, "new tariff", key, draft)
                before = await made_before(conn, sent, now)
                if before is not None:
                    return Redirect(tariff_href(UUID(before)), status_code=303)
                row = await service.create_tariff(conn, actor, name, tariff, now, valid_from)
                await remember(conn, sent, str(row.tariff_id))
            else:
                row = await service.revise_tariff(
                    conn, actor, tariff_id, tariff, now, name=name, valid_from=valid_from, if_match=tag or None
                )
    except (TariffUnreadable, PastRefused, ChangedMeanwhile, TariffEnded) as refused:
        return await _refused(pages, request, actor, shown, refused)
    return Redirect(tariff_href(row.tariff_id), status_code=303)


async def _refused(
    pages: PricePages, request: WebRequest, actor: Actor, shown: Shown, refused: ForecourtError
) -> Response[str]:
    answer = _with(shown, status=refused.status)
    if isinstance(refused, TariffUnreadable):
        answer = _with(answer, faults=tuple(faults_of(refused)))
    elif isinstance(refused, PastRefused):
        answer = _with(answer, faults=(Fault(field="valid_from", words=PAST),))
    elif isinstance(refused, ChangedMeanwhile) and shown.tariff_id is not None:
        async with pages.db.tenant(actor.tenant_id) as conn:
            row = await service.find_tariff(conn, actor.tenant_id, shown.tariff_id)
        answer = _with(answer, notice=STALE, tag=service.tariff_tag(row))
    else:
        answer = _with(answer, notice=ENDED)
    return await _form(pages, request, actor, answer)


async def preview_of(pages: PricePages, actor: Actor, tariff: Tariff, tariff_id: UUID | None) -> Preview:
    """What a tariff comes to where it is assigned; where it isn't, at all sites."""
    now, zone = pages.clock.now(), zone_of(actor)
    async with pages.db.tenant(actor.tenant_id) as conn:
        stands = [] if tariff_id is None else await assigned.list_stands(conn, actor.tenant_id, tariff_id, now)
        stands = stands or await assigned.list_stands(conn, actor.tenant_id, None, now)
    return preview(tariff, zone, now.astimezone(zone).date(), stands)


async def _form(pages: PricePages, request: WebRequest, actor: Actor, shown: Shown) -> Response[str]:
    tariff, _, _ = read_draft(shown.draft, zone_of(actor))
    return pages.page(
        "edit",
        request,
        actor,
        status=shown.status,
        shown=shown,
        draft=shown.draft,
        days=[(number, day.value) for number, day in enumerate(Day)],
        preview=None if tariff is None else await preview_of(pages, actor, tariff, shown.tariff_id),
    )


def _with(shown: Shown, **values: Any) -> Shown:
    return structs.replace(shown, **values)
