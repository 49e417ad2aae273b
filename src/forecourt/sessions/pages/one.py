"""One session: what it does now, its curve, its story, what speaks for it, and its charge detail record."""

from datetime import timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, PathParameter, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker
from forecourt.access.model import Actor
from forecourt.platform.bus import BusAway
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.pricing.discounts import Discounts, no_discounts
from forecourt.sessions import curve, store
from forecourt.sessions.cdr import record
from forecourt.sessions.costing.service import cost_of, find_charged
from forecourt.sessions.costing.words import lines, said_words
from forecourt.sessions.model import shown_state
from forecourt.sessions.remote.service import SessionEnded, SessionUnknown, remote_stop
from forecourt.sessions.samples import CONTEXTS
from forecourt.sessions.signed.api import ReleaseAsked
from forecourt.sessions.signed.export import MEDIA_TYPE, transparency_file
from forecourt.sessions.signed.records import opened
from forecourt.sessions.signed.service import release
from forecourt.sessions.signed.store import find_signature
from forecourt.sessions.signed.words import FLAWS, TRUSTS
from forecourt.sessions.store import Heard, Place, SessionRow
from forecourt.sessions.story import STOP_REASONS, TOLD_ACTIONS, Story, tell
from forecourt.sessions.told.store import find_said
from forecourt.sessions.words import FINDINGS
from forecourt.stations import store as stations
from forecourt.stations.api.fields import StationCommander
from forecourt.stations.commands import (
    CallInvalid,
    StationAnswerInvalid,
    StationBusy,
    StationLost,
    StationOffline,
    StationTimeout,
)
from forecourt.ui.files import file
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Authenticate, Shell, Viewer, to_sign_in

#: What connectors of the station said that is looked through for the session's own.
MAX_TOLD: Final = 1_000
#: How long before its start and behind its last report things still belong to a session.
AROUND: Final = timedelta(minutes=5)

#: What became of a stop that was asked for: what happened, and what to do. True: the station will do it.
STOPPED: Final[dict[str, tuple[bool, str]]] = {
    "accepted": (
        True,
        mark("The station accepted the stop. The session ends as soon as it reports it."),
    ),
    "refused": (
        False,
        mark("The station refused to stop. Try again, or stop it at the station."),
    ),
    SessionEnded.code: (
        False,
        mark("The session had ended already. Nothing was sent."),
    ),
    StationOffline.code: (
        False,
        mark(
            "The station is not connected, so nothing was sent. The session goes on; stop it at the station, or here"
            " when it is back."
        ),
    ),
    StationTimeout.code: (
        False,
        mark(
            "The station did not answer in time. Whether it stops is unknown: watch its power here before you try"
            " again."
        ),
    ),
    StationLost.code: (
        False,
        mark(
            "The connection closed before the station answered. Whether it stops is unknown: watch its power here"
            " before you try again."
        ),
    ),
    StationBusy.code: (
        False,
        mark("Too many calls wait for this station already. Try again in a moment."),
    ),
    StationAnswerInvalid.code: (
        False,
        mark("The station answered in a way that can't be understood. Watch its power here before you try again."),
    ),
    CallInvalid.code: (
        False,
        mark("The station's version of OCPP can't be asked to stop this session."),
    ),
    BusAway.code: (
        False,
        mark("The station can't be reached right now. Nothing was sent; try again in a moment."),
    ),
}

SessionId = FromPath[UUID]
Outcome = Annotated[str, QueryParameter(name="stop", max_length=40)]


class Told(Struct, frozen=True, kw_only=True):
    """All that is read of one session."""

    session: SessionRow
    heard: Heard
    place: Place


