"""Routes of bulk runs: one action on many stations, planned, asked for, followed and stopped."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta, Struct

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker, Database
from forecourt.ocpp.neutral import Registration, ResetType
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.paging import ByAge, CursorRefused, Cursors, Limit, NextCursor, Page, cursors_by_age
from forecourt.platform.search import MAX_SEARCH_LENGTH
from forecourt.stations import bulk, store
from forecourt.stations.api.fields import SITE_PATTERN, Identity
from forecourt.stations.bulk import MAX_STATIONS, RunRefused, RunUnknown, TooManyRuns
from forecourt.stations.errors import SiteRefused
from forecourt.stations.model import STATION_STATES
from forecourt.stations.store import BulkRun, BulkStation, Connection
from forecourt.stations.store.bulk import StationOrder

CURSORS = cursors_by_age("bulk runs")
STATION_CURSORS: Mapping[StationOrder, Cursors] = {
    "asked": Cursors("stations of a bulk run"),
    "station": Cursors("stations of a bulk run by id"),
}
#: Identities that a refusal names.
MAX_NAMED = 20

Stations = Annotated[
    list[Identity], Meta(min_length=1, max_length=MAX_STATIONS, description="By their ids.", examples=[["CP1", "CP2"]])
]
State = Literal["waiting", "running", "stopping", "stopped", "done"]
Outcome = Literal["waiting", "working", "done", "refused", "failed", "unknown"]
Slug = Annotated[str, Meta(pattern=SITE_PATTERN, examples=["north-yard"])]
_Text = Annotated[str, Meta(min_length=1, max_length=MAX_SEARCH_LENGTH, pattern=r"^[^\x00]*$")]


class Where(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Stations in service by what they are; all that is said must hold, and without anything it is all of them."""

    site: Slug | None = None
    state: Annotated[
        Annotated[str, Meta(pattern=f"^({'|'.join(STATION_STATES)})$", examples=["Faulted"])] | None,
        Meta(description="As a whole."),
    ] = None
    registration: Registration | None = None
    connected: bool | None = None
    model: Annotated[
        _Text | None, Meta(description="Vendor and model, as the station said them.", examples=["Voltwerk Pillar 150"])
    ] = None
    search: Annotated[_Text | None, Meta(description="In name, id or site.", examples=["gate"])] = None


class Choice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The stations a run is planned for: by id, or by what they are."""

    stations: Stations | None = None
    where: Where | None = None


class Planned(Struct, frozen=True, kw_only=True):
    """What a run would meet now. `stations` is what to ask the run for."""

    stations: Annotated[list[str], Meta(examples=[["CP1", "CP2"]])]
    unknown: Annotated[list[str], Meta(description="Those that were named and are not in service.", examples=[["CP9"]])]
    charging: Annotated[int, Meta(description="How many have a car that charges or waits to: a reset ends that.")]
    offline: Annotated[int, Meta(description="How many are not connected: a reset of these fails.")]


class ResetRun(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Restart these stations."""

    stations: Stations
    type: Annotated[ResetType, Meta(description="As for one station.", examples=["soft"])]


