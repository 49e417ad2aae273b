"""What somebody asks of forecasts: which there are, the hours of one, and why it is made as it is."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

from msgspec import Struct

from forecourt.insight.forecast import store
from forecourt.insight.forecast.model import RECENT_H, Choice, Forecast, ForecastUnknown, Hour, beginnings, hours_of
from forecourt.insight.forecast.report import InBand
from forecourt.insight.forecast.series import UNITS, Target
from forecourt.insight.store import Connection
from forecourt.platform.database import Pool

#: Characters of a site as the lake calls it.
MAX_SITE: Final = 210


class Listed(Struct, frozen=True, kw_only=True):
    """One series: a site, or the network where `site` is empty. `begins_on` is the day of its latest forecast, null
    where there is none for the `reason`; `skill` is the error that the method saved against the best simple one in the
    backtest, `coverage` the share of hours that lay in its 80 % interval."""

    site: str
    name: str | None
    target: Target
    unit: str
    zone: str
    begins_on: date | None
    expected_day: float | None
    method: str | None
    skill: float | None
    coverage: float | None
    chosen_on: date | None
    reason: str | None


class Hours(Struct, frozen=True, kw_only=True):
    """The hours ahead of one series, with bounds below which it stays in 10, 50 and 90 % of such hours."""

    site: str
    target: Target
    unit: str
    zone: str
    begins_on: date
    hours: list[Hour]


class Told(Struct, frozen=True, kw_only=True):
    """The backtest behind a forecast. Errors are in `unit`, absolute means or, where `metric` is rmse, roots of mean
    squares; in `bands`, `errors` are those of every candidate on hours that it was not chosen on."""

    site: str
    target: Target
    unit: str
    chosen_on: date
    method: str
    metric: str
    error: float
    simple_error: float
    skill: float | None
    coverage: float
    coverage_busy: float | None
    pinball_skill: float | None
    hours: int
    trees: bool
    validation_from: str
    test_from: str
    test_until: str
    bands: list[InBand]


class Shown(Struct, frozen=True, kw_only=True):
    """All of one series: by what it is forecast, its latest forecast, and what came before by the hour (UTC)."""

    choice: Choice
    forecast: Forecast | None
    past: list[tuple[datetime, float]]


async def listed(db: Pool, tenant_id: int) -> list[Listed]:
    """Every series that somebody may see, the network first."""
    async with db.tenant(tenant_id) as conn:
        choices = await store.list_choices(conn, tenant_id)
        latest = {(each.site, each.target): each for each in await store.latest(conn, tenant_id)}
    return [_listed(each, latest.get((each.site, each.target))) for each in choices]


def _listed(choice: Choice, forecast: Forecast | None) -> Listed:
    figures = None if choice.judged is None else choice.judged.figures
    return Listed(
        site=choice.site,
        name=choice.name,
        target=choice.target,
        unit=UNITS[choice.target],
        zone=choice.zone,
        begins_on=None if forecast is None else forecast.begins_on,
        expected_day=None if forecast is None else round(sum(forecast.ahead.expected[:24]), 3),
        method=None if figures is None else figures.method,
        skill=None if figures is None else figures.skill,
        coverage=None if figures is None else figures.coverage,
        chosen_on=choice.chosen_on,
        reason=choice.reason,
    )


async def find(db: Pool, tenant_id: int, site: str, target: Target) -> Shown:
    """One series. Raises ForecastUnknown where nobody ever looked at it, or the asker may not."""
    async with db.tenant(tenant_id) as conn:
        choice = await store.find_choice(conn, tenant_id, site, target)
        if choice is None:
            raise ForecastUnknown
        latest = await _latest(conn, tenant_id, site, target)
    return Shown(choice=choice, forecast=latest, past=_past(choice))


async def find_hours(db: Pool, tenant_id: int, site: str, target: Target) -> Hours:
    """The hours ahead of one series. Raises ForecastUnknown."""
    async with db.tenant(tenant_id) as conn:
        forecast = await _latest(conn, tenant_id, site, target)
    if forecast is None:
        raise ForecastUnknown
    return Hours(
        site=site, target=target, unit=UNITS[target], zone=forecast.zone, begins_on=forecast.begins_on,
        hours=hours_of(forecast),
    )  # fmt: skip


async def find_backtest(db: Pool, tenant_id: int, site: str, target: Target) -> Told:
    """Why a series is forecast as it is. Raises ForecastUnknown."""
    async with db.tenant(tenant_id) as conn:
        choice = await store.find_choice(conn, tenant_id, site, target)
    if choice is None or choice.judged is None or choice.chosen_on is None:
        raise ForecastUnknown
    figures, split = choice.judged.figures, choice.judged.split
    return Told(
        site=site, target=target, unit=UNITS[target], chosen_on=choice.chosen_on, method=figures.method,
        metric=figures.metric, error=figures.error, simple_error=figures.simple_error, skill=figures.skill,
        coverage=figures.coverage, coverage_busy=figures.coverage_busy, pinball_skill=figures.pinball_skill,
        hours=figures.hours, trees=choice.judged.trees, validation_from=split.validation_from,
        test_from=split.test_from, test_until=split.test_until, bands=figures.bands,
    )  # fmt: skip


async def _latest(conn: Connection, tenant_id: int, site: str, target: Target) -> Forecast | None:
    found = [each for each in await store.latest(conn, tenant_id, [site]) if each.target == target]
    return found[0] if found else None


def _past(choice: Choice) -> list[tuple[datetime, float]]:
    values: Sequence[float | None] = choice.recent[-RECENT_H:]
    first = date.fromordinal(choice.seen_on.toordinal() - len(values) // 24)
    begin = beginnings(first, choice.zone, len(values))
    return [(at, value) for at, value in zip(begin, values, strict=True) if at is not None and value is not None]
