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

#: Added to the order key of a token that may not charge: every accepted one comes before it.
NOT_ACCEPTED = 1 << 62

#: Registers of a session that are remembered, the latest by order; so many may be ordered behind an end that comes
#: later than they and says no register of its own, and the one before it is still known.
MAX_READINGS = 8


def order_key(report: TransactionReport) -> int:
    """Where a report stands in its transaction: the step, then seqNo (2.x) or the station's clock in ms (1.6).

    Never mixed within one session. An ENDED stands above every UPDATED, so late meter values can't change the bill.
    """
    inner = report.seq if report.seq >= 0 else max(0, (report.at - _EPOCH) // _MILLISECOND)
    return (report.step << _STEP_SHIFT) + min(inner, _MOST_KEY)


def start_register_key(report: TransactionReport, key: int) -> int:
    """Where the register that a report says first stands among those that may be the session's at its start; `key` is
    the report's own place.

    The start's own comes first, and so does one whose context is Transaction.Begin whatever report brings it (2.x may
    send it with the end alone); then the earliest of an update.
    """
    return key & _MOST_KEY if report.begun else key


def start_register(report: TransactionReport) -> int | None:
    """The register, in Wh, by which a report may tell that at the start; what is read at the end never does."""
    return report.meter_first_wh if report.step is not Step.ENDED or report.begun else None


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

    `meter_start_wh` and `end_meter_wh` are register readings in Wh, the latter what the end itself said; `readings` are
    those of updates, order key and Wh by turns, the latest MAX_READINGS by order, the latest first, none ordered behind
    the end. `token_key` is by NOT_ACCEPTED higher for a token that may not charge. `power_w` and `soc_pct` are the
    latest said. `given_start_wh` and `given_stop_wh`: the first and the latest register of what was given back, in Wh.
    `arrival_clock`: some time in it is ours because the station's could not be believed. `session_id` is None until the
    first commit is read back.
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
    end_meter_wh: int | None = None
    place_key: int = UNKNOWN_LEAST
    evse: int | None = None
    connector: int | None = None
    token_key: int = UNKNOWN_LEAST
    token_uid: str | None = None
    token_type: str | None = None
    meter_start_key: int = UNKNOWN_LEAST
    meter_start_wh: int | None = None
    readings: tuple[int, ...] = ()
    given_start_key: int = UNKNOWN_LEAST
    given_start_wh: int | None = None
    given_key: int = UNKNOWN_MOST
    given_stop_wh: int | None = None
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
    def meter_stop_wh(self) -> int | None:
        """The register at the end in Wh: what the end said, else the latest that is not ordered behind it; while it
        runs the latest. None if only a start said one."""
        return self.end_meter_wh if self.end_meter_wh is not None else next(iter(self.readings[1:2]), None)

    @property
    def energy_wh(self) -> int | None:
        """Energy delivered, from the registers; None while they are not both known or run backwards."""
        start, stop = self.meter_start_wh, self.meter_stop_wh
        return None if start is None or stop is None or stop < start else stop - start

    @property
    def given_wh(self) -> int | None:
        """Energy given back, from the registers; no part of `energy_wh`. None while they are not both known."""
        start, stop = self.given_start_wh, self.given_stop_wh
        return None if start is None or stop is None or stop < start else stop - start

    def apply(self, report: TransactionReport, arrived: datetime, *, accepted: bool = False) -> "Session":
        """Join one report. Applying it again, or in another order, ends in the same session.

        `accepted`: the token that it names, if it names one, may charge.
        """
        return self.join(report, order_key(report), *billing_time(report.at, arrived), accepted=accepted)

    def join(self, report: TransactionReport, key: int, at: datetime, distrusted: bool, *, accepted: bool) -> "Session":
        """`apply` for who knows the report's order key and billing time already."""
        news: dict[str, Any] = {}
        # Pairs are compared part by part: a tuple a comparison costs more than all of them.
        if key < self.start_key or (key == self.start_key and at < (self.started_at or at)):
            news["start_key"], news["started_at"] = key, at
        if key > self.last_key or (key == self.last_key and at > (self.last_at or at)):
            news["last_key"], news["last_at"] = key, at
        self._join_meters(report, key, news)
        if report.step is Step.ENDED:
            self._join_end(report, key, at, news)
        self._join_facts(report, key, accepted, news)
        if distrusted and not self.arrival_clock:
            news["arrival_clock"] = True
        if report.offline and not self.offline:
            news["offline"] = True
        return replace(self, **news) if news else self

    def _join_end(self, report: TransactionReport, key: int, at: datetime, news: dict[str, Any]) -> None:
        """The first end stays whole: its time, its register and its reason are never mixed with those of another."""
        said = (key, at, _known_first(report.meter_last_wh), report.stop_reason or "")
        known = (self.end_key, self.ended_at or at, _known_first(self.end_meter_wh), self.stop_reason or "")
        if said < known:
            news |= {"end_key": key, "ended_at": at, "end_meter_wh": report.meter_last_wh}
            news["stop_reason"] = report.stop_reason
            news["readings"] = _not_behind(self.readings, key)

    def _join_meters(self, report: TransactionReport, key: int, news: dict[str, Any]) -> None:
        first, last, power, soc = start_register(report), report.meter_last_wh, report.power_w, report.soc_pct
        if first is not None:
            start_key = start_register_key(report, key)
            if start_key < self.meter_start_key or (
                start_key == self.meter_start_key and first < (self.meter_start_wh or 0)
            ):
                news["meter_start_key"], news["meter_start_wh"] = start_key, first
        self._join_given(report, key, news)
        if last is not None and report.step is Step.UPDATED:
            news["readings"] = _with_reading(self.readings, key, last, self.end_key)
        if power is not None and (key > self.power_key or (key == self.power_key and power > (self.power_w or 0))):
            news["power_key"], news["power_w"] = key, power
        if soc is not None and (key > self.soc_key or (key == self.soc_key and soc > (self.soc_pct or 0))):
            news["soc_key"], news["soc_pct"] = key, soc

    def _join_given(self, report: TransactionReport, key: int, news: dict[str, Any]) -> None:
        first, last = report.given_first_wh, report.given_last_wh
        if first is not None and (
            key < self.given_start_key or (key == self.given_start_key and first < (self.given_start_wh or 0))
        ):
            news["given_start_key"], news["given_start_wh"] = key, first
        if last is not None and (key > self.given_key or (key == self.given_key and last > (self.given_stop_wh or 0))):
            news["given_key"], news["given_stop_wh"] = key, last

    def _join_facts(self, report: TransactionReport, key: int, accepted: bool, news: dict[str, Any]) -> None:
        evse = report.evse
        if evse is not None and (key < self.place_key or (key == self.place_key and evse < (self.evse or 0))):
            news["place_key"], news["evse"], news["connector"] = key, evse, report.connector
        if report.token is not None:
            token_key = key if accepted else key + NOT_ACCEPTED
            if (token_key, report.token.uid) < (self.token_key, self.token_uid or ""):
                news["token_key"], news["token_uid"], news["token_type"] = (
                    token_key,
                    report.token.uid,
                    report.token.type,
                )
        state = report.charging_state
        if state is not None and (key, state) > (self.state_key, self.charging_state or ""):
            news["state_key"], news["charging_state"] = key, state


def _known_first(register_wh: int | None) -> int:
    """Of ends that stand at the same place, one that says a register comes before one that does not."""
    return UNKNOWN_LEAST if register_wh is None else register_wh


def _not_behind(readings: tuple[int, ...], end_key: int) -> tuple[int, ...]:
    """Those that are not ordered behind an end, by seqNo or time alone: an end's step stands above every update's."""
    end = end_key & _MOST_KEY
    return tuple(number for key, wh in _pairs(readings) if key & _MOST_KEY <= end for number in (key, wh))


def _with_reading(readings: tuple[int, ...], key: int, wh: int, end_key: int) -> tuple[int, ...]:
    """The latest MAX_READINGS with one more; of two at one place the higher counts."""
    if end_key == UNKNOWN_LEAST and (not readings or key > readings[0]):
        # Mostly it is the latest, of a session that runs.
        return (key, wh, *readings[: 2 * MAX_READINGS - 2])
    by_key = dict(_pairs(readings))
    by_key[key] = max(wh, by_key.get(key, wh))
    latest = sorted(by_key.items(), reverse=True)
    kept = _not_behind(tuple(number for pair in latest for number in pair), end_key)
    return kept[: 2 * MAX_READINGS]


def _pairs(readings: tuple[int, ...]) -> list[tuple[int, int]]:
    return list(zip(readings[::2], readings[1::2], strict=True))


def start_fingerprint(report: TransactionReport) -> str:
    """What makes two 1.6 StartTransactions the same one, for want of an id: connector, tag, meterStart and the
    station's own timestamp (OCPP 1.6 edition 2, 4.8: a station resends until it is answered)."""
    tag = uid_key(report.token.uid) if report.token is not None else ""
    return f"{report.evse}|{report.meter_first_wh}|{(report.at - _EPOCH) // _MILLISECOND}|{tag}"
