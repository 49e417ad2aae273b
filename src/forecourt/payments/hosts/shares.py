"""From what the ledger says of a payment to what its host is owed: the share when it is settled, and back with every
refund and dispute. All of it may be asked again at any time: what stands is not written twice."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final
from uuid import UUID

import msgspec
import structlog

from forecourt.payments.debts.store import list_payers
from forecourt.payments.fleets.billing import owe_home
from forecourt.payments.fleets.store.invoices import fleet_named
from forecourt.payments.hosts.entries import back_key, host_fee, reimbursement, share, share_back
from forecourt.payments.hosts.late import MAX_ENTRIES, debts_of, unpaid_again
from forecourt.payments.hosts.lines import book
from forecourt.payments.hosts.model import Share, ShareRule, Version, back_of, share_of, vat_account
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
    Of what was owed and is paid by other payments, in parts or whole, a share is owed with each of them, and goes back
    with what goes back of it.
    """
    held = await hold(conn, tenant_id, [intent])
    if len(held) > 1:
        # Those too who get a share now: in one order, whatever the order of the debts.
        given = await lines.hosts_of_shares(conn, tenant_id, held)
        await store.hold_hosts(conn, tenant_id, [*given, *await _hosts_to_come(conn, tenant_id, held)])
    for each in (intent, *sorted(held - {intent})):
        await _follow_one(conn, tenant_id, each, now, intent if settled else None)


async def _follow_one(conn: Connection, tenant_id: int, payment: str, now: datetime, settled: str | None) -> None:
    """The share of the session that a payment is of, if it is of one: given as far as its money came, and taken back as
    far as that went back."""
    told = await _told(conn, tenant_id, payment)
    sale = next((each for each in told if each.entry.kind in SALES), None)
    if sale is None or sale.entry.session_id is None:
        return
    payers = await list_payers(conn, tenant_id, payment)
    paid = await _paid(conn, tenant_id, sale, told, payers, settled)
    found = await lines.find_share(conn, tenant_id, sale.entry.session_id)
    if found is None and paid:
        await _give(conn, tenant_id, sale, now, paid)
        found = await lines.find_share(conn, tenant_id, sale.entry.session_id)
    if found is None:
        return
    host_id, line = found
    taxed, given = await _given(conn, tenant_id, line)
    whole = await _whole(conn, tenant_id, line, sale, taxed, paid) if payers else given
    taking = _Taking(host_id, line, taxed, whole, now)
    missing = await _take_back(conn, tenant_id, taking, sale, told, paid if payers else 0)
    if payers:
        unpaid = await unpaid_again(conn, tenant_id, payment, settled)
        await _keep_to(conn, tenant_id, taking, given, paid=paid, unpaid=unpaid, missing=missing)


async def _paid(
    conn: Connection, tenant_id: int, sale: Told, told: list[Told], payers: list[tuple[str, int, bool]],
    settled: str | None,
) -> int:  # fmt: skip
    """What came of a sale that is ours to use, in minor units: at once, and by what paid of its debt later."""
    total = _billed_of(sale).total
    lost = sum(leg.amount for each in told if each.entry.kind == Kind.CAPTURE_LOST for leg in each.legs
               if leg.account == DRIVERS)  # fmt: skip
    at_once = total - _owed_of(sale) - lost
    payment = sale.entry.intent
    if payment != settled and not _is_ours(sale):
        at_once = at_once if payers and await lines.is_settled(conn, tenant_id, payment or "") else 0
    return min(at_once + sum(amount for payer, amount, ours in payers if ours or payer == settled), total)


