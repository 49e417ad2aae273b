"""One bay of a station: an EVSE with its connector, the car in front of it, its meter and its transaction.

The station's dialect says on the wire what happens here.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from forecourt.simulator.car import LEAST_CURRENT_A, VOLTAGE_V, Draw, Load, Outlet

if TYPE_CHECKING:
    from forecourt.simulator.station import Station


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """The meter at one moment: registers in whole Wh of what was taken and given, power below 0 while it is given,
    currents in A on each phase in use."""

    at: datetime
    register_wh: int
    power_w: float
    phases: int
    offered_w: float
    soc: float | None
    given_wh: int = 0

    @property
    def current_a(self) -> float:
        return self.power_w / VOLTAGE_V / max(1, self.phases)


class Transaction:
    """One transaction as the station keeps it. `id` is chosen here in 2.x and learned from the CSMS in 1.6."""

    def __init__(self, key: str, token: str, at: datetime, start_wh: int, remote_start_id: int | None = None) -> None:
        self.key = key
        self.token = token
        self.started_at = at
        self.start_wh = start_wh
        self.remote_start_id = remote_start_id
        self.id: int | str | None = None
        self.seq = 0
        #: The CSMS never took the start: nothing about this transaction can be said any more (1.6).
        self.lost = False
        #: Not begun before the driver was known, in stations that start at the plug.
        self.authorised = True

    def next_seq(self) -> int:
        self.seq += 1
        return self.seq - 1


class Bay:
    """Owned by its station, driven by `advance` and by what drivers do; every verb gets the time it happens at."""

    def __init__(self, station: "Station", number: int, outlet: Outlet, register_wh: int) -> None:
        self.station = station
        self.number = number
        self.outlet = outlet
        self.register_wh = float(register_wh)
        self.given_wh = 0.0
        self.load: Load | None = None
        self.tx: Transaction | None = None
        self.status = "Available"
        self.error = "NoError"
        self.operative = True
        self.reserved: tuple[int, str, datetime] | None = None
        #: A driver who was let in before the plug: (token, remote start id, until).
        self.awaited: tuple[str, int | None, datetime] | None = None
        self.ghost: Transaction | None = None
        self._last: Draw | None = None
        self._advanced_at: datetime | None = None
        self._sample_at: datetime | None = None
        self._limit_w = 0.0
        self._limit_change: tuple[datetime, float] | None = None

    def reading(self, at: datetime) -> Reading:
        last = self._last
        return Reading(
            at=at,
            register_wh=int(self.register_wh),
            power_w=last.power_w if last else 0.0,
            phases=last.phases if last else self.outlet.phases,
            offered_w=min(max(self._limit_w, 0.0), self.outlet.power_w) if self.tx else 0.0,
            soc=last.soc if last else None,
            given_wh=int(self.given_wh),
        )

    def say_status(self, status: str, at: datetime) -> None:
        if status != self.status:
            self.status = status
            self.station.dialect.status(self, at)

    def plug_in(self, load: Load, at: datetime, key: str = "") -> None:
        """A car arrives. A driver who was awaited charges at once."""
        if self.load is not None:
            raise ValueError(f"a car is already plugged in at bay {self.number}")
        self.load = load
        self._last = None
        self.say_status("Preparing", at)
        if self.awaited and self.awaited[2] >= at:
            token, remote_start_id, _ = self.awaited
            self.awaited = None
            self.begin(token, at, key=key, remote_start_id=remote_start_id)

    def present(self, token: str, at: datetime, key: str = "") -> None:
        """A card is held to the reader: starts, or stops what the same card started."""
        if self.tx is not None:
            if self.tx.token.lower() == token.lower():
                self.stop("Local", at, token)
            return
        if not self.operative or self.error != "NoError" or self.station.paying.blocked(self.number, at):
            return
        if self.reserved and self.reserved[2] > at and self.reserved[1].lower() != token.lower():
            return

        def accepted(status: str) -> None:
            if status == "Accepted" and self.load is not None and self.tx is None:
                self.begin(token, max(at, self._advanced_at or at), key=key)
            elif status != "Accepted":
                self.station.counts.tokens_refused += 1

        if self.station.link.online:
            self.station.dialect.authorise(token, accepted)
        elif self.station.settings.flag("offline_start"):
            accepted("Accepted")

    def begin(self, token: str, at: datetime, key: str = "", remote_start_id: int | None = None) -> Transaction:
        """Starts a transaction, whatever the CSMS will say of the token."""
        if self.tx is not None or self.load is None:
            raise ValueError(f"bay {self.number} can't begin a transaction now")
        if self.station.habits.register_restarts:
            self.register_wh = 0.0
        key = key or f"{self.station.identity}/{self.number}/{at.isoformat()}"
        self.tx = Transaction(key, token, at, int(self.register_wh), remote_start_id)
        self._advanced_at = at
        self._sample_at = at + timedelta(seconds=self.station.meter_interval_s)
        self._limit_w = self._wanted_w(at)
        if self.reserved and self.reserved[1].lower() == token.lower():
            self.reserved = None
        self.station.dialect.begin(self, self.tx, self.reading(at))
        self._charging_state(at)
        return self.tx

    def begin_unless_begun(self, token: str, at: datetime, remote_start_id: int | None) -> None:
        if self.tx is None and self.load is not None:
            self.begin(token, at, remote_start_id=remote_start_id)

    def advance(self, at: datetime) -> None:
        """Lets energy flow until `at`, and says what changed and what is due."""
        if self.ghost is not None and self._sample_at is not None and at >= self._sample_at:
            self._sample_at = at + timedelta(seconds=self.station.meter_interval_s)
            self.station.dialect.sample(self, self.ghost, self.reading(at))
        tx, since = self.tx, self._advanced_at
        if tx is None or self.load is None or since is None or at <= since:
            return
        limit_w = self._offer_w(at)
        if self.error == "NoError":
            self._last = self.load.draw(self.outlet, (at - since).total_seconds(), limit_w)
            self.register_wh += self._last.energy_wh
            self.given_wh += self._last.given_wh
        self._advanced_at = at
        self._limit_w = limit_w
        ended = self.station.paying.reached(self, tx, self.register_wh)
        if ended is not None:
            self.stop(ended, at)
            return
        self._charging_state(at)
        if self._sample_at is not None and at >= self._sample_at:
            interval = timedelta(seconds=self.station.meter_interval_s)
            self._sample_at = max(self._sample_at + interval, at + interval / 2)
            self.station.dialect.sample(self, tx, self.reading(at))

    def stop(self, reason: str, at: datetime, token: str | None = None) -> None:
        """Ends the transaction; the car stays plugged in."""
        tx = self.tx
        if tx is None:
            return
        self.advance(at)
        if self._last is not None:
            self._last = Draw(0.0, 0.0, self._last.phases, self._last.soc, self._last.full)
        reading = self.reading(at)
        self.tx = None
        self.station.limits.forget(str(tx.id), self.number)
        if not self.station.link.online and self.station.habits.loses_offline_end:
            self.station.counts.dropped += 1
        else:
            self.station.dialect.end(self, tx, reading, reason, token)
        if reason != "EVDisconnected":
            self.say_status("Finishing", at)

    def unplug(self, at: datetime) -> None:
        """The car leaves; a running transaction ends with it."""
        self.stop("EVDisconnected", at)
        self.load = None
        self._last = None
        self.ghost = None
        self.say_status(self.rest_status(), at)

    def fault(self, error: str, at: datetime) -> None:
        """A fault of the hardware: nothing flows until `repair`. The transaction stays open."""
        self.advance(at)
        self.error = error
        if self._last is not None:
            self._last = Draw(0.0, 0.0, self._last.phases, self._last.soc, self._last.full)
        self.say_status("Faulted", at)

    def repair(self, at: datetime) -> None:
        self.error = "NoError"
        self._advanced_at = at
        self.say_status(self.rest_status(), at)
        if self.tx is not None:
            self._charging_state(at)

    def rest_status(self) -> str:
        """The status with no transaction: what the plug, the operator and the hardware say."""
        if self.error != "NoError":
            return "Faulted"
        if self.load is not None:
            return "Charging" if self.tx else "Preparing"
        if not self.operative:
            return "Unavailable"
        return "Reserved" if self.reserved else "Available"

    def expire(self, at: datetime) -> None:
        """Reservations and awaited drivers run out."""
        if self.awaited and self.awaited[2] < at:
            self.awaited = None
            if self.load is None:
                self.say_status(self.rest_status(), at)
        if self.reserved and self.reserved[2] < at:
            self.reserved = None
            if self.status == "Reserved":
                self.say_status(self.rest_status(), at)

    def _charging_state(self, at: datetime) -> None:
        tx = self.tx
        if tx is None or self.error != "NoError":
            return
        least_w = LEAST_CURRENT_A * VOLTAGE_V if not self.outlet.dc else 1.0
        if self._last is not None and self._last.power_w < 0:
            state = "Charging"
        elif self._limit_w < least_w and not (self._last and self._last.full):
            state = "SuspendedEVSE"
        elif self._last is not None and (self._last.full or self._last.power_w <= 0):
            state = "SuspendedEV"
        else:
            state = "Charging"
        if state != self.status:
            self.say_status(state, at)
            self.station.dialect.charging_state(self, tx, self.reading(at))

    def _wanted_w(self, at: datetime) -> float:
        """The offer over all phases as the profiles have it."""
        most_w = float(self.outlet.power_w)
        return most_w if self.station.habits.ignores_limits else min(most_w, self.station.limit_w(self, at))

    def _offer_w(self, at: datetime) -> float:
        """The offer of this moment: a slow station keeps the old one for a while."""
        delay_s, wanted_w = self.station.habits.obeys_after_s, self._wanted_w(at)
        if not delay_s or wanted_w == self._limit_w:
            self._limit_change = None
            return wanted_w
        if self._limit_change is None or self._limit_change[1] != wanted_w:
            self._limit_change = (at + timedelta(seconds=delay_s), wanted_w)
        return wanted_w if at >= self._limit_change[0] else self._limit_w
