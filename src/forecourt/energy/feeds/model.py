"""What a feed is, what is kept of it, and when it is fetched again. Pure."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from forecourt.energy.feeds.areas import ENTSOE, NORD_POOL, is_entsoe, like
from forecourt.energy.model import MOST_W, Fault, Id
from forecourt.energy.signals.model import SeriesKind, Span, Zone
from forecourt.energy.site import Watts
from forecourt.platform.text import NAME_LINE
from forecourt.ui.i18n import mark

#: Feeds of one site.
MAX_FEEDS: Final = 20
#: What one fetch may take, and for how long nobody else fetches meanwhile.
DEADLINE_S: Final = 45.0
LEASE: Final = timedelta(seconds=90)
#: Values and limits that one fetch may bring.
MAX_VALUES: Final = 2_000
MAX_EVENTS: Final = 200
#: After a failure it waits twice as long as after the one before, from the first to the second of these.
LEAST_BACK_OFF: Final = timedelta(seconds=30)
MAX_BACK_OFF: Final = timedelta(hours=1)
#: Prices of the day ahead are asked for again so often while those of tomorrow are missing, and otherwise.
MISSING_AGAIN: Final = timedelta(minutes=10)
PRICES_AGAIN: Final = timedelta(hours=6)
#: How often a grid operator is asked, unless the feed says otherwise.
POLL_S: Final = 30
LEAST_POLL_S: Final = 10
MAX_POLL_S: Final = 3_600
#: The day of the European market, and when the prices of the next one are expected.
MARKET: Final = ZoneInfo("Europe/Brussels")
PUBLISHED: Final = time(12, 50)
LATE: Final = time(14, 30)
#: Characters of certificates and keys, which are chains at times.
MAX_PEM: Final = 30_000

AREA_PATTERN: Final = "^[A-Z0-9][A-Z0-9_-]{0,29}$"
CURRENCY_PATTERN: Final = "^[A-Z]{3}$"
URL_PATTERN: Final = r"^https?://[^\x00-\x20\x7f]+$"

Area = Annotated[str, Meta(pattern=AREA_PATTERN)]
Url = Annotated[str, Meta(pattern=URL_PATTERN, max_length=2_000)]
Line = Annotated[str, Meta(min_length=1, max_length=200, pattern=NAME_LINE)]
Level = Literal["1", "2", "3"]


class Entsoe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="entsoe", tag_field="kind"):
    """Prices of the day ahead by the transparency platform of ENTSO-E."""

    area: Annotated[Area, Meta(description="The bidding zone as ENTSO-E calls it.", examples=["DE_LU"])]
    zone: Annotated[Zone | None, Meta(description="Under which prices are stored; null: the area.")] = None


class NordPool(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="nordpool", tag_field="kind"):
    """Prices of the day ahead by Nord Pool."""

    area: Annotated[Area, Meta(description="The delivery area as Nord Pool calls it.", examples=["SE3"])]
    currency: Annotated[str, Meta(pattern=CURRENCY_PATTERN, examples=["EUR"])] = "EUR"
    zone: Annotated[Zone | None, Meta(description="Under which prices are stored; null: the area.")] = None


class OpenAdr2(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="openadr2", tag_field="kind"):
    """Limits by a grid operator's OpenADR 2.0b VTN, which this site polls as a VEN."""

    url: Annotated[Url, Meta(examples=["https://vtn.example.com/OpenADR2/Simple/2.0b"])]
    ven_name: Annotated[Line, Meta(examples=["forecourt-yard"])]
    ven_id: Annotated[Line | None, Meta(description="Null: the VTN gives one.")] = None
    vtn_fingerprint: Annotated[
        Line | None, Meta(description="Of the certificate by which the VTN signs; null: signatures are not looked at.")
    ] = None
    ca: Annotated[
        Annotated[str, Meta(max_length=MAX_PEM)] | None,
        Meta(description="Whom to trust, as PEM; null: whom this machine trusts."),
    ] = None
    node: Annotated[Id | None, Meta(description="Which limits are of; null: the grid connection.")] = None
    levels: Annotated[
        dict[Level, Watts], Meta(description="What a SIMPLE level allows.", examples=[{"1": 40_000, "2": 20_000}])
    ] = {}
    full_w: Annotated[Watts | None, Meta(description="Of which LOAD_CONTROL tells a share.")] = None
    every_s: Annotated[int, Meta(ge=LEAST_POLL_S, le=MAX_POLL_S, description="How often it is asked.")] = POLL_S


