"""A sheet of stations: what each column takes, and what each line comes to. Pure."""

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from forecourt.ocpp.neutral import Registration
from forecourt.platform.sheets import Column, Line, Plan, Planned, Sheet, Wrong, as_text, read_line
from forecourt.platform.text import NAME_LINE
from forecourt.stations.model import IDENTITY_PATTERN
from forecourt.stations.store import StationRow
from forecourt.ui.i18n import mark

#: What a new station is where the sheet says nothing.
DEFAULTS: Final[Mapping[str, Any]] = {
    "name": None, "security_profile": 1, "registration": Registration.ACCEPTED.value, "latitude": None,
    "longitude": None, "max_power_w": None,
}  # fmt: skip
#: Cells of these columns that are empty leave an existing station as it is; empty others clear what stood there.
_NEVER_EMPTY: Final = frozenset({"security_profile", "registration", "password"})
_IDENTITY = re.compile(IDENTITY_PATTERN)
_PASSWORD = re.compile(r"[\x20-\x7e]{1,64}")
_NAME = re.compile(NAME_LINE)
_MAX_W = 2**31 - 1


def _identity(text: str) -> str:
    if len(text) > 255 or _IDENTITY.search(text) is None:
        raise ValueError
    return text


def _line(text: str) -> str:
    if len(text) > 200 or _NAME.search(text) is None:
        raise ValueError
    return text


def _profile(text: str) -> int:
    if text not in ("0", "1", "2", "3"):
        raise ValueError
    return int(text)


def _password(text: str) -> str:
    if _PASSWORD.fullmatch(text) is None:
        raise ValueError
    return text


def _watts(text: str) -> int:
    value = int(text)
    if not 1 <= value <= _MAX_W:
        raise ValueError
    return value


def _degrees(most: int) -> Any:
    def read(text: str) -> float:
        value = float(text.replace(",", "."))
        if not -most <= value <= most:
            raise ValueError
        return value

    return read


COLUMNS: Final[Mapping[str, Column]] = {
    "id": (_identity, mark("must be what the station calls itself: 255 characters at most, no slash and no colon")),
    "name": (_line, mark("must be one line of 200 characters at most")),
    "site": (_line, mark("must be the name in addresses (slug) of a site that exists")),
    "security_profile": (_profile, mark("must be 0, 1, 2 or 3")),
    "password": (_password, mark("must be 1 to 64 plain characters; it is taken for new stations only")),
    "registration": (
        lambda text: Registration(text.lower()).value,
        mark("must be one of accepted, pending, rejected"),
    ),
    "max_power_w": (_watts, mark("must be a whole number of watts above 0")),
    "latitude": (_degrees(90), mark("must be degrees between -90 and 90")),
    "longitude": (_degrees(180), mark("must be degrees between -180 and 180")),
}
_POSITION: Final = ("latitude", "longitude")
#: Whose station has the id is not said: another organisation's, or one at a site that is not shown to who asks.
TAKEN: Final = mark("is taken already: ids are unique in the whole deployment")
PLACELESS: Final = mark("is missing: you are limited to some sites, so name one of them")


def plan_stations(
    sheet: Sheet, known: Mapping[str, StationRow], sites: Collection[str], *, limited: bool = False
) -> Plan:
    """What each line comes to; `known` are the stations that exist, by identity, and `sites` the slugs of sites, as far
    as they are shown to who asks. Who is `limited` to some sites must put each station at one."""
    seen: dict[str, int] = {}
    return Plan(lines=[_planned(line, known, sites, seen, limited=limited) for line in sheet.lines])


def refuse_taken(line: Planned) -> Planned:
    """The same line, refused since its id is taken."""
    return Planned(line=line.line, id=line.id, action="refused", wrong=[Wrong(column="id", value=line.id, rule=TAKEN)])


def _planned(
    line: Line, known: Mapping[str, StationRow], sites: Collection[str], seen: dict[str, int], *, limited: bool
) -> Planned:
    values, wrong = read_line(line, COLUMNS)
    identity = values.pop("id", None)
    if identity is None and not any(each.column == "id" for each in wrong):
        wrong.append(Wrong(column="id", value="", rule=mark("is missing: it says which station is meant")))
    if identity is not None and seen.setdefault(identity, line.number) != line.number:
        wrong.append(Wrong(column="id", value=identity, rule=mark("stands in an earlier line already")))
    if values.get("site") is not None and values["site"] not in sites:
        wrong.append(Wrong(column="site", value=values["site"], rule=COLUMNS["site"][1]))
    station = None if identity is None else known.get(identity)
    if limited and _placeless(values, station) and not any(each.column == "site" for each in wrong):
        wrong.append(Wrong(column="site", value="", rule=PLACELESS))
    place = [values.get(name, getattr(station, name, None)) for name in ("latitude", "longitude")]
    if (place[0] is None) != (place[1] is None) and not any(each.column in _POSITION for each in wrong):
        missing = _POSITION[place.index(None)]
        wrong.append(Wrong(column=missing, value="", rule=mark("is missing: a position has both coordinates")))
    if wrong or identity is None:
        return Planned(line=line.number, id=line.cells.get("id", ""), action="refused", wrong=wrong)
    given = {name: value for name, value in values.items() if value is not None or name not in _NEVER_EMPTY}
    if station is None:
        return Planned(line=line.number, id=identity, action="create", values={**DEFAULTS, **given})
    given.pop("password", None)
    changed = {name: value for name, value in given.items() if getattr(station, name) != value}
    return Planned(
        line=line.number,
        id=identity,
        action="change" if changed else "same",
        values=changed,
        changes={name: (as_text(getattr(station, name)), as_text(value)) for name, value in changed.items()},
    )


def _placeless(values: Mapping[str, Any], station: StationRow | None) -> bool:
    """Whether a line leaves its station without a site."""
    return values.get("site", None if station is None else station.site) is None
