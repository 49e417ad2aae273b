"""The pages of stations: the list, one station with its messages, configuration and settings, and bulk runs."""

from collections.abc import Sequence

from litestar.handlers import HTTPRouteHandler

from forecourt.stations.pages.ask import ask_routes
from forecourt.stations.pages.bulk import bulk_routes
from forecourt.stations.pages.desired import desired_routes
from forecourt.stations.pages.frame import TEMPLATES_DIR, StationPages
from forecourt.stations.pages.listing import station_pages
from forecourt.stations.pages.messages import message_routes
from forecourt.stations.pages.ports import Charging
from forecourt.stations.pages.settings import settings_routes
from forecourt.stations.pages.station import overview_routes
from forecourt.stations.pages.variables import variable_routes
from forecourt.stations.pages.words import FILTERS
from forecourt.ui.live import SnapshotProvider
from forecourt.ui.shell import Shell

__all__ = ["TEMPLATES_DIR", "one_station_pages", "station_pages"]


def one_station_pages(
    *, shell: Shell, snapshots: Sequence[SnapshotProvider], charging: Charging
) -> list[HTTPRouteHandler]:
    """Every route under `/stations/{id}` and `/bulk-runs`.

    They are given the actor, the database and the commander by the application.
    """
    shell.add_filters(FILTERS)
    pages = StationPages(shell, snapshots)
    return [
        *overview_routes(pages, charging),
        *ask_routes(pages, charging),
        *desired_routes(pages),
        *message_routes(pages),
        *variable_routes(pages),
        *settings_routes(pages),
        *bulk_routes(shell),
    ]
