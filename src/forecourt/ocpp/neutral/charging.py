"""Smart charging in neutral words: profiles and schedules, what is asked about them, and what stations tell of limits
and of the needs of cars.

A current is in mA and a power in W, which for AC is the sum of the phases. Limits are of what a car may draw.
"""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

#: Without a number of phases a period is of three.
USUAL_PHASES = 3
#: The operation modes of a period in which the setpoint is what flows, and in which a car only takes (2.1).
CENTRAL_SETPOINT = "CentralSetpoint"
CHARGING_ONLY = "ChargingOnly"


class Purpose(StrEnum):
    """What a profile is for. A later one never allows more than an earlier one of the same time does."""

    #: The whole station's: 1.6 ChargePointMaxProfile, 2.x ChargingStationMaxProfile, at EVSE 0.
    STATION_MAX = "station_max"
    #: Every transaction's that has none of its own.
    TX_DEFAULT = "tx_default"
    #: One transaction's own.
    TX = "tx"
    #: Set by somebody else than the CSMS; only ever reported (2.x).
    EXTERNAL = "external"
    #: Instead of `TX` while a driver has priority (2.1).
    PRIORITY = "priority"
    #: What is made on site and may be drawn on top (2.1).
    LOCAL_GENERATION = "local_generation"


class Unit(StrEnum):
    """What limits are counted in: mA or W."""

    CURRENT = "A"
    POWER = "W"


class Kind(StrEnum):
    """What the times of a schedule count from."""

    #: `start_at`.
    ABSOLUTE = "absolute"
    #: The beginning of the charging.
    RELATIVE = "relative"
    #: `start_at`, every day or every week anew.
    DAILY = "daily"
    WEEKLY = "weekly"
    #: Nothing: the one period holds until it is changed (2.1).
    DYNAMIC = "dynamic"


