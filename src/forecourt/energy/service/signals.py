"""What is said of a site from outside: tariff, series, limits and readings, and how they are read together."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from msgspec.structs import asdict, replace

from forecourt.access import Actor, audit
from forecourt.energy import store
from forecourt.energy.errors import (
    LimitRefused,
    LimitUnknown,
    ReadingsRefused,
    TariffRefused,
    TooManyLimits,
    refusal,
)
from forecourt.energy.feeds.areas import ENTSOE, is_zone, like
from forecourt.energy.feeds.model import zones_of
from forecourt.energy.model import Fault
from forecourt.energy.signals.building import LEARN
from forecourt.energy.signals.model import (
    NodeLimit,
    Reading,
    SeriesKind,
    Tariff,
    TariffRow,
    limit_faults,
    spellings,
    tariff_faults,
)
from forecourt.energy.signals.outlook import LOOK_BACK, Known
from forecourt.energy.signals.sheet import Series
from forecourt.energy.signals.sun import LEARN as LEARN_SUN
from forecourt.energy.signals.sun import ClearSky, reckoned_for
from forecourt.energy.site import SiteRecord
from forecourt.energy.store import Connection
from forecourt.energy.store.feeds import list_feeds
from forecourt.energy.store.nudges import nudge, nudge_of_zone
from forecourt.energy.store.skies import skies_of
from forecourt.platform.preconditions import check_match, etag
from forecourt.ui.i18n import mark

#: Limits of one site that hold or are to come: those that were said, and those of all its feeds together.
MAX_LIMITS: Final = 1_000
MAX_FED_LIMITS: Final = 1_000
#: Readings that one request brings.
MAX_READINGS: Final = 5_000
#: A reading may be so far ahead of our clock, and not older than what forecasts look at.
AHEAD: Final = timedelta(minutes=5)


def tariff_tag(site_id: int, row: TariffRow | None) -> str:
    """The ETag of a site's tariff, of none as well."""
    return etag(["utility tariff", site_id, 0 if row is None else row.version])


async def change_tariff(
    conn: Connection, actor: Actor, record: SiteRecord, tariff: Tariff, now: datetime, if_match: str | None
) -> TariffRow:
    """Stores what a site pays from now on. Raises ChangedMeanwhile, TariffRefused."""
    await store.lock_site(conn, actor.tenant_id, record.site_id, str(actor), now)
    held = await store.tariff_of(conn, actor.tenant_id, record.site_id)
    check_match(if_match, tariff_tag(record.site_id, held))
    faults = tariff_faults(tariff) + await _zone_faults(conn, actor.tenant_id, record.site_id, tariff, held)
    faults += await _currency_faults(conn, actor.tenant_id, tariff, held)
    if faults:
        raise refusal(TariffRefused, faults)
    if held is not None and held.tariff == tariff:
        return held
    row = await store.store_tariff(conn, actor.tenant_id, record.site_id, tariff, str(actor), now)
    await nudge(conn, record.site_id)
    before = None if held is None else _told(held.tariff)
    await audit(conn, actor, "change utility tariff", f"site:{record.slug}", before=before, after=_told(tariff))
    return row


async def _zone_faults(
    conn: Connection, tenant_id: int, site_id: int, tariff: Tariff, held: TariffRow | None
) -> list[Fault]:
    """A zone of which there are no prices, which no feed of the site fetches and no exchange knows is misspelt."""
    zone = tariff.price_zone
    if zone is None or is_zone(zone) or (held is not None and held.tariff.price_zone == zone):
        return []
    feeds = await list_feeds(conn, tenant_id, site_id)
    fetched = {name for each in feeds for kind, name in zones_of(each.source) if kind == "price"}
    if not fetched.isdisjoint(spellings(zone)):
        return []
    if await store.list_series(conn, tenant_id, "price", zone):
        return []
    words = mark(
        "nobody knows a price_zone %(zone)s: there are no prices of it, no feed of this site fetches it, and no"
        " exchange has it. May be meant: %(zones)s"
    )
    return [Fault(words=words, values={"zone": zone, "zones": like(zone.upper(), ENTSOE)})]


async def _currency_faults(conn: Connection, tenant_id: int, tariff: Tariff, held: TariffRow | None) -> list[Fault]:
    """Prices in another currency than is paid in would never count. What was stored before may stay."""
    zone, currency = tariff.price_zone, tariff.currency
    if zone is None or (held is not None and (held.tariff.price_zone, held.tariff.currency) == (zone, currency)):
        return []
    others = {line.currency for line in await store.list_series(conn, tenant_id, "price", zone)} - {None}
    if not others or currency in others:
        return []
    words = mark("currency: the prices of %(zone)s are in %(theirs)s, so none of them would count in %(currency)s")
    values = {"zone": zone, "theirs": ", ".join(sorted(filter(None, others))), "currency": currency}
    return [Fault(words=words, values=values)]


def _told(tariff: Tariff) -> dict[str, object]:
    """What the audit keeps of a tariff."""
    told = asdict(tariff) | {"seasons": len(tariff.seasons), "holidays": len(tariff.holidays)}
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in told.items()}


async def load_series(conn: Connection, actor: Actor, kind: SeriesKind, zone: str, series: Series) -> int:
    """Stores the values of a zone over those of the same times; how many were new or are others now."""
    stored = await store.store_series(conn, actor.tenant_id, kind, zone, series.currency, series.spans)
    if stored:
        await nudge_of_zone(conn, actor.tenant_id, zone)
        detail = {"values": stored, "from": series.spans[0].start_at.isoformat(), "source": series.spans[0].source}
        await audit(conn, actor, "load series", f"{kind}:{zone}", detail)
    return stored


