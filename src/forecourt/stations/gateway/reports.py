"""The verbs for what a station says of itself: boot, heartbeat, connector status, and everything else."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from forecourt.ocpp import neutral
from forecourt.platform import packrow
from forecourt.platform.clock import Clock, plausible
from forecourt.platform.live import LiveFeed, LiveValue
from forecourt.stations.gateway.answers import lacking, restarts
from forecourt.stations.gateway.inbound import Decide, Inbound
from forecourt.stations.gateway.journal import spoken
from forecourt.stations.gateway.lanes import ACTIVITIES, BOOTS, RESTARTS, STATES, UNSUPPORTED
from forecourt.stations.gateway.outbound import Ask, Reply
from forecourt.stations.gateway.station import Connector, Station
from forecourt.stations.model import SILENCE, UNKNOWN, connector_cell, shown_state, station_state

#: A station told to wait asks again after this long.
RETRY_BOOT_S = 60
#: A station that agreed to a reset is shown as restarting for this long at the most.
RESTART_LIMIT_S = 300.0
#: Connectors of one station, and places that stand for it and its EVSEs; what more it names is in the log alone.
MAX_CONNECTORS = 200
#: The deviation that a message has which names one more.
BEYOND_LIMIT = "connector-beyond-limit"
#: Advances memory by what was stored; called after the commit.
Take = Callable[[], None]
#: Before anything was said: whatever comes is newer.
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
#: The connector of a session that is over, or of which it is not known where in its EVSE it is.
_NOWHERE = -1


class StationReports:
    """Owns what screens are told of a station's state."""

    def __init__(self, clock: Clock, live: LiveFeed, heartbeat_interval_s: int) -> None:
        self._clock = clock
        self._live = live
        self._interval_s = heartbeat_interval_s
        #: Stations that agreed to a reset and are not back, each with the monotonic time by which it should be.
        self._restarting: dict[int, tuple[Station, float]] = {}
        #: Other rooms that want to hear of every accepted socket.
        self.on_linked: list[Callable[[Station], None]] = []

    def boot(self, inbound: Inbound, report: neutral.Boot) -> Decide:
        """Keep what the station is. A boot never touches sessions: stations boot with cars charging (2.0.1 B01)."""
        station = inbound.station
        inbound.write.add(
            BOOTS.name,
            packrow.row(
                packrow.int8(station.station_id),
                packrow.text(spoken(report.vendor)),
                packrow.text(spoken(report.model)),
                packrow.text(spoken(report.serial)),
                packrow.text(spoken(report.firmware)),
                packrow.text(report.reason),
                packrow.timestamp(inbound.arrived),
            ),
        )

        def decide() -> neutral.Answer:
            if self._restarting.pop(station.station_id, None) is not None:
                self.show(station)
            status = neutral.Registration(station.registration)
            accepted = status is neutral.Registration.ACCEPTED
            return neutral.BootAnswer(
                status=status, now=self._clock.now(), interval_s=self._interval_s if accepted else RETRY_BOOT_S
            )

        return decide

    def heartbeat(self, inbound: Inbound, report: neutral.Heartbeat) -> Decide:
        """Tell the time."""
        return lambda: neutral.HeartbeatAnswer(now=self._clock.now())

    def status(self, inbound: Inbound, report: neutral.ConnectorStatus) -> Decide:
        """Keep a connector's state as of the station's time, or of the arrival where that is missing, ahead, or of a
        clock that was reset: such a status is new, and must not be taken for a replayed one."""
        station, arrived = inbound.station, inbound.arrived
        believed = report.at is not None and plausible(report.at, arrived)
        at = min(report.at, arrived) if report.at is not None and believed else arrived
        if not _has_room(inbound, report.evse, report.connector):
            return lambda: neutral.Acknowledged(now=self._clock.now())
        inbound.write.add(
            STATES.name,
            packrow.row(
                packrow.int8(station.station_id),
                packrow.int4(report.evse),
                packrow.int4(report.connector),
                packrow.int4(station.tenant_id),
                packrow.text(report.state),
                packrow.timestamp(at),
                packrow.text(report.error_code),
                packrow.text(spoken(report.info)),
                packrow.text(spoken(report.vendor_error_code)),
                packrow.timestamp(arrived),
            ),
        )

        def decide() -> neutral.Answer:
            self._learn(station, report, at)
            return neutral.Acknowledged(now=self._clock.now())

        return decide

    def notice(self, inbound: Inbound, report: neutral.MeterReport | neutral.ChargingReport | neutral.Notice) -> Decide:
        """Anything else: the message log keeps it, the version's own rule answers it."""
        return lambda: neutral.Acknowledged(now=self._clock.now())

    def activity(self, inbound: Inbound, evse: int, connector: int | None, activity: str | None, *, anew: bool) -> Take:
        """Take what a running transaction says of its EVSE into what its connectors are shown as; None when it is over.

        `connector` is the one it is at, where it said so; if it never said anything itself, it is known from now on,
        with a state of its own that is Unknown. Writes only a change, or what is said `anew`, or after a silence: the
        worker may have ended what was said before. What is returned advances memory, and is for after the commit.
        """
        station, arrived = inbound.station, inbound.arrived
        known = {place[1]: one for place, one in station.connectors.items() if place[0] == evse}
        at = _NOWHERE if activity is None else connector or _likely(known)
        if at != _NOWHERE and at not in known and not _has_room(inbound, evse, at):
            at = _NOWHERE
        silent = arrived - station.active_at.get(evse, _NEVER) >= SILENCE
        changed = (
            (at != _NOWHERE and at not in known)
            or ((anew or silent) and bool(known))
            or any(one.activity != activity or one.here != (number == at) for number, one in known.items())
        )
        if changed:
            row = packrow.row(
                packrow.int8(station.station_id),
                packrow.int4(evse),
                packrow.int4(at),
                packrow.int4(station.tenant_id),
                packrow.text(activity),
            )
            inbound.write.add(ACTIVITIES.name, row)

        def take() -> None:
            if known or changed:
                station.active_at[evse] = arrived
            if changed:
                self._take(station, evse, at, activity)

        return take

    def over(self, station: Station, evse: int, at: datetime) -> None:
        """No session ran at this EVSE at this time, as PostgreSQL has it; one that spoke since then goes on."""
        if station.active_at.get(evse, _NEVER) <= at:
            self._take(station, evse, _NOWHERE, None)

    def answered(self, inbound: Inbound, epoch: int, ask: Ask, reply: Reply) -> None:
        """Learn from a station's answer to a call over the connection of this epoch."""
        station = inbound.station
        lacks = lacking(ask, reply)
        if lacks is not None:
            action, said = packrow.text(ask.action), packrow.text(lacks)
            row = packrow.row(
                packrow.int4(station.tenant_id), packrow.int8(station.station_id), action, said,
                packrow.timestamp(inbound.arrived),
            )  # fmt: skip
            inbound.write.add(UNSUPPORTED.name, row)
        elif restarts(ask, reply):
            until = inbound.arrived + timedelta(seconds=RESTART_LIMIT_S)
            row = packrow.row(packrow.int8(station.station_id), packrow.int8(epoch), packrow.timestamp(until))
            inbound.write.add(RESTARTS.name, row)
            self._restarting[station.station_id] = (station, self._clock.monotonic() + RESTART_LIMIT_S)
            self.show(station)

    def take_overdue(self) -> list[Station]:
        """Stations that should be back from a reset by now; from here on they are shown as what they are."""
        now = self._clock.monotonic()
        overdue = [station for station, due in self._restarting.values() if due <= now]
        for station in overdue:
            del self._restarting[station.station_id]
        return overdue

    def linked(self, station: Station, connectors: list[list[Any]] | None) -> None:
        """A socket was accepted: take up what PostgreSQL knows of the connectors, and show the station online."""
        station.connectors = {
            (evse, connector): Connector(state, datetime.fromisoformat(at), activity, error_code, here)
            for evse, connector, state, at, activity, error_code, here in connectors or ()
        }
        now = self._clock.now()
        station.active_at = {place[0]: now for place, known in station.connectors.items() if known.activity is not None}
        self._restarting.pop(station.station_id, None)
        for hear in self.on_linked:
            hear(station)
        self.show(station)

    def show(self, station: Station) -> None:
        """Tell screens the state of the whole station, the code of its fault, and the state of each connector."""
        own = station.connectors.get((0, 0))
        shown = {place: self._shown(station, place[0], known) for place, known in station.connectors.items()}
        states = [state for place, state in shown.items() if place[1] > 0]
        restarting = station.station_id in self._restarting
        state = station_state(station.connection is not None, states, own=own and own.state, restarting=restarting)
        faulted = (known.error_code for known in station.connectors.values() if known.state == state == "Faulted")
        prefix = f"station.{station.identity}."
        cells: dict[str, LiveValue] = {
            prefix + connector_cell(evse, number): state for (evse, number), state in shown.items()
        }
        told = {**cells, prefix + "state": state, prefix + "error": next(faulted, None)}
        self._live.put_all(station.tenant_id, told)

    def _shown(self, station: Station, evse: int, known: Connector) -> str:
        """A session that fell silent is not believed against a connector that says it is free: its end may be lost."""
        silent = known.state == "Available" and self._clock.now() - station.active_at.get(evse, _NEVER) >= SILENCE
        return shown_state(known.state, known.activity, here=known.here and not silent)

    def _take(self, station: Station, evse: int, connector: int, activity: str | None) -> None:
        if connector != _NOWHERE:
            station.connectors.setdefault((evse, connector), Connector(UNKNOWN, _NEVER, None, None))
        for place, known in station.connectors.items():
            if place[0] == evse:
                station.connectors[place] = known._replace(activity=activity, here=place[1] == connector)
        self.show(station)

    def _learn(self, station: Station, report: neutral.ConnectorStatus, at: datetime) -> None:
        place = (report.evse, report.connector)
        known = station.connectors.get(place)
        if known is None or at >= known.at:
            activity, here = (None, False) if known is None else (known.activity, known.here)
            station.connectors[place] = Connector(report.state, at, activity, report.error_code, here)
            self.show(station)


def _has_room(inbound: Inbound, evse: int, connector: int) -> bool:
    """Whether this connector is known or may be from now on; if not, the log says so."""
    connectors = inbound.station.connectors
    if (evse, connector) in connectors or len(connectors) < MAX_CONNECTORS:
        return True
    inbound.deviations += (f"{BEYOND_LIMIT} {evse}.{connector}",)
    return False


def _likely(known: dict[int, Connector]) -> int:
    """Which connector of its EVSE a session is at that doesn't say: the one it was at, or the only one."""
    numbers = [number for number in known if number > 0]
    if len(numbers) > 1:
        return next((number for number in numbers if known[number].here), _NOWHERE)
    return next(iter(numbers), 1)
