"""The verbs of sessions: may this token charge, what was said of a transaction, what was measured.

Ingest verbs read nothing and wait for nothing: they put rows on lanes, and decide after COMMIT from what the lanes
answered. Memory holds the sessions that run, so that screens hear of every report without a query.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from itertools import groupby
from operator import attrgetter
from struct import Struct
from typing import Any, Final

import msgspec

from forecourt.drivers.model import uid_key
from forecourt.ocpp import neutral
from forecourt.ocpp.neutral import AuthorizationStatus, Step, TokenStatus, TransactionReport
from forecourt.platform import packrow
from forecourt.platform.commit import Write
from forecourt.platform.live import LiveFeed
from forecourt.sessions.lanes import AUTHORIZATIONS, METER_VALUES, RECALL, REPORTS, STARTS
from forecourt.sessions.model import (
    Session,
    billing_time,
    order_key,
    session_keys,
    shown_state,
    start_fingerprint,
    start_register,
    start_register_key,
)
from forecourt.sessions.outside import Authorizer
from forecourt.sessions.reserving.model import REFUSED
from forecourt.sessions.review import FREE, QUIET
from forecourt.stations.gateway.inbound import Decide, Inbound, Later
from forecourt.stations.gateway.reports import StationReports, Take
from forecourt.stations.gateway.station import Station
from forecourt.stations.model import UNKNOWN

#: Running sessions kept in memory; the one longest without a report is forgotten first, and recalled when it speaks.
MAX_REMEMBERED = 200_000
#: Sessions that screens are yet to be told of; at so many they are, before their time.
MAX_SPOKEN = 20_000
#: Stations whose names on screens are kept ready, those first that spoke last.
MAX_LIVE_KEYS = 20_000

#: What a 2.x transaction's charging state says of its connector, in the words screens use.
_ACTIVITY: Final = {
    "Charging": "Charging",
    "SuspendedEV": "SuspendedEV",
    "SuspendedEVSE": "SuspendedEVSE",
    "EVConnected": "Preparing",
    "Idle": None,
}

_encode = msgspec.json.Encoder().encode
_at = attrgetter("at")


class Sessions:
    """Owns the memory of running sessions of one gateway. Every fact in it was read back or applied after a COMMIT."""

    def __init__(self, live: LiveFeed, stations: StationReports, authorizer: Authorizer | None = None) -> None:
        self._live = live
        self._authorizer = authorizer
        self._stations = stations
        self._running: OrderedDict[tuple[int, str], Session] = OrderedDict()
        self._at_station: dict[int, dict[str, Session]] = {}
        #: Sessions spoken of since screens were told last, and which of them are over.
        self._spoken: dict[tuple[int, str], tuple[Station, Session, bool]] = {}
        live.before_flush.append(self._tell_screens)

    # -- verbs

    def authorize(self, inbound: Inbound, report: neutral.Authorize) -> Decide:
        """Say whether a token may charge (1.6 4.2, 2.0.1 C01). The answer may wait for an outside service."""
        token = report.token
        self._ask(inbound, token, inbound.arrived)

        def decide() -> neutral.Answer | Later:
            fallback = _decided(inbound.write, token)
            hook = inbound.write.answers.get(AUTHORIZATIONS.name, (None,))[-1]
            if hook is None or self._authorizer is None or token.type == "NoAuthorization":
                return neutral.AuthorizeAnswer(token=fallback)
            return Later(self._decide_outside(self._authorizer, inbound.station, hook, token, fallback))

        return decide

    @staticmethod
    async def _decide_outside(
        authorizer: Authorizer, station: Station, hook: Any, token: neutral.Token, fallback: TokenStatus
    ) -> neutral.Answer:
        decided = await authorizer.decide(station.tenant_id, hook, token, station.identity)
        return neutral.AuthorizeAnswer(token=fallback if decided is None else decided)

    def record(self, inbound: Inbound, report: TransactionReport) -> Decide:
        """Store what was said of a transaction. Idempotent: said twice, or in any order, it is one session."""
        at, distrusted = billing_time(report.at, inbound.arrived)
        if report.token is not None:
            # Whoever ends a session doesn't begin one.
            self._ask(inbound, report.token, at, None if report.step is Step.ENDED else report.evse)
        if report.transaction_id is None:
            return self._start(inbound, report, at, distrusted)
        order = order_key(report)
        key = (inbound.station.station_id, report.transaction_id)
        known = self._running.get(key)
        transaction = packrow.text(report.transaction_id)
        _add_report(inbound, report, transaction, known, order, at, distrusted)
        _add_samples(inbound, transaction, report.evse, report.samples)
        if known is None:
            _recall(inbound, transaction)
        take = self._refine(inbound, report, order, known) if report.seq >= 0 else None

        def decide() -> neutral.Answer:
            if take is not None:
                take()
            token = None if report.token is None else _decided(inbound.write, report.token)
            if known is not None:
                accepted = token is not None and token.status is AuthorizationStatus.ACCEPTED
                self._remember(inbound, known.join(report, order, at, distrusted, accepted=accepted))
            elif (row := inbound.write.answers.get(RECALL.name)) is not None:
                self._take_up(inbound, report.transaction_id or "", row)
            return neutral.TransactionAnswer(transaction_id=report.transaction_id, token=token)

        return decide

    def measure(self, inbound: Inbound, report: neutral.MeterReport) -> Decide:
        """Store values that belong to no transaction; they are never billed (2.0.1 J01)."""
        _add_samples(inbound, _NO_TRANSACTION, report.evse, report.samples)
        return lambda: neutral.Acknowledged(now=inbound.arrived)

    def forget(self, station: Station) -> None:
        """A station connected: what it said elsewhere meanwhile is not known here, so its next report is joined by
        PostgreSQL and read back. Screens keep what they show until then."""
        self._tell_screens()
        for transaction_id in self._at_station.pop(station.station_id, ()):
            self._running.pop((station.station_id, transaction_id), None)

    # -- 1.6 StartTransaction

    def _start(self, inbound: Inbound, report: TransactionReport, at: datetime, distrusted: bool) -> Decide:
        """Give the transaction its id, or the one it was given when it was said before."""
        station, write = inbound.station, inbound.write
        token = report.token
        write.add(
            STARTS.name,
            packrow.row(
                packrow.int8(write.number),
                packrow.int4(station.tenant_id),
                packrow.int8(station.station_id),
                packrow.text(start_fingerprint(report)),
                packrow.boolean(distrusted),
                packrow.int8(order_key(report)),
                packrow.timestamp(at),
                packrow.int4(report.evse),
                packrow.text(token.uid if token is not None else None),
                packrow.text(token.type if token is not None else None),
                packrow.int8(report.meter_first_wh),
                packrow.timestamp(inbound.arrived),
            ),
        )

        def decide() -> neutral.Answer:
            transaction_id, *row = write.answers[STARTS.name]
            self._take_up(inbound, transaction_id, row)
            status = None if token is None else _decided(write, token)
            return neutral.TransactionAnswer(transaction_id=transaction_id, token=status)

        return decide

    # -- memory and screens

    def _ask(self, inbound: Inbound, token: neutral.Token, at: datetime, evse: int | None = None) -> None:
        """Ask what is to be said of a token that was presented at this time, at this EVSE if that is known."""
        write = inbound.write
        write.add(
            AUTHORIZATIONS.name,
            packrow.row(
                packrow.int8(write.number),
                packrow.int4(inbound.station.tenant_id),
                packrow.text(uid_key(token.uid)),
                packrow.timestamp(at),
                packrow.int8(inbound.station.station_id),
                packrow.int4(evse),
            ),
        )

    def _refine(self, inbound: Inbound, report: TransactionReport, order: int, known: Session | None) -> Take | None:
        """Tell the stations room what a 2.x transaction says of its EVSE. One that says nothing of the car takes the
        place all the same; one that memory doesn't know may be known to PostgreSQL as over."""
        evse = report.evse if report.evse is not None else (known.evse if known is not None else None)
        if evse is None:
            return None
        state = report.charging_state
        if report.step is Step.ENDED:
            activity = None
        elif known is not None and (state is None or order < known.state_key):
            activity = _ACTIVITY.get(known.charging_state or "", "Occupied")
        else:
            activity = _ACTIVITY.get(state or "", "Occupied")
        anew = known is None or report.step is Step.STARTED
        connector = report.connector
        if not connector and known is not None and known.evse == evse:
            connector = known.connector
        return self._stations.activity(inbound, evse, connector, activity, anew=anew)

    def _take_up(self, inbound: Inbound, transaction_id: str, row: Sequence[Any]) -> None:
        """Remember a session as PostgreSQL has it, this report included."""
        over, *facts = row
        self._remember(inbound, _session(inbound.station.station_id, transaction_id, facts), over=over)

    def _remember(self, inbound: Inbound, session: Session, *, over: bool = False) -> None:
        """`over` is what memory can't know: that it was closed from evidence."""
        station = inbound.station
        key = (session.station_id, session.transaction_id)
        here = self._at_station.get(station.station_id)
        if here is None:
            here = self._at_station[station.station_id] = {}
        if session.ended_at is None and not over:
            self._running[key] = session
            self._running.move_to_end(key)
            here[session.transaction_id] = session
            if len(self._running) > MAX_REMEMBERED:
                (station_id, transaction_id), _ = self._running.popitem(last=False)
                others = self._at_station.get(station_id, {})
                others.pop(transaction_id, None)
                if not others:
                    self._at_station.pop(station_id, None)
        else:
            self._running.pop(key, None)
            here.pop(session.transaction_id, None)
        if len(here) > 1:
            self._drop_silent(inbound, here, session)
        elif not here:
            del self._at_station[station.station_id]
        self._spoken[key] = (station, session, over)
        if len(self._spoken) >= MAX_SPOKEN:
            self._tell_screens()

    def _drop_silent(self, inbound: Inbound, here: dict[str, Session], speaking: Session) -> None:
        """Forget others at this station that the worker closes from evidence about now (see `review.closing_time`);
        one that is not over is read back when it speaks."""
        for transaction_id, other in list(here.items()):
            if other is speaking or other.last_at is None or inbound.arrived - other.last_at < QUIET:
                continue
            places = inbound.station.connectors.items()
            states = [known.state for (evse, _), known in places if evse == other.evse and known.state != UNKNOWN]
            if other.evse == speaking.evse or (states and FREE.issuperset(states)):
                del here[transaction_id]
                self._running.pop((other.station_id, transaction_id), None)

    def _tell_screens(self) -> None:
        """Said when the screens are, and not with every report: nobody reads faster."""
        spoken, self._spoken = self._spoken, {}
        for station in {station.station_id: station for station, _, _ in spoken.values()}.values():
            self._show(station, self._at_station.get(station.station_id, {}))
        for station, session, over in spoken.values():
            self._show_one(station, session, over=over)

    def _show(self, station: Station, here: dict[str, Session]) -> None:
        power = energy = 0
        session: Session | None = None
        for session in here.values():
            power += session.power_w or 0
            energy += session.energy_wh or 0
        power_key, energy_key, soc_key, session_key = _live_keys(station.identity)
        self._live.put_all(
            station.tenant_id,
            {
                power_key: power,
                energy_key: energy if here else None,
                soc_key: None if session is None else session.soc_pct,
                session_key: None if session is None else session.session_id,
            },
        )

    def _show_one(self, station: Station, session: Session, *, over: bool) -> None:
        """The session that was spoken of, for who looks at it among others of its station."""
        if session.session_id is None:
            return
        ended = over or not session.active
        power_key, energy_key, soc_key, state_key = session_keys(station.identity, session.session_id)
        self._live.put_all(
            station.tenant_id,
            {
                power_key: None if ended else session.power_w or 0,
                energy_key: session.energy_wh,
                soc_key: session.soc_pct,
                state_key: shown_state(ended, session.charging_state),
            },
        )


