"""A VEN of OpenADR 3: REST and JSON, with tokens by client credentials. What the VTN publishes is read whole each time.

Read are IMPORT_CAPACITY_LIMIT and SIMPLE as limits, PRICE and GHG as series (OpenADR 3.0.1 and 3.1, Definition §6).
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode, urljoin

import msgspec
from msgspec import Struct

from forecourt.energy.feeds.day_ahead import of_status
from forecourt.energy.feeds.events import decimal_of, duration_of, first, moment, of_level, shifted
from forecourt.energy.feeds.model import (
    MAX_EVENTS,
    MAX_VALUES,
    Allowed,
    FeedFailed,
    Fetched,
    Memory,
    OpenAdr3,
    Secrets,
    Series,
    in_watts,
)
from forecourt.energy.signals.model import MAX_LIMIT_AHEAD, MAX_PLACES, SeriesKind, Span, is_in_reach
from forecourt.platform.outward import (
    ADDRESS_PRIVATE,
    NAME_PRIVATE,
    NO_TLS,
    UNTRUSTED,
    AddressRefused,
    Answer,
    Outward,
    Unanswered,
)

#: Bytes of one answer, and for how long it is waited.
MAX_ANSWER: Final = 2 * 2**20
TIMEOUT_S: Final = 10.0
#: Events that one answer is asked to hold; the standard allows no more than 50.
PAGE: Final = 50
SOURCE: Final = "OpenADR 3"
#: Of a token's life so much is left alone: it could run out on the way.
SPARE: Final = timedelta(seconds=30)
MAX_TOKEN_LIFE: Final = timedelta(hours=1)
_FAULTS: Final = {UNTRUSTED: "untrusted", NO_TLS: "untrusted", NAME_PRIVATE: "private"}
#: A time that stands for at once.
_AT_ONCE: Final = "0000-00-00"
_LIMITS: Final = ("IMPORT_CAPACITY_LIMIT", "SIMPLE")
#: What a kWh's CO2 is told in, as grams.
_GRAMS: Final = {"G/KWH": Decimal(1), "KG/MWH": Decimal(1), "KG/KWH": Decimal(1000)}


class Token(Struct, frozen=True, kw_only=True):
    """By which a VTN knows who asks."""

    text: str
    until: datetime

    def __repr__(self) -> str:
        return "Token"


class Tokens:
    """Tokens that still count, of the feeds of this process, by feed and version."""

    def __init__(self) -> None:
        self._held: dict[tuple[int, int], Token] = {}

    def find(self, feed: tuple[int, int], now: datetime) -> Token | None:
        held = self._held.get(feed)
        return held if held is not None and now < held.until else None

    def keep(self, feed: tuple[int, int], token: Token, now: datetime) -> None:
        self._held = {name: each for name, each in self._held.items() if now < each.until}
        self._held[feed] = token

    def forget(self, feed: tuple[int, int]) -> None:
        self._held.pop(feed, None)


class Vtn:
    """One VTN as a client sees it, for one turn."""

    def __init__(
        self, source: OpenAdr3, secrets: Secrets, outward: Outward, tokens: Tokens, feed: tuple[int, int], now: datetime
    ) -> None:
        self._source = source
        self._secrets = secrets
        self._outward = outward
        self._tokens = tokens
        self._feed = feed
        self._now = now

    async def programs(self) -> list[dict[str, Any]]:
        """The programs whose events are read; without a name all. Raises FeedFailed."""
        found = [each async for each in _all(self, "programs", {})]
        wanted = self._source.program
        if wanted is None:
            return found
        chosen = [each for each in found if wanted in (each.get("id"), each.get("programName"))]
        if not chosen:
            raise FeedFailed("program-unknown")
        return chosen

    async def events(self, program_id: str | None) -> list[dict[str, Any]]:
        """The events of a program, or all of them. Raises FeedFailed."""
        return [each async for each in _all(self, "events", {} if program_id is None else {"programID": program_id})]

    async def get(self, path: str, query: Mapping[str, Any]) -> Any:
        """What stands at a path, with a token that is fetched anew if it counts no more. Raises FeedFailed."""
        url = f"{self._source.url.rstrip('/')}/{path}" + (f"?{urlencode(query)}" if query else "")
        for again in (True, False):
            headers = {"accept": "application/json"}
            if self._source.client_id is not None:
                headers["authorization"] = f"Bearer {await self._token()}"
            answer = await self._ask("GET", url, headers, None)
            if answer.status == 401 and again:
                self._tokens.forget(self._feed)
                continue
            break
        return _read(answer)

    async def _token(self) -> str:
        held = self._tokens.find(self._feed, self._now)
        if held is not None:
            return held.text
        form = {
            "grant_type": "client_credentials",
            "client_id": self._source.client_id or "",
            "client_secret": self._secrets.client_secret or "",
        }
        if self._source.scope is not None:
            form["scope"] = self._source.scope
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        answer = await self._ask("POST", await self._token_url(), headers, urlencode(form).encode())
        if answer.status in (400, 401, 403):
            raise FeedFailed("refused", f"HTTP {answer.status}")
        told = _read(answer)
        text = told.get("access_token") if isinstance(told, dict) else None
        if not isinstance(text, str) or not text.isascii() or not text.isprintable():
            raise FeedFailed("unreadable", "no token")
        life_s = told.get("expires_in")
        life = timedelta(seconds=life_s) if isinstance(life_s, int) and 0 < life_s < 10**6 else MAX_TOKEN_LIFE
        until = self._now + min(life, MAX_TOKEN_LIFE) - SPARE
        self._tokens.keep(self._feed, Token(text=text, until=until), self._now)
        return text

    async def _token_url(self) -> str:
        """Where tokens are had: as the feed says, as the VTN says (OpenADR 3.1), or where they are by custom (3.0)."""
        if self._source.token_url is not None:
            return self._source.token_url
        base = f"{self._source.url.rstrip('/')}/"
        answer = await self._ask("GET", f"{base}auth/server", {"accept": "application/json"}, None)
        told = _read(answer) if answer.status == 200 else None
        url = told.get("tokenURL") if isinstance(told, dict) else None
        return urljoin(base, url) if isinstance(url, str) else f"{base}auth/token"

    async def _ask(self, method: str, url: str, headers: dict[str, str], body: bytes | None) -> Answer:
        try:
            answer = await self._outward.ask(method, url, headers, body, deadline_s=TIMEOUT_S, most=MAX_ANSWER + 1)
        except AddressRefused:
            raise FeedFailed("private", ADDRESS_PRIVATE) from None
        except Unanswered as fault:
            said = str(fault)
            late = said.startswith("no answer within")
            raise FeedFailed("late" if late else _FAULTS.get(said, "unreachable"), said) from None
        if len(answer.body) > MAX_ANSWER:
            raise FeedFailed("too-much")
        return answer


async def _all(vtn: Vtn, path: str, query: Mapping[str, str]) -> Any:
    """Every object of a list, MAX_EVENTS at most."""
    skip = 0
    while True:
        found = await vtn.get(path, {**query, "skip": skip, "limit": PAGE})
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise FeedFailed("unreadable", f"the list of {path}")
        for each in found:
            yield each
        skip += len(found)
        if len(found) < PAGE:
            return
        if skip >= MAX_EVENTS:
            raise FeedFailed("too-much")


def _read(answer: Answer) -> Any:
    if answer.status != 200:
        raise of_status(answer.status)
    try:
        return msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        raise FeedFailed("unreadable", "no JSON") from None


class Interval(Struct, frozen=True, kw_only=True):
    """A payload of an event for a time; without an end for ever. `descriptor` says what its value is."""

    place: int
    kind: str
    value: Any
    starts_at: datetime
    ends_at: datetime | None
    descriptor: Mapping[str, Any]


def intervals_of(event: Mapping[str, Any], program: Mapping[str, Any], now: datetime) -> Iterator[Interval]:
    """The payloads of an event in time. An interval without a time of its own begins where the one before it ends, and
    lasts as long as the event's do. Raises FeedFailed."""
    descriptors = {
        str(each.get("payloadType")): each
        for holder in (program, event)
        for each in holder.get("payloadDescriptors") or ()
        if isinstance(each, dict)
    }
    usual = event.get("intervalPeriod") or program.get("intervalPeriod") or {}
    length = duration_of(usual.get("duration"))
    at = _begins(usual, event, now)
    for place, interval in enumerate(event.get("intervals") or ()):
        own = interval.get("intervalPeriod") or {}
        starts_at = moment(own["start"]) if own.get("start") else at
        lasts = duration_of(own["duration"]) if own.get("duration") else length
        ends_at = None if lasts is None else starts_at + lasts
        for payload in interval.get("payloads") or ():
            kind = str(payload.get("type"))
            yield Interval(
                place=place, kind=kind, value=first(payload.get("values") or ()), starts_at=starts_at, ends_at=ends_at,
                descriptor=descriptors.get(kind, {}),
            )  # fmt: skip
        if ends_at is None:
            return
        at = ends_at


