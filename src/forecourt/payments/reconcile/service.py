"""The verbs of reconciliation: take what a provider says, settle, compare; read what a bank says."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from msgspec import Struct

from forecourt.access import Actor, audit
from forecourt.drivers.fleets.model import FleetUnknown
from forecourt.payments.bank.model import BankLineRow
from forecourt.payments.bank.sepa import CURRENCY
from forecourt.payments.bank.store import find_bank
from forecourt.payments.fleets import collection, undoing
from forecourt.payments.fleets.store import money
from forecourt.payments.fleets.store.invoices import fleet_named
from forecourt.payments.hosts.outcomes import take_back
from forecourt.payments.hosts.sepa import payout_of
from forecourt.payments.hosts.shares import follow, hold
from forecourt.payments.hosts.store import payouts
from forecourt.payments.hosts.store.hosts import hold_hosts, time_zone
from forecourt.payments.hosts.store.lines import list_part_paid
from forecourt.payments.intents.events import DUE
from forecourt.payments.ledger import entries
from forecourt.payments.ledger.service import post
from forecourt.payments.ledger.store import account_exists
from forecourt.payments.reconcile import camt
from forecourt.payments.reconcile.events import COMPARE
from forecourt.payments.reconcile.matching import BANK_DAYS, about_of_line, match, of_line, unbook
from forecourt.payments.reconcile.model import (
    CHARGES,
    MAX_COMPARED,
    OF_DEBITS,
    OF_PAYOUTS,
    SETTLEMENT,
    TRANSFERS,
    UNDONE,
    BankLineMatched,
    BankLineOpen,
    BankLineStays,
    BankLineUnknown,
    Difference,
    DifferenceUnknown,
    Differs,
    Movements,
    MovementsEndless,
    OtherAccount,
    about_of,
    compare,
    cut,
)
from forecourt.payments.reconcile.posting import followed, have_read, hosts_moved, is_ours, told_by, unposted
from forecourt.payments.reconcile.store import Connection, bank, comparing
from forecourt.payments.reconcile.store.comparing import DifferenceRow, MovementRow, ReconciliationRow
from forecourt.platform import outbox
from forecourt.platform.apart import apart
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool

log = structlog.get_logger(__name__)

#: How far back a night looks.
LOOK_BACK: Final = timedelta(days=14)
#: Pages of movements that are read of one span; what has more is read in parts.
MAX_PAGES: Final = 2_000
AT_ONCE: Final = 500
#: How long ago something may have been paid of a debt whose host's share is still looked for.
PART_PAID_WITHIN: Final = timedelta(days=40)
#: The "account" of what the bank differs in.
BANK: Final = "bank"
#: Found by holding movements against entries.
OF_PROVIDERS: Final = tuple(kind for kind in Differs if not kind.startswith("bank_") and kind is not Differs.UNPOSTED)
LAST: Final = datetime.max.replace(tzinfo=UTC)


class StatementTaken(Struct, frozen=True, kw_only=True):
    """What came of a statement: how many lines it has, and how many of them are new, belong to something, and belong to
    nothing."""

    number: int
    lines: int
    new: int
    matched: int
    unmatched: int


class Reconciler:
    """Holds what providers and banks say against the journal. All of it may be done again at any time."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def reconcile(self, tenant_id: int, accounts: Mapping[str, Movements]) -> int:
        """Every account of an organisation; how many differences stand unexplained. What fails of an account keeps
        neither the rest of it nor another from being done."""
        for account, provider in accounts.items():
            with apart("an account's movements were not taken", tenant=tenant_id, account=account) as taking:
                await self.take(tenant_id, account, provider)
            with apart("an account's movements were not posted", tenant=tenant_id, account=account):
                await self.post(tenant_id, account)
            with apart("an account was not settled", tenant=tenant_id, account=account):
                await self.settle(tenant_id, account)
            if taking.failed:
                # What the provider could not tell would seem to be missing there.
                continue
            with apart("an account was not compared", tenant=tenant_id, account=account):
                await self.compare(tenant_id, account, provider.told_within)
        with apart("what was paid of debts was not looked at", tenant=tenant_id):
            await self.follow_part_paid(tenant_id)
        with apart("the bank was not compared", tenant=tenant_id):
            await self.compare_bank(tenant_id)
        async with self._pool.tenant(tenant_id) as conn:
            return await comparing.count_standing(conn, tenant_id)

    async def take(self, tenant_id: int, account: str, provider: Movements) -> None:
        """Reads what moved since LOOK_BACK, or since the last comparison ended. Raises MovementsEndless."""
        now = self._clock.now()
        async with self._pool.tenant(tenant_id) as conn:
            since = min(await _begin(conn, tenant_id, account, now), now - LOOK_BACK)
        spans = [(since, now)]
        while spans:
            first, last = spans.pop()
            if not await self._take_span(tenant_id, account, provider, first, last):
                # What is not read yet would seem to be missing there: it is read in parts, the oldest first.
                middle = (first + (last - first) / 2).replace(microsecond=0)
                if not first < middle < last:
                    raise MovementsEndless
                spans += [(middle, last), (first, middle)]

    async def _take_span(
        self, tenant_id: int, account: str, provider: Movements, since: datetime, until: datetime
    ) -> bool:
        """Reads [since, until) page by page, each kept before the next is asked for; whether it ended."""
        after: str | None = None
        for _ in range(MAX_PAGES):
            page = await provider.list_movements(since, until, after)
            async with self._pool.tenant(tenant_id) as conn:
                await comparing.put_movements(conn, tenant_id, account, page.movements, self._clock.now())
            after = page.next
            if after is None:
                return True
        return False

    async def post(self, tenant_id: int, account: str) -> None:
        """Posts what only the provider can tell of the movements that were read."""
        async with self._pool.tenant(tenant_id) as conn:
            await comparing.name_intents(conn, tenant_id, account)
        failed: list[str] = []
        while await self._post_some(tenant_id, account, failed):
            pass

    async def _post_some(self, tenant_id: int, account: str, failed: list[str]) -> bool:
        """Whether there may be more. What can't be posted joins what failed, is listed as a difference, and is tried
        again the next night."""
        async with self._pool.tenant(tenant_id) as conn:
            seen = await comparing.list_to_post(conn, tenant_id, account, AT_ONCE, but=failed)
            # Payments, then their hosts, then movements: in the order in which all others hold them.
            held = await hold(conn, tenant_id, [intent for row in seen if (intent := followed(row)) is not None])
            await hold_hosts(conn, tenant_id, await hosts_moved(conn, tenant_id, seen, held))
            rows = await comparing.hold_to_post(conn, tenant_id, account, [row.reference for row in seen])
            posted: list[str] = []
            for row in rows:
                with apart("a movement was not posted", tenant=tenant_id, account=account, movement=row.reference):
                    async with conn.transaction():
                        await self._post(conn, tenant_id, account, row)
                    posted.append(row.reference)
            await comparing.set_posted(conn, tenant_id, account, posted, self._clock.now())
        failed += [row.reference for row in rows if row.reference not in set(posted)]
        return len(seen) == AT_ONCE

    async def _post(self, conn: Connection, tenant_id: int, account: str, row: MovementRow) -> None:
        for entry in told_by(account, row):
            await post(conn, tenant_id, entry)
        if row.kind in TRANSFERS and row.amount > 0 and row.source is not None:
            await take_back(conn, tenant_id, row.source, row.amount, row.reference, row.at)
        if (intent := followed(row)) is not None:
            await follow(conn, tenant_id, intent, self._clock.now(), settled=False)
            if await is_ours(conn, tenant_id, intent):
                # How it stands is looked at as well, should its webhook be lost.
                await outbox.write(conn, tenant_id, DUE, intent)

    async def settle(self, tenant_id: int, account: str) -> None:
        """Hosts are owed their share of every charge whose money the provider lets us have."""
        failed: list[str] = []
        while True:
            now = self._clock.now()
            async with self._pool.tenant(tenant_id) as conn:
                rows = await comparing.list_to_settle(
                    conn, tenant_id, account, now, sorted(CHARGES), AT_ONCE, but=failed
                )  # fmt: skip
            for row in rows:
                about = {"tenant": tenant_id, "account": account, "movement": row.reference}
                with apart("a host got no share of a charge", **about) as settling:
                    await self._settle(tenant_id, account, row)
                if settling.failed:
                    failed.append(row.reference)
            if len(rows) < AT_ONCE:
                return

    async def _settle(self, tenant_id: int, account: str, row: MovementRow) -> None:
        assert row.intent is not None
        async with self._pool.tenant(tenant_id) as conn:
            await follow(conn, tenant_id, row.intent, self._clock.now(), settled=True)
            await comparing.set_settled(conn, tenant_id, account, row.reference, self._clock.now())

    async def follow_part_paid(self, tenant_id: int) -> None:
        """Hosts are owed their share of what was paid of debts, should nobody have followed that when it was. Those
        that get none yet keep no others from being looked at."""
        since, after = self._clock.now() - PART_PAID_WITHIN, ""
        while True:
            async with self._pool.tenant(tenant_id) as conn:
                found = await list_part_paid(conn, tenant_id, since, after=after, limit=AT_ONCE)
            for intent in found:
                with apart("a host got no share of what was paid of a debt", tenant=tenant_id, intent=intent):
                    async with self._pool.tenant(tenant_id) as conn:
                        await follow(conn, tenant_id, intent, self._clock.now(), settled=False)
            if len(found) < AT_ONCE:
                return
            after = found[-1]

    async def compare(self, tenant_id: int, account: str, told_within: timedelta) -> list[Difference]:
        """Holds what was read of an account since LOOK_BACK against the journal; what was found. Where either side is
        longer than MAX_COMPARED the comparison ends at the earlier instant at which one goes beyond it, and the next
        one begins there."""
        now = self._clock.now()
        async with self._pool.tenant(tenant_id) as conn:
            await comparing.hold(conn, tenant_id)
            since = await _begin(conn, tenant_id, account, now)
            said = await comparing.list_movements(conn, tenant_id, account, since, now, MAX_COMPARED + 1)
            booked = await comparing.list_booked(conn, tenant_id, account, since, now, MAX_COMPARED + 1)
            until = cut(MAX_COMPARED, now, said, booked)
            if until < now:
                log.warning("an account was compared in part", account=account, until=until)
            said = [each for each in said if each.at < until]
            booked = [each for each in booked if each.at < until]
            movements = len(said)
            # What stands outside the span on one side may be within it on the other.
            abouts = list({about_of(each) for each in said} | {each.about for each in booked} - {""})
            said += await comparing.list_movements_of(conn, tenant_id, account, abouts, since, until)
            booked += await comparing.list_booked_of(conn, tenant_id, account, abouts, since, until)
            fees = await comparing.list_fees(conn, tenant_id, [each.reference for each in said])
            found = [each for each in compare(said, booked, fees, now, told_within) if since <= each.at < until]
            kinds = [kind.value for kind in OF_PROVIDERS]
            await comparing.put_differences(conn, tenant_id, account, found, now, kinds, since, until)
            await have_read(conn, tenant_id, found)
            found += await self._compare_waiting(conn, tenant_id, account)
            row = ReconciliationRow(
                account=account, since=since, until=until, made_at=now, differences=len(found), movements=movements,
            )  # fmt: skip
            await comparing.put_reconciliation(conn, tenant_id, row)
        return found

    async def _compare_waiting(self, conn: Connection, tenant_id: int, account: str) -> list[Difference]:
        """Whatever its age: what the journal can't take stays a difference until it is taken."""
        now = self._clock.now()
        waiting = await comparing.list_to_post(conn, tenant_id, account, MAX_COMPARED + 1)
        until = cut(MAX_COMPARED, LAST, waiting)
        left = [unposted(each) for each in waiting if each.at < until]
        kinds = [Differs.UNPOSTED.value]
        await comparing.put_differences(conn, tenant_id, account, left, now, kinds, until=until)
        return left

    async def read_statement(
        self, tenant_id: int, content: bytes, by: str = "", *, ours: bool = False
    ) -> StatementTaken:
        """Takes a bank's statement (camt.053) and matches its lines. `by`: who gave it; `ours`: who says that its
        account is one of the organisation's, which is not asked again. Raises StatementUnreadable, OtherAccount."""
        statement = await asyncio.to_thread(camt.read, content)
        lines = statement.lines
        async with self._pool.tenant(tenant_id) as conn:
            await money.hold_bank(conn, tenant_id)
            if not ours:
                await _check_account(conn, tenant_id, statement.accounts)
            kept = [await bank.keep_line(conn, tenant_id, line, self._clock.now()) for line in lines]
            new, told = sum(is_new for _, is_new in kept), {line_id for line_id, _ in kept}
            named = [payout_of(row.end_to_end or "") async for row in bank.each_unmatched(conn, tenant_id)]
            numbers = [number for number in named if number is not None]
            await hold_hosts(conn, tenant_id, await payouts.hosts_of(conn, tenant_id, numbers, []))
            async for row in bank.each_unmatched(conn, tenant_id):
                # What somebody took back is matched by nobody but a person.
                if not row.undone:
                    await match(conn, tenant_id, row, self._clock.now())
            matched = await bank.count_matched(conn, tenant_id, told)
            zone = ZoneInfo(await time_zone(conn, tenant_id))
            # Of today, and of days to come, nobody can tell all.
            whole = self._clock.now().astimezone(zone).date() - timedelta(days=1)
            until_on = min(statement.until_on or whole, whole)
            number = await bank.insert_statement(
                conn, tenant_id, by=by, at=self._clock.now(), from_on=min(statement.from_on or until_on, until_on),
                until_on=until_on, lines=len(lines), new=new, matched=matched,
                accounts=statement.accounts,
            )  # fmt: skip
        await self.compare_bank(tenant_id)
        return StatementTaken(number=number, lines=len(lines), new=new, matched=matched, unmatched=len(told) - matched)

    async def compare_bank(self, tenant_id: int) -> list[Difference]:
        """What the bank booked and belongs to nothing, and payouts and debits that it did not book; what was found."""
        now = self._clock.now()
        async with self._pool.tenant(tenant_id) as conn:
            await comparing.hold(conn, tenant_id)
            if not await bank.read_any(conn, tenant_id):
                return []
            found = [await of_line(conn, tenant_id, row) async for row in bank.each_unmatched(conn, tenant_id)]
            late = now.date() - BANK_DAYS
            for number, amount, currency, made_at in await bank.list_unbooked(conn, tenant_id, late):
                found.append(
                    Difference(
                        kind=Differs.BANK_MISSING, about=f"payout:{number}", at=made_at, booked=-amount,
                        booked_currency=currency,
                    )
                )  # fmt: skip
            for number, amount, currency, refused_at in await bank.list_unreturned(conn, tenant_id, late):
                found.append(
                    Difference(
                        kind=Differs.BANK_MISSING, about=f"payout-return:{number}", at=refused_at, booked=amount,
                        booked_currency=currency,
                    )
                )  # fmt: skip
            for debit_id, asked, drawn_on in await money.list_unbooked(conn, tenant_id, late):
                found.append(
                    Difference(
                        kind=Differs.BANK_MISSING, about=f"debit:{debit_id}", booked=asked, booked_currency=CURRENCY,
                        at=datetime.combine(drawn_on, time(), UTC),
                    )
                )  # fmt: skip
            kinds = [
                Differs.BANK_UNKNOWN.value,
                Differs.BANK_AMOUNT.value,
                Differs.BANK_TWICE.value,
                Differs.BANK_MISSING.value,
            ]
            await comparing.put_differences(conn, tenant_id, BANK, found, now, kinds)
        return found

    async def assign(self, conn: Connection, actor: Actor, line_id: int, fleet: str) -> BankLineRow:
        """Says that a fleet paid what the bank booked, or was paid it back. Raises BankLineUnknown, BankLineMatched,
        FleetUnknown, NothingLeftOver."""
        await money.hold_bank(conn, actor.tenant_id)
        row = await bank.find_line(conn, actor.tenant_id, line_id)
        if row is None:
            raise BankLineUnknown
        if row.matched_by is not None:
            raise BankLineMatched
        entry = entries.fleet_paid(
            movement=row.movement, at=datetime.combine(row.booked_on, time(), UTC), fleet=fleet,
            currency=row.currency, amount=row.amount, memo=row.text[:300],
        )  # fmt: skip
        fleet_id = await fleet_named(conn, actor.tenant_id, fleet)
        if fleet_id is None:
            # Who pays for homes may be no fleet here, and is known by what it owes.
            if not await account_exists(conn, actor.tenant_id, entries.fleet_owes(fleet)):
                raise FleetUnknown
            await post(conn, actor.tenant_id, entry)
        elif row.amount > 0:
            await collection.come(conn, actor.tenant_id, fleet_id, row, row.amount, self._clock.now())
        else:
            await collection.go_back(conn, actor.tenant_id, fleet_id, row, -row.amount, self._clock.now())
        await bank.match_line(conn, actor.tenant_id, line_id, "posted", entry.key)
        await comparing.end_differences(conn, actor.tenant_id, BANK, about_of_line(row), self._clock.now())
        await audit(conn, actor, "assign bank line", f"bank-line:{line_id}", {"fleet": fleet, "amount": row.amount})
        found = await bank.find_line(conn, actor.tenant_id, line_id)
        assert found is not None
        return found

    async def unmatch(self, actor: Actor, line_id: int, why: str) -> BankLineRow:
        """Takes back what a line of the bank was matched with, so that it belongs to nothing: what was posted of it is
        reversed by an entry against it. Raises BankLineUnknown, BankLineOpen, BankLineStays, PaidBackSince,
        DebitBackSince, PayoutBackSince."""
        tenant_id, now = actor.tenant_id, self._clock.now()
        async with self._pool.tenant(tenant_id) as conn:
            await money.hold_bank(conn, tenant_id)
            row = await bank.find_line(conn, tenant_id, line_id)
            if row is None:
                raise BankLineUnknown
            if row.matched_by is None:
                raise BankLineOpen
            if row.matched_by not in UNDONE:
                raise BankLineStays
            if row.matched_by in OF_PAYOUTS:
                await unbook(conn, tenant_id, row)
            elif row.matched_by in OF_DEBITS:
                await undoing.undo_debits(conn, tenant_id, row, why, now)
            elif row.matched_by != SETTLEMENT:
                await undoing.undo(conn, tenant_id, row, why, now)
            await bank.unmatch_line(conn, tenant_id, line_id)
            detail = {"why": why, "was": row.matched_by, "of": row.matched, "amount": row.amount}
            await audit(conn, actor, "unmatch bank line", f"bank-line:{line_id}", detail)
            found = await bank.find_line(conn, tenant_id, line_id)
        assert found is not None
        await self.compare_bank(tenant_id)
        return found

    async def ask(self, conn: Connection, actor: Actor) -> None:
        """Everything is compared now, in a minute. Asking again meanwhile changes nothing."""
        await outbox.write(conn, actor.tenant_id, COMPARE, str(actor.tenant_id))
        await audit(conn, actor, "ask to reconcile", "organisation")

    async def explain(self, conn: Connection, actor: Actor, difference_id: int, text: str) -> DifferenceRow:
        """Says why a difference is there, so that it is listed no more. Raises DifferenceUnknown."""
        row = await comparing.explain(
            conn, actor.tenant_id, difference_id, text=text, by=str(actor), now=self._clock.now()
        )
        if row is None:
            raise DifferenceUnknown
        await audit(conn, actor, "explain difference", f"difference:{difference_id}", {"explanation": text})
        return row


async def _begin(conn: Connection, tenant_id: int, account: str, now: datetime) -> datetime:
    """From when on an account is compared: where the comparison before ended if it was cut, else LOOK_BACK again, and
    what came since then."""
    last = await comparing.find_reconciliation(conn, tenant_id, account)
    if last is None:
        return now - LOOK_BACK
    return last.until if last.until < last.made_at else min(last.until, now - LOOK_BACK)


async def _check_account(conn: Connection, tenant_id: int, accounts: Sequence[str]) -> None:
    """Raises OtherAccount for a statement of an account that is none of those that are known: the one from which the
    organisation pays, and those whose statements were taken before."""
    own = await find_bank(conn, tenant_id)
    known = await bank.accounts_read(conn, tenant_id) | ({own.iban_shown} if own is not None else set())
    other = [account for account in accounts if account not in known]
    if known and other:
        raise OtherAccount(accounts=other)
