"""The places of an organisation that anybody may find: what is free there now, and what it costs."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from forecourt.driver.model import PlaceUnknown
from forecourt.driver.service import Shown, Ways
from forecourt.driver.store import Brand, FoundSpot
from forecourt.platform.clock import Clock

#: A price that was looked up counts so long on the list; before anybody pays it is looked up anew.
PRICED_FOR: Final = timedelta(minutes=1)
#: Prices looked up anew for one list; those beyond come with the next.
MAX_PRICED: Final = 30
#: Prices kept; all are forgotten past that.
MAX_KEPT: Final = 5_000


class Place(Struct, frozen=True, kw_only=True):
    """A site with its EVSEs. `shown`: the price at the first of them, where it is known by now."""

    site: str
    name: str
    address: str | None
    city: str | None
    latitude: float | None
    longitude: float | None
    spots: Sequence[FoundSpot]
    shown: Shown | None = None
    #: It has a waiting list.
    waiting: bool = False

    @property
    def free(self) -> int:
        """How many EVSEs somebody could go to now."""
        return sum(each.connected and each.state == "Available" for each in self.spots)


class Finder:
    """Finds places, for the life of a process."""

    def __init__(self, ways: Ways, clock: Clock) -> None:
        self._ways = ways
        self._clock = clock
        self._prices: dict[tuple[str, int], tuple[datetime, Shown | None]] = {}

    async def places(self, slug: str, host: str) -> tuple[Brand, list[Place]]:
        """Those of the pages of this name, or of this host. Raises PlaceUnknown."""
        brand, spots, _ = await self._ways.spots(slug, host)
        by_site: dict[str, list[FoundSpot]] = {}
        for spot in spots:
            by_site.setdefault(spot.site, []).append(spot)
        left, places = MAX_PRICED, []
        for site, those in by_site.items():
            first = those[0]
            known = self._known(first)
            if known is None and left:
                left -= 1
                known = (await self._look(first),)
            places.append(
                Place(
                    site=site, name=first.site_name, address=first.address, city=first.city, latitude=first.latitude,
                    longitude=first.longitude, spots=those, shown=known[0] if known else None,
                    waiting=first.waiting,
                )
            )  # fmt: skip
        return brand, places

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