def _begins(period: Mapping[str, Any], event: Mapping[str, Any], now: datetime) -> datetime:
    """When an event begins: one that says no time, or the standard's zero, did when it was made."""
    start = period.get("start")
    if start and not str(start).startswith(_AT_ONCE):
        return moment(start)
    return moment(event["createdDateTime"]) if event.get("createdDateTime") else now


def is_for(event: Mapping[str, Any], ven_name: str | None) -> bool:
    """Whether an event may be for this VEN: one that names VENs, and not this one, isn't."""
    named: set[str] = set()
    for target in event.get("targets") or ():
        if isinstance(target, dict) and target.get("type") == "VEN_NAME":
            named.update(map(str, target.get("values") or ()))
    return ven_name is None or not named or ven_name in named


class Reader:
    """What the events of a VTN come to together."""

    def __init__(self, source: OpenAdr3, feed_id: int, now: datetime) -> None:
        self._source = source
        self._feed_id = feed_id
        self._now = now
        self._limits: list[Allowed] = []
        self._series: dict[tuple[SeriesKind, str | None], dict[datetime, tuple[int, Span]]] = {}
        self._left_out: set[str] = set()

    def take(self, event: Mapping[str, Any], program: Mapping[str, Any]) -> None:
        """Takes what an event says. Raises FeedFailed."""
        event_id = str(event.get("id"))
        usual = event.get("intervalPeriod") or program.get("intervalPeriod") or {}
        within = duration_of(usual.get("randomizeStart"))
        later = timedelta() if within is None else shifted(self._feed_id, event_id, within)
        rank = event.get("priority")
        for each in intervals_of(event, program, self._now):
            if each.kind in _LIMITS:
                self._limit(event_id, each, later)
            elif each.kind == "PRICE" and self._source.price_zone is not None:
                self._value("price", each, rank if isinstance(rank, int) else MAX_VALUES)
            elif each.kind == "GHG" and self._source.co2_zone is not None:
                self._value("co2", each, rank if isinstance(rank, int) else MAX_VALUES)
            elif each.kind not in ("PRICE", "GHG"):
                self._left_out.add(each.kind[:60])

    def _limit(self, event_id: str, each: Interval, later: timedelta) -> None:
        if each.kind == "SIMPLE":
            power_w = of_level(self._source, each.value)
        else:
            power_w = in_watts(each.value, each.descriptor.get("units"))
            if power_w is None:
                raise FeedFailed("unreadable", f"a limit {str(each.value)[:40]!r} {each.descriptor.get('units')}")
        ends_at = None if each.ends_at is None else each.ends_at + later
        if power_w is None or (ends_at is not None and ends_at <= self._now):
            return
        if each.starts_at > self._now + MAX_LIMIT_AHEAD:
            self._left_out.add(f"{each.kind} {each.starts_at:%Y}")
            return
        name = f"{event_id[:150]}/{each.kind}.{each.place}"
        self._limits.append(
            Allowed(external_id=name, limit_w=power_w, starts_at=each.starts_at + later, ends_at=ends_at)
        )
        if len(self._limits) > MAX_VALUES:
            raise FeedFailed("too-much")

    def _value(self, kind: SeriesKind, each: Interval, rank: int) -> None:
        """Keeps a value; of several of one time that of the event that goes before the others (the lowest number)."""
        if each.ends_at is None:
            raise FeedFailed("unreadable", f"a {each.kind} without an end")
        value, currency = decimal_of(each.value), None
        units = str(each.descriptor.get("units") or "").upper()
        if kind == "co2":
            if units not in _GRAMS:
                self._left_out.add(f"GHG {units[:40]}")
                return
            value *= _GRAMS[units]
        else:
            currency = str(each.descriptor.get("currency") or "").upper() or None
            if units not in ("", "KWH", "MWH") or currency is None or not (currency.isalpha() and len(currency) == 3):
                self._left_out.add(f"PRICE {units[:40]} {str(currency)[:10]}")
                return
            value = value / 1000 if units == "MWH" else value
        held = self._series.setdefault((kind, currency), {})
        for start, minutes in _days(each.starts_at, each.ends_at):
            if not is_in_reach(start, self._now):
                self._left_out.add(f"{each.kind} {start:%Y}")
                return
            span = Span(
                start_at=start, minutes=minutes, value=value.quantize(Decimal(1).scaleb(-MAX_PLACES)), source=SOURCE,
                fetched_at=self._now,
            )  # fmt: skip
            if start not in held or rank <= held[start][0]:
                held[start] = (rank, span)
        if len(held) > MAX_VALUES:
            raise FeedFailed("too-much")

    def result(self) -> Fetched:
        """What came together. Raises FeedFailed for prices in several currencies."""
        found: list[Series] = []
        zones: dict[SeriesKind, str | None] = {"price": self._source.price_zone, "co2": self._source.co2_zone}
        for (kind, currency), held in self._series.items():
            spans = [held[at][1] for at in sorted(held)]
            found.append(Series(kind=kind, zone=zones[kind] or "", currency=currency, spans=spans))
        if len([each for each in found if each.kind == "price"]) > 1:
            raise FeedFailed("currency")
        memory = Memory(left_out=tuple(sorted(self._left_out))[:MAX_EVENTS])
        return Fetched(series=found, limits=self._limits, memory=memory)


