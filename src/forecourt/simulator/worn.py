"""What of the demo's stations was put in and replaced in the years before: a table, as an operator would bring it.

Cables and power units wear by a Weibull of their own, those of DC sooner; now and then one is cut off or hit. Nothing
of it ever happened.
"""

import csv
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from forecourt.simulator.demo import GROUNDS
from forecourt.simulator.fleet import MAKES

HEAD: Final = ("station", "kind", "evse", "connector", "on", "reason", "note")
SEED: Final = "worn"
NOTE: Final = "Simulated past"
#: The oldest and the youngest site, in years before.
SITES_Y: Final = (7.0, 2.5)
#: Shape and scale in years, of AC and of DC.
CABLES: Final = {False: (3.0, 8.0), True: (3.0, 4.5)}
POWER: Final = {False: (2.2, 15.0), True: (2.2, 8.0)}
#: Cables cut off or hit, of each a year.
HIT_A_YEAR: Final = 0.02
YEAR_D: Final = 365.25


def changes(until: datetime) -> Iterator[tuple[str, ...]]:
    """Rows as HEAD has them, of each station since it was put in; the same for the same day."""
    numbers: dict[str, int] = {}
    for place, ground in enumerate(GROUNDS):
        chance = Random(f"{SEED}/{ground.site.slug}")  # noqa: S311
        oldest, youngest = SITES_Y
        years = oldest - (oldest - youngest) * place / max(len(GROUNDS) - 1, 1)
        for name, count in ground.makes.items():
            make = MAKES[name]
            for _ in range(count):
                number = numbers[ground.prefix] = numbers.get(ground.prefix, 0) + 1
                station = f"{ground.prefix}-{number:02}"
                began = (until - timedelta(days=years * YEAR_D + chance.uniform(-60, 60))).date()
                yield (station, "station", "", "", began.isoformat(), "commissioned", NOTE)
                for bay in range(1, make.bays + 1):
                    yield from _lives(station, bay, began, until.date(), make.dc, chance)


def _lives(station: str, bay: int, began: date, until: date, dc: bool, chance: Random) -> Iterator[tuple[str, ...]]:
    for kind, connector, (shape, scale), hit in (
        ("cable", "1", CABLES[dc], HIT_A_YEAR), ("power", "", POWER[dc], 0.0)
    ):  # fmt: skip
        on = began
        while True:
            worn = chance.weibullvariate(scale, shape)
            struck = chance.expovariate(hit) if hit else worn + 1
            on += timedelta(days=max(1.0, min(worn, struck) * YEAR_D))
            if on > until:
                break
            yield (station, kind, str(bay), connector, on.isoformat(), "worn" if worn < struck else "vandalism", NOTE)


def write(path: Path, until: datetime) -> None:
    """The table, whole or not at all."""
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(HEAD)
        rows.writerows(changes(until))
    draft.replace(path)