class SessionPages:
    """What the handlers below share."""

    def __init__(self, shell: Shell, db: Pool, clock: Clock, discounts: Discounts) -> None:
        self._shell = shell
        self._db = db
        self._clock = clock
        self._discounts = discounts

    async def show(self, request: Any, viewer: Viewer, session_id: UUID, outcome: str) -> Response[str]:
        async with self._db.tenant(viewer.tenant_id) as conn:
            told = await find_told(conn, viewer.tenant_id, session_id)
            if told is None:
                return self._shell.page(
                    "sessions/gone.html", request, viewer=viewer, current="sessions", status=404, session_id=session_id
                )
            moments = tell(await self._story(conn, viewer.tenant_id, told))
            session = told.session
            signed = await store.list_signed(conn, viewer.tenant_id, session.station_id, session.transaction_id)
            checked = await find_signature(conn, viewer.tenant_id, session_id)
            now = self._clock.now()
            cost = await cost_of(conn, viewer.tenant_id, session_id, now, self._discounts)
            costs = await find_charged(conn, viewer.tenant_id, session_id)
            said = await find_said(conn, viewer.tenant_id, session_id)
            state = await store.find_state(conn, viewer.tenant_id, session_id)
        energy_wh = None
        if session.meter_start_wh is not None and session.meter_stop_wh is not None:
            energy_wh = session.meter_stop_wh - session.meter_start_wh
        return self._shell.page(
            "sessions/session.html",
            request,
            viewer=viewer,
            current="sessions",
            session=session,
            heard=told.heard,
            place=told.place,
            energy_wh=energy_wh if energy_wh is None or energy_wh >= 0 else None,
            lasted=(session.ended_at or now) - session.started_at,
            moments=moments,
            findings=FINDINGS,
            reasons=STOP_REASONS,
            shown=shown_state(session.ended_at is not None, state),
            signed=[(each, CONTEXTS[each.context], opened(each.record)) for each in signed],
            checked=checked,
            trusts=TRUSTS,
            flaws=FLAWS,
            can_review=isinstance(viewer, Actor) and viewer.may(Verb.REVIEW),
            cdr=None if session.ended_at is None else record(session, told.heard, told.place, signed, costs),
            cost=cost,
            cost_lines=lines(cost),
            said=said,
            said_words=None if said is None else said_words(said),
            can_stop=isinstance(viewer, Actor) and viewer.may(Verb.CONTROL),
            outcome=STOPPED.get(outcome),
        )

    async def curve(self, viewer: Viewer, session_id: UUID) -> curve.Curve:
        """What the chart is drawn from. Raises SessionUnknown."""
        async with self._db.tenant(viewer.tenant_id) as conn:
            told = await find_told(conn, viewer.tenant_id, session_id)
            if told is None:
                raise SessionUnknown
            heard, session = told.heard, told.session
            start, end = heard.first_measured_at or session.started_at, heard.last_measured_at or heard.last_at
            points = await store.curve(conn, viewer.tenant_id, session_id, curve.step_s(start, end))
        return curve.curve(points)

    async def signed(self, viewer: Viewer, session_id: UUID, number: int) -> bytes:
        """One signed record exactly as kept, counted from 1. Raises SessionUnknown."""
        async with self._db.tenant(viewer.tenant_id) as conn:
            session = await store.find_session(conn, viewer.tenant_id, session_id)
            if session is None:
                raise SessionUnknown
            rows = await store.list_signed(conn, viewer.tenant_id, session.station_id, session.transaction_id)
        if not 1 <= number <= len(rows):
            raise SessionUnknown("The session has no signed value of this number.")
        return rows[number - 1].record.encode()

    async def transparency(self, viewer: Viewer, session_id: UUID) -> bytes:
        """The file for the transparency software. Raises SessionUnknown."""
        async with self._db.tenant(viewer.tenant_id) as conn:
            session = await store.find_session(conn, viewer.tenant_id, session_id)
            if session is None:
                raise SessionUnknown
            rows = await store.list_signed(conn, viewer.tenant_id, session.station_id, session.transaction_id)
            checked = await find_signature(conn, viewer.tenant_id, session_id)
        return transparency_file(rows, None if checked is None else checked.public_key)

    async def release(self, actor: Actor, session_id: UUID, reason: str) -> Redirect:
        """Raises NotHeld."""
        async with self._db.tenant(actor.tenant_id) as conn:
            await release(conn, actor, session_id, reason, self._clock.now())
        return Redirect(f"/sessions/{session_id}", status_code=303)

    async def _story(self, conn: store.Connection, tenant_id: int, told: Told) -> Story:
        session, heard = told.session, told.heard
        begin = session.started_at - AROUND
        said_until = session.ended_at or heard.last_at
        span = (begin, said_until + AROUND, MAX_TOLD)
        changes = await stations.list_changes(conn, tenant_id, session.station_id, *span)
        return Story(
            session=session,
            heard=heard,
            protocol=told.place.protocol,
            changes=[row for row in changes if row.evse == session.evse and row.state_at >= begin],
            away=await stations.list_gaps(conn, tenant_id, session.station_id, *span),
            reports=await stations.list_reports(
                conn,
                tenant_id,
                session.station_id,
                TOLD_ACTIONS,
                session.transaction_id,
                begin,
                heard.heard_at + AROUND,
            ),
            asked=await stations.list_asked(conn, tenant_id, session.station_id, begin, heard.heard_at + AROUND),
            gaps=await store.list_gaps(conn, tenant_id, session.station_id, session.transaction_id),
        )


