"""The page of one station: what it is, does and did, and what can be asked of it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, QueryParameter

from forecourt.access import Actor
from forecourt.access.guard import Asker, Database
from forecourt.access.model import Verb
from forecourt.platform.clock import Clock
from forecourt.stations import store
from forecourt.stations.pages.frame import StationFrame, StationPages
from forecourt.stations.pages.ports import Charging
from forecourt.stations.pages.timeline import Past, asker, of_connectors, read_past
from forecourt.stations.refusals import LATELY, meaning_of
from forecourt.stations.store import CommandRow
from forecourt.stations.store import knocks as kept
from forecourt.stations.uptime import Band
from forecourt.stations.words import OUTCOMES, REGISTRATIONS, SECURITY_PROFILES, explain_deviation
from forecourt.ui.ranges import PRESETS, FromDay, RangeWord, TimeRange, ToDay, time_range

#: Commands of the history, newest first.
COMMANDS: Final = 20
#: Deviations are counted over so many days.
DEVIATION_DAYS: Final = 30
#: Width of a strip in its own units.
STRIP_WIDTH: Final = 1000

_TEXT: Final = r"^[^\x00]*$"
IdentityPath = Annotated[str, PathParameter(max_length=255, pattern=_TEXT)]
BeforeNumber = Annotated[int | None, QueryParameter(name="before", ge=1, le=2**63 - 1)]
AnyRequest = Request[Any, Any, Any]


def span_href(identity: str, asked: TimeRange, **changes: Any) -> str:
    """The address of a station's page with another span."""
    query = "&".join(f"{name}={value}" for name, value in changes.items() if value)
    return f"?{query}" if query else "?range=today"


def segments(bands: Sequence[Band], began_at: datetime, ended_at: datetime) -> list[tuple[Band, int, int]]:
    """Each band with where it begins in a strip of STRIP_WIDTH and how wide it is, one unit at the least."""
    whole = (ended_at - began_at).total_seconds()
    found = []
    for band in bands:
        left = int((band.began_at - began_at).total_seconds() * STRIP_WIDTH / whole)
        right = int((band.ended_at - began_at).total_seconds() * STRIP_WIDTH / whole)
        found.append((band, left, max(1, right - left)))
    return found


class Overview:
    """What the handlers below share."""

    def __init__(self, pages: StationPages, charging: Charging) -> None:
        self.pages = pages
        self.charging = charging

    async def show(
        self, request: AnyRequest, actor: Actor, db: Any, clock: Clock, identity: str, asked: Mapping[str, str]
    ) -> Response[str]:
        frame = await self.pages.find(db, actor.tenant_id, identity)
        if frame is None:
            return self.pages.gone(request, actor, identity)
        now = clock.now()
        chosen = time_range(now, actor.time_zone, default="today", **asked)
        past = await self.past(db, actor.tenant_id, frame, chosen, now)
        async with db.tenant(actor.tenant_id) as conn:
            refusal = await kept.find_refusal(conn, actor.tenant_id, frame.station.station_id, now - LATELY)
            commands = await store.list_commands(conn, actor.tenant_id, frame.station.station_id, limit=COMMANDS + 1)
            unsupported = await store.list_unsupported(conn, actor.tenant_id, [frame.station.station_id])
            deviations = await store.count_deviations(
                conn, actor.tenant_id, frame.station.station_id, now - timedelta(days=DEVIATION_DAYS), now
            )
        power = await self.charging.power(actor.tenant_id, identity, chosen.start, chosen.end)
        return await self.pages.page(
            "station.html",
            request,
            actor,
            frame,
            "overview",
            now=now,
            refusal=refusal,
            meaning=meaning_of,
            changes=actor.may(Verb.CHANGE_STATIONS),
            connectors=of_connectors(frame.connectors),
            running=await self.charging.running(actor.tenant_id, identity),
            power=[(_millis(at), power_w) for at, power_w in power],
            unsupported=unsupported,
            deviations=[(each, explain_deviation(each.kind)) for each in deviations],
            deviation_days=DEVIATION_DAYS,
            registrations=REGISTRATIONS,
            security_profiles=SECURITY_PROFILES,
            **self.timeline_context(frame, chosen, past, now),
            **command_context(commands),
        )

    async def past(self, db: Any, tenant_id: int, frame: StationFrame, chosen: TimeRange, now: datetime) -> Past:
        end = min(chosen.end, now)
        others = await self.charging.events(tenant_id, frame.identity, chosen.start, chosen.end)
        async with db.tenant(tenant_id) as conn:
            return await read_past(conn, tenant_id, frame.station, chosen.start, end, others)

    def timeline_context(self, frame: StationFrame, chosen: TimeRange, past: Past, now: datetime) -> dict[str, Any]:
        strips = [
            (strip, segments(strip.bands, past.began_at, past.ended_at))
            for strip in past.uptime.strips
            if past.began_at < past.ended_at
        ]
        return {
            "chosen": chosen,
            "presets": PRESETS,
            "past": past,
            "strips": strips,
            "gap_segments": segments(past.uptime.gaps, past.began_at, past.ended_at)
            if past.began_at < past.ended_at
            else [],
            "still": chosen.end > now,
            "span_query": "&".join(f"{name}={value}" for name, value in chosen.query.items()),
            "href": lambda **changes: span_href(frame.identity, chosen, **changes),
        }


