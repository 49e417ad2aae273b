"""Routes of what prices a site's energy, and of the steps ahead."""

from datetime import timedelta
from typing import Annotated, Any

from litestar import Response, get, post, put
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.access.model import Actor
from forecourt.energy import store
from forecourt.energy.api.electrics import SiteInPath, Ticking
from forecourt.energy.errors import TariffMissing, TariffRefused, TooManyLimits
from forecourt.energy.service import signals as service
from forecourt.energy.service.signals import tariff_tag
from forecourt.energy.service.sites import find_record
from forecourt.energy.signals.model import SeriesKind, Span, Tariff
from forecourt.energy.signals.outlook import Outlook, signals_at
from forecourt.energy.signals.sheet import SeriesRefused, read_series
from forecourt.energy.store import SeriesLine
from forecourt.platform.database import Pool
from forecourt.platform.paging import (
    ByAge,
    CursorRefused,
    From,
    Limit,
    NextCursor,
    Page,
    To,
    cursors_by_age,
    place_in_time,
    time_of_place,
)
from forecourt.platform.preconditions import ChangedMeanwhile
from forecourt.platform.tagging import IfMatch, tagged
from forecourt.platform.text import NAME_LINE
from forecourt.stations.errors import SiteUnknown

CURSORS = {"price": cursors_by_age("prices", first="oldest"), "co2": cursors_by_age("CO2 intensities", first="oldest")}
ZONE_PATTERN = "^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$"
ZoneInPath = Annotated[str, PathParameter(description="The bidding zone.", pattern=ZONE_PATTERN)]
#: The longest outlook, and its steps.
MAX_AHEAD_H = 72
STEP = timedelta(minutes=15)


