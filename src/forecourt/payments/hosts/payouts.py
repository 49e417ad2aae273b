"""Paying hosts: on every banking day what they are owed, by a file for the bank, by the payment provider, or by hand.

What a host owes is carried on and taken from what they are owed next. A payout by the provider is committed, with its
key, before the provider is asked, and asked for again until it is known what came of it. A payout by hand waits until
somebody says that it was made, or can't be.
"""

from collections.abc import Container, Mapping
from datetime import date, datetime, time, timedelta
from typing import Final
from uuid import uuid4
from zoneinfo import ZoneInfo

import structlog

from forecourt.payments.bank.days import banking_day, is_banking_day, next_banking_day
from forecourt.payments.bank.model import Bank
from forecourt.payments.bank.sepa import CURRENCY, Account
from forecourt.payments.bank.store import find_bank
from forecourt.payments.hosts import sepa
from forecourt.payments.hosts.model import MAX_HOSTS, Transfers, Way
from forecourt.payments.hosts.outcomes import book_payout
from forecourt.payments.hosts.store import Connection, lines
from forecourt.payments.hosts.store import hosts as store
from forecourt.payments.hosts.store import payouts as kept
from forecourt.payments.hosts.store.hosts import HostRow
from forecourt.payments.hosts.store.lines import Owed
from forecourt.payments.hosts.store.payouts import PayoutRow
from forecourt.payments.ledger.entries import BANK, psp
from forecourt.payments.psp.errors import BalanceLow, ProviderRefused
from forecourt.platform.apart import apart
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.platform.money import Money

log = structlog.get_logger(__name__)

#: Until then, by the clock of the organisation, a bank carries out on the same day what it is given.
CUT_OFF: Final = time(14)
#: Days of the longest turn.
MAX_TURN: Final = 31
#: Errors of a provider that say for certain that it did nothing.
REFUSALS: Final = (402, 400, 404, 409, 422)


def turn_of(host: HostRow, day: date, currency: str) -> date:
    """The day on which a host is paid in the turn (day, week, month) of a day: the first on which banks work."""
    if host.payout_every == "day":
        return banking_day(day, currency)
    turn = day.replace(day=1) if host.payout_every == "month" else day - timedelta(days=day.weekday())
    return banking_day(turn, currency)


def carried_out_on(at: datetime, currency: str) -> date:
    """The first day on which a bank can carry out what it is given then, by the clock of the organisation."""
    day = at.date()
    return banking_day(day, currency) if at.time() < CUT_OFF else next_banking_day(day, currency)


def way_of(host: HostRow, currency: str, providers: Container[str]) -> Way | None:
    """How a host is paid in a currency; None: there is no way that is known. Who may not receive money at the provider
    yet is paid as before. `providers`: the names of the accounts that could pay them."""
    may_receive = host.connect_state is None or host.connect_state.get("may_receive", False)
    if host.connect_account and host.connect_by in providers and may_receive:
        return "connect"
    if currency != CURRENCY:
        return "hand"
    return "sepa" if host.iban_sealed is not None else None


