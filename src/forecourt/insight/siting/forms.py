"""The form of a study."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from litestar.params import QueryParameter

from forecourt.insight.model import MAX_NAME
from forecourt.insight.siting.model import MAX_NEW, MAX_SCENARIOS, Method, SitingRefused, Split
from forecourt.insight.siting.reading import COLUMNS
from forecourt.insight.siting.study import MAX_ALIKE, MAX_SCENARIO_S, Wanted
from forecourt.payments.forms import (
    CURRENCY_WRONG,
    MONEY_WRONG,
    NAME_WRONG,
    WHOLE_WRONG,
    Field,
    limit_in,
    money_in,
    text_as,
    tick,
    whole,
)
from forecourt.platform.text import ONE_LINE
from forecourt.ui.i18n import mark
from forecourt.ui.numbers import NoNumber, decimal

OfScenario = Annotated[
    int, QueryParameter(ge=0, lt=MAX_SCENARIOS, description="Which of the scenarios is on the map, from 0.")
]

METHODS_WRONG: Final = mark("must name one of them")
NEW_WRONG: Final = mark("must be whole numbers such as 5 or 5, 10")
REACH_WRONG: Final = mark("must be numbers above 0 such as 2 or 1, 2.5")
COLUMNS_WRONG: Final = mark("must be like weight=population, name=id")
SPLITS: Final = {
    Split.NEAREST: mark("The nearest site within reach"),
    Split.HUFF: mark("All sites within reach, by plugs and distance"),
}
SETS: Final = {
    "cover": mark("Most demand within reach"),
    "median": mark("Shortest way on average"),
    "flow": mark("Most traffic on its way"),
    "cover median": mark("Within reach, and shortest way, side by side"),
    "cover median flow": mark("All three side by side"),
}
#: Files that are sent, each with its words.
FILES: Final = (
    (
        "candidates",
        mark("Places where a site could be"),
        mark("latitude, longitude, name; plugs, cost (minor units)."),
    ),
    ("demand", mark("Demand"), mark("latitude, longitude, weight. Without it the weights of those places count.")),
    ("existing", mark("Sites that are there"), mark("latitude, longitude, plugs, own (no: somebody else's).")),
    ("flows", mark("Ways of traffic"), mark("A row a point: flow, latitude, longitude, weight.")),
)
BLANK: Final = {
    "name": "", "methods": "cover", "new": "5, 10", "reach_km": "2", "split": "nearest", "currency": "EUR",
    "site_minor": "", "per_plug_minor": "", "budget_minor": "", "seconds": str(MAX_SCENARIO_S), "own_sites": "yes",
    "own_demand": "", "measured": "", "columns": "",
}  # fmt: skip


def _list(one: Any) -> Any:
    def read(text: str) -> list[Any]:
        parts = [each.strip() for each in text.replace(";", ",").split(",") if each.strip()]
        if not 0 < len(parts) <= MAX_ALIKE:
            raise NoNumber(text)
        return [one(each) for each in parts]

    return read


def _reach(text: str) -> float:
    value = decimal(text)
    if value is None or not 0 < value <= 1_000:
        raise NoNumber(text)
    return float(value)


def _columns(text: str) -> dict[str, str]:
    made = {}
    for part in text.split(","):
        if not part.strip():
            continue
        name, _, column = part.partition("=")
        if name.strip() not in COLUMNS or not column.strip():
            raise ValueError(text)
        made[name.strip()] = column.strip()[:MAX_NAME]
    return made


def _methods(text: str) -> list[Method]:
    if text not in SETS:
        raise ValueError(text)
    return [Method(each) for each in text.split()]


def currency_of(typed: Mapping[str, str]) -> str:
    """The currency that was typed, where it could be one."""
    said = typed["currency"].upper()
    return said if len(said) == 3 and said.isascii() and said.isalpha() else "EUR"


def fields(currency: str) -> list[Field]:
    """All fields but files; amounts are of that currency."""
    return [
        Field(name="name", label=mark("Name"), wrong=NAME_WRONG, required=True,
              read=text_as(Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=ONE_LINE)])),
        Field(name="methods", label=mark("What new sites are chosen by"), read=_methods, wrong=METHODS_WRONG,
              choices=list(SETS.items())),
        Field(name="new", label=mark("New sites at the most"), read=_list(whole(1, MAX_NEW)), wrong=NEW_WRONG,
              hint=mark("Several numbers stand side by side.")),
        Field(name="reach_km", label=mark("Reach, km"), read=_list(_reach), wrong=REACH_WRONG,
              hint=mark("How far demand goes; of traffic, the longest detour.")),
        Field(name="split", label=mark("Demand goes to"), read=Split, wrong=METHODS_WRONG,
              choices=[(each.value, word) for each, word in SPLITS.items()]),
        Field(name="own_sites", label=mark("Own sites"), read=tick, tick=True,
              hint=mark("Own sites of the lake stay, and what new ones take from them is told")),
        Field(name="own_demand", label=mark("Own use"), read=tick, tick=True,
              hint=mark("What own sites served is demand too, in sessions a day: a file must be in that unit")),
        Field(name="measured", label=mark("Measured"), read=tick, tick=True,
              hint=mark("The demand in the file is use that was measured, not a proxy")),
        Field(name="currency", label=mark("Currency"), wrong=CURRENCY_WRONG, most=3,
              read=text_as(Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}$")], upper=True)),
        Field(name="site_minor", label=mark("Cost of a new site"), read=money_in(currency), wrong=MONEY_WRONG,
              mode="decimal", hint=mark("Unless its row says a cost.")),
        Field(name="per_plug_minor", label=mark("Cost of each of its plugs"), read=money_in(currency),
              wrong=MONEY_WRONG, mode="decimal"),
        Field(name="budget_minor", label=mark("Budget"), read=limit_in(currency), wrong=MONEY_WRONG, mode="decimal",
              hint=mark("Nothing: no end but the number of sites.")),
        Field(name="seconds", label=mark("Seconds for each scenario"), read=whole(1, MAX_SCENARIO_S),
              wrong=WHOLE_WRONG, mode="numeric"),
        Field(name="columns", label=mark("Names of columns"), read=_columns, wrong=COLUMNS_WRONG,
              hint=mark("Where a file names them otherwise, such as weight=population, name=id.")),
    ]  # fmt: skip


def wanted_of(values: Mapping[str, Any]) -> Wanted:
    """What a form means. Raises SitingRefused."""
    said = dict(values) | {name: values[name] or 0 for name in ("site_minor", "per_plug_minor")}
    try:
        return msgspec.convert(msgspec.to_builtins(Wanted(**said)), Wanted)
    except msgspec.ValidationError as fault:
        raise SitingRefused from fault
