"""What was found of connectors, as it is kept: where each stands, its alerts, and the look at them all."""

from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct

from forecourt.platform.errors import ForecourtError

Standing = Literal["known", "few_days", "down"]
Kind = Literal["gradual", "sudden"]
EndedBy = Literal["calm", "down", "gone", "said"]
#: `failed` within learned.HORIZON_D, or `held`; somebody was there and found it `worn`, or `sound`.
Outcome = Literal["failed", "held", "worn", "sound"]
SAID: Final = ("worn", "sound")
#: Reasons that are told of one connector.
MAX_REASONS: Final = 3
MAX_NOTE: Final = 2_000


class AlertUnknown(ForecourtError):
    """There is no such alert. `GET /api/v1/insight/health` lists those that are kept."""

    status = 404
    code = "alert-unknown"


class AlertSettled(ForecourtError):
    """Somebody has said already what was found there."""

    status = 409
    code = "alert-settled"


class Reason(Struct, frozen=True, kw_only=True):
    """A sign that made a risk: what it `added` (log-odds; of the chart, in limits), and what it was over REASON_D days,
    `part` of `whole`, here and at the rest of the site."""

    sign: str
    added: float
    part: float
    whole: float
    others_part: float
    others_whole: float


class Connector(Struct, frozen=True, kw_only=True):
    """Where an EVSE stands. `days` of history since it was new or mended; `kind` of what is told of it; `risk` of a
    failure within six weeks, 0 to 1, or the control chart's level in thresholds; `recent` that of each day until
    then, None where nothing was known."""

    station: str
    evse: int
    site: str | None
    seen_on: date
    standing: Standing
    days: int
    kind: Kind | None
    part: str | None
    risk: float | None
    reasons: list[Reason]
    recent: list[float | None]


class Alert(Struct, frozen=True, kw_only=True):
    """An alert of an EVSE; `lead_d`: days after which half of what such alerts foresaw had failed, None: not known."""

    alert_id: UUID
    station: str
    evse: int
    site: str | None
    opened_on: date
    opened_at: datetime
    part: str
    risk: float
    reasons: list[Reason]
    lead_d: float | None
    model: str
    closed_on: date | None = None
    closed_at: datetime | None = None
    ended_by: EndedBy | None = None
    outcome: Outcome | None = None
    outcome_on: date | None = None
    outcome_by: str | None = None
    note: str | None = None


class Look(Struct, frozen=True, kw_only=True):
    """One look at all of an organisation's connectors, until the end of the day `seen_on` (UTC). `learned` false: the
    chart stood in. `failures`: those of the days looked back on, and how many had an alert before; `drift` by sign,
    None: too few days. Who sees some sites alone is told of their connectors: `known` and `unknown` are of these, and
    what is only known of all together is None."""

    looked_at: datetime
    seen_on: date
    model: str
    learned: bool
    threshold: float
    known: int
    unknown: int
    left_out: int | None
    failures: int | None
    foreseen: int | None
    drift: dict[str, float] | None
