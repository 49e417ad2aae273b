"""Files of money that people take away: how they are sent, and how amounts stand in their cells."""

from collections.abc import AsyncIterator

from litestar import Response
from litestar.response import Stream

from forecourt.platform.money import minor_digits


def streamed(parts: AsyncIterator[bytes] | list[bytes], media_type: str, name: str) -> Stream:
    """A file to take away whose parts are made while it is sent."""
    return Stream(parts, media_type=media_type, headers={"content-disposition": f'attachment; filename="{name}"'})


def file(content: bytes, media_type: str, name: str) -> Response[bytes]:
    """A file to take away."""
    return Response(content, media_type=media_type, headers={"content-disposition": f'attachment; filename="{name}"'})


def plain(amount: int | None, currency: str) -> str:
    """An amount as a sheet takes it: 12.50, without a currency."""
    if amount is None:
        return ""
    digits = minor_digits(currency)
    whole, part = divmod(abs(amount), 10**digits)
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole}.{part:0{digits}}" if digits else f"{sign}{whole}"


def kwh(energy_wh: int | None) -> str:
    """Energy in kWh, to the Wh."""
    return "" if energy_wh is None else f"{energy_wh // 1000}.{energy_wh % 1000:03}"
