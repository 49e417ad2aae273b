"""One tariff: its versions and what changed between them, where it counts, and what it comes to."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response
from litestar.response import Redirect

from forecourt.access import Actor
from forecourt.pricing import service
from forecourt.pricing.assigning import Scope
from forecourt.pricing.errors import PastRefused, ScopeRefused, TariffEnded
from forecourt.pricing.model import EvseKind
from forecourt.pricing.pages.changes import changes
from forecourt.pricing.pages.draft import NOW_WITHIN
from forecourt.pricing.pages.editing import preview_of
from forecourt.pricing.pages.listing import MAX_TEXT
from forecourt.pricing.pages.shared import PricePages, WebRequest, moment_in, tariff_href, zone_of
from forecourt.pricing.pages.words import is_open
from forecourt.pricing.store import assigned
from forecourt.pricing.store import tariffs as store
from forecourt.ui.i18n import mark

#: What the form of an assignment sends.
ASSIGNED: Final = (
    "site", "station", "evse", "connector_type", "evse_kind", "driver_group", "subscription", "starts_at", "ends_at",
)  # fmt: skip
#: OCPI's words for plugs that are usual; others may be written.
PLUGS: Final = (
    "IEC_62196_T2", "IEC_62196_T2_COMBO", "CHADEMO", "DOMESTIC_F", "IEC_62196_T1", "IEC_62196_T1_COMBO", "SAE_J3400",
)  # fmt: skip
NOT_MEANT: Final = mark("One of the fields can't be meant. Write numbers as 1 and times as 2030-01-31 08:00.")
NOWHERE: Final = mark("Name a site or a station of yours, not both; an EVSE needs its station.")
PAST: Final = mark("An assignment begins now or later, and ends after that.")
ENDED: Final = mark("The tariff has ended, so it is not assigned any more.")


async def show_tariff(
    pages: PricePages, request: WebRequest, actor: Actor, tariff_id: UUID, *, version: int | None = None,
    fault: str = "", given: Mapping[str, str] | None = None, status: int = 200,
) -> Response[str]:  # fmt: skip
    """The tariff in its latest version, or in the one that is asked for. Raises TariffUnknown."""
    now, tenant_id = pages.clock.now(), actor.tenant_id
    async with pages.db.tenant(tenant_id) as conn:
        row = await service.find_tariff(conn, tenant_id, tariff_id)
        shown = await service.find_version(conn, tenant_id, tariff_id, version or row.version)
        versions = await store.list_versions(conn, tenant_id, tariff_id, limit=store.MAX_SHOWN)
        valid = await store.version_at(conn, tenant_id, tariff_id, now)
        standing = await assigned.list_assignments(conn, tenant_id, tariff_id=tariff_id, limit=store.MAX_SHOWN)
        sites = await assigned.list_sites(conn, tenant_id)
    zone = zone_of(actor)
    older = {one.version: before for one, before in pairwise(versions)}
    return pages.page(
        "tariff",
        request,
        actor,
        status=status,
        row=row,
        shown=shown,
        valid=valid,
        versions=[
            (one, changes(older[one.version].tariff, one.tariff, zone) if one.version in older else None)
            for one in versions
        ],
        assigned=[(each, is_open(each, now)) for each in standing],
        sites=sites,
        plugs=PLUGS,
        kinds=[each.value for each in EvseKind],
        fault=fault,
        given=dict.fromkeys(ASSIGNED, "") | dict(given or {}),
        preview=await preview_of(pages, actor, shown.tariff, tariff_id),
    )


async def assign(pages: PricePages, request: WebRequest, actor: Actor, tariff_id: UUID) -> Response[Any]:
    """Lets the tariff count for what the form says."""
    form, now = await request.form(), pages.clock.now()
    given = {name: str(form.get(name, ""))[: MAX_TEXT + 1].strip() for name in ASSIGNED}
    try:
        starts_at, ends_at = moment_in(given["starts_at"], actor), moment_in(given["ends_at"], actor)
        asked = msgspec.convert({name: given[name] or None for name in ASSIGNED[2:7]}, Scope, strict=False)
    except (ValueError, msgspec.ValidationError):
        return await show_tariff(pages, request, actor, tariff_id, fault=NOT_MEANT, given=given, status=422)
    if starts_at is not None and now - NOW_WITHIN < starts_at <= now:
        starts_at = None
    try:
        async with pages.db.tenant(actor.tenant_id) as conn:
            scope = await service.scope_of(
                conn, actor.tenant_id, asked, given["site"] or None, given["station"] or None
            )  # fmt: skip
            await service.assign_tariff(
                conn, actor, tariff_id, scope, now, starts_at=starts_at, ends_at=ends_at
            )  # fmt: skip
    except (ScopeRefused, PastRefused, TariffEnded) as refused:
        words = {ScopeRefused.code: NOWHERE, PastRefused.code: PAST, TariffEnded.code: ENDED}[refused.code]
        return await show_tariff(
            pages, request, actor, tariff_id, fault=words, given=given, status=refused.status
        )  # fmt: skip
    return Redirect(f"{tariff_href(tariff_id)}#assigned", status_code=303)


async def unassign(pages: PricePages, request: WebRequest, actor: Actor, assignment_id: UUID) -> Response[Any]:
    """Ends an assignment, once the person was told what counts then. Raises AssignmentUnknown."""
    async with pages.db.tenant(actor.tenant_id) as conn:
        row = await service.find_assignment(conn, actor.tenant_id, assignment_id)
        if (await request.form()).get("sure") != "yes":
            return pages.page("sure", request, actor, action="unassign", assignment=row, tariff_id=row.tariff_id)
        await service.unassign_tariff(conn, actor, assignment_id, pages.clock.now())
    return Redirect(f"{tariff_href(row.tariff_id)}#assigned", status_code=303)


async def end(pages: PricePages, request: WebRequest, actor: Actor, tariff_id: UUID) -> Response[Any]:
    """Ends a tariff, once the person was told what that does. Raises TariffUnknown."""
    async with pages.db.tenant(actor.tenant_id) as conn:
        row = await service.find_tariff(conn, actor.tenant_id, tariff_id)
        if (await request.form()).get("sure") != "yes":
            return pages.page("sure", request, actor, action="end", row=row, tariff_id=tariff_id)
        await service.end_tariff(conn, actor, tariff_id, pages.clock.now())
    return Redirect(tariff_href(tariff_id), status_code=303)
