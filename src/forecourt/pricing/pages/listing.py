"""The list of tariffs with where each counts, and which one counts at a place, and why."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from litestar import Response
from msgspec import Struct

from forecourt.access import Actor
from forecourt.drivers.fleets.store import list_plans
from forecourt.platform.paging import cursors_by_age
from forecourt.pricing import service
from forecourt.pricing.pages.shared import PricePages, WebRequest, moment_in
from forecourt.pricing.pages.words import reason_words
from forecourt.pricing.service import Contender
from forecourt.pricing.store import Connection, assigned
from forecourt.pricing.store import tariffs as store
from forecourt.pricing.store.assigned import AssignmentRow
from forecourt.ui.i18n import mark

CURSORS = cursors_by_age("tariffs")
#: Tariffs on one page, and assignments that are told of on it.
PAGE_SIZE: Final = 50
MAX_TOLD: Final = 1_000
MAX_TEXT: Final = 255
#: What a place is tried out by.
TRIED: Final = ("station", "evse", "connector", "at", "group", "subscription")
NO_STATION: Final = mark("There is no such station in service.")
NO_TIME: Final = mark("This is no time; write it as 2030-01-31 08:00.")


class Tried(Struct, frozen=True, kw_only=True):
    """What counts at a place: all that fit, and why the first that has a version counts; or what is wrong."""

    fault: str = ""
    at: datetime | None = None
    zone: str = ""
    counts: Contender | None = None
    reason: str = ""
    fitting: Sequence[Contender] = ()


async def show_list(pages: PricePages, request: WebRequest, actor: Actor, search: str, cursor: str | None) -> Any:
    """Every tariff with where it counts; and what is tried out, where a station is named."""
    cursors = CURSORS["newest"]
    asked = {name: str(request.query_params.get(name, ""))[:MAX_TEXT].strip() for name in TRIED}
    async with pages.db.tenant(actor.tenant_id) as conn:
        rows = await store.list_tariffs(
            conn, actor.tenant_id, search=search or None, place=cursors.decode(cursor), limit=PAGE_SIZE + 1
        )
        standing = await assigned.list_assignments(conn, actor.tenant_id, at=pages.clock.now(), limit=MAX_TOLD)
        named = await assigned.list_subscriptions(conn, actor.tenant_id, pages.clock.now())
        plans = await list_plans(conn, actor.tenant_id)
        tried = await _try(conn, actor, asked, pages.clock.now()) if asked["station"] else None
    more = cursors.encode(rows[PAGE_SIZE - 1].number) if len(rows) > PAGE_SIZE else None
    response: Response[str] = pages.page(
        "list",
        request,
        actor,
        rows=rows[:PAGE_SIZE],
        where=_by_tariff(standing),
        search=search,
        asked=asked,
        tried=tried,
        nameless=[each for each in plans if each.open and each.offered and each.name not in named],
        more=None if more is None else f"/prices?{urlencode({'q': search, 'cursor': more})}",
    )
    return response


def _by_tariff(rows: Sequence[AssignmentRow]) -> Mapping[UUID, Sequence[AssignmentRow]]:
    found: dict[UUID, list[AssignmentRow]] = {}
    for row in rows:
        found.setdefault(row.tariff_id, []).append(row)
    return found


async def _try(conn: Connection, actor: Actor, asked: Mapping[str, str], now: datetime) -> Tried:
    try:
        at = moment_in(asked["at"], actor) or now
    except ValueError:
        return Tried(fault=NO_TIME)
    tenant_id = actor.tenant_id
    station_id = await assigned.find_station_id(conn, tenant_id, asked["station"])
    place = None
    if station_id is not None:
        place = await service.find_place(
            conn, tenant_id, station_id, _number(asked["evse"]), _number(asked["connector"])
        )
    if place is None:
        return Tried(fault=NO_STATION)
    group, subscription = asked["group"] or None, asked["subscription"] or None
    fitting = await service.contenders(conn, tenant_id, place, at, group, subscription)
    valid = [each for each in fitting if each.version is not None]
    second = valid[1].row.assignment if len(valid) > 1 else None
    return Tried(
        at=at,
        zone=place.zone,
        counts=valid[0] if valid else None,
        reason=reason_words(valid[0].row.assignment, second, place) if valid else "",
        fitting=fitting,
    )


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and text.isascii() and len(text) <= 4 and int(text) else None
