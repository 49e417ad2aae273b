"""A session told in words: what happened when, from what the station said, what was asked of it, and what is missing.

Pure. Words are marked here and translated where they are shown; a moment carries what fills them.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec import Struct

from forecourt.ocpp.faults import CallFault
from forecourt.ocpp.neutral import Step, TransactionReport, Version
from forecourt.ocpp.protocol import protocol
from forecourt.sessions.store import Heard, SessionRow
from forecourt.stations.store import AskedRow, ChangeRow, GapRow, ReportRow
from forecourt.ui.i18n import mark

#: A report that arrives so long after its own time was kept by the station meanwhile.
LATE: Final = timedelta(minutes=2)
#: Actions that tell of transactions beside their values; the neutral language has one word for all of them.
TOLD_ACTIONS: Final = ("TransactionEvent",)

#: Why it ended, by OCPP 2.x's ReasonEnumType and what 1.6 has besides.
STOP_REASONS: Final = {
    "DeAuthorized": mark("the token was not accepted"),
    "EmergencyStop": mark("the emergency stop was pressed"),
    "EnergyLimitReached": mark("the energy limit was reached"),
    "EVDisconnected": mark("the cable was unplugged"),
    "GroundFault": mark("a ground fault"),
    "HardReset": mark("the station was restarted at once"),
    "ImmediateReset": mark("the station was restarted at once"),
    "Local": mark("the driver ended it at the station"),
    "LocalOutOfCredit": mark("the credit was used up"),
    "MasterPass": mark("ended with a master pass"),
    "Other": mark("another reason"),
    "OvercurrentFault": mark("too much current"),
    "PowerLoss": mark("the station lost its power"),
    "PowerQuality": mark("the quality of the grid's power"),
    "Reboot": mark("the station restarted by itself"),
    "Remote": mark("stopped from afar"),
    "SoftReset": mark("the station was restarted in order"),
    "SOCLimitReached": mark("the battery reached its limit"),
    "StoppedByEV": mark("the car ended it"),
    "TimeLimitReached": mark("the time limit was reached"),
    "Timeout": mark("no car was connected in time"),
    "UnlockCommand": mark("the connector was unlocked from afar"),
    "CostLimitReached": mark("the cost limit was reached"),
    "LimitSet": mark("a limit was set"),
    "OperationModeChanged": mark("the mode of operation changed"),
    "ReqEnergyTransferRejected": mark("the energy transfer was refused"),
}
#: What a car or a station does, in the words of a story.
_STATES: Final = {
    "EVConnected": mark("A car is connected, not charging yet"),
    "Preparing": mark("Preparing: a car or a token is there, not both"),
    "Charging": mark("Charging"),
    "SuspendedEV": mark("The car paused"),
    "SuspendedEVSE": mark("The station paused"),
    "Idle": mark("No car connected"),
    "Finishing": mark("Finishing: the cable is still plugged"),
    "Available": mark("The connector is free"),
    "Faulted": mark("The connector is faulted"),
    "Unavailable": mark("The connector is out of service"),
    "Reserved": mark("The connector is reserved"),
}
#: A car that is connected and charges no more, which OCPP has the same word for as before it charged.
_CHARGED: Final = mark("The car is still connected, it charges no more")
#: Why a 2.x station spoke (TriggerReasonEnumType), where that tells more than the state.
_TRIGGERS: Final = {
    "Authorized": mark("A token was accepted"),
    "CablePluggedIn": mark("The cable was plugged in"),
    "Deauthorized": mark("The token was not accepted"),
    "EVCommunicationLost": mark("The car stopped talking to the station"),
    "EVConnectTimeout": mark("No car was connected in time"),
    "EVDeparted": mark("The car left"),
    "EVDetected": mark("A car was detected"),
    "EnergyLimitReached": mark("The energy limit was reached"),
    "RemoteStart": mark("Started from afar"),
    "RemoteStop": mark("Stopped from afar"),
    "ResetCommand": mark("The station was told to restart"),
    "StopAuthorized": mark("A token ended it"),
    "TimeLimitReached": mark("The time limit was reached"),
    "UnlockCommand": mark("The connector was unlocked from afar"),
    "AbnormalCondition": mark("Something abnormal happened"),
    "CostLimitReached": mark("The cost limit was reached"),
    "LimitSet": mark("A limit was set"),
}
#: What was asked of the station, by the action of either version.
_ASKED: Final = {
    "RemoteStartTransaction": mark("%(who)s asked to start charging"),
    "RequestStartTransaction": mark("%(who)s asked to start charging"),
    "RemoteStopTransaction": mark("%(who)s asked to stop charging"),
    "RequestStopTransaction": mark("%(who)s asked to stop charging"),
    "Reset": mark("%(who)s asked the station to restart"),
    "UnlockConnector": mark("%(who)s asked to unlock the connector"),
}
_CHARGES: Final = frozenset({"Charging", "SuspendedEV", "SuspendedEVSE"})
_STARTS: Final = frozenset({"RemoteStartTransaction", "RequestStartTransaction"})
_STOPS: Final = frozenset({"RemoteStopTransaction", "RequestStopTransaction"})
_OUTCOMES: Final = {
    "sent": mark("no answer yet"),
    "answered": mark("the station answered"),
    "error": mark("the station refused the message"),
    "offline": mark("the station was not connected"),
    "timeout": mark("the station did not answer in time"),
    "late": mark("the station answered late"),
}


class Moment(Struct, frozen=True, kw_only=True):
    """One thing that happened. `words` and `then` are marked, filled with `values`; `tone` is a station state for its
    dot; `quiet`: it is told, not remarkable. What happened at one instant is told in the order of `rank`."""

    at: datetime
    words: str
    values: Mapping[str, str] = {}
    then: str = ""
    code: str = ""
    tone: str = "Offline"
    arrived_at: datetime | None = None
    quiet: bool = False
    rank: int = 2


class Story(Struct, frozen=True, kw_only=True):
    """What a session is told from: `changes` of the connectors of its EVSE, `away` when its station was not connected,
    `gaps` when nothing was measured."""

    session: SessionRow
    heard: Heard
    protocol: str | None
    changes: Sequence[ChangeRow]
    away: Sequence[GapRow]
    reports: Sequence[ReportRow]
    asked: Sequence[AskedRow]
    gaps: Sequence[tuple[datetime, datetime]]


def tell(story: Story) -> list[Moment]:
    """All moments of a session, oldest first."""
    session, heard = story.session, story.heard
    moments = [_start(session), *_reported(story), *_said_by_connector(story), *map(_asked, _about(story))]
    for gap in story.away:
        over = gap.returned_at is not None and gap.returned_at <= session.started_at
        if over or (session.ended_at is not None and gap.lost_at >= session.ended_at):
            continue
        moments.append(
            Moment(at=gap.lost_at, words=mark("The station lost its connection; it goes on by itself"), tone="Offline")
        )
        if gap.returned_at is not None:
            moments.append(Moment(at=gap.returned_at, words=mark("The station is connected again"), tone="Available"))
    for before, after in story.gaps:
        missing = str(int((after - before).total_seconds() // 60))
        moments.append(
            Moment(
                at=before,
                words=mark("No meter value for %(minutes)s min"),
                values={"minutes": missing},
                then=mark("The register goes on, so no energy is lost; the curve has a hole."),
                tone="SuspendedEV",
            )
        )
    if session.closed_from_evidence and session.ended_at is not None:
        moments.append(
            Moment(
                at=session.ended_at,
                words=mark("The last that is known of it: its end was never said"),
                then=mark("It was closed because the station was there, silent about it, and its connector free."),
                tone="Faulted",
            )
        )
    elif session.ended_at is not None:
        moments.append(_end(session, session.ended_at))
    elif heard.moments:
        moments.append(Moment(at=heard.last_at, words=mark("Last heard of"), tone="Charging", quiet=True, rank=4))
    return sorted(moments, key=lambda moment: (moment.at, moment.rank))


def _start(session: SessionRow) -> Moment:
    if session.token_uid is None:
        return Moment(at=session.started_at, words=mark("The session began"), tone="Charging", rank=1)
    refused = session.token_status not in (None, "Accepted")
    return Moment(
        at=session.started_at,
        words=mark("The session began with token %(token)s"),
        values={"token": session.token_uid},
        then=mark("The token may not charge.") if refused else "",
        code=session.token_status or "" if refused else "",
        tone="Faulted" if refused else "Charging",
        rank=1,
    )


def _end(session: SessionRow, at: datetime) -> Moment:
    reason = session.stop_reason or ""
    return Moment(
        at=at,
        words=mark("The session ended") if reason not in STOP_REASONS else mark("The session ended:"),
        then=STOP_REASONS.get(reason, ""),
        code=reason,
        tone="Available",
        rank=3,
    )


def _reported(story: Story) -> Iterable[Moment]:
    """What the reports of a 2.x transaction say beside their values."""
    before: str | None = None
    charged = False
    for row, report in _lifted(story):
        state = report.charging_state
        charged = charged or state in _CHARGES or report.step is Step.ENDED
        words = _TRIGGERS.get(report.trigger or "") if report.step is not Step.ENDED else None
        if words is None and state is not None and state != before:
            words = _CHARGED if charged and state == "EVConnected" else _STATES.get(state)
        before = state or before
        if words is None:
            continue
        late = row.at - report.at > LATE
        yield Moment(
            at=report.at,
            words=words,
            then=mark("Told later: the station was offline.") if late else "",
            code=report.trigger or state or "",
            tone=_tone(state),
            arrived_at=row.at if late else None,
        )


def _lifted(story: Story) -> Iterable[tuple[ReportRow, TransactionReport]]:
    """The reports of this very transaction in neutral words; those that can't be read are left out."""
    try:
        spoken = protocol(Version(story.protocol or ""))
    except ValueError:
        return
    for row in story.reports:
        try:
            report = spoken.lift(row.action, spoken.decode_call(row.action, row.payload.encode()).request)
        except (CallFault, msgspec.MsgspecError):
            continue
        if isinstance(report, TransactionReport) and report.transaction_id == story.session.transaction_id:
            yield row, report