@lru_cache(maxsize=MAX_LIVE_KEYS)
def _live_keys(identity: str) -> tuple[str, str, str, str]:
    """What screens call a station's power, its car's energy and state of charge, and its session."""
    station = f"station.{identity}."
    return f"{station}power_w", f"{station}energy_wh", f"{station}soc_pct", f"{station}session_id"


def _session(station_id: int, transaction_id: str, facts: Iterable[Any]) -> Session:
    """A session from what a lane answered."""
    known = dict(zip(Session.__struct_fields__[2:], facts, strict=True))
    known["readings"] = tuple(known["readings"])
    return Session(station_id=station_id, transaction_id=transaction_id, **known)


def _decided(write: Write, token: neutral.Token) -> TokenStatus:
    """The decision about a token from what the lane answered; a token nobody registered is Invalid."""
    if token.type == "NoAuthorization":
        return TokenStatus(status=AuthorizationStatus.ACCEPTED)
    status, group, expires_at, _ = write.answers.get(AUTHORIZATIONS.name, (None, None, None, None))
    if status is None:
        return TokenStatus(status=AuthorizationStatus.INVALID)
    decided = AuthorizationStatus(status)
    message = REFUSED if decided is AuthorizationStatus.NOT_AT_THIS_TIME else None
    return TokenStatus(status=decided, group=group, expires_at=expires_at, message=message)


