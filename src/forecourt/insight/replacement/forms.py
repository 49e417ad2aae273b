"""Forms of replacement: what is said of hardware, and what replacing costs in the money that it is said in."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import msgspec

from forecourt.insight.replacement.inputs import (
    MAX_DOWN_H,
    MAX_HOUR_MINOR,
    MAX_MINOR,
    KindInputs,
    ReplacementInputs,
    ReplacementInputsRefused,
)
from forecourt.insight.replacement.model import MAX_NOTE, ChangeReason, HardwareKind, HardwareSaid
from forecourt.insight.replacement.sheet import COLUMNS, MAX_ID
from forecourt.insight.replacement.words import KINDS, REASONS
from forecourt.payments.forms import (
    CURRENCY_WRONG,
    DAY_WRONG,
    LINE_WRONG,
    MONEY_WRONG,
    WHOLE_WRONG,
    Field,
    Read,
    amount_shown,
    currency_of,
    money_in,
    shown,
    whole,
)
from forecourt.ui.i18n import mark
from forecourt.ui.numbers import NoNumber

STATION_WRONG: Final = COLUMNS["station"][1]
#: Amounts of a kind, with the most that each may be.
MONEY: Final = {"planned_minor": MAX_MINOR, "failed_minor": MAX_MINOR, "hour_minor": MAX_HOUR_MINOR}


def said_fields() -> list[Field]:
    """What is said of hardware."""
    return [
        Field(name="station", label=mark("Station"), read=COLUMNS["station"][0], wrong=STATION_WRONG, required=True,
              most=MAX_ID),
        Field(name="kind", label=mark("Part"), read=HardwareKind,
              choices=[(each.value, word) for each, word in KINDS.items()]),
        Field(name="evse", label=mark("EVSE"), read=_if_any("evse"), wrong=WHOLE_WRONG, mode="numeric",
              hint=mark("Of power units and cables; else nothing.")),
        Field(name="connector", label=mark("Connector"), read=_if_any("connector"), wrong=WHOLE_WRONG, mode="numeric",
              hint=mark("Of cables; else nothing.")),
        Field(name="on", label=mark("Day"), read=COLUMNS["on"][0], wrong=DAY_WRONG, required=True,
              hint=mark("Such as 2026-03-01.")),
        Field(name="reason", label=mark("Why"), read=ChangeReason,
              choices=[(each.value, word) for each, word in REASONS.items()]),
        Field(name="note", label=mark("Note"), read=_if_any("note"), wrong=LINE_WRONG, most=MAX_NOTE),
    ]  # fmt: skip


def input_fields(kind: HardwareKind, currency: str) -> list[Field]:
    """What is said of replacing a kind; amounts are of that currency."""

    def name(of: str) -> str:
        return f"{kind.value}_{of}"

    since = mark("Since then every replacement is recorded. Nothing: nobody can say so.")
    if kind is HardwareKind.STATION:
        since = mark("Since then every replacement is recorded. Nothing: since each station is known here.")
    return [
        Field(name=name("recorded_since"), label=mark("Recorded since"), read=_day, wrong=DAY_WRONG, hint=since),
        Field(name=name("new_when_registered"), label=mark("What was registered here was new then"), read=_yes,
              choices=[("", mark("No, or not all of it")), ("yes", mark("Yes"))],
              hint=mark("Else its age isn't known where nobody said when it was put in, and nothing is told of it.")),
        Field(name=name("planned_minor"), label=mark("Cost if planned"), read=_amount("planned_minor", currency),
              wrong=MONEY_WRONG, mode="decimal", hint=mark("Hardware and work. Nothing: not known.")),
        Field(name=name("failed_minor"), label=mark("Cost once it failed"), read=_amount("failed_minor", currency),
              wrong=MONEY_WRONG, mode="decimal", hint=mark("Hardware and work, in a hurry. Nothing: not known.")),
        Field(name=name("planned_down_h"), label=mark("Hours down if planned"), read=_hours, wrong=WHOLE_WRONG,
              mode="numeric"),
        Field(name=name("failed_down_h"), label=mark("Hours down once it failed"), read=_hours, wrong=WHOLE_WRONG,
              mode="numeric"),
        Field(name=name("hour_minor"), label=mark("An hour down loses"), read=_amount("hour_minor", currency),
              wrong=MONEY_WRONG, mode="decimal"),
    ]  # fmt: skip


CURRENCY: Final = Field(name="currency", label=mark("Currency"), read=currency_of, wrong=CURRENCY_WRONG, most=3)


def typed_as(inputs: ReplacementInputs) -> dict[str, str]:
    """Inputs as their fields hold them."""
    made = {"currency": inputs.currency}
    for kind in HardwareKind:
        of = inputs.of(kind)
        for name in KindInputs.__struct_fields__:
            value = getattr(of, name)
            text = amount_shown(value, inputs.currency) if name in MONEY else shown(value)
            made[f"{kind.value}_{name}"] = ("yes" if value else "") if isinstance(value, bool) else text
    return made


def inputs_of(values: Mapping[str, Any]) -> ReplacementInputs:
    """What a form means; hours and what an hour loses are 0 where nothing was typed. Raises
    ReplacementInputsRefused."""
    told: dict[str, Any] = {"currency": values["currency"]}
    for kind in HardwareKind:
        of = {name: values[f"{kind.value}_{name}"] for name in KindInputs.__struct_fields__}
        told[kind.value] = {name: each for name, each in of.items() if each is not None}
    try:
        return msgspec.convert(msgspec.to_builtins(told), ReplacementInputs)
    except msgspec.ValidationError as fault:
        raise ReplacementInputsRefused from fault


def said_of(values: Mapping[str, Any]) -> HardwareSaid:
    """What a form says of hardware."""
    return HardwareSaid(**values)


def _if_any(column: str) -> Read:
    """As a sheet's column reads it; nothing of nothing."""
    read, _rule = COLUMNS[column]
    return lambda text: read(text) if text else None


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _yes(text: str) -> bool:
    return text == "yes"


def _hours(text: str) -> int:
    found: int = whole(0, MAX_DOWN_H)(text) if text else 0
    return found


def _amount(name: str, currency: str) -> Read:
    most = MONEY[name]
    read = money_in(currency)

    def amount(text: str) -> int | None:
        value: int | None = read(text)
        if value is not None and value > most:
            raise NoNumber(text)
        return value

    return amount
