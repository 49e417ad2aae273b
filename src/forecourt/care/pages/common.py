"""What the pages of the room share: where things come from, and how an incident is put into words for a page."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from litestar import Request
from msgspec import Struct

from forecourt.access import Actor, Verb
from forecourt.care.model import Severity
from forecourt.care.service.alerts import Telling
from forecourt.care.service.incidents import may_act
from forecourt.care.store.incidents import IncidentRow
from forecourt.care.words import Action, Told, action_for, action_word, kind_word, severity_word, tell
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.ui.live import TotalsProvider
from forecourt.ui.shell import Shell

WebRequest = Request[Any, Any, Any]


class CarePages(Struct, frozen=True, kw_only=True):
    """What the handlers are given."""

    shell: Shell
    db: Pool
    clock: Clock
    totals: TotalsProvider
    telling: Telling


class Shown(Struct, frozen=True, kw_only=True):
    """One incident on a page. Made while the page's language is spoken."""

    row: IncidentRow
    told: Told
    kind: str
    severity: str
    severity_word: str
    action: str
    action_word: str
    action_href: str
    may_act: bool
    may_review: bool
    snoozed: bool

    @property
    def href(self) -> str:
        return f"/incidents/{self.row.incident_id}"

    @property
    def name(self) -> str:
        """Of the station; of a site's node, as people call it."""
        row = self.row
        return row.station_name or row.station or row.detail.get("name") or row.node or ""

    @property
    def place_href(self) -> str:
        """Where what it is about is shown; empty where nothing is any more."""
        return place_href(self.row)


def station_href(identity: str) -> str:
    """Where a station is shown."""
    return f"/stations/{quote(identity, safe='')}"


def place_href(row: IncidentRow) -> str:
    """Where what an incident is about is shown: its station, as long as it is in service, or the plan of its site."""
    if row.station is None:
        return "" if row.site is None else f"/energy/sites/{quote(row.site, safe='')}/plan"
    return station_href(row.station) if row.in_service else ""


def show(row: IncidentRow, actor: Actor, now: datetime) -> Shown:
    """An incident in words, with what this person may do about it."""
    action = action_for(row.kind, row.detail)
    here = f"/incidents/{row.incident_id}"
    # What is to be read stands on the incident's own page.
    href = {
        Action.LOOK: place_href(row),
        Action.PLAN: place_href(row),
        Action.SESSION: f"/sessions/{row.session_id}",
        Action.CREDENTIALS: f"{place_href(row)}/settings",
        Action.READ: here,
    }.get(action, f"{here}/act")
    return Shown(
        row=row,
        told=tell(row.kind, row.detail, actor.time_zone),
        kind=kind_word(row.kind),
        severity=Severity(row.severity).name.lower(),
        severity_word=severity_word(row.severity),
        action=action.value,
        action_word=action_word(action),
        action_href=href,
        may_act=may_act(actor, action) and (bool(place_href(row)) or action is Action.STOP),
        may_review=actor.may(Verb.REVIEW),
        snoozed=row.snoozed_until is not None and row.snoozed_until > now,
    )


def show_all(rows: Sequence[IncidentRow], actor: Actor, now: datetime) -> list[Shown]:
    """Several."""
    return [show(row, actor, now) for row in rows]
