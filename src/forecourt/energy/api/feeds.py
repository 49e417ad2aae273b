"""Routes of where a site's signals are fetched from by themselves."""

from datetime import datetime
from typing import Annotated, Any, Final

from litestar import Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.energy.api.electrics import SiteInPath, Ticking
from forecourt.energy.errors import FeedExists, FeedRefused, FeedUnknown, TooManyFeeds
from forecourt.energy.feeds.model import Feed, Secrets, Source, failure_words
from forecourt.energy.service import feeds as service
from forecourt.energy.service.feeds import Feeds, feed_tag
from forecourt.energy.service.sites import find_record
from forecourt.energy.store import feeds as store
from forecourt.platform.outward import AddressRefused
from forecourt.platform.paging import Page, entire
from forecourt.platform.preconditions import ChangedMeanwhile
from forecourt.platform.tagging import IfMatch, tagged
from forecourt.platform.text import NAME_LINE
from forecourt.stations.errors import SiteUnknown

FeedSetter = NamedDependency[Feeds]
FeedInPath = Annotated[int, PathParameter(description="Its number.", ge=1, le=2**31 - 1)]
MAX_NAME: Final = 80
FeedName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_NAME,
        pattern=NAME_LINE,
        description="What people call it; limits tell it as their source.",
        examples=["Grid operator"],
    ),
]