def _said_by_connector(story: Story) -> Iterable[Moment]:
    """What the connector said of itself: in 1.6 all there is of pauses, in 2.x faults and the rest."""
    told_by_reports = bool(story.reports)
    freed = False
    for row in story.changes:
        words = _STATES.get(row.state)
        if words is None or (told_by_reports and row.state not in ("Faulted", "Unavailable", "Available")):
            continue
        if row.state == "Available" and (freed or row.state_at < story.session.started_at):
            continue
        freed = freed or row.state == "Available"
        faulted = row.error_code not in (None, "", "NoError")
        yield Moment(
            at=row.state_at,
            words=words,
            code=row.error_code or "" if faulted else row.state,
            tone=row.state,
            quiet=row.state in ("Preparing", "Available"),
            rank=0 if row.state == "Preparing" else 4 if row.state == "Available" else 2,
        )


def _about(story: Story) -> Iterable[AskedRow]:
    """What was asked of the station that concerns this session: its own start and stop, and restarts and unlocking."""
    session = story.session
    for row in story.asked:
        if row.action not in _ASKED:
            continue
        call = _call(row.payload)
        if row.action in _STOPS and str(call.transaction_id) != session.transaction_id:
            continue
        if row.action in _STARTS and (row.asked_at > session.started_at or session.token_uid not in call.tokens):
            continue
        yield row


