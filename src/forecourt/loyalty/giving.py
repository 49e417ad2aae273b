"""What counts for a session: decided once, kept of the budget before it is promised, and settled by the final bill.

A driver who is shown a discount has it: what is promised is kept for the token that begins the session, before anybody
pays. A session that comes without a promise, such as one by a card, is decided when it begins.
"""

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

from msgspec import Struct, structs
from psycopg import AsyncConnection
from psycopg.errors import UniqueViolation

from forecourt.drivers.fleets.model import PricedFor
from forecourt.drivers.fleets.service import priced_for
from forecourt.loyalty.errors import AccountNeeded, VoucherUnknown, VoucherUsed
from forecourt.loyalty.model.campaigns import Campaign, Occasion, best, considered, discount_id, fits
from forecourt.loyalty.model.uses import KEPT_FOR, PROMISED_FOR, Code, Use, UseState, plain
from forecourt.loyalty.store import campaigns, uses
from forecourt.platform.clock import Clock
from forecourt.platform.money import rounded
from forecourt.pricing import service as pricing
from forecourt.pricing.discounts import Priced
from forecourt.pricing.model import Discount

Connection = AsyncConnection[Any]


class Offered(Struct, frozen=True, kw_only=True):
    """What would count for a session. `code`: of the voucher by which it does; `use`: what is kept for it already."""

    campaign: Campaign
    code: Code | None = None
    use: Use | None = None


