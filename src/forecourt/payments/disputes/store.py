"""All SQL of disputes."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row

from forecourt.payments.psp.words import DECIDED, Dispute, DisputeState

Connection = AsyncConnection[Any]

#: Disputes of one payment that are shown.
MAX_SHOWN: Final = 50
_COLUMNS: Final = (
    "reference, amount, currency, status, reason, opened_at, evidence_by, decided_at, took_money, in_wallet"
)


class DisputeRow(Struct, frozen=True, kw_only=True):
    """A dispute as stored. `evidence_by`: until when the provider takes an answer."""

    reference: str
    amount: int
    currency: str
    status: DisputeState
    reason: str
    opened_at: datetime
    evidence_by: datetime | None
    decided_at: datetime | None
    #: The provider took the amount until it is decided.
    took_money: bool
    #: What of it is in the wallet that it filled, and can't be spent.
    in_wallet: int

    @property
    def bars_refunds(self) -> bool:
        """Whether its money is with the driver's bank, or gone: an inquiry took none, and of one that was won it is
        back."""
        return self.status is not DisputeState.WON and self.took_money

    @property
    def lost(self) -> bool:
        """Whether it was decided for the driver's bank, which keeps the money."""
        return self.status is DisputeState.LOST and self.took_money

    @property
    def open(self) -> bool:
        """Whether it isn't decided yet."""
        return self.status not in DECIDED


class InWallet(Struct, frozen=True, kw_only=True):
    """A dispute of a top-up of which something is in its wallet still, `in_wallet` minor units. `lost`: it was decided
    for the bank."""

    account_id: UUID
    reference: str
    intent_id: UUID
    lost: bool
    in_wallet: int


async def list_in_wallet(conn: Connection, tenant_id: int, payer: str, currency: str) -> list[InWallet]:
    """The disputes that keep something back of a wallet, the latest first."""
    cursor = conn.cursor(row_factory=class_row(InWallet))
    await cursor.execute(
        "SELECT account_id, reference, intent_id, status = 'lost' AS lost, in_wallet FROM payment_disputes"
        " WHERE tenant_id = %s AND payer = %s AND currency = %s AND in_wallet > 0 ORDER BY opened_at DESC, reference",
        (tenant_id, payer, currency),
    )
    return await cursor.fetchall()


async def set_in_wallet(
    conn: Connection, tenant_id: int, account_id: UUID, reference: str, payer: str, in_wallet: int
) -> None:
    """Keeps what of a disputed top-up is in the payer's wallet still."""
    await conn.execute(
        "UPDATE payment_disputes SET payer = %s, in_wallet = %s"
        " WHERE tenant_id = %s AND account_id = %s AND reference = %s",
        (payer, in_wallet, tenant_id, account_id, reference),
    )


async def list_disputes(conn: Connection, tenant_id: int, intent_id: UUID) -> list[DisputeRow]:
    """Every dispute of a payment, the latest first."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM payment_disputes WHERE tenant_id = %s AND intent_id = %s"
        " ORDER BY opened_at DESC, reference LIMIT %s",
        (tenant_id, intent_id, MAX_SHOWN),
    )
    return [msgspec.convert(row, DisputeRow) for row in await cursor.fetchall()]


async def put_dispute(
    conn: Connection, tenant_id: int, account_id: UUID, intent_id: UUID, dispute: Dispute, decided_at: datetime | None
) -> None:
    """Keeps how a dispute stands."""
    await conn.execute(
        "INSERT INTO payment_disputes (tenant_id, account_id, intent_id, reference, amount, currency, status, reason,"
        " opened_at, evidence_by, decided_at, took_money) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (account_id, reference) DO UPDATE SET amount = excluded.amount, status = excluded.status,"
        " reason = excluded.reason, evidence_by = excluded.evidence_by, decided_at = excluded.decided_at,"
        " took_money = excluded.took_money",
        (
            tenant_id, account_id, intent_id, dispute.reference, dispute.amount, dispute.currency,
            dispute.status.value, dispute.reason, dispute.opened_at, dispute.evidence_by, decided_at,
            bool(dispute.movements),
        ),
    )  # fmt: skip
