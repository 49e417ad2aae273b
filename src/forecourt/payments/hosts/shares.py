"""From what the ledger says of a payment to what its host is owed: the share when it is settled, and back with every
refund and dispute. All of it may be asked again at any time: what stands is not written twice."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final
from uuid import UUID

import msgspec
import structlog

from forecourt.payments.fleets.billing import owe_home
from forecourt.payments.fleets.store.invoices import fleet_named
from forecourt.payments.hosts.entries import host_fee, reimbursement, share, share_back
from forecourt.payments.hosts.late import MAX_ENTRIES, debts_of, unpaid_again
from forecourt.payments.hosts.lines import book
from forecourt.payments.hosts.model import Share, Version, back_of, share_of, vat_account
from forecourt.payments.hosts.store import Connection, lines
from forecourt.payments.hosts.store import hosts as store
from forecourt.payments.hosts.store.lines import About, LineRow, PlaceRow
from forecourt.payments.ledger import store as ledger
from forecourt.payments.ledger.billed import HOST_BEARS, WE_BEAR, Billed, Line
from forecourt.payments.ledger.entries import DRIVERS, TERMINAL, given_key, psp, refund_back_key
from forecourt.payments.ledger.model import Kind
from forecourt.payments.ledger.store import EntryRow, PostingRow
from forecourt.platform.apart import apart
from forecourt.platform.database import Pool

log = structlog.get_logger(__name__)

#: After the end of a session at home, before its kWh are paid: what a station tells late has come by then.
SETTLED_AFTER: Final = timedelta(hours=1)
#: How far back a look for such sessions goes.
LOOK_BACK: Final = timedelta(days=40)
AT_ONCE: Final = 1_000
SALES: Final = frozenset({Kind.CAPTURE, Kind.WALLET_USE, Kind.FLEET_INVOICE})
#: Sales that no provider has to settle: a wallet was paid in advance, and what a fleet is given on credit is not the
#: host's concern.
OURS: Final = frozenset({Kind.WALLET_USE, Kind.FLEET_INVOICE})
REVENUE: Final = "revenue:"
#: What a sale has on its debit side and nobody paid.
UNPAID: Final = (DRIVERS, HOST_BEARS, WE_BEAR)


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An entry with its legs."""

    entry: EntryRow
    legs: list[PostingRow]

    def net(self) -> int:
        """What it comes to before VAT, as far as a host has a share of it; a sale's is below 0."""
        return sum(leg.amount for leg in self.legs if leg.account.startswith((REVENUE, HOST_BEARS)))


async def hold(conn: Connection, tenant_id: int, intents: Iterable[str]) -> set[str]:
    """Holds payments, with every payment whose debts they paid, until the transaction ends; which are held. In one
    order, so that of two that follow payments of one debt one waits for the other: ask before anything else is held,
    and for all that the transaction will follow."""
    asked, held = set(intents), set[str]()
    while True:
        more = asked.union(*[await debts_of(conn, tenant_id, each) for each in sorted(asked)]) - held
        if not more:
            return held
        for each in sorted(more):
            await lines.hold_intent(conn, tenant_id, each)
        # Then looked for again, as a debt may have been paid while this waited.
        held |= more


async def follow(conn: Connection, tenant_id: int, intent: str, now: datetime, *, settled: bool) -> None:
    """Writes what a host is owed of a payment, as far as the ledger says it and it isn't written yet.

    `settled`: the provider has let us have the money, so the share is owed. Refunds and disputes before that wait.
    What was owed and is paid by another payment is settled with the last that paid of it, and goes back with what goes
    back of that.
    """
    held = await hold(conn, tenant_id, [intent])
    if len(held) > 1:
        # Those too who get a share now: in one order, whatever the order of the debts.
        given = await lines.hosts_of_shares(conn, tenant_id, held)
        await store.hold_hosts(conn, tenant_id, [*given, *await _hosts_to_come(conn, tenant_id, held)])
    told = await _told(conn, tenant_id, intent)
    sale = next((each for each in told if each.entry.kind in SALES), None)
    late_paid = any(each.entry.kind == Kind.DEBT_PAID for each in told)
    if late_paid and sale is None:
        if settled:
            for debt, paid in await lines.list_debts_paid(conn, tenant_id, intent):
                await _give_late(conn, tenant_id, debt, paid, now)
        for debt in sorted(held - {intent}):
            await _keep_to(conn, tenant_id, await _told(conn, tenant_id, debt), now, intent if settled else None)
        return
    if sale is None or sale.entry.session_id is None:
        return
    found = await lines.find_share(conn, tenant_id, sale.entry.session_id)
    if found is None:
        # Of a debt whose rest was written off nobody who paid of it is settled any more. One that was taken of its own
        # hold after all, in part, waits for the rest.
        late = await lines.paid_and_over(conn, tenant_id, intent, intent if settled else None)
        if (settled and not late_paid) or _is_ours(sale) or late:
            await _give(conn, tenant_id, sale, now, late=late)
    await _keep_to(conn, tenant_id, told, now, intent if settled else None)