class Giving:
    """`pricing.Discounts`, for the life of a process: what was decided for a session is given to it whenever it is
    priced, and decided at the latest by its final bill."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def __call__(self, conn: Connection, tenant_id: int, priced: Priced, /) -> tuple[Discount, ...]:
        """The discounts of a session: what is best for its driver of what was kept for it."""
        if priced.session_id is None:
            return ()
        if priced.final:
            # A look at a running cost decides nothing: whoever looks may see too little to decide by.
            await decide(conn, tenant_id, priced.session_id, self._clock.now())
        found = []
        for use in await uses.of_session(conn, tenant_id, priced.session_id, lock=priced.final):
            campaign = await campaigns.find_campaign(conn, tenant_id, use.campaign_id)
            assert campaign is not None, "campaigns stay"
            found.append(campaign)
        return tuple(best(found, priced.bill, priced.less)) if found else ()


async def offers_at(
    conn: Connection, tenant_id: int, occasion: Occasion, code: str | None = None, *, lock: bool = False
) -> list[Offered]:  # fmt: skip
    """What would be kept there and then, of which the bill says what counts; nothing is kept by it. `code`: as it was
    typed; `lock`: what is kept stays so until the transaction ends.

    Raises VoucherUnknown, VoucherUsed, AccountNeeded for a code that doesn't count.
    """
    kept = await uses.list_open(
        conn, tenant_id, token_uid=occasion.token_uid, driver_id=occasion.driver_id, at=occasion.at, lock=lock
    )
    mine = []
    for use in kept:
        campaign = await campaigns.find_campaign(conn, tenant_id, use.campaign_id)
        assert campaign is not None, "campaigns stay"
        mine.append(Offered(campaign=campaign, use=use))
    promised = [each for each in mine if _promised(each, occasion)]
    if promised or not (mine or code or occasion.driver_id):
        return promised
    occasion = await _priced(conn, tenant_id, occasion)
    found = [each for each in mine if fits(each.campaign, occasion)]
    if code:
        found.append(await _by_code(conn, tenant_id, occasion, code, found))
    if occasion.driver_id is not None:
        found += await _of_driver(conn, tenant_id, occasion, occasion.driver_id, lock=lock)
    by_id = {each.campaign.campaign_id: each for each in reversed(found)}
    return [by_id[each.campaign_id] for each in considered([each.campaign for each in by_id.values()])]


async def enter(conn: Connection, tenant_id: int, driver_id: int, code: str, now: datetime) -> Campaign:
    """A driver enters a code, which is kept for their next session that it is for. Twice is once.

    Raises VoucherUnknown, VoucherUsed.
    """
    held, campaign = await _of_code(conn, tenant_id, code, now)
    kept = await uses.list_open(conn, tenant_id, token_uid=None, driver_id=driver_id, at=now)
    if any(each.campaign_id == campaign.campaign_id for each in kept):
        return campaign
    until = min(now + KEPT_FOR, campaign.terms.ends_at or now + KEPT_FOR)
    if not await _keep(conn, tenant_id, Offered(campaign=campaign, code=held), driver_id, None, None, now, until):
        raise VoucherUsed
    return campaign


async def promise(
    conn: Connection, tenant_id: int, occasion: Occasion, code: str | None, now: datetime
) -> list[Campaign]:
    """Keeps what is offered for the token that begins the session; what was promised to it stays. Raises as
    `offers_at`, and VoucherUsed where the last of it was just taken."""
    assert occasion.token_uid is not None, "promised to a token"
    given = []
    for offered in _in_turn(await offers_at(conn, tenant_id, occasion, code, lock=True)):
        until, who = now + PROMISED_FOR, occasion.driver_id
        if offered.use is not None:
            if not _promised(offered, occasion):
                await uses.claim(conn, tenant_id, offered.use.use_id, occasion.token_uid, until)
            given.append(offered.campaign)
            continue
        if await _keep(conn, tenant_id, offered, who, occasion.token_uid, None, now, until):
            given.append(offered.campaign)
        elif offered.code is not None:
            raise VoucherUsed
    return given


async def take_back(conn: Connection, tenant_id: int, token_uid: str, now: datetime) -> None:
    """Nothing begins by this token after all: what was promised to it is free again, what its driver keeps is kept."""
    for use in await uses.list_open(conn, tenant_id, token_uid=token_uid, driver_id=None, at=now, lock=True):
        if use.kept:
            await uses.claim(conn, tenant_id, use.use_id, None, None)
        else:
            await uses.settle(conn, tenant_id, use, None, now)


async def decide(conn: Connection, tenant_id: int, session_id: UUID, now: datetime) -> None:
    """Says what counts for a session, once: what was promised, else what is for it now."""
    occasion = await uses.occasion_of_session(conn, tenant_id, session_id)
    if occasion is None or not await uses.decide(conn, tenant_id, session_id, occasion.driver_id, now):
        return
    for offered in _in_turn(await offers_at(conn, tenant_id, occasion, lock=True)):
        if offered.use is not None:
            await uses.bind(conn, tenant_id, [offered.use.use_id], session_id)
        else:
            await _keep(conn, tenant_id, offered, occasion.driver_id, occasion.token_uid, session_id, now, None)


async def settle(conn: Connection, tenant_id: int, use: Use, now: datetime) -> None:
    """Spends what was kept, as the final bill of its session says. What no session came of, or took nothing of its
    session, is free again, and its code good once more; a voucher that a driver keeps is kept on until it runs out."""
    if use.session_id is None or use.state is UseState.OPEN:
        await uses.settle(conn, tenant_id, use, None, now)
        return
    campaign = await campaigns.find_campaign(conn, tenant_id, use.campaign_id)
    assert campaign is not None, "campaigns stay"
    shown = await uses.discounts_of(conn, tenant_id, use.session_id)
    exact = sum(
        (Fraction(each["incl_vat"]) for each in shown if each["id"] == discount_id(use.campaign_id)), Fraction(0)
    )
    taken = min(rounded(exact, campaign.terms.currency), use.reserved)
    if taken or not await uses.keep_on(conn, tenant_id, use.use_id, now):
        await uses.settle(conn, tenant_id, use, taken or None, now)


async def _priced(conn: Connection, tenant_id: int, occasion: Occasion) -> Occasion:
    """With the tariff of a session there and then, as far as it is known whose it is."""
    place = await pricing.find_place(conn, tenant_id, occasion.station_id, occasion.evse)
    if place is None:
        return occasion
    whom, driver_id = PricedFor(), occasion.driver_id
    if driver_id is not None:
        whom = await priced_for(conn, tenant_id, driver_id, occasion.at)
    found = await pricing.tariff_for(conn, tenant_id, place, occasion.at, whom.group, whom.subscription)
    if found is None:
        return occasion
    return structs.replace(occasion, tariff_id=found.tariff_id, currency=found.tariff.currency)


def _in_turn(offers: Sequence[Offered]) -> list[Offered]:
    """As budgets are locked: who keeps several of them waits for nobody who waits for him."""
    return sorted(offers, key=lambda each: each.campaign.campaign_id)


def _promised(offered: Offered, occasion: Occasion) -> bool:
    """Whether it is kept for the token of this session."""
    use = offered.use
    return (
        use is not None
        and use.state is UseState.OPEN
        and occasion.token_uid is not None
        and use.token_uid == occasion.token_uid
    )


async def _of_code(conn: Connection, tenant_id: int, code: str, now: datetime) -> tuple[Code, Campaign]:
    """The voucher of a code that may be entered now. Raises VoucherUnknown, VoucherUsed."""
    held = await campaigns.find_code(conn, tenant_id, plain(code))
    campaign = None if held is None else await campaigns.find_campaign(conn, tenant_id, held.campaign_id)
    if held is None or campaign is None or not campaign.counts_at(now):
        raise VoucherUnknown
    if held.most_uses is not None and held.used >= held.most_uses:
        raise VoucherUsed
    return held, campaign


async def _by_code(
    conn: Connection, tenant_id: int, occasion: Occasion, code: str, kept: Sequence[Offered]
) -> Offered:  # fmt: skip
    for each in kept:
        held = await campaigns.find_code(conn, tenant_id, plain(code))
        if held is not None and each.campaign.campaign_id == held.campaign_id:
            return each
    held, campaign = await _of_code(conn, tenant_id, code, occasion.at)
    if not fits(campaign, occasion):
        raise VoucherUnknown
    if campaign.terms.per_driver is not None and occasion.driver_id is None:
        raise AccountNeeded
    if not await _allowed(conn, tenant_id, campaign, occasion.driver_id):
        raise VoucherUsed
    return Offered(campaign=campaign, code=held)


async def _of_driver(
    conn: Connection, tenant_id: int, occasion: Occasion, driver_id: int, *, lock: bool
) -> list[Offered]:  # fmt: skip
    """Campaigns that a driver has and that are for such a session. One that may not be given once more is given again
    where the bill of another session didn't use it."""
    treated = await campaigns.list_treated(conn, tenant_id, driver_id)
    if not treated:
        return []
    found = []
    for each in await campaigns.list_running(conn, tenant_id):
        if each.campaign_id not in treated or not each.counts_at(occasion.at) or not fits(each, occasion):
            continue
        if each.left is not None and each.left < each.terms.reserve:
            continue
        if await _allowed(conn, tenant_id, each, driver_id):
            found.append(Offered(campaign=each))
        elif spare := await uses.find_spare(conn, tenant_id, each.campaign_id, driver_id, lock=lock):
            found.append(Offered(campaign=each, use=spare))
    return found


