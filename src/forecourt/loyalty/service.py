"""The verbs of campaigns and their codes. Each runs in the caller's transaction and is audited."""

import base64
import secrets
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from forecourt.access import Actor, audit
from forecourt.access.model import Service
from forecourt.energy.service.told import dear_hours
from forecourt.loyalty.announcing import STARTED
from forecourt.loyalty.errors import (
    CampaignBegun,
    CampaignOver,
    CampaignRefused,
    CampaignUnbegun,
    CampaignUnknown,
    CodesRefused,
    CodeTaken,
    PlaceMissing,
    Unbegun,
)
from forecourt.loyalty.model.audiences import MAX_AUDIENCE, MAX_LOOKED_AT, Meant, belongs, held_out
from forecourt.loyalty.model.campaigns import MAX_CAMPAIGNS, MAX_RUNNING, Campaign, Past
from forecourt.loyalty.model.terms import HOURS, Places, QuietBy, State, Terms, check, told
from forecourt.loyalty.model.uses import MAX_CODES, plain
from forecourt.loyalty.store import campaigns as store
from forecourt.loyalty.store.campaigns import Connection
from forecourt.platform import outbox
from forecourt.pricing.service import unknown_tariffs
from forecourt.stations.service import unknown_sites

Who = Actor | Service

#: Random bytes of a seed, and of a code that is made up: 8 characters in base 32.
SEED_BYTES: Final = 16
CODE_BYTES: Final = 5
#: Drivers that are looked at in one go when a campaign begins.
LOOKED_AT_ONCE: Final = 5_000
#: Of more drivers than this those that it is for are chosen by the worker: nobody waits for an answer so long.
CHOSEN_AT_ONCE: Final = 20_000
#: Energy is looked at so far back for quiet hours.
QUIET_WINDOW: Final = timedelta(days=28)
#: And at prices so far ahead, which is as far as they are known.
PRICES_AHEAD: Final = timedelta(days=2)


async def create_campaign(conn: Connection, actor: Actor, terms: Terms, now: datetime) -> Campaign:
    """A draft. Raises CampaignRefused."""
    check(terms)
    await _check_places(conn, actor.tenant_id, terms.places)
    there, _ = await store.count(conn, actor.tenant_id)
    if there >= MAX_CAMPAIGNS:
        raise CampaignRefused(f"There are {MAX_CAMPAIGNS} campaigns already, as many as there can be.")
    campaign_id = await store.insert_campaign(conn, actor.tenant_id, terms, secrets.token_hex(SEED_BYTES), now)
    await audit(conn, actor, "create campaign", f"campaign:{campaign_id}", told(terms))
    return await find_campaign(conn, actor.tenant_id, campaign_id)


async def bring_campaign(conn: Connection, who: Who, terms: Terms, past: Past, now: datetime) -> Campaign:
    """One that ran elsewhere and is over, so that its effect is told here, by imported sessions. It gives nothing.
    Raises CampaignRefused."""
    check(terms)
    there, _ = await store.count(conn, who.tenant_id)
    if there >= MAX_CAMPAIGNS:
        raise CampaignRefused(f"There are {MAX_CAMPAIGNS} campaigns already, as many as there can be.")
    if not past.started_at < past.ended_at <= now or past.spent > (terms.budget or past.spent):
        raise CampaignRefused("It must have ended after it started, before now, and within its budget.")
    campaign_id = await store.insert_campaign(conn, who.tenant_id, terms, secrets.token_hex(SEED_BYTES), now)
    await store.note_past(conn, who.tenant_id, campaign_id, past)
    about = told(terms) | {"source": past.source, "drivers": len(past.drivers)}
    await audit(conn, who, "bring campaign", f"campaign:{campaign_id}", about)
    return await find_campaign(conn, who.tenant_id, campaign_id)


async def find_campaign(conn: Connection, tenant_id: int, campaign_id: int) -> Campaign:
    """The campaign of this number. Raises CampaignUnknown."""
    found = await store.find_campaign(conn, tenant_id, campaign_id, counted=True)
    if found is None:
        raise CampaignUnknown
    return found


