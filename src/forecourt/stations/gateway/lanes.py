"""The SQL by which a gateway stores what stations say of themselves: sockets, boots, connector states, messages."""

from forecourt.platform.commit import Lane
from forecourt.platform.outbox import COALESCE

#: Serial numbers that are kept of one station.
MAX_HARDWARE = 50
#: A station that is back sooner than this was not away.
LEAST_GAP_S = 1
#: An event in the outbox, the station its subject, where a program outside wants to hear of such.
_TELL = f"""
    INSERT INTO outbox (event, subject, tenant_id)
    SELECT DISTINCT '{{event}}', t.station_id::text, t.tenant_id FROM ({{told}}) t
    WHERE EXISTS (SELECT FROM followed_events f WHERE f.tenant_id = t.tenant_id AND f.event = '{{event}}')
    ORDER BY 2 {COALESCE}
    """


def _tell(event: str, told: str) -> str:
    """`told` gives the tenant and the station of what happened."""
    return _TELL.format(event=event, told=told)


#: The same where something is wanted of the station: what it is not is tried anew.
_WANTED = f"""
    INSERT INTO outbox (event, subject, tenant_id)
    SELECT DISTINCT '{{event}}', t.station_id::text, t.tenant_id FROM ({{told}}) t
    WHERE EXISTS (SELECT FROM desires d WHERE d.station_id = t.station_id)
    ORDER BY 2 {COALESCE}
    """


LINKS = Lane(
    name="links",
    columns=(
        "number bigint",
        "station_id bigint",
        "tenant_id int",
        "gateway_id text",
        "protocol text",
        "remote_address text",
        "at timestamptz",
    ),
    merge=(
        # A gateway that was killed said no goodbye: the gap began when its lease ran out, or when the station was last
        # heard. One whose lease runs holds a socket that the newer one replaces, which is no gap.
        """
        INSERT INTO connection_gaps (station_id, epoch, tenant_id, lost_at)
        SELECT l.station_id, l.epoch, l.tenant_id, least(n.at, greatest(l.last_seen_at, g.lease_until))
        FROM stage_links n JOIN station_links l USING (station_id) LEFT JOIN gateways g ON g.gateway_id = l.gateway_id
        WHERE l.gateway_id IS NOT NULL AND (g.lease_until IS NULL OR g.lease_until <= now())
        ORDER BY l.station_id
        ON CONFLICT DO NOTHING
        """,
        """
        INSERT INTO station_links AS l (station_id, tenant_id, epoch, gateway_id, protocol, remote_address,
            connected_at, last_seen_at)
        SELECT station_id, tenant_id, 1, gateway_id, protocol, remote_address, at, at FROM stage_links
        ORDER BY station_id
        ON CONFLICT (station_id) DO UPDATE SET epoch = l.epoch + 1, previous_gateway_id = l.gateway_id,
            gateway_id = excluded.gateway_id, protocol = excluded.protocol, remote_address = excluded.remote_address,
            connected_at = excluded.connected_at, last_seen_at = excluded.last_seen_at, disconnected_at = NULL,
            restarting_until = NULL
        """,
        # Behind the upsert, which has waited for a gateway that was just writing the loss.
        f"""
        DELETE FROM connection_gaps g USING stage_links n
        WHERE g.station_id = n.station_id AND g.returned_at IS NULL
          AND n.at < g.lost_at + interval '{LEAST_GAP_S} seconds'
        """,
        """
        UPDATE connection_gaps g SET returned_at = n.at
        FROM stage_links n WHERE g.station_id = n.station_id AND g.returned_at IS NULL
        """,
        # A socket that took the place of one that a living gateway held: the station was never away.
        _tell(
            "station.connected",
            """
            SELECT l.tenant_id, l.station_id FROM stage_links n JOIN station_links l USING (station_id)
            WHERE NOT EXISTS (
                SELECT FROM gateways g WHERE g.gateway_id = l.previous_gateway_id AND g.lease_until > now())
            """,
        ),
        _WANTED.format(event="desired.linked", told="SELECT tenant_id, station_id FROM stage_links"),
    ),
    # What the gateway keeps of the station's connectors comes with it.
    answer="""
        SELECT n.number, l.epoch, l.previous_gateway_id, (
            SELECT json_agg(json_build_array(
                c.evse, c.connector, c.state, c.state_at, c.activity, c.error_code, c.active_here))
            FROM connectors c WHERE c.station_id = n.station_id)
        FROM stage_links n JOIN station_links l USING (station_id)
        """,
)