class RegistrationRun(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Give these stations a registration."""

    stations: Stations
    registration: Annotated[Registration, Meta(examples=["accepted"])]


class SiteRun(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Move these stations to a site."""

    stations: Stations
    site: Annotated[Slug | None, Meta(description="Its slug; null: no site.")]


class RunShown(Struct, frozen=True, kw_only=True):
    """One action on many stations, and how far it is."""

    id: UUID
    action: Annotated[Literal["reset", "registration", "site"], Meta(examples=["reset"])]
    argument: Annotated[
        str,
        Meta(description="How to reset, the registration, or the slug of the site; empty: no site.", examples=["soft"]),
    ]
    state: Annotated[State, Meta(description="`stopping`: what is in work is finished.", examples=["running"])]
    asked_by: Annotated[str, Meta(examples=["Ada"])]
    asked_at: datetime
    began_at: datetime | None
    ended_at: datetime | None
    outcomes: Annotated[
        dict[str, int],
        Meta(
            description=(
                "How many stations are how far: `waiting`, `working`, `done`, `refused` (the station said no), `failed`"
                " (it was not done) and `unknown` (whether it was done, nobody knows)."
            ),
            examples=[{"waiting": 3, "working": 2, "done": 40}],
        ),
    ]


class RunStation(Struct, frozen=True, kw_only=True):
    """One station of a run, and what came of it."""

    station: str
    outcome: Annotated[Outcome, Meta(examples=["done"])]
    said: Annotated[
        str | None, Meta(description="The station's own word, or the code of what went wrong.", examples=["Accepted"])
    ]
    began_at: datetime | None
    ended_at: datetime | None


@post(
    "/bulk-runs/plan",
    opt={"problems": [RunRefused]},
    status_code=200,
    summary="Tell what a bulk run would meet",
    description=(
        "Nothing is done. Send the `stations` of the answer to one of the routes that ask for a run: then what is done"
        " is what was planned, whatever changes meanwhile. 5,000 stations at the most."
    ),
    tags=["bulk runs"],
)
async def plan_bulk_run(data: JSONBody[Choice], actor: Asker, db: Database) -> Planned:
    if (data.stations is None) is (data.where is None):
        raise RunRefused("Choose stations either by `stations` or by `where`. `where` may be {}: all of them.")
    named = list(dict.fromkeys(data.stations or ()))
    how = {"identities": named} if data.where is None else _asked(data.where)
    async with db.tenant(actor.tenant_id) as conn:
        rows, matching = await store.list_for_page(conn, actor.tenant_id, limit=MAX_STATIONS, **how)
    if matching > MAX_STATIONS:
        raise RunRefused(f"{matching} stations are meant, and a run has {MAX_STATIONS} at the most. Choose fewer.")
    found = [row.identity for row in rows]
    numbers = bulk.plan(rows)
    return Planned(
        stations=found,
        unknown=sorted(set(named) - set(found)),
        charging=numbers.charging,
        offline=numbers.offline,
    )


@post(
    "/bulk-runs/reset",
    opt={"verb": Verb.RESET, "problems": [RunRefused, TooManyRuns]},
    status_code=202,
    summary="Restart many stations",
    description="A worker asks eight at a time. `GET /api/v1/bulk-runs/{run_id}` tells how far it is.",
    tags=["bulk runs"],
)
async def reset_stations(
    data: JSONBody[ResetRun], actor: Asker, db: Database, clock: NamedDependency[Clock]
) -> RunShown:
    return await _ask(db, actor, clock, "reset", data.type.value, data.stations)


@post(
    "/bulk-runs/registration",
    opt={"verb": Verb.CHANGE_STATIONS, "problems": [RunRefused, TooManyRuns]},
    status_code=202,
    summary="Give many stations a registration",
    tags=["bulk runs"],
)
async def register_stations(
    data: JSONBody[RegistrationRun], actor: Asker, db: Database, clock: NamedDependency[Clock]
) -> RunShown:
    return await _ask(db, actor, clock, "registration", data.registration.value, data.stations)


@post(
    "/bulk-runs/site",
    opt={"verb": Verb.CHANGE_STATIONS, "problems": [RunRefused, SiteRefused, TooManyRuns]},
    status_code=202,
    summary="Move many stations to a site",
    tags=["bulk runs"],
)
async def move_stations(data: JSONBody[SiteRun], actor: Asker, db: Database, clock: NamedDependency[Clock]) -> RunShown:
    return await _ask(db, actor, clock, "site", data.site or "", data.stations)


@get(
    "/bulk-runs",
    opt={"problems": [CursorRefused]},
    summary="List bulk runs",
    tags=["bulk runs"],
)
async def list_bulk_runs(
    actor: Asker,
    db: Database,
    word: Annotated[State | None, QueryParameter(name="state", description="Only those in this state.")] = None,
    action: Annotated[
        Literal["reset", "registration", "site"] | None, QueryParameter(description="Only those of this action.")
    ] = None,
    sort: ByAge = "newest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[RunShown]:
    place = CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_runs(
            conn, actor.tenant_id, order=sort, place=place, limit=limit + 1, state=word, action=action
        )
        counts = await store.count_outcomes_of(conn, actor.tenant_id, [row.run_id for row in rows])
    return CURSORS[sort].page(
        rows, limit, lambda row: (row.number,), lambda row: _shown(row, counts.get(row.run_id, {}))
    )


@get(
    "/bulk-runs/{run_id:uuid}",
    opt={"problems": [RunUnknown]},
    summary="Show a bulk run and how far it is",
    tags=["bulk runs"],
)
async def find_bulk_run(run_id: FromPath[UUID], actor: Asker, db: Database) -> RunShown:
    async with db.tenant(actor.tenant_id) as conn:
        return await _found(conn, actor.tenant_id, run_id)


@get(
    "/bulk-runs/{run_id:uuid}/stations",
    opt={"problems": [RunUnknown, CursorRefused]},
    summary="List the stations of a bulk run and what came of it at each",
    tags=["bulk runs"],
)
async def list_bulk_run_stations(
    run_id: FromPath[UUID],
    actor: Asker,
    db: Database,
    outcome: Annotated[Outcome | None, QueryParameter(description="Only those with this outcome.")] = None,
    sort: Annotated[StationOrder, QueryParameter(description="As the run was asked for them, or by id.")] = "asked",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[RunStation]:
    cursors = STATION_CURSORS[sort]
    place = cursors.decode_names(cursor) if sort == "station" else cursors.decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        await bulk.find(conn, actor.tenant_id, run_id)
        rows = await store.list_run_stations(
            conn, actor.tenant_id, run_id, state=outcome, order=sort, place=place, limit=limit + 1
        )

    def placed(row: BulkStation) -> tuple[int] | tuple[str]:
        return (row.station,) if sort == "station" else (row.position,)

    return cursors.page(rows, limit, placed, _station)


@post(
    "/bulk-runs/{run_id:uuid}/stop",
    opt={"verb": Verb.CHANGE_STATIONS, "problems": [RunUnknown]},
    status_code=200,
    summary="Let a bulk run begin with no further station",
    description="What is in work is finished. A run that has ended stays as it is.",
    tags=["bulk runs"],
)
async def stop_bulk_run(run_id: FromPath[UUID], actor: Asker, db: Database) -> RunShown:
    async with db.tenant(actor.tenant_id) as conn:
        await bulk.stop(conn, actor, run_id)
        return await _found(conn, actor.tenant_id, run_id)


async def _ask(
    db: Pool, actor: Actor, clock: Clock, action: bulk.Action, argument: str, stations: list[str]
) -> RunShown:
    """Asks for a run of exactly these stations. Raises RunRefused, SiteRefused, TooManyRuns."""
    async with db.tenant(actor.tenant_id) as conn:
        there = set(
            await store.list_identities(conn, actor.tenant_id, identities=stations, sites=None, limit=MAX_STATIONS)
        )
        missing = [each for each in dict.fromkeys(stations) if each not in there]
        if missing:
            raise RunRefused(
                "Some of these stations are not in service. Plan the run again, or leave them out.",
                unknown=missing[:MAX_NAMED],
            )
        if (
            action == "site"
            and argument
            and await store.find_site(conn, actor.tenant_id, slug=argument, site_id=None) is None
        ):
            raise SiteRefused
        run_id = await bulk.ask(conn, actor, action, argument, stations, clock.now())
        return await _found(conn, actor.tenant_id, run_id)


async def _found(conn: Connection, tenant_id: int, run_id: UUID) -> RunShown:
    run = await bulk.find(conn, tenant_id, run_id)
    return _shown(run, await store.count_outcomes(conn, tenant_id, run_id))


def _asked(where: Where) -> dict[str, object]:
    asked = msgspec.structs.asdict(where)
    asked["registration"] = None if where.registration is None else where.registration.value
    return {**asked, "search": where.search or ""}


def _shown(row: BulkRun, outcomes: Mapping[str, int]) -> RunShown:
    return RunShown(
        id=row.run_id,
        action=row.action,  # type: ignore[arg-type]  # the table's own check
        argument=row.argument,
        state=row.state,  # type: ignore[arg-type]
        asked_by=bulk.asked_by(row),
        asked_at=row.asked_at,
        began_at=row.began_at,
        ended_at=row.ended_at,
        outcomes=dict(outcomes),
    )


def _station(row: BulkStation) -> RunStation:
    return RunStation(
        station=row.station,
        outcome=row.state,  # type: ignore[arg-type]
        said=row.said,
        began_at=row.began_at,
        ended_at=row.ended_at,
    )
