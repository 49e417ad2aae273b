"""The SQL by which a gateway stores what stations say of cars, and of others that limit them."""

from typing import Final

from forecourt.energy.events import LIMITED, SAID
from forecourt.energy.outside.model import MAX_EXTERNAL, MAX_HELD
from forecourt.platform.commit import Lane
from forecourt.platform.outbox import COALESCE

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

#: What is cleared without an EVSE is so for the whole station. Beyond MAX_EXTERNAL limits of one station no other is
#: kept; those that are known can be changed.
EXTERNAL_LIMITS: Final = Lane(
    name="external_limits",
    columns=(
        "station_id bigint",
        "evse int",
        "source text",
        "tenant_id int",
        "said text",
        "said_at timestamptz",
    ),
    merge=(
        """
        DELETE FROM external_limits l USING stage_external_limits n
        WHERE n.said IS NULL AND l.station_id = n.station_id AND l.source = n.source AND n.evse IN (0, l.evse)
            AND l.said_at <= n.said_at
        """,
        f"""
        INSERT INTO external_limits AS l (station_id, evse, source, tenant_id, said, since, said_at)
        SELECT DISTINCT ON (n.station_id, n.evse, n.source)
            n.station_id, n.evse, n.source, n.tenant_id, n.said::jsonb, n.said_at, n.said_at
        FROM stage_external_limits n
        WHERE n.said IS NOT NULL AND NOT EXISTS (
            SELECT FROM stage_external_limits c WHERE c.said IS NULL AND c.station_id = n.station_id
                AND c.source = n.source AND c.evse IN (0, n.evse) AND c.said_at > n.said_at)
        AND ({MAX_EXTERNAL} > (SELECT count(*) FROM external_limits k WHERE k.station_id = n.station_id)
            OR EXISTS (SELECT FROM external_limits k
                WHERE k.station_id = n.station_id AND k.evse = n.evse AND k.source = n.source))
        ORDER BY n.station_id, n.evse, n.source, n.said_at DESC
        ON CONFLICT (station_id, evse, source) DO UPDATE SET said = excluded.said, said_at = excluded.said_at,
            since = CASE WHEN l.said = excluded.said THEN l.since ELSE excluded.since END
        WHERE excluded.said_at >= l.said_at
        """,
        f"""
        INSERT INTO outbox (event, subject, tenant_id)
        SELECT DISTINCT '{LIMITED}', n.station_id::text, n.tenant_id FROM stage_external_limits n
        WHERE EXISTS (SELECT FROM hung_evses h JOIN energy_sites e ON e.site_id = h.site_id AND e.enabled
            WHERE h.station_id = n.station_id)
        ORDER BY 2 {COALESCE}
        """,
    ),
)

#: Kept only where somebody plans by it, as what cars need is.
CAR_SCHEDULES: Final = Lane(
    name="car_schedules",
    columns=(
        "station_id bigint",
        "evse int",
        "tenant_id int",
        "said text",
        "said_at timestamptz",
    ),
    merge=(
        """
        INSERT INTO car_schedules AS c (station_id, evse, tenant_id, said, said_at)
        SELECT DISTINCT ON (n.station_id, n.evse) n.station_id, n.evse, n.tenant_id, n.said::jsonb, n.said_at
        FROM stage_car_schedules n JOIN hung_evses h USING (station_id, evse)
        JOIN energy_sites e ON e.site_id = h.site_id AND e.enabled
        ORDER BY n.station_id, n.evse, n.said_at DESC
        ON CONFLICT (station_id, evse) DO UPDATE SET said = excluded.said, said_at = excluded.said_at
        WHERE excluded.said_at >= c.said_at
        """,
        f"""
        INSERT INTO outbox (event, subject, tenant_id)
        SELECT DISTINCT '{LIMITED}', n.station_id::text, n.tenant_id
        FROM stage_car_schedules n JOIN car_schedules c USING (station_id, evse) ORDER BY 2 {COALESCE}
        """,
    ),
)

#: Kept only of what the planner has asked for and not compared yet.
HELD_PROFILES: Final = Lane(
    name="held_profiles",
    columns=(
        "station_id bigint",
        "request_id bigint",
        "evse int",
        "tenant_id int",
        "source text",
        "profiles text",
        "more bool",
        "said_at timestamptz",
    ),
    merge=(
        f"""
        INSERT INTO held_profiles AS p (station_id, evse, profile_id, tenant_id, source, profile)
        SELECT DISTINCT ON (n.station_id, n.evse, (each->>'id')::bigint)
            n.station_id, n.evse, (each->>'id')::bigint, n.tenant_id, n.source, each
        FROM stage_held_profiles n JOIN profile_checks c ON c.station_id = n.station_id
            AND c.request_id = n.request_id AND c.settled_at IS NULL
        CROSS JOIN LATERAL (SELECT * FROM jsonb_array_elements(n.profiles::jsonb) LIMIT {MAX_HELD}) AS sent (each)
        WHERE {MAX_HELD} > (SELECT count(*) FROM held_profiles k WHERE k.station_id = n.station_id)
        ORDER BY n.station_id, n.evse, (each->>'id')::bigint
        ON CONFLICT (station_id, evse, profile_id) DO UPDATE SET source = excluded.source, profile = excluded.profile
        """,
        """
        UPDATE profile_checks c SET answered_at = n.said_at FROM stage_held_profiles n
        WHERE c.station_id = n.station_id AND c.request_id = n.request_id AND c.settled_at IS NULL
            AND (NOT n.more OR c.answered_at IS NOT NULL)
        """,
        f"""
        INSERT INTO outbox (event, subject, tenant_id)
        SELECT DISTINCT '{LIMITED}', n.station_id::text, n.tenant_id FROM stage_held_profiles n
        JOIN profile_checks c ON c.station_id = n.station_id AND c.request_id = n.request_id
        WHERE NOT n.more AND c.settled_at IS NULL ORDER BY 2 {COALESCE}
        """,
    ),
)