async def change_terms(conn: Connection, actor: Actor, campaign_id: int, terms: Terms) -> Campaign:
    """Other terms of a draft. Raises CampaignUnknown, CampaignBegun, CampaignRefused."""
    held = await _locked(conn, actor.tenant_id, campaign_id)
    if held.state is not State.DRAFT:
        raise CampaignBegun
    check(terms)
    await _check_places(conn, actor.tenant_id, terms.places)
    if held.terms.by_code and not terms.by_code and await store.count_codes(conn, actor.tenant_id, campaign_id):
        raise CampaignRefused("The campaign has codes, so it stays one that is given by code.")
    await store.update_terms(conn, actor.tenant_id, campaign_id, terms)
    await audit(conn, actor, "change campaign", f"campaign:{campaign_id}", told(terms))
    return await find_campaign(conn, actor.tenant_id, campaign_id)


async def start_campaign(conn: Connection, actor: Actor, campaign_id: int, now: datetime) -> Campaign:
    """Lets a draft begin, or one that is paused go on; a draft whose time has not come begins by itself then, and one
    that is chosen among more than CHOSEN_AT_ONCE drivers within a minute. Whom it is for, and who of them is held out,
    is fixed with its beginning: both are counted alike from then on. Idempotent.

    Raises CampaignUnknown, CampaignOver, CampaignRefused where too many run, and CampaignUnbegun where it would be for
    nobody, for too many, or its quiet hours are not known.
    """
    tenant_id = actor.tenant_id
    held = await _locked(conn, tenant_id, campaign_id)
    if held.state is State.ENDED or (held.terms.ends_at is not None and held.terms.ends_at <= now):
        raise CampaignOver
    if held.state in (State.SCHEDULED, State.RUNNING):
        return await find_campaign(conn, tenant_id, campaign_id)
    _, running = await store.count(conn, tenant_id)
    if running >= MAX_RUNNING:
        raise CampaignRefused(f"{MAX_RUNNING} campaigns run already, as many as there can be. End one first.")
    later = held.terms.starts_at is not None and held.terms.starts_at > now
    if held.state is State.DRAFT and (later or await _takes_long(conn, tenant_id, held)):
        await _quiet_hours(conn, tenant_id, held.terms.places, now)  # what is wrong with them is said by now
        await store.set_state(conn, tenant_id, campaign_id, State.SCHEDULED, now)
    else:
        await _run(conn, tenant_id, held, now)
    await audit(conn, actor, "start campaign", f"campaign:{campaign_id}", told(held.terms))
    return await find_campaign(conn, tenant_id, campaign_id)


async def _takes_long(conn: Connection, tenant_id: int, campaign: Campaign) -> bool:
    """Whether it is to be chosen among so many drivers whom it is for."""
    audience = campaign.terms.audience
    if campaign.terms.by_code or audience.drivers:
        return False
    return await store.has_active(conn, tenant_id, CHOSEN_AT_ONCE + 1, fleets=sorted(audience.fleets))


async def turn_campaign(conn: Connection, tenant_id: int, campaign_id: int, now: datetime) -> bool:
    """Begins a campaign whose time has come, and ends one whose time is over, as of then; whether it did. Idempotent.
    Raises CampaignUnknown, and CampaignUnbegun where it can't begin."""
    held = await _locked(conn, tenant_id, campaign_id)
    begins, ends = held.terms.starts_at, held.terms.ends_at
    if held.state in (State.DRAFT, State.ENDED):
        return False
    if ends is not None and ends <= now:
        await store.set_state(conn, tenant_id, campaign_id, State.ENDED, ends)
        return True
    if held.state is not State.SCHEDULED or (begins is not None and begins > now):
        return False
    await _run(conn, tenant_id, held, now)
    return True


