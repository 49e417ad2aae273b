"""Routes of sites and stations: the registry, what was said to and by a station, and what it is asked."""

from litestar import Router

from forecourt.stations.api.availability import show_availability
from forecourt.stations.api.bulk import (
    find_bulk_run,
    list_bulk_run_stations,
    list_bulk_runs,
    move_stations,
    plan_bulk_run,
    register_stations,
    reset_stations,
    stop_bulk_run,
)
from forecourt.stations.api.connectors import list_connectors
from forecourt.stations.api.control import change_availability, reset_station, trigger_message, unlock_connector
from forecourt.stations.api.desired import forget_availability, list_desired, want_availability
from forecourt.stations.api.imports import import_stations
from forecourt.stations.api.inbox import adopt, dismiss, find_inbox_code, find_knock, list_knocks, renew_inbox_code
from forecourt.stations.api.plugs import list_plugs, put_plugs
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
from forecourt.stations.api.traffic import call_station, find_command, find_message, list_commands, list_messages
from forecourt.stations.api.variables import list_variables, read_variables, set_variables, show_reading

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
        find_message,
        list_connectors,
        list_plugs,
        put_plugs,
        list_variables,
        show_reading,
        read_variables,
        set_variables,
        call_station,
        unlock_connector,
        reset_station,
        change_availability,
        trigger_message,
        list_desired,
        want_availability,
        forget_availability,
        list_commands,
        find_command,
        list_quarantine,
        find_quarantined,
        review_quarantined,
        plan_bulk_run,
        reset_stations,
        register_stations,
        move_stations,
        list_bulk_runs,
        find_bulk_run,
        list_bulk_run_stations,
        stop_bulk_run,
        list_knocks,
        find_knock,
        adopt,
        dismiss,
        find_inbox_code,
        renew_inbox_code,
    ],
)

__all__ = ["describe_station", "routes"]