async def find_told(conn: store.Connection, tenant_id: int, session_id: UUID) -> Told | None:
    """The session of this id with what speaks for it and where it is."""
    session = await store.find_session(conn, tenant_id, session_id)
    heard = await store.find_heard(conn, tenant_id, session_id)
    if session is None or heard is None:
        return None
    return Told(
        session=session,
        heard=heard,
        place=await store.find_place(conn, tenant_id, session.station_id),
    )


def session_routes(
    *, shell: Shell, authenticate: Authenticate, db: Pool, clock: Clock, discounts: Discounts = no_discounts
) -> list[HTTPRouteHandler]:
    """The routes `/sessions/{id}`, its curve, its signed values, and the stop."""
    pages = SessionPages(shell, db, clock, discounts)

    @get("/sessions/{session_id:uuid}", include_in_schema=False)
    async def session(request: Request[Any, Any, Any], session_id: SessionId, outcome: Outcome = "") -> Response[Any]:
        viewer = await authenticate(request)
        if viewer is None:
            return to_sign_in(request)
        return await pages.show(request, viewer, session_id, outcome)

    @get("/sessions/{session_id:uuid}/curve", include_in_schema=False)
    async def session_curve(request: Request[Any, Any, Any], session_id: SessionId) -> Response[Any]:
        viewer = await authenticate(request)
        if viewer is None:
            return to_sign_in(request)
        return Response(await pages.curve(viewer, session_id), headers={"cache-control": "private, no-store"})

    @get("/sessions/{session_id:uuid}/signed/{number:int}", include_in_schema=False)
    async def signed(
        request: Request[Any, Any, Any], session_id: SessionId, number: Annotated[int, PathParameter(ge=1)]
    ) -> Response[Any]:
        viewer = await authenticate(request)
        if viewer is None:
            return to_sign_in(request)
        content = await pages.signed(viewer, session_id, number)
        return file(content, "application/octet-stream", f"session-{session_id}-signed-{number}.txt")

    @get("/sessions/{session_id:uuid}/transparency.xml", include_in_schema=False)
    async def transparency(request: Request[Any, Any, Any], session_id: SessionId) -> Response[Any]:
        viewer = await authenticate(request)
        if viewer is None:
            return to_sign_in(request)
        return file(await pages.transparency(viewer, session_id), MEDIA_TYPE, f"session-{session_id}.xml")

    @post("/sessions/{session_id:uuid}/release", opt={"verb": Verb.REVIEW}, include_in_schema=False, status_code=303)
    async def let_go(session_id: SessionId, data: URLEncodedBody[ReleaseAsked], actor: Asker) -> Redirect:
        return await pages.release(actor, session_id, data.reason)

    @post("/sessions/{session_id:uuid}/stop", opt={"verb": Verb.CONTROL}, include_in_schema=False, status_code=303)
    async def stop(session_id: SessionId, actor: Asker, commander: StationCommander) -> Redirect:
        try:
            obeyed = await remote_stop(db, commander, actor, session_id)
            outcome = "accepted" if obeyed.accepted else "refused"
        except ForecourtError as fault:
            if fault.code not in STOPPED:
                raise
            outcome = fault.code
        return Redirect(f"/sessions/{session_id}?stop={outcome}", status_code=303)

    return [session, session_curve, signed, transparency, let_go, stop]
