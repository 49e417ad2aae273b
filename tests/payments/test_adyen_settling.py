"""What Adyen settles, through to the bank and to hosts: reports that it tells of over the real door are fetched over
HTTP, posted, compared, and hosts are owed their share; whatever goes wrong on the way, once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal

import pytest
import pytest_asyncio
from msgspec.structs import replace

from forecourt.payments.hosts.shares import follow
from forecourt.payments.hosts.store import hosts as host_store
from forecourt.payments.intents.model import Intent, State
from forecourt.payments.reconcile.service import Reconciler
from tests.adyen import AdyenBox
from tests.ground import Ground
from tests.payments.door import Door, a_door
from tests.payments.hosts import a_rule
from tests.payments.test_reconcile import CAMT, a_line
from tests.payments.till import Till, a_till
from tests.sandbox import Sandbox
from tests.support import FakeClock

PSP = "psp_receivable:adyen-main"
#: Of 11.90 captured: interchange 2, scheme 0 and markup 7 cents; each payment of a batch costs 11 more.
COSTS, EACH = 2 + 0 + 7, 11
#: 70 percent of 10.00 before VAT.
SHARE = 700


@pytest_asyncio.fixture
async def till(ground: Ground, clock: FakeClock, box: Sandbox, second: AdyenBox) -> AsyncIterator[Till]:
    """One more organisation with an account of its own at Adyen, and a host who gets 70 percent."""
    async with a_till(ground, clock, box, adyen=second) as made:
        before = clock.now() - timedelta(days=1)
        async with made.tenants.tenant(made.tenant_id) as conn:
            host = await host_store.insert_host(
                conn, made.tenant_id, {"name": "Ada", "country": "DE", "created_at": before}
            )
            [site] = made.rows("SELECT site_id FROM sites WHERE tenant_id = %s", made.tenant_id)
            await host_store.insert_rule(
                conn, made.tenant_id, host_id=host.host_id, site_id=site["site_id"], station_id=None,
                valid_from=before, rule=a_rule(energy=Decimal(70)), made_at=before, made_by="test",
            )  # fmt: skip
        yield made


@pytest_asyncio.fixture
async def door(till: Till) -> AsyncIterator[Door]:
    async with a_door(till) as made:
        yield made


async def captured(till: Till, door: Door, evse: int = 1) -> Intent:
    """A session of 20 kWh, paid and captured: 11.90."""
    intent = await till.paid(evse=evse)
    await door.hear()
    await till.work()
    till.plug_in(await till.find(intent), wh=20_000)
    await till.work()
    await door.hear()
    await till.work()
    intent = await till.find(intent)
    assert (intent.state, intent.captured_amount) == (State.CAPTURED, 1190)
    return intent


async def night(till: Till) -> list[str]:
    """Each account is read and compared, as every night; what differs then."""
    await Reconciler(till.tenants, till.clock).reconcile(till.tenant_id, await till.providers.by_name(till.tenant_id))
    rows = till.rows(
        "SELECT kind FROM reconcile_differences WHERE tenant_id = %s AND gone_at IS NULL ORDER BY kind", till.tenant_id
    )
    return [row["kind"] for row in rows]


def hosts_are_owed(till: Till) -> int:
    return -sum(amount for name, amount in till.balances().items() if name.startswith("host_payable:"))


def closed(till: Till) -> str | None:
    assert till.adyen is not None
    return till.adyen.settle()


async def test_a_settled_payment_is_posted_with_its_fees_owed_to_its_host_and_found_at_the_bank(
    till: Till, door: Door
) -> None:
    await captured(till, door)
    # Captured is not settled: nobody is owed anything, and nothing is missing yet.
    till.clock.advance(timedelta(days=2).total_seconds())
    assert (await night(till), hosts_are_owed(till)) == ([], 0)
    closed(till)
    await door.hear(times=3)
    for _ in range(2):
        assert await night(till) == []
        assert hosts_are_owed(till) == SHARE
        assert till.balances() == {
            "bank": 1190 - COSTS - EACH, "psp_fees": COSTS + EACH, "revenue:energy": -1000, "vat_payable:DE:19": -190,
            "host_share": SHARE, next(name for name in till.balances() if name.startswith("host_payable")): -SHARE,
        }  # fmt: skip
    [paid] = till.happened("payout")
    assert paid["amount"] == 1190 - COSTS - EACH
    line = a_line("11.70", "CRDT", name="Adyen", text="TX000000001XT batch 1", on=f"{till.clock.now():%Y-%m-%d}")
    taken = await Reconciler(till.tenants, till.clock).read_statement(till.tenant_id, CAMT.format(line).encode())
    assert (taken.new, taken.matched, taken.unmatched) == (1, 1, 0)
    [matched] = till.rows("SELECT matched_by, matched FROM bank_lines WHERE tenant_id = %s", till.tenant_id)
    assert matched["matched_by"] == "settlement"
    assert matched["matched"].startswith("settle:MerchantPayout:1:EUR:TX000000001XT")


async def test_refunds_and_disputes_of_later_batches_take_the_share_back_and_agree_with_what_webhooks_posted(
    till: Till, door: Door
) -> None:
    intent = await captured(till, door)
    other = await captured(till, door, evse=2)
    closed(till)
    await door.hear()
    assert (await night(till), hosts_are_owed(till)) == ([], 2 * SHARE)
    await till.payments.refund(till.actor, intent.intent_id, 595, "too slow")
    assert till.adyen is not None
    await asyncio.to_thread(till.adyen.control, f"dispute/{other.reference}", {})
    await door.hear()
    await till.work()
    async with till.tenants.tenant(till.tenant_id) as conn:
        await follow(conn, till.tenant_id, str(intent.intent_id), till.clock.now(), settled=False)
    # What goes back is more than what comes: nothing is paid out, and what is owed is carried on.
    closed(till)
    await door.hear()
    assert await night(till) == []
    # Half of one share by the refund, and all of the other by the dispute.
    assert hosts_are_owed(till) == SHARE // 2
    balances = till.balances()
    assert balances["disputes"] == 1190
    assert balances[PSP] == -595 - 1190 - 750
    assert [row["amount"] for row in till.happened("payout")] == [2 * (1190 - COSTS - EACH)]
    await asyncio.to_thread(till.adyen.control, f"dispute/{other.reference}/won", {})
    closed(till)
    # The report is read before the webhook of the same is heard of.
    [*_, won, report] = till.adyen.events()
    assert b"REPORT_AVAILABLE" in report
    assert (await door.post(report)).status_code == 200
    assert await night(till) == []
    assert hosts_are_owed(till) == SHARE + SHARE // 2
    assert (await door.post(won)).status_code == 200
    await till.work()
    assert await night(till) == []
    balances = till.balances()
    assert (balances.get("disputes", 0), balances[PSP], balances["psp_fees"]) == (
        0, -595 - 750, 2 * (COSTS + EACH) + 750,
    )  # fmt: skip
    assert (await till.find(other)).state is State.CAPTURED


async def test_what_is_settled_by_nobody_or_wrong_is_found(till: Till, door: Door) -> None:
    intent = await captured(till, door)
    lost = await captured(till, door, evse=2)
    closed(till)
    door.miss()
    # Nothing was heard of the report: after a week what was captured is missing at the provider.
    till.clock.advance(timedelta(days=6).total_seconds())
    assert await night(till) == []
    till.clock.advance(timedelta(days=2).total_seconds())
    assert await night(till) == ["missing", "missing"]
    # Adyen brings it again for thirty days. Somebody there gave back by hand, of which the journal knows nothing.
    assert till.adyen is not None
    await door.post(till.adyen.events()[-1])
    assert await night(till) == []
    answer = await asyncio.to_thread(_refund_by_hand, till.adyen, str(lost.reference))
    assert answer == 201
    closed(till)
    for body in till.adyen.events():
        if b"REPORT_AVAILABLE" in body:
            await door.post(body)
    assert await night(till) == ["unknown"]
    assert intent.state is State.CAPTURED


def _refund_by_hand(box: AdyenBox, payment: str) -> int:
    import httpx

    body = {"merchantAccount": box.keys.merchant_account, "amount": {"value": 100, "currency": "EUR"}}
    return httpx.post(
        f"{box.address}/v72/payments/{payment}/refunds", json=body, headers={"x-api-key": box.keys.api_key}
    ).status_code


@pytest.mark.parametrize("fault", ["error", "drop", "rate_limit"])
async def test_a_report_that_can_not_be_fetched_is_fetched_the_next_night_and_nothing_seems_to_be_missing(
    till: Till, door: Door, fault: str
) -> None:
    await captured(till, door)
    closed(till)
    await door.hear()
    till.clock.advance(timedelta(days=8).total_seconds())
    assert till.adyen is not None
    plan = {"fault": fault, "match": "GET /reports/*", "times": 1 if fault != "drop" else 2}
    await asyncio.to_thread(till.adyen.faults, next=[plan])
    assert (await night(till), hosts_are_owed(till)) == ([], 0)
    assert (await night(till), hosts_are_owed(till)) == ([], SHARE)


async def test_a_report_that_can_not_be_read_keeps_no_other_from_being_posted(
    till: Till, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    await captured(till, door)
    first = closed(till)
    await captured(till, door, evse=2)
    closed(till)
    await door.hear()
    read = "forecourt.payments.providers.adyen_settling.read_report"
    from forecourt.payments.providers.adyen_report import read_report

    def broken(text: str, merchant: str) -> object:
        return read_report(text.replace("EUR", "Eur") if ",1," in text and "batch 1," in text else text, merchant)

    monkeypatch.setattr(read, broken)
    await night(till)
    assert hosts_are_owed(till) == SHARE
    assert till.rows("SELECT 1 FROM reconciliations WHERE tenant_id = %s", till.tenant_id) == [], "not compared"
    monkeypatch.undo()
    assert (await night(till), hosts_are_owed(till)) == ([], 2 * SHARE)
    assert first == "settlement_detail_report_batch_1.csv"


async def test_a_report_that_is_never_given_keeps_no_other_from_being_posted_and_is_given_up(
    till: Till, door: Door
) -> None:
    await captured(till, door)
    first = closed(till)
    await captured(till, door, evse=2)
    closed(till)
    await door.hear()
    assert till.adyen is not None
    plan = {"fault": "error", "match": f"GET /reports/*{first}", "times": 20}
    await asyncio.to_thread(till.adyen.faults, next=[plan])
    await night(till)
    assert hosts_are_owed(till) == SHARE
    assert till.rows("SELECT 1 FROM reconciliations WHERE tenant_id = %s", till.tenant_id) == [], "not compared"
    till.clock.advance(timedelta(days=61).total_seconds())
    await night(till)
    assert till.rows("SELECT 1 FROM reconciliations WHERE tenant_id = %s", till.tenant_id), "nothing is left to be read"
    await asyncio.to_thread(till.adyen.faults)


async def test_the_key_of_the_report_user_goes_to_adyen_alone_and_is_needed(till: Till, door: Door) -> None:
    await captured(till, door)
    closed(till)
    assert till.adyen is not None
    [*_, told] = till.adyen.events()
    # The address in a webhook is not signed.
    elsewhere = told.replace(till.adyen.address.encode(), door.url.rsplit("/hooks", 1)[0].encode())
    assert elsewhere != told
    assert (await door.post(elsewhere)).status_code == 200
    came = door.came
    assert (await night(till), hosts_are_owed(till), door.came) == ([], SHARE, came)


async def test_without_that_key_nothing_is_compared_and_with_it_all_that_was_told_is_read(
    till: Till, door: Door
) -> None:
    assert till.adyen is not None
    assert till.account_id is not None
    key = str(till.adyen.keys.report_key)
    async with till.tenants.tenant(till.tenant_id) as conn:
        bare = replace(till.adyen.keys, report_key=None)
        row = await till.providers.add(conn, till.actor, "adyen-bare", bare)
        assert not till.providers.settles(row)
        assert set(await till.providers.by_name(till.tenant_id)) == {"adyen-main"}
        row = await till.providers.change(conn, till.actor, row.account_id, given=None, active=None, report_key=key)
        assert till.providers.settles(row)
    assert set(await till.providers.by_name(till.tenant_id)) == {"adyen-main", "adyen-bare"}
