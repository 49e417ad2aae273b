"""What the demo's stations would have recorded in the weeks before: a table of sessions, as an operator would bring it.

The same stations, cards and prices as the demo's, other chance: people who commute, shop, sleep in a hotel or drive on,
cars that are full and stay, a plug that fails and one that wears, a site that is full, a campaign. Nothing of it ever
happened.
"""

import csv
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import exp
from pathlib import Path
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from forecourt.simulator import firms, worn
from forecourt.simulator.demo import GROUNDS, Ground, cards
from forecourt.simulator.fleet import MAKES
from forecourt.simulator.nudge import Nudge
from forecourt.simulator.prices import MARKETS

WEEKS: Final = 12
SEED: Final = "past"
HEAD: Final = (
    "id", "station", "evse", "connector type", "driver", "start", "end", "done charging time", "kWh", "currency",
    "cost", "cost incl", "tariff", "fleet",
)  # fmt: skip
#: Of visits, those of holders of a card of the demo; the others are guests, of whom so many come at all.
WITH_CARD: Final = 0.55
GUESTS: Final = 2_500
#: Of tries that give no energy, anywhere and at the plug that fails, and of drivers who try again next to it.
FAILS: Final = 0.03
FAILING: Final = ("MKT-05", 1)
FAILS_THERE: Final = 0.45
TRIES_AGAIN: Final = 0.5
#: One that wears: in its last days more and more tries fail there.
WEARING: Final = ("A15-06", 1)
WEARS_FOR: Final = timedelta(days=24)
FAILS_WORN: Final = 0.6
#: Nobody finds this one, behind the stadium.
HIDDEN: Final = ("STD-04", 0.12)
#: Whose card is a firm's.
OF_FIRMS: Final = firms.of_cards()
#: W that a car takes of AC, and on the mean of the power of a DC station.
AC_W: Final = (7_200, 11_000, 11_000)
DC_PART: Final = 0.45
MOST_DC_W: Final = 110_000


class Custom(msgspec.Struct, frozen=True, kw_only=True):
    """Who comes to a site: how many a plug and day, by the hour of the day and on weekdays and weekends, how long they
    stay in minutes, and how much their cars lack in kWh."""

    a_day: float
    hours: tuple[int, ...]
    weekdays: float
    weekend: float
    stay_min: tuple[float, float]
    lack_kwh: tuple[float, float]


_DAY: Final = (0, 0, 0, 0, 0, 0, 1, 2, 4, 6, 7, 8, 8, 7, 7, 7, 7, 6, 4, 3, 2, 1, 1, 0)
_COMMUTE: Final = (0, 0, 0, 0, 0, 1, 4, 12, 14, 7, 3, 2, 2, 3, 2, 1, 1, 1, 1, 0, 0, 0, 0, 0)
_EVENING: Final = (1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 2, 4, 6, 9, 10, 8, 5, 3, 2, 1)
_ROAD: Final = (1, 1, 1, 1, 1, 2, 4, 6, 7, 7, 8, 9, 9, 8, 8, 9, 10, 10, 9, 7, 5, 4, 3, 2)
CUSTOMS: Final = {
    "harbour-garage-level-1": Custom(
        a_day=1.6, hours=_DAY, weekdays=1.0, weekend=1.2, stay_min=(150, 0.5), lack_kwh=(17, 0.5)
    ),
    "harbour-garage-quay": Custom(
        a_day=1.1, hours=_DAY, weekdays=1.0, weekend=1.1, stay_min=(170, 0.5), lack_kwh=(16, 0.5)
    ),
    "central-station-north": Custom(
        a_day=3.4, hours=_COMMUTE, weekdays=1.15, weekend=0.5, stay_min=(230, 0.5), lack_kwh=(18, 0.5)
    ),
    "motorway-a15-east": Custom(
        a_day=7.0, hours=_ROAD, weekdays=0.95, weekend=1.1, stay_min=(26, 0.35), lack_kwh=(36, 0.4)
    ),
    "riverside-offices": Custom(
        a_day=1.1, hours=_COMMUTE, weekdays=1.35, weekend=0.05, stay_min=(460, 0.2), lack_kwh=(24, 0.4)
    ),
    "old-market": Custom(a_day=3.2, hours=_DAY, weekdays=0.9, weekend=1.3, stay_min=(70, 0.5), lack_kwh=(14, 0.5)),
    "stadium-park": Custom(
        a_day=1.6, hours=_EVENING, weekdays=0.7, weekend=1.8, stay_min=(120, 0.4), lack_kwh=(20, 0.5)
    ),
    "lake-hotel": Custom(a_day=0.9, hours=_EVENING, weekdays=0.9, weekend=1.3, stay_min=(720, 0.2), lack_kwh=(30, 0.4)),
    "fjord-retail": Custom(a_day=3.0, hours=_DAY, weekdays=0.9, weekend=1.3, stay_min=(55, 0.5), lack_kwh=(21, 0.5)),
}  # fmt: skip


