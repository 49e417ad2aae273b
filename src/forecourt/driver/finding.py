"""The places of an organisation that anybody may find: what is free there now, what fits, and what it costs."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from msgspec import Struct, structs

from forecourt.driver import store
from forecourt.driver.model import Box, PlaceUnknown
from forecourt.driver.service import Ways
from forecourt.driver.store import Brand, FoundSpot
from forecourt.driver.way import Shown
from forecourt.platform.clock import Clock
from forecourt.platform.ordering import Place as Behind
from forecourt.pricing.display import Unit

#: A price that was looked up counts so long on the list; before anybody pays it is looked up anew.
PRICED_FOR: Final = timedelta(minutes=1)
#: Prices looked up anew for one list; those beyond come with the next.
MAX_PRICED: Final = 60
#: Prices kept; all are forgotten past that.
MAX_KEPT: Final = 5_000
#: Powers that drivers choose from, in W.
POWERS_W: Final = (11_000, 22_000, 50_000, 150_000)


class Wanted(Struct, frozen=True, kw_only=True):
    """What a driver looks for; None: anything. `price`: the most per kWh, in the major unit of `currency`: what costs
    another one doesn't fit."""

    type: str | None = None
    power_w: int | None = None
    price: Decimal | None = None
    currency: str | None = None
    free: bool = False

    @property
    def any(self) -> bool:
        """Whether everything fits."""
        return self == Wanted(currency=self.currency)


class Kind(Struct, frozen=True, kw_only=True):
    """EVSEs of one site that give the same. `shown`: the price at the first of them, where it is known by now."""

    types: Sequence[str]
    power_w: int | None
    spots: Sequence[FoundSpot]
    shown: Shown | None

    @property
    def free(self) -> int:
        """How many of them somebody could go to now."""
        return sum(each.free for each in self.spots)

    @property
    def per_kwh(self) -> Decimal | None:
        """The dearest price of a kWh; None where there is none, or it isn't known."""
        lines = () if self.shown is None else self.shown.lines
        return max((each.amount for each in lines if each.unit is Unit.KWH), default=None)

    @property
    def currency(self) -> str | None:
        """What it costs in; None where that isn't known."""
        return None if self.shown is None or self.shown.tariff is None else self.shown.tariff.currency

    def fits(self, wanted: Wanted) -> bool:
        """Whether a driver wants one of these. What isn't known doesn't fit."""
        return (
            (wanted.type is None or wanted.type in self.types)
            and (wanted.power_w is None or (self.power_w or 0) >= wanted.power_w)
            and (wanted.price is None or self.costs_at_most(wanted.price, wanted.currency))
            and (not wanted.free or self.free > 0)
        )

    def costs_at_most(self, price: Decimal, currency: str | None) -> bool:
        """Whether its kWh costs no more than this, in this currency."""
        return self.per_kwh is not None and self.per_kwh <= price and self.currency == currency


class Place(Struct, frozen=True, kw_only=True):
    """A site with what is found there."""

    site: str
    name: str
    address: str | None
    city: str | None
    latitude: float | None
    longitude: float | None
    kinds: Sequence[Kind]
    #: It has a waiting list.
    waiting: bool = False

    @property
    def spots(self) -> list[FoundSpot]:
        """All EVSEs."""
        return [spot for kind in self.kinds for spot in kind.spots]

    @property
    def free(self) -> int:
        """How many EVSEs somebody could go to now."""
        return sum(each.free for each in self.kinds)

    @property
    def cheapest(self) -> Shown | None:
        """The lowest price per kWh there; else the first that is known."""
        priced = [each for each in self.kinds if each.per_kwh is not None]
        if priced:
            # Of one currency, the first that is known: two can't be compared.
            priced = [each for each in priced if each.currency == priced[0].currency]
            return min(priced, key=lambda each: each.per_kwh or 0).shown
        return next((each.shown for each in self.kinds if each.shown is not None and each.shown.lines), None)

    @property
    def one_price(self) -> bool:
        """Whether all there costs the same."""
        return len({None if each.shown is None else each.shown.lines for each in self.kinds}) == 1


class Found(Struct, frozen=True, kw_only=True):
    """What a look at the pages of `brand` shows. `last`: where more places begin behind; None: that is all."""

    brand: Brand
    places: Sequence[Place]
    last: tuple[str, ...] | None = None


