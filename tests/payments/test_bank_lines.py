"""Lines of a bank that are called alike, or nothing: each is kept once, and none is lost."""

from datetime import UTC, datetime

import pytest

from forecourt.payments.bank.model import shown
from forecourt.payments.bank.store import BankRow, put_bank
from forecourt.payments.reconcile import camt
from forecourt.payments.reconcile.model import BankLineUnreadable, OtherAccount
from forecourt.payments.reconcile.service import Reconciler
from forecourt.payments.reconcile.store import bank
from tests.care.yard import Yard


def a_line(amount: str, ref: str = "NONREF", text: str = "thanks", way: str = "CRDT", parts: int = 1) -> str:
    part = f"<TxDtls><Amt Ccy='EUR'>{amount}</Amt><RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls>"
    return (
        f"<Ntry><Amt Ccy='EUR'>{amount}</Amt><CdtDbtInd>{way}</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-03-02</Dt>"
        f"</BookgDt><AcctSvcrRef>{ref}</AcctSvcrRef><NtryDtls>{part * parts}</NtryDtls></Ntry>"
    )


def a_statement(number: str, *lines: str, account: str = "DE1") -> str:
    return f"<Stmt><Id>{number}</Id><Acct><Id><IBAN>{account}</IBAN></Id></Acct>{''.join(lines)}</Stmt>"


def a_file(*statements: str) -> bytes:
    return f"<Document><BkToCstmrStmt>{''.join(statements)}</BkToCstmrStmt></Document>".encode()


async def read(yard: Yard, *statements: str) -> tuple[int, list[int]]:
    """How many of the lines are new, and what is kept in all."""
    yard.clock.set(datetime(2026, 3, 3, 9, tzinfo=UTC))
    reconciler = Reconciler(yard.tenants, yard.clock)
    taken = await reconciler.read_statement(yard.tenant_id, a_file(*statements), ours=True)
    rows = yard.rows("SELECT amount FROM bank_lines WHERE tenant_id = %s ORDER BY amount, line_id", yard.tenant_id)
    return taken.new, [row["amount"] for row in rows]


async def test_lines_without_a_name_of_their_own_are_each_kept_once(yard: Yard) -> None:
    said = [a_line("11.90"), a_line("11.90"), a_line("11.90", text="another"), a_line("5.00", ref="")]
    assert await read(yard, a_statement("A", *said)) == (4, [500, 1190, 1190, 1190])
    # The same day, told once more by a statement of another name that goes further.
    again = a_statement("B", *said, a_line("11.90"), a_line("7.00", ref="NOTPROVIDED"))
    assert await read(yard, again) == (2, [500, 700, 1190, 1190, 1190, 1190])
    assert await read(yard, again) == (0, [500, 700, 1190, 1190, 1190, 1190])
    listed = yard.rows("SELECT about FROM reconcile_differences WHERE tenant_id = %s", yard.tenant_id)
    assert len({row["about"] for row in listed}) == 6, "each is a difference of its own"


async def test_a_name_that_several_lines_share_hides_none_of_them(yard: Yard) -> None:
    paid = a_statement(
        "A", a_line("100.00", "R1"), a_line("0.35", "R1", "charge", "DBIT"), a_line("3.00", "R2", parts=2)
    )
    moved = a_statement("A", a_line("100.00", "R1"), account="DE2")
    assert await read(yard, paid, moved) == (5, [-35, 300, 300, 10_000, 10_000])
    # One that is told of in two statements of a file is one.
    assert await read(yard, paid, moved, a_statement("C", a_line("100.00", "R1"))) == (
        0, [-35, 300, 300, 10_000, 10_000],
    )  # fmt: skip


async def test_what_was_read_before_lines_had_names_is_not_read_anew(yard: Yard) -> None:
    said = a_statement("A", a_line("11.90"), a_line("11.90"), a_line("100.00", "R1"))
    await read(yard, said)
    yard.rows("UPDATE bank_lines SET name = NULL WHERE tenant_id = %s", yard.tenant_id)
    more = a_statement("A", a_line("11.90"), a_line("11.90"), a_line("100.00", "R1"), a_line("11.90"))
    assert await read(yard, more) == (1, [1190, 1190, 1190, 10_000])


