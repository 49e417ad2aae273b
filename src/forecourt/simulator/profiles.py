"""Charging profiles as a station keeps them, and the limit that they make at any moment.

OCPP 1.6 §3.13 and 2.0.1 K01: per purpose the highest stack level that is valid now leads; a transaction's own profile
stands for the default; the station's maximum and external limits cap the result.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from forecourt.simulator.car import VOLTAGE_V

MAX_PURPOSES = ("ChargePointMaxProfile", "ChargingStationMaxProfile", "ChargingStationExternalConstraints")
TX_DEFAULT, TX = "TxDefaultProfile", "TxProfile"
PRIORITY = "PriorityCharging"
CHARGING_ONLY, CENTRAL_SETPOINT = "ChargingOnly", "CentralSetpoint"
NO_LIMIT_W = 1e9


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One installed profile. `periods` are (seconds from the start, limit in `unit`, phases or None); `setpoints` the
    same of what shall flow (2.1), None where a period says nothing of it."""

    id: int
    evse: int
    stack: int
    purpose: str
    kind: str
    unit: str
    periods: tuple[tuple[int, float, int | None], ...]
    setpoints: tuple[tuple[int, float | None, int | None], ...] = ()
    recurrency: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    start: datetime | None = None
    duration_s: int | None = None
    transaction: str | None = None
    #: Of a dynamic one: when it was changed last, and after how many seconds it is asked for.
    updated_at: datetime | None = None
    asks_after_s: int | None = None
    #: As it came, to be reported as it came.
    wire: dict[str, Any] = msgspec.field(default_factory=dict)

    def limit_w(self, now: datetime, began: datetime | None, phases: int) -> float | None:
        """The limit over all phases, or None where this profile says nothing."""
        return self._value_w(self.periods, now, began, phases)

    def setpoint_w(self, now: datetime, began: datetime | None, phases: int) -> float | None:
        """What shall flow over all phases, below 0 the other way, or None where this profile says nothing of it."""
        return self._value_w(self.setpoints, now, began, phases)

    def _value_w(
        self,
        periods: Iterable[tuple[int, float | None, int | None]],
        now: datetime,
        began: datetime | None,
        phases: int,
    ) -> float | None:
        if (self.valid_from and now < self.valid_from) or (self.valid_to and now >= self.valid_to):
            return None
        start = self._start(now, began)
        if start is None or now < start:
            return None
        elapsed_s = (now - start).total_seconds()
        if self.duration_s is not None and elapsed_s >= self.duration_s:
            return None
        found: float | None = None
        for at_s, value, by_phases in periods:
            if at_s > elapsed_s:
                break
            watts = self.unit == "W" or value is None
            found = value if watts else (value or 0.0) * VOLTAGE_V * min(by_phases or phases, phases)
        return found

    def changed(self, update: dict[str, Any], at: datetime) -> "Profile":
        """A dynamic one as an update has it, which counts from then on (2.1 K28)."""
        [(start_s, limit, phases)] = self.periods
        limit = update.get("limit", limit)
        return msgspec.structs.replace(self, periods=((start_s, limit, phases),), updated_at=at)

    def _start(self, now: datetime, began: datetime | None) -> datetime | None:
        if self.kind == "Dynamic":
            return self.updated_at
        if self.kind == "Relative":
            return began
        if self.kind != "Recurring":
            return self.start or began or now
        first = self.start or now
        every = timedelta(days=7 if self.recurrency == "Weekly" else 1)
        return first + every * ((now - first) // every)


class Limits:
    """All profiles of one station."""

    def __init__(self) -> None:
        self._profiles: dict[int, Profile] = {}
        #: EVSEs whose profile for priority stands for that of the transaction (2.1 K21).
        self.prioritised: set[int] = set()

    def prioritise(self, evse: int, *, active: bool) -> bool:
        """Whether there is a profile for priority, which stands for others from now on, or not any more."""
        if not any(p.purpose == PRIORITY and p.evse in (evse, 0) for p in self._profiles.values()):
            return False
        (self.prioritised.add if active else self.prioritised.discard)(evse)
        return True

    def __iter__(self) -> Iterator[Profile]:
        return iter(self._profiles.values())

    def __len__(self) -> int:
        return len(self._profiles)

    def install(self, profile: Profile) -> None:
        """Replaces a profile of the same id, and one of the same place, purpose and stack level."""
        place = (profile.evse, profile.purpose, profile.stack)
        same = [p.id for p in self._profiles.values() if (p.evse, p.purpose, p.stack) == place]
        for key in same:
            del self._profiles[key]
        self._profiles[profile.id] = profile

    def dynamic(self, id: int) -> Profile | None:
        """The dynamic profile of an id."""
        found = self._profiles.get(id)
        return found if found is not None and found.kind == "Dynamic" else None

    def clear(self, id: int | None, evse: int | None, purpose: str | None, stack: int | None) -> int:
        """Removes what fits every given criterion, and says how many."""
        gone = [
            p.id
            for p in self._profiles.values()
            if (p.id == id if id is not None else True)
            and (evse is None or p.evse == evse)
            and (purpose is None or p.purpose == purpose)
            and (stack is None or p.stack == stack)
        ]
        for key in gone:
            del self._profiles[key]
        return len(gone)

    def forget(self, transaction: str, evse: int) -> None:
        """A transaction's own profiles end with it, and its priority."""
        self.prioritised.discard(evse)
        for p in list(self._profiles.values()):
            if p.purpose == TX and p.evse == evse and p.transaction in (None, transaction):
                del self._profiles[p.id]

    def limit_w(self, evse: int, now: datetime, began: datetime | None, phases: int, sharing: int = 1) -> float:
        """What one EVSE may draw. The station's maximum is shared equally by the EVSEs that charge."""
        if not self._profiles:
            return NO_LIMIT_W
        caps = [NO_LIMIT_W]
        for purpose in MAX_PURPOSES:
            whole = self._leading(purpose, (0,), now, began, phases)
            if whole is not None:
                caps.append(whole / max(1, sharing))
            own = self._leading(purpose, (evse,), now, began, phases) if evse else None
            if own is not None:
                caps.append(own)
        running = self._leading(PRIORITY, (evse, 0), now, began, phases) if evse in self.prioritised else None
        if running is None and began:
            running = self._leading(TX, (evse,), now, began, phases)
        if running is None:
            running = self._leading(TX_DEFAULT, (evse, 0), now, began, phases)
        if running is not None:
            caps.append(running)
        return max(0.0, min(caps))

    def setpoint_w(self, evse: int, now: datetime, began: datetime | None, phases: int) -> float | None:
        """What shall flow at one EVSE, by the transaction's own profile that leads."""
        leads: tuple[int, float | None] | None = None
        for p in self._profiles.values():
            if p.purpose != TX or p.evse != evse or (leads is not None and p.stack <= leads[0]):
                continue
            if p.limit_w(now, began, phases) is not None:
                leads = p.stack, p.setpoint_w(now, began, phases)
        return leads[1] if leads else None

    def composite(
        self, evse: int, now: datetime, began: datetime | None, phases: int, duration_s: int, most_w: float
    ) -> list[tuple[int, float]]:
        """(second, W) steps of the limit from now on, found by looking at every edge of every profile."""
        edges = {0}
        for p in self._profiles.values():
            start = p._start(now, began) or now
            for at in [*(start + timedelta(seconds=s) for s, _, _ in p.periods), p.valid_from, p.valid_to]:
                if at is not None:
                    edges.add(int((at - now).total_seconds()))
            if p.duration_s is not None:
                edges.add(int((start - now).total_seconds()) + p.duration_s)
        steps: list[tuple[int, float]] = []
        for edge in sorted(e for e in edges if 0 <= e < duration_s):
            limit = min(most_w, self.limit_w(evse, now + timedelta(seconds=edge), began, phases))
            if not steps or steps[-1][1] != limit:
                steps.append((edge, limit))
        return steps

    def _leading(
        self, purpose: str, evses: tuple[int, ...], now: datetime, began: datetime | None, phases: int
    ) -> float | None:
        best: tuple[int, float] | None = None
        for p in self._profiles.values():
            if p.purpose != purpose or p.evse not in evses or (best and p.stack <= best[0]):
                continue
            limit = p.limit_w(now, began, phases)
            if limit is not None:
                best = (p.stack, limit)
        return best[1] if best else None


def read(wire: dict[str, Any], evse: int) -> Profile:
    """A profile as the wire has it: `csChargingProfiles` of 1.6 or `chargingProfile` of 2.x."""
    schedule = wire["chargingSchedule"]
    if isinstance(schedule, list):
        schedule = schedule[0]
    transaction = wire.get("transactionId")
    return Profile(
        id=wire.get("id", wire.get("chargingProfileId", 0)),
        evse=evse,
        stack=wire["stackLevel"],
        purpose=wire["chargingProfilePurpose"],
        kind=wire["chargingProfileKind"],
        unit=schedule["chargingRateUnit"],
        periods=tuple(
            (p["startPeriod"], p["limit"], p.get("numberPhases"))
            for p in schedule["chargingSchedulePeriod"]
            if "limit" in p
        ),
        setpoints=tuple(
            (p["startPeriod"], p.get("setpoint"), p.get("numberPhases"))
            for p in schedule["chargingSchedulePeriod"]
            if p.get("operationMode", CHARGING_ONLY) in (CHARGING_ONLY, CENTRAL_SETPOINT)
        ),
        recurrency=wire.get("recurrencyKind"),
        valid_from=_time(wire.get("validFrom")),
        valid_to=_time(wire.get("validTo")),
        start=_time(schedule.get("startSchedule")),
        duration_s=schedule.get("duration"),
        transaction=None if transaction is None else str(transaction),
        updated_at=_time(wire.get("dynUpdateTime")),
        asks_after_s=wire.get("dynUpdateInterval") or None,
        wire=wire,
    )


def unsuitable(wire: dict[str, Any], *, gives: bool) -> str | None:
    """The reason code why a station that can let cars give, or can't, refuses the setpoints of a profile."""
    schedule = wire["chargingSchedule"]
    periods = (schedule[0] if isinstance(schedule, list) else schedule)["chargingSchedulePeriod"]
    for each in periods:
        mode, setpoint = each.get("operationMode", CHARGING_ONLY), each.get("setpoint")
        if mode != CHARGING_ONLY and not (gives and mode == CENTRAL_SETPOINT):
            return "UnsupportedParam"
        if mode == CENTRAL_SETPOINT and setpoint is None:
            return "InvalidSchedule"
        if setpoint is not None and not each.get("dischargeLimit", 0.0) <= setpoint <= each.get("limit", setpoint):
            return "InvalidSchedule"
    return None


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    at = msgspec.convert(text, datetime)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