async def follow_given(conn: Connection, tenant_id: int, session_id: UUID, now: datetime) -> None:
    """Writes what a host is owed of a session that was given away, if it isn't written yet: nobody pays for it, so
    nothing is waited for, and nothing goes back."""
    key = given_key(session_id)
    await lines.hold_intent(conn, tenant_id, key)
    entry = await ledger.find_by_key(conn, tenant_id, key)
    if entry is None or await lines.find_share(conn, tenant_id, session_id) is not None:
        return
    legs = await ledger.list_postings(conn, tenant_id, [entry.entry_id])
    await _give(conn, tenant_id, Told(entry=entry, legs=legs), now, 0)


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


def _is_ours(sale: Told) -> bool:
    """Whether no provider of ours settles it: a station's own terminal pays the organisation by itself."""
    return sale.entry.kind in OURS or any(leg.account == psp(TERMINAL) for leg in sale.legs)


async def _told(conn: Connection, tenant_id: int, intent: str) -> list[Told]:
    entries = await ledger.list_entries(conn, tenant_id, intent=intent, order="oldest", limit=MAX_ENTRIES)
    legs = await ledger.list_postings(conn, tenant_id, [entry.entry_id for entry in entries])
    return [Told(entry=entry, legs=[leg for leg in legs if leg.entry_id == entry.entry_id]) for entry in entries]


async def _give(conn: Connection, tenant_id: int, sale: Told, now: datetime, paid: int) -> None:
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
    earned, part = _earned(sale, paid, place.billed)
    given = share_of(version.rule, earned, place.energy_wh or 0, host.vat_rate, part)
    entry = share(
        session_id=session_id, host=version.host_id, at=now, currency=currency, share=given.share, vat=given.vat,
        vat_account=vat_account(host.country, host.vat_rate), platform_fee=given.platform_fee,
        intent=sale.entry.intent,
    )  # fmt: skip
    await book(conn, tenant_id, version.host_id, entry, _about(place, version, given, sale.entry.intent))


async def _whole(
    conn: Connection, tenant_id: int, line: LineRow, sale: Told, taxed: str, paid: int
) -> Share:  # fmt: skip
    """The share of so much of a sale, by the rule and the VAT by which its first line was given."""
    assert line.session_id is not None, "a share is of a session"
    assert line.rule_id is not None, "a share is by a rule"
    place = await lines.find_place(conn, tenant_id, line.session_id)
    version = await store.find_rule(conn, tenant_id, line.rule_id)
    assert version is not None, "rules stay"
    earned, part = _earned(sale, paid, None if place is None else place.billed)
    rate = Decimal(taxed.rpartition(":")[2]) if taxed else None
    rule = msgspec.convert(version.rule, ShareRule, strict=False)
    return share_of(rule, earned, line.energy_wh or 0, rate, part)


def _earned(sale: Told, paid: int, asked: int | None) -> tuple[dict[str, int], Fraction]:
    """What a sale earned before VAT, by account: of what was paid of it, not of what is still owed by the driver; and
    what part of the bill that is. What was given off it counts where the host bears it. `asked`: what the payment was
    asked for, more than was sold where a station's terminal took less."""
    billed = _billed_of(sale)
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


class _Taking(msgspec.Struct, frozen=True):
    """Of what something goes back: a host's share, given in one line or more, whose VAT stands on an account."""

    host_id: int
    line: LineRow
    taxed: str
    given: Share
    now: datetime

    async def book(
        self, conn: Connection, tenant_id: int, cause: str, back: Share, intent: str | None, memo: str
    ) -> None:
        """Takes so much of it back; below 0: gives it once more."""
        entry = share_back(
            cause=cause, session_id=self.line.session_id or UUID(int=0), host=self.host_id, at=self.now,
            currency=self.line.currency, share=back.share, vat=back.vat, vat_account=self.taxed,
            platform_fee=back.platform_fee, intent=intent,
        )  # fmt: skip
        await book(conn, tenant_id, self.host_id, entry, _about_back(self.line, back, memo))