def _recall(inbound: Inbound, transaction: bytes) -> None:
    write = inbound.write
    write.add(
        RECALL.name,
        packrow.row(packrow.int8(write.number), packrow.int8(inbound.station.station_id), transaction),
    )


_REPORT_COLUMNS: Final = len(REPORTS.columns)
_place_in_order = packrow.fields("hqqtt??")
#: What most reports leave out, by neighbours.
_NO_PLACE: Final = packrow.int4(None) * 2
_NO_TOKEN: Final = packrow.NULL_TEXT * 2
_NO_FIRST: Final = packrow.int8(None) * 2
_first = packrow.fields("qq")
_NOTHING_MORE: Final = packrow.NULL_TEXT * 2 + packrow.int4(None)
_NOTHING_GIVEN: Final = packrow.int8(None) * 2
#: What samples without one say of their transaction.
_NO_TRANSACTION: Final = packrow.text("")


def _add_report(
    inbound: Inbound, report: TransactionReport, transaction: bytes, known: Session | None, order: int, at: datetime,
    distrusted: bool,
) -> None:  # fmt: skip
    """Only what is news: a place or a first register that loses against what memory knows, which PostgreSQL had
    committed before, would lose there as well."""
    token = report.token
    state, reason, remote = report.charging_state, report.stop_reason, report.remote_start_id
    arrived = packrow.micros(inbound.arrived)
    plain = state is None and reason is None and remote is None
    placed = known is not None and known.place_key < order
    parts = (
        inbound.station.packed,
        _place_in_order(report.step, order, report.seq, packrow.micros(at), arrived, distrusted, report.offline),
        transaction,
        _NO_PLACE if placed else packrow.int4(report.evse) + packrow.int4(report.connector),
        _NO_TOKEN if token is None else packrow.text(token.uid) + packrow.text(token.type),
        _first_register(report, known, order),
        packrow.int8(report.meter_last_wh),
        packrow.int4(report.power_w),
        packrow.int4(report.soc_pct),
        _NOTHING_MORE if plain else packrow.text(state) + packrow.text(reason) + packrow.int4(remote),
        _NOTHING_GIVEN if report.given_last_wh is None else _given(report),
    )
    inbound.write.add(REPORTS.name, packrow.joined(_REPORT_COLUMNS, parts))