class _Named(Struct, rename="camel"):
    id_token: str | None = None


class _Call(Struct, rename="camel"):
    """What a stored call to a station names, in the spelling of either version."""

    transaction_id: str | int | None = None
    id_tag: str | None = None
    id_token: _Named | None = None

    @property
    def tokens(self) -> tuple[str | None, ...]:
        return (self.id_tag, None if self.id_token is None else self.id_token.id_token)


def _call(payload: str) -> _Call:
    try:
        return msgspec.json.decode(payload, type=_Call)
    except msgspec.MsgspecError:
        return _Call()


def _asked(row: AskedRow) -> Moment:
    who = row.asked_by.partition(" ")[2] or row.asked_by
    return Moment(
        at=row.asked_at,
        words=_ASKED[row.action],
        values={"who": who},
        then=_OUTCOMES.get(row.outcome, ""),
        code=_status(row.answer),
        tone="Preparing",
    )


class _Answer(Struct):
    status: str | None = None
    code: str | None = None


def _status(answer: str | None) -> str:
    try:
        said = msgspec.json.decode(answer or "{}", type=_Answer)
    except msgspec.MsgspecError:
        return ""
    return said.status or said.code or ""


def _tone(state: str | None) -> str:
    return {"EVConnected": "Preparing", "Idle": "Available"}.get(state or "", state or "Preparing")