#: Only the holder of the present epoch can say that a station is gone.
UNLINKS = Lane(
    name="unlinks",
    columns=("station_id bigint", "epoch bigint", "at timestamptz"),
    merge=(
        """
        UPDATE station_links l SET gateway_id = NULL, previous_gateway_id = NULL, disconnected_at = n.at
        FROM (SELECT station_id, max(epoch) AS epoch, max(at) AS at FROM stage_unlinks GROUP BY station_id) n
        WHERE l.station_id = n.station_id AND l.epoch = n.epoch
        """,
        """
        INSERT INTO connection_gaps (station_id, epoch, tenant_id, lost_at)
        SELECT l.station_id, l.epoch, l.tenant_id, l.disconnected_at
        FROM stage_unlinks n JOIN station_links l USING (station_id, epoch)
        WHERE l.gateway_id IS NULL AND l.disconnected_at IS NOT NULL
        ORDER BY l.station_id
        ON CONFLICT DO NOTHING
        """,
        _tell(
            "station.disconnected",
            """
            SELECT l.tenant_id, l.station_id FROM stage_unlinks n JOIN station_links l USING (station_id)
            WHERE l.epoch = n.epoch AND l.gateway_id IS NULL
            """,
        ),
        _WANTED.format(
            event="desired.unlinked",
            told="""
            SELECT l.tenant_id, l.station_id FROM stage_unlinks n JOIN station_links l USING (station_id)
            WHERE l.epoch = n.epoch AND l.gateway_id IS NULL
            """,
        ),
    ),
)

#: A station agreed to a reset over the connection of this epoch.
RESTARTS = Lane(
    name="restarts",
    columns=("station_id bigint", "epoch bigint", "until timestamptz"),
    merge=(
        """
        UPDATE station_links l SET restarting_until = n.until
        FROM (SELECT station_id, epoch, max(until) AS until FROM stage_restarts GROUP BY 1, 2) n
        WHERE l.station_id = n.station_id AND l.epoch = n.epoch
        """,
    ),
)

#: Asked when a station should be back: whether some gateway holds it.
RETURNS = Lane(
    name="returns",
    columns=("number bigint", "station_id bigint"),
    answer="""
        SELECT n.number, EXISTS (
            SELECT FROM station_links l JOIN gateways g USING (gateway_id)
            WHERE l.station_id = n.station_id AND g.lease_until > now())
        FROM stage_returns n
        """,
)

SIGHTINGS = Lane(
    name="sightings",
    columns=("station_id bigint", "epoch bigint", "at timestamptz"),
    merge=(
        """
        UPDATE station_links l SET last_seen_at = n.at
        FROM (SELECT station_id, epoch, max(at) AS at FROM stage_sightings GROUP BY 1, 2) n
        WHERE l.station_id = n.station_id AND l.epoch = n.epoch AND l.last_seen_at < n.at
        """,
    ),
)

BOOTS = Lane(
    name="boots",
    columns=(
        "station_id bigint",
        "vendor text",
        "model text",
        "serial text",
        "firmware text",
        "reason text",
        "at timestamptz",
    ),
    merge=(
        """
        DELETE FROM unsupported_actions u USING stage_boots n JOIN stations s USING (station_id)
        WHERE u.station_id = n.station_id AND n.firmware IS NOT NULL AND s.firmware IS DISTINCT FROM n.firmware
        """,
        """
        UPDATE station_links l SET restarting_until = NULL
        FROM stage_boots n WHERE l.station_id = n.station_id AND l.restarting_until IS NOT NULL
        """,
        # Almost always known; of a station that makes a number up at each boot, no more are kept.
        f"""
        INSERT INTO station_hardware (tenant_id, station_id, serial, vendor, model, first_booted_at)
        SELECT DISTINCT ON (n.station_id, n.serial) s.tenant_id, n.station_id, n.serial, n.vendor, n.model, n.at
        FROM stage_boots n JOIN stations s USING (station_id)
        WHERE n.serial <> '' AND {MAX_HARDWARE} > (
            SELECT count(*) FROM station_hardware h WHERE h.station_id = n.station_id)
        ORDER BY n.station_id, n.serial, n.at
        ON CONFLICT DO NOTHING
        """,
        """
        UPDATE stations s SET vendor = n.vendor, model = n.model, serial = n.serial, firmware = n.firmware,
            boot_reason = n.reason, booted_at = n.at
        FROM stage_boots n WHERE s.station_id = n.station_id
        """,
        _WANTED.format(
            event="desired.booted",
            told="""
            SELECT s.tenant_id, s.station_id FROM stage_boots n JOIN stations s USING (station_id)
            WHERE s.registration = 'accepted'
            """,
        ),
    ),
)

