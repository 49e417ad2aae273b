"""Routes of the electrics of a site, and of how it shall be charged."""

from datetime import datetime
from typing import Annotated

from litestar import Response, get, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.energy.errors import ElectricsMissing, ElectricsRefused, SmartChargingRefused
from forecourt.energy.service import sites as service
from forecourt.energy.service.sites import SetUp, electrics_tag, settings_tag
from forecourt.energy.site import Settings, SiteTree
from forecourt.platform.clock import Clock
from forecourt.platform.preconditions import ChangedMeanwhile
from forecourt.platform.tagging import IfMatch, tagged
from forecourt.stations.api.fields import SITE_PATTERN
from forecourt.stations.errors import SiteUnknown

Ticking = NamedDependency[Clock]
SiteInPath = Annotated[str, PathParameter(description="Its slug or its id.", pattern=SITE_PATTERN)]


class EvseAt(Struct, frozen=True, kw_only=True):
    """An EVSE by its station and number."""

    station: str
    evse: int


class ElectricsShown(Struct, frozen=True, kw_only=True):
    """The electrics of a site as they are kept."""

    version: Annotated[int, Meta(description="Counts changes; 0: nothing was set up yet.")]
    electrics: Annotated[SiteTree | None, Meta(description="Null: nothing was set up yet.")]
    unlimited: Annotated[
        bool, Meta(description="The grid connection has no limit: nothing protects it.", examples=[False])
    ]
    unhung: Annotated[list[EvseAt], Meta(description="EVSEs that stand at the site and hang nowhere.")]
    strays: Annotated[list[EvseAt], Meta(description="EVSEs that hang here though their station stands elsewhere now.")]
    changed_at: datetime | None
    changed_by: Annotated[str | None, Meta(examples=["person:3 Ada"])]


@get(
    "/sites/{site:str}/electrics",
    opt={"etag": True, "problems": [SiteUnknown]},
    summary="Show the electrics of a site",
    tags=["smart charging"],
)
async def find_electrics(site: SiteInPath, actor: Asker, db: Database) -> Response[ElectricsShown]:
    async with db.tenant(actor.tenant_id) as conn:
        return _shown(await service.find_set_up(conn, actor.tenant_id, site))


@put(
    "/sites/{site:str}/electrics",
    opt={
        "verb": Verb.CHANGE_ELECTRICS,
        "etag": True,
        "problems": [SiteUnknown, ChangedMeanwhile, ElectricsRefused],
    },
    summary="Set up the electrics of a site",
    description="Whole, as a new version. A refusal names each fault in `faults`: what it is of, which one, and why.",
    tags=["smart charging"],
)
async def put_electrics(
    site: SiteInPath, data: JSONBody[SiteTree], actor: Asker, db: Database, clock: Ticking, if_match: IfMatch = None
) -> Response[ElectricsShown]:
    async with db.tenant(actor.tenant_id) as conn:
        return _shown(await service.change_electrics(conn, actor, site, data, clock.now(), if_match))


@get(
    "/sites/{site:str}/smart-charging",
    opt={"etag": True, "problems": [SiteUnknown]},
    summary="Show how a site shall be charged",
    tags=["smart charging"],
)
async def find_smart_charging(site: SiteInPath, actor: Asker, db: Database) -> Response[Settings]:
    async with db.tenant(actor.tenant_id) as conn:
        record = await service.find_record(conn, actor.tenant_id, site)
    return tagged(record.settings, settings_tag(record))


@put(
    "/sites/{site:str}/smart-charging",
    opt={
        "verb": Verb.CHANGE_ENERGY,
        "etag": True,
        "problems": [SiteUnknown, ChangedMeanwhile, ElectricsMissing, SmartChargingRefused],
    },
    summary="Say how a site shall be charged",
    tags=["smart charging"],
)
async def put_smart_charging(
    site: SiteInPath, data: JSONBody[Settings], actor: Asker, db: Database, clock: Ticking, if_match: IfMatch = None
) -> Response[Settings]:
    async with db.tenant(actor.tenant_id) as conn:
        record = await service.change_settings(conn, actor, site, data, clock.now(), if_match)
    return tagged(record.settings, settings_tag(record))


def _shown(held: SetUp) -> Response[ElectricsShown]:
    record = held.record
    shown = ElectricsShown(
        version=record.version,
        electrics=record.tree,
        unlimited=record.tree is not None and record.tree.is_unlimited,
        unhung=[EvseAt(station=each.station, evse=each.evse) for each in held.unhung],
        strays=[EvseAt(station=each.station, evse=each.evse) for each in record.strays],
        changed_at=record.changed_at,
        changed_by=record.changed_by,
    )
    return tagged(shown, electrics_tag(record))
