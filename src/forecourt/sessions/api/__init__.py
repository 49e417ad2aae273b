"""Routes of sessions: what was charged, what was measured, and starting and stopping from afar."""

from litestar import Router

from forecourt.sessions.api.evses import list_evses
from forecourt.sessions.api.orphans import list_orphans, review_orphan_report
from forecourt.sessions.api.reading import describe_session, find_cdr, find_cost, find_session, list_sessions
from forecourt.sessions.api.remote import list_remote_starts, start, stop
from forecourt.sessions.api.samples import list_samples
from forecourt.sessions.signed.api import (
    add_meter_key,
    fetch_transparency,
    list_meter_keys,
    release_session,
    show_signed,
)

routes = Router(
    "/",
    route_handlers=[
        list_sessions,
        find_session,
        list_samples,
        find_cdr,
        find_cost,
        list_evses,
        list_orphans,
        review_orphan_report,
        start,
        list_remote_starts,
        stop,
        show_signed,
        fetch_transparency,
        release_session,
        list_meter_keys,
        add_meter_key,
    ],
)

__all__ = ["describe_session", "routes"]
