"""One simulated station: what it does in every version. A dialect speaks for it, a link carries what is said.

Nothing here waits: drivers, timers and the CSMS call verbs, each with the time it happens at.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Protocol

import msgspec

from forecourt.simulator import dynamic, profiles
from forecourt.simulator.bay import Bay, Reading, Transaction
from forecourt.simulator.car import Outlet
from forecourt.simulator.clock import Clock
from forecourt.simulator.connection import Address
from forecourt.simulator.faults import NO_CHANCES, PERFECT, Chances, Counts, Cut, Habits
from forecourt.simulator.link import Link, Owner, Terms
from forecourt.simulator.paying import Paying
from forecourt.simulator.said import Kind, Said
from forecourt.simulator.settings import Settings
from forecourt.simulator.wire import Payload, Refused

#: Simulated seconds that a restart takes.
RESTART_S = 20
#: Pause before a refused BootNotification is tried again when the CSMS names none.
BOOT_RETRY_S = 30


class Make(msgspec.Struct, frozen=True, kw_only=True):
    """A model of station. `measurands`: what a sample holds, from energy, power, current, voltage, soc,
    offered; "plain" is a bare number with everything left to its default."""

    vendor: str
    model: str
    firmware: str = "1.0.0"
    dc: bool = False
    phases: int = 3
    power_w: int = 22_000
    bays: int = 1
    #: Wh or kWh: the unit of the energy register in samples.
    energy_unit: str = "Wh"
    measurands: tuple[str, ...] = ("energy", "power", "current", "voltage")
    #: 1.6: StopTransaction carries the first and the last reading too.
    stop_data: bool = False
    #: 2.x: a transaction starts at the plug (EVConnected) or with the driver (Authorized).
    tx_start: str = "Authorized"
    meter_interval_s: int = 60
    #: 2.1: cars may give back at its bays, by setpoints.
    gives: bool = False
    #: 2.1: it shows costs, and reckons them by the tariff that it is given.
    reckons: bool = False


class Dialect(Protocol):
    """One protocol version's way to say things."""

    subprotocol: str
    #: Whether its version has dynamic profiles.
    dynamic: bool

    def boot(self, reason: str) -> tuple[str, Payload]: ...
    def status(self, bay: Bay, at: datetime, always: bool = False) -> None: ...
    def authorise(self, token: str, then: Callable[[str], None]) -> None: ...
    def begin(self, bay: Bay, tx: Transaction, reading: Reading) -> None: ...
    def sample(self, bay: Bay, tx: Transaction, reading: Reading) -> None: ...
    def charging_state(self, bay: Bay, tx: Transaction, reading: Reading) -> None: ...
    def end(self, bay: Bay, tx: Transaction, reading: Reading, reason: str, token: str | None) -> None: ...
    def answer(self, action: str, payload: Payload) -> Payload: ...


