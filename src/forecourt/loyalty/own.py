"""What a driver has of loyalty: what is kept and offered, and what was given."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from forecourt.loyalty.announcing import told_of
from forecourt.loyalty.model.campaigns import Campaign, Told
from forecourt.loyalty.model.uses import UseState
from forecourt.loyalty.store import campaigns, uses
from forecourt.loyalty.store.campaigns import Connection
from forecourt.platform.money import Money

#: What was given is told of so many sessions.
MAX_GIVEN = 50


class Given(Struct, frozen=True, kw_only=True):
    """What a session had."""

    label: str
    amount: Money
    at: datetime


class Own(Struct, frozen=True, kw_only=True):
    """`kept`: vouchers for the next session that they are for; `offered`: campaigns that run, for sessions that they
    are for; `given`: what sessions had, the latest first."""

    kept: Sequence[Told]
    offered: Sequence[Told]
    given: Sequence[Given]


async def own_of(conn: Connection, tenant_id: int, driver_id: int, now: datetime) -> Own:
    """All of a driver's."""
    known: dict[int, Campaign] = {}

    async def named(campaign_id: int) -> Campaign:
        if campaign_id not in known:
            found = await campaigns.find_campaign(conn, tenant_id, campaign_id)
            assert found is not None, "campaigns stay"
            known[campaign_id] = found
        return known[campaign_id]

    mine = await uses.of_driver(conn, tenant_id, driver_id)
    treated = await campaigns.list_treated(conn, tenant_id, driver_id)
    given = []
    for use in [each for each in mine if each.state is UseState.SETTLED and each.taken][:MAX_GIVEN]:
        terms = (await named(use.campaign_id)).terms
        amount = Money(amount=use.taken or 0, currency=terms.currency)
        given.append(Given(label=terms.label, amount=amount, at=use.made_at))
    open_ = await uses.kept_for(conn, tenant_id, driver_id, now)
    running = await campaigns.list_running(conn, tenant_id)
    offered = [each for each in running if each.campaign_id in treated and each.counts_at(now)]
    kept = await told_of(conn, tenant_id, [await named(use.campaign_id) for use in open_])
    return Own(
        kept=[replace(each, until=use.until_at) for each, use in zip(kept, open_, strict=True)],
        offered=await told_of(conn, tenant_id, offered),
        given=given,
    )
