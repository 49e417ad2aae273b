"""Who is told what, and when. Pure rules."""

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct

from forecourt.care.model import Severity
from forecourt.care.store.alerts import RuleRow, Toldable
from forecourt.platform.errors import ForecourtError

#: Rules of one organisation.
MAX_RULES: Final = 50
#: Addresses of one rule.
MAX_RECIPIENTS: Final = 20
MAX_DELAY_S: Final = 86_400
#: Incidents that are named in one letter; of more their number is told.
MAX_NAMED: Final = 30
#: How long the end of an incident waits for quiet hours to pass.
CLOSED_WAITS: Final = timedelta(hours=24)


class RuleUnknown(ForecourtError):
    """There is no such alert rule. `GET /api/v1/alert-rules` lists those that exist."""

    status = 404
    code = "alert-rule-unknown"


class RuleRefused(ForecourtError):
    """The alert rule can't be kept like this. Correct what is named."""

    status = 422
    code = "alert-rule-refused"


class TooManyRules(ForecourtError):
    """There are 50 alert rules already. Delete one, or let one rule tell more people."""

    status = 409
    code = "too-many-alert-rules"


class Due(Struct, frozen=True, kw_only=True):
    """What the people of a rule are to be told now: incidents by what became of them."""

    opened: list[UUID]
    escalated: list[UUID]
    closed: list[UUID]


def is_quiet(rule: RuleRow, now: datetime) -> bool:
    """Whether the rule's quiet hours run, by the wall clock of its zone; they may go on past midnight."""
    if rule.quiet_from is None or rule.quiet_until is None:
        return False
    at: time = now.astimezone(ZoneInfo(rule.quiet_zone)).time()
    if rule.quiet_from <= rule.quiet_until:
        return rule.quiet_from <= at < rule.quiet_until
    return at >= rule.quiet_from or at < rule.quiet_until


def letter_zone(rule: RuleRow, organisation_zone: str) -> str:
    """In whose time a rule's letters tell: that of its quiet hours where it has some, else the organisation's."""
    return organisation_zone if rule.quiet_from is None else rule.quiet_zone


def due(rule: RuleRow, incidents: Iterable[Toldable], now: datetime) -> Due:
    """What is to be told. What quiet hours hold back is told when they are over, if it is still so."""
    quiet = is_quiet(rule, now)
    found = Due(opened=[], escalated=[], closed=[])
    for one in incidents:
        critical = one.severity >= Severity.CRITICAL
        if quiet and not (critical and rule.quiet_spares_critical):
            continue
        if one.closed_at is not None:
            if one.told_at is not None and rule.tell_closed:
                found.closed.append(one.incident_id)
        elif one.acknowledged_at is not None or (one.snoozed_until is not None and one.snoozed_until > now):
            continue
        elif one.told_at is None:
            if one.opened_at + timedelta(seconds=rule.delay_s) <= now:
                found.opened.append(one.incident_id)
        elif (
            rule.escalate_after_s is not None
            and one.escalated_at is None
            and one.told_at + timedelta(seconds=rule.escalate_after_s) <= now
        ):
            found.escalated.append(one.incident_id)
    return found
