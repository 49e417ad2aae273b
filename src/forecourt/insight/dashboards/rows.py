"""What expressions answer, as rows of plain values."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import ibis

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def rows_of(expression: "ibis.Table") -> list[dict[str, Any]]:
    """The answer of an expression."""
    found = expression.to_pyarrow()
    return [dict(zip(found.column_names, row, strict=True)) for row in zip(*map(_cells, found.columns), strict=True)]


def _cells(column: Any) -> list[Any]:
    """What stands in a column. Arrow itself takes ten times as long for times."""
    import pyarrow as pa

    if not pa.types.is_timestamp(column.type):
        cells: list[Any] = column.to_pylist()
        return cells
    since = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_pylist()
    return [None if each is None else _EPOCH + timedelta(microseconds=each) for each in since]
