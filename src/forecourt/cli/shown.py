"""What the command line prints: tables for people, JSON for programs."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import typer

#: A column: its heading, and how its text is found in an item.
Column = tuple[str, Callable[[Mapping[str, Any]], Any]]

_COLOURS = {
    "Available": "green", "Charging": "blue", "Faulted": "red", "Offline": "dim", "Unavailable": "dim",
    "accepted": "green", "blocked": "red", "active": "blue",
}  # fmt: skip


def rows(items: Iterable[Mapping[str, Any]], columns: Sequence[Column], *, as_json: bool) -> None:
    """A table with a line an item, or a JSON value a line as they come."""
    if as_json:
        for item in items:
            value(item)
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name, _ in columns:
        table.add_column(name, justify="right" if name.endswith((" kW", " kWh", " %")) else "left", overflow="fold")
    for item in items:
        table.add_row(*(_cell(find(item)) for _, find in columns))
    # A pipe has no width of its own: what is cut there is lost.
    Console(width=None if sys.stdout.isatty() else 200).print(table if table.row_count else "Nothing to list.")


def facts(item: Mapping[str, Any], *, as_json: bool) -> None:
    """One thing with all that is known of it."""
    if as_json:
        value(item)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, held in item.items():
        if held not in (None, [], ""):
            table.add_row(name.replace("_", " "), _cell(held))
    Console().print(table)


def value(item: Any) -> None:
    """One JSON value on one line."""
    typer.echo(msgspec.json.encode(item).decode())


def line(text: str) -> None:
    """One line for a person."""
    typer.echo(text)


def kw(power_w: int | None) -> str:
    """`7.2`, for a column of kW."""
    return "" if power_w is None else f"{power_w / 1000:.1f}"


def kwh(energy_wh: int | None) -> str:
    """`12.34`, for a column of kWh."""
    return "" if energy_wh is None else f"{energy_wh / 1000:.2f}"


def money(held: Mapping[str, Any] | None) -> str:
    """An amount of the API, which is in minor units, as money: `13.76 EUR`, `1250 JPY`."""
    return "" if held is None else f"{major(held['amount'], held['currency'])} {held['currency']}"


def major(amount: int | None, currency: str) -> str:
    """Minor units as a person reads them, exactly: `13.76`."""
    from forecourt.platform.money import minor_digits

    return "" if amount is None else f"{Decimal(amount).scaleb(-minor_digits(currency)):f}"


def moment(at: str | None, zone: str | None = None) -> str:
    """A time to the second, by the clock of a zone; of none named by this machine's."""
    if at is None:
        return ""
    return f"{datetime.fromisoformat(at).astimezone(None if zone is None else ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}"


def _cell(held: Any) -> Any:
    from rich.text import Text

    if held is None:
        return ""
    if isinstance(held, dict) and set(held) == {"amount", "currency"}:
        held = money(held)
    if isinstance(held, list | dict):
        held = msgspec.json.encode(held).decode()
    return Text(str(held), style=_COLOURS.get(str(held), ""))
