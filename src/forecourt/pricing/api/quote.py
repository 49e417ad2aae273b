"""What a session of a given shape would cost by a given tariff, exactly."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from math import lcm
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import msgspec
from litestar import Request, post
from litestar.params import JSONBody
from msgspec import Meta, Raw, Struct

from forecourt.access.guard import Asker
from forecourt.pricing.engine import Pricer
from forecourt.pricing.errors import SessionUnpriceable, TariffUnreadable
from forecourt.pricing.model import MAX_SECONDS, Circumstances, EvseKind, Segment, SegmentKind
from forecourt.pricing.ocpi import EXAMPLE as TARIFF
from forecourt.pricing.ocpi import OcpiTariff, read_tariff
from forecourt.pricing.shown import Quote, shown

#: Segments of one quote.
MAX_QUOTED: Final = 2_000
#: Characters of a number, and its size.
MAX_NUMBER: Final = 100
MOST: Final = 10**12
#: Digits of the number of parts of a Wh in which all energies of a session are whole.
MAX_PARTS_DIGITS: Final = 1_000
_KWH: Final = 1000
_DECIMAL: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
#: A session as it may be asked for: an hour of charging, and half an hour of parking behind it.
EXAMPLE: Final = {
    "tariff": TARIFF,
    "segments": [
        {"seconds": 3600, "kind": "CHARGING", "energy_kwh": "41/2"},
        {"seconds": 1800, "kind": "PARKING"},
    ],
}

Number = Annotated[
    int | float | Annotated[str, Meta(max_length=MAX_NUMBER)],
    Meta(description='A number, or an exact one as a string: "20.5" or "41/2".', examples=["41/2"]),
]


class SegmentAsked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a session in which power doesn't change."""

    seconds: Annotated[int, Meta(ge=0, le=MAX_SECONDS, examples=[3600])]
    kind: Annotated[SegmentKind, Meta(examples=["CHARGING"])] = SegmentKind.CHARGING
    energy_kwh: Number | None = None
    power_kw: Annotated[Number | None, Meta(description="Null: the mean.", examples=[11])] = None
    current_a: Annotated[Number | None, Meta(description="Of all phases together.", examples=[48])] = None


class QuoteAsked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tariff and a session. Times of day and days are those of `time_zone`."""

    tariff: OcpiTariff
    start: Annotated[
        datetime,
        Meta(
            description="Of the session, or of its reservation. Without a zone UTC, as in OCPI.",
            examples=["2026-06-01T17:30:00Z"],
        ),
    ]
    segments: Annotated[list[SegmentAsked], Meta(min_length=1, max_length=MAX_QUOTED)]
    time_zone: Annotated[str, Meta(max_length=64, examples=["Europe/Berlin"])] = "UTC"
    evse_kind: EvseKind | None = None
    expired: Annotated[
        bool | None,
        Meta(description="Nobody came for the reservation. Null: if there is nothing else.", examples=[None]),
    ] = None


class _Exact(Struct):
    """The numbers of a segment as they were written, which a float doesn't keep."""

    energy_kwh: Raw = Raw(b"null")
    power_kw: Raw = Raw(b"null")
    current_a: Raw = Raw(b"null")


class _ExactQuote(Struct):
    segments: list[_Exact]


@post(
    "/pricing/quote",
    opt={"problems": [TariffUnreadable, SessionUnpriceable], "example": EXAMPLE},
    status_code=200,
    summary="Tell what a session costs by a tariff",
    description=(
        "Nothing is stored. The tariff is an OCPI 2.3.0 Tariff object (2.2.1 is read too); fields of it that make no"
        " price are left alone. Conditions are read at the start of each second."
    ),
    tags=["prices"],
)
async def quote(data: JSONBody[QuoteAsked], actor: Asker, request: Request[Any, Any, Any]) -> Quote:
    exact = msgspec.json.decode(await request.body(), type=_ExactQuote).segments
    segments = [_segment(number, *each) for number, each in enumerate(zip(data.segments, exact, strict=True))]
    if sum(each.seconds for each in segments) > MAX_SECONDS:
        raise SessionUnpriceable(f"The session lasts longer than {MAX_SECONDS} seconds. Price it in parts.")
    _check_parts(Fraction(each.energy_wh).denominator for each in segments)
    start_at = data.start.replace(tzinfo=UTC) if data.start.tzinfo is None else data.start
    pricer = Pricer(read_tariff(data.tariff), _zone(data.time_zone), Circumstances(evse_kind=data.evse_kind))
    pieces = pricer.pieces(start_at, segments, expired=data.expired)
    _check_parts(each.under for each in pieces)
    return shown(pricer.bill(pieces), pieces)


def _check_parts(denominators: Iterable[int]) -> None:
    """Energies that have no parts in common are summed exactly only in numbers that grow with each of them. Raises
    SessionUnpriceable."""
    parts, most = 1, 10**MAX_PARTS_DIGITS
    for each in denominators:
        parts = lcm(parts, each)
        if parts >= most:
            raise SessionUnpriceable(
                f"The energies sum up to a fraction of more than {MAX_PARTS_DIGITS} digits. Write them by denominators"
                " that have more in common."
            )


def _segment(number: int, asked: SegmentAsked, exact: _Exact) -> Segment:
    place = f"segments[{number}]"
    energy = _number(f"{place}.energy_kwh", exact.energy_kwh) or Fraction(0)
    power = _number(f"{place}.power_kw", exact.power_kw)
    return Segment(
        seconds=asked.seconds,
        kind=asked.kind,
        energy_wh=_whole(energy * _KWH),
        power_w=None if power is None else _whole(power * _KWH),
        current_a=_number(f"{place}.current_a", exact.current_a),
    )


def _number(place: str, raw: Raw) -> Fraction | None:
    """A number as it was written: of JSON, or in a string, decimal or a fraction."""
    text = bytes(raw).decode().strip('"')
    if text == "null":
        return None
    above, _, below = text.partition("/")
    try:
        if len(text) > MAX_NUMBER:
            raise ValueError
        found = Fraction(_decimal(above)) / (Fraction(_decimal(below)) if below else 1)
    except (ValueError, InvalidOperation, OverflowError, ZeroDivisionError):
        raise SessionUnpriceable(
            f'{place} is no number. Write a decimal such as 20.5, or "41/2" for an exact fraction.'
        ) from None
    if not 0 <= found <= MOST:
        raise SessionUnpriceable(f"{place} must be from 0 to {MOST}.")
    return found


def _decimal(text: str) -> Decimal:
    """Raises ValueError for what JSON would not take as a number."""
    if not _DECIMAL.fullmatch(text):
        raise ValueError
    found = Decimal(text)
    if not found.is_finite() or abs(found.adjusted()) > MAX_NUMBER:
        raise ValueError
    return found


def _whole(value: Fraction) -> int | Fraction:
    return value.numerator if value.denominator == 1 else value


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        if not name:
            raise SessionUnpriceable(
                "The time zone is empty. Name one such as Europe/Berlin, or none for UTC."
            ) from None
        raise SessionUnpriceable(f"There is no time zone {name}. Name one such as Europe/Berlin.") from None
