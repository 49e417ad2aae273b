"""The audit as people read it: filters live in the address, the newest comes first."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from msgspec import Struct

from forecourt.access import store
from forecourt.access.api.audit import MAX_SOUGHT
from forecourt.access.model import Verb
from forecourt.access.pages.people import PAGE_SIZE
from forecourt.access.pages.shown import House, WebRequest, signed_in
from forecourt.access.store import AuditFilter, AuditRow
from forecourt.platform.paging import NEWEST
from forecourt.ui.ranges import (
    ALWAYS,
    PRESETS_OR_ALWAYS,
    FromDay,
    RangeWord,
    TimeRange,
    ToDay,
    time_range,
)

#: Actions that the filter offers.
MAX_ACTIONS = 200
_COMMAND_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TEXT = r"^[^\x00]*$"
By = Annotated[str, QueryParameter(name="actor", max_length=MAX_SOUGHT, pattern=_TEXT)]
Action = Annotated[str, QueryParameter(max_length=MAX_SOUGHT, pattern=_TEXT)]
Search = Annotated[str, QueryParameter(name="q", max_length=MAX_SOUGHT, pattern=_TEXT)]
Subject = Annotated[str, QueryParameter(name="object", max_length=MAX_SOUGHT, pattern=_TEXT)]
Before = Annotated[int, QueryParameter(ge=1, le=NEWEST)]


class Asked(Struct, frozen=True, kw_only=True):
    """What the address asks for."""

    q: str = ""
    actor: str = ""
    action: str = ""
    object: str = ""
    range: TimeRange

    @property
    def any(self) -> bool:
        return any(self.fields.values()) or self.range.preset != ALWAYS

    @property
    def fields(self) -> Mapping[str, str]:
        """All but the span of time."""
        return {"q": self.q, "actor": self.actor, "action": self.action, "object": self.object}

    def href(self, **changes: str | int) -> str:
        """The address of the page with some of it changed."""
        asked = {**self.fields, **self.range.query, **changes}
        query = urlencode({name: value for name, value in asked.items() if value})
        return f"/audit?{query}" if query else "/audit"

    def export(self, form: str) -> str:
        """The address of the same as a file."""
        times = {"from": self.range.since, "to": self.range.until}
        query = {name: value for name, value in self.fields.items() if value}
        query |= {name: at.isoformat() for name, at in times.items() if at is not None}
        return "/api/v1/audit/export?" + urlencode({**query, "format": form})

    def wanted(self) -> AuditFilter:
        """The filter that stands for it."""
        return AuditFilter(
            search=self.q.strip() or None,
            actor=self.actor or None,
            action=self.action or None,
            subject=self.object or None,
            since=self.range.since,
            until=self.range.until,
        )


def commands_of(rows: Sequence[AuditRow]) -> list[UUID]:
    """The commands to stations that entries tell of."""
    named = (row.detail.get("command") for row in rows)
    return [UUID(each) for each in named if isinstance(each, str) and _COMMAND_ID.fullmatch(each)]


def audit_pages(house: House) -> list[HTTPRouteHandler]:
    """`/audit`."""

    @get("/audit", opt={"verb": Verb.AUDIT}, include_in_schema=False)
    async def audit(
        request: WebRequest,
        q: Search = "",
        by: By = "",
        action: Action = "",
        subject: Subject = "",
        preset: RangeWord = "",
        first: FromDay = "",
        last: ToDay = "",
        before: Before = NEWEST,
    ) -> Response[Any]:
        viewer = signed_in(request)
        async with house.db.tenant(viewer.tenant_id) as conn:
            frame = await house.frame(conn, viewer)
            zone = frame.organisation.time_zone
            span = time_range(house.clock.now(), zone, preset=preset, first=first, last=last, default=ALWAYS)
            asked = Asked(q=q, actor=by, action=action, object=subject, range=span)
            rows = await store.list_audit(conn, viewer.tenant_id, asked.wanted(), place=(before,), limit=PAGE_SIZE + 1)
            actions = await store.list_actions(conn, viewer.tenant_id, MAX_ACTIONS)
            came_of = await house.outcomes(conn, viewer.tenant_id, commands_of(rows))
        return house.shell.page(
            "access/audit.html",
            request,
            viewer=viewer,
            current="audit",
            rows=rows[:PAGE_SIZE],
            next_before=rows[PAGE_SIZE - 1].audit_id if len(rows) > PAGE_SIZE else None,
            first=before == NEWEST,
            asked=asked,
            presets=PRESETS_OR_ALWAYS,
            actions=actions,
            came_of=came_of,
            **frame.words(),
        )

    return [audit]