def _given(report: TransactionReport) -> bytes:
    return packrow.int8(report.given_first_wh) + packrow.int8(report.given_last_wh)


def _first_register(report: TransactionReport, known: Session | None, order: int) -> bytes:
    first = start_register(report)
    if first is None:
        return _NO_FIRST
    key = start_register_key(report, order)
    return _NO_FIRST if known is not None and known.meter_start_key < key else _first(first, key)


_SAMPLE_COLUMNS: Final = len(METER_VALUES.columns)
_moment = packrow.fields("tq")
_signed_number = Struct(">q").unpack


def _add_samples(inbound: Inbound, transaction: bytes, evse: int | None, samples: tuple[neutral.Sample, ...]) -> None:
    """One row for each moment in a report; its digest makes the same values said again the same row.

    The moment is the station's own even where it can't be believed, or a replay would be new each time.
    """
    if not samples:
        return
    # Mostly there is one moment, and its samples share the object that says it.
    one = samples[0].at is samples[-1].at
    for at, taken in ((samples[0].at, samples),) if one else groupby(samples, key=_at):
        readings: list[int] = []
        signed: list[tuple[int, str]] = []
        for sample in taken:
            if sample.signed is not None:
                signed.append((len(readings) // 2, sample.signed))
            readings += (sample.code, sample.value)
        packed = packrow.int8_array(readings)
        kept = _encode(signed) if signed else b""
        [digest] = _signed_number(blake2b(packed + kept, digest_size=8).digest())
        parts = (
            inbound.station.packed,
            _moment(packrow.micros(at), digest),
            transaction,
            packrow.int4(evse),
            packed,
            packrow.raw(kept) if signed else packrow.NULL_TEXT,
        )
        inbound.write.add(METER_VALUES.name, packrow.joined(_SAMPLE_COLUMNS, parts))