async def _allowed(conn: Connection, tenant_id: int, campaign: Campaign, driver_id: int | None) -> bool:
    """Whether a driver may have a campaign once more."""
    most = campaign.terms.per_driver
    if most is None or driver_id is None:
        return True
    return await uses.count_of_driver(conn, tenant_id, campaign.campaign_id, driver_id) < most


async def _keep(
    conn: Connection, tenant_id: int, offered: Offered, driver_id: int | None, token_uid: str | None,
    session_id: UUID | None, now: datetime, until: datetime | None,
) -> bool:  # fmt: skip
    """Keeps a campaign's part of the budget and a use of the code; whether there was so much left. All or nothing."""
    campaign, code = offered.campaign, offered.code
    if campaign.terms.per_driver is not None and driver_id is None:
        return False
    try:
        async with conn.transaction():
            if not await uses.reserve(conn, tenant_id, campaign.campaign_id, campaign.terms.reserve):
                return False
            # The campaign is locked by now: nobody else counts this driver's uses meanwhile.
            if not await _allowed(conn, tenant_id, campaign, driver_id):
                raise _NothingLeft
            if code is not None and not await uses.take_code(conn, tenant_id, code.code_id):
                raise _NothingLeft
            await uses.insert_use(
                conn, tenant_id, campaign.campaign_id, code_id=None if code is None else code.code_id,
                driver_id=driver_id, token_uid=token_uid, session_id=session_id, reserved=campaign.terms.reserve,
                at=now, until_at=until,
            )  # fmt: skip
    except (_NothingLeft, UniqueViolation):
        return False
    return True


class _NothingLeft(Exception):
    """Rolls back what was kept."""