async def put_back(
    conn: Connection, tenant_id: int, campaign_id: int, refused: CampaignUnbegun, now: datetime
) -> None:  # fmt: skip
    """Makes a draft again of one that could not begin at its time; it and the audit say why. Raises
    CampaignUnknown."""
    held = await _locked(conn, tenant_id, campaign_id)
    if held.state is State.SCHEDULED:
        await store.set_state(conn, tenant_id, campaign_id, State.DRAFT, now, unbegun=refused.why)
        who = Service(tenant_id=tenant_id, id="campaigns", name="Campaigns")
        await audit(conn, who, "put back campaign", f"campaign:{campaign_id}", {"why": str(refused)})


async def _run(conn: Connection, tenant_id: int, campaign: Campaign, now: datetime) -> None:
    """Lets it give from now on, and where it never did, fixes whom it is for."""
    hours = None
    if campaign.started_at is None:
        hours = await _quiet_hours(conn, tenant_id, campaign.terms.places, now)
        if not campaign.terms.by_code:
            await _choose(conn, tenant_id, campaign, now)
    await store.set_state(conn, tenant_id, campaign.campaign_id, State.RUNNING, now, hours)
    if campaign.terms.announce:
        await outbox.write(conn, tenant_id, STARTED, str(campaign.campaign_id))


async def pause_campaign(conn: Connection, actor: Actor, campaign_id: int, now: datetime) -> Campaign:
    """Gives nothing more until it is started again; what was promised is kept. Raises CampaignUnknown, CampaignOver."""
    held = await _locked(conn, actor.tenant_id, campaign_id)
    if held.state not in (State.RUNNING, State.PAUSED):
        raise CampaignOver("Only a campaign that runs can be paused.")
    if held.state is State.RUNNING:
        await store.set_state(conn, actor.tenant_id, campaign_id, State.PAUSED, now)
        await audit(conn, actor, "pause campaign", f"campaign:{campaign_id}", told(held.terms))
    return await find_campaign(conn, actor.tenant_id, campaign_id)


async def end_campaign(conn: Connection, actor: Actor, campaign_id: int, now: datetime) -> Campaign:
    """Ends a campaign for good; what counts for sessions already goes on to count. Idempotent. Raises
    CampaignUnknown."""
    held = await _locked(conn, actor.tenant_id, campaign_id)
    if held.state is not State.ENDED:
        await store.set_state(conn, actor.tenant_id, campaign_id, State.ENDED, now)
        await audit(conn, actor, "end campaign", f"campaign:{campaign_id}", told(held.terms))
    return await find_campaign(conn, actor.tenant_id, campaign_id)


async def make_codes(
    conn: Connection, actor: Actor, campaign_id: int, *, code: str | None, count: int, most_uses: int | None,
    now: datetime,
) -> list[str]:  # fmt: skip
    """Codes of a voucher: the one that is named, or so many made up. Raises CampaignUnknown, CampaignOver,
    CodesRefused, CodeTaken."""
    tenant_id = actor.tenant_id
    held = await _locked(conn, tenant_id, campaign_id)
    if held.state is State.ENDED:
        raise CampaignOver
    there = await store.count_codes(conn, tenant_id, campaign_id)
    if not held.terms.by_code or there + count > MAX_CODES:
        raise CodesRefused
    made = [plain(code)] if code is not None else [_made_up() for _ in range(count)]
    if await store.insert_codes(conn, tenant_id, campaign_id, made, most_uses, now) != len(made):
        raise CodeTaken
    await audit(conn, actor, "make voucher codes", f"campaign:{campaign_id}", {"codes": len(made)})
    return made


async def count_meant(conn: Connection, tenant_id: int, terms: Terms, now: datetime) -> Meant:
    """Whom it would be for if it began now, by their use so far; counted among the first MAX_LOOKED_AT drivers."""
    drivers = marketing = looked_at = 0
    async for many, meant in _meant(conn, tenant_id, terms, now):
        looked_at += many
        drivers += len(meant)
        marketing += sum(each.marketing for each in meant)
        if looked_at >= MAX_LOOKED_AT:
            return Meant(drivers=drivers, marketing=marketing, is_whole=False)
    return Meant(drivers=drivers, marketing=marketing, is_whole=True)


