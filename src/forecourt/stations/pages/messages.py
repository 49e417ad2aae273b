"""The message log of a station: live, filtered by its address, each message decoded when it is opened."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, QueryParameter
from msgspec import Struct

from forecourt.access.guard import Asker, Database
from forecourt.ocpp.protocol import protocol
from forecourt.platform.clock import Clock
from forecourt.stations import store
from forecourt.stations.decoded import Decoded, decode, gist
from forecourt.stations.log import LogPage, read_log, read_news
from forecourt.stations.pages.frame import StationFrame, StationPages, is_fragment
from forecourt.stations.pages.station import AnyRequest, BeforeNumber, IdentityPath
from forecourt.stations.store import Connection, MessageFilter, MessageRow
from forecourt.stations.store.messages import REFUSALS, SCAN_LIMIT
from forecourt.stations.words import KINDS, deviation_kind, explain_deviation
from forecourt.ui.ranges import (
    ALWAYS,
    PRESETS_OR_ALWAYS,
    FromTime,
    RangeWord,
    TimeRange,
    ToTime,
    time_range_to_the_minute,
)

#: Messages of one page, and of one look for new ones.
PAGE_SIZE: Final = 50
NEWEST: Final = 2**63 - 1
#: How the ways of a message are said in an address, and the log's letters for them.
DIRECTIONS: Final = {"in": "i", "out": "o"}
KIND_NAMES: Final = {"call": 2, "answer": 3, "refusal": 4, "send": 6, "unreadable": 0}
#: Of an answer to a call: where it lies in the log.
ANSWERS: Final = frozenset({3, 4})

_TEXT: Final = r"^[^\x00]*$"
ActionName = Annotated[str, QueryParameter(name="action", pattern=r"^[A-Za-z0-9]{0,64}$")]
DirectionWord = Annotated[str, QueryParameter(name="direction", max_length=8)]
KindWord = Annotated[str, QueryParameter(name="kind", max_length=16)]
Words = Annotated[str, QueryParameter(name="q", max_length=200, pattern=_TEXT)]
CallId = Annotated[str, QueryParameter(name="call", max_length=255, pattern=_TEXT)]
Ticked = Annotated[str, QueryParameter(max_length=1)]
AfterNumber = Annotated[int, QueryParameter(name="after", ge=0, le=NEWEST)]
NumberPath = Annotated[int, PathParameter(ge=1, le=NEWEST)]


class LogFilters(Struct, frozen=True, kw_only=True):
    """What the address asks for, in its own words, but for the span of time."""

    action: str = ""
    direction: str = ""
    kind: str = ""
    text: str = ""
    call: str = ""
    errors: bool = False
    deviating: bool = False

    @property
    def any(self) -> bool:
        return self != LogFilters()

    @property
    def fields(self) -> Mapping[str, str]:
        """How an address says them."""
        return {
            "action": self.action,
            "direction": self.direction,
            "kind": self.kind,
            "q": self.text,
            "call": self.call,
            "errors": "1" if self.errors else "",
            "deviating": "1" if self.deviating else "",
        }

    def wanted(self, span: TimeRange) -> MessageFilter:
        """The same for the store; what can't be read is not asked for."""
        kind = KIND_NAMES.get(self.kind)
        return MessageFilter(
            action=self.action or None,
            direction=DIRECTIONS.get(self.direction),
            kinds=REFUSALS if self.errors else () if kind is None else (kind,),
            text=self.text or None,
            message_id=self.call or None,
            since=span.since,
            until=span.until,
            deviating=self.deviating,
        )


class Line(Struct, frozen=True, kw_only=True):
    """One message in the list. `partner` is its answer, or the call that it answers; `between` the time they are apart;
    `said` an answer's status in one word."""

    row: MessageRow
    gist: str
    partner: MessageRow | None
    between: timedelta | None
    said: str
    deviations: list[str]