def command_context(commands: Sequence[CommandRow]) -> dict[str, Any]:
    """The history of commands as the template takes it, one page of it."""
    return {
        "commands": [(each, answer_word(each), asker(each.asked_by)) for each in commands[:COMMANDS]],
        "older_commands": commands[COMMANDS - 1].number if len(commands) > COMMANDS else None,
        "outcomes": OUTCOMES,
    }


def answer_word(command: CommandRow) -> str:
    """What a station said to a command in one word: the status of its answer, or the code of its refusal."""
    try:
        said = msgspec.json.decode(command.answer or "null")
    except msgspec.DecodeError:
        return ""
    if not isinstance(said, dict):
        return ""
    return str(said.get("status") or said.get("code") or "")[:64]


def _millis(at: datetime) -> int:
    return int(at.astimezone(UTC).timestamp() * 1000)


def overview_routes(pages: StationPages, charging: Charging) -> list[HTTPRouteHandler]:
    """`/stations/{id}` and the parts of it that come anew: timeline, connectors, and the history of its commands."""
    overview = Overview(pages, charging)

    @get("/stations/{identity:str}", include_in_schema=False)
    async def station(
        request: AnyRequest,
        identity: IdentityPath,
        actor: Asker,
        db: Database,
        clock: NamedDependency[Clock],
        preset: RangeWord = "",
        first: FromDay = "",
        last: ToDay = "",
    ) -> Response[str]:
        asked = {"preset": preset, "first": first, "last": last}
        return await overview.show(request, actor, db, clock, identity, asked)

    @get("/stations/{identity:str}/timeline", include_in_schema=False)
    async def timeline(
        request: AnyRequest,
        identity: IdentityPath,
        actor: Asker,
        db: Database,
        clock: NamedDependency[Clock],
        preset: RangeWord = "",
        first: FromDay = "",
        last: ToDay = "",
    ) -> Response[str]:
        frame = await pages.find(db, actor.tenant_id, identity)
        if frame is None:
            return pages.gone(request, actor, identity)
        now = clock.now()
        chosen = time_range(now, actor.time_zone, default="today", preset=preset, first=first, last=last)
        past = await overview.past(db, actor.tenant_id, frame, chosen, now)
        return pages.part("timeline.html", request, actor, frame, **overview.timeline_context(frame, chosen, past, now))

    @get("/stations/{identity:str}/connectors", include_in_schema=False)
    async def connectors(request: AnyRequest, identity: IdentityPath, actor: Asker, db: Database) -> Response[str]:
        frame = await pages.find(db, actor.tenant_id, identity)
        if frame is None:
            return pages.gone(request, actor, identity)
        return pages.part("connectors.html", request, actor, frame, connectors=of_connectors(frame.connectors))

    @get("/stations/{identity:str}/commands", include_in_schema=False)
    async def commands(
        request: AnyRequest, identity: IdentityPath, actor: Asker, db: Database, before: BeforeNumber = None
    ) -> Response[str]:
        frame = await pages.find(db, actor.tenant_id, identity)
        if frame is None:
            return pages.gone(request, actor, identity)
        async with db.tenant(actor.tenant_id) as conn:
            rows = await store.list_commands(
                conn,
                actor.tenant_id,
                frame.station.station_id,
                place=None if before is None else (before,),
                limit=COMMANDS + 1,
            )
        return pages.part("commands.html", request, actor, frame, **command_context(rows))

    return [station, timeline, connectors, commands]