class Bay(msgspec.Struct, kw_only=True):
    """A plug: since when it is free, and how likely somebody chooses it."""

    station: str
    number: int
    power_w: int
    dc: bool
    liked: float
    free_at: datetime


def bays_of(ground: Ground, first: int, at: datetime) -> list[Bay]:
    """The plugs of a site, whose stations are numbered from `first` on."""
    found, number = [], first
    for name, count in ground.makes.items():
        make = MAKES[name]
        for _ in range(count):
            station = f"{ground.prefix}-{number:02}"
            liked = HIDDEN[1] if station == HIDDEN[0] else 1.0
            found += [
                Bay(station=station, number=bay, power_w=make.power_w, dc=make.dc, liked=liked, free_at=at)
                for bay in range(1, make.bays + 1)
            ]
            number += 1
    return found


def sessions(until: datetime, nudge: Nudge | None = None) -> Iterator[tuple[str, ...]]:
    """Rows as HEAD has them, of the WEEKS before a time, over before it; the same for the same time. `nudge`: the
    campaign of these weeks, which counts what it takes."""
    nudge = nudge or Nudge(until)
    begins = (until - timedelta(weeks=WEEKS)).replace(minute=0, second=0, microsecond=0)
    numbers: dict[str, int] = {}
    for ground in GROUNDS:
        first = numbers.get(ground.prefix, 0) + 1
        numbers[ground.prefix] = first - 1 + sum(ground.makes.values())
        chance = Random(f"{SEED}/{ground.site.slug}/{begins:%Y-%m-%d}")  # noqa: S311
        yield from _of_site(ground, bays_of(ground, first, begins), begins, until, chance, nudge)


def _of_site(
    ground: Ground, bays: list[Bay], begins: datetime, until: datetime, chance: Random, nudge: Nudge
) -> Iterator[tuple[str, ...]]:
    custom, zone = CUSTOMS[ground.site.slug], ZoneInfo(ground.site.time_zone or "UTC")
    regulars = [*chance.sample([*cards(), *nudge.members], 40), *firms.at_home(ground.site.slug)]
    worn = Worn(until)
    hour, count = begins, 0
    again: list[tuple[datetime, str]] = []
    while hour < until:
        local = hour.astimezone(zone)
        day = custom.weekend if local.weekday() >= 5 else custom.weekdays
        part = custom.hours[local.hour] / sum(custom.hours)
        grown = 1 + 0.15 * (hour - begins) / (until - begins)
        comers = _poisson(custom.a_day * len(bays) * day * part * grown * chance.uniform(0.8, 1.2), chance)
        hour += timedelta(hours=1)
        visits = [each for each in again if each[0] < hour]
        again = [each for each in again if each[0] >= hour]
        for _ in range(comers):
            at = hour - timedelta(seconds=chance.uniform(0, 3600))
            card = chance.random() < WITH_CARD
            driver = chance.choice(regulars) if card else f"guest-{int(GUESTS * chance.random() ** 2)}"
            visits.append((at, driver))
            if (later := nudge.again_at(driver, at, chance)) is not None:
                (visits if later < hour else again).append((later, driver))
        for at, driver in sorted(visits):
            for row, over in _visit(ground, bays, custom, at, driver, chance, worn):
                if over < until:
                    count += 1
                    yield (f"{ground.site.slug}-{count}", *_row(ground, *row, nudge))


