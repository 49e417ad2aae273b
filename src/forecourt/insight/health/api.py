"""Routes of connector health."""

from datetime import date, datetime
from typing import Annotated, Final
from uuid import UUID

from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.insight.health import service, words
from forecourt.insight.health.found import (
    MAX_NOTE,
    Alert,
    AlertSettled,
    AlertUnknown,
    EndedBy,
    Kind,
    Look,
    Outcome,
    Reason,
)
from forecourt.insight.health.found import Standing as StandingWord
from forecourt.insight.health.judging import Figures
from forecourt.insight.health.model import Lead, LearnedFrom
from forecourt.insight.health.service import Found, Standing
from forecourt.platform.clock import Clock
from forecourt.platform.text import ONE_LINE

TAGS: Final = ["insight"]
MAX_SITE: Final = 210

Ticking = NamedDependency[Clock]
Site = Annotated[
    str, QueryParameter(max_length=MAX_SITE, pattern=ONE_LINE, description="Only of this site, by its slug.")
]


class WearReason(Struct, frozen=True, kw_only=True):
    """A sign that made a risk: how much it added (log-odds), in words, and what it was over ten days."""

    said: Annotated[str, Meta(examples=["12.5 % of starts failed, at the rest of the site 1.1 %"])]
    of: Reason


class WearAlert(Struct, frozen=True, kw_only=True):
    """An alert that a connector wears, and what became of it."""

    id: UUID
    station: Annotated[str, Meta(examples=["CP1"])]
    evse: int
    site: str | None
    opened_on: Annotated[date, Meta(description="The day (UTC) at whose end it was known.")]
    opened_at: datetime
    part: Annotated[str, Meta(examples=["contactor"])]
    risk: float
    reasons: list[WearReason]
    lead_d: Annotated[
        float | None,
        Meta(
            description="Days after which half of what such alerts foresaw had failed, where the model was validated."
        ),
    ]
    model: str
    closed_at: datetime | None
    ended_by: EndedBy | None
    outcome: Annotated[Outcome | None, Meta(description="Null: nobody knows yet.")]
    outcome_on: date | None
    outcome_by: Annotated[str | None, Meta(description="Who said it; null: nobody had to.")]
    note: str | None


class ConnectorHealth(Struct, frozen=True, kw_only=True):
    """Where an EVSE stands. `risk` is the chance of a failure within six weeks, or the control chart's level in its
    thresholds where no learned model is; null: too little is known, or it is down."""

    station: Annotated[str, Meta(examples=["CP1"])]
    evse: int
    site: str | None
    seen_on: date
    standing: StandingWord
    days: Annotated[int, Meta(description="Days of history since it was new or mended.")]
    kind: Annotated[
        Kind | None, Meta(description="Of one that is down: whether an alert came before; else of its alert.")
    ]
    part: str | None
    likely_cause: str | None
    next_step: str | None
    risk: float | None
    reasons: list[WearReason]
    recent: Annotated[list[float | None], Meta(description="The risk of the last days, oldest first.")]
    alert: WearAlert | None
    incident: Annotated[UUID | None, Meta(description="The open incident that tells of it.")]
    acknowledged_at: datetime | None


class ModelCard(Struct, frozen=True, kw_only=True):
    """What there is to know of the model in use. `validation`: its figures on what it didn't learn from."""

    version: str
    learned_from: LearnedFrom
    examples: int
    failures: int
    threshold: float
    validation: Figures
    leads: dict[str, Lead]


class HealthShown(Struct, frozen=True, kw_only=True):
    """Connectors with an alert first, then by risk, 500 at the most; the latest alerts; what became of alerts within a
    year; the model, and the latest look at everything."""

    look: Annotated[Look | None, Meta(description="Null: nobody has looked yet; the worker does each night.")]
    connectors: list[ConnectorHealth]
    alerts: list[WearAlert]
    outcomes: dict[str, int]
    model: ModelCard


class Remark(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody found at a connector."""

    found: Annotated[Found, Meta(description="`worn`: and it was mended. `sound`: nothing was wrong.")]
    note: Annotated[str, Meta(max_length=MAX_NOTE, pattern=r"^[^\x00]*$", examples=["Contactor changed"])] = ""


@get(
    "/insight/health",
    summary="Show the health of connectors",
    description="Which connectors wear, why that is believed, and how far the model is to be believed.",
    tags=TAGS,
)
async def show_health(actor: Asker, db: Database, clock: Ticking, site: Site = "") -> HealthShown:
    async with db.tenant(actor.tenant_id) as conn:
        found = await service.health_of(
            conn, actor.tenant_id, clock.now(), site or None, limited=actor.sites is not None
        )
    card = found.card
    return HealthShown(
        look=found.look,
        connectors=[_connector(each) for each in found.standings],
        alerts=[_alert(each) for each in found.alerts],
        outcomes=found.outcomes,
        model=ModelCard(
            version=found.model, learned_from=card.learned_from, examples=card.examples, failures=card.failures,
            threshold=card.threshold, validation=card.validation, leads=card.leads,
        ),
    )  # fmt: skip


@post(
    "/insight/health/alerts/{alert_id:uuid}/found",
    opt={"verb": Verb.REVIEW, "problems": [AlertUnknown, AlertSettled]},
    status_code=200,
    summary="Say what was found at a connector",
    description=(
        "Ends the alert and its incident: the connector begins anew, and is looked at again in two weeks. Models that"
        " learn from your own failures learn from what is said here."
    ),
    tags=TAGS,
)
async def say_found(
    alert_id: FromPath[UUID], data: JSONBody[Remark], actor: Asker, db: Database, clock: Ticking
) -> WearAlert:
    async with db.tenant(actor.tenant_id) as conn:
        return _alert(await service.say_found(conn, actor, alert_id, data.found, data.note, clock.now()))


def _reasons(reasons: list[Reason]) -> list[WearReason]:
    return [WearReason(said=words.reason(each), of=each) for each in reasons]


def _alert(alert: Alert) -> WearAlert:
    same = (
        "station", "evse", "site", "opened_on", "opened_at", "part", "risk", "lead_d", "model", "closed_at", "ended_by",
        "outcome", "outcome_on", "outcome_by", "note",
    )  # fmt: skip
    return WearAlert(
        id=alert.alert_id, reasons=_reasons(alert.reasons), **{name: getattr(alert, name) for name in same}
    )


def _connector(of: Standing) -> ConnectorHealth:
    row = of.connector
    part = None if row.part is None or of.alert is None else words.part_of(of.alert.part)
    return ConnectorHealth(
        station=row.station, evse=row.evse, site=row.site, seen_on=row.seen_on, standing=row.standing, days=row.days,
        kind=row.kind, part=row.part, likely_cause=None if part is None else part.cause,
        next_step=None if part is None else part.next_step, risk=row.risk, reasons=_reasons(row.reasons),
        recent=row.recent, alert=None if of.alert is None else _alert(of.alert), incident=of.incident_id,
        acknowledged_at=of.acknowledged_at,
    )  # fmt: skip


routes = Router("", route_handlers=[show_health, say_found])
