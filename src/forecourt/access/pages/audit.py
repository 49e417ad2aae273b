"""The audit as people read it: filters live in the address, the newest comes first."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from msgspec import Struct

from forecourt.access import store
from forecourt.access.api.audit import MAX_SOUGHT
from forecourt.access.model import Verb
from forecourt.access.pages.people import PAGE_SIZE
from forecourt.access.pages.shown import House, WebRequest, signed_in
from forecourt.access.store import AuditFilter
from forecourt.platform.paging import NEWEST

#: Actions that the filter offers.
MAX_ACTIONS = 200
_TEXT = r"^[^\x00]*$"
By = Annotated[str, QueryParameter(name="actor", max_length=MAX_SOUGHT, pattern=_TEXT)]
Action = Annotated[str, QueryParameter(max_length=MAX_SOUGHT, pattern=_TEXT)]
Search = Annotated[str, QueryParameter(name="q", max_length=MAX_SOUGHT, pattern=_TEXT)]
Subject = Annotated[str, QueryParameter(name="object", max_length=MAX_SOUGHT, pattern=_TEXT)]
Since = Annotated[str, QueryParameter(name="from", max_length=10, pattern=r"^(\d{4}-\d{2}-\d{2})?$")]
Until = Annotated[str, QueryParameter(name="to", max_length=10, pattern=r"^(\d{4}-\d{2}-\d{2})?$")]
Before = Annotated[int, QueryParameter(ge=1, le=NEWEST)]


class Asked(Struct, frozen=True, kw_only=True):
    """What the address asks for; days as they are typed."""

    q: str = ""
    actor: str = ""
    action: str = ""
    object: str = ""
    since: str = ""
    until: str = ""

    @property
    def any(self) -> bool:
        return any(self._named().values())

    def href(self, **changes: str | int) -> str:
        """The address of the page with some of it changed."""
        query = urlencode({name: value for name, value in {**self._named(), **changes}.items() if value})
        return f"/audit?{query}" if query else "/audit"

    def export(self, form: str, zone: str) -> str:
        """The address of the same as a file."""
        wanted = self.wanted(zone)
        named = {"q": self.q, "actor": self.actor, "action": self.action, "object": self.object}
        times = {"from": wanted.since, "to": wanted.until}
        query = {name: value for name, value in named.items() if value}
        query |= {name: at.isoformat() for name, at in times.items() if at is not None}
        return "/api/v1/audit/export?" + urlencode({**query, "format": form})

    def wanted(self, zone: str) -> AuditFilter:
        """The filter that stands for it, with days in that zone."""
        return AuditFilter(
            search=self.q.strip() or None,
            actor=self.actor or None,
            action=self.action or None,
            subject=self.object or None,
            since=_begin(self.since, zone),
            until=_begin(self.until, zone, days=1),
        )

    def _named(self) -> Mapping[str, str]:
        return {
            "q": self.q,
            "actor": self.actor,
            "action": self.action,
            "object": self.object,
            "from": self.since,
            "to": self.until,
        }


def audit_pages(house: House) -> list[HTTPRouteHandler]:
    """`/audit`."""

    @get("/audit", opt={"verb": Verb.AUDIT}, include_in_schema=False)
    async def audit(
        request: WebRequest,
        q: Search = "",
        by: By = "",
        action: Action = "",
        subject: Subject = "",
        since: Since = "",
        until: Until = "",
        before: Before = NEWEST,
    ) -> Response[Any]:
        viewer = signed_in(request)
        asked = Asked(q=q, actor=by, action=action, object=subject, since=since, until=until)
        async with house.db.tenant(viewer.tenant_id) as conn:
            frame = await house.frame(conn, viewer)
            zone = frame.organisation.time_zone
            rows = await store.list_audit(
                conn, viewer.tenant_id, asked.wanted(zone), before=before, limit=PAGE_SIZE + 1
            )
            actions = await store.list_actions(conn, viewer.tenant_id, MAX_ACTIONS)
        return house.shell.page(
            "access/audit.html",
            request,
            viewer=viewer,
            current="audit",
            rows=rows[:PAGE_SIZE],
            next_before=rows[PAGE_SIZE - 1].audit_id if len(rows) > PAGE_SIZE else None,
            first=before == NEWEST,
            asked=asked,
            actions=actions,
            **frame.words(),
        )

    return [audit]


def _begin(day: str, zone: str, days: int = 0) -> datetime | None:
    """When a day begins in a zone, or so many days later; None for what is no day."""
    try:
        local = datetime.combine(date.fromisoformat(day) + timedelta(days=days), time.min, tzinfo=ZoneInfo(zone))
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
