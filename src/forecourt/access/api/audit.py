"""Routes of the audit: read page by page, or whole as a file."""

import csv
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import get
from litestar.params import QueryParameter
from litestar.response import Stream
from msgspec import Meta, Struct

from forecourt.access import store
from forecourt.access.guard import Asker, Database
from forecourt.access.model import Actor, Verb
from forecourt.access.store import AuditFilter, AuditRow
from forecourt.platform.ordering import Age, Place
from forecourt.platform.paging import ByAge, CursorRefused, From, Limit, NextCursor, Page, To, cursors_by_age
from forecourt.ui.files import streamed

CURSORS = cursors_by_age("audit")
#: The longest text that the audit is searched for.
MAX_SOUGHT = 300
#: Entries read at once for a file; no more are ever in memory.
EXPORT_BATCH = 500
#: What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Export = Literal["csv", "jsonl"]
MEDIA_TYPES: Mapping[Export, str] = {"csv": "text/csv", "jsonl": "application/jsonl"}
_SOUGHT = r"^[^\x00]*$"
By = Annotated[
    str | None,
    QueryParameter(
        name="actor", max_length=MAX_SOUGHT, pattern=_SOUGHT, description="Only what they did: `key:7`, or the whole."
    ),
]
Action = Annotated[str | None, QueryParameter(max_length=MAX_SOUGHT, pattern=_SOUGHT, description="Only this action.")]
Subject = Annotated[
    str | None,
    QueryParameter(
        name="object", max_length=MAX_SOUGHT, pattern=_SOUGHT, description="Only what was done to it: `station:CP1`."
    ),
]
Search = Annotated[
    str | None,
    QueryParameter(
        name="q",
        max_length=MAX_SOUGHT,
        pattern=_SOUGHT,
        description="Only where this is part of who, what or to what.",
    ),
]


class Entry(Struct, frozen=True, kw_only=True):
    """What somebody did."""

    id: int
    at: datetime
    actor: Annotated[str, Meta(description="Who did it.", examples=["person:3 Ada", "key:7 Grid app"])]
    action: Annotated[str, Meta(examples=["change station"])]
    object: Annotated[str, Meta(description="What it was done to.", examples=["station:CP1"])]
    detail: Annotated[
        dict[str, Any],
        Meta(
            description=(
                "Of a call to a station, `command` is the id under which the station's commands have the outcome, and"
                " `not_sent` the code of why there is none: nothing was sent."
            )
        ),
    ]
    before: Annotated[dict[str, Any] | None, Meta(description="What was changed, as it was.")]
    after: Annotated[dict[str, Any] | None, Meta(description="And as it is since.")]
    address: Annotated[str | None, Meta(description="The network address it was asked from.")]
    user_agent: str | None
    request_id: Annotated[str | None, Meta(description="By which the log knows the request.")]


@get(
    "/audit",
    opt={"verb": Verb.AUDIT, "problems": [CursorRefused]},
    summary="Read who did what to what",
    description="It is only ever added to: nobody can change or delete what stands there.",
    tags=["audit"],
)
async def list_audit(
    actor: Asker,
    db: Database,
    by: By = None,
    action: Action = None,
    subject: Subject = None,
    search: Search = None,
    since: From = None,
    until: To = None,
    sort: ByAge = "newest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[Entry]:
    place = CURSORS[sort].decode(cursor)
    wanted = AuditFilter(actor=by, action=action, subject=subject, search=search, since=since, until=until)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_audit(conn, actor.tenant_id, wanted, order=sort, place=place, limit=limit + 1)
    return CURSORS[sort].page(rows, limit, lambda row: (row.audit_id,), _entry)


@get(
    "/audit/export",
    opt={"verb": Verb.AUDIT, "media_types": list(MEDIA_TYPES.values())},
    summary="Take the audit away as a file",
    description="All entries that match, as CSV or as one JSON object a line.",
    tags=["audit"],
)
async def export_audit(
    actor: Asker,
    db: Database,
    by: By = None,
    action: Action = None,
    subject: Subject = None,
    search: Search = None,
    since: From = None,
    until: To = None,
    sort: ByAge = "newest",
    form: Annotated[Export, QueryParameter(name="format", description="The form of the file.")] = "csv",
) -> Stream:
    wanted = AuditFilter(actor=by, action=action, subject=subject, search=search, since=since, until=until)
    batches = _batches(db, actor, wanted, sort)
    lines = _csv(batches) if form == "csv" else _jsonl(batches)
    return streamed(lines, MEDIA_TYPES[form], f"audit.{form}")


async def _batches(db: Database, actor: Actor, wanted: AuditFilter, order: Age) -> AsyncIterator[Sequence[AuditRow]]:
    """The entries in short transactions: who reads slowly holds nothing up."""
    place: Place = None
    while True:
        async with db.tenant(actor.tenant_id) as conn:
            rows = await store.list_audit(conn, actor.tenant_id, wanted, order=order, place=place, limit=EXPORT_BATCH)
        yield rows
        if len(rows) < EXPORT_BATCH:
            return
        place = (rows[-1].audit_id,)


async def _jsonl(batches: AsyncIterator[Sequence[AuditRow]]) -> AsyncIterator[bytes]:
    async for rows in batches:
        yield b"".join(msgspec.json.encode(_entry(row)) + b"\n" for row in rows)


async def _csv(batches: AsyncIterator[Sequence[AuditRow]]) -> AsyncIterator[bytes]:
    yield _lines([Entry.__struct_fields__])
    async for rows in batches:
        entries = (_entry(row) for row in rows)
        yield _lines([[_cell(getattr(each, name)) for name in each.__struct_fields__] for each in entries])


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    """A value as a cell that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return f"'{text}" if text.startswith(_FORMULA) else text


def _entry(row: AuditRow) -> Entry:
    return Entry(
        id=row.audit_id,
        object=row.subject,
        **{name: getattr(row, name) for name in row.__struct_fields__ if name not in ("audit_id", "subject")},
    )
