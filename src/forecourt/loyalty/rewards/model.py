"""What a program gives for a session, and which tier a driver has. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta, Struct

from forecourt.platform.errors import ForecourtError
from forecourt.platform.money import Currency, minor_digits
from forecourt.platform.text import NAME_LINE

MAX_TIERS: Final = 10
MAX_TIER_NAME: Final = 40
#: Points of a kWh, or of one whole unit of the currency.
MAX_RATE: Final = 10_000
#: What a hundred points are worth at the most, in minor units.
MAX_VALUE: Final = 100_000
MAX_EXPIRY_D: Final = 3_650
MAX_THRESHOLD: Final = 10**9
MAX_CASHBACK_PERCENT: Final = 50
MAX_BONUS_PERCENT: Final = 1_000
#: Lots of one driver that are used, or moves that are told, at once.
MAX_LOTS: Final = 10_000
_PER_CENT: Final = 100
_WH_A_KWH: Final = 1000


class TierBy(StrEnum):
    """By what a tier is reached, counted over the window until now."""

    SESSIONS = "sessions"
    ENERGY_KWH = "energy_kwh"
    #: Whole units of the program's currency, taxes included.
    SPEND = "spend"


class Tier(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a driver has from `least` on: of the points of everybody so many percent, and another cashback."""

    name: Annotated[str, Meta(min_length=1, max_length=MAX_TIER_NAME, pattern=NAME_LINE, examples=["Gold"])]
    least: Annotated[int, Meta(ge=0, le=MAX_THRESHOLD, examples=[20])]
    points_percent: Annotated[int, Meta(ge=0, le=MAX_BONUS_PERCENT, examples=[150])] = _PER_CENT
    cashback_percent: Annotated[Decimal | None, Meta(description="Null: that of the program.", examples=["3"])] = None


