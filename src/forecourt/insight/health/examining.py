"""The nightly look at an organisation's connectors: days of its lake, their risks, and the alerts that follow."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import numpy as np
from msgspec import Struct

from forecourt.insight.health import chart, learned, shipped
from forecourt.insight.health.causes import CAUSES
from forecourt.insight.health.contest import MAX_DAYS, Contest, failures_of, held
from forecourt.insight.health.contest import MAX_PLUGS as MAX_CONTEST_PLUGS
from forecourt.insight.health.days import MAX_PLUGS, Flags, Floats, History, counted
from forecourt.insight.health.drift import drift
from forecourt.insight.health.features import LEAST_DAYS, SIGNS, Features, reckoned
from forecourt.insight.health.found import Alert, Look
from forecourt.insight.health.model import Model, version_of
from forecourt.insight.health.night import (
    RECENT_D,
    Key,
    Night,
    connector_of,
    foreseen_of,
    how_ended,
    is_ahead,
    lead_of,
    reasons_of,
    renewed,
    risk_of,
    settled,
    since_something,
    standing_of,
    visits,
    went_down,
)
from forecourt.insight.health.store import connectors as store
from forecourt.insight.health.store import models
from forecourt.insight.lake import asking
from forecourt.insight.lake.layout import Folder
from forecourt.insight.store import Connection
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool

if TYPE_CHECKING:
    import lightgbm

#: Days that are counted: what a feature looks back on, before the first of the RECENT_D that are scored.
HISTORY_D: Final = 150
#: How long alerts are kept.
KEEP: Final = timedelta(days=800)


class Examined(Struct, frozen=True, kw_only=True):
    """What a look changed, and how many connectors it knew enough of."""

    known: int
    unknown: int
    opened: int
    closed: int


class Until(Struct, frozen=True, kw_only=True):
    """The last day that is looked at, and the snapshot that has it whole."""

    snapshot: int
    day: date


class Examiner:
    """Looks at connectors by lakes below a folder. `tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool, clock: Clock, root: Path) -> None:
        self._tenants = tenants
        self._clock = clock
        self._root = root

    async def look(self, tenant_id: int) -> Examined:
        """Looks at every connector until the last day that the lake has whole. The same again finds the same and
        changes nothing. Raises LakeMissing."""
        until = await asyncio.to_thread(self._until, tenant_id)
        async with self._tenants.tenant(tenant_id) as conn:
            model = await models.find_in_use(conn, tenant_id)
            if model is None:
                model = await asyncio.to_thread(shipped.read)
            since = until.day - timedelta(days=HISTORY_D + learned.HORIZON_D)
            alerts = await store.list_alerts(conn, tenant_id, since=since, limit=store.MAX_ALERTS)
            here = await store.in_service(conn, tenant_id)
        night = await asyncio.to_thread(self._reckon, tenant_id, until, model, alerts, here)
        return await self._keep(tenant_id, night, alerts)

    async def contest(self, tenant_id: int) -> Contest:
        """Lets a model that learns on from the organisation's own failures try to take the place of the one in use.
        Raises LakeMissing."""
        until = await asyncio.to_thread(self._until, tenant_id)
        async with self._tenants.tenant(tenant_id) as conn:
            champion = await models.find_in_use(conn, tenant_id)
            if champion is None:
                champion = await asyncio.to_thread(shipped.read)
            since = until.day - timedelta(days=MAX_DAYS)
            alerts = await store.list_alerts(conn, tenant_id, since=since, limit=store.MAX_ALERTS)
        told, winner = await asyncio.to_thread(self._hold, tenant_id, until, champion, alerts)
        now = self._clock.now()
        async with self._tenants.tenant(tenant_id) as conn:
            await models.keep_contest(conn, tenant_id, now.date(), now, told)
            if winner is not None:
                await models.use_model(conn, tenant_id, version_of(winner), winner, now)
        return told

    async def is_contest_due(self, tenant_id: int) -> bool:
        """Whether no contest of this month was held, by UTC, though there is a lake to hold it on."""
        if await asyncio.to_thread(Folder(self._root, tenant_id).latest) is None:
            return False
        async with self._tenants.tenant(tenant_id) as conn:
            held_on = [day for day, _ in await models.list_contests(conn, tenant_id, 1)]
        return not held_on or held_on[0] < self._clock.now().astimezone(UTC).date().replace(day=1)

    async def is_due(self, tenant_id: int) -> bool:
        """Whether nobody looked at the last day yet that the lake has whole. Raises LakeMissing."""
        until = await asyncio.to_thread(self._until, tenant_id)
        async with self._tenants.tenant(tenant_id) as conn:
            look = await store.find_look(conn, tenant_id)
        return look is None or look.seen_on < until.day

    def _until(self, tenant_id: int) -> Until:
        """By the clock and by what the latest snapshot knows: a station that was away when it was written may have come
        back the next minute."""
        _, manifest = asking.snapshot_of(self._root, tenant_id)
        last = min(self._clock.now(), manifest.watermark).astimezone(UTC).date()
        return Until(snapshot=manifest.snapshot, day=last - timedelta(days=1))

    def _history(self, tenant_id: int, until: Until, days: int, most: int = MAX_PLUGS) -> History:
        first = until.day - timedelta(days=days - 1)
        with asking.opened(self._root, tenant_id, until.snapshot) as db:
            return counted(db, first, days, most)

    def _hold(
        self, tenant_id: int, until: Until, champion: Model, alerts: Sequence[Alert]
    ) -> tuple[Contest, Model | None]:
        history = since_something(self._history(tenant_id, until, MAX_DAYS, MAX_CONTEST_PLUGS))
        return held(champion, history, failures_of(history, visits(history, alerts)))

    def _reckon(self, tenant_id: int, until: Until, model: Model, alerts: Sequence[Alert], here: set[str]) -> Night:
        history = self._history(tenant_id, until, HISTORY_D)
        anew = renewed(history, alerts)
        features = reckoned(anew, RECENT_D)
        trees = learned.from_text(model.trees) if model.trees and learned.available() else None
        judged = _judged(features, model, trees, _silent(history))
        return Night(
            model=model, history=history, renewed=anew, features=features, scores=judged.scores,
            threshold=judged.threshold, learned=trees is not None,
            parts=judged.parts, reasons=reasons_of(anew, judged.added),
            places={
                (plug.station, plug.evse): number
                for number, plug in enumerate(history.plugs)
                if plug.station in here
            },
        )  # fmt: skip

    async def _keep(self, tenant_id: int, night: Night, alerts: Sequence[Alert]) -> Examined:
        standing = standing_of(night, alerts)
        async with self._tenants.tenant(tenant_id) as conn:
            closed = await self._end(conn, tenant_id, night, alerts, standing)
            opened = await self._open(conn, tenant_id, night, alerts, standing)
            since = night.history.first - timedelta(days=learned.HORIZON_D)
            alerts = await store.list_alerts(conn, tenant_id, since=since, limit=store.MAX_ALERTS)
            failures = went_down(night)
            for alert in alerts:
                became = settled(alert, failures.get((alert.station, alert.evse), ()), night.last)
                if became is not None:
                    await store.settle_alert(conn, tenant_id, alert.alert_id, *became, None, None)
            foreseen = foreseen_of(failures, alerts)
            rows = [connector_of(night, key, foreseen, standing) for key in night.places]
            known = sum(each.standing == "known" for each in rows)
            await store.keep_connectors(conn, tenant_id, rows)
            await store.keep_look(
                conn, tenant_id,
                Look(
                    looked_at=self._clock.now(), seen_on=night.last, model=version_of(night.model),
                    learned=night.learned, threshold=night.threshold, known=known, unknown=len(rows) - known,
                    left_out=night.history.left_out, failures=sum(map(len, failures.values())),
                    foreseen=len(foreseen), drift=drift(night.features, night.model.card.spread),
                ),
            )  # fmt: skip
            await store.forget_alerts(conn, tenant_id, (self._clock.now() - KEEP).date())
        return Examined(known=known, unknown=len(rows) - known, opened=opened, closed=closed)

    async def _end(
        self, conn: Connection, tenant_id: int, night: Night, alerts: Sequence[Alert], standing: Mapping[Key, date]
    ) -> int:
        """Ends alerts that stand no more; how many."""
        over = [each for each in alerts if each.closed_at is None and (each.station, each.evse) not in standing]
        for alert in over:
            ended_by = how_ended(night, alert)
            await store.close_alert(conn, tenant_id, alert.alert_id, night.last, self._clock.now(), ended_by)
        return len(over)

    async def _open(
        self, conn: Connection, tenant_id: int, night: Night, alerts: Sequence[Alert], standing: Mapping[Key, date]
    ) -> int:
        """Opens alerts that stand and are not known; how many."""
        known = {(each.station, each.evse) for each in alerts if each.closed_at is None or is_ahead(each, night.last)}
        opened = 0
        for key, day in standing.items():
            if key not in known:
                plug = night.places[key]
                opened += await store.open_alert(
                    conn, tenant_id,
                    Alert(
                        alert_id=uuid4(), station=key[0], evse=key[1], site=night.history.plugs[plug].site,
                        opened_on=day, opened_at=self._clock.now(), part=night.parts[plug], risk=risk_of(night, plug),
                        reasons=night.reasons[plug], lead_d=lead_of(night.model, night.parts[plug]),
                        model=version_of(night.model),
                    ),
                )  # fmt: skip
        return opened


class _Judged(Struct, frozen=True, kw_only=True):
    """Risks (plugs, days), from which on one is an alert, and of the last day what added to them (plugs, signs) and the
    part that likely wears."""

    scores: Floats
    threshold: float
    added: Floats
    parts: list[str]


def _silent(history: History) -> Flags:
    """Plugs that spoke here themselves for less than LEAST_DAYS. Of what records don't tell that were brought in,
    faults above all, nobody knows whether there was none; a model takes that for soundness."""
    return np.asarray(history.days - history.heard < LEAST_DAYS)


def _judged(features: Features, model: Model, trees: "lightgbm.Booster | None", silent: Flags) -> _Judged:
    """By the trees, and by the chart where there are none, and for the `silent`."""
    level, worst = chart.charted(features, model.card.chart, model.card.chart_limits)
    names = list(SIGNS)
    shares = np.where(features.known, level / model.card.chart_threshold, 0.0)
    added = chart.levels(features, model.card.chart)[:, -1] / np.asarray(model.card.chart_limits)
    parts = [CAUSES[names[sign]] for sign in worst[:, -1]]
    if trees is None:
        return _Judged(scores=shares, threshold=1.0, added=added, parts=parts)
    threshold, last = model.card.threshold, features.values[:, -1]
    moved = learned.moved(trees, last) if len(last) else np.zeros((0, len(names)))
    strongest = [CAUSES[learned.strongest(each)] for each in moved]
    return _Judged(
        scores=np.where(silent[:, None], chart.on_scale(shares, threshold), learned.risks(trees, features)),
        threshold=threshold,
        added=np.where(silent[:, None], added, moved),
        parts=[own if quiet else other for own, other, quiet in zip(parts, strongest, silent, strict=True)],
    )