class Worn(msgspec.Struct, frozen=True):
    """How many tries fail at a plug, by when the past ends."""

    until: datetime

    def share(self, bay: Bay, at: datetime) -> float:
        """Of tries at a plug then."""
        plug = (bay.station, bay.number)
        if plug == FAILING:
            return FAILS_THERE
        if plug != WEARING:
            return FAILS
        return FAILS + (FAILS_WORN - FAILS) * max(0.0, 1 - (self.until - at) / WEARS_FOR)


#: A try: the plug, who, when it began, when it was over, when charging was, and Wh.
Try = tuple[Bay, str, tuple[datetime, datetime, datetime], int]


def _visit(
    ground: Ground, bays: list[Bay], custom: Custom, at: datetime, driver: str, chance: Random, worn: Worn
) -> Iterator[tuple[Try, datetime]]:
    """One or two tries of somebody, and when each is over; none where all is taken."""
    tried: Bay | None = None
    for _ in range(2):
        free = [bay for bay in bays if bay.free_at <= at and bay is not tried]
        if not free:
            return
        [bay] = chance.choices(free, [each.liked for each in free])
        if chance.random() >= worn.share(bay, at):
            yield _charge(bay, custom, at, driver, chance)
            return
        over = at + timedelta(seconds=chance.uniform(40, 240))
        bay.free_at = over
        yield (bay, driver, (at, over, over), 0), over
        if chance.random() >= TRIES_AGAIN:
            return
        tried, at = bay, over + timedelta(seconds=chance.uniform(40, 180))


def _charge(bay: Bay, custom: Custom, at: datetime, driver: str, chance: Random) -> tuple[Try, datetime]:
    stay = timedelta(minutes=custom.stay_min[0] * chance.lognormvariate(0, custom.stay_min[1]))
    if bay.dc:
        # Nobody parks for hours at a fast one.
        stay = min(stay, timedelta(minutes=chance.uniform(15, 50)))
    power_w = min(bay.power_w * DC_PART, MOST_DC_W) if bay.dc else min(bay.power_w, chance.choice(AC_W))
    lack_wh = 1000 * custom.lack_kwh[0] * chance.lognormvariate(0, custom.lack_kwh[1])
    energy_wh = round(min(lack_wh, power_w * (stay / timedelta(hours=1))))
    full = at + timedelta(hours=energy_wh / power_w)
    over = at + stay
    bay.free_at = over + timedelta(minutes=2)
    return (bay, driver, (at, over, min(full, over)), energy_wh), over


def _row(
    ground: Ground, bay: Bay, driver: str, times: tuple[datetime, datetime, datetime], energy_wh: int, nudge: Nudge
) -> tuple[str, ...]:
    """Without the id."""
    market = MARKETS[ground.site.country or "NL"]
    gross = Decimal(energy_wh) / 1000 * Decimal(market.dc_kwh if bay.dc else market.ac_kwh)
    gross *= nudge.taken_off(driver, times[0], market.currency, gross)
    net = gross / (1 + Decimal(market.vat) / 100)
    return (
        bay.station, str(bay.number), "IEC_62196_T2_COMBO" if bay.dc else "IEC_62196_T2", driver,
        *(f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for at in times), f"{energy_wh / 1000:.3f}", market.currency,
        f"{net:.2f}", f"{gross:.2f}", f"{market.name}, {'DC' if bay.dc else 'AC'}", OF_FIRMS.get(driver, ""),
    )  # fmt: skip


def _poisson(mean: float, chance: Random) -> int:
    """How many come, of few on the mean (Knuth)."""
    left, count = exp(-mean), 0
    product = chance.random()
    while product > left:
        count += 1
        product *= chance.random()
    return count


def main() -> None:
    """`python -m forecourt.simulator.past FILE UNTIL`: writes the table, whole or not at all, and before it beside it
    what is told of the campaign, of firms and of replaced hardware."""
    path, until = Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2])
    nudge = Nudge(until)
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(HEAD)
        rows.writerows(sessions(until, nudge))
    path.with_suffix(".json").write_bytes(nudge.written())
    path.with_suffix(".fleets").write_bytes(firms.written())
    worn.write(path.with_suffix(".hardware"), until)
    draft.replace(path)


if __name__ == "__main__":
    main()
