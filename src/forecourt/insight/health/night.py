"""What one night makes of days of connectors: risks, which alerts stand, how those that don't ended, and what became
of them. Pure rules.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final

import msgspec
import numpy as np
from msgspec import Struct

from forecourt.insight.health import learned
from forecourt.insight.health.alerts import episodes
from forecourt.insight.health.days import Flags, Floats, History
from forecourt.insight.health.features import SIGNS, Features, Sign
from forecourt.insight.health.found import (
    MAX_REASONS,
    SAID,
    Alert,
    Connector,
    EndedBy,
    Kind,
    Outcome,
    Reason,
)
from forecourt.insight.health.model import Model

#: Days of which risks are scored.
RECENT_D: Final = 30
#: Days that the signs of a reason are told over.
REASON_D: Final = 10

Key = tuple[str, int]


class Night(Struct, kw_only=True):
    """All that is reckoned of a lake, before anything is kept. `scores`, `parts` and `reasons` are of all plugs;
    `places` names those that are in service."""

    model: Model
    history: History
    #: With days on which somebody was there counted as down: what was before is over.
    renewed: History
    features: Features
    scores: Floats
    threshold: float
    #: False: the chart stands in.
    learned: bool
    parts: list[str]
    reasons: list[list[Reason]]
    places: dict[Key, int]

    @property
    def last(self) -> date:
        """The last day that was looked at."""
        return self.history.day(self.history.days - 1)


def since_something(history: History) -> History:
    """Without the days before the first connector was there."""
    began = int(history.began.min()) if len(history.plugs) else 0
    if not began:
        return history
    return msgspec.structs.replace(
        history, first=history.day(began), days=history.days - began,
        counts={name: values[:, began:] for name, values in history.counts.items()},
        began=history.began - began, heard=history.heard - began, down=history.down[:, began:],
    )  # fmt: skip


def visits(history: History, alerts: Sequence[Alert], outcomes: Sequence[str] = ("worn",)) -> dict[int, list[int]]:
    """Days by plug on which somebody was there after an alert and found this."""
    places = {(plug.station, plug.evse): number for number, plug in enumerate(history.plugs)}
    found: dict[int, list[int]] = {}
    for alert in alerts:
        plug = places.get((alert.station, alert.evse))
        if plug is not None and alert.outcome in outcomes and alert.outcome_on is not None:
            day = (alert.outcome_on - history.first).days
            if 0 <= day < history.days:
                found.setdefault(plug, []).append(day)
    return found


def renewed(history: History, alerts: Sequence[Alert]) -> History:
    """A connector that somebody looked at begins anew: what was seen before was of what he found."""
    down = history.down.copy()
    for plug, days in visits(history, alerts, SAID).items():
        down[plug, days] = True
    return msgspec.structs.replace(history, down=down)


def reasons_of(history: History, added: Floats) -> list[list[Reason]]:
    """Of each plug the signs that added most to its risk on the last day, with what they were over REASON_D days; none
    of which nothing was heard: that nothing is known may raise a risk, and is no reason; and none of which the
    connector is no worse than the rest of its site, for that is what they are told beside."""
    arrays = history.counts | {
        "day": np.ones_like(history.counts["starts"]), "visits": history.counts["starts"] + 1.0
    }  # fmt: skip
    names = list(SIGNS)
    sums = {name: values[:, -REASON_D:].sum(1) for name, values in arrays.items()}
    of_site = {name: np.bincount(history.site, values) if len(values) else values for name, values in sums.items()}
    found = []
    for plug, each in enumerate(added):
        site = history.site[plug]
        told = [_is_worse(sign, sums, {at: of_site[at][site] for at in of_site}, plug) for sign in SIGNS.values()]
        strongest = [int(place) for place in np.argsort(-each) if each[place] > 0 and told[place]][:MAX_REASONS]
        reasons = []
        for place in strongest:
            part, whole = SIGNS[names[place]].part, SIGNS[names[place]].whole
            reasons.append(
                Reason(
                    sign=names[place], added=round(float(each[place]), 3), part=float(sums[part][plug]),
                    whole=float(sums[whole][plug]), others_part=float(of_site[part][site] - sums[part][plug]),
                    others_whole=float(of_site[whole][site] - sums[whole][plug]),
                )
            )  # fmt: skip
        found.append(reasons)
    return found


def _is_worse(sign: Sign, sums: Mapping[str, Floats], of_site: Mapping[str, float], plug: int) -> bool:
    """Whether a sign was heard of a plug, and is worse there than at the rest of the site, where that has any."""
    part, whole = float(sums[sign.part][plug]), float(sums[sign.whole][plug])
    others_part, others_whole = of_site[sign.part] - part, of_site[sign.whole] - whole
    if whole <= 0:
        return False
    return sign.worse == 0 or others_whole <= 0 or sign.worse * (part / whole - others_part / others_whole) > 0


def standing_of(night: Night, alerts: Sequence[Alert]) -> dict[Key, date]:
    """EVSEs of which an alert stands at the end of the last day, and since which day."""
    first = night.history.days - RECENT_D
    begins = night.history.day(first)
    stood = {
        night.places[alert.station, alert.evse]: (alert.opened_on - begins).days
        for alert in alerts
        if alert.closed_at is None and (alert.station, alert.evse) in night.places
    }
    keys = {plug: key for key, plug in night.places.items()}
    found = episodes(night.scores, night.features.known, night.threshold, stood)
    return {
        keys[each.plug]: begins + timedelta(days=each.begun)
        for each in found
        if each.ended == RECENT_D and each.plug in keys
    }


def how_ended(night: Night, alert: Alert) -> EndedBy:
    """How an alert that stands no more ended."""
    plug = night.places.get((alert.station, alert.evse))
    if plug is None:
        return "gone"
    since = max(0, (alert.opened_on - night.history.first).days)
    if night.history.down[plug, since:].any():
        return "down"
    return "calm" if night.features.known[plug, -1] else "gone"


def is_ahead(alert: Alert, last: date) -> bool:
    """Whether somebody said after the last day that was looked at what is there: what is seen until then is old."""
    return alert.outcome in SAID and alert.outcome_on is not None and alert.outcome_on > last


def went_down(night: Night) -> dict[Key, list[date]]:
    """Days on which EVSEs that were there went down."""
    return {
        key: [night.history.day(int(day) + 1) for day in days]
        for key, plug in night.places.items()
        if len(days := np.flatnonzero(night.history.down[plug, 1:] & ~night.history.down[plug, :-1]))
        and (days := days[days + 1 > night.history.began[plug]]).size
    }


def settled(alert: Alert, failures: Sequence[date], last: date) -> tuple[Outcome, date] | None:
    """What became of an alert, once that is known; None: not yet, or it was settled before."""
    if alert.outcome is not None:
        return None
    until = alert.opened_on + timedelta(days=learned.HORIZON_D)
    failed = [day for day in failures if alert.opened_on < day <= until]
    if failed:
        return "failed", min(failed)
    return ("held", until) if last > until else None


def foreseen_of(failures: Mapping[Key, Sequence[date]], alerts: Sequence[Alert]) -> set[tuple[Key, date]]:
    """Failures before which an alert was opened, within what it looks ahead."""
    opened: dict[Key, list[date]] = {}
    for alert in alerts:
        opened.setdefault((alert.station, alert.evse), []).append(alert.opened_on)
    horizon = timedelta(days=learned.HORIZON_D)
    return {
        (key, day)
        for key, days in failures.items()
        for day in days
        if any(on < day <= on + horizon for on in opened.get(key, ()))
    }


def risk_of(night: Night, plug: int) -> float:
    """A plug's risk on the last day."""
    return round(float(night.scores[plug, -1]), 4)


