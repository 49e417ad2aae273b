"""Prices of the day ahead, by the libraries of those who publish them.

The libraries wait and think synchronously and bring pandas, so they are loaded where the first price is fetched, and
run in a thread. What they raise may hold the address with its token: nothing of it is told on.
"""

import asyncio
import functools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from forecourt.energy.feeds.model import (
    DEADLINE_S,
    MARKET,
    MAX_VALUES,
    Entsoe,
    FeedFailed,
    Fetched,
    NordPool,
    Secrets,
    Series,
    market_days,
)
from forecourt.energy.signals.model import MAX_PLACES, Span

#: What one request may wait for its connection and for each part of its answer.
TIMEOUT_S: Final = 15
ENTSOE_SOURCE: Final = "ENTSO-E"
NORD_POOL_SOURCE: Final = "Nord Pool"
#: The markets where auctions stand side by side, of which the first is the one that is coupled across Europe.
_SEVERAL_AUCTIONS: Final = frozenset({"DE_LU", "AT"})
_CURRENCY: Final = re.compile(r"<currency_Unit\.name>\s*([A-Z]{3})\s*</", re.IGNORECASE)
_UNIT: Final = re.compile(r"<price_Measure_Unit\.name>\s*(\w+)\s*</", re.IGNORECASE)
_MINUTES: Final = {"15min": 15, "30min": 30, "60min": 60}
_PER_MWH: Final = Decimal("0.001")

Value = tuple[datetime, int, Decimal]


async def fetch_prices(source: Entsoe | NordPool, secrets: Secrets, now: datetime) -> Fetched:
    """The prices of today and, where they are published, of tomorrow, by the market's clock. Raises FeedFailed.

    What is missing in the answer is missing in what is returned.
    """
    if isinstance(source, Entsoe):
        found = await _in_thread(_ask_entsoe, source.area, secrets.token or "", *market_days(now))
        told = ENTSOE_SOURCE
    else:
        today = now.astimezone(MARKET).date()
        found = await _in_thread(_ask_nord_pool, source.area, source.currency, [today, today + timedelta(days=1)])
        told = NORD_POOL_SOURCE
    currency, values = found
    spans = spans_of(values, told, now)
    zone = source.zone or source.area
    return Fetched(series=[Series(kind="price", zone=zone, currency=currency, spans=spans)] if spans else [])


def spans_of(values: Iterable[Value], source: str, now: datetime) -> list[Span]:
    """Values (begin, minutes, price of a MWh) in order. Of several that begin at once the one that ends first counts:
    quarters of an hour go before the hours around them. Raises FeedFailed where there are too many."""
    by_start: dict[datetime, Span] = {}
    for at, minutes, value in values:
        held = by_start.get(at)
        if held is None or minutes < held.minutes:
            price = (value * _PER_MWH).quantize(Decimal(1).scaleb(-MAX_PLACES))
            by_start[at] = Span(start_at=at, minutes=minutes, value=price, source=source, fetched_at=now)
        if len(by_start) > MAX_VALUES:
            raise FeedFailed("too-much")
    return [by_start[at] for at in sorted(by_start)]


