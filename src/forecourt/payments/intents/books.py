"""What payments post to the ledger: each function in the transaction in which the state of the payment changes."""

from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from forecourt.payments.accounts.store import find_account
from forecourt.payments.fleets.billing import owe_back, owe_session
from forecourt.payments.fleets.store.invoices import find_line_of_session, fleet_named
from forecourt.payments.intents import events
from forecourt.payments.intents.model import Call, Intent, Method, Purpose
from forecourt.payments.intents.prices import Prices
from forecourt.payments.intents.store import Connection, story
from forecourt.payments.ledger import entries
from forecourt.payments.ledger import store as ledger
from forecourt.payments.ledger.billed import Billed, of_fee
from forecourt.payments.ledger.model import Entry
from forecourt.payments.ledger.service import post
from forecourt.payments.ledger.store import EntryRow
from forecourt.payments.receipts.model import Series
from forecourt.payments.receipts.service import number, number_again
from forecourt.platform import outbox

#: Debts that one payment paid and that are looked for where its refund came to nothing.
MAX_PARTS: Final = 100


async def post_captured(conn: Connection, prices: Prices, intent: Intent, captured: int, at: datetime) -> bool:
    """Money was taken. A bill above what was held is lowered to it: nobody pays more than was held. Whether it is
    beyond the limits of the fleet that pays."""
    name = str(intent.intent_id)
    if intent.purpose in (Purpose.TOP_UP, Purpose.DEBT) or _is_unbilled(intent):
        await post(conn, intent.tenant_id, await _paid_in(conn, intent, captured, at))
        return False
    billed = await _billed(conn, prices, intent, captured)
    if not billed.total and intent.session_id is not None:
        # Taken by hand at the provider, for a session that was given away.
        await post_given(conn, prices, intent.tenant_id, intent.session_id, at, name)
        billed = Billed(currency=billed.currency, lines=())
    about = {"intent": name, "session_id": intent.session_id, "at": at, "billed": billed}
    match intent.method:
        case Method.WALLET:
            entry = entries.wallet_use(**about, driver=_who(intent), used=captured)  # type: ignore[arg-type]
        case Method.INVOICE:
            return await _on_fleet(conn, prices, intent, billed, at)
        case _:
            account = (await _source(conn, intent)).partition(":")[2]
            entry = entries.capture(**about, account=account, captured=captured)  # type: ignore[arg-type]
    await _sold(conn, intent, billed, entry)
    return False


def _is_unbilled(intent: Intent) -> bool:
    return intent.purpose is Purpose.SESSION and (intent.session_id is None or intent.is_ahead)


async def _paid_in(conn: Connection, intent: Intent, captured: int, at: datetime) -> Entry:
    """Money that came and sold nothing yet: into a wallet, for a debt, for no session, or ahead of its price."""
    name, source = str(intent.intent_id), await _source(conn, intent)
    account = source.partition(":")[2]
    if _is_unbilled(intent):
        taken = {"intent": name, "at": at, "account": account, "currency": intent.currency, "captured": captured}
        if intent.session_id is None:
            return entries.capture_unbilled(**taken)  # type: ignore[arg-type]
        return entries.taken_ahead(**taken, session_id=intent.session_id)  # type: ignore[arg-type]
    if intent.purpose is Purpose.TOP_UP:
        return entries.top_up(
            payment=name, at=at, account=account, driver=_who(intent), currency=intent.currency, amount=captured
        )
    return entries.debt_paid(intent=name, payment=name, at=at, source=source, currency=intent.currency, amount=captured)


async def _sold(conn: Connection, intent: Intent, billed: Billed, entry: Entry) -> None:
    """Something was sold: it is posted, and has the number of a receipt where the law wants one."""
    if await post(conn, intent.tenant_id, entry) and billed.total:
        await number(
            conn, intent.tenant_id, Series.RECEIPT, billed.country, payment=intent.intent_id, entry=entry.key,
            at=entry.at,
        )  # fmt: skip


