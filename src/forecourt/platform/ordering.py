"""How a list is ordered in SQL: what it is sorted by, and what stands behind the place where a page before ended."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

Age = Literal["newest", "oldest"]
#: The last item of the page before, by the columns of its order; None: there is no page before.
Place = tuple[int | str | datetime, ...] | None
#: The terms of ORDER BY, and the condition of what is behind a place, whose parts are `%(place_0)s` and so on. The last
#: term is unique, so that no item is skipped or shown twice.
Ordering = tuple[str, str]


def oldest(*columns: str) -> Ordering:
    """By these columns, together unique, which say in which order the items came."""
    return ", ".join(columns), f"({', '.join(columns)}) > ({_parts(columns)})"


def newest(*columns: str) -> Ordering:
    """The other way round."""
    return ", ".join(f"{column} DESC" for column in columns), f"({', '.join(columns)}) < ({_parts(columns)})"


def by_age(*columns: str) -> Mapping[Age, Ordering]:
    """Both orders."""
    return {"newest": newest(*columns), "oldest": oldest(*columns)}


def onward(ordering: Ordering, place: Place) -> str:
    """The end of a query that has a condition already: what is behind the place, in order, `%(limit)s` at the most."""
    terms, behind = ordering
    return f"{'' if place is None else f' AND {behind}'} ORDER BY {terms} LIMIT %(limit)s"


def bounds(place: Place, limit: int) -> dict[str, Any]:
    """The values of `onward`."""
    return {"limit": limit, **{f"place_{number}": part for number, part in enumerate(place or ())}}


def _parts(columns: Sequence[str]) -> str:
    return ", ".join(f"%(place_{number})s" for number in range(len(columns)))
