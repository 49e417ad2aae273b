"""How a site is set up: its electrics, and how it shall be charged."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct, structs

from forecourt.access import Actor, audit
from forecourt.energy import store
from forecourt.energy.errors import ElectricsMissing, ElectricsRefused, SmartChargingRefused, refusal
from forecourt.energy.faults import fallback_faults, fallbacks_of, settings_faults, site_faults
from forecourt.energy.hanging import evse_faults
from forecourt.energy.model import Fault
from forecourt.energy.service.letting_go import let_go
from forecourt.energy.site import HungEvse, Settings, SiteRecord, SiteTree, with_dc, with_gone
from forecourt.energy.store import Connection, SiteEvse
from forecourt.energy.store.nudges import nudge
from forecourt.platform import outbox
from forecourt.platform.preconditions import check_match, etag
from forecourt.stations.service import find_site

#: A site's electrics are others; the subject is its number.
CHANGED: Final = "energy.electrics_changed"


class SetUp(Struct, frozen=True, kw_only=True):
    """A site with the EVSEs that stand there; `unhung` hang nowhere."""

    record: SiteRecord
    standing: Sequence[SiteEvse]

    @property
    def unhung(self) -> list[SiteEvse]:
        return [each for each in self.standing if each.at is None or each.astray]


def electrics_tag(record: SiteRecord) -> str:
    """The ETag of a site's electrics."""
    return etag(["electrics", record.site_id, record.version])


def settings_tag(record: SiteRecord) -> str:
    """The ETag of how a site shall be charged."""
    return etag(["smart charging", record.site_id, record.settings_version])


async def find_set_up(conn: Connection, tenant_id: int, site: str) -> SetUp:
    """The site of this slug or id as it is set up. Raises SiteUnknown."""
    record = await find_record(conn, tenant_id, site)
    return SetUp(record=record, standing=await store.list_site_evses(conn, tenant_id, record.site_id))


async def find_record(conn: Connection, tenant_id: int, site: str) -> SiteRecord:
    """The same without the EVSEs that stand there. Raises SiteUnknown."""
    found = await find_site(conn, tenant_id, site)
    record = await store.load_site(conn, tenant_id, found.site_id)
    assert record is not None
    return record


async def change_electrics(
    conn: Connection, actor: Actor, site: str, tree: SiteTree, now: datetime, if_match: str | None
) -> SetUp:
    """Stores a site's electrics, as a new version if they are others than before.

    Raises SiteUnknown, ChangedMeanwhile, ElectricsRefused, which names every fault.
    """
    tree = with_dc(tree)
    found = await find_site(conn, actor.tenant_id, site)
    await store.lock_site(conn, actor.tenant_id, found.site_id, str(actor), now)
    held = await find_set_up(conn, actor.tenant_id, str(found.site_id))
    check_match(if_match, electrics_tag(held.record))
    faults = await check_electrics(conn, actor.tenant_id, held, tree)
    if faults:
        raise refusal(ElectricsRefused, faults)
    before, gone = held.record, await _gone(conn, held.record)
    if before.tree == tree and len(before.strays) == len(gone):
        return held
    site_id, version = before.site_id, before.version + 1
    await store.store_tree(conn, actor.tenant_id, site_id, version, with_gone(tree, before.tree, gone), str(actor), now)
    hung = [(each.station, each.evse) for each in tree.evses]
    await store.hang(conn, actor.tenant_id, site_id, hung)
    hung += [(each.station, each.evse) for each in gone]
    await let_go(conn, actor.tenant_id, _hung(before) - set(hung), str(actor), now)
    await nudge(conn, site_id)
    await outbox.write(conn, actor.tenant_id, CHANGED, str(site_id))
    await audit(
        conn,
        actor,
        "change electrics",
        f"site:{before.slug}",
        before=_summary(before.version, before.tree),
        after=_summary(version, tree),
    )
    return await find_set_up(conn, actor.tenant_id, str(site_id))


async def _gone(conn: Connection, record: SiteRecord) -> list[HungEvse]:
    """The EVSEs where a car still charges though their stations stand there no more: they count until that is over,
    and nobody can leave them out, who doesn't see them."""
    counted = await store.load_site(conn, record.tenant_id, record.site_id, with_gone=True)
    strays = {(each.station, each.evse) for each in record.strays}
    found = () if counted is None or counted.tree is None else counted.tree.evses
    return [each for each in found if (each.station, each.evse) in strays]


async def check_electrics(conn: Connection, tenant_id: int, held: SetUp, tree: SiteTree) -> list[Fault]:
    """Everything that is wrong with a tree for this site."""
    faults = site_faults(tree)
    here = {(each.station, each.evse) for each in held.standing}
    named = sorted({each.station for each in tree.evses})
    known = here | await store.find_evses(conn, tenant_id, named)
    stations = await store.find_stations(conn, tenant_id, named)
    elsewhere = {
        (each.station, each.evse): each.at_name or ""
        for each in held.standing
        if each.at is not None and each.at != held.record.site_id and not each.astray
    }
    faults += evse_faults(tree, here, known, elsewhere, stations)
    return faults or fallback_faults(tree, fallbacks_of(tree, held.record.settings))


def _summary(version: int, tree: SiteTree | None) -> dict[str, object]:
    """What the audit tells of a version: it is kept whole where electrics are."""
    if tree is None:
        return {"version": version}
    return {
        "version": version,
        "nodes": {node.id: [node.limit_a, node.limit_w] for node in tree.nodes[:20]},
        "evses": len(tree.evses),
        "attachments": [each.id for each in tree.attachments[:20]],
    }


async def change_settings(
    conn: Connection, actor: Actor, site: str, settings: Settings, now: datetime, if_match: str | None
) -> SiteRecord:
    """Stores how a site shall be charged.

    Raises SiteUnknown, ChangedMeanwhile; ElectricsMissing where it shall be planned for and has no electrics,
    SmartChargingRefused where its fallback would overload it.
    """
    found = await find_site(conn, actor.tenant_id, site)
    await store.lock_site(conn, actor.tenant_id, found.site_id, str(actor), now)
    held = await find_record(conn, actor.tenant_id, str(found.site_id))
    check_match(if_match, settings_tag(held))
    if settings.enabled and held.tree is None:
        raise ElectricsMissing
    faults = settings_faults(settings)
    if held.tree is not None:
        faults += fallback_faults(held.tree, fallbacks_of(held.tree, settings))
    if faults:
        raise refusal(SmartChargingRefused, faults)
    if held.settings == settings and held.settings_version:
        return held
    await store.store_settings(conn, actor.tenant_id, held.site_id, settings, str(actor), now)
    if not settings.enabled:
        await let_go(conn, actor.tenant_id, _hung(held), str(actor), now)
    await nudge(conn, held.site_id)
    before, after = structs.asdict(held.settings), structs.asdict(settings)
    changed = [name for name in after if before[name] != after[name]]
    await audit(
        conn,
        actor,
        "change smart charging",
        f"site:{held.slug}",
        before={name: _plain(before[name]) for name in changed},
        after={name: _plain(after[name]) for name in changed},
    )
    return await find_record(conn, actor.tenant_id, str(held.site_id))


def _hung(record: SiteRecord) -> set[tuple[str, int]]:
    """The EVSEs that hang at a site, those as well that stand there no more."""
    tree = [] if record.tree is None else [(each.station, each.evse) for each in record.tree.evses]
    return {*tree, *((each.station, each.evse) for each in record.strays)}


def _plain(value: object) -> object:
    """As the audit holds it: decimals as they are written."""
    return value if isinstance(value, bool | int | float) or value is None else str(value)