async def post_sold_ahead(conn: Connection, prices: Prices, intent: Intent, before: list[int], at: datetime) -> None:
    """The session of which money was taken ahead has its final price: it is sold. `before`: the refunds that came
    earlier, in their order."""
    assert intent.session_id is not None, "what was taken ahead is of a session"
    billed = await prices.billed(conn, intent.tenant_id, intent.session_id)
    if not billed.total:
        await post_given(conn, prices, intent.tenant_id, intent.session_id, at, str(intent.intent_id))
        billed = Billed(currency=billed.currency, lines=())
    of_bill, _, _ = _parted(max(intent.captured_amount - billed.total, 0), before, 0)
    entry = entries.sold_ahead(
        intent=str(intent.intent_id), session_id=intent.session_id, at=at,
        billed=billed.part(billed.total - sum(of_bill), of_bill) if any(of_bill) else billed,
        ahead=intent.captured_amount - sum(before), owed=max(billed.total - intent.captured_amount, 0),
    )  # fmt: skip
    if entry.legs:
        await _sold(conn, intent, billed, entry)


async def _on_fleet(conn: Connection, prices: Prices, intent: Intent, billed: Billed, at: datetime) -> bool:
    """A session on a fleet's account, which its next invoice lists. One who pays by invoice and is no fleet of ours
    is billed by somebody else. Whether it is beyond the fleet's limits."""
    assert intent.session_id is not None, "a session that was charged for"
    fleet_id, driver = await fleet_named(conn, intent.tenant_id, _who(intent)), intent.hold_said.get("driver")
    if fleet_id is None:
        entry = entries.fleet_session(
            intent=str(intent.intent_id), session_id=intent.session_id, at=at, fleet=_who(intent), billed=billed
        )
        await post(conn, intent.tenant_id, entry)
        return False
    return await owe_session(
        conn, intent.tenant_id, fleet_id, intent=str(intent.intent_id), session_id=intent.session_id,
        driver_id=None if driver is None else int(driver), billed=billed,
        rates=await prices.rates(conn, intent.tenant_id, intent.session_id), at=at,
    )  # fmt: skip


async def post_given(
    conn: Connection, prices: Prices, tenant_id: int, session_id: UUID, at: datetime, intent: str | None = None
) -> None:
    """A session costs nothing: what was given off it stands in the books, and its host is heard of."""
    billed = await prices.billed(conn, tenant_id, session_id)
    if await post(conn, tenant_id, entries.given(session_id=session_id, at=at, billed=billed, intent=intent)):
        await outbox.write(conn, tenant_id, events.GIVEN, str(session_id))


async def post_owed(conn: Connection, prices: Prices, intent: Intent, owed: int, at: datetime) -> None:
    """A session could not be charged: it is the driver's debt."""
    billed = await _billed(conn, prices, intent, owed)
    entry = entries.owed(intent=str(intent.intent_id), session_id=intent.session_id, at=at, billed=billed)
    await _sold(conn, intent, billed, entry)


async def post_debt_taken(conn: Connection, intent: Intent, taken: int, part: int, at: datetime) -> None:
    """What is owed was taken of its own hold by hand. `part`: of what was taken, so much was owed."""
    entry = entries.debt_taken(
        intent=str(intent.intent_id), session_id=intent.session_id, at=at, source=await _source(conn, intent),
        currency=intent.currency, taken=taken, part=part,
    )  # fmt: skip
    await post(conn, intent.tenant_id, entry)


async def _taken_above(conn: Connection, intent: Intent) -> int:
    """What was taken by hand beyond what was still owed, in minor units: no part of it is of the bill."""
    posted = await ledger.find_by_key(conn, intent.tenant_id, entries.debt_key(str(intent.intent_id)))
    legs = () if posted is None else await ledger.legs_of(conn, intent.tenant_id, posted.entry_id)
    return -sum(leg.amount for leg in legs if leg.account == entries.UNMATCHED)


