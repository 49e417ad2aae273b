"""The sessions behind a figure, the latest first. Whose they were is told of none."""

from typing import Any, Final

from forecourt.insight.dashboards import owned
from forecourt.insight.dashboards.model import Cell, Column, Table, Unit
from forecourt.insight.dashboards.rows import rows_of
from forecourt.insight.dashboards.scope import Scope
from forecourt.insight.model import OWN
from forecourt.ui.i18n import mark

#: Rows of a page, and of a file.
MAX_SHOWN: Final = 50
MAX_ROWS: Final = 100_000
#: Figures that stand for sessions, and the outcome of these; nothing: any.
FIGURES: Final = {"sessions": "", "nothing": "nothing", "refused": "refused"}
#: Columns that fit on a page; the file has all.
ON_PAGE: Final = frozenset(
    {"session", "station", "evse", "started_at", "stay_s", "energy_wh", "outcome", "tariff", "paid_by", "excl_minor"}
)
OUTCOMES: Final = {"charged": mark("charged"), "nothing": mark("no energy"), "refused": mark("refused")}

_COLUMNS: Final = (
    Column(name="session", label=mark("Session"), unit=Unit.TEXT),
    Column(name="source", label=mark("Source"), unit=Unit.TEXT),
    Column(name="station", label=mark("Station"), unit=Unit.TEXT),
    Column(name="evse", label=mark("EVSE"), unit=Unit.TEXT),
    Column(name="connector_type", label=mark("Connector"), unit=Unit.TEXT),
    Column(name="started_at", label=mark("Start"), unit=Unit.TIME),
    Column(name="ended_at", label=mark("End"), unit=Unit.TIME),
    Column(name="stay_s", label=mark("Stay"), unit=Unit.SECONDS),
    Column(name="idle_s", label=mark("Idle"), unit=Unit.SECONDS),
    Column(name="energy_wh", label=mark("Energy"), unit=Unit.ENERGY),
    Column(name="most_w", label=mark("Most power"), unit=Unit.POWER),
    Column(name="outcome", label=mark("Outcome"), unit=Unit.TEXT),
    Column(name="stop_reason", label=mark("Why it ended"), unit=Unit.TEXT),
    Column(name="tariff", label=mark("Tariff"), unit=Unit.TEXT),
    Column(name="paid_by", label=mark("Paid"), unit=Unit.TEXT),
    Column(name="excl_minor", label=mark("Revenue"), unit=Unit.MONEY),
    Column(name="currency", label=mark("Currency"), unit=Unit.TEXT),
)


def behind(scope: Scope, outcome: str, most: int) -> Table:
    """So many sessions at the most that began in the span, of an outcome or of any."""
    found = scope.sessions
    if outcome:
        found = found.filter(found.outcome == outcome)
    [counted] = rows_of(found.aggregate(sessions=found.count().cast("int64")))
    latest = found.order_by(found.started_at.desc(), found.session).limit(most)
    told = owned.masked(owned.hidden(scope), rows_of(latest.select(*(column.name for column in _COLUMNS))))
    rows = [_cells(row) for row in told]
    return Table(
        key="sessions", title=mark("Sessions"), columns=_COLUMNS, rows=rows, left_out=counted["sessions"] - len(rows)
    )


def href(row: tuple[Cell, ...]) -> str:
    """Where a session that was recorded here has its page; nothing for one of other records."""
    return f"/sessions/{row[0]}" if row[1] == OWN else ""


def _cells(row: dict[str, Any]) -> tuple[Cell, ...]:
    return tuple(row[column.name] for column in _COLUMNS)