class Period(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What holds from `start_s` after the start until the next period. `limit` is in mA or W, as the schedule's unit
    says; None, as only 2.1 has it, where nothing limits.

    `phases` is how many are used, `phase_to_use` which one where it is one (2.x). 2.1 alone: `discharge_limit`, 0 or
    less, is how much may flow back, `setpoint` what shall flow, and `operation_mode` its OperationModeEnumType.
    """

    start_s: int
    limit: int | None = None
    phases: int = USUAL_PHASES
    phase_to_use: int | None = None
    discharge_limit: int | None = None
    setpoint: int | None = None
    operation_mode: str | None = None


class Schedule(Struct, frozen=True, kw_only=True):
    """Limits over time. Of a composite schedule `start_at` is the time from which on it was asked for."""

    unit: Unit
    periods: tuple[Period, ...]
    start_at: datetime | None = None
    duration_s: int | None = None


class ChargingProfile(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A schedule, what it is for, and when it holds. Of two of one purpose that of the higher stack level holds.

    2.1 alone has `max_offline_s`, after which a station without connection does not follow it any more, for good where
    `invalidate_after_offline`. One of kind DYNAMIC holds for `duration_s` from `updated_at` on, which is anew whenever
    it is changed (2.1 K28); its station asks by itself `update_interval_s` after that. Where a version lacks the first,
    `valid_to` must bound what a silent station does.
    Of a reported profile with several schedules, as cars choose from by ISO 15118, this is the first.
    """

    id: int
    stack_level: int
    purpose: Purpose
    unit: Unit
    periods: tuple[Period, ...]
    kind: Kind = Kind.ABSOLUTE
    start_at: datetime | None = None
    duration_s: int | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    transaction_id: str | None = None
    max_offline_s: int | None = None
    invalidate_after_offline: bool = False
    update_interval_s: int | None = None
    updated_at: datetime | None = None


class SetChargingProfile(Struct, frozen=True, kw_only=True, tag="set_profile"):
    """Ask a station to follow a profile at an EVSE; 0: the station, or every EVSE (1.6 5.16, 2.0.1 K01). It takes the
    place of the one of the same id, and of the one of the same EVSE, purpose and stack level."""

    evse: int
    profile: ChargingProfile


class ClearChargingProfile(Struct, frozen=True, kw_only=True, tag="clear_profile"):
    """Ask a station to forget the profile of an id, or else all that fit what is given (1.6 5.5, 2.0.1 K10). That there
    are none is answered with Unknown, which is no refusal: `CommandAnswer.accepted`."""

    profile_id: int | None = None
    evse: int | None = None
    purpose: Purpose | None = None
    stack_level: int | None = None


class GetCompositeSchedule(Struct, frozen=True, kw_only=True, tag="composite"):
    """Ask what all profiles of an EVSE come to together, from now for `duration_s` (1.6 5.7, 2.0.1 K08)."""

    evse: int
    duration_s: int
    unit: Unit | None = None


class GetChargingProfiles(Struct, frozen=True, kw_only=True, tag="get_profiles"):
    """Ask for the profiles of a station, of those that fit what is given; they come as ProfilesReport with this
    `request_id` (2.0.1 K09). 1.6 has no such thing."""

    request_id: int
    evse: int | None = None
    purpose: Purpose | None = None
    stack_level: int | None = None
    profile_ids: tuple[int, ...] = ()


class UpdateDynamicSchedule(Struct, frozen=True, kw_only=True, tag="update_dynamic"):
    """Change what a profile of kind DYNAMIC says; `unit` is the profile's (2.1 K28)."""

    profile_id: int
    unit: Unit
    limit: int | None = None
    discharge_limit: int | None = None
    setpoint: int | None = None


class UsePriorityCharging(Struct, frozen=True, kw_only=True, tag="priority"):
    """Ask a station to follow the PRIORITY profile for a transaction, or not any more (2.1 K21)."""

    transaction_id: str
    activate: bool


class ChargingLimit(Struct, frozen=True, kw_only=True):
    """NotifyChargingLimit: somebody else limits a station, or an EVSE of it. `source` is EMS, SO, Other or CSO."""

    source: str
    evse: int = 0
    grid_critical: bool = False
    local_generation: bool = False
    schedules: tuple[Schedule, ...] = ()


class ChargingLimitCleared(Struct, frozen=True, kw_only=True):
    """ClearedChargingLimit: that limit is gone."""

    source: str
    evse: int = 0


class ChargingNeeds(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """NotifyEVChargingNeeds: what a car asks for by ISO 15118-2 or -20. None is what it didn't say.

    `transfer` is the EnergyTransferModeEnumType that it wants, `available` those it could. `energy_wh` is the energy
    until departure, `min_energy_wh` what must be there at once and `max_energy_wh` what fits in (-20). Currents are of
    each phase, powers of all of them. `dynamic`: it leaves the schedule to us (-20). `mobility`: EVCC, the car alone
    knows of the departure, or EVCC_SECC, it may change.
    Of V2X: what it could give back, and the energy within which it may be cycled (-20 only).
    """

    evse: int
    transfer: str
    at: datetime | None = None
    departure_at: datetime | None = None
    max_schedules: int | None = None
    energy_wh: int | None = None
    min_energy_wh: int | None = None
    max_energy_wh: int | None = None
    min_current_ma: int | None = None
    max_current_ma: int | None = None
    max_voltage_mv: int | None = None
    min_power_w: int | None = None
    max_power_w: int | None = None
    capacity_wh: int | None = None
    soc_pct: int | None = None
    full_soc_pct: int | None = None
    bulk_soc_pct: int | None = None
    target_soc_pct: int | None = None
    available: tuple[str, ...] = ()
    dynamic: bool | None = None
    mobility: str | None = None
    min_discharge_power_w: int | None = None
    max_discharge_power_w: int | None = None
    min_discharge_current_ma: int | None = None
    max_discharge_current_ma: int | None = None
    min_v2x_energy_wh: int | None = None
    max_v2x_energy_wh: int | None = None


class CarSchedule(Struct, frozen=True, kw_only=True):
    """NotifyEVChargingSchedule: how the car means to charge, its periods counted from `at`. `chosen` is the id of that
    of our schedules that it chose (2.1)."""

    evse: int
    at: datetime
    schedule: Schedule
    chosen: int | None = None


class ProfilesReport(Struct, frozen=True, kw_only=True):
    """ReportChargingProfiles: a part of what GetChargingProfiles asked for; `more` follows. `source` is CSO where it is
    ours."""

    request_id: int
    evse: int
    source: str
    profiles: tuple[ChargingProfile, ...]
    more: bool = False


class PriorityNotice(Struct, frozen=True, kw_only=True):
    """NotifyPriorityCharging: a driver was given priority at the station, or it is over (2.1)."""

    transaction_id: str
    activated: bool


class DynamicAsked(Struct, frozen=True, kw_only=True):
    """PullDynamicScheduleUpdate: what shall a profile of kind DYNAMIC say now? (2.1)"""

    profile_id: int


ChargingCommand = (
    SetChargingProfile
    | ClearChargingProfile
    | GetCompositeSchedule
    | GetChargingProfiles
    | UpdateDynamicSchedule
    | UsePriorityCharging
)
ChargingReport = (
    ChargingLimit | ChargingLimitCleared | ChargingNeeds | CarSchedule | ProfilesReport | PriorityNotice | DynamicAsked
)


class NeedsStatus(StrEnum):
    """What is answered to a car's needs."""

    #: A profile is made for it at once.
    ACCEPTED = "Accepted"
    #: It takes a moment, and comes afterwards.
    PROCESSING = "Processing"
    #: Nobody plans for it; 2.1 says that in a word of its own.
    NO_PROFILE = "NoChargingProfile"


class NeedsAnswer(Struct, frozen=True, kw_only=True):
    """The answer to ChargingNeeds."""

    status: NeedsStatus


class DynamicAnswer(Struct, frozen=True, kw_only=True):
    """The answer to DynamicAsked; without an update it is no."""

    update: UpdateDynamicSchedule | None
