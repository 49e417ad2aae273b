"""Which classes of drivers are not told of, so that no small one follows from what is.

Drivers of a span are told of in two tables, by segment and by number of sessions. Both split them the same way in two,
those who came often and the others, so what one table hides the other may tell, and all of them together are told of
too. A class of fewer than LEAST is hidden; then others are, the smallest first, until whatever can be reckoned of
hidden ones is of several classes, of LEAST or more, and leaves open how many are in each, LEAST among others:
complementary suppression (Hundepool et al. 2012, "Statistical Disclosure Control", chapter 4).
"""

from collections.abc import Mapping, Sequence
from typing import Final

#: Fewer drivers than this are told of with nobody else's: two numbers would name somebody.
LEAST: Final = 3

#: A class: in which of four groups it is, and by what name. Groups of a table stand beside each other; the first and
#: the third hold the same drivers, and so do the second and the fourth.
Cell = tuple[int, str | int]
_TABLES: Final = ((0, 1), (2, 3))


def few(drivers: int) -> bool:
    """Whether so many are not told of alone: somebody, and fewer than LEAST."""
    return 0 < drivers < LEAST


def hidden(groups: Sequence[Mapping[str | int, int]]) -> frozenset[Cell]:
    """Of four groups of classes with their numbers of drivers, those that are not told of: by segment who came often
    and who didn't, by number of sessions the same. A class of nobody is told of, unless all of its table is hidden."""
    counts = {(number, name): drivers for number, group in enumerate(groups) for name, drivers in group.items()}
    found = {cell for cell, drivers in counts.items() if 0 < drivers < LEAST}
    while found and len(found) < len(counts):
        group = _told(found, counts)
        if group is None:
            break
        found |= _more(found, group, counts)
    return frozenset(found)


def _told(found: set[Cell], counts: Mapping[Cell, int]) -> int | None:
    """A group of whose hidden classes too much follows from what is told; None: there is none."""
    cells = [[cell for cell in found if cell[0] == number] for number in range(4)]
    # What is hidden is at least one driver, where not all of its table is.
    least = [0 if _is_whole(found, number, counts) else len(cells[number]) for number in range(4)]
    shown = [sum(counts[cell] for cell in counts if cell[0] == number and cell not in found) for number in range(4)]
    every = sum(drivers for (number, _), drivers in counts.items() if number in _TABLES[0])
    often_from = max(shown[0] + least[0], shown[2] + least[2])
    often_to = every - max(shown[1] + least[1], shown[3] + least[3])
    known = [sum(counts[cell] for cell in counts if cell[0] in numbers) for numbers in ({0}, {1})]
    if not all(cells):
        # A group that hides nothing tells how many came often, and so how many didn't.
        often_from = often_to = known[0]
    for number, mine in enumerate(cells):
        low, high = (often_from, often_to) if number in (0, 2) else (every - often_to, every - often_from)
        together = _TABLES[number // 2] if low < high else (number,)
        if mine and (
            high - shown[number] < LEAST + max(least[number] - 1, 0)
            or (len(mine) == 1 and low == high)
            or (sum(counts[cell] for cell in found if cell[0] in together) < LEAST and least[number])
        ):
            return number
    return None


def _is_whole(found: set[Cell], number: int, counts: Mapping[Cell, int]) -> bool:
    return {cell for cell in counts if cell[0] in _TABLES[number // 2]} <= found


def _more(found: set[Cell], group: int, counts: Mapping[Cell, int]) -> set[Cell]:
    """What is hidden beside what would follow: the smallest class of its group; where that has no more, the smallest of
    each other one; where these have none, all of its table, and then all."""
    shown = [
        min(
            (cell for cell, drivers in counts.items() if cell[0] == number and drivers and cell not in found),
            key=lambda cell: (counts[cell], str(cell[1])), default=None,
        )
        for number in range(4)
    ]  # fmt: skip
    smallest = shown[group]
    if smallest is not None:
        return {smallest}
    others = {cell for cell in shown if cell is not None}
    table = {cell for cell in counts if cell[0] in _TABLES[group // 2]}
    return others or ({*counts} if table <= found else table)
