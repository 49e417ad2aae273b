"""Builders of the entries of rewards: points, and money that goes into a wallet for them. Pure.

Points are owed from when they are earned at what they are worth then, until they are used or lapse.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from forecourt.payments.ledger.building import between, positive
from forecourt.payments.ledger.entries import wallet
from forecourt.payments.ledger.model import Entry, Kind

#: What drivers were given as points and cashback.
REWARDS: Final = "rewards"


def points_owed(driver: str) -> str:
    """What a driver's points are worth."""
    return f"points:{driver}"


def points_earned(*, session_id: UUID, driver: str, at: datetime, currency: str, amount: int) -> Entry:
    """A session earned points that are worth so much."""
    return between(
        f"points:{session_id}", Kind.POINTS_EARNED, at, currency, REWARDS, points_owed(driver), positive(amount),
        session_id=session_id,
    )  # fmt: skip


def points_used(*, move: int, driver: str, at: datetime, currency: str, amount: int) -> Entry:
    """A driver has points as money in the wallet."""
    return between(
        f"points_used:{move}", Kind.POINTS_USED, at, currency, points_owed(driver), wallet(driver), positive(amount)
    )


def points_lapsed(*, move: int, driver: str, at: datetime, currency: str, amount: int) -> Entry:
    """Points that nobody used are owed no more."""
    return between(
        f"points_lapsed:{move}", Kind.POINTS_LAPSED, at, currency, points_owed(driver), REWARDS, positive(amount)
    )


def cashback(*, session_id: UUID, driver: str, at: datetime, currency: str, amount: int) -> Entry:
    """A part of what a session cost goes into its driver's wallet."""
    return between(
        f"cashback:{session_id}", Kind.CASHBACK, at, currency, REWARDS, wallet(driver), positive(amount),
        session_id=session_id,
    )  # fmt: skip


def points_back(*, move: int, session_id: UUID, driver: str, at: datetime, currency: str, amount: int) -> Entry:
    """Points of a session that was refunded are owed no more."""
    return between(
        f"points_back:{move}", Kind.POINTS_BACK, at, currency, points_owed(driver), REWARDS, positive(amount),
        session_id=session_id,
    )  # fmt: skip


def cashback_back(
    *, session_id: UUID, turn: int, driver: str, at: datetime, currency: str, amount: int
) -> Entry:  # fmt: skip
    """What a session that was refunded brought into its driver's wallet goes out of it. `turn`: how often something
    went or came again."""
    return between(
        f"cashback_back:{session_id}:{turn}", Kind.CASHBACK_BACK, at, currency, wallet(driver), REWARDS,
        positive(amount), session_id=session_id,
    )  # fmt: skip


def points_again(*, move: int, session_id: UUID, driver: str, at: datetime, currency: str, amount: int) -> Entry:
    """Points that a refund took are owed again: it came to nothing."""
    return between(
        f"points_again:{move}", Kind.POINTS_AGAIN, at, currency, REWARDS, points_owed(driver), positive(amount),
        session_id=session_id,
    )  # fmt: skip


def cashback_again(*, session_id: UUID, turn: int, driver: str, at: datetime, currency: str, amount: int) -> Entry:
    """What a refund took out of the wallet comes there again: it came to nothing. `turn`: as for `cashback_back`."""
    return between(
        f"cashback_again:{session_id}:{turn}", Kind.CASHBACK_AGAIN, at, currency, REWARDS, wallet(driver),
        positive(amount), session_id=session_id,
    )  # fmt: skip