def _days(starts_at: datetime, ends_at: datetime) -> Iterator[tuple[datetime, int]]:
    """A time in parts of a day at most, in whole minutes, as series hold them."""
    at, parts = starts_at, 0
    while at < ends_at and parts < MAX_VALUES:
        minutes = min(1440, (ends_at - at) // timedelta(minutes=1))
        if minutes < 1:
            return
        yield at, minutes
        at += timedelta(minutes=minutes)
        parts += 1


async def fetch_events(
    source: OpenAdr3,
    secrets: Secrets,
    feed: tuple[int, int],
    outward: Outward,
    tokens: Tokens,
    now: datetime,
) -> Fetched:
    """What the events of a VTN come to; `feed` is its number and version. Raises FeedFailed."""
    vtn = Vtn(source, secrets, outward, tokens, feed, now)
    reader = Reader(source, feed[0], now)
    programs = {str(each.get("id")): each for each in await vtn.programs()}
    asked: list[str | None] = [None] if source.program is None else list(programs)
    try:
        for program_id in asked:
            for event in await vtn.events(program_id):
                if is_for(event, source.ven_name):
                    reader.take(event, programs.get(str(event.get("programID")), {}))
        return reader.result()
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
        # The objects of a VTN may hold anything.
        raise FeedFailed("unreadable") from None
