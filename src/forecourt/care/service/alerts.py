"""Alert rules: made and changed by people, and obeyed by the worker, which writes the letters."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import available_timezones

from msgspec import Struct

from forecourt.access import Actor, audit
from forecourt.access.store.organisations import find_organisation
from forecourt.care import alerting
from forecourt.care.alerting import CLOSED_WAITS, MAX_RULES, RuleRefused, RuleUnknown, TooManyRules
from forecourt.care.letters import letter, test_letter
from forecourt.care.store import Connection, alerts, incidents
from forecourt.care.store.alerts import RuleRow
from forecourt.platform.mail import write
from forecourt.platform.preconditions import check_match, etag
from forecourt.ui.i18n import Languages, speaking


class Members(Protocol):
    """E-mail addresses of the people of an organisation who may sign in; in the caller's transaction."""

    async def __call__(self, conn: Connection, tenant_id: int, /) -> Collection[str]: ...


class Telling(Struct, frozen=True, kw_only=True):
    """What telling people needs: who may be told, in which languages, and where links lead."""

    members: Members
    languages: Languages
    console_url: str


async def create_rule(
    conn: Connection, actor: Actor, members: Members, values: Mapping[str, Any], now: datetime
) -> RuleRow:
    """Stores a rule of these columns (`alerts.CHOSEN`); it tells of what opens from now on.

    Raises RuleRefused, TooManyRules.
    """
    checked = await _checked(conn, actor.tenant_id, members, values)
    if await alerts.count_rules(conn, actor.tenant_id) >= MAX_RULES:
        raise TooManyRules
    row = await alerts.insert_rule(conn, actor.tenant_id, checked, now)
    await audit(conn, actor, "create alert rule", f"alert-rule:{row.rule_id}", _audited(checked))
    return row


async def change_rule(
    conn: Connection,
    actor: Actor,
    members: Members,
    rule_id: int,
    changes: Mapping[str, Any],
    now: datetime,
    *,
    if_match: str | None = None,
) -> RuleRow:
    """Changes the named columns. Raises RuleUnknown, RuleRefused; ChangedMeanwhile where `if_match` is of before."""
    held = await alerts.find_rule(conn, actor.tenant_id, rule_id, lock=True)
    if held is None:
        raise RuleUnknown
    check_match(if_match, etag(held))
    whole = {name: getattr(held, name) for name in alerts.CHOSEN} | dict(changes)
    checked = await _checked(conn, actor.tenant_id, members, whole)
    row = await alerts.update_rule(conn, actor.tenant_id, rule_id, {name: checked[name] for name in changes}, now)
    if row is None:
        raise RuleUnknown
    await audit(conn, actor, "change alert rule", f"alert-rule:{rule_id}", _audited(changes))
    return row


async def find_rule(conn: Connection, tenant_id: int, rule_id: int) -> RuleRow:
    """The rule of this id. Raises RuleUnknown."""
    row = await alerts.find_rule(conn, tenant_id, rule_id)
    if row is None:
        raise RuleUnknown
    return row


async def delete_rule(conn: Connection, actor: Actor, rule_id: int) -> None:
    """Forgets a rule; the log of what it sent stays. Raises RuleUnknown."""
    if not await alerts.delete_rule(conn, actor.tenant_id, rule_id):
        raise RuleUnknown
    await audit(conn, actor, "delete alert rule", f"alert-rule:{rule_id}")


async def send_test(conn: Connection, actor: Actor, telling: Telling, rule_id: int, now: datetime) -> list[str]:
    """Writes a letter to each of the rule's people, which says that it is a test; to whom. Raises RuleUnknown."""
    rule = await find_rule(conn, actor.tenant_id, rule_id)
    present = await telling.members(conn, actor.tenant_id)
    told = [address for address in (*rule.recipients, *rule.escalate_to) if address in present]
    told = list(dict.fromkeys(told))
    with speaking(telling.languages.choose(rule.language, "")):
        for address in told:
            test = test_letter(address, rule.name, actor.organisation, telling.console_url)
            await write(conn, actor.tenant_id, test)
    await alerts.log_sent(conn, actor.tenant_id, rule, "test", [None], told, now)
    await audit(conn, actor, "test alert rule", f"alert-rule:{rule_id}")
    return told


async def tell(conn: Connection, tenant_id: int, telling: Telling, now: datetime) -> int:
    """Writes the letters that are due by all rules of an organisation; how many. What was told is not told again."""
    await incidents.watch_alone(conn, tenant_id)
    rules = [rule for rule in await alerts.list_rules(conn, tenant_id, limit=MAX_RULES) if rule.active]
    present = await telling.members(conn, tenant_id) if rules else ()
    letters = 0
    for rule in rules:
        toldable = await alerts.list_toldable(conn, tenant_id, rule, now - CLOSED_WAITS)
        found = alerting.due(rule, toldable, now)
        for step, ids, addresses in (
            ("opened", found.opened, rule.recipients),
            ("escalated", found.escalated, rule.escalate_to),
            ("closed", found.closed, rule.recipients),
        ):
            told = [address for address in addresses if address in present]
            if ids and told:
                letters += await _send(conn, tenant_id, rule, telling, step, ids, told, now)
    return letters


async def _send(
    conn: Connection,
    tenant_id: int,
    rule: RuleRow,
    telling: Telling,
    step: str,
    ids: Sequence[UUID],
    addresses: Sequence[str],
    now: datetime,
) -> int:
    """One letter to each address about all of these incidents, and a line of the log for each incident."""
    rows = await incidents.list_these(conn, tenant_id, ids)
    zone = alerting.letter_zone(rule, (await find_organisation(conn, tenant_id)).time_zone)
    with speaking(telling.languages.choose(rule.language, "")):
        for address in addresses:
            await write(conn, tenant_id, letter(address, step, rule.name, rows, zone, telling.console_url))
    await alerts.log_sent(conn, tenant_id, rule, step, ids, addresses, now)
    for incident_id in ids:
        await incidents.add_event(conn, tenant_id, incident_id, "told", now, note=", ".join(addresses))
    return len(addresses)


async def _checked(conn: Connection, tenant_id: int, members: Members, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with addresses in lower case and each once. Raises RuleRefused."""
    checked = dict(values)
    for name in ("recipients", "escalate_to"):
        checked[name] = list(dict.fromkeys(address.strip().lower() for address in checked[name]))
    present = await members(conn, tenant_id)
    strangers = [one for one in (*checked["recipients"], *checked["escalate_to"]) if one not in present]
    if strangers:
        raise RuleRefused(f"Only people of this organisation can be told. Invite {strangers[0]} first.")
    if not checked["recipients"]:
        raise RuleRefused("Name at least one person who is told.")
    if (checked["quiet_from"] is None) != (checked["quiet_until"] is None):
        raise RuleRefused("Quiet hours need both a beginning and an end.")
    if (checked["escalate_after_s"] is None) != (not checked["escalate_to"]):
        raise RuleRefused("Escalation needs both a time and somebody who is told then.")
    if checked["quiet_zone"] not in available_timezones():
        raise RuleRefused(f"There is no time zone {checked['quiet_zone']}. Take an IANA name such as Europe/Berlin.")
    return checked


def _audited(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, str | int | list | None) else str(value) for name, value in values.items()}
