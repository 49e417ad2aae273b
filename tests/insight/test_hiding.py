"""Small classes of drivers can't be reckoned from what is told: by whoever solves for them."""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from forecourt.insight.dashboards.drivers import _blank, _frequency, _segments
from forecourt.insight.dashboards.hiding import LEAST, Cell, hidden

NAMES: list[list[str | int]] = [["often", "away"], ["new", "casual", "lost"], [4, 8, 16, 32], [1, 2]]
Groups = Sequence[Mapping[str | int, int]]


def solved(groups: Groups, told: frozenset[Cell]) -> dict[Cell, set[int]]:
    """What each class that isn't told of can be, by all that is: of how many drivers there are, those of classes that
    are told, and that a blank is somebody as long as its table isn't blank altogether."""
    every = sum(groups[0].values()) + sum(groups[1].values())
    tables = []
    for pair in ((0, 1), (2, 3)):
        cells = [(number, name) for number in pair for name in groups[number]]
        blank = [cell for cell in cells if cell in told]
        least = 0 if blank == cells else 1
        left = every - sum(groups[number][name] for number, name in cells if (number, name) not in told)
        by_often: dict[int, list[dict[Cell, int]]] = defaultdict(list)
        for split in splits(left, len(blank), least):
            guess = dict(zip(blank, split, strict=True))
            often = sum(guess.get((pair[0], name), drivers) for name, drivers in groups[pair[0]].items())
            by_often[often].append(guess)
        tables.append(by_often)
    values: dict[Cell, set[int]] = defaultdict(set)
    for often in tables[0].keys() & tables[1].keys():
        for cell, drivers in (item for by in tables for guess in by[often] for item in guess.items()):
            values[cell].add(drivers)
    return values


def splits(whole: int, parts: int, least: int) -> Iterator[tuple[int, ...]]:
    if parts <= 1:
        yield (whole,) * parts
        return
    for first in range(least, whole + 1):
        yield from ((first, *rest) for rest in splits(whole - first, parts - 1, least) if min(rest) >= least)


def drawn(chance: random.Random, often: int, seldom: int) -> Groups:
    """So many drivers in classes by chance."""
    made = []
    for names, drivers in zip(NAMES, (often, seldom, often, seldom), strict=True):
        found = dict.fromkeys(names, 0)
        for _ in range(drivers):
            found[chance.choice(names)] += 1
        made.append(found)
    return made


def test_no_small_class_follows_from_what_is_told_of_others() -> None:
    chance, small = random.Random(5), 0
    for _ in range(400):
        groups = drawn(chance, chance.choice((0, 1, 2, 4, 6)), chance.choice((0, 1, 2, 3, 5, 7)))
        told = hidden(groups)
        found, every = solved(groups, told), sum(groups[0].values()) + sum(groups[1].values())
        for number, group in enumerate(groups):
            for name, drivers in group.items():
                if 0 < drivers < LEAST:
                    small += 1
                    # Of so many that nobody is found as well, where there are so many at all.
                    can_be = found[number, name]
                    assert len(can_be) > 1, (groups, sorted(told, key=str))
                    assert max(can_be) >= min(LEAST, every), (groups, sorted(told, key=str))
    assert small > 1_000


def test_nothing_is_hidden_where_nobody_is_alone_and_little_where_one_class_is_small() -> None:
    groups: Groups = [
        {"often": 30, "away": 3}, {"new": 9, "casual": 50, "lost": 0}, {4: 20, 8: 13, 16: 0, 32: 0}, {1: 40, 2: 19}
    ]  # fmt: skip
    assert hidden(groups) == frozenset()
    groups = [{"often": 31, "away": 2}, *groups[1:]]
    assert hidden(groups) == {(0, "away"), (0, "often")}


def test_sessions_and_shares_tell_no_more_than_drivers_do() -> None:
    def rows(drivers: Mapping[str | int, int]) -> dict[str | int, dict[str, int]]:
        return {name: {"drivers": n, "sessions": 5 * n, "energy_wh": 9 * n} for name, n in drivers.items() if n}

    by_segment = rows({"often": 1, "casual": 40, "lost": 9})
    by_class = rows({1: 30, 2: 19, 8: 1})
    blank = _blank(by_segment, by_class)  # type: ignore[arg-type]
    # Who came often is one, whom both tables would tell of: each hides one of the others as well.
    assert blank == {"often", "lost", 8, 2}
    segments = _segments(by_segment, 50, blank)  # type: ignore[arg-type]
    assert [row[1:] for row in segments.rows if row[0] in ("often", "lost")] == [(None,) * 4] * 2
    assert {row[3:] for row in segments.rows} == {(None, None)}
    frequency = _frequency(by_class, blank)  # type: ignore[arg-type]
    assert [row[2] for row in frequency.rows] == [30, None, 0, None, 0, 0]
    assert {row[3] for row in frequency.rows} == {None}
