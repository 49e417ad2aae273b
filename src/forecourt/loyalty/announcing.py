"""Who is told of a campaign: those who have it and agreed to marketing, each once, by whoever writes to drivers."""

from collections.abc import Collection
from typing import Final, Protocol

from msgspec import Struct

from forecourt.access.members import find_organisation
from forecourt.loyalty.model.campaigns import Campaign, Told
from forecourt.loyalty.model.terms import State
from forecourt.loyalty.store import campaigns as store
from forecourt.loyalty.store.campaigns import Connection
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.stations.service import site_names

#: A campaign that tells its drivers has started; the subject is its number.
STARTED: Final = "campaign.started"
#: Letters written in one transaction.
AT_ONCE: Final = 100


class Reached(Struct, frozen=True, kw_only=True):
    """A driver who may be written to."""

    driver_id: int
    email: str
    language: str


class Tells(Protocol):
    """Tells a driver of a campaign, in the transaction in which it is written down that they were told."""

    async def offer(self, conn: Connection, tenant_id: int, whom: Reached, told: Told, /) -> None:
        """Something is off their sessions."""
        ...


async def told_of(conn: Connection, tenant_id: int, found: Collection[Campaign]) -> list[Told]:
    """Campaigns as their drivers are told of them, in their order."""
    if not found:
        return []
    zone = (await find_organisation(conn, tenant_id)).time_zone
    names = {site.slug: site.name for site in await site_names(conn, tenant_id)}
    return [
        Told(
            campaign=each, sites=sorted(names.get(slug, slug) for slug in each.terms.places.sites),
            until=each.terms.ends_at, zone=zone,
        )
        for each in found
    ]  # fmt: skip


async def announce(tenants: Pool, clock: Clock, tells: Tells, tenant_id: int, campaign_id: int) -> int:
    """Writes to everybody who wasn't told yet; how many. Ended or paused in between it stops. Who takes their consent
    back before their turn is not told."""
    told = 0
    while True:
        async with tenants.tenant(tenant_id) as conn:
            campaign = await store.find_campaign(conn, tenant_id, campaign_id)
            if campaign is None or campaign.state is not State.RUNNING or not campaign.terms.announce:
                return told
            batch = await store.take_untold(conn, tenant_id, campaign_id, AT_ONCE, clock.now())
            [told_as] = await told_of(conn, tenant_id, [campaign])
            for driver_id, email, language in batch:
                whom = Reached(driver_id=driver_id, email=email, language=language)
                await tells.offer(conn, tenant_id, whom, told_as)
        told += len(batch)
        if len(batch) < AT_ONCE:
            return told