class Station(Owner):
    """A station with its bays, settings, profiles and line."""

    def __init__(
        self,
        identity: str,
        make: Make,
        dialect: "Callable[[Station], Dialect]",
        clock: Clock,
        *,
        url: str,
        password: str | None = None,
        local: str | None = None,
        rng: Random | None = None,
        habits: Habits = PERFECT,
        chances: Chances = NO_CHANCES,
        counts: Counts | None = None,
        terms: Terms | None = None,
        registers_wh: tuple[int, ...] = (),
        on_acked: "Callable[[Station, Said, Payload, bool], None] | None" = None,
    ) -> None:
        self.identity = identity
        self.make = make
        self.clock = clock
        self.rng = rng or Random(identity)  # noqa: S311
        self.habits = habits
        self.counts = counts if counts is not None else Counts()
        self.settings = Settings()
        self.settings.put("connectors", str(make.bays))
        self.settings.put("tx_start", make.tx_start)
        self.settings.put("meter_s", str(make.meter_interval_s))
        self.limits = profiles.Limits()
        #: Who else than the CSMS set a profile, by its id.
        self.limited_by: dict[int, str] = {}
        #: When it last asked what a dynamic profile shall say, by its id.
        self.asked_at: dict[int, datetime] = {}
        self.local_list_version = 0
        self.paying = Paying(self)
        self.accepted = False
        self.dialect = dialect(self)
        self.offset = habits.clock_offset
        #: Called when a remote start waits for a car at a bay.
        self.on_awaited: Callable[[Bay], None] | None = None
        #: A station that plays a script faster than time has no use for heartbeats.
        self.beats = True
        self._on_acked = on_acked
        outlet = Outlet(dc=make.dc, phases=make.phases, power_w=make.power_w)
        registers = registers_wh or tuple(self.rng.randrange(10**4, 10**7) for _ in range(make.bays))
        self.bays = [Bay(self, n + 1, outlet, registers[n % len(registers)]) for n in range(make.bays)]
        self.link = Link(
            Address(url=url, identity=identity, subprotocol=self.dialect.subprotocol, password=password, local=local),
            self,
            self.rng,
            terms=terms,
            chances=chances,
            counts=self.counts,
        )
        self._boot_reason: str | None = "PowerUp"
        self._heartbeat_at: datetime | None = None
        self._restart_when_idle = False
        self._timers: set[asyncio.TimerHandle] = set()

    # --- life

    def power_on(self) -> None:
        self.link.start()

    def power_off(self, cut: Cut = Cut.ABORT) -> None:
        """Dark at once; transactions and the queue are on flash and come back with the power."""
        self._boot_reason = "PowerUp"
        self.accepted = False
        self.link.gate_open = False
        self.link.stop(cut)
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def time(self) -> datetime:
        """What the station's own clock says."""
        return self.clock.now() + self.offset

    def bay(self, number: int) -> Bay | None:
        return self.bays[number - 1] if 0 < number <= len(self.bays) else None

    @property
    def meter_interval_s(self) -> int:
        return max(1, self.settings.number("meter_s"))

    def advance(self, at: datetime | None = None) -> None:
        """Lets time pass at every bay, and beats."""
        now = at if at is not None else self.time()
        for bay in self.bays:
            if bay.tx is not None or bay.ghost is not None:
                bay.advance(now)
            if bay.awaited or bay.reserved:
                bay.expire(now)
        beats = self.beats and self.accepted and self.link.online
        if beats and self._heartbeat_at is not None and now >= self._heartbeat_at:
            self.heartbeat()
        if self.accepted and self.link.online:
            dynamic.ask(self, now)
        if self._restart_when_idle and not any(bay.tx for bay in self.bays):
            self._restart_when_idle = False
            self.restart("ScheduledReset", None)

    def heartbeat(self) -> None:
        self._beat_later()
        self.link.say(Said("Heartbeat", {}, then=self._hear_time))

    def restart(self, boot_reason: str, stop_reason: str | None) -> None:
        """Ends transactions, goes dark for a while and boots."""
        now = self.time()
        for bay in self.bays:
            if bay.tx is not None and stop_reason is not None:
                if self.habits.ghost_after_reset:
                    bay.ghost, bay.tx = bay.tx, None
                else:
                    bay.stop(stop_reason, now)
        self.accepted = False
        self.link.gate_open = False
        self.link.stop(Cut.CLOSE)
        self._boot_reason = boot_reason
        self.later(RESTART_S, self.link.start)

    def power_loss(self) -> None:
        """Power fails under running transactions: they end, with that reason, once the station is back."""
        now = self.time()
        self.power_off()
        for bay in self.bays:
            bay.stop("PowerLoss", now)

    def later(self, simulated_s: float, verb: Callable[[], None]) -> None:
        """Runs a verb after some simulated time, unless the power goes first."""

        def run() -> None:
            self._timers.discard(timer)
            verb()

        timer = asyncio.get_running_loop().call_later(self.clock.real_s(simulated_s), run)
        self._timers.add(timer)

    def soon(self, verb: Callable[[], None]) -> None:
        """Runs a verb when the answer under way has left."""
        asyncio.get_running_loop().call_soon(verb)

    def limit_w(self, bay: Bay, at: datetime) -> float:
        began = bay.tx.started_at if bay.tx else None
        sharing = sum(1 for other in self.bays if other.tx is not None)
        limit_w = self.limits.limit_w(bay.number, at, began, bay.outlet.phases, sharing)
        setpoint_w = self.limits.setpoint_w(bay.number, at, began, bay.outlet.phases) if began else None
        return limit_w if setpoint_w is None else min(limit_w, max(setpoint_w, -self.make.power_w))

    def say_all_statuses(self) -> None:
        now = self.time()
        for bay in self.bays:
            self.dialect.status(bay, now, always=True)

    # --- what the CSMS asks

    def remote_start(
        self, number: int | None, token: str, remote_start_id: int | None, profile: Payload | None
    ) -> Bay | None:
        """Takes a request to start; None when no bay can."""
        bays = self.bays if number is None else [bay for bay in self.bays if bay.number == number]
        free = [b for b in bays if b.tx is None and b.operative and b.error == "NoError" and b.awaited is None]
        now = self.time()
        free = [b for b in free if not b.reserved or b.reserved[1].lower() == token.lower()]
        if not free:
            return None
        bay = next((b for b in free if b.load is not None), free[0])
        if profile is not None:
            self.limits.install(profiles.read(profile, bay.number))
        until = now + timedelta(seconds=self.settings.number("connection_timeout_s"))
        if bay.load is None:
            bay.awaited = (token, remote_start_id, until)
            self.soon(lambda: bay.say_status("Preparing", self.time()))
            if self.on_awaited is not None:
                self.soon(lambda: self.on_awaited and self.on_awaited(bay))
        else:
            self.soon(lambda: bay.begin_unless_begun(token, self.time(), remote_start_id))
        return bay

    def remote_stop(self, transaction: int | str) -> bool:
        for bay in self.bays:
            if bay.tx is not None and bay.tx.id == transaction:
                self.soon(lambda b=bay: b.stop("Remote", self.time()))  # type: ignore[misc]
                return True
        return False

    def reset(self, hard: bool) -> str:
        """Accepted; a soft 2.x reset waits for idleness in `schedule_reset` instead."""
        reason = "HardReset" if hard else "SoftReset"
        self.soon(lambda: self.restart("RemoteReset", reason))
        return "Accepted"

    def schedule_reset(self) -> str:
        if any(bay.tx for bay in self.bays):
            self._restart_when_idle = True
            return "Scheduled"
        return self.reset(hard=False)

    def unlock(self, bay: Bay) -> str:
        self.soon(lambda: bay.stop("UnlockCommand", self.time()))
        return "Unlocked"

    def change_availability(self, number: int, operative: bool) -> str:
        """0 is the whole station. With a transaction running the change waits for its end."""
        bays = self.bays if number == 0 else [b for b in self.bays if b.number == number]
        if not bays:
            return "Rejected"
        for bay in bays:
            bay.operative = operative
            if bay.load is None and bay.tx is None:
                self.soon(lambda b=bay: b.say_status(b.rest_status(), self.time()))  # type: ignore[misc]
        return "Scheduled" if any(bay.tx for bay in bays) else "Accepted"

    def reserve(self, number: int, id: int, token: str, until: datetime) -> str:
        bays = [b for b in self.bays if number in (0, b.number)]
        if not bays:
            return "Rejected"
        for refusal, refuses in (
            ("Faulted", lambda b: b.error != "NoError"),
            ("Unavailable", lambda b: not b.operative),
            ("Occupied", lambda b: b.load is not None or (b.reserved and b.reserved[0] != id)),
        ):
            bays, before = [b for b in bays if not refuses(b)], bays
            if not bays and before:
                return refusal
        bay = bays[0]
        bay.reserved = (id, token, until)
        self.soon(lambda: bay.say_status("Reserved", self.time()))
        return "Accepted"

    def cancel_reservation(self, id: int) -> str:
        for bay in self.bays:
            if bay.reserved and bay.reserved[0] == id:
                bay.reserved = None
                self.soon(lambda b=bay: b.say_status(b.rest_status(), self.time()))  # type: ignore[misc]
                return "Accepted"
        return "Rejected"

    def install_profile(self, wire: Payload, number: int) -> str:
        """Accepted, or Rejected for a bay or transaction that is not there (OCPP 1.6 §5.16, 2.0.1 K01)."""
        if number and self.bay(number) is None:
            return "Rejected"
        profile = profiles.read(wire, number)
        if profile.stack > self.settings.number("stack"):
            return "Rejected"
        if profile.kind == "Dynamic":
            if not self.dialect.dynamic or dynamic.fault_of(wire) is not None:
                return "Rejected"
            profile = msgspec.structs.replace(profile, updated_at=profile.updated_at or self.time())
        if profile.purpose in self.habits.refuses_purposes:
            return "Rejected"
        if profile.purpose == profiles.TX:
            bay = self.bay(number)
            if bay is None or bay.tx is None:
                return "Rejected"
            if profile.transaction is not None and str(bay.tx.id) != profile.transaction:
                return "Rejected"
        self.limits.install(profile)
        self.soon(self.advance)
        return "Accepted"

    def composite(self, number: int, duration_s: int) -> list[tuple[int, float]]:
        if self.habits.empty_composite:
            return []
        bay = self.bay(number)
        began = bay.tx.started_at if bay and bay.tx else None
        most_w = float(self.make.power_w * (1 if bay else len(self.bays)))
        return self.limits.composite(number, self.time(), began, self.make.phases, duration_s, most_w)

    def change_setting(self, name: str, value: str) -> None:
        """What follows at once from a changed setting."""
        if name == "password":
            self.link.address = msgspec.structs.replace(self.link.address, password=value)
            self.soon(self.link.cut_for_new_address)
        elif name == "heartbeat_s":
            self._beat_later()
        elif name in ("attempts", "retry_s"):
            self.link.terms = msgspec.structs.replace(
                self.link.terms,
                attempts=max(1, self.settings.number("attempts")),
                retry_interval_s=self.clock.real_s(self.settings.number("retry_s")),
            )

    def token_answered(self, bay: Bay, tx: Transaction, status: str) -> None:
        """The CSMS's word on the token of a transaction that runs already."""
        if status == "Accepted":
            return
        self.counts.tokens_refused += 1
        stops = self.habits.stops_when_refused and self.settings.flag("stop_when_refused")
        if stops and bay.tx is tx and status != "ConcurrentTx":
            self.soon(lambda: bay.stop("DeAuthorized", self.time()) if bay.tx is tx else None)

    # --- the line

    def on_up(self) -> None:
        if self._boot_reason is not None or self.habits.boots_on_reconnect:
            self.link.gate_open = False
            self._boot(self._boot_reason or "PowerUp")
        else:
            self.accepted = True
            self._online()

    def on_call(self, action: str, payload: Payload) -> Payload:
        if action in self.habits.unsupported:
            raise Refused("NotImplemented", f"{action} is not known here")
        return self.dialect.answer(action, payload)

    def on_acked(self, said: Said, answer: Payload, duplicate: bool) -> None:
        if self._on_acked is not None and said.facts is not None:
            self._on_acked(self, said, answer, duplicate)

    def _boot(self, reason: str) -> None:
        action, payload = self.dialect.boot(reason)
        self.link.say(Said(action, payload, Kind.BOOT, then=self._booted, failed=self._boot_later), first=True)

    def _booted(self, answer: Payload) -> None:
        self._hear_time(answer)
        interval_s = int(answer.get("interval") or BOOT_RETRY_S)
        if answer.get("status") != "Accepted":
            self.later(interval_s, self._boot_again)
            return
        self.settings.put("heartbeat_s", str(interval_s))
        self._boot_reason = None
        self.accepted = True
        self._online()
        self.link.open_gate()

    def _boot_later(self, reason: str) -> None:
        if reason != "offline":
            self.later(BOOT_RETRY_S, self._boot_again)

    def _boot_again(self) -> None:
        if self.link.online and not self.accepted:
            self._boot(self._boot_reason or "PowerUp")

    def _online(self) -> None:
        if self.habits.statuses_on_reconnect or self._heartbeat_at is None:
            self.say_all_statuses()
        if self.habits.replays_statuses_first:
            self.link.scramble(statuses_first=True)
        self._beat_later()

    def _beat_later(self) -> None:
        self._heartbeat_at = self.time() + timedelta(seconds=max(1, self.settings.number("heartbeat_s")))

    def _hear_time(self, answer: Payload) -> None:
        if not self.habits.clock_stays_wrong and "currentTime" in answer:
            self.offset = timedelta()