class Payouts:
    """Pays hosts. `providers`: by the names of an organisation's accounts, those that hold what was captured."""

    def __init__(self, pool: Pool, clock: Clock, bank: Bank) -> None:
        self._pool = pool
        self._clock = clock
        self._bank = bank

    async def pay(self, tenant_id: int, providers: Mapping[str, Transfers]) -> int:
        """Pays every host of an organisation that is to be paid today, and lists who is to be paid by hand; how many
        payouts were made.

        Safe to run at any time and twice at once: what was paid is owed no more.
        """
        await self.settle_asked(tenant_id, providers)
        now = self._clock.now()
        async with self._pool.tenant(tenant_id) as conn:
            zone = ZoneInfo(await store.time_zone(conn, tenant_id))
            day = now.astimezone(zone).date()
            hosts = {row.host_id: row for row in await store.list_hosts(conn, tenant_id, limit=MAX_HOSTS)}
            due = await self._due(conn, tenant_id, hosts, day, zone)
        ways = {(each.host_id, each.currency): way_of(hosts[each.host_id], each.currency, providers) for each in due}
        made = 0
        for each in due:
            if ways[each.host_id, each.currency] is None:
                log.warning("a host can't be paid", tenant=tenant_id, host=each.host_id, currency=each.currency)
            if ways[each.host_id, each.currency] == "connect":
                with apart("a host was not paid", tenant=tenant_id, host=each.host_id):
                    made += await self._ask(tenant_id, each, day, providers)
            if ways[each.host_id, each.currency] == "hand":
                with apart("a payout by hand was not listed", tenant=tenant_id, host=each.host_id):
                    await self._list_by_hand(tenant_id, each, day)
        return made + await self._file(
            tenant_id,
            [each.host_id for each in due if ways[each.host_id, each.currency] == "sepa"],
            carried_out_on(now.astimezone(zone), CURRENCY),
        )

    async def _due(
        self, conn: Connection, tenant_id: int, hosts: Mapping[int, HostRow], day: date, zone: ZoneInfo
    ) -> list[Owed]:
        """Who is to be paid that day: on the day of their turn, and on every later banking day of it who was owed
        enough on that day and was not paid since, as a night failed."""
        last = await kept.last_paid(conn, tenant_id, day - timedelta(days=MAX_TURN))
        stood: dict[date, dict[tuple[int, str], int]] = {}
        found = []
        for each in await lines.owed(conn, tenant_id):
            host, key = hosts[each.host_id], (each.host_id, each.currency)
            turn = turn_of(host, day, each.currency)
            if each.amount <= 0 or day < turn or not is_banking_day(day, each.currency):
                continue
            if turn < day:
                if turn not in stood:
                    until = datetime.combine(turn + timedelta(days=1), time(), zone)
                    then = await lines.owed(conn, tenant_id, before=until)
                    stood[turn] = {(one.host_id, one.currency): one.amount for one in then}
                if last.get(key, date.min) >= turn or stood[turn].get(key, 0) < max(host.payout_minimum, 1):
                    continue
            found.append(each)
        return found

    async def _file(self, tenant_id: int, host_ids: list[int], day: date) -> int:
        """One file for the bank with the payouts of all these hosts, in one transaction with what it says."""
        if not host_ids:
            return 0
        now = self._clock.now()
        async with self._pool.tenant(tenant_id) as conn:
            ours = await find_bank(conn, tenant_id)
            if ours is None:
                log.warning("hosts can't be paid: the organisation's own bank account is not known", tenant=tenant_id)
                return 0
            debtor = Account(name=ours.name, iban=self._bank.open(ours.iban_sealed), bic=ours.bic)
            transfers: dict[int, sepa.Transfer] = {}
            # All of them, and in one order, before any number of a document is taken: two runs at once don't wait for
            # each other in a circle.
            paid = sorted(host_ids)[: sepa.MAX_TRANSFERS]
            await store.hold_hosts(conn, tenant_id, paid)
            for host_id in paid:
                # Whatever is wrong with one of them keeps no other from being in the file.
                with apart("a host was not paid", tenant=tenant_id, host=host_id):
                    async with conn.transaction():
                        made = await self._transfer(conn, tenant_id, host_id, day, debtor)
                    transfers |= made
            if not transfers:
                return 0
            message = f"FC-{uuid4().hex[:24]}"
            content = sepa.transfer_file(debtor, list(transfers.values()), day, message)
            file_id = await kept.insert_file(
                conn, tenant_id, message=message, execution_on=day, currency=CURRENCY, payouts=len(transfers),
                total=sum(each.amount for each in transfers.values()), sealed=self._bank.close(content.decode()),
                made_at=now,
            )  # fmt: skip
            await kept.put_in_file(conn, tenant_id, list(transfers), file_id)
            return len(transfers)

    async def _transfer(
        self, conn: Connection, tenant_id: int, host_id: int, day: date, debtor: Account
    ) -> dict[int, sepa.Transfer]:
        """The payout of one host with what the file asks for, which the bank would take; empty where they are not to be
        paid. Raises whatever is wrong with it."""
        found = await self._still_owed(conn, tenant_id, host_id, CURRENCY)
        if found is None:
            return {}
        (host, owed), now = found, self._clock.now()
        assert host.iban_sealed is not None
        number = await kept.insert_payout(
            conn, tenant_id, host_id=host_id, way="sepa", currency=owed.currency, amount=owed.amount, state="paid",
            execution_on=day, up_to_line=owed.last_line, source=BANK, bank_shown=host.iban_shown, made_at=now,
        )  # fmt: skip
        row = await kept.find_payout(conn, tenant_id, number)
        assert row is not None
        await book_payout(conn, tenant_id, host, row, now)
        account = Account(name=host.bank_name or host.name, iban=self._bank.open(host.iban_sealed), bic=host.bic)
        transfer = sepa.Transfer(
            to=account, amount=owed.amount, reference=sepa.reference_of(number), text=f"Payout {number}"
        )
        sepa.transfer_file(debtor, [transfer], day, transfer.reference)
        return {number: transfer}

    async def _still_owed(
        self, conn: Connection, tenant_id: int, host_id: int, currency: str
    ) -> tuple[HostRow, Owed] | None:
        """The host, held, and what they are owed now; None if they are not to be paid: while it isn't known what came
        of a payout of theirs, what they are owed may be on its way."""
        host = await store.find_host(conn, tenant_id, host_id, lock=True)
        assert host is not None
        asked = [each for each in await kept.list_asked(conn, tenant_id) if each.host_id == host_id]
        if any(each.currency == currency for each in asked):
            return None
        for each in await lines.owed(conn, tenant_id, host_ids=[host_id]):
            if each.currency == currency and each.amount > 0 and host.held_at is None:
                return (host, each) if each.amount >= host.payout_minimum else None
        return None

    async def _list_by_hand(self, tenant_id: int, owed: Owed, day: date) -> None:
        """A payout that somebody is to make; until they say that they did, nothing of it is posted."""
        async with self._pool.tenant(tenant_id) as conn:
            found = await self._still_owed(conn, tenant_id, owed.host_id, owed.currency)
            if found is None:
                return
            host, still = found
            await kept.insert_payout(
                conn, tenant_id, host_id=host.host_id, way="hand", currency=still.currency, amount=still.amount,
                state="asked", execution_on=day, up_to_line=still.last_line, source=BANK, bank_shown=host.iban_shown,
                made_at=self._clock.now(),
            )  # fmt: skip

    async def _ask(self, tenant_id: int, owed: Owed, day: date, providers: Mapping[str, Transfers]) -> int:
        """Commits a payout by the provider, then asks for it."""
        async with self._pool.tenant(tenant_id) as conn:
            found = await self._still_owed(conn, tenant_id, owed.host_id, owed.currency)
            if found is None:
                return 0
            host, still = found
            number = await kept.insert_payout(
                conn, tenant_id, host_id=host.host_id, way="connect", currency=still.currency, amount=still.amount,
                state="asked", execution_on=day, up_to_line=still.last_line, source=psp(host.connect_by),
                bank_shown=host.connect_account, made_at=self._clock.now(),
            )  # fmt: skip
            row = await kept.find_payout(conn, tenant_id, number)
        assert row is not None
        return await self._settle(tenant_id, row, providers, again=False)

    async def settle_asked(self, tenant_id: int, providers: Mapping[str, Transfers]) -> None:
        """Finds out about payouts of which it isn't known what came of them: providers forget keys within a day, so
        what they did is looked up before they are asked again."""
        async with self._pool.tenant(tenant_id) as conn:
            asked = await kept.list_asked(conn, tenant_id)
        for row in asked:
            if row.way == "hand":
                continue
            with apart("it is not known what came of a payout", tenant=tenant_id, payout=row.payout_id):
                await self._settle(tenant_id, row, providers, again=True)

    async def _settle(self, tenant_id: int, row: PayoutRow, providers: Mapping[str, Transfers], *, again: bool) -> int:
        """Asks the provider for a payout and writes what came of it; 1 if it was made."""
        async with self._pool.tenant(tenant_id) as conn:
            host = await store.find_host(conn, tenant_id, row.host_id)
        assert host is not None
        provider = providers.get(row.source.removeprefix(psp("")))
        if provider is None:
            log.warning("what came of a payout can't be asked: its account is gone", payout=row.payout_id)
            return 0
        key = f"payout:{tenant_id}:{row.payout_id}"
        amount, ours = Money(amount=row.amount, currency=row.currency), f"{tenant_id}-{row.payout_id}"
        try:
            before = await provider.find_transfer(row.bank_shown, ours, row.made_at) if again else None
            sent = before or await provider.transfer(row.bank_shown, amount, key, ours)
        except ForecourtError as fault:
            if fault.status in REFUSALS or isinstance(fault, ProviderRefused):
                await self._refused(tenant_id, row, fault.detail, hold=not isinstance(fault, BalanceLow))
            log.warning("a payout did not go", payout=row.payout_id, fault=fault.code)
            return 0
        async with self._pool.tenant(tenant_id) as conn:
            await store.find_host(conn, tenant_id, row.host_id, lock=True)
            now = self._clock.now()
            if await kept.end_payout(
                conn, tenant_id, row.payout_id, was="asked", state="paid", at=now, reference=sent.reference
            ):
                await book_payout(conn, tenant_id, host, row, now)
                return 1
        return 0

    async def _refused(self, tenant_id: int, row: PayoutRow, reason: str, *, hold: bool) -> None:
        """It never went. What there wasn't enough at hand for is paid another night; else somebody must look."""
        async with self._pool.tenant(tenant_id) as conn:
            await kept.end_payout(
                conn, tenant_id, row.payout_id, was="asked", state="refused", at=self._clock.now(), reason=reason[:300]
            )
            if hold:
                await store.update_host(
                    conn, tenant_id, row.host_id, {"held_at": self._clock.now(), "held_reason": reason[:300]}
                )
