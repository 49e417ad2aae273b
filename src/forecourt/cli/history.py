"""How files of history are to be read: the options that `insight import`, `backtest` and `size` share."""

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

if TYPE_CHECKING:
    from forecourt.insight.importing.tables import Options

Mapped = Annotated[
    list[str] | None, typer.Option("--map", help="A column that says something: start=plugin_time. Can be repeated.")
]
TimeZone = Annotated[str | None, typer.Option(help="Zone of times without an offset, as Europe/Oslo.")]
Dates = Annotated[str | None, typer.Option(help="The order in dates, where it can't be told: dmy, mdy.")]
TimeFormat = Annotated[str | None, typer.Option(help="strptime format of times.")]
Century = Annotated[int | None, typer.Option(help="Added to years below 100, as 2000.")]
Decimal = Annotated[str | None, typer.Option(help="What stands before decimals, . or ,.")]
Delimiter = Annotated[str | None, typer.Option(help="What parts the columns of a CSV.")]
Encoding = Annotated[str | None, typer.Option(help="Of a text that is not UTF-8.")]
Currency = Annotated[str | None, typer.Option(help="Of prices, as EUR.")]
Station = Annotated[str | None, typer.Option(help="The station, where no column says it.")]
Site = Annotated[str | None, typer.Option(help="The site, where no column says it.")]
Sheet = Annotated[str | None, typer.Option(help="The sheet of a workbook; else the first.")]


def options(mapped: list[str] | None, delimiter: str | None, **given: Any) -> "Options":
    """What an operator says of a file. Raises BadParameter."""
    from forecourt.insight.importing.tables import Options

    told = {"map": _mapping(mapped or []), "delimiter": "\t" if delimiter == "\\t" else delimiter, **given}
    try:
        return msgspec.convert(told, Options)
    except msgspec.ValidationError as fault:
        raise typer.BadParameter(str(fault)) from None


def _mapping(pairs: list[str]) -> dict[str, str]:
    mapping = {}
    for pair in pairs:
        field, _, column = pair.partition("=")
        if not column:
            raise typer.BadParameter(f"{pair} maps nothing; write it as start=plugin_time", param_hint="--map")
        mapping[field.strip()] = column.strip()
    return mapping
