"""Routes of alert rules, and of the log of what they sent."""

from collections.abc import Mapping
from datetime import datetime, time
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import UNSET, Meta, Struct, UnsetType

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.care.alerting import MAX_DELAY_S, MAX_RECIPIENTS, RuleRefused, RuleUnknown, TooManyRules
from forecourt.care.api.incidents import SeverityName, Ticking
from forecourt.care.model import IncidentKind, Severity
from forecourt.care.service import alerts as service
from forecourt.care.service.alerts import Telling
from forecourt.care.store import alerts as store
from forecourt.care.store.alerts import LogRow, RuleOrder, RuleRow
from forecourt.platform.paging import ByAge, CursorRefused, Cursors, Limit, NextCursor, Page, cursors_by_age
from forecourt.platform.preconditions import ChangedMeanwhile, etag
from forecourt.platform.tagging import IfMatch, tagged
from forecourt.platform.text import NAME_LINE

RULE_CURSORS: Mapping[RuleOrder, Cursors] = {
    "oldest": Cursors("alert rules"),
    "newest": Cursors("newest alert rules"),
    "name": Cursors("alert rules by name", 2),
}
ALERT_CURSORS = cursors_by_age("alerts")
Teller = NamedDependency[Telling]
RuleInPath = Annotated[int, PathParameter(ge=1, le=2**31 - 1, description="The rule's id.")]

Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=NAME_LINE, examples=["On duty"])]
Address = Annotated[str, Meta(min_length=3, max_length=254, examples=["ada@example.org"])]
Addresses = Annotated[list[Address], Meta(max_length=MAX_RECIPIENTS, description="Of people of this organisation.")]
Kinds = Annotated[list[IncidentKind], Meta(max_length=len(IncidentKind), description="Empty: all.")]
Sites = Annotated[
    list[Annotated[int, Meta(ge=1, le=2**31 - 1)]], Meta(max_length=200, description="Ids of sites; empty: all.")
]
Delay = Annotated[int, Meta(ge=0, le=MAX_DELAY_S, description="Seconds; what is over by then is not told.")]
After = Annotated[
    int, Meta(ge=60, le=MAX_DELAY_S, description="Seconds after the first letter, if nobody acknowledged it.")
]
Hour = Annotated[time, Meta(tz=False, description="Wall clock of `quiet_zone`.", examples=["22:00:00"])]
Zone = Annotated[str, Meta(min_length=1, max_length=64, description="IANA name.", examples=["Europe/Berlin"])]
Language = Annotated[str, Meta(pattern="^[a-z]{2,3}$", description="Of the letters.", examples=["en", "de"])]


class NewAlertRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who shall be told of which incidents."""

    name: Name
    recipients: Addresses
    active: bool = True
    kinds: Kinds = []
    least_severity: SeverityName = "notice"
    sites: Sites = []
    delay_s: Delay = 0
    tell_closed: Annotated[bool, Meta(description="Tell as well when it is over.")] = True
    quiet_from: Hour | None = None
    quiet_until: Hour | None = None
    quiet_zone: Zone = "UTC"
    quiet_spares_critical: Annotated[bool, Meta(description="Tell of critical ones in quiet hours too.")] = True
    escalate_after_s: After | None = None
    escalate_to: Addresses = []
    language: Language = "en"


class AlertRuleChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall change of a rule; what is absent stays as it is."""

    name: Name | UnsetType = UNSET
    recipients: Addresses | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    kinds: Kinds | UnsetType = UNSET
    least_severity: SeverityName | UnsetType = UNSET
    sites: Sites | UnsetType = UNSET
    delay_s: Delay | UnsetType = UNSET
    tell_closed: bool | UnsetType = UNSET
    quiet_from: Hour | UnsetType | None = UNSET
    quiet_until: Hour | UnsetType | None = UNSET
    quiet_zone: Zone | UnsetType = UNSET
    quiet_spares_critical: bool | UnsetType = UNSET
    escalate_after_s: After | UnsetType | None = UNSET
    escalate_to: Addresses | UnsetType = UNSET
    language: Language | UnsetType = UNSET


class AlertRule(NewAlertRule, frozen=True, kw_only=True):
    """A rule as it is kept."""

    id: int
    created_at: datetime
    changed_at: datetime


class Alert(Struct, frozen=True, kw_only=True):
    """Something that was sent."""

    id: int
    rule: int
    rule_name: str
    incident: Annotated[UUID | None, Meta(description="Null for a test.")]
    step: Literal["opened", "escalated", "closed", "test"]
    at: datetime
    recipients: list[str]


class Sent(Struct, frozen=True, kw_only=True):
    """To whom a test was sent."""

    recipients: list[str]