class OpenAdr3(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="openadr3", tag_field="kind"):
    """Limits, prices and CO2 intensities by an OpenADR 3 VTN."""

    url: Annotated[Url, Meta(examples=["https://vtn.example.com/openadr3/3.1.0"])]
    client_id: Annotated[
        Annotated[str, Meta(max_length=200, pattern=NAME_LINE)] | None,
        Meta(description="Null: the VTN asks for no token.", examples=["forecourt-yard"]),
    ] = None
    token_url: Annotated[Url | None, Meta(description="Null: where the VTN says, or else its auth/token.")] = None
    scope: Annotated[Line | None, Meta(description="Null: what the client may.")] = None
    program: Annotated[Line | None, Meta(description="By name or id; null: all that the client may read.")] = None
    ven_name: Annotated[Line | None, Meta(description="Events for other VENs are left out.")] = None
    node: Annotated[Id | None, Meta(description="Which limits are of; null: the grid connection.")] = None
    levels: Annotated[
        dict[Level, Watts], Meta(description="What a SIMPLE level allows.", examples=[{"1": 40_000, "2": 20_000}])
    ] = {}
    price_zone: Annotated[Zone | None, Meta(description="Under which prices are stored; null: they are not.")] = None
    co2_zone: Annotated[Zone | None, Meta(description="Under which CO2 is stored; null: it is not.")] = None
    every_s: Annotated[int, Meta(ge=LEAST_POLL_S, le=MAX_POLL_S, description="How often it is asked.")] = POLL_S


Source = Entsoe | NordPool | OpenAdr2 | OpenAdr3