class SeriesSheet(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A series as CSV."""

    csv: Annotated[str, Meta(min_length=1, max_length=1_000_000, description="With a head.")]
    source: Annotated[str, Meta(min_length=1, max_length=100, pattern=NAME_LINE, examples=["ENTSO-E"])] = "CSV"


class SeriesLoaded(Struct, frozen=True, kw_only=True):
    """What came of it."""

    values: Annotated[int, Meta(description="That the sheet holds.", examples=[2])]
    changed: Annotated[int, Meta(description="Of these, new ones or others than before.", examples=[2])]


class SeriesKnown(Struct, frozen=True, kw_only=True):
    """The zones of which there are values."""

    prices: list[SeriesLine]
    co2: list[SeriesLine]


@get(
    "/sites/{site:str}/utility-tariff",
    opt={"etag": True, "problems": [SiteUnknown, TariffMissing]},
    summary="Show what a site pays for its energy",
    tags=["smart charging"],
)
async def find_tariff(site: SiteInPath, actor: Asker, db: Database) -> Response[Tariff]:
    async with db.tenant(actor.tenant_id) as conn:
        record = await find_record(conn, actor.tenant_id, site)
        row = await store.tariff_of(conn, actor.tenant_id, record.site_id)
    if row is None:
        raise TariffMissing
    return tagged(row.tariff, tariff_tag(record.site_id, row))


@put(
    "/sites/{site:str}/utility-tariff",
    opt={
        "verb": Verb.CHANGE_ENERGY,
        "etag": True,
        "problems": [SiteUnknown, ChangedMeanwhile, TariffRefused],
    },
    summary="Say what a site pays for its energy",
    description="Prices are exact decimals of the currency's main unit, written as text: `0.2871` EUR a kWh.",
    tags=["smart charging"],
)
async def put_tariff(
    site: SiteInPath, data: JSONBody[Tariff], actor: Asker, db: Database, clock: Ticking, if_match: IfMatch = None
) -> Response[Tariff]:
    async with db.tenant(actor.tenant_id) as conn:
        record = await find_record(conn, actor.tenant_id, site)
        row = await service.change_tariff(conn, actor, record, data, clock.now(), if_match)
    return tagged(row.tariff, tariff_tag(record.site_id, row))


@get(
    "/sites/{site:str}/outlook",
    opt={"problems": [SiteUnknown, TooManyLimits]},
    summary="Show what is known of the hours ahead of a site",
    description=(
        "In quarters of an hour from now on: price, feed-in, CO2, loads, sun and limits. Where a value is missing or"
        " late, `stand_in` says so, and the value is a safe one."
    ),
    tags=["smart charging"],
)
async def show_outlook(
    site: SiteInPath,
    actor: Asker,
    db: Database,
    clock: Ticking,
    hours: Annotated[int, QueryParameter(ge=1, le=MAX_AHEAD_H, description="How many hours ahead.")] = 24,
) -> Outlook:
    now = clock.now()
    async with db.tenant(actor.tenant_id) as conn:
        record = await find_record(conn, actor.tenant_id, site)
        known = await service.known_signals(conn, record, now, now + timedelta(hours=hours))
    return signals_at(record, known, now, [STEP / timedelta(hours=1)] * (hours * 4))


@get("/energy/series", summary="List the zones that have prices or CO2 intensities", tags=["smart charging"])
async def list_series(actor: Asker, db: Database) -> SeriesKnown:
    async with db.tenant(actor.tenant_id) as conn:
        return SeriesKnown(
            prices=await store.list_series(conn, actor.tenant_id, "price"),
            co2=await store.list_series(conn, actor.tenant_id, "co2"),
        )


_LISTS: dict[str, Any] = {"opt": {"problems": [CursorRefused]}, "tags": ["smart charging"]}
_WHICH = "`from` and `to` are about when a value begins to hold."


@get("/energy/prices/{zone:str}", summary="List the prices of a zone", description=_WHICH, **_LISTS)
async def list_prices(
    zone: ZoneInPath,
    actor: Asker,
    db: Database,
    since: From = None,
    until: To = None,
    sort: ByAge = "oldest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[Span]:
    return await _page(db, actor, "price", zone, since, until, sort, limit, cursor)


@get("/energy/co2/{zone:str}", summary="List the CO2 intensities of a zone", description=_WHICH, **_LISTS)
async def list_co2(
    zone: ZoneInPath,
    actor: Asker,
    db: Database,
    since: From = None,
    until: To = None,
    sort: ByAge = "oldest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[Span]:
    return await _page(db, actor, "co2", zone, since, until, sort, limit, cursor)


async def _page(
    db: Pool, actor: Actor, kind: SeriesKind, zone: str, since: Any, until: Any, sort: Any, limit: int, cursor: Any
) -> Page[Span]:
    cursors = CURSORS[kind][sort]
    place = cursors.decode(cursor)
    behind = None if place is None else (time_of_place(place[0]),)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_spans(
            conn, actor.tenant_id, kind, zone, since=since, until=until, order=sort, place=behind, limit=limit + 1
        )
    return cursors.page(rows, limit, lambda row: (place_in_time(row.start_at),), lambda row: row)


_SHEET = (
    "Columns: a time (`utc`, `start`, ...; with its zone, unless the column is called `utc`) and {value}. A value holds"
    " until the next one. Lines that begin with # are notes. Values of the same times are replaced; nothing is taken"
    " of a sheet with a line that can't be read."
)


@post(
    "/energy/prices/{zone:str}",
    opt={
        "verb": Verb.LOAD_SERIES,
        "problems": [SeriesRefused],
        "example": {"csv": "utc,eur_per_mwh\n2026-03-01T00:00:00Z,81.25\n2026-03-01T01:00:00Z,-3.1\n"},
    },
    status_code=200,
    summary="Load prices of the day ahead from CSV",
    description=_SHEET.format(value="a price such as `eur_per_mwh` or `eur_per_kwh`"),
    tags=["smart charging"],
)
async def load_prices(
    zone: ZoneInPath, data: JSONBody[SeriesSheet], actor: Asker, db: Database, clock: Ticking
) -> SeriesLoaded:
    return await _load(db, actor, "price", zone, data, clock)


@post(
    "/energy/co2/{zone:str}",
    opt={
        "verb": Verb.LOAD_SERIES,
        "problems": [SeriesRefused],
        "example": {"csv": "utc,g_per_kwh\n2026-03-01T00:00:00Z,312\n2026-03-01T01:00:00Z,298.5\n"},
    },
    status_code=200,
    summary="Load CO2 intensities from CSV",
    description=_SHEET.format(value="`g_per_kwh`, `kg_per_mwh` or `t_per_mwh`"),
    tags=["smart charging"],
)
async def load_co2(
    zone: ZoneInPath, data: JSONBody[SeriesSheet], actor: Asker, db: Database, clock: Ticking
) -> SeriesLoaded:
    return await _load(db, actor, "co2", zone, data, clock)


async def _load(db: Pool, actor: Actor, kind: SeriesKind, zone: str, data: SeriesSheet, clock: Any) -> SeriesLoaded:
    series = read_series(data.csv, kind, data.source, clock.now())
    async with db.tenant(actor.tenant_id) as conn:
        changed = await service.load_series(conn, actor, kind, zone, series)
    return SeriesLoaded(values=len(series.spans), changed=changed)
