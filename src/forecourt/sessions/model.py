"""A session as the sum of what was said of it, in any order and however often.

Stations replay, duplicate and reorder. So a session is no state machine but a join: every fact carries the order key of
the report that said it, and the smallest or largest (key, value) wins. Joining is commutative, associative and
idempotent; the SQL in `lanes` is the same join, which a test proves on random histories.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from forecourt.drivers.model import uid_key
from forecourt.ocpp.neutral import Step, TransactionReport
from forecourt.platform.clock import plausible

#: Order keys of the facts not yet known, for smallest-wins and largest-wins.
UNKNOWN_LEAST = 2**63 - 1
UNKNOWN_MOST = -1

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_STEP_SHIFT = 60
_MOST_KEY = (1 << _STEP_SHIFT) - 1


def order_key(report: TransactionReport) -> int:
    """Where a report stands in its transaction: the step, then seqNo (2.x) or the station's clock in ms (1.6).

    Never mixed within one session. An ENDED stands above every UPDATED, so late meter values can't change the bill.
    """
    inner = report.seq if report.seq >= 0 else max(0, (report.at - _EPOCH) // _MILLISECOND)
    return (report.step << _STEP_SHIFT) + min(inner, _MOST_KEY)


def billing_time(said: datetime, arrived: datetime) -> tuple[datetime, bool]:
    """The time that counts, and whether it had to be the arrival."""
    return (said, False) if plausible(said, arrived) else (arrived, True)


#: What a running session is shown as, where OCPP 2.x says more than that it runs.
_SHOWN = {"EVConnected": "Preparing", "Idle": "Preparing"}
#: Sessions whose names on screens are kept ready, those first that spoke last.
MAX_KEYS = 20_000


def shown_state(ended: bool, charging_state: str | None) -> str:
    """One word for a session: `Ended`, or a connector state; Charging where nothing else was said."""
    if ended:
        return "Ended"
    return _SHOWN.get(charging_state or "", charging_state or "Charging")


@lru_cache(maxsize=MAX_KEYS)
def session_keys(station: str, session_id: str) -> tuple[str, str, str, str]:
    """What screens call the power, energy, state of charge and state of one session. They are cells of its station, so
    a page that watches the station hears of them."""
    power, energy, soc, state = (f"station.{station}.{cell}@{session_id}" for cell in _SESSION_CELLS)
    return power, energy, soc, state


_SESSION_CELLS = ("power_w", "energy_wh", "soc_pct", "state")


class Session(Struct, frozen=True, kw_only=True, gc=False):
    """What is known of one transaction. Keys are order keys; facts not known yet have UNKNOWN_* and None.

    `meter_*_wh` are register readings in Wh, `power_w` and `soc_pct` the latest said. `arrival_clock`: some time in it
    is ours because the station's could not be believed. `session_id` is None until the first commit is read back.
    """

    station_id: int
    transaction_id: str
    session_id: str | None = None
    start_key: int = UNKNOWN_LEAST
    started_at: datetime | None = None
    last_key: int = UNKNOWN_MOST
    last_at: datetime | None = None
    end_key: int = UNKNOWN_LEAST
    ended_at: datetime | None = None
    stop_reason: str | None = None
    place_key: int = UNKNOWN_LEAST
    evse: int | None = None
    connector: int | None = None
    token_key: int = UNKNOWN_LEAST
    token_uid: str | None = None
    token_type: str | None = None
    meter_start_key: int = UNKNOWN_LEAST
    meter_start_wh: int | None = None
    meter_stop_key: int = UNKNOWN_MOST
    meter_stop_wh: int | None = None
    power_key: int = UNKNOWN_MOST
    power_w: int | None = None
    soc_key: int = UNKNOWN_MOST
    soc_pct: int | None = None
    state_key: int = UNKNOWN_MOST
    charging_state: str | None = None
    arrival_clock: bool = False
    offline: bool = False

    @property
    def active(self) -> bool:
        """No end was said."""
        return self.ended_at is None

    @property
    def energy_wh(self) -> int | None:
        """Energy delivered, from the registers; None while they are not both known or run backwards."""
        if self.meter_start_wh is None or self.meter_stop_wh is None or self.meter_stop_wh < self.meter_start_wh:
            return None
        return self.meter_stop_wh - self.meter_start_wh

    def apply(self, report: TransactionReport, arrived: datetime) -> "Session":
        """Join one report. Applying it again, or in another order, ends in the same session."""
        return self.join(report, order_key(report), *billing_time(report.at, arrived))

    def join(self, report: TransactionReport, key: int, at: datetime, distrusted: bool) -> "Session":
        """`apply` for who knows the report's order key and billing time already."""
        news: dict[str, Any] = {}
        if (key, at) < (self.start_key, self.started_at or at):
            news["start_key"], news["started_at"] = key, at
        if (key, at) > (self.last_key, self.last_at or at):
            news["last_key"], news["last_at"] = key, at
        if report.step is Step.ENDED and (key, at) < (self.end_key, self.ended_at or at):
            news["end_key"], news["ended_at"], news["stop_reason"] = key, at, report.stop_reason
        self._join_meters(report, key, news)
        self._join_facts(report, key, news)
        if distrusted and not self.arrival_clock:
            news["arrival_clock"] = True
        if report.offline and not self.offline:
            news["offline"] = True
        return replace(self, **news) if news else self

    def _join_meters(self, report: TransactionReport, key: int, news: dict[str, Any]) -> None:
        first, last, power, soc = report.meter_first_wh, report.meter_last_wh, report.power_w, report.soc_pct
        if first is not None and (key, first) < (self.meter_start_key, self.meter_start_wh or 0):
            news["meter_start_key"], news["meter_start_wh"] = key, first
        if last is not None and (key, last) > (self.meter_stop_key, self.meter_stop_wh or 0):
            news["meter_stop_key"], news["meter_stop_wh"] = key, last
        if power is not None and (key, power) > (self.power_key, self.power_w or 0):
            news["power_key"], news["power_w"] = key, power
        if soc is not None and (key, soc) > (self.soc_key, self.soc_pct or 0):
            news["soc_key"], news["soc_pct"] = key, soc

    def _join_facts(self, report: TransactionReport, key: int, news: dict[str, Any]) -> None:
        if report.evse is not None and (key, report.evse) < (self.place_key, self.evse or 0):
            news["place_key"], news["evse"], news["connector"] = key, report.evse, report.connector
        if report.token is not None and (key, report.token.uid) < (self.token_key, self.token_uid or ""):
            news["token_key"], news["token_uid"], news["token_type"] = key, report.token.uid, report.token.type
        state = report.charging_state
        if state is not None and (key, state) > (self.state_key, self.charging_state or ""):
            news["state_key"], news["charging_state"] = key, state


def start_fingerprint(report: TransactionReport) -> str:
    """What makes two 1.6 StartTransactions the same one, for want of an id: connector, tag, meterStart and the
    station's own timestamp (OCPP 1.6 edition 2, 4.8: a station resends until it is answered)."""
    tag = uid_key(report.token.uid) if report.token is not None else ""
    return f"{report.evse}|{report.meter_first_wh}|{(report.at - _EPOCH) // _MILLISECOND}|{tag}"
