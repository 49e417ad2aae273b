"""What people do with health: see where connectors stand, and say what they found at one."""

import asyncio
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct, structs

from forecourt.access import Actor, audit
from forecourt.insight.health import shipped
from forecourt.insight.health.contest import Contest
from forecourt.insight.health.found import SAID, Alert, AlertSettled, AlertUnknown, Connector, Look
from forecourt.insight.health.model import Card, version_of
from forecourt.insight.health.store import connectors, models
from forecourt.insight.store import Connection

#: Connectors, alerts and contests that a page shows, and how far back outcomes are counted.
MAX_STANDINGS: Final = connectors.MAX_LISTED
MAX_ALERTS_SHOWN: Final = 50
MAX_CONTESTS_SHOWN: Final = 5
COUNTED: Final = timedelta(days=365)

Found = Literal["worn", "sound"]


class Standing(Struct, frozen=True, kw_only=True):
    """A connector, the alert of it that stands, and the incident that tells of it, with when it was acknowledged."""

    connector: Connector
    alert: Alert | None
    incident_id: UUID | None
    acknowledged_at: datetime | None


class Health(Struct, frozen=True, kw_only=True):
    """All that is known of an organisation's connectors; `look` None: nobody has looked yet."""

    look: Look | None
    standings: list[Standing]
    alerts: list[Alert]
    outcomes: dict[str, int]
    model: str
    card: Card
    contests: list[tuple[str, Contest]]


async def standings_of(
    conn: Connection, tenant_id: int, *, site: str | None = None, station: str | None = None
) -> list[Standing]:
    """Where connectors stand: of all, of a site or of a station; those with an alert first, then by risk."""
    rows = await connectors.list_connectors(conn, tenant_id, site=site, station=station, limit=MAX_STANDINGS)
    alerts = await connectors.open_alerts(conn, tenant_id, [(row.station, row.evse) for row in rows])
    incidents = await connectors.seen_to(conn, tenant_id)
    found = []
    for row in rows:
        incident_id, acknowledged_at = incidents.get((row.station, row.evse), (None, None))
        found.append(
            Standing(
                connector=row, alert=alerts.get((row.station, row.evse)), incident_id=incident_id,
                acknowledged_at=acknowledged_at,
            )
        )  # fmt: skip
    return found


async def health_of(
    conn: Connection, tenant_id: int, now: datetime, site: str | None = None, *, limited: bool
) -> Health:
    """All of it, or of one site. `limited`: who asks sees some sites alone, those that `conn` shows: of the network as
    a whole nothing is told."""
    model = await models.find_in_use(conn, tenant_id)
    if model is None:
        model = await asyncio.to_thread(shipped.read)
    contests = [] if limited else await models.list_contests(conn, tenant_id, MAX_CONTESTS_SHOWN)
    look = await connectors.find_look(conn, tenant_id)
    if limited and look is not None:
        look = _narrowed(look, *await connectors.count_standings(conn, tenant_id))
    return Health(
        look=look,
        standings=await standings_of(conn, tenant_id, site=site),
        alerts=await connectors.list_alerts(conn, tenant_id, site=site, limit=MAX_ALERTS_SHOWN),
        outcomes=await connectors.count_outcomes(conn, tenant_id, (now - COUNTED).date(), site),
        model=version_of(model),
        card=model.card,
        contests=[(day.isoformat(), told) for day, told in contests],
    )


def _narrowed(look: Look, known: int, unknown: int) -> Look:
    return structs.replace(look, known=known, unknown=unknown, left_out=None, failures=None, foreseen=None, drift=None)


async def say_found(
    conn: Connection, actor: Actor, alert_id: UUID, found: Found, note: str | None, now: datetime
) -> Alert:
    """Says what somebody found at a connector, which ends its alert: it begins anew. Raises AlertUnknown,
    AlertSettled."""
    alert = await connectors.find_alert(conn, actor.tenant_id, alert_id)
    if alert is None:
        raise AlertUnknown
    if alert.outcome in SAID:
        raise AlertSettled
    await connectors.settle_alert(conn, actor.tenant_id, alert_id, found, now.date(), actor.name, note or None)
    await connectors.close_alert(conn, actor.tenant_id, alert_id, now.date(), now, "said")
    about = {"found": found} | ({"note": note} if note else {})
    await audit(conn, actor, "said what was found at connector", f"connector:{alert.station}/{alert.evse}", about)
    settled = await connectors.find_alert(conn, actor.tenant_id, alert_id)
    assert settled is not None
    return settled
