"""Adyen's Settlement details report as movements: by lines as Adyen's documentation shows them."""

from datetime import UTC, datetime

import pytest

from forecourt.payments.providers.adyen_report import REPORT_NAME, ReportUnreadable, movement_of, read_report
from forecourt.payments.providers.adyen_settling import Reports
from forecourt.payments.providers.adyen_shapes import REPORT
from forecourt.payments.psp.words import Told
from tests.support import FakeClock

HEAD = (
    "Company Account,Merchant Account,Psp Reference,Merchant Reference,Payment Method,Creation Date,TimeZone,Type,"
    "Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Exchange Rate,Net Currency,"
    "Net Debit (NC),Net Credit (NC),Commission (NC),Markup (NC),Scheme Fees (NC),Interchange (NC),"
    "Payment Method Variant,Modification Merchant Reference,Batch Number\n"
)
INTENT = "5c2ff1f0-7a1c-4b8e-9b0b-0f2d5a1e3c4d"
OURS = f"{INTENT.replace('-', '')}h{'0' * 32}"
SETTLED = (
    f"Co,Shop,PAY1,{OURS},visa,2026-06-03 11:26:49,CEST,Settled,CAP1,EUR,,5.00,1,EUR,,4.88,,0.04,0.01,0.07,visa,,4\n"
)
CLOSED = datetime(2026, 6, 6, tzinfo=UTC)


def one(line: str) -> tuple[str, int, int, str]:
    [said] = read_report(HEAD + line, "Shop")
    moved = movement_of(said, CLOSED)
    return moved.kind, moved.amount, moved.fee, moved.currency


def test_a_settled_payment_is_a_charge_of_ours_with_all_that_it_cost_at_its_time() -> None:
    [said] = read_report("\ufeff" + HEAD + SETTLED, "Shop")
    moved = movement_of(said, CLOSED)
    assert (moved.kind, moved.amount, moved.fee, moved.currency) == ("charge", 500, 12, "EUR")
    assert (moved.intent, moved.hold, moved.source) == (INTENT, "PAY1", "CAP1")
    assert (moved.at, moved.available_at) == (datetime(2026, 6, 3, 9, 26, 49, tzinfo=UTC), CLOSED)


@pytest.mark.parametrize(
    ("line", "moved"),
    [
        ("P,m,visa,2026-03-26 22:37:26,CET,Chargeback,D,EUR,349.99,,1,EUR,357.49,,7.5,,,,v,,4",
         ("dispute", -34999, 750)),
        ("P,m,visa,2026-03-26 22:37:26,CET,ChargebackReversed,D,EUR,,349.99,1,EUR,,349.99,,,,,v,,4",
         ("dispute_reversal", 34999, 0)),
        ("P,m,visa,2026-03-26 22:37:26,UTC,SecondChargeback,D,EUR,5,,1,EUR,5.00,,,,,,v,,4", ("dispute", -500, 0)),
        ("P,m,visa,2026-03-26 22:37:26,UTC,Refunded,R,EUR,5.00,,1,EUR,5.10,,0.10,,,,v,,4", ("refund", -500, 10)),
        ("P,m,visa,2026-03-26 22:37:26,UTC,RefundedReversed,R,EUR,,5.00,1,EUR,,5.00,,,,,v,,4",
         ("refund_failure", 500, 0)),
        (",,,2026-03-26 22:37:26,UTC,Fee,Transaction Fees March 2026,,,,,EUR,1.21,,,,,,,,4", ("fee", -121, 0)),
        (",,,2026-03-26 22:37:26,UTC,InvoiceDeduction,Invoice 12,,,,,EUR,,3.00,,,,,,,4", ("fee", 300, 0)),
        (',,,2026-03-26 22:37:26,UTC,MerchantPayout,"TX9XT batch 4, Shop",,,,,EUR,9001.82,,,,,,,,4',
         ("payout", -900182, 0)),
        (",,,2026-03-26 22:37:26,UTC,BankInstructionReturned,TX9XT,,,,,EUR,,9001.82,,,,,,,4",
         ("payout_failure", 900182, 0)),
        (",,,2026-03-26 22:37:26,UTC,DepositCorrection,Reserve,,,,,EUR,50,,,,,,,,4", ("depositcorrection", -5000, 0)),
    ],
)  # fmt: skip
def test_each_type_of_a_line_is_what_reconciliation_knows_it_as(line: str, moved: tuple[str, int, int]) -> None:
    assert one(f"Co,Shop,{line}\n") == (*moved, "EUR")