class Opened(Struct, frozen=True, kw_only=True):
    """One message as it is read: decoded, with what deviates, and its raw JSON."""

    line: Line
    decoded: Decoded
    deviations: list[tuple[str, str]]
    raw: str


def _parsed(payload: str) -> Any:
    try:
        return msgspec.json.decode(payload)
    except msgspec.DecodeError:
        return payload


def line_of(row: MessageRow, near: Sequence[MessageRow]) -> Line:
    """A message beside its partner: calls and answers of one id go opposite ways."""
    other_way = [
        each
        for each in near
        if each.message_id == row.message_id
        and each.direction != row.direction
        and (each.kind in ANSWERS) != (row.kind in ANSWERS)
    ]
    partner = min(other_way, key=lambda each: abs(each.number - row.number), default=None)
    payload = _parsed(row.payload)
    return Line(
        row=row,
        gist=gist(payload),
        partner=partner,
        between=None if partner is None else abs(partner.at - row.at),
        said="" if partner is None or partner.kind not in ANSWERS else _status(partner),
        deviations=row.deviations.split("; ") if row.deviations else [],
    )


def _status(answer: MessageRow) -> str:
    """The word of an answer: its status, the status of its token, or the code of a refusal."""
    said = _parsed(answer.payload)
    if not isinstance(said, dict):
        return ""
    token = said.get("idTagInfo") or said.get("idTokenInfo")
    inner = token.get("status") if isinstance(token, dict) else None
    return str(said.get("status") or said.get("code") or inner or "")[:40]


def open_message(line: Line) -> Opened:
    """All of a message."""
    payload = _parsed(line.row.payload)
    return Opened(
        line=line,
        decoded=decode(payload),
        deviations=[(each, explain_deviation(deviation_kind(each))) for each in line.deviations],
        raw=msgspec.json.format(msgspec.json.encode(payload), indent=2).decode(),
    )


async def _lines(conn: Connection, tenant_id: int, station_id: int, rows: Sequence[MessageRow]) -> list[Line]:
    partners = await store.list_partners(conn, tenant_id, station_id, rows)
    return [line_of(row, partners) for row in rows]


def actions_of(frame: StationFrame) -> list[str]:
    """The actions of the station's version, both ways, by name."""
    if frame.version is None:
        return []
    told = protocol(frame.version)
    return sorted({*told.station_actions, *told.csms_actions, *told.send_actions})


def span_of(now: datetime, zone: str, preset: str, first: str, last: str) -> TimeRange:
    """The span of the log that an address asks for; all of it unless it says otherwise."""
    return time_range_to_the_minute(now, zone, preset=preset, first=first, last=last, default=ALWAYS)


def log_href(identity: str, filters: LogFilters, span: TimeRange, part: str = "", **changes: str | int) -> str:
    """The address of the log, or of a part of it, with some of what it asks changed."""
    asked: Mapping[str, Any] = {**filters.fields, **span.query, **changes}
    query = urlencode({name: value for name, value in asked.items() if value})
    path = f"/stations/{quote(identity, safe='')}/messages{part}"
    return f"{path}?{query}" if query else path