def lead_of(model: Model, part: str) -> float | None:
    """Days after which half of what alerts of this part foresaw had failed, on validation."""
    lead = model.card.leads.get(part) or model.card.lead
    return None if lead is None else lead.median_d


def connector_of(night: Night, key: Key, foreseen: set[tuple[Key, date]], standing: Mapping[Key, date]) -> Connector:
    """Where an EVSE stands."""
    plug, history = night.places[key], night.history
    known: Flags = night.features.known[plug]
    is_known, is_down = bool(known[-1]), bool(history.down[plug, -1])
    since = int(np.flatnonzero(np.append(True, night.renewed.down[plug]))[-1])
    days = history.days - max(since, int(history.began[plug]))
    kind: Kind | None = None
    if is_down:
        begun = int(np.flatnonzero(~np.append(False, history.down[plug]))[-1])
        kind = "gradual" if (key, history.day(begun)) in foreseen else "sudden"
    elif key in standing:
        kind = "gradual"
    return Connector(
        station=key[0], evse=key[1], site=history.plugs[plug].site, seen_on=history.day(history.days - 1),
        standing="known" if is_known else "down" if is_down else "few_days", days=days, kind=kind,
        part=night.parts[plug] if is_known else None, risk=risk_of(night, plug) if is_known else None,
        reasons=night.reasons[plug] if is_known else [],
        recent=[
            round(float(score), 4) if fine else None for score, fine in zip(night.scores[plug], known, strict=True)
        ],
    )  # fmt: skip