def test_what_is_settled_in_another_currency_is_of_that_currency_with_the_costs_that_are_named() -> None:
    line = "Co,Shop,P,m,visa,2026-03-26 22:37:26,UTC,Settled,C,GBP,,10.00,1.17,EUR,,11.58,,0.05,0.02,0.05,v,,4\n"
    assert one(line) == ("charge", 1170, 12, "EUR")
    assert one("Co,Shop,P,m,visa,2026-03-26 22:37:26,UTC,Settled,C,JPY,,1000,1,JPY,,990,,10,,,v,,4\n") == (
        "charge", 1000, 10, "JPY",
    )  # fmt: skip


def test_lines_of_other_merchants_and_what_is_carried_on_are_none_and_like_ones_are_told_apart() -> None:
    fee = "Co,Shop,,,,2026-03-26 22:37:26,UTC,Fee,Transaction Fees,,,,,EUR,1.00,,,,,,,,4\n"
    carried = "Co,Shop,,,,2026-03-26 22:37:26,UTC,Balancetransfer,to batch 5,,,,,EUR,1.00,,,,,,,,4\n"
    text = HEAD + SETTLED + SETTLED.replace("Co,Shop", "Co,Other") + fee + carried + fee
    found = [each.reference for each in read_report(text, "Shop")]
    assert found == ["Settled:CAP1", "Fee:4:EUR:Transaction Fees", "Fee:4:EUR:Transaction Fees#2"]
    assert found == [each.reference for each in read_report(text, "Shop")]


def test_what_a_payment_cost_in_two_batches_is_two_costs() -> None:
    cost = "Co,Shop,PAY1,m,visa,2026-03-26 22:37:26,UTC,PaymentCost,,,,,,EUR,0.11,,,,,,v,,7\n"
    found = [read_report(HEAD + each, "Shop")[0].reference for each in (cost, cost.replace(",7\n", ",8\n"))]
    assert found == ["PaymentCost:7:EUR:PAY1", "PaymentCost:8:EUR:PAY1"]


@pytest.mark.parametrize(
    ("was", "is_now"),
    [
        ("4.88", "4.885"), ("4.88", "NaN"), ("4.88", "1e30"), ("4.88", "four"), ("EUR,,4.88", "Euro,,4.88"),
        ("CEST", "Mars"), ("2026-06-03 11:26:49", "03.06.2026"), ("Batch Number", "Batch"), (",4\n", '\n"'),
        ("Net Currency", "Currency"), ("PAY1", "P\0AY1"), ("PAY1", "P" * 201), ("Settled", "S" * 201),
    ],
)  # fmt: skip
def test_a_report_of_which_a_line_can_not_be_read_is_not_read_in_part(was: str, is_now: str) -> None:
    text = (HEAD + SETTLED.replace("CAP1", "CAP0") + SETTLED).replace(was, is_now)
    with pytest.raises(ReportUnreadable):
        read_report(text, "Shop")


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("settlement_detail_report_batch_12.csv", True), ("settlement_detail_report_2026-06-06_ab12.csv", True),
        ("received_payments_report_2026.csv", False), ("settlement_detail_report_../../keys.csv", False),
        ("settlement_detail_report_batch_12.csv?x=1", False), ("settlement_detail_report_" + "9" * 60 + ".csv", False),
        ("settlement_detail_report_batch_12.csv\n", False), ("settlement_detail_report_batch_12.xlsx", False),
    ],
)  # fmt: skip
def test_only_a_settlement_report_is_fetched_and_its_name_leads_nowhere_else(name: str, good: bool) -> None:
    assert (REPORT_NAME.fullmatch(name) is not None) is good


class _Told:
    """What an account was told."""

    def __init__(self, *told: Told) -> None:
        self.told = list(told)

    async def keep(self, told: Told) -> None:
        self.told.append(told)

    async def about(self, reference: str) -> list[Told]:
        return [each for each in self.told if each.about == reference]

    async def named(self, reference: str) -> list[Told]:
        return [each for each in self.told if each.reference == reference]

    async def unread(self) -> list[Told]:
        return [each for each in self.told if each.kind == REPORT]


async def test_a_chargeback_whose_webhook_was_not_heard_is_given_back_by_the_name_that_its_report_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = "Co,Shop,P,m,visa,2026-03-26 22:37:26,UTC,{},{},EUR,{},1,EUR,{},,,,,v,,4\n"
    won = line.format("ChargebackReversed", "WON1", ",5.00", ",5.00")
    text = HEAD + won + line.format("Chargeback", "TAKEN1", "5.00,", "5.00,")
    reports = Reports(
        _Told(Told(kind=REPORT, reference="r", about="r", at=CLOSED)), FakeClock(CLOSED), merchant_account="Shop",
        key="", base="",
    )  # fmt: skip

    async def fetched(_name: str) -> str:
        return text

    monkeypatch.setattr(reports, "_fetch", fetched)
    page = await reports.page(None)
    assert [(each.kind, each.source) for each in page.movements] == [
        ("dispute_reversal", "TAKEN1"), ("dispute", "TAKEN1"),
    ]  # fmt: skip
