"""Routes of sites."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from litestar import Response, delete, get, patch, post
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import UNSET, Meta, Struct, UnsetType

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.platform.paging import CursorRefused, Cursors, Limit, NextCursor, Page
from forecourt.platform.preconditions import ChangedMeanwhile, etag
from forecourt.platform.tagging import IfMatch, tagged
from forecourt.stations import service, store
from forecourt.stations.api.fields import SITE_PATTERN, Latitude, Longitude, Text
from forecourt.stations.errors import (
    PositionRefused,
    SiteExists,
    SiteInUse,
    SiteNeeded,
    SiteRefused,
    SiteTreeRefused,
    SiteUnknown,
    TimeZoneRefused,
)
from forecourt.stations.store import SiteOrder, SiteRow

CURSORS: Mapping[SiteOrder, Cursors] = {
    "oldest": Cursors("sites"),
    "newest": Cursors("newest sites"),
    "name": Cursors("sites by name", 2),
}
Slug = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", examples=["north-yard"])]


Country = Annotated[str, Meta(pattern="^[A-Z]{2}$")]
SiteInPath = Annotated[str, PathParameter(description="Its slug or its id.", pattern=SITE_PATTERN)]


class NewSite(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place with stations."""

    name: Annotated[Text, Meta(examples=["North yard"])]
    slug: Annotated[Slug | None, Meta(description="Its name in addresses; made from the name if left out.")] = None
    parent: Annotated[
        str | int | None, Meta(description="The slug or the id of the site that it is part of.", examples=["berlin"])
    ] = None
    address: Text | None = None
    city: Annotated[Text | None, Meta(examples=["Berlin"])] = None
    country: Annotated[Country | None, Meta(description="ISO 3166 code.", examples=["DE"])] = None
    time_zone: Annotated[Text, Meta(description="IANA name.", examples=["Europe/Berlin"])] = "UTC"
    latitude: Latitude | None = None
    longitude: Longitude | None = None


class SiteChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall change of a site; what is absent stays as it is."""

    name: Text | UnsetType = UNSET
    slug: Annotated[Slug | UnsetType, Meta(description="Addresses that hold the old one lead nowhere then.")] = UNSET
    parent: Annotated[
        str | int | UnsetType | None, Meta(description="The slug or the id of the site that it is part of.")
    ] = UNSET
    address: Text | UnsetType | None = UNSET
    city: Text | UnsetType | None = UNSET
    country: Country | UnsetType | None = UNSET
    time_zone: Text | UnsetType = UNSET
    latitude: Latitude | UnsetType | None = UNSET
    longitude: Longitude | UnsetType | None = UNSET


class Site(Struct, frozen=True, kw_only=True):
    """A place with stations, as it is kept."""

    id: int
    slug: str
    name: str
    parent: Annotated[str | None, Meta(description="The slug of the site that it is part of.")]
    address: str | None
    city: str | None
    country: str | None
    time_zone: str
    latitude: float | None
    longitude: float | None
    created_at: datetime


@post(
    "/sites",
    opt={
        "verb": Verb.CHANGE_SITES,
        "etag": True,
        "problems": [SiteExists, SiteRefused, SiteNeeded, SiteTreeRefused, TimeZoneRefused, PositionRefused],
    },
    summary="Create a site",
    tags=["sites"],
)
async def create_site(data: JSONBody[NewSite], actor: Asker, db: Database) -> Response[Site]:
    values = {name: getattr(data, name) for name in data.__struct_fields__ if name not in ("slug", "parent")}
    async with db.tenant(actor.tenant_id) as conn:
        return _tagged(await service.create_site(conn, actor, slug=data.slug, parent=data.parent, values=values))


@get("/sites", opt={"problems": [CursorRefused]}, summary="List sites", tags=["sites"])
async def list_sites(
    actor: Asker,
    db: Database,
    sort: Annotated[
        SiteOrder, QueryParameter(description="Those made first or last come first, or by name.")
    ] = "oldest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[Site]:
    place = CURSORS[sort].decode_names(cursor) if sort == "name" else CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_sites(conn, actor.tenant_id, order=sort, place=place, limit=limit + 1)

    def placed(row: SiteRow) -> tuple[int] | tuple[str, str]:
        return (row.name, row.slug) if sort == "name" else (row.site_id,)

    return CURSORS[sort].page(rows, limit, placed, _shown)


@get("/sites/{site:str}", opt={"etag": True, "problems": [SiteUnknown]}, summary="Show a site", tags=["sites"])
async def find_site(site: SiteInPath, actor: Asker, db: Database) -> Response[Site]:
    async with db.tenant(actor.tenant_id) as conn:
        return _tagged(await service.find_site(conn, actor.tenant_id, site))


@patch(
    "/sites/{site:str}",
    opt={
        "verb": Verb.CHANGE_SITES,
        "etag": True,
        "problems": [
            SiteUnknown,
            ChangedMeanwhile,
            SiteExists,
            SiteRefused,
            SiteNeeded,
            SiteTreeRefused,
            TimeZoneRefused,
            PositionRefused,
        ],
    },
    summary="Change a site",
    tags=["sites"],
)
async def change_site(
    site: SiteInPath, data: JSONBody[SiteChange], actor: Asker, db: Database, if_match: IfMatch = None
) -> Response[Site]:
    changes = {name: value for name in data.__struct_fields__ if (value := getattr(data, name)) is not UNSET}
    async with db.tenant(actor.tenant_id) as conn:
        return _tagged(await service.change_site(conn, actor, site, changes, if_match))


@delete(
    "/sites/{site:str}",
    opt={"verb": Verb.CHANGE_SITES, "problems": [SiteUnknown, SiteInUse]},
    summary="Delete a site",
    description="Refused while stations stand there: `stations` says how many.",
    tags=["sites"],
)
async def delete_site(site: SiteInPath, actor: Asker, db: Database) -> None:
    async with db.tenant(actor.tenant_id) as conn:
        await service.delete_site(conn, actor, site)


def _tagged(row: SiteRow) -> Response[Site]:
    return tagged(_shown(row), etag(row))


def _shown(row: SiteRow) -> Site:
    return Site(
        id=row.site_id,
        **{name: getattr(row, name) for name in row.__struct_fields__ if name != "site_id"},
    )
