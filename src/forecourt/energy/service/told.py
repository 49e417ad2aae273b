"""What other rooms are told of sites' prices: which hours are dear, what demand costs, whose CO2 counts. Each in the
caller's transaction."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from forecourt.energy.signals.model import Tariff
from forecourt.energy.store import signals as store
from forecourt.energy.store.signals import Connection
from forecourt.energy.store.sites import list_lines

_HOUR = timedelta(hours=1)


async def dear_hours(
    conn: Connection, tenant_id: int, sites: Sequence[str], since: datetime, until: datetime
) -> dict[int, Decimal]:
    """How dear energy was in each hour of the day, from 0, the cheapest, to 1: the mean over sites that say what they
    pay, each by its own clock and in its own money. `sites`: slugs, what is below them counts too; none: all. By the
    prices of the day ahead of a site's zone, else by its seasons, as the planner takes them. Only hours that all of
    these sites have a price of; empty where none says what it pays."""
    found: list[Mapping[int, Decimal]] = []
    for zone, tariff in await store.list_tariffs(conn, tenant_id, sites):
        prices = await _prices(conn, tenant_id, tariff, zone, since, until)
        by_hour: dict[int, list[Decimal]] = defaultdict(list)
        for at, price in prices:
            by_hour[at.astimezone(ZoneInfo(zone)).hour].append(price)
        found.append(_between({hour: sum(each, Decimal(0)) / len(each) for hour, each in by_hour.items()}))
    hours = set.intersection(*(set(each) for each in found)) if found else set()
    return {hour: sum((each[hour] for each in found), Decimal(0)) / len(found) for hour in hours}


async def demand_tariffs(conn: Connection, tenant_id: int, most: int) -> list[tuple[str, Tariff]]:
    """Sites by slug that pay for demand and have no smart charging to keep it low, with what they pay; of so many sites
    at the most."""
    found = []
    for site in (await list_lines(conn, tenant_id))[:most]:
        row = None if site.enabled else await store.tariff_of(conn, tenant_id, site.site_id)
        if row is not None and row.tariff.demand_charge_per_kw:
            found.append((site.slug, row.tariff))
    return found


async def co2_zones(conn: Connection, tenant_id: int) -> list[tuple[str, str]]:
    """Sites by slug of which it is said whose CO2 intensity counts, with that zone as its values are stored."""
    return await store.co2_zones(conn, tenant_id)


async def _prices(
    conn: Connection, tenant_id: int, tariff: Tariff, zone: str, since: datetime, until: datetime
) -> list[tuple[datetime, Decimal]]:
    if tariff.price_zone is not None:
        spans = await store.prices_between(
            conn, tenant_id, tariff.price_zone, since, until, currency=tariff.currency
        )  # fmt: skip
        return [(span.start_at, tariff.of_market(span.value)) for span in spans]
    times = [since + _HOUR * number for number in range((until - since) // _HOUR)]
    return [(at, price) for at in times if (price := tariff.by_season(at, zone)) is not None]


def _between(prices: Mapping[int, Decimal]) -> Mapping[int, Decimal]:
    """Each as far as it is from the least to the most."""
    if not prices:
        return {}
    least, most = min(prices.values()), max(prices.values())
    return {hour: (price - least) / (most - least) if most > least else Decimal(0) for hour, price in prices.items()}