class NewFeed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A feed as it shall be."""

    name: FeedName
    source: Annotated[Source, Meta(description="Of which kind it is, and what that kind needs.")]
    active: Annotated[bool, Meta(description="False: it is kept, and not fetched.")] = True
    secrets: Annotated[Secrets, Meta(description="Those that are left out stay as they are.")] = Secrets()


class FeedShown(Struct, frozen=True, kw_only=True):
    """A feed as it is kept, and how it fares."""

    feed_id: int
    name: FeedName
    active: bool
    source: Source
    secrets: Annotated[list[str], Meta(description="Which secrets it holds.", examples=[["client_secret"]])]
    next_at: Annotated[datetime, Meta(description="When it is fetched next.")]
    succeeded_at: Annotated[datetime | None, Meta(description="When it was fetched last.")]
    known_until: Annotated[datetime | None, Meta(description="How far prices are known without a hole.")]
    failed_at: datetime | None
    failure: Annotated[str | None, Meta(description="What went wrong last; null: it was fetched since.")]
    failures: Annotated[int, Meta(description="Since the last success.")]
    detail: Annotated[str | None, Meta(description="What happened, and what to do.")]
    left_out: Annotated[list[str], Meta(description="What came last that is not followed.")]
    changed_at: datetime
    changed_by: Annotated[str, Meta(examples=["person:3 Ada"])]


def _shown(feed: Feed) -> FeedShown:
    words = None if feed.failure is None else failure_words(feed.source, feed.failure)
    return FeedShown(
        feed_id=feed.feed_id,
        name=feed.name,
        active=feed.active,
        source=feed.source,
        secrets=list(feed.held),
        next_at=feed.next_at,
        succeeded_at=feed.succeeded_at,
        known_until=feed.known_until,
        failed_at=feed.failed_at,
        failure=feed.failure,
        failures=feed.failures,
        detail=words if words is None or not feed.failure_detail else f"{words} ({feed.failure_detail})",
        left_out=list(feed.memory.left_out),
        changed_at=feed.changed_at,
        changed_by=feed.changed_by,
    )


_CHANGE: Final[dict[str, Any]] = {"verb": Verb.CHANGE_ENERGY}
_EXAMPLE: Final = {
    "name": "Grid operator",
    "source": {
        "kind": "openadr3",
        "url": "https://vtn.example.com/openadr3/3.1.0",
        "client_id": "forecourt-yard",
        "program": "capacity",
        "levels": {"1": 40_000, "2": 20_000},
    },
    "secrets": {"client_secret": "what the grid operator gave you"},
}
_SECRETS: Final = (
    "Secrets are never given back. A feed of prices or CO2 is for the whole organisation: it needs who may load them."
)


@get(
    "/sites/{site:str}/feeds",
    opt={"problems": [SiteUnknown]},
    summary="List the feeds of a site",
    tags=["smart charging"],
)
async def list_feeds(site: SiteInPath, actor: Asker, db: Database) -> Page[FeedShown]:
    async with db.tenant(actor.tenant_id) as conn:
        record = await find_record(conn, actor.tenant_id, site)
        found = await store.list_feeds(conn, actor.tenant_id, record.site_id)
    return entire([_shown(feed) for feed in found])


@post(
    "/sites/{site:str}/feeds",
    opt=_CHANGE
    | {
        "example": _EXAMPLE,
        "etag": True,
        "problems": [SiteUnknown, AddressRefused, FeedRefused, FeedExists, TooManyFeeds],
    },
    summary="Set up a feed",
    description=f"It is fetched at once. {_SECRETS}",
    tags=["smart charging"],
)
async def add_feed(
    site: SiteInPath, data: JSONBody[NewFeed], actor: Asker, db: Database, clock: Ticking, feeds: FeedSetter
) -> Response[FeedShown]:
    async with db.tenant(actor.tenant_id) as conn:
        record = await find_record(conn, actor.tenant_id, site)
        made = await feeds.create(
            conn,
            actor,
            record,
            name=data.name.strip(),
            active=data.active,
            source=data.source,
            secrets=data.secrets,
            now=clock.now(),
        )
    return tagged(_shown(made), feed_tag(made))


@get(
    "/sites/{site:str}/feeds/{feed_id:int}",
    opt={"etag": True, "problems": [SiteUnknown, FeedUnknown]},
    summary="Show a feed, and how it fares",
    tags=["smart charging"],
)
async def find_feed(site: SiteInPath, feed_id: FeedInPath, actor: Asker, db: Database) -> Response[FeedShown]:
    async with db.tenant(actor.tenant_id) as conn:
        record = await find_record(conn, actor.tenant_id, site)
        found = await service.find(conn, record, feed_id)
    return tagged(_shown(found), feed_tag(found))


@put(
    "/sites/{site:str}/feeds/{feed_id:int}",
    opt=_CHANGE
    | {
        "example": _EXAMPLE,
        "etag": True,
        "problems": [SiteUnknown, FeedUnknown, ChangedMeanwhile, AddressRefused, FeedRefused, FeedExists],
    },
    summary="Set up a feed anew",
    description=f"It is fetched at once. Secrets that are left out stay, unless another server is asked. {_SECRETS}",
    tags=["smart charging"],
)
async def put_feed(
    site: SiteInPath,
    feed_id: FeedInPath,
    data: JSONBody[NewFeed],
    actor: Asker,
    db: Database,
    clock: Ticking,
    feeds: FeedSetter,
    if_match: IfMatch = None,
) -> Response[FeedShown]:
    async with db.tenant(actor.tenant_id) as conn:
        record = await find_record(conn, actor.tenant_id, site)
        changed = await feeds.change(
            conn,
            actor,
            record,
            feed_id,
            name=data.name.strip(),
            active=data.active,
            source=data.source,
            secrets=data.secrets,
            now=clock.now(),
            if_match=if_match,
        )
    return tagged(_shown(changed), feed_tag(changed))


@delete(
    "/sites/{site:str}/feeds/{feed_id:int}",
    opt=_CHANGE | {"problems": [SiteUnknown, FeedUnknown]},
    summary="Remove a feed",
    description="Limits that it said count until they end or are withdrawn.",
    tags=["smart charging"],
)
async def remove_feed(site: SiteInPath, feed_id: FeedInPath, actor: Asker, db: Database) -> None:
    async with db.tenant(actor.tenant_id) as conn:
        record = await find_record(conn, actor.tenant_id, site)
        await service.delete(conn, actor, record, feed_id)


@post(
    "/sites/{site:str}/feeds/{feed_id:int}/fetch",
    opt=_CHANGE | {"problems": [SiteUnknown, FeedUnknown]},
    status_code=202,
    summary="Fetch a feed now",
    description="A worker does within some seconds; what came of it stands at the feed.",
    tags=["smart charging"],
)
async def fetch_feed(site: SiteInPath, feed_id: FeedInPath, actor: Asker, db: Database, clock: Ticking) -> FeedShown:
    async with db.tenant(actor.tenant_id) as conn:
        record = await find_record(conn, actor.tenant_id, site)
        return _shown(await service.fetch_now(conn, actor, record, feed_id, clock.now()))
