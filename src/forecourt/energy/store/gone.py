"""Stations that were retired or moved while a car charges at them: nobody can tell them anything for their site any
more, and what they may draw counts there until that session is over.

SQL of an EVSE that hangs, `h`, and its station, `t`.
"""

from typing import Final

#: What the site's electrics call the station.
NAME: Final = "coalesce(t.identity, t.retired_identity)"
#: That a session runs at the EVSE.
RUNS: Final = (
    "EXISTS (SELECT FROM sessions g WHERE g.tenant_id = h.tenant_id AND g.station_id = h.station_id AND g.evse = h.evse"
    " AND g.over_at IS NULL)"
)
#: That no other station hangs at the site by the name of one that was retired.
UNREPLACED: Final = (
    "(t.retired_at IS NULL OR NOT EXISTS (SELECT FROM hung_evses o JOIN stations r ON r.tenant_id = o.tenant_id"
    " AND r.station_id = o.station_id AND r.identity = t.retired_identity"
    " WHERE o.tenant_id = h.tenant_id AND o.site_id = h.site_id))"
)