async def follow_given(conn: Connection, tenant_id: int, session_id: UUID, now: datetime) -> None:
    """Writes what a host is owed of a session that was given away, if it isn't written yet: nobody pays for it, so
    nothing is waited for, and nothing goes back."""
    key = given_key(session_id)
    await lines.hold_intent(conn, tenant_id, key)
    entry = await ledger.find_by_key(conn, tenant_id, key)
    if entry is None or await lines.find_share(conn, tenant_id, session_id) is not None:
        return
    legs = await ledger.list_postings(conn, tenant_id, [entry.entry_id])
    await _give(conn, tenant_id, Told(entry=entry, legs=legs), now)


async def _hosts_to_come(conn: Connection, tenant_id: int, intents: Iterable[str]) -> list[int]:
    """The hosts who have a share, by the rules, of what these payments paid for."""
    found = []
    for intent in sorted(intents):
        sale = next((each for each in await _told(conn, tenant_id, intent) if each.entry.kind in SALES), None)
        if sale is None or sale.entry.session_id is None:
            continue
        place = await lines.find_place(conn, tenant_id, sale.entry.session_id)
        version = None if place is None else await _rule_of(conn, tenant_id, place)
        if version is not None and version.host_id is not None:
            found.append(version.host_id)
    return found


async def _keep_to(conn: Connection, tenant_id: int, told: list[Told], now: datetime, settled: str | None) -> None:
    """Takes back of the share of a sale, if it was given, what went back of its money."""
    sale = next((each for each in told if each.entry.kind in SALES), None)
    if sale is None or sale.entry.session_id is None:
        return
    found = await lines.find_share(conn, tenant_id, sale.entry.session_id)
    if found is not None:
        gone = await _take_back(conn, tenant_id, *found, sale, told, now)
        await _take_late(conn, tenant_id, *found, sale, gone, now, settled)


def _is_ours(sale: Told) -> bool:
    """Whether no provider of ours settles it: a station's own terminal pays the organisation by itself."""
    return sale.entry.kind in OURS or any(leg.account == psp(TERMINAL) for leg in sale.legs)


async def _told(conn: Connection, tenant_id: int, intent: str) -> list[Told]:
    entries = await ledger.list_entries(conn, tenant_id, intent=intent, order="oldest", limit=MAX_ENTRIES)
    legs = await ledger.list_postings(conn, tenant_id, [entry.entry_id for entry in entries])
    return [Told(entry=entry, legs=[leg for leg in legs if leg.entry_id == entry.entry_id]) for entry in entries]


async def _give_late(conn: Connection, tenant_id: int, intent: str, paid: int, now: datetime) -> None:
    """The share of a session that was owed whole, of what was paid of it in the end."""
    sale = next((each for each in await _told(conn, tenant_id, intent) if each.entry.kind in SALES), None)
    if sale is None or sale.entry.session_id is None:
        return
    if await lines.find_share(conn, tenant_id, sale.entry.session_id) is None:
        await _give(conn, tenant_id, sale, now, late=paid)


async def _give(conn: Connection, tenant_id: int, sale: Told, now: datetime, *, late: int = 0) -> None:
    session_id = sale.entry.session_id
    assert session_id is not None
    place = await lines.find_place(conn, tenant_id, session_id)
    version = None if place is None else await _rule_of(conn, tenant_id, place)
    if place is None or version is None or version.host_id is None or version.rule.paid_by is not None:
        return
    currency = sale.legs[0].currency
    if version.rule.currency != currency:
        log.warning("a share rule speaks of another currency", session=str(session_id), rule=version.rule_id)
        return
    host = await store.find_host(conn, tenant_id, version.host_id)
    assert host is not None
    earned, part = _earned(sale, late, place.billed)
    given = share_of(version.rule, earned, place.energy_wh or 0, host.vat_rate, part)
    entry = share(
        session_id=session_id, host=version.host_id, at=now, currency=currency, share=given.share, vat=given.vat,
        vat_account=vat_account(host.country, host.vat_rate), platform_fee=given.platform_fee,
        intent=sale.entry.intent,
    )  # fmt: skip
    await book(conn, tenant_id, version.host_id, entry, _about(place, version, given, sale.entry.intent))


