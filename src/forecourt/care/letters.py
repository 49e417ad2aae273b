"""The letters of alert rules, in the language that is spoken."""

from collections.abc import Sequence

from forecourt.care.alerting import MAX_NAMED
from forecourt.care.store.incidents import IncidentRow
from forecourt.care.words import severity_word, tell
from forecourt.platform.mail import Letter
from forecourt.ui import i18n
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import ngettext


def place(row: IncidentRow) -> str:
    """Station, and EVSE where there is one: `Harbour 01 (HBR-01), EVSE 2`; of a site its name."""
    if row.station is None:
        return row.site_name or row.node or ""
    name = f"{row.station_name} ({row.station})" if row.station_name else row.station
    return name if not row.evse else f"{name}, {_('EVSE %(n)s') % {'n': row.evse}}"


def letter(recipient: str, step: str, rule: str, rows: Sequence[IncidentRow], zone: str, console_url: str) -> Letter:
    """What opened, goes on unseen (`escalated`) or closed; the first MAX_NAMED of `rows` by name, times in `zone`."""
    number = len(rows)
    first = rows[0]
    what = f"{place(first)}: {tell(first.kind, first.detail, zone).happened}"
    if number > 1:
        subjects = {
            "opened": ngettext("%(n)s incident opened", "%(n)s incidents opened", number),
            "escalated": ngettext("%(n)s incident is still unseen", "%(n)s incidents are still unseen", number),
            "closed": ngettext("%(n)s incident is over", "%(n)s incidents are over", number),
        }
        subject = subjects[step] % {"n": number}
    else:
        subject = {
            "opened": f"{severity_word(first.severity)}: {what}",
            "escalated": _("Still unseen: %(what)s") % {"what": what},
            "closed": _("Over: %(what)s") % {"what": what},
        }[step]
    parts = [_paragraph(row, step, zone, console_url) for row in rows[:MAX_NAMED]]
    if number > MAX_NAMED:
        parts.append(_("And %(n)s more: %(url)s") % {"n": number - MAX_NAMED, "url": f"{console_url}/incidents"})
    parts.append(_("All times are those of %(zone)s.") % {"zone": zone})
    parts.append(_footer(rule, console_url))
    return Letter(recipient=recipient, subject=f"[Forecourt] {subject}", body="\n\n".join(parts))


def test_letter(recipient: str, rule: str, organisation: str, console_url: str) -> Letter:
    """What a person gets who tries a rule."""
    body = _("This is a test. Incidents at %(organisation)s that fit the rule would reach you at this address.") % {
        "organisation": organisation
    }
    return Letter(
        recipient=recipient,
        subject=f"[Forecourt] {_('Test of the alert rule “%(rule)s”') % {'rule': rule}}",
        body=f"{body}\n\n{_footer(rule, console_url)}",
    )


def _paragraph(row: IncidentRow, step: str, zone: str, console_url: str) -> str:
    told = tell(row.kind, row.detail, zone)
    lines = [f"{severity_word(row.severity)}: {place(row)}", f"{told.happened}."]
    if step == "closed":
        assert row.closed_at is not None
        over = _("From %(since)s to %(until)s.") % {
            "since": i18n.stamp(row.since, zone),
            "until": i18n.stamp(row.closed_at, zone),
        }
        lines.append(over)
    else:
        lines.append(_("Since %(since)s.") % {"since": i18n.stamp(row.since, zone)})
        lines.append(_("Likely cause: %(cause)s.") % {"cause": told.cause})
        lines.append(_("Next: %(step)s.") % {"step": told.next_step})
    return "\n".join([*lines, f"{console_url}/incidents/{row.incident_id}"])


def _footer(rule: str, console_url: str) -> str:
    return _("You get this by the alert rule “%(rule)s”: %(url)s") % {
        "rule": rule,
        "url": f"{console_url}/settings/alerts",
    }