async def _choose(conn: Connection, tenant_id: int, campaign: Campaign, now: datetime) -> None:
    """Whom it is for, by their use so far. Raises CampaignUnbegun where they are more than MAX_AUDIENCE, as none of
    them is left out in silence, and where there are none."""
    terms, drivers = campaign.terms, 0
    async for _, meant in _meant(conn, tenant_id, terms, now):
        drivers += len(meant)
        if drivers > MAX_AUDIENCE:
            raise CampaignUnbegun(
                Unbegun.TOO_MANY, f"It is for more than {MAX_AUDIENCE} drivers. Say more closely whom it is for."
            )
        numbers = [each.driver_id for each in meant]
        treated = [not held_out(campaign.seed, driver, terms.holdout_percent) for driver in numbers]
        await store.insert_members(conn, tenant_id, campaign.campaign_id, numbers, treated)
    if not drivers:
        raise CampaignUnbegun(Unbegun.NOBODY)


async def _meant(
    conn: Connection, tenant_id: int, terms: Terms, now: datetime
) -> AsyncIterator[tuple[int, list[store.Used]]]:
    """How many drivers were looked at in one go, and those of them that it is for."""
    audience, after = terms.audience, 0
    named = {"drivers": sorted(audience.drivers), "fleets": sorted(audience.fleets)}
    since = now - timedelta(days=audience.window_days)
    while used := await store.list_used(conn, tenant_id, since, now, **named, after=after, limit=LOOKED_AT_ONCE):
        after = used[-1].driver_id
        yield len(used), [
            each
            for each in used
            if belongs(
                audience, sessions=each.sessions, energy_wh=each.energy_wh, unseen_days=each.unseen_days,
                marketing=each.marketing,
            )
        ]  # fmt: skip


async def _quiet_hours(conn: Connection, tenant_id: int, places: Places, now: datetime) -> list[int]:
    """The hours of the day with the least energy at its sites so far, or the lowest price by what these are planned by,
    where that is asked for; of equal ones the earlier. Raises CampaignUnbegun where prices are not known."""
    if places.quiet_hours is None:
        return []
    since = now - QUIET_WINDOW
    by_hour: Mapping[int, Decimal | int]
    if places.quiet_by is QuietBy.PRICE:
        by_hour = await dear_hours(conn, tenant_id, sorted(places.sites), since, now + PRICES_AHEAD)
        if len(by_hour) < HOURS:
            raise CampaignUnbegun(
                Unbegun.NO_PRICES,
                "Prices are not known for every hour of the day at its sites. Say what they pay, and fetch or load the"
                " prices of the day ahead of their zones.",
            )
    else:
        by_hour = await store.energy_by_hour(conn, tenant_id, sorted(places.sites), since, now)
    ordered = sorted(range(HOURS), key=lambda hour: (by_hour.get(hour, 0), hour))
    return sorted(ordered[: places.quiet_hours])


async def _check_places(conn: Connection, tenant_id: int, places: Places) -> None:
    """Raises PlaceMissing where one that is named is none: it would run and never fit."""
    for slug in await unknown_sites(conn, tenant_id, sorted(places.sites)):
        raise PlaceMissing("sites", f"site {slug!r}")
    for tariff_id in await unknown_tariffs(conn, tenant_id, sorted(places.tariffs)):
        raise PlaceMissing("tariffs", f"tariff {tariff_id}")


async def _locked(conn: Connection, tenant_id: int, campaign_id: int) -> Campaign:
    found = await store.find_campaign(conn, tenant_id, campaign_id, lock=True)
    if found is None:
        raise CampaignUnknown
    return found


def _made_up() -> str:
    return base64.b32encode(secrets.token_bytes(CODE_BYTES)).decode()
