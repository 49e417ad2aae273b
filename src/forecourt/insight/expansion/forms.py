"""The form of what the operator says of growth, in the money that he says it in."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from forecourt.insight.expansion.inputs import MAX_CONNECTION_W, MAX_PLUG_W, Inputs, InputsRefused
from forecourt.insight.expansion.model import Counted
from forecourt.payments.forms import (
    CURRENCY_WRONG,
    MONEY_WRONG,
    WHOLE_WRONG,
    Field,
    amount_shown,
    money_in,
    percent,
    shown,
    whole,
)
from forecourt.ui.i18n import mark
from forecourt.ui.numbers import NoNumber, from_kilo, kilo

SHARE_WRONG: Final = mark("must be from 0.1 to 50, with two decimals at the most")
KEPT_WRONG: Final = mark("must be from 0 to 100, with two decimals at the most")
KW_WRONG: Final = mark("must be above 0 in kW, and not as large as that")
COUNTED: Final = {
    Counted.SHARED: mark("Cars that share it: enough for 99 %% of the busiest hour"),
    Counted.DRAWN: mark("What cars of the past drew, for 99 %% of the busiest hour"),
    Counted.ALL: mark("All plugs at once"),
}
#: Amounts of money, by field, with their words.
MONEY: Final = {
    "fixed_minor": (mark("Cost of growing at all"), mark("Planning and digging, once a site.")),
    "per_plug_minor": (mark("Cost of a plug"), mark("Whatever its power, with its setting up.")),
    "per_plug_kw_minor": (mark("Cost of a kW of a plug"), ""),
    "per_kw_minor": (mark("Cost of a kW of connection"), mark("What the grid operator asks for.")),
    "margin_minor": (mark("A session earns"), mark("Nothing: reckoned from what a session brings and what is kept.")),
}


def _share(text: str) -> float:
    value = float(percent(text))
    if not 0.1 <= value <= 50:
        raise NoNumber(text)
    return value


def _kw(most: int, *, nothing_is: int | None = None, least: int = 1) -> Any:
    def read(text: str) -> int | None:
        value = from_kilo(text)
        if value is not None and not least <= value <= most:
            raise NoNumber(text)
        return nothing_is if value is None else value

    return read


def _currency(text: str) -> str:
    if len(text) != 3 or not text.isascii() or not text.isalpha():
        raise ValueError(text)
    return text.upper()


def fields(currency: str) -> list[Field]:
    """All fields; amounts are of that currency."""
    money = {name: money_in(currency) for name in MONEY}
    return [
        Field(name="missed_percent", label=mark("Turned away at most"), read=_share, wrong=SHARE_WRONG, mode="decimal",
              hint=mark("Percent of those who come in the busiest hour.")),
        Field(name="wait_minutes", label=mark("Drivers wait: longer than, in minutes"), mode="numeric",
              read=lambda text: whole(0, 1_440)(text) if text else None, wrong=WHOLE_WRONG,
              hint=mark("Nothing: whoever finds no plug leaves.")),
        Field(name="plug_w", label=mark("Power of a plug, kW"), read=_kw(MAX_PLUG_W), wrong=KW_WRONG, mode="decimal",
              hint=mark("Nothing: as the stations of the site have.")),
        Field(name="counted", label=mark("Connection for"), read=Counted, wrong=WHOLE_WRONG,
              choices=[(each.value, word) for each, word in COUNTED.items()]),
        Field(name="connection_w", label=mark("Connection that is there, kW"), read=_kw(MAX_CONNECTION_W, least=0),
              wrong=KW_WRONG, mode="decimal", hint=mark("Nothing: as much as the plugs of today need.")),
        Field(name="currency", label=mark("Currency"), read=_currency, wrong=CURRENCY_WRONG, most=3),
        *(Field(name=name, label=label, hint=hint, read=money[name], wrong=MONEY_WRONG, mode="decimal")
          for name, (label, hint) in MONEY.items() if name != "margin_minor"),
        Field(name="kept_percent", label=mark("Kept of what a session brings"), read=percent, wrong=KEPT_WRONG,
              mode="decimal", hint=mark("Percent of revenue without taxes left after energy, fees and shares.")),
        Field(name="margin_minor", label=MONEY["margin_minor"][0], hint=MONEY["margin_minor"][1],
              read=money["margin_minor"], wrong=MONEY_WRONG, mode="decimal"),
    ]  # fmt: skip


def typed_as(inputs: Inputs) -> dict[str, str]:
    """Inputs as their fields hold them."""
    made = {field.name: shown(getattr(inputs, field.name)) for field in fields(inputs.currency)}
    made |= {name: amount_shown(getattr(inputs, name), inputs.currency) for name in MONEY}
    return made | {"counted": inputs.counted.value, "plug_w": kilo(inputs.plug_w),
                   "connection_w": kilo(inputs.connection_w)}  # fmt: skip


def inputs_of(values: Mapping[str, Any]) -> Inputs:
    """What a form means; an amount that is left out is 0, but for what a session earns. Raises InputsRefused."""
    said: dict[str, Any] = {
        name: value or 0 if name in MONEY and name != "margin_minor" else value for name, value in values.items()
    }
    try:
        return msgspec.convert(msgspec.to_builtins(Inputs(**said)), Inputs)
    except msgspec.ValidationError as fault:
        raise InputsRefused from fault