async def _in_thread(ask: Callable[..., Any], *arguments: Any) -> Any:
    """Asks in a thread. One that hangs for longer is left to its own time-outs."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            return await asyncio.to_thread(ask, *arguments)
    except TimeoutError:
        raise FeedFailed("late") from None


def _ask_entsoe(area: str, token: str, since: datetime, until: datetime) -> tuple[str | None, list[Value]]:
    import pandas as pd
    from entsoe.entsoe import EntsoeRawClient
    from entsoe.exceptions import InvalidBusinessParameterError, InvalidPSRTypeError, NoMatchingDataError
    from entsoe.mappings import lookup_area
    from entsoe.parsers import parse_prices

    try:
        lookup_area(area)
    except ValueError:
        raise FeedFailed("area-unknown") from None
    client = EntsoeRawClient(api_key=token, retry_count=1, retry_delay=0, timeout=TIMEOUT_S)
    span = pd.Timestamp(since), pd.Timestamp(until)
    which: dict[str, Any] = {"sequence": 1} if area in _SEVERAL_AUCTIONS else {}
    try:
        text = _asked(functools.partial(client.query_day_ahead_prices, area, *span, **which))
    except NoMatchingDataError:
        return None, []
    except (InvalidBusinessParameterError, InvalidPSRTypeError):
        raise FeedFailed("not-taken") from None
    finally:
        client.session.close()
    currencies = set(map(str.upper, _CURRENCY.findall(text)))
    units = set(map(str.upper, _UNIT.findall(text)))
    if len(currencies) > 1 or units - {"MWH"}:
        raise FeedFailed("unreadable", f"{', '.join(sorted(currencies | units))}")
    if not currencies:
        raise FeedFailed("unreadable", "no document of prices")
    # The library raises whatever a document that is not as it should be makes it stumble upon.
    try:
        parsed: dict[str, Any] = parse_prices(text)  # type: ignore[no-untyped-call]
        values = [
            (at.to_pydatetime().astimezone(since.tzinfo), _MINUTES[name], price)
            for name, series in parsed.items()
            for at, value in series.items()
            if (price := _decimal(value)) is not None
        ]
    except (AttributeError, KeyError, TypeError, ValueError, NotImplementedError):
        raise FeedFailed("unreadable") from None
    return currencies.pop(), [each for each in values if since <= each[0] < until]


def _ask_nord_pool(area: str, currency: str, days: Sequence[date]) -> tuple[str, list[Value]]:
    from nordpool.elspot import CurrencyMismatch, Prices

    prices = Prices(currency=currency, timeout=TIMEOUT_S)
    if area not in Prices.AREAS:
        raise FeedFailed("area-unknown")
    values: list[Value] = []
    for day in days:
        try:
            found = _asked(functools.partial(prices.fetch, Prices.HOURLY, day, [area], resolution=15))
            values += _of_nord_pool(found, area)
        except CurrencyMismatch:
            raise FeedFailed("currency") from None
        except (AttributeError, KeyError, TypeError, ValueError):
            raise FeedFailed("unreadable") from None
    return currency, values


def _of_nord_pool(found: Any, area: str) -> Iterator[Value]:
    if not found:
        return
    for each in found["areas"].get(area, {}).get("values", ()):
        value = _decimal(each["value"])
        minutes = (each["end"] - each["start"]) // timedelta(minutes=1)
        if value is not None and 0 < minutes <= 60:
            yield each["start"], minutes, value


def _decimal(value: Any) -> Decimal | None:
    """A price as it is written; None for one that is none, such as NaN."""
    try:
        price = Decimal(str(value))
    except InvalidOperation:
        return None
    return price if price.is_finite() else None


def _asked(ask: Callable[[], Any]) -> Any:
    """What a library was answered. Raises FeedFailed without what it raised: that names the address, with its token."""
    import requests

    try:
        return ask()
    except requests.exceptions.SSLError:
        failed = FeedFailed("untrusted")
    except requests.exceptions.Timeout:
        failed = FeedFailed("late")
    except requests.exceptions.HTTPError as fault:
        failed = of_status(0 if fault.response is None else fault.response.status_code)
    except requests.exceptions.JSONDecodeError:
        failed = FeedFailed("unreadable")
    except (requests.exceptions.RequestException, OSError):
        failed = FeedFailed("unreachable")
    raise failed from None


def of_status(status: int) -> FeedFailed:
    """The failure that an HTTP status tells."""
    told = f"HTTP {status}"
    if status in (401, 403):
        return FeedFailed("refused", told)
    if status == 429:
        return FeedFailed("busy", told)
    return FeedFailed("not-taken" if 400 <= status < 500 else "broken", told)