async def say_limit(conn: Connection, actor: Actor, record: SiteRecord, said: NodeLimit) -> NodeLimit:
    """Stores a limit, in place of one of the same source and id. Raises LimitRefused, TooManyLimits."""
    faults = limit_faults(said.limit_w, said.limit_a, said.starts_at, said.ends_at, said.said_at)
    nodes = set() if record.tree is None else {node.id for node in record.tree.nodes}
    if said.node is not None and said.node not in nodes:
        faults.append(Fault(of="node", id=said.node, words=mark("the site has no such node")))
    if faults:
        raise refusal(LimitRefused, faults)
    await store.lock_site(conn, actor.tenant_id, record.site_id, str(actor), said.said_at)
    but = said.source, said.external_id
    others = await store.count_limits(conn, actor.tenant_id, record.site_id, said.said_at, fed=False, but=but)
    if others >= MAX_LIMITS:
        raise TooManyLimits
    kept = await store.store_limit(conn, actor.tenant_id, record.site_id, replace(said, said_by=str(actor)))
    await nudge(conn, record.site_id)
    told = ("source", "external_id", "node", "limit_w", "limit_a")
    times = {name: None if (at := getattr(kept, name)) is None else at.isoformat() for name in ("starts_at", "ends_at")}
    detail = {name: getattr(kept, name) for name in told} | times
    await audit(conn, actor, "limit site", f"site:{record.slug}", detail)
    return kept


async def withdraw_limit(conn: Connection, actor: Actor, record: SiteRecord, limit_id: UUID, now: datetime) -> None:
    """Lets a limit count no more, twice or once alike. Raises LimitUnknown."""
    held = await store.find_limit(conn, actor.tenant_id, record.site_id, limit_id)
    if held is None:
        raise LimitUnknown
    if await store.withdraw_limit(conn, actor.tenant_id, record.site_id, limit_id, now):
        await nudge(conn, record.site_id)
        detail = {"source": held.source, "external_id": held.external_id}
        await audit(conn, actor, "withdraw limit", f"site:{record.slug}", detail)


async def say_readings(
    conn: Connection,
    tenant_id: int,
    record: SiteRecord,
    attachment: str | None,
    readings: Sequence[Reading],
    now: datetime,
) -> tuple[str, int]:
    """Stores what the meter of a load or a solar plant said; of which, and how many were new. None: of the only load.

    Raises ReadingsRefused.
    """
    tree = record.tree
    loads = [] if tree is None else [each.id for each in tree.loads]
    known = loads if tree is None else [*loads, *(each.id for each in tree.solar)]
    if attachment is None and len(loads) == 1:
        attachment = loads[0]
    if attachment is None or attachment not in known:
        those = f"It has {', '.join(known)}." if known else "It has none: add it to the electrics first."
        raise ReadingsRefused(f"`of` names a load or a solar plant of the site. {those}")
    wrong = [each for each in readings if not now - LEARN <= each.at <= now + AHEAD]
    if wrong:
        raise ReadingsRefused(
            f"{wrong[0].at.isoformat()} is too old to tell anything, or ahead of time. Leave such readings out."
        )
    # Of several of one time the last counts, and nothing that is ahead of our clock is a reading of later.
    last = {min(each.at, now): each for each in readings}
    made = [replace(each, at=at) for at, each in last.items()]
    stored = await store.store_readings(conn, tenant_id, record.site_id, attachment, made, now)
    if stored:
        await nudge(conn, record.site_id)
    return attachment, stored


async def learned_readings(conn: Connection, record: SiteRecord, now: datetime) -> dict[str, list[Reading]]:
    """What forecasts learn from: means of what meters said for weeks, by attachment."""
    return await store.readings_between(conn, record.tenant_id, record.site_id, now - LEARN, now)


async def known_signals(
    conn: Connection, record: SiteRecord, now: datetime, until: datetime,
    learned: Mapping[str, Sequence[Reading]] | None = None,
) -> Known:  # fmt: skip
    """All that `signals_at` looks at for the steps from now until then. `learned`: what forecasts learn from, where
    that was read before."""
    tenant_id, site_id = record.tenant_id, record.site_id
    tariff = await store.tariff_of(conn, tenant_id, site_id)
    zone = None if tariff is None else tariff.tariff.price_zone
    co2_zone = None if tariff is None else tariff.tariff.co2_zone
    # A price in another currency than is paid in says nothing: it counts as missing.
    currency = None if tariff is None else tariff.tariff.currency
    since = now - LOOK_BACK
    return Known(
        tariff=tariff,
        prices=()
        if zone is None
        else await store.prices_between(conn, tenant_id, zone, since, until, currency=currency),
        co2=() if co2_zone is None else await store.prices_between(conn, tenant_id, co2_zone, since, until, "co2"),
        limits=await store.limits_between(conn, tenant_id, site_id, now, until),
        readings=await learned_readings(conn, record, now) if learned is None else learned,
        latest=await store.latest_readings(conn, tenant_id, site_id, now),
        skies=await _skies(conn, record, now, until),
    )


async def _skies(conn: Connection, record: SiteRecord, now: datetime, until: datetime) -> dict[str, ClearSky]:
    """What each plant gives under a clear sky, as it is now and where it stands now."""
    if record.tree is None or not record.tree.solar or record.latitude is None or record.longitude is None:
        return {}
    first, last = (at.astimezone(UTC).date() for at in (now - LEARN_SUN, until))
    found = await skies_of(conn, record.tenant_id, record.site_id, first, last)
    return {
        plant.id: ClearSky(days=found.get((plant.id, reckoned_for(plant, record.latitude, record.longitude)), {}))
        for plant in record.tree.solar
    }
