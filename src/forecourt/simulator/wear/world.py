"""What kind of world connectors wear in: how busy, how hot, how fast parts go, and how much is said that means nothing.

`HOME` is an ordinary one; `ELSEWHERE` is another, to judge a model in: fewer visits, smaller sites, worse cars, hotter,
more noise, faults that come faster, show less and come in other shares. `varied` are those that a model may learn in:
around `HOME`, each another one, none with ranges as far off as those of `ELSEWHERE`.
"""

from typing import Final

import msgspec
import numpy as np
from msgspec import Struct

#: What wears until it fails, and what shows of it.
GRADUAL: Final = ("contact", "contactor", "lock", "cooling", "modem", "meter")
#: What breaks from one moment to the next.
SUDDEN: Final = ("cable", "board", "fuse")

Range = tuple[float, float]


class World(Struct, frozen=True, kw_only=True):
    """Ranges are from which each site, connector or fault draws its own, evenly."""

    days: int = 360
    sites: int = 24
    #: EVSEs of a site; every station has two, but for the last of an odd number.
    evses: tuple[int, int] = (3, 10)
    #: Share of sites that give direct current.
    fast_share: float = 0.4
    #: Visits an EVSE has a day.
    visits: Range = (2.0, 7.0)
    #: Gradual and sudden faults that begin in a connector-year, and wear that stays where it is and fails never.
    gradual_a_year: float = 0.5
    sudden_a_year: float = 0.15
    mild_a_year: float = 0.06
    #: How often each gradual kind comes among them, as GRADUAL is ordered.
    shares: tuple[float, ...] = (0.22, 0.2, 0.16, 0.16, 0.13, 0.13)
    #: Days from when wear begins until it fails, and the power of time that it goes by.
    ramp_days: Range = (18, 60)
    shape: Range = (0.7, 2.2)
    #: How much wear shows, against what is said in `signs`.
    strength: Range = (0.7, 1.2)
    #: Days until an unplanned repair.
    repair_days: Range = (2, 9)
    #: A start that fails at a sound connector with a sound car, and the share of cars that are not sound.
    failing: float = 0.015
    bad_cars: float = 0.03
    #: Blips a connector-year: days in which starts fail for no fault of its own.
    blips_a_year: float = 0.8
    #: Outages of a site's network a year, and updates of firmware that make stations of a maker talk.
    outages_a_year: float = 6.0
    updates_a_year: float = 1.5
    #: Share of stations that always talk too much, and of those with a weak radio.
    chatty_share: float = 0.06
    weak_share: float = 0.08
    #: Degrees: of the year's mean, its swing, and of the noise of a sensor.
    climate_c: tuple[float, float] = (11.0, 9.0)
    sensor_c: float = 2.0
    #: Share of sites whose stations never say what they offer, or how hot they are.
    mute_offer: float = 0.15
    mute_heat: float = 0.2


HOME: Final = World()
ELSEWHERE: Final = World(
    evses=(2, 8),
    visits=(1.5, 5.5),
    gradual_a_year=0.3,
    sudden_a_year=0.2,
    mild_a_year=0.05,
    shares=(0.26, 0.16, 0.2, 0.12, 0.16, 0.1),
    ramp_days=(14, 50),
    shape=(0.6, 2.5),
    strength=(0.6, 1.15),
    repair_days=(1.5, 12),
    failing=0.022,
    bad_cars=0.05,
    blips_a_year=1.1,
    outages_a_year=9.0,
    updates_a_year=2.5,
    chatty_share=0.09,
    weak_share=0.11,
    climate_c=(16.0, 10.0),
    sensor_c=2.8,
    mute_offer=0.25,
    mute_heat=0.3,
)

#: How far each thing of a world is varied from HOME by itself, as a share of the way to ELSEWHERE: away from it, or
#: towards it.
VARIED: Final = (-0.5, 0.75)
VARIED_SITES: Final = 18
#: How alike shares of kinds are (the concentration of a Dirichlet distribution), and EVSEs of a site, least and most.
_ALIKE: Final = 20.0
_LEAST_EVSES: Final = (2, 3)
_MOST_EVSES: Final = (8, 10)
_SAME: Final = frozenset(("days", "sites", "evses", "shares"))


def varied(seed: int) -> World:
    """A world around HOME, the same each time for a seed: everything in it is drawn by itself."""
    random = np.random.default_rng([seed, 77])
    drawn: dict[str, object] = {}
    for name in World.__struct_fields__:
        if name not in _SAME:
            drawn[name] = _between(getattr(HOME, name), getattr(ELSEWHERE, name), random.uniform(*VARIED))
    least, most = (int(random.integers(*ends, endpoint=True)) for ends in (_LEAST_EVSES, _MOST_EVSES))
    shares = tuple(float(each) for each in random.dirichlet(np.full(len(GRADUAL), _ALIKE)))
    return msgspec.structs.replace(HOME, sites=VARIED_SITES, evses=(least, most), shares=shares, **drawn)


def _between(one: float | Range, other: float | Range, share: float) -> float | Range:
    if isinstance(one, tuple) and isinstance(other, tuple):
        return (one[0] + (other[0] - one[0]) * share, one[1] + (other[1] - one[1]) * share)
    assert not isinstance(one, tuple)
    assert not isinstance(other, tuple)
    return one + (other - one) * share
