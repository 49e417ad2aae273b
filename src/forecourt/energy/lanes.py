"""The SQL by which a gateway stores what cars say of their needs."""

from typing import Final

from forecourt.platform.commit import Lane
from forecourt.platform.outbox import COALESCE

#: A car said what it needs; the subject is the station's number and the EVSE, `7.1`.
SAID: Final = "energy.needs_said"
#: Kept only where the EVSE hangs at a site that is charged smartly: elsewhere nobody plans by it.
CAR_NEEDS: Final = Lane(
    name="car_needs",
    columns=(
        "number bigint",
        "station_id bigint",
        "evse int",
        "tenant_id int",
        "needs text",
        "said_at timestamptz",
    ),
    merge=(
        """
        INSERT INTO car_needs AS c (station_id, evse, tenant_id, needs, said_at)
        SELECT DISTINCT ON (n.station_id, n.evse) n.station_id, n.evse, n.tenant_id, n.needs::jsonb, n.said_at
        FROM stage_car_needs n JOIN hung_evses h USING (station_id, evse)
        JOIN energy_sites e ON e.site_id = h.site_id AND e.enabled
        ORDER BY n.station_id, n.evse, n.said_at DESC
        ON CONFLICT (station_id, evse) DO UPDATE SET needs = excluded.needs, said_at = excluded.said_at
        WHERE excluded.said_at >= c.said_at
        """,
        f"""
        INSERT INTO outbox (event, subject, tenant_id)
        SELECT DISTINCT '{SAID}', concat(c.station_id, '.', c.evse), c.tenant_id
        FROM stage_car_needs n JOIN car_needs c USING (station_id, evse)
        WHERE c.said_at = n.said_at ORDER BY 2 {COALESCE}
        """,
    ),
    answer="""
        SELECT n.number, true FROM stage_car_needs n JOIN hung_evses h USING (station_id, evse)
        JOIN energy_sites e ON e.site_id = h.site_id AND e.enabled
        """,
)
