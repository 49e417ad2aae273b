"""Routes of sites and stations: the registry, what was said to and by a station, and what it is asked."""

from litestar import Router

from forecourt.stations.api.availability import show_availability
from forecourt.stations.api.control import reset_station, unlock_connector
from forecourt.stations.api.imports import import_stations
from forecourt.stations.api.inbox import adopt, dismiss, find_inbox_code, find_knock, list_knocks, renew_inbox_code
from forecourt.stations.api.quarantine import find_quarantined, list_quarantine, review_quarantined
from forecourt.stations.api.registry import (
    change_station,
    create_station,
    describe_station,
    find_station,
    list_stations,
    retire_station,
)
from forecourt.stations.api.sites import change_site, create_site, delete_site, find_site, list_sites
from forecourt.stations.api.stream import stream
from forecourt.stations.api.traffic import call_station, list_commands, list_messages

routes = Router(
    "/",
    route_handlers=[
        create_site,
        list_sites,
        find_site,
        change_site,
        delete_site,
        create_station,
        import_stations,
        change_station,
        retire_station,
        find_station,
        list_stations,
        stream,
        show_availability,
        list_messages,
        call_station,
        unlock_connector,
        reset_station,
        list_commands,
        list_quarantine,
        find_quarantined,
        review_quarantined,
        list_knocks,
        find_knock,
        adopt,
        dismiss,
        find_inbox_code,
        renew_inbox_code,
    ],
)

__all__ = ["describe_station", "routes"]
