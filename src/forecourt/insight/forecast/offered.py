"""What the planner is offered of forecasts, by the protocol that it declares (`energy.expecting`)."""

from datetime import datetime

from forecourt.energy.expecting import Foreseen, HourForecast, SiteForecast
from forecourt.insight.forecast import store
from forecourt.insight.forecast.model import TARGETS, hours_of, is_fresh
from forecourt.insight.store import Connection


async def forecast_of(conn: Connection, tenant_id: int, site: str, now: datetime, /) -> SiteForecast | Foreseen:
    """The latest forecast of a site, all of its targets together."""
    found = {each.target: each for each in await store.latest(conn, tenant_id, [site])}
    if any(target not in found for target in TARGETS):
        return Foreseen.NO_FORECAST
    if not all(is_fresh(each, now) for each in found.values()):
        return Foreseen.OLD_FORECAST
    cars, plugs, energy = (
        {hour.at: hour.expected for hour in hours_of(found[target])} for target in ("arrivals", "occupancy", "energy")
    )
    hours = [
        HourForecast(at=at, cars=each, plugs=plugs[at], energy_kwh=energy[at])
        for at, each in cars.items()
        if at in plugs and at in energy
    ]
    return SiteForecast(hours=hours)