#: What is said of a transaction that is not known is not kept. `wants` NULL: it is over.
PRIORITIES: Final = Lane(
    name="priorities",
    columns=(
        "station_id bigint",
        "transaction_id text",
        "tenant_id int",
        "station text",
        "wants text",
        "said_at timestamptz",
    ),
    merge=(
        """
        DELETE FROM session_needs w USING stage_priorities n JOIN sessions s USING (station_id, transaction_id)
        WHERE n.wants IS NULL AND w.session_id = s.session_id AND w.source = 'station' AND w.said_at <= n.said_at
        """,
        """
        UPDATE priority_asks p SET active = false, ended_at = n.said_at
        FROM stage_priorities n JOIN sessions s USING (station_id, transaction_id)
        WHERE n.wants IS NULL AND p.session_id = s.session_id AND p.active AND p.asked_at <= n.said_at
        """,
        """
        INSERT INTO session_needs AS w (session_id, source, tenant_id, station_id, wants, said_at, said_by)
        SELECT DISTINCT ON (s.session_id) s.session_id, 'station', n.tenant_id, n.station_id, n.wants::jsonb, n.said_at,
            'station:' || n.station
        FROM stage_priorities n JOIN sessions s USING (station_id, transaction_id)
        WHERE n.wants IS NOT NULL AND s.over_at IS NULL ORDER BY s.session_id, n.said_at DESC
        ON CONFLICT (session_id, source) DO UPDATE SET wants = excluded.wants, said_at = excluded.said_at,
            said_by = excluded.said_by
        WHERE excluded.said_at >= w.said_at
        """,
        f"""
        INSERT INTO outbox (event, subject, tenant_id)
        SELECT DISTINCT '{LIMITED}', n.station_id::text, n.tenant_id FROM stage_priorities n
        WHERE EXISTS (SELECT FROM hung_evses h JOIN energy_sites e ON e.site_id = h.site_id AND e.enabled
            WHERE h.station_id = n.station_id)
        ORDER BY 2 {COALESCE}
        """,
    ),
)

#: A station asks what its dynamic profile shall say: what the planner wants, who has told it something within the time
#: that a limit holds. What it then has is counted as a limit that was told, and that nobody has confirmed. One that a
#: planner is telling something right now is answered nothing: nobody waits for a planner here.
_ASKED = """
    FROM stage_dynamic_asks n JOIN dynamic_profiles d ON d.station_id = n.station_id AND d.profile_id = n.profile_id
    JOIN sessions s ON s.session_id = d.session_id AND s.over_at IS NULL
    WHERE d.held_at IS NOT NULL AND d.until > n.said_at AND d.told_at > n.said_at - d.lasts
"""
DYNAMIC_ASKS: Final = Lane(
    name="dynamic_asks",
    columns=(
        "number bigint",
        "station_id bigint",
        "profile_id bigint",
        "tenant_id int",
        "said_at timestamptz",
    ),
    merge=(
        # From here on nobody changes it: what is recorded below is what is answered.
        f"""
        , free AS (
            SELECT d.station_id, d.evse, n.said_at {_ASKED} ORDER BY d.station_id, d.evse FOR UPDATE OF d SKIP LOCKED
        )
        UPDATE dynamic_profiles d SET asked_at = f.said_at FROM free f
        WHERE d.station_id = f.station_id AND d.evse = f.evse
        """,
        f"""
        INSERT INTO charging_orders
            (tenant_id, site_id, station_id, evse, session_id, limit_ma, urgent, sent_at, valid_to, status)
        SELECT d.tenant_id, d.site_id, d.station_id, d.evse, d.session_id, d.limit_ma, false, n.said_at,
            least(n.said_at + d.lasts, d.until), 'Asked'
        {_ASKED} AND d.asked_at = n.said_at ORDER BY n.number
        """,
        f"""
        INSERT INTO outbox (event, subject, tenant_id)
        SELECT DISTINCT '{LIMITED}', n.station_id::text, n.tenant_id FROM stage_dynamic_asks n
        WHERE EXISTS (SELECT FROM hung_evses h JOIN energy_sites e ON e.site_id = h.site_id AND e.enabled
            WHERE h.station_id = n.station_id)
        ORDER BY 2 {COALESCE}
        """,
    ),
    answer=f"SELECT n.number, d.said::text {_ASKED} AND d.asked_at = n.said_at",
)

LANES: Final = (CAR_NEEDS, EXTERNAL_LIMITS, CAR_SCHEDULES, HELD_PROFILES, PRIORITIES, DYNAMIC_ASKS)