async def post_capture_lost(conn: Connection, intent: Intent, lost: int, at: datetime) -> None:
    """A capture came to nothing after all: what it brought is owed, unless it was taken ahead."""
    source = await _source(conn, intent)
    entry = entries.capture_lost(
        intent=str(intent.intent_id), session_id=intent.session_id, at=at, source=source, currency=intent.currency,
        amount=lost, ahead=intent.is_ahead,
    )  # fmt: skip
    await post(conn, intent.tenant_id, entry)


async def post_refunded(
    conn: Connection, prices: Prices, intent: Intent, call: Call, before: list[int], at: datetime
) -> None:
    """Money was given back, revenue and tax with it. `before`: the refunds that came earlier, in their order."""
    name = str(intent.intent_id)
    source = await _source(conn, intent)
    if intent.purpose is Purpose.TOP_UP:
        entry = entries.top_up_back(
            refund=str(call.call_id), payment=name, at=at, account=source.partition(":")[2], driver=_who(intent),
            currency=intent.currency, amount=call.amount,
        )  # fmt: skip
    elif intent.purpose is Purpose.DEBT:
        entry = entries.debt_back(
            refund=str(call.call_id), intent=name, at=at, source=source, currency=intent.currency, amount=call.amount,
            memo=call.said or "",
        )  # fmt: skip
    elif _is_unbilled(intent):
        entry = entries.refund_unbilled(
            refund=str(call.call_id), intent=name, at=at, source=source, currency=intent.currency, amount=call.amount,
            memo=call.said or "", ahead=intent.is_ahead,
        )  # fmt: skip
    else:
        await _post_sold_back(conn, prices, intent, call, before, at)
        return
    await post(conn, intent.tenant_id, entry)


async def _post_sold_back(
    conn: Connection, prices: Prices, intent: Intent, call: Call, before: list[int], at: datetime
) -> None:
    """Of what was sold a part goes back, after what was taken above the bill."""
    name = str(intent.intent_id)
    billed = await _billed(conn, prices, intent, intent.captured_amount - await _taken_above(conn, intent))
    above = intent.captured_amount - billed.total - await ledger.sum_posted(conn, intent.tenant_id, name)
    before, amount, unbilled = _parted(above, before, call.amount)
    part = billed.part(amount, before) if amount else Billed(currency=billed.currency, lines=())
    entry = entries.refund(
        refund=str(call.call_id), intent=name, session_id=intent.session_id, at=at, source=await _source(conn, intent),
        part=part, memo=call.said or "", unbilled=unbilled,
    )  # fmt: skip
    line = None
    if intent.method is Method.INVOICE and intent.session_id is not None:
        line = await find_line_of_session(conn, intent.tenant_id, intent.session_id)
    if line is not None:
        await owe_back(conn, intent.tenant_id, int(_who(intent)), entry, part, line)
    elif await post(conn, intent.tenant_id, entry) and amount:
        sale = entries.capture_key(name)
        await number_again(conn, intent.tenant_id, sale, payment=intent.intent_id, entry=entry.key, at=at)


async def post_late_back(
    conn: Connection, prices: Prices, payer: Intent, call: Call, parts: list[tuple[Intent, int]], rest: int,
    at: datetime,
) -> list[str]:  # fmt: skip
    """What sessions that were owed were paid with went back: revenue and tax of each go down with its part. `rest`: of
    money that paid none of them. The keys of the entries, one for each part."""
    keys, source = [], await _source(conn, payer)
    for number_of, (debt, amount) in enumerate(parts, 1):
        billed = await prices.billed(conn, debt.tenant_id, _session_of(debt))
        own = billed.within(debt.captured_amount - await _taken_above(conn, debt)).total
        before = await story.sum_steps(conn, debt.tenant_id, debt.intent_id, "debt_refunded")
        entry = entries.refund(
            refund=_part_of(call, number_of), intent=str(payer.intent_id), session_id=debt.session_id, at=at,
            source=source, part=billed.part(amount, [own, before]), memo=call.said or "",
            owed=rest if number_of == 1 else 0,
        )  # fmt: skip
        keys.append(entry.key)
        if await post(conn, debt.tenant_id, entry):
            sale = entries.capture_key(str(debt.intent_id))
            await number_again(conn, debt.tenant_id, sale, payment=debt.intent_id, entry=entry.key, at=at)
    return keys


