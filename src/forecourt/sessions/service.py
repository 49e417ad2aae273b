"""The verbs of sessions: may this token charge, what was said of a transaction, what was measured.

Ingest verbs read nothing and wait for nothing: they put rows on lanes, and decide after COMMIT from what the lanes
answered. Memory holds the sessions that run, so that screens hear of every report without a query.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from msgspec.structs import replace

from forecourt.drivers.autocharge.model import address_of
from forecourt.drivers.model import uid_key
from forecourt.ocpp import neutral
from forecourt.ocpp.neutral import AuthorizationStatus, ContractStatus, Step, TokenStatus, TransactionReport
from forecourt.platform import packrow
from forecourt.platform.commit import Write
from forecourt.platform.live import LiveFeed, LiveValue
from forecourt.sessions.contracts import EMAID, proven
from forecourt.sessions.lanes import AUTHORIZATIONS, CARS, LIMITS, RECALL, SHOWING, STARTS
from forecourt.sessions.model import (
    Session,
    billing_time,
    order_key,
    session_keys,
    shown_state,
    start_fingerprint,
)
from forecourt.sessions.outside import Authorizer
from forecourt.sessions.reserving.model import REFUSED
from forecourt.sessions.review import FREE, QUIET
from forecourt.sessions.rows import (
    DIRECT_PAYMENT,
    NO_TRANSACTION,
    add_report,
    add_said_cost,
    add_samples,
    add_state,
    ask_limit,
    recall,
)
from forecourt.sessions.told.total import Costs
from forecourt.stations.certificates.judge import Judge, Trusted
from forecourt.stations.certificates.lanes import CONTRACTS
from forecourt.stations.gateway.inbound import Decide, Inbound, Later
from forecourt.stations.gateway.reports import StationReports, Take
from forecourt.stations.gateway.station import Station
from forecourt.stations.model import UNKNOWN

#: Running sessions kept in memory; the one longest without a report is forgotten first, and recalled when it speaks.
MAX_REMEMBERED = 200_000
#: Sessions that screens are yet to be told of; at so many they are, before their time.
MAX_SPOKEN = 20_000
#: Transactions of payments whose limits are remembered; one that is forgotten is told its limit once more.
MAX_LIMITED = 20_000
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


class Sessions:
    """Owns the memory of running sessions of one gateway. Every fact in it was read back or applied after a COMMIT."""

    def __init__(
        self,
        live: LiveFeed,
        stations: StationReports,
        authorizer: Authorizer | None = None,
        costs: Costs | None = None,
        contracts: Judge | None = None,
    ) -> None:
        self._live = live
        self._contracts = contracts
        self._costs = costs
        self._authorizer = authorizer
        self._stations = stations
        self._running: OrderedDict[tuple[int, str], Session] = OrderedDict()
        self._at_station: dict[int, dict[str, Session]] = {}
        #: Where transactions end by themselves, as their stations were told.
        self._limited: OrderedDict[tuple[int, str], tuple[Any, ...]] = OrderedDict()
        #: Sessions spoken of since screens were told last, and which of them are over.
        self._spoken: dict[tuple[int, str], tuple[Station, Session, bool]] = {}
        live.before_flush.append(self._tell_screens)

    # -- verbs

    def authorize(self, inbound: Inbound, report: neutral.Authorize) -> Decide:
        """Say whether a token may charge (1.6 4.2, 2.0.1 C01). The answer may wait for an outside service."""
        token, write = report.token, inbound.write
        self._ask(inbound, token, inbound.arrived)
        if report.contract is not None or token.type == EMAID:
            write.add(CONTRACTS.name, packrow.row(packrow.int8(write.number), packrow.int4(inbound.station.tenant_id)))

        def decide() -> neutral.Answer | Later:
            fallback = _decided(write, token)
            hook = write.answers.get(AUTHORIZATIONS.name, (None,))[-1]
            asks = hook is not None and self._authorizer is not None and token.type != "NoAuthorization"
            proves = self._contracts is not None and CONTRACTS.name in write.answers
            if not asks and not proves:
                return neutral.AuthorizeAnswer(token=fallback)
            return Later(self._decide_later(inbound, report, fallback, hook if asks else None))

        return decide

    async def _decide_later(
        self, inbound: Inbound, report: neutral.Authorize, fallback: TokenStatus, hook: Any
    ) -> neutral.Answer:
        """What an outside service says of the token and what its contract is worth, asked at the same time."""
        station, trusted = inbound.station, inbound.write.answers.get(CONTRACTS.name)

        async def outside() -> TokenStatus | None:
            if hook is None or self._authorizer is None:
                return None
            return await self._authorizer.decide(station.tenant_id, hook, report.token, station.identity)

        async def contract() -> ContractStatus | None:
            if trusted is None or self._contracts is None:
                return None
            rules = Trusted.of(station.tenant_id, trusted)
            return await self._contracts.judge(rules, report.contract, report.token.uid)

        decided, status = await asyncio.gather(outside(), contract())
        return proven(fallback if decided is None else decided, status)

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
        add_report(inbound, report, transaction, known, order, at, distrusted)
        add_state(inbound, report, transaction, known, order, at)
        add_samples(inbound, transaction, report.evse, report.samples)
        if known is None:
            recall(inbound, transaction)
        ask_limit(inbound, report, known)
        if report.said_cost is not None:
            add_said_cost(inbound, transaction, report.said_cost, at)
        if report.step is Step.ENDED and report.seq >= 0 and self._costs is not None and not report.offline:
            write = inbound.write
            write.add(SHOWING.name, packrow.row(packrow.int8(write.number), packrow.int8(inbound.station.station_id)))
        take = self._refine(inbound, report, order, known) if report.seq >= 0 else None

        def decide() -> neutral.Answer | Later:
            if take is not None:
                take()
            token = None if report.token is None else _decided(inbound.write, report.token)
            if known is not None:
                accepted = token is not None and token.status is AuthorizationStatus.ACCEPTED
                self._remember(inbound, known.join(report, order, at, distrusted, accepted=accepted))
            elif (row := inbound.write.answers.get(RECALL.name)) is not None:
                self._take_up(inbound, report.transaction_id or "", row)
            limit = self._new_limit(inbound.write, key, over=report.step is Step.ENDED)
            answer = neutral.TransactionAnswer(transaction_id=report.transaction_id, token=token, limit=limit)
            if self._costs is not None and SHOWING.name in inbound.write.answers:
                return Later(self._with_total(self._costs, inbound.station, answer))
            return answer

        return decide

    @staticmethod
    async def _with_total(costs: Costs, station: Station, answer: neutral.TransactionAnswer) -> neutral.Answer:
        transaction_id = answer.transaction_id or ""
        return replace(answer, total_cost=await costs.total(station.tenant_id, station.station_id, transaction_id))

    def _new_limit(self, write: Write, key: tuple[int, str], *, over: bool) -> neutral.Limit | None:
        """Where a transaction ends by itself, if its station was not told that very thing: it answers each with an
        event, which would be answered with another."""
        said = write.answers.get(LIMITS.name)
        if over:
            self._limited.pop(key, None)
        if said is None or over or self._limited.get(key) == said:
            return None
        if len(self._limited) >= MAX_LIMITED:
            self._limited.popitem(last=False)
        self._limited[key] = said
        max_cost, max_energy_wh = said
        return neutral.Limit(max_cost=None if max_cost is None else Decimal(max_cost), max_energy_wh=max_energy_wh)

    def measure(self, inbound: Inbound, report: neutral.MeterReport) -> Decide:
        """Store values that belong to no transaction; they are never billed (2.0.1 J01)."""
        add_samples(inbound, NO_TRANSACTION, report.evse, report.samples)
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
                packrow.boolean(token.type == DIRECT_PAYMENT),
                packrow.boolean(token.type == EMAID),
                packrow.timestamp(at),
                packrow.int8(inbound.station.station_id),
                packrow.int4(evse),
            ),
        )
        if address_of(token.uid, token.type) is not None:
            station = inbound.station
            car = (packrow.int4(station.tenant_id), packrow.int8(station.station_id), packrow.text(token.uid))
            write.add(CARS.name, packrow.row(*car, packrow.int4(evse), packrow.timestamp(inbound.arrived)))

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
        cells: dict[str, LiveValue] = {
            power_key: None if ended else session.power_w or 0,
            energy_key: session.energy_wh,
            soc_key: session.soc_pct,
        }
        # In OCPP 1.6 its connector tells what the car does.
        if ended or session.charging_state is not None:
            cells[state_key] = shown_state(ended, session.charging_state)
        self._live.put_all(station.tenant_id, cells)


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
    status, group, expires_at, *_ = write.answers.get(AUTHORIZATIONS.name, (None, None, None))
    if status is None:
        return TokenStatus(status=AuthorizationStatus.INVALID)
    decided = AuthorizationStatus(status)
    message = REFUSED if decided is AuthorizationStatus.NOT_AT_THIS_TIME else None
    return TokenStatus(status=decided, group=group, expires_at=expires_at, message=message)