class Finder:
    """Finds places, for the life of a process."""

    def __init__(self, ways: Ways, clock: Clock) -> None:
        self._ways = ways
        self._clock = clock
        self._prices: dict[tuple[str, int], tuple[datetime, Shown | None]] = {}

    async def places(self, slug: str, host: str, *, box: Box | None = None, behind: Behind = None) -> Found:
        """Those of the pages of this name, or of this host, in a box of the map and behind the last of a page before:
        as many as MAX_CONNECTORS EVSEs are at. Raises PlaceUnknown."""
        most = store.MAX_CONNECTORS
        brand, found, _ = await self._ways.spots(slug, host, box=box, place=behind, limit=most + 1)
        spots = whole_sites(found, most)
        last = spots[-1].place if len(spots) < len(found) else None
        return Found(brand=brand, places=await self._priced(spots), last=last)

    async def _priced(self, spots: Sequence[FoundSpot]) -> list[Place]:
        """Site by site, with what is known of their prices and MAX_PRICED that are looked up now."""
        by_site: dict[str, list[FoundSpot]] = {}
        for spot in spots:
            by_site.setdefault(spot.site, []).append(spot)
        left, places = MAX_PRICED, []
        for site, those in by_site.items():
            first, kinds = those[0], []
            for alike in _alike(those):
                known = self._known(alike[0])
                if known is None and left:
                    left -= 1
                    known = (await self._look(alike[0]),)
                shown = known[0] if known else None
                kinds.append(Kind(types=alike[0].types, power_w=alike[0].power_w, spots=alike, shown=shown))
            places.append(
                Place(
                    site=site, name=first.site_name, address=first.address, city=first.city, latitude=first.latitude,
                    longitude=first.longitude, kinds=kinds, waiting=first.waiting,
                )
            )  # fmt: skip
        return places

    def _known(self, spot: FoundSpot) -> tuple[Shown | None] | None:
        kept = self._prices.get((spot.station, spot.evse))
        return (kept[1],) if kept is not None and self._clock.now() - kept[0] < PRICED_FOR else None

    async def _look(self, spot: FoundSpot) -> Shown | None:
        try:
            shown: Shown | None = await self._ways.look(spot.station, spot.evse)
        except PlaceUnknown:
            shown = None
        if len(self._prices) >= MAX_KEPT:
            self._prices.clear()
        self._prices[spot.station, spot.evse] = (self._clock.now(), shown)
        return shown


def whole_sites(spots: Sequence[FoundSpot], most: int) -> Sequence[FoundSpot]:
    """The first `most` EVSEs at the most, without a site that is cut there; of a site alone as many as may be."""
    if len(spots) <= most:
        return spots
    whole = [spot for spot in spots[:most] if spot.site != spots[most].site]
    return whole or spots[:most]


def fitting(places: Sequence[Place], wanted: Wanted) -> list[Place]:
    """Places with what a driver wants, and only that of each."""
    found = []
    for place in places:
        kinds = [each for each in place.kinds if each.fits(wanted)]
        if kinds:
            found.append(structs.replace(place, kinds=kinds))
    return found


def types_of(places: Sequence[Place]) -> list[str]:
    """The connector types that are found anywhere."""
    return sorted({each for place in places for kind in place.kinds for each in kind.types})


def currencies_of(places: Sequence[Place]) -> list[str]:
    """The currencies in which anything costs, that of most EVSEs first."""
    number = Counter[str]()
    for kind in (kind for place in places for kind in place.kinds if kind.currency is not None):
        number[kind.currency or ""] += len(kind.spots)
    return [currency for currency, _ in sorted(number.items(), key=lambda each: (-each[1], each[0]))]


def _alike(spots: Sequence[FoundSpot]) -> Iterator[list[FoundSpot]]:
    """EVSEs that give the same, the weaker first."""
    alike: dict[tuple[tuple[str, ...], int], list[FoundSpot]] = {}
    for spot in spots:
        alike.setdefault((tuple(spot.types), spot.power_w or 0), []).append(spot)
    for _, those in sorted(alike.items(), key=lambda each: each[0][1]):
        yield those