def _earned(sale: Told, late: int, asked: int | None) -> tuple[dict[str, int], Fraction]:
    """What a sale earned before VAT, by account: of what was paid, at once and late, not of what is still owed by the
    driver; and what part of the bill that is. What was given off it counts where the host bears it. `asked`: what the
    payment was asked for, more than was sold where a station's terminal took less."""
    billed = _billed_of(sale)
    paid = billed.total - _owed_of(sale)
    # A capture that was told and lost is paid by its debt: of one sale there is one share.
    paid = min(paid + late, billed.total)
    part = billed if paid == billed.total else billed.part(paid)
    earned: dict[str, int] = {}
    for line in part.lines:
        if line.account.startswith((REVENUE, HOST_BEARS)):
            account = REVENUE + line.account.rpartition(":")[2]
            earned[account] = earned.get(account, 0) + line.amount
    whole = max(billed.total, asked or 0)
    return earned, Fraction(paid, whole) if whole else Fraction(1)


def _billed_of(sale: Told) -> Billed:
    earned = [leg for leg in sale.legs if leg.account.startswith((REVENUE, HOST_BEARS, WE_BEAR, "vat_payable:"))]
    lines_ = tuple(Line(account=leg.account, amount=-leg.amount) for leg in earned)
    return Billed(currency=sale.legs[0].currency, lines=lines_)


def _owed_of(sale: Told) -> int:
    return sum(leg.amount for leg in sale.legs if leg.account == DRIVERS)


async def _rule_of(conn: Connection, tenant_id: int, place: PlaceRow) -> Version | None:
    """The rule that counts at the session's start."""
    if place.path is None:
        return None
    return await store.rule_at(conn, tenant_id, station_id=place.station_id, site_path=place.path, at=place.started_at)