class Secrets(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What proves who asks. Never given back."""

    token: Annotated[str, Meta(max_length=500, description="Of ENTSO-E.")] | None = None
    certificate: Annotated[str, Meta(max_length=MAX_PEM, description="Of an OpenADR 2.0b VEN, as PEM.")] | None = None
    key: Annotated[str, Meta(max_length=MAX_PEM, description="Of that certificate, as PEM.")] | None = None
    client_secret: Annotated[str, Meta(max_length=500, description="Of an OpenADR 3 client.")] | None = None

    def __repr__(self) -> str:
        return f"Secrets({', '.join(self.held)})"

    @property
    def held(self) -> list[str]:
        """The names of those that are there."""
        return [name for name in self.__struct_fields__ if getattr(self, name)]


class Memory(Struct, frozen=True, kw_only=True):
    """What a feed remembers from one fetch to the next: how the VTN knows it, and which events it answered, with the
    number of their change; `left_out` is what came last that nothing here follows."""

    ven_id: str | None = None
    registration_id: str | None = None
    answered: Mapping[str, int] = {}
    left_out: tuple[str, ...] = ()


class Feed(Struct, frozen=True, kw_only=True):
    """A feed as it is kept. `held` names its secrets; `failures` counts those since the last success."""

    feed_id: int
    tenant_id: int
    site_id: int
    name: str
    active: bool
    source: Source
    held: tuple[str, ...]
    memory: Memory
    version: int
    changed_at: datetime
    changed_by: str
    next_at: datetime
    tried_at: datetime | None
    succeeded_at: datetime | None
    failed_at: datetime | None
    failure: str | None
    failure_detail: str
    failures: int
    known_until: datetime | None


class Series(Struct, frozen=True, kw_only=True):
    """Values of a zone that were fetched."""

    kind: SeriesKind
    zone: str
    currency: str | None
    spans: Sequence[Span]


class Allowed(Struct, frozen=True, kw_only=True):
    """A limit that was fetched: what an interval of an event allows. Without an end it holds until it is taken back."""

    external_id: str
    limit_w: int
    starts_at: datetime
    ends_at: datetime | None


class Fetched(Struct, frozen=True, kw_only=True):
    """What a fetch brought. `limits` are all that count now or later: others that this feed said before are withdrawn;
    None says nothing of limits."""

    series: Sequence[Series] = ()
    limits: Sequence[Allowed] | None = None
    memory: Memory = Memory()


class FeedFailed(Exception):
    """Nothing was fetched. `code` is one of FAILURES; `detail` is what the other side or the system said, without a
    secret."""

    def __init__(self, code: str, detail: str = "") -> None:
        assert code in FAILURES, code
        super().__init__(code)
        self.code = code
        self.detail = detail[:200]


#: What a person reads of a fetch that failed: what happened, and what to do.
FAILURES: Final[Mapping[str, str]] = {
    "unreachable": mark("The server can't be reached. Check the address; it is tried again by itself."),
    "late": mark("The server gave no answer in time. It is tried again by itself."),
    "untrusted": mark("The server's certificate is not trusted. Check the address, or put in whose word counts."),
    "own-certificate": mark(
        "The server broke off the connection: it may not know our certificate. Put in the one that it does."
    ),
    "certificate-unreadable": mark("The certificate or its key can't be read. Put both in anew, as PEM."),
    "refused": mark("The server refused the token or the password. Put in one that counts."),
    "no-registration": mark(
        "The VTN refused to register this VEN. Ask the grid operator for its name and certificate."
    ),
    "registration-cancelled": mark("The VTN cancelled the registration. It registers anew by itself."),
    "busy": mark("The server was asked too often. It is asked again later."),
    "broken": mark("The server failed. It is tried again by itself; ask who runs it if that lasts."),
    "not-taken": mark("The server doesn't understand the request. Check the address and what is asked for."),
    "area-unknown": mark("There is no such bidding zone. Correct it."),
    "program-unknown": mark("The VTN has no such program. Correct its name."),
    "currency": mark("The prices are in another currency than before. Correct the currency of the feed."),
    "unreadable": mark("The answer can't be read. It is tried again by itself; ask who runs the server if that lasts."),
    "too-much": mark("The answer holds more than is taken at once. Ask for less: another program or zone."),
    "too-many-limits": mark("The site has as many limits to come as it can have. Withdraw some."),
    "private": mark("The address is private, which is not called unless FORECOURT_WEBHOOKS_PRIVATE allows it."),
    "seal": mark("Its secret can't be opened: the key of this deployment is another one. Put the secret in anew."),
}

#: What is said instead of a feed that has no address to be mended.
OF_EXCHANGES: Final[Mapping[str, str]] = {
    "unreachable": mark(
        "The exchange can't be reached from this server. It is tried again by itself; see whether the server may call"
        " the internet if that lasts."
    ),
    "untrusted": mark(
        "The exchange's certificate is not trusted by this server. See whether a proxy stands between them, and have"
        " its authority trusted."
    ),
    "not-taken": mark("The exchange doesn't understand the request. Check the bidding zone and the currency."),
    "broken": mark("The exchange failed. It is tried again by itself."),
    "late": mark("The exchange gave no answer in time. It is tried again by itself."),
    "unreadable": mark("The exchange's answer can't be read. It is tried again by itself."),
}

#: Which secrets a kind takes, and which of them it can't do without.
TAKES: Final[Mapping[str, Sequence[str]]] = {
    "entsoe": ("token",),
    "nordpool": (),
    "openadr2": ("certificate", "key"),
    "openadr3": ("client_secret",),
}


def kind_of(source: Source) -> str:
    """What the API calls the kind of a feed."""
    return str(source.__struct_config__.tag)


def zones_of(source: Source) -> list[tuple[SeriesKind, str]]:
    """The series that a feed writes: of the whole organisation, for sites share them."""
    if isinstance(source, Entsoe | NordPool):
        return [("price", source.zone or source.area)]
    found: list[tuple[SeriesKind, str]] = []
    if isinstance(source, OpenAdr3):
        if source.price_zone is not None:
            found.append(("price", source.price_zone))
        if source.co2_zone is not None:
            found.append(("co2", source.co2_zone))
    return found


def feed_faults(source: Source, held: Sequence[str], nodes: Sequence[str]) -> list[Fault]:
    """What is nonsense in a feed that holds these secrets, at a site with these nodes."""
    kind, found = kind_of(source), []
    for name in held:
        if name not in TAKES[kind]:
            found.append(Fault(words=mark("%(secret)s is no secret of this kind of feed"), values={"secret": name}))
    if isinstance(source, Entsoe) and not is_entsoe(source.area):
        found.append(_no_area(source.area, "ENTSO-E", ENTSOE))
    if isinstance(source, NordPool) and source.area not in NORD_POOL:
        found.append(_no_area(source.area, "Nord Pool", NORD_POOL))
    if isinstance(source, Entsoe) and "token" not in held:
        found.append(Fault(words=mark("ENTSO-E asks for a token: it is in your account at its transparency platform")))
    if isinstance(source, OpenAdr2) and ("certificate" in held) != ("key" in held):
        found.append(Fault(words=mark("a certificate and its key belong together")))
    if isinstance(source, OpenAdr3) and (source.client_id is None) == ("client_secret" in held):
        found.append(Fault(words=mark("a client id and its secret belong together")))
    if isinstance(source, OpenAdr2 | OpenAdr3):
        if source.node is not None and source.node not in nodes:
            found.append(Fault(of="node", id=source.node, words=mark("the site has no such node")))
        steps = [source.levels[level] for level in sorted(source.levels)]
        if any(higher > lower for lower, higher in pairwise(steps)):
            found.append(Fault(words=mark("a higher level may not allow more than a lower one")))
        full_w = source.full_w if isinstance(source, OpenAdr2) else None
        if max([*steps, full_w or 0]) > MOST_W:
            words = mark("no site has more than %(most)s W: mend what the levels allow, or the full power")
            found.append(Fault(words=words, values={"most": MOST_W}))
    return found


def _no_area(area: str, where: str, known: frozenset[str]) -> Fault:
    words = mark("%(where)s has no bidding zone %(area)s; there is %(some)s")
    return Fault(words=words, values={"where": where, "area": area, "some": like(area, known)})


def failure_words(source: Source, failure: str) -> str:
    """What a person reads of a fetch that failed, marked: of an exchange nobody writes an address."""
    if isinstance(source, Entsoe | NordPool) and failure in OF_EXCHANGES:
        return OF_EXCHANGES[failure]
    return FAILURES.get(failure, failure)


def back_off(failures: int) -> timedelta:
    """How long to wait after so many failures in a row."""
    wait = LEAST_BACK_OFF
    for _ in range(1, failures):
        wait = min(MAX_BACK_OFF, wait * 2)
    return wait


def next_fetch(source: Source, known_until: datetime | None, now: datetime) -> datetime:
    """When a feed is fetched again after a success."""
    if isinstance(source, OpenAdr2 | OpenAdr3):
        return now + timedelta(seconds=source.every_s)
    if is_missing(known_until, now):
        return now + MISSING_AGAIN
    return min(now + PRICES_AGAIN, max(now + MISSING_AGAIN, _next_publication(now)))


def is_missing(known_until: datetime | None, now: datetime, since: time = PUBLISHED) -> bool:
    """Whether prices of the day ahead should be known that are not: today's, and tomorrow's from that time on."""
    _, until = market_days(now)
    local = now.astimezone(MARKET)
    due = until if local.time() >= since else _midnight(now, 1)
    return known_until is None or known_until < due


def market_days(now: datetime) -> tuple[datetime, datetime]:
    """Today and tomorrow of the market, from midnight to midnight: 47, 48 or 49 hours."""
    return _midnight(now, 0), _midnight(now, 2)


def _midnight(now: datetime, days: int) -> datetime:
    day = now.astimezone(MARKET).date() + timedelta(days=days)
    return datetime.combine(day, time(), MARKET).astimezone(now.tzinfo)


def _next_publication(now: datetime) -> datetime:
    local = now.astimezone(MARKET)
    day = local.date() if local.time() < PUBLISHED else local.date() + timedelta(days=1)
    return datetime.combine(day, PUBLISHED, MARKET).astimezone(now.tzinfo)


def reach(spans: Sequence[Span], now: datetime) -> datetime | None:
    """How far values are known from now on without a hole; None where not even now's is. Spans in order."""
    until: datetime | None = None
    for span in spans:
        if until is None:
            if span.start_at <= now < span.end_at:
                until = span.end_at
        elif span.start_at <= until:
            until = max(until, span.end_at)
        else:
            break
    return until


def in_watts(value: Any, units: str | None) -> int | None:
    """A power as watts; None where it is none. OpenADR tells kW where it says no unit."""
    factor = {"W": 1, "KW": 1_000, "MW": 1_000_000}.get((units or "KW").upper())
    if factor is None or isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return max(0, min(MOST_W, int(value * factor)))