#: A replayed status is older than the one known and only joins the history.
STATES = Lane(
    name="states",
    columns=(
        "station_id bigint",
        "evse int",
        "connector int",
        "tenant_id int",
        "state text",
        "state_at timestamptz",
        "error_code text",
        "info text",
        "vendor_error_code text",
        "arrived_at timestamptz",
    ),
    merge=(
        # A car that was expected, or had come, and did not charge. Asked before the upsert forgets what was known.
        f"""
        INSERT INTO outbox (event, subject, tenant_id)
        SELECT DISTINCT 'connector.freed', concat(n.station_id, '.', n.evse), n.tenant_id
        FROM stage_states n JOIN connectors c USING (station_id, evse, connector)
        WHERE c.state = 'Preparing' AND n.state = 'Available' AND n.state_at >= c.state_at
        ORDER BY 2
        {COALESCE}
        """,
        _tell(
            "station.state",
            """
            SELECT n.tenant_id, n.station_id FROM stage_states n LEFT JOIN connectors c
                ON c.station_id = n.station_id AND c.evse = n.evse AND c.connector = n.connector
            WHERE c.state IS NULL OR (c.state <> n.state AND n.state_at >= c.state_at)
            """,
        ),
        _tell(
            "station.fault",
            """
            SELECT n.tenant_id, n.station_id FROM stage_states n LEFT JOIN connectors c
                ON c.station_id = n.station_id AND c.evse = n.evse AND c.connector = n.connector
            WHERE n.state = 'Faulted' AND (c.state IS NULL OR n.state_at >= c.state_at)
                AND (c.state IS DISTINCT FROM 'Faulted' OR c.error_code IS DISTINCT FROM n.error_code)
            """,
        ),
        # A fault that begins or ends, for who watches. Asked before the upsert forgets what was known.
        f"""
        INSERT INTO outbox (event, subject, tenant_id)
        SELECT DISTINCT 'station.faults_changed', n.station_id::text, n.tenant_id
        FROM stage_states n LEFT JOIN connectors c USING (station_id, evse, connector)
        WHERE (n.state = 'Faulted') <> (coalesce(c.state, '') = 'Faulted')
            AND (c.state_at IS NULL OR n.state_at >= c.state_at)
        ORDER BY 2
        {COALESCE}
        """,
        # One that may be in service though it shall not, or the other way round: it is looked at again.
        f"""
        INSERT INTO outbox (event, subject, tenant_id)
        SELECT DISTINCT 'desired.drifted', n.station_id::text, n.tenant_id
        FROM stage_states n JOIN desires d ON d.station_id = n.station_id AND d.kind = 'availability'
            AND (d.key = '0' OR n.evse = 0 OR split_part(d.key, '.', 1) = n.evse::text)
        WHERE d.state = 'reached' AND (n.state = 'Unavailable') = (d.wanted->>'operative')::bool
        ORDER BY 2
        {COALESCE}
        """,
        """
        INSERT INTO connectors AS c (station_id, evse, connector, tenant_id, state, state_at, error_code, info,
            vendor_error_code)
        SELECT station_id, evse, connector, tenant_id, state, state_at, error_code, info, vendor_error_code
        FROM stage_states ORDER BY station_id, evse, connector
        ON CONFLICT (station_id, evse, connector) DO UPDATE SET state = excluded.state, state_at = excluded.state_at,
            error_code = excluded.error_code, info = excluded.info, vendor_error_code = excluded.vendor_error_code
        WHERE excluded.state_at >= c.state_at
        """,
        """
        INSERT INTO connector_history (station_id, evse, connector, state_at, state, tenant_id, error_code, info,
            vendor_error_code, arrived_at)
        SELECT station_id, evse, connector, state_at, state, tenant_id, error_code, info, vendor_error_code, arrived_at
        FROM stage_states ORDER BY station_id, evse, connector, state_at, state
        ON CONFLICT DO NOTHING
        """,
    ),
)