def message_routes(pages: StationPages) -> list[HTTPRouteHandler]:
    """`/stations/{id}/messages`, what is new in it, and one message of it."""

    @get("/stations/{identity:str}/messages", include_in_schema=False)
    async def messages(
        request: AnyRequest,
        identity: IdentityPath,
        actor: Asker,
        db: Database,
        clock: NamedDependency[Clock],
        action: ActionName = "",
        direction: DirectionWord = "",
        kind: KindWord = "",
        text: Words = "",
        call: CallId = "",
        preset: RangeWord = "",
        first: FromTime = "",
        last: ToTime = "",
        errors: Ticked = "",
        deviating: Ticked = "",
        before: BeforeNumber = None,
    ) -> Response[str]:
        filters = LogFilters(
            action=action, direction=direction, kind=kind, text=text.strip(), call=call,
            errors=bool(errors), deviating=bool(deviating),
        )  # fmt: skip
        frame = await pages.find(db, actor.tenant_id, identity)
        if frame is None:
            return pages.gone(request, actor, identity)
        span = span_of(clock.now(), actor.time_zone, preset, first, last)
        station_id = frame.station.station_id
        async with db.tenant(actor.tenant_id) as conn:
            page: LogPage = await read_log(
                conn,
                actor.tenant_id,
                station_id,
                place=None if before is None else (before,),
                limit=PAGE_SIZE,
                wanted=filters.wanted(span),
            )
            lines = await _lines(conn, actor.tenant_id, station_id, page.rows)
        return await pages.page(
            "messages.html",
            request,
            actor,
            frame,
            "messages",
            filters=filters,
            any=filters.any or span.preset != ALWAYS,
            range=span,
            presets=PRESETS_OR_ALWAYS,
            href=lambda **changes: log_href(identity, filters, span, **changes),
            lines=lines,
            log=page,
            before=before,
            live_log=before is None and (span.until is None or span.until > clock.now()),
            newest=page.rows[0].number if page.rows else 0,
            actions=actions_of(frame),
            kinds=KINDS,
            kind_names=KIND_NAMES,
            scan_limit=SCAN_LIMIT,
        )

    @get("/stations/{identity:str}/messages/new", include_in_schema=False)
    async def news(
        request: AnyRequest,
        identity: IdentityPath,
        actor: Asker,
        db: Database,
        clock: NamedDependency[Clock],
        after: AfterNumber = 0,
        action: ActionName = "",
        direction: DirectionWord = "",
        kind: KindWord = "",
        text: Words = "",
        call: CallId = "",
        preset: RangeWord = "",
        first: FromTime = "",
        last: ToTime = "",
        errors: Ticked = "",
        deviating: Ticked = "",
    ) -> Response[Any]:
        filters = LogFilters(
            action=action, direction=direction, kind=kind, text=text.strip(), call=call,
            errors=bool(errors), deviating=bool(deviating),
        )  # fmt: skip
        frame = await pages.find(db, actor.tenant_id, identity)
        if frame is None:
            return pages.gone(request, actor, identity)
        span = span_of(clock.now(), actor.time_zone, preset, first, last)
        station_id = frame.station.station_id
        async with db.tenant(actor.tenant_id) as conn:
            rows = await read_news(
                conn, actor.tenant_id, station_id, after=after, limit=PAGE_SIZE,
                wanted=filters.wanted(span),
            )  # fmt: skip
            lines = await _lines(conn, actor.tenant_id, station_id, rows)
        if not lines:
            return Response(None, status_code=204)
        return pages.part("message_lines.html", request, actor, frame, lines=lines, kinds=KINDS)

    @get("/stations/{identity:str}/messages/{number:int}", include_in_schema=False)
    async def message(
        request: AnyRequest, identity: IdentityPath, number: NumberPath, actor: Asker, db: Database
    ) -> Response[str]:
        frame = await pages.find(db, actor.tenant_id, identity)
        if frame is None:
            return pages.gone(request, actor, identity)
        station_id = frame.station.station_id
        async with db.tenant(actor.tenant_id) as conn:
            row = await store.find_message(conn, actor.tenant_id, station_id, number)
            near = [] if row is None else await store.list_partners(conn, actor.tenant_id, station_id, [row])
        if row is None:
            return pages.shell.page(
                "stations/message_gone.html", request, viewer=actor, current="stations", status=404, frame=frame
            )
        line = line_of(row, near)
        shown = [line] if line.partner is None else sorted(
            (line, line_of(line.partner, [row])), key=lambda each: (each.row.at, each.row.number)
        )  # fmt: skip
        if is_fragment(request):
            return pages.part(
                "message.html", request, actor, frame, opened=open_message(line), kinds=KINDS, whole=False
            )
        return await pages.page(
            "message_page.html", request, actor, frame, "messages",
            exchange=[open_message(each) for each in shown], chosen=line, kinds=KINDS,
        )  # fmt: skip

    return [messages, news, message]