async def test_lines_without_a_name_that_are_alike_in_two_statements_of_a_file_are_two(yard: Yard) -> None:
    morning, noon = a_statement("A", a_line("11.90")), a_statement("B", a_line("11.90"), a_line("11.90"))
    assert await read(yard, morning, noon) == (3, [1190, 1190, 1190])
    assert await read(yard, morning, noon) == (0, [1190, 1190, 1190])
    # A statement that stands twice in a file is one; of another account, lines are others.
    assert await read(yard, morning, morning, noon) == (0, [1190, 1190, 1190])
    assert await read(yard, morning, a_statement("C", a_line("11.90"), account="DE2")) == (1, [1190] * 4)


async def test_lines_are_matched_page_by_page_payouts_before_what_came_back(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bank, "UNMATCHED_PAGE", 2)
    said = [a_line(f"{each}.00", ref=f"R{each}", text=str(each)) for each in range(5, 0, -1)]
    back = "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf></TxDtls>"
    assert (await read(yard, a_statement("A", said[0].replace("</TxDtls>", back), *said[1:])))[0] == 5
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        found = [row.amount async for row in bank.each_unmatched(conn, yard.tenant_id)]
    assert found == [400, 300, 200, 100, 500]
    assert len(await Reconciler(yard.tenants, yard.clock).compare_bank(yard.tenant_id)) == 5


async def test_a_statement_of_an_account_that_nobody_said_is_ours_is_refused_until_somebody_does(yard: Yard) -> None:
    yard.clock.set(datetime(2026, 3, 3, 9, tzinfo=UTC))
    reconciler = Reconciler(yard.tenants, yard.clock)
    ours, other = "DE89370400440532013000", "GB33BUKB20201555555555"
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        row = BankRow(
            name="Yard", iban_sealed=b"x", iban_shown=shown(ours), bic="", changed_at=yard.clock.now()
        )  # fmt: skip
        await put_bank(conn, yard.tenant_id, row)

    async def kept() -> list[tuple[str | None, int]]:
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            rows = await bank.list_lines(conn, yard.tenant_id, order="oldest", limit=9)
            statements = await bank.list_statements(conn, yard.tenant_id, 9)
        assert {account for each in statements for account in each.accounts} == {row.account for row in rows}
        return [(row.account, row.amount) for row in rows]

    await reconciler.read_statement(yard.tenant_id, a_file(a_statement("A", a_line("5.00"), account=ours)))
    for said in (
        [a_statement("B", a_line("7.00"), account=other)],
        [a_statement("A", a_line("5.00"), account=ours), a_statement("B", a_line("7.00"), account=other)],
    ):
        with pytest.raises(OtherAccount) as refused:
            await reconciler.read_statement(yard.tenant_id, a_file(*said))
        assert refused.value.context == {"accounts": ["GB33 \u2026 5555"]}
    assert await kept() == [("DE89 \u2026 3000", 500)]
    taken = a_file(a_statement("B", a_line("7.00"), account=other))
    await reconciler.read_statement(yard.tenant_id, taken, ours=True)
    # Said once for each account.
    again = await reconciler.read_statement(yard.tenant_id, taken)
    assert (again.new, await kept()) == (0, [("DE89 \u2026 3000", 500), ("GB33 \u2026 5555", 700)])


@pytest.mark.parametrize(
    ("wrong", "right", "why"),
    [
        (">7.001<", ">7.00<", "more decimals"), (">lots<", ">7.00<", "amount is none"),
        ("2026-02-30", "2026-03-02", "day on which"), ("Ccy='eu'", "Ccy='EUR'", "no currency"),
        (">SOME<", ">CRDT<", "came or went"),
    ],
    ids=["decimals", "amount", "day", "currency", "way"],
)  # fmt: skip
def test_a_line_that_cant_be_read_is_named_with_what_is_wrong(wrong: str, right: str, why: str) -> None:
    bad = a_line("7.00").replace(right, wrong)
    with pytest.raises(BankLineUnreadable) as refused:
        camt.read(a_file(a_statement("A", a_line("5.00"), a_line("6.00"), bad)))
    assert refused.value.context["line"] == 3
    assert "Line 3 of this statement" in refused.value.detail
    assert why in refused.value.detail
