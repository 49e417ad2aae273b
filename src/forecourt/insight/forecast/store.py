"""SQL of forecasts: what is forecast by what, and night by night the hours ahead."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import msgspec

from forecourt.insight.forecast.model import Choice, Forecast
from forecourt.insight.forecast.recipe import Ahead
from forecourt.insight.store import Connection

#: Series that are listed at once: sites by targets.
MAX_LISTED: Final = 3_000

_CHOICE: Final = "site, target, name, zone, seen_on, chosen_on, reason, recipe, judged, recent"
_FORECAST: Final = "site, target, begins_on, zone, expected, low, middle, high"


def _choice(row: tuple[Any, ...]) -> Choice:
    return msgspec.convert(dict(zip(_CHOICE.split(", "), row, strict=True)), Choice)


def _forecast(row: tuple[Any, ...]) -> Forecast:
    site, target, begins_on, zone, *bounds = row
    expected, low, middle, high = ([round(each, 3) for each in values] for values in bounds)
    ahead = Ahead(expected=expected, low=low, middle=middle, high=high)
    return Forecast(site=site, target=target, begins_on=begins_on, zone=zone, ahead=ahead)


async def list_choices(conn: Connection, tenant_id: int, limit: int = MAX_LISTED) -> list[Choice]:
    """Of all series, by site and target; the network is first."""
    query = f"SELECT {_CHOICE} FROM forecast_choices WHERE tenant_id = %s ORDER BY site, target LIMIT %s"
    return [_choice(row) for row in await (await conn.execute(query, (tenant_id, limit))).fetchall()]


async def find_choice(conn: Connection, tenant_id: int, site: str, target: str) -> Choice | None:
    """Of one series."""
    query = f"SELECT {_CHOICE} FROM forecast_choices WHERE tenant_id = %s AND site = %s AND target = %s"
    row = await (await conn.execute(query, (tenant_id, site, target))).fetchone()
    return None if row is None else _choice(row)


async def keep_choices(conn: Connection, tenant_id: int, choices: Sequence[Choice]) -> None:
    """Puts what series are forecast by in the place of what they were."""
    for each in choices:
        told = msgspec.structs.asdict(each)
        for name in ("recipe", "judged"):
            told[name] = None if told[name] is None else msgspec.json.encode(told[name]).decode()
        await conn.execute(
            f"INSERT INTO forecast_choices (tenant_id, {_CHOICE}) VALUES (%(tenant)s, %(site)s, %(target)s, %(name)s,"
            " %(zone)s, %(seen_on)s, %(chosen_on)s, %(reason)s, %(recipe)s::jsonb, %(judged)s::jsonb, %(recent)s)"
            " ON CONFLICT (tenant_id, site, target) DO UPDATE SET name = excluded.name, zone = excluded.zone,"
            " seen_on = excluded.seen_on, chosen_on = excluded.chosen_on, reason = excluded.reason,"
            " recipe = excluded.recipe, judged = excluded.judged, recent = excluded.recent",
            {"tenant": tenant_id, **told},
        )


async def keep_forecasts(conn: Connection, tenant_id: int, forecasts: Sequence[Forecast]) -> None:
    """Puts forecasts in the place of those of the same day."""
    for each in forecasts:
        await conn.execute(
            f"INSERT INTO forecasts (tenant_id, {_FORECAST}) VALUES (%(tenant)s, %(site)s, %(target)s, %(begins_on)s,"
            " %(zone)s, %(expected)s, %(low)s, %(middle)s, %(high)s)"
            " ON CONFLICT (tenant_id, site, target, begins_on) DO UPDATE SET zone = excluded.zone,"
            " expected = excluded.expected, low = excluded.low, middle = excluded.middle, high = excluded.high",
            {
                "tenant": tenant_id, "site": each.site, "target": each.target, "begins_on": each.begins_on,
                "zone": each.zone, **msgspec.structs.asdict(each.ahead),
            },
        )  # fmt: skip


async def latest(conn: Connection, tenant_id: int, sites: Sequence[str] | None = None) -> list[Forecast]:
    """The latest forecast of each series that has one, of all sites or of these, by site and target."""
    query = (
        f"SELECT DISTINCT ON (site, target) {_FORECAST} FROM forecasts WHERE tenant_id = %(tenant)s"
        " AND (%(sites)s::text[] IS NULL OR site = ANY(%(sites)s)) ORDER BY site, target, begins_on DESC LIMIT %(most)s"
    )
    given = {"tenant": tenant_id, "sites": None if sites is None else list(sites), "most": MAX_LISTED}
    return [_forecast(row) for row in await (await conn.execute(query, given)).fetchall()]


async def list_since(conn: Connection, tenant_id: int, site: str, target: str, since: date) -> list[Forecast]:
    """Those of one series that begin on a day or later, oldest first."""
    query = (
        f"SELECT {_FORECAST} FROM forecasts"
        " WHERE tenant_id = %s AND site = %s AND target = %s AND begins_on >= %s ORDER BY begins_on"
    )
    return [_forecast(row) for row in await (await conn.execute(query, (tenant_id, site, target, since))).fetchall()]


async def made(conn: Connection, tenant_id: int) -> dict[tuple[str, str], date]:
    """Until which day each series was looked at, whether it is forecast or not."""
    rows = await conn.execute("SELECT site, target, seen_on FROM forecast_choices WHERE tenant_id = %s", (tenant_id,))
    return {(site, target): day for site, target, day in await rows.fetchall()}


async def forget(conn: Connection, tenant_id: int, before: date) -> int:
    """Lets forecasts go that began before a day, and series that weren't looked at since; how many forecasts."""
    done = await conn.execute("DELETE FROM forecasts WHERE tenant_id = %s AND begins_on < %s", (tenant_id, before))
    await conn.execute("DELETE FROM forecast_choices WHERE tenant_id = %s AND seen_on < %s", (tenant_id, before))
    return done.rowcount