@get("/alert-rules", opt={"problems": [CursorRefused]}, summary="List alert rules", tags=["incidents"])
async def list_alert_rules(
    actor: Asker,
    db: Database,
    sort: Annotated[
        RuleOrder, QueryParameter(description="Those made first or last come first, or by name.")
    ] = "oldest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[AlertRule]:
    cursors = RULE_CURSORS[sort]
    place = cursors.decode_names(cursor) if sort == "name" else cursors.decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_rules(conn, actor.tenant_id, order=sort, place=place, limit=limit + 1)

    def placed(row: RuleRow) -> tuple[int] | tuple[str, str]:
        return (row.name, str(row.rule_id)) if sort == "name" else (row.rule_id,)

    return cursors.page(rows, limit, placed, _shown)


@post(
    "/alert-rules",
    opt={"verb": Verb.ALERTS, "etag": True, "problems": [RuleRefused, TooManyRules]},
    summary="Make an alert rule",
    description="It tells of incidents that open from now on.",
    tags=["incidents"],
)
async def create_alert_rule(
    data: JSONBody[NewAlertRule], actor: Asker, db: Database, clock: Ticking, telling: Teller
) -> Response[AlertRule]:
    values = _columns({name: getattr(data, name) for name in data.__struct_fields__})
    async with db.tenant(actor.tenant_id) as conn:
        return _tagged(await service.create_rule(conn, actor, telling.members, values, clock.now()))


@get(
    "/alert-rules/{rule_id:int}",
    opt={"etag": True, "problems": [RuleUnknown]},
    summary="Show an alert rule",
    tags=["incidents"],
)
async def find_alert_rule(rule_id: RuleInPath, actor: Asker, db: Database) -> Response[AlertRule]:
    async with db.tenant(actor.tenant_id) as conn:
        return _tagged(await service.find_rule(conn, actor.tenant_id, rule_id))


@patch(
    "/alert-rules/{rule_id:int}",
    opt={"verb": Verb.ALERTS, "etag": True, "problems": [RuleUnknown, RuleRefused, ChangedMeanwhile]},
    summary="Change an alert rule",
    tags=["incidents"],
)
async def change_alert_rule(
    rule_id: RuleInPath,
    data: JSONBody[AlertRuleChange],
    actor: Asker,
    db: Database,
    clock: Ticking,
    telling: Teller,
    if_match: IfMatch = None,
) -> Response[AlertRule]:
    given = {name: value for name in data.__struct_fields__ if (value := getattr(data, name)) is not UNSET}
    async with db.tenant(actor.tenant_id) as conn:
        row = await service.change_rule(
            conn, actor, telling.members, rule_id, _columns(given), clock.now(), if_match=if_match
        )
    return _tagged(row)


@delete(
    "/alert-rules/{rule_id:int}",
    opt={"verb": Verb.ALERTS, "problems": [RuleUnknown]},
    summary="Delete an alert rule",
    description="The log of what it sent stays.",
    tags=["incidents"],
)
async def delete_alert_rule(rule_id: RuleInPath, actor: Asker, db: Database) -> None:
    async with db.tenant(actor.tenant_id) as conn:
        await service.delete_rule(conn, actor, rule_id)


@post(
    "/alert-rules/{rule_id:int}/test",
    opt={"verb": Verb.ALERTS, "problems": [RuleUnknown]},
    status_code=200,
    summary="Send a test to everybody a rule tells",
    tags=["incidents"],
)
async def test_alert_rule(rule_id: RuleInPath, actor: Asker, db: Database, clock: Ticking, telling: Teller) -> Sent:
    async with db.tenant(actor.tenant_id) as conn:
        return Sent(recipients=await service.send_test(conn, actor, telling, rule_id, clock.now()))


@get("/alerts", opt={"problems": [CursorRefused]}, summary="List what was sent", tags=["incidents"])
async def list_alerts(
    actor: Asker,
    db: Database,
    rule: Annotated[int | None, QueryParameter(description="Only by this rule.", ge=1, le=2**31 - 1)] = None,
    sort: ByAge = "newest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[Alert]:
    place = ALERT_CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_log(conn, actor.tenant_id, rule_id=rule, order=sort, place=place, limit=limit + 1)
    return ALERT_CURSORS[sort].page(rows, limit, lambda row: (row.alert_id,), _sent)


def _columns(given: dict[str, Any]) -> dict[str, Any]:
    """Columns by their names in the database."""
    columns = dict(given)
    if "sites" in columns:
        columns["site_ids"] = columns.pop("sites")
    if "least_severity" in columns:
        columns["least_severity"] = Severity[columns["least_severity"].upper()].value
    if "kinds" in columns:
        columns["kinds"] = [IncidentKind(kind).value for kind in columns["kinds"]]
    return columns


def _shown(row: RuleRow) -> AlertRule:
    values = {name: getattr(row, name) for name in row.__struct_fields__}
    values["id"] = values.pop("rule_id")
    values["sites"] = values.pop("site_ids")
    return AlertRule(**values | {"least_severity": Severity(row.least_severity).name.lower()})


def _tagged(row: RuleRow) -> Response[AlertRule]:
    return tagged(_shown(row), etag(row))


def _sent(row: LogRow) -> Alert:
    return Alert(
        id=row.alert_id,
        rule=row.rule_id,
        rule_name=row.rule_name,
        incident=row.incident_id,
        step=row.step,  # type: ignore[arg-type]  # the table's own check
        at=row.at,
        recipients=row.recipients,
    )