class Program(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an organisation gives for sessions that drivers pay themselves, in this currency. Points are whole, rounded
    down; a hundred of them are worth `value_of_100` minor units, fixed when they are earned."""

    currency: Currency
    active: Annotated[bool, Meta(description="Off: nothing more is earned; what was is kept.")] = True
    points_per_kwh: Annotated[int, Meta(ge=0, le=MAX_RATE, examples=[1])] = 0
    points_per_unit: Annotated[
        int, Meta(ge=0, le=MAX_RATE, description="Of one whole unit paid, taxes included.", examples=[2])
    ] = 0
    value_of_100: Annotated[int, Meta(ge=0, le=MAX_VALUE, examples=[100])] = 0
    expires_days: Annotated[int, Meta(ge=1, le=MAX_EXPIRY_D, examples=[365])] = 365
    cashback_percent: Annotated[Decimal, Meta(description="Of what was paid, into the wallet.", examples=["1.5"])] = (
        Decimal(0)
    )
    tier_by: TierBy = TierBy.SESSIONS
    tier_window_days: Annotated[int, Meta(ge=1, le=MAX_EXPIRY_D, examples=[365])] = 365
    tiers: Annotated[tuple[Tier, ...], Meta(max_length=MAX_TIERS, examples=[[]])] = ()


class Rate(Struct, frozen=True, kw_only=True):
    """What a driver of a tier earns."""

    points_per_kwh: Decimal
    points_per_unit: Decimal
    cashback_percent: Decimal


class Use(Struct, frozen=True, kw_only=True):
    """What a driver did in the window: `paid` in minor units with taxes."""

    sessions: int
    energy_wh: int
    paid: int


class Earned(Struct, frozen=True, kw_only=True):
    """What a session gives: points, what they are worth, and cashback, both in minor units."""

    points: int
    minor: int
    cashback: int


class Lot(Struct, frozen=True, kw_only=True):
    """Points of one session that are left."""

    lot_id: int
    driver_id: int
    points: int
    points_left: int
    currency: str
    minor: int
    minor_left: int
    expires_at: datetime


class Taken(Struct, frozen=True, kw_only=True):
    """What is taken of a lot."""

    lot: Lot
    points: int
    minor: int


class RefundedLot(Struct, frozen=True, kw_only=True):
    """What a session earned that was refunded since, in part or whole: `paid` is for what it was earned, `refunded`
    what of that was taken off already, `back` what went back in all, each no more than `paid`. Minor units with taxes.

    `used`: points of the lot that were turned into money, and `used_minor` into how much; `owed`: what is still to be
    taken out of the wallet, in minor units; `back_points`, `back_wallet`: what refunds took so far.
    """

    session_id: UUID
    lot: Lot
    cashback: int
    paid: int
    refunded: int
    back: int
    used: int = 0
    used_minor: int = 0
    owed: int = 0
    back_points: int = 0
    back_wallet: int = 0


class TakenBack(Struct, frozen=True, kw_only=True):
    """What a refund takes: points of the lot itself; and in minor units, out of the wallet, what those of it that were
    used were worth, and cashback."""

    taken: Taken | None
    used: int
    cashback: int


class GivenAgain(Struct, frozen=True, kw_only=True):
    """What a refund that came to nothing gives again: points of the lot, worth `minor`, and money in the wallet; and
    what is then still to be taken out of that. Minor units."""

    points: int
    minor: int
    wallet: int
    owed: int


def tier_of(program: Program, use: Use) -> Tier | None:
    """The highest tier that a driver reaches; None: none."""
    done = {
        TierBy.SESSIONS: Fraction(use.sessions),
        TierBy.ENERGY_KWH: Fraction(use.energy_wh, _WH_A_KWH),
        TierBy.SPEND: Fraction(use.paid, 10 ** minor_digits(program.currency)),
    }[program.tier_by]
    return max((each for each in program.tiers if done >= each.least), key=lambda each: each.least, default=None)


def rate_of(program: Program, tier: Tier | None) -> Rate:
    """What a program gives in a tier; None: without one."""
    share = Decimal(_PER_CENT if tier is None else tier.points_percent) / _PER_CENT
    return Rate(
        points_per_kwh=program.points_per_kwh * share, points_per_unit=program.points_per_unit * share,
        cashback_percent=program.cashback_percent if tier is None or tier.cashback_percent is None
        else tier.cashback_percent,
    )  # fmt: skip


def earned(program: Program, tier: Tier | None, *, energy_wh: int, paid: int) -> Earned:
    """What a session gives that took so much energy and for which so much was paid, in minor units with taxes."""
    rate = rate_of(program, tier)
    exact = Fraction(rate.points_per_kwh) * energy_wh / _WH_A_KWH
    exact += Fraction(rate.points_per_unit) * paid / 10 ** minor_digits(program.currency)
    points = exact.__floor__()
    return Earned(
        points=points, minor=points * program.value_of_100 // _PER_CENT,
        cashback=(Fraction(rate.cashback_percent) * paid / _PER_CENT).__floor__(),
    )  # fmt: skip


def taken_of(lots: Sequence[Lot], points: int) -> list[Taken]:
    """So many points out of lots, the first first; worth in all what is in proportion of each, so that parts of a lot
    are together the whole of it. No more than there are."""
    assert points <= sum(each.points_left for each in lots), "more than there are"
    found = []
    for lot in lots:
        part = min(points, lot.points_left)
        if part:
            after = lot.points_left - part
            # What is left is rounded down, so the last part takes what rounding kept.
            found.append(Taken(lot=lot, points=part, minor=lot.minor_left - lot.minor * after // lot.points))
            points -= part
    return found


def taken_back(of: RefundedLot) -> TakenBack:
    """What a session's refunds take of what it earned, less what they took before: in proportion, rounded down, so that
    no less is kept than the program gives for what stays paid, and nothing of a session that was refunded whole. Parts
    take together what the whole takes. Points that were not used go first; those that lapsed were worth nothing."""

    points = _part(of, of.lot.points, of.back) - _part(of, of.lot.points, of.refunded)
    taken = taken_of([of.lot], min(points, of.lot.points_left))
    return TakenBack(
        taken=taken[0] if taken else None, used=_used(of, of.back) - _used(of, of.refunded),
        cashback=_part(of, of.cashback, of.back) - _part(of, of.cashback, of.refunded),
    )  # fmt: skip


def given_again(of: RefundedLot) -> GivenAgain:
    """What is given again of what refunds took, now that less stays given back: all that they would not have taken for
    that. What they could not take, as it was spent or had lapsed, is not given. First what is still to be taken out of
    the wallet is taken no more."""
    points = of.back_points - min(of.back_points, _part(of, of.lot.points, of.back))
    there = of.lot.points_left + points
    due = _used(of, of.back) + _part(of, of.cashback, of.back)
    kept = min(of.back_wallet, due)
    return GivenAgain(
        points=points, minor=of.lot.minor * there // of.lot.points - of.lot.minor_left if points else 0,
        wallet=of.back_wallet - kept, owed=min(of.owed, due - kept),
    )  # fmt: skip


def _part(of: RefundedLot, whole: int, back: int) -> int:
    return whole * back // of.paid


def _used(of: RefundedLot, back: int) -> int:
    """What the points were worth that were used, as far as no others are left to be taken."""
    gone = max(_part(of, of.lot.points, back) - (of.lot.points - of.used), 0)
    return of.used_minor * gone // of.used if gone else 0


def lapses_at(program: Program, at: datetime) -> datetime:
    """When points that are earned then lapse."""
    return at + timedelta(days=program.expires_days)


def check_program(program: Program) -> None:
    """Raises ProgramRefused for one that can't be meant."""
    rates = [program.cashback_percent, *(each.cashback_percent or Decimal(0) for each in program.tiers)]
    wrong = None
    if any(not each.is_finite() or not 0 <= each <= MAX_CASHBACK_PERCENT or each != round(each, 2) for each in rates):
        wrong = f"cashback is from 0 to {MAX_CASHBACK_PERCENT} percent, with two decimals at the most"
    elif len({each.least for each in program.tiers}) < len(program.tiers):
        wrong = "each tier begins elsewhere"
    elif (program.points_per_kwh or program.points_per_unit) and not program.value_of_100:
        wrong = "points are worth something"
    if wrong is not None:
        raise ProgramRefused(f"The program can't be meant as it was sent: {wrong}.")


class ProgramRefused(ForecourtError):
    """The program can't be meant as it was sent. Mend what is named and send it again."""

    status = 422
    code = "program-refused"


class ProgramMissing(ForecourtError):
    """This organisation has no loyalty program."""

    status = 404
    code = "program-missing"


class PointsMissing(ForecourtError):
    """There are not so many points, or they are not worth anything yet. Look at how many there are."""

    status = 409
    code = "points-missing"