#: 2.x connectors say only Occupied, or the wrong thing, or nothing; what the car does is known from its transaction.
ACTIVITIES = Lane(
    name="activities",
    columns=("station_id bigint", "evse int", "connector int", "tenant_id int", "activity text"),
    merge=(
        _tell(
            "station.state",
            """
            SELECT n.tenant_id, n.station_id FROM stage_activities n JOIN connectors c USING (station_id, evse)
            WHERE c.activity IS DISTINCT FROM n.activity AND (c.state = 'Occupied'
                OR (c.state IN ('Available', 'Unknown') AND (c.active_here OR c.connector = n.connector)))
            UNION ALL
            SELECT n.tenant_id, n.station_id FROM stage_activities n
            WHERE n.activity IS NOT NULL AND n.connector > 0 AND NOT EXISTS (
                SELECT FROM connectors c
                WHERE c.station_id = n.station_id AND c.evse = n.evse AND c.connector = n.connector)
            """,
        ),
        # One that never said anything of itself; whatever it says is newer. A number below 1 is no connector.
        """
        INSERT INTO connectors (station_id, evse, connector, tenant_id, state, state_at)
        SELECT DISTINCT n.station_id, n.evse, n.connector, n.tenant_id, 'Unknown', timestamptz '1970-01-01 00:00+00'
        FROM stage_activities n
        WHERE n.activity IS NOT NULL AND n.connector > 0
        ORDER BY 1, 2, 3
        ON CONFLICT DO NOTHING
        """,
        # Also where it says the same already: that may be just what the worker is about to end.
        """
        UPDATE connectors c SET activity = n.activity,
            active_here = c.connector = n.connector
        FROM stage_activities n WHERE c.station_id = n.station_id AND c.evse = n.evse
        """,
    ),
)

MESSAGES = Lane(
    name="messages",
    columns=(
        "tenant_id int",
        "station_id bigint",
        "at timestamptz",
        'direction "char"',
        "kind smallint",
        "message_id text",
        "action text",
        "payload text",
        "deviations text",
    ),
    merge=(
        """
        INSERT INTO messages (tenant_id, station_id, at, direction, kind, message_id, action, payload, deviations)
        SELECT * FROM stage_messages
        """,
    ),
)

#: A command of routine was answered after whoever asked had stopped waiting; the subject is its id.
ANSWERED_LATE = "command.answered_late"
#: What came of a command after the one who asked had stopped waiting.
LATE_ANSWERS = Lane(
    name="late_answers",
    columns=("command_id uuid", "answer text", "at timestamptz"),
    merge=(
        """
        UPDATE commands c SET outcome = 'late', answer = n.answer, answered_at = n.at
        FROM stage_late_answers n WHERE c.command_id = n.command_id
        """,
        f"""
        INSERT INTO outbox (event, subject, tenant_id)
        SELECT DISTINCT 'desired.answered', c.command_id::text, c.tenant_id
        FROM stage_late_answers n JOIN commands c USING (command_id)
        WHERE EXISTS (SELECT FROM desires d WHERE d.last_command_id = n.command_id)
        ORDER BY 2 {COALESCE}
        """,
        f"""
        INSERT INTO outbox (event, subject, tenant_id)
        SELECT DISTINCT '{ANSWERED_LATE}', c.command_id::text, c.tenant_id
        FROM stage_late_answers n JOIN commands c USING (command_id) WHERE c.routine ORDER BY 2 {COALESCE}
        """,
    ),
)

#: What a late answer, or a connection, tells of a password that a call gave to a station.
PASSWORDS = Lane(
    name="passwords",
    columns=("command_id uuid", "taken boolean"),
    merge=("SELECT stations_settle_password(command_id, taken) FROM stage_passwords ORDER BY command_id",),
)

#: What a station said that it doesn't have; the first word stays.
UNSUPPORTED = Lane(
    name="unsupported",
    columns=("tenant_id int", "station_id bigint", "action text", "said text", "at timestamptz"),
    merge=(
        """
        INSERT INTO unsupported_actions (station_id, action, tenant_id, said, since)
        SELECT station_id, action, tenant_id, said, at FROM stage_unsupported ORDER BY station_id, action
        ON CONFLICT DO NOTHING
        """,
    ),
)

LANES = (
    LINKS,
    UNLINKS,
    RESTARTS,
    RETURNS,
    SIGHTINGS,
    BOOTS,
    STATES,
    ACTIVITIES,
    MESSAGES,
    # A station's row is locked before a command's, as everywhere.
    PASSWORDS,
    LATE_ANSWERS,
    UNSUPPORTED,
)
