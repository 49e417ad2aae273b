"""Route of a station's availability: the states of its connectors and its connection gaps over time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from msgspec import Meta, Struct

from forecourt.access.guard import Asker, Database
from forecourt.platform.clock import Clock
from forecourt.platform.paging import From, To
from forecourt.stations import service, store
from forecourt.stations.api.fields import IdentityInPath
from forecourt.stations.commands import StationUnknown
from forecourt.stations.errors import PeriodRefused
from forecourt.stations.store import ChangeRow

#: The period that is shown unless another is asked for, up to now.
USUAL_PERIOD = timedelta(days=1)
#: The longest period that is shown at once.
MAX_PERIOD = timedelta(days=31)
#: Nothing is asked about before there were stations of these protocols.
FIRST_YEAR = 2010
#: Changes, and gaps, that one answer holds.
MAX_CHANGES = 10_000


class ConnectorPeriod(Struct, frozen=True, kw_only=True):
    """How long a connector was in a state, by what it said of itself. Evse 0 is the station as a whole."""

    evse: int
    connector: int
    state: Annotated[str, Meta(examples=["Available", "Charging", "Faulted"])]
    error_code: str | None
    began_at: Annotated[datetime, Meta(description="May lie before the period that was asked for.")]
    ended_at: Annotated[datetime | None, Meta(description="Null where it lasted beyond the period.")]


class ConnectionGap(Struct, frozen=True, kw_only=True):
    """A time without a connection. What connectors said of it came later."""

    began_at: datetime
    ended_at: Annotated[datetime | None, Meta(description="Null while it lasts.")]


class Availability(Struct, frozen=True, kw_only=True):
    """What could be used when, as far as it is known."""

    began_at: datetime
    ended_at: datetime
    connectors: list[ConnectorPeriod]
    connection_gaps: list[ConnectionGap]


@get(
    "/stations/{station:str}/availability",
    opt={"problems": [StationUnknown, PeriodRefused]},
    summary="Show the states of a station's connectors and its connection gaps over time",
    description=(
        "The last day, unless a period is named; 31 days at the most. States are in the station's own time. A gap is a"
        " second or longer: a connection that replaces another leaves none."
    ),
    tags=["stations"],
)
async def show_availability(
    station: IdentityInPath,
    actor: Asker,
    db: Database,
    clock: NamedDependency[Clock],
    since: From = None,
    until: To = None,
) -> Availability:
    begin, end = _period(since, until, clock.now())
    async with db.tenant(actor.tenant_id) as conn:
        station_id = await service.find_station_id(conn, actor.tenant_id, station)
        changes = await store.list_changes(conn, actor.tenant_id, station_id, begin, end, MAX_CHANGES + 1)
        gaps = await store.list_gaps(conn, actor.tenant_id, station_id, begin, end, MAX_CHANGES + 1)
    if max(len(changes), len(gaps)) > MAX_CHANGES:
        raise PeriodRefused(f"More than {MAX_CHANGES} changes happened in it. Ask for a shorter period.")
    return Availability(
        began_at=begin,
        ended_at=end,
        connectors=_periods(changes),
        connection_gaps=[ConnectionGap(began_at=gap.lost_at, ended_at=gap.returned_at) for gap in gaps],
    )


def _period(since: datetime | None, until: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    if any(at is not None and at.year < FIRST_YEAR for at in (since, until)):
        raise PeriodRefused(f"No time before {FIRST_YEAR} can be asked about.")
    end = until or now
    begin = since or end - USUAL_PERIOD
    if not timedelta() < end - begin <= MAX_PERIOD:
        raise PeriodRefused
    return begin, end


def _periods(changes: Sequence[ChangeRow]) -> list[ConnectorPeriod]:
    """From each word of a connector to the next; a state said again goes on."""
    periods = []
    for place, of_connector in groupby(changes, key=lambda change: (change.evse, change.connector)):
        said = list(of_connector)
        news = [
            change
            for before, change in zip([None, *said], said, strict=False)
            if before is None or (before.state, before.error_code) != (change.state, change.error_code)
        ]
        ends = [change.state_at for change in news[1:]]
        periods += [
            ConnectorPeriod(
                evse=place[0],
                connector=place[1],
                state=change.state,
                error_code=change.error_code,
                began_at=change.state_at,
                ended_at=end,
            )
            for change, end in zip(news, [*ends, None], strict=True)
        ]
    return periods
