"""Hours that the lake doesn't keep, of EVSEs, of kinds of connectors, of tariffs: counted from sessions by the lake's
own roll-up."""

from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from forecourt.insight.lake.asking import Hand
from forecourt.insight.lake.store import Place
from forecourt.platform.errors import ForecourtError

#: So many sessions are counted into hours for one answer.
MAX_SESSIONS: Final = 1_000_000


class TooManySessions(ForecourtError):
    """These are more sessions than are counted by kind of connector or by tariff at once. Ask for fewer days or for one
    site."""

    status = 422
    code = "too-many-sessions"


class Station(Struct, frozen=True, kw_only=True):
    """A station as the snapshot knows it: an EVSE of it, where one station is looked at."""

    station: str
    name: str | None
    site: str | None
    site_name: str | None
    zone: str
    source: str
    evses: int
    power_w: int | None
    first_at: datetime | None
    last_at: datetime | None
    used_at: datetime | None


def as_place(station: Station, name: str) -> Place:
    """A station, or an EVSE of it, by a name that sessions have as their station."""
    return Place(
        station=name, name=None, site=station.site, site_name=station.site_name, zone=station.zone,
        source=station.source, evses=1, power_w=None, vendor=None, model=None, latitude=None, longitude=None,
        first_at=station.first_at, last_at=station.last_at, gone=False,
    )  # fmt: skip


def hours_of(path: Path, places: list[Place], since: datetime, until: datetime, hand: Hand) -> dict[str, Any]:
    """Hours of these places and of their sites that begin from one time until another, by sessions in a file; `hand`
    breaks it off."""
    from forecourt.insight.lake.rollup import RollUp
    from forecourt.insight.lake.tables import schema

    if not places:
        return {name: schema(name).empty_table() for name in ("hours", "site_hours")}
    with closing(RollUp(places, path.parent)) as rolled, rolled.held(hand):
        hours = rolled.hours([path], since, until)
    return {name: table.cast(schema(name)) for name, table in hours.items()}