def _part_of(call: Call, number_of: int) -> str:
    """How a part of a refund is called: one that is of one session alone as the refund."""
    return str(call.call_id) if number_of == 1 else f"{call.call_id}:{number_of}"


def _session_of(intent: Intent) -> UUID:
    assert intent.session_id is not None, "a session that was charged for"
    return intent.session_id


async def post_refund_back(conn: Connection, intent: Intent, call: Call, at: datetime) -> list[str]:
    """A refund that was posted came to nothing: the same, the other way round. The keys of what was posted."""
    keys = []
    for number_of in range(1, MAX_PARTS + 1):
        posted = await ledger.find_by_key(conn, intent.tenant_id, entries.refund_key(_part_of(call, number_of)))
        if posted is None:
            break
        keys.append(posted.key)
        await _post_part_back(conn, intent, posted, at)
    assert keys, "what was done was posted"
    return keys


async def _post_part_back(conn: Connection, intent: Intent, posted: EntryRow, at: datetime) -> None:
    legs = await ledger.legs_of(conn, intent.tenant_id, posted.entry_id)
    if not intent.is_ahead:
        # What went back before the session had its price was not sold since: it is nobody's.
        legs = [replace(leg, account=entries.UNMATCHED) if leg.account == entries.AHEAD else leg for leg in legs]
    nets = await ledger.nets_of(conn, intent.tenant_id, posted.entry_id)
    entry = entries.refund_back(
        refund=posted.key.removeprefix(entries.refund_key("")), intent=str(intent.intent_id),
        session_id=posted.session_id, at=at, legs=legs, nets=nets,
    )  # fmt: skip
    if await post(conn, intent.tenant_id, entry):
        told = await story.list_of_entry(conn, intent.tenant_id, "debt_refunded", posted.key)
        of = told[0][0] if told else intent.intent_id
        await number_again(conn, intent.tenant_id, posted.key, payment=of, entry=entry.key, at=at)


def _parted(above: int, before: list[int], amount: int) -> tuple[list[int], int, int]:
    """What of each refund, earlier ones and this, is of the bill, and what of this is of the money `above` it, which
    goes back first."""
    of_bill, unbilled = [], 0
    for each in (*before, amount):
        unbilled = max(min(each, above), 0)
        above -= unbilled
        of_bill.append(each - unbilled)
    return of_bill[:-1], of_bill[-1], unbilled


async def post_write_off(conn: Connection, intent: Intent, before: int, at: datetime) -> None:
    """What is owed is given up. `before`: how often that was done of this payment."""
    entry = entries.write_off(
        intent=str(intent.intent_id), at=at, currency=intent.currency, amount=intent.owed_amount,
        session_id=intent.session_id, before=before,
    )  # fmt: skip
    await post(conn, intent.tenant_id, entry)


async def _billed(conn: Connection, prices: Prices, intent: Intent, most: int) -> Billed:
    if intent.purpose is Purpose.FEE:
        said, vat = intent.hold_said, intent.hold_said.get("vat")
        return of_fee(most, intent.currency, None if vat is None else Decimal(str(vat)), str(said["country"]))
    assert intent.session_id is not None, "a session that was charged for"
    return (await prices.billed(conn, intent.tenant_id, intent.session_id)).within(most)


async def _source(conn: Connection, intent: Intent) -> str:
    """The account in the ledger that money of this payment comes to."""
    match intent.method:
        case Method.WALLET:
            return entries.wallet(_who(intent))
        case Method.INVOICE:
            return entries.fleet_owes(_who(intent))
        case Method.TERMINAL:
            return entries.psp(entries.TERMINAL)
        case _:
            assert intent.account_id is not None, "a provider's payment is one of an account"
            row = await find_account(conn, intent.tenant_id, intent.account_id)
            assert row is not None, "accounts stay"
            return entries.psp(row.name)


def _who(intent: Intent) -> str:
    assert intent.payer is not None, "somebody pays"
    return intent.payer.partition(":")[2]