async def _take_back(
    conn: Connection, tenant_id: int, of: _Taking, sale: Told, told: list[Told], came: int
) -> int:  # fmt: skip
    """Refunds and disputes in the order in which they were posted, each with its part of the share; what was written of
    one stays so, though the share is of more by now. `came`: what is ours of the sale, where others paid of it too.
    What should have gone back more, before VAT: a refund took no more of the share than there was of it then."""
    taken = [leg for each in told if each is sale or each.entry.kind == Kind.DEBT_PAID for leg in each.legs]
    paid = max(sum(leg.amount for leg in taken if leg.amount > 0 and not leg.account.startswith(UNPAID)), came)
    gone = due = 0
    # By what would undo it: what went back of the share, and what goes back of it as it is by now.
    undone: dict[str, tuple[int, int]] = {}
    for each in told:
        cause = each.entry.key
        written = await lines.find_back(conn, tenant_id, back_key(cause))
        if each.entry.kind in (Kind.REFUND, Kind.DISPUTE_OPENED):
            net, undoes = each.net(), refund_back_key(cause)
            if each.entry.kind == Kind.DISPUTE_OPENED:
                amount = sum(leg.amount for leg in each.legs if leg.amount > 0)
                net, undoes = -(-of.given.net * amount // paid), _dispute_of(cause)
            should = min(net, of.given.net - due)
            net = min(net, of.given.net - gone) if written is None else written
            undone[undoes] = net, should
        elif each.entry.kind in (Kind.REFUND_BACK, Kind.DISPUTE_WON):
            undoes = cause if each.entry.kind == Kind.REFUND_BACK else _dispute_of(cause)
            net, should = (-went for went in undone.pop(undoes, (0, 0)))
        else:
            continue
        back = back_of(of.given, net, gone)
        gone, due = gone + net, due + should
        if written is None:
            await of.book(conn, tenant_id, cause, back, each.entry.intent, each.entry.kind)
    return max(due - gone, 0)


def _dispute_of(key: str) -> str:
    """The dispute that an entry of this key is about."""
    return key.split(":")[1]


async def _keep_to(
    conn: Connection, tenant_id: int, of: _Taking, first: Share, *, paid: int, unpaid: int, missing: int
) -> None:  # fmt: skip
    """Of a session that was owed, in part or whole: what came of it since its first line, `first`, was given, or went
    back of what had come (`unpaid`, of `paid`), or was paid anew, or is `missing` of what its own refunds and disputes
    took back when less of it had come. What is written is what lies between that and what was written so far."""
    session_id, given = of.line.session_id, of.given
    assert session_id is not None, "a share is of a session"
    back = await lines.sum_back(conn, tenant_id, session_id, late=False)
    before = await lines.sum_back(conn, tenant_id, session_id, late=True)
    lost = -(-given.net * min(unpaid, paid) // paid) if paid else 0
    gone = back_of(given, min(back.net + missing + lost, given.net), 0)

    def between(name: str) -> int:
        to_be, was, own, so_far = (int(getattr(each, name)) for each in (given, first, back, before))
        return was - to_be + int(getattr(gone, name)) - own - so_far

    late = Share(
        net=between("net"), share=between("share"), platform_fee=between("platform_fee"), vat=between("vat")
    )  # fmt: skip
    memo = Kind.REFUND if late.net > 0 else Kind.DEBT_PAID
    await of.book(conn, tenant_id, f"late:{session_id}:{before.lines + 1}", late, of.line.intent, memo)


async def _given(conn: Connection, tenant_id: int, line: LineRow) -> tuple[str, Share]:
    """A share as it was given first, with the account of its VAT: what the host charges may have changed since."""
    assert line.net is not None
    legs = await ledger.list_postings(conn, tenant_id, [line.entry_id])
    # Of a small share there may be no VAT to the cent, and the entry says all the same what it would be of.
    named = [*(await ledger.nets_of(conn, tenant_id, line.entry_id) or {}), *(leg.account for leg in legs)]
    taxed = next((account for account in named if account.startswith("vat_receivable:")), "")
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
