"""The verbs for what a station says of itself: boot, heartbeat, connector status, and everything else."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from forecourt.ocpp import neutral
from forecourt.platform import packrow
from forecourt.platform.clock import Clock
from forecourt.platform.live import LiveFeed
from forecourt.stations.gateway.inbound import Decide, Inbound
from forecourt.stations.gateway.lanes import ACTIVITIES, BOOTS, STATES
from forecourt.stations.gateway.station import Connector, Station
from forecourt.stations.model import shown_state, station_state

#: A station told to wait asks again after this long.
RETRY_BOOT_S = 60


class StationReports:
    """Owns what screens are told of a station's state."""

    def __init__(self, clock: Clock, live: LiveFeed, heartbeat_interval_s: int) -> None:
        self._clock = clock
        self._live = live
        self._interval_s = heartbeat_interval_s
        #: Other rooms that want to hear of every accepted socket.
        self.on_linked: list[Callable[[Station], None]] = []

    def boot(self, inbound: Inbound, report: neutral.Boot) -> Decide:
        """Keep what the station is. A boot never touches sessions: stations boot with cars charging (2.0.1 B01)."""
        station = inbound.station
        inbound.write.add(
            BOOTS.name,
            packrow.row(
                packrow.int8(station.station_id),
                packrow.text(report.vendor),
                packrow.text(report.model),
                packrow.text(report.serial),
                packrow.text(report.firmware),
                packrow.text(report.reason),
                packrow.timestamp(inbound.arrived),
            ),
        )

        def decide() -> neutral.Answer:
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
        """Keep a connector's state as of the station's time, or of the arrival where that lies ahead or is missing."""
        station, arrived = inbound.station, inbound.arrived
        at = arrived if report.at is None else min(report.at, arrived)
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
                packrow.text(report.info),
                packrow.text(report.vendor_error_code),
                packrow.timestamp(arrived),
            ),
        )

        def decide() -> neutral.Answer:
            self._learn(station, report, at)
            return neutral.Acknowledged(now=self._clock.now())

        return decide

    def notice(self, inbound: Inbound, report: neutral.MeterReport | neutral.Notice) -> Decide:
        """Anything else: the message log keeps it, the version's own rule answers it."""
        return lambda: neutral.Acknowledged(now=self._clock.now())

    def activity(self, inbound: Inbound, evse: int, activity: str | None) -> None:
        """Refine what an Occupied connector is shown as by what its transaction says; None when that is over.

        Writes only a change; memory follows at once, being no more than what screens are shown.
        """
        station = inbound.station
        places = [place for place in station.connectors if place[0] == evse]
        changed = [place for place in places if station.connectors[place].activity != activity]
        if not changed:
            return
        inbound.write.add(
            ACTIVITIES.name,
            packrow.row(packrow.int8(station.station_id), packrow.int4(evse), packrow.text(activity)),
        )
        for place in changed:
            station.connectors[place] = station.connectors[place]._replace(activity=activity)
        self.show(station)

    def linked(self, station: Station, connectors: list[list[Any]] | None) -> None:
        """A socket was accepted: take up what PostgreSQL knows of the connectors, and show the station online."""
        station.connectors = {
            (evse, connector): Connector(state, datetime.fromisoformat(at), activity, error_code)
            for evse, connector, state, at, activity, error_code in connectors or ()
        }
        for hear in self.on_linked:
            hear(station)
        self.show(station)

    def show(self, station: Station) -> None:
        """Tell screens the state of the whole station, and the code of its fault."""
        speaking = [
            known for (_, number), known in station.connectors.items() if number > 0 or known.state == "Faulted"
        ]
        states = [shown_state(known.state, known.activity) for known in speaking]
        state = station_state(station.connection is not None, states)
        error = next((known.error_code for known in speaking if known.state == state == "Faulted"), None)
        self._live.put(station.tenant_id, f"station.{station.identity}.state", state)
        self._live.put(station.tenant_id, f"station.{station.identity}.error", error)

    def _learn(self, station: Station, report: neutral.ConnectorStatus, at: datetime) -> None:
        place = (report.evse, report.connector)
        known = station.connectors.get(place)
        if known is None or at >= known.at:
            activity = None if known is None else known.activity
            station.connectors[place] = Connector(report.state, at, activity, report.error_code)
            self.show(station)
