"""Routes of share rules: whose what is earned at a place is, in versions."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import get, post
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.payments.hosts import service
from forecourt.payments.hosts.api.fields import Moment, Ticking
from forecourt.payments.hosts.model import HostUnknown, RuleRefused, ShareRule
from forecourt.payments.hosts.store import hosts as store
from forecourt.payments.hosts.store.hosts import RuleRow
from forecourt.platform.paging import (
    ByAge,
    CursorRefused,
    Limit,
    NextCursor,
    Page,
    cursors_by_age,
    place_in_time,
    time_of_place,
)

CURSORS = cursors_by_age("share rules", 2)


class NewRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A version of a rule, of a site with all below it, or of one station there."""

    site: Annotated[str, Meta(max_length=63, examples=["north-yard"])]
    rule: ShareRule
    host: Annotated[int | None, Meta(description="Null: from then on nobody has a share there.", examples=[1])] = None
    station: Annotated[Annotated[str, Meta(max_length=255)] | None, Meta(examples=[None])] = None
    valid_from: Annotated[Moment | None, Meta(description="Null: from now on.", examples=[None])] = None


class Rule(Struct, frozen=True, kw_only=True):
    """A version of a rule."""

    id: int
    host: Annotated[int | None, Meta(examples=[1])]
    host_name: Annotated[str | None, Meta(examples=["Harbour Estates"])]
    site: int
    station: Annotated[str | None, Meta(examples=[None])]
    valid_from: datetime
    rule: ShareRule
    made_at: datetime
    made_by: Annotated[str, Meta(examples=["person:3 Ada"])]


@post(
    "/host-rules",
    opt={"verb": Verb.CHANGE_HOSTS, "problems": [HostUnknown, RuleRefused]},
    summary="Make a version of a share rule",
    description=(
        "The version that counts when a session begins makes its share: that of the station, else of the nearest site"
        " above it."
    ),
    tags=["hosts"],
)
async def create_rule(data: JSONBody[NewRule], actor: Asker, db: Database, clock: Ticking) -> Rule:
    async with db.tenant(actor.tenant_id) as conn:
        made = await service.add_rule(
            conn, actor, host_id=data.host, site=data.site, station=data.station,
            valid_from=data.valid_from or clock.now(), rule=data.rule, at=clock.now(),
        )  # fmt: skip
        row = await store.find_rule(conn, actor.tenant_id, made)
    assert row is not None
    return _rule(row)


@get(
    "/host-rules",
    opt={"verb": Verb.READ_HOSTS, "problems": [CursorRefused]},
    summary="List share rules by when they begin",
    tags=["hosts"],
)
async def list_rules(
    actor: Asker,
    db: Database,
    host: Annotated[int | None, QueryParameter(ge=1, le=2**31 - 1, description="Only those of this host.")] = None,
    sort: ByAge = "newest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[Rule]:
    said = CURSORS[sort].decode(cursor)
    place = None if said is None else (time_of_place(said[0]), said[1])
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_rules(conn, actor.tenant_id, host_id=host, order=sort, place=place, limit=limit + 1)
    return CURSORS[sort].page(rows, limit, lambda row: (place_in_time(row.valid_from), row.rule_id), _rule)


def _rule(row: RuleRow) -> Rule:
    return Rule(
        id=row.rule_id, host=row.host_id, host_name=row.host, site=row.site_id, station=row.station,
        valid_from=row.valid_from, rule=msgspec.convert(row.rule, ShareRule, strict=False), made_at=row.made_at,
        made_by=row.made_by,
    )  # fmt: skip


handlers = [create_rule, list_rules]