async def _take_back(
    conn: Connection, tenant_id: int, host_id: int, line: LineRow, sale: Told, told: list[Told], now: datetime
) -> int:
    """Refunds and disputes in the order in which they were posted, each with its part of the share; what of its net is
    gone with them."""
    taxed, given = await _given(conn, tenant_id, line)
    came = [leg for each in told if each is sale or each.entry.kind == Kind.DEBT_PAID for leg in each.legs]
    paid = sum(leg.amount for leg in came if leg.amount > 0 and not leg.account.startswith(UNPAID))
    gone = 0
    refunded: dict[str, int] = {}
    disputed: dict[str, int] = {}
    for each in told:
        cause = each.entry.key
        if each.entry.kind == Kind.REFUND:
            net = min(each.net(), given.net - gone)
            refunded[refund_back_key(cause)] = net
        elif each.entry.kind == Kind.REFUND_BACK:
            net = -refunded.pop(cause, 0)
        elif each.entry.kind == Kind.DISPUTE_OPENED:
            amount = sum(leg.amount for leg in each.legs if leg.amount > 0)
            net = disputed[cause.split(":")[1]] = min(-(-given.net * amount // paid), given.net - gone)
        elif each.entry.kind == Kind.DISPUTE_WON:
            net = -disputed.pop(cause.split(":")[1], 0)
        else:
            continue
        back = back_of(given, net, gone)
        gone += net
        entry = share_back(
            cause=cause, session_id=line.session_id or UUID(int=0), host=host_id, at=now, currency=line.currency,
            share=back.share, vat=back.vat, vat_account=taxed,
            platform_fee=back.platform_fee, intent=each.entry.intent,
        )  # fmt: skip
        await book(conn, tenant_id, host_id, entry, _about_back(line, back, each.entry.kind))
    return gone


async def _take_late(
    conn: Connection, tenant_id: int, host_id: int, line: LineRow, sale: Told, gone: int, now: datetime,
    settled: str | None,
) -> None:  # fmt: skip
    """Of a session that was owed first: what went back of the payments that paid it later, or was paid anew since. What
    is written is what lies between that and what was written so far."""
    assert sale.entry.intent is not None, "a sale is one of a payment"
    late = sum(amount for _, amount, _ in await lines.list_payers(conn, tenant_id, sale.entry.intent))
    if not late or line.session_id is None:
        return
    taxed, given = await _given(conn, tenant_id, line)
    billed = _billed_of(sale)
    paid = min(billed.total - _owed_of(sale) + late, billed.total)
    unpaid = await unpaid_again(conn, tenant_id, sale.entry.intent, settled)
    net = min(-(-given.net * min(unpaid, paid) // paid), given.net - gone)
    whole = back_of(given, net, gone)
    before = await lines.sum_late(conn, tenant_id, line.session_id)
    back = Share(
        net=whole.net - before[0], share=whole.share - before[1], vat=whole.vat - before[2],
        platform_fee=whole.platform_fee - before[3],
    )  # fmt: skip
    entry = share_back(
        cause=f"late:{line.session_id}:{before[4] + 1}", session_id=line.session_id, host=host_id, at=now,
        currency=line.currency, share=back.share, vat=back.vat, vat_account=taxed, platform_fee=back.platform_fee,
        intent=sale.entry.intent,
    )  # fmt: skip
    await book(
        conn, tenant_id, host_id, entry, _about_back(line, back, Kind.REFUND if back.net > 0 else Kind.DEBT_PAID)
    )


async def _given(conn: Connection, tenant_id: int, line: LineRow) -> tuple[str, Share]:
    """A share as it was given, with the account of its VAT: what the host charges may have changed since."""
    assert line.net is not None
    legs = await ledger.list_postings(conn, tenant_id, [line.entry_id])
    taxed = next((leg.account for leg in legs if leg.account.startswith("vat_receivable:")), "")
    return taxed, Share(net=line.net, share=line.share, platform_fee=line.platform_fee, vat=line.vat)


def _about_back(line: LineRow, back: Share, memo: str) -> About:
    about = {name: getattr(line, name) for name in About.__struct_fields__}
    about |= {
        "share": -back.share, "vat": -back.vat, "platform_fee": -back.platform_fee, "net": -back.net,
        "energy_wh": None, "memo": memo,
    }  # fmt: skip
    return About(**about)


def _about(place: PlaceRow, version: Version, given: Share, intent: str | None) -> About:
    return About(
        share=given.share, vat=given.vat, platform_fee=given.platform_fee, net=given.net, rule_id=version.rule_id,
        session_id=place.session_id, intent=intent, site_id=place.site_id, station=place.station, evse=place.evse,
        connector=place.connector, started_at=place.started_at, energy_wh=place.energy_wh,
    )  # fmt: skip


async def reimburse(conn: Connection, tenant_id: int, session_id: UUID, now: datetime) -> bool:
    """A driver who charged at home for work is owed the kWh, and the fleet owes it; whether that is new."""
    place = await lines.find_place(conn, tenant_id, session_id)
    version = None if place is None else await _rule_of(conn, tenant_id, place)
    if place is None or version is None or version.host_id is None or version.rule.paid_by is None:
        return False
    given = share_of(version.rule, {}, place.energy_wh or 0, None)
    fleet_id = await fleet_named(conn, tenant_id, version.rule.paid_by)
    entry = reimbursement(
        session_id=session_id, fleet=version.rule.paid_by if fleet_id is None else str(fleet_id),
        host=version.host_id, at=now, currency=version.rule.currency, amount=given.share,
    )  # fmt: skip
    new = await book(conn, tenant_id, version.host_id, entry, _about(place, version, given, None))
    if new and fleet_id is not None:
        await owe_home(
            conn, tenant_id, fleet_id, entry.key, session_id=session_id, currency=version.rule.currency,
            amount=given.share,
        )  # fmt: skip
    return new


async def reimburse_due(pool: Pool, tenant_id: int, now: datetime) -> int:
    """All sessions at home that are over and not paid yet; how many. Each in a transaction of its own, so that no two
    hosts are held at once."""
    async with pool.tenant(tenant_id) as conn:
        found = await lines.list_at_home(conn, tenant_id, now=now, settled=SETTLED_AFTER, back=LOOK_BACK, limit=AT_ONCE)
    new = 0
    for session_id in found:
        with apart("a session at home was not paid back", tenant=tenant_id, session=str(session_id)):
            async with pool.tenant(tenant_id) as conn:
                new += await reimburse(conn, tenant_id, session_id, now)
    return new


async def ask_monthly_fees(conn: Connection, tenant_id: int, month: str, ended_at: datetime, now: datetime) -> None:
    """What hosts owe for a month (2026-03) and were not asked for yet, by the rules that counted as it ended."""
    for host_id, currency, amount in await store.monthly_fees(conn, tenant_id, ended_at, month):
        entry = host_fee(host=host_id, month=month, at=now, currency=currency, amount=amount)
        await book(conn, tenant_id, host_id, entry, About(platform_fee=amount, memo=month))
