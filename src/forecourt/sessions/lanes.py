"""The SQL of ingest: how reports, meter values and questions about tokens are merged in the group commit.

The merge of `sessions` is `model.Session.apply` in SQL. Statements read a batch's rows as `stage_<lane>`, an array that
each unnests (see `platform.commit`), in the order given here: a start gives its session an id before a report or an
answer looks for it.
"""

from forecourt.ocpp.neutral import AuthorizationStatus
from forecourt.platform.commit import Lane
from forecourt.platform.outbox import COALESCE
from forecourt.sessions.contracts import EMAID
from forecourt.sessions.model import MAX_READINGS, NOT_ACCEPTED, UNKNOWN_LEAST, Session

#: What is decided of a token at a connector that is held for another.
HELD = AuthorizationStatus.NOT_AT_THIS_TIME.value
#: Ends of one transaction that are kept; a station that contradicts itself more often says nothing new.
MAX_ENDS = 16

#: Changes of what one transaction says of its charging that are kept.
MAX_CHANGES = 5_000

#: (key column, value columns, winner). Row comparison of (key, first value) decides, as in the model.
_FACTS = (
    ("start_key", ("started_at",), "<"),
    ("last_key", ("last_at",), ">"),
    ("place_key", ("evse", "connector"), "<"),
    ("token_key", ("token_uid", "token_type", "token_status"), "<"),
    ("meter_start_key", ("meter_start_wh",), "<"),
    ("given_start_key", ("given_start_wh",), "<"),
    ("given_key", ("given_stop_wh",), ">"),
    ("power_key", ("power_w",), ">"),
    ("soc_key", ("soc_pct",), ">"),
    ("state_key", ("charging_state",), ">"),
)


_LEAST = str(UNKNOWN_LEAST)

#: The end that comes first stays whole; see `model.Session`.
_END_WON = f"""(excluded.end_key, excluded.ended_at, coalesce(excluded.end_meter_wh, {_LEAST}),
    coalesce(excluded.stop_reason, '')) < (s.end_key, s.ended_at, coalesce(s.end_meter_wh, {_LEAST}),
    coalesce(s.stop_reason, ''))"""

#: Mostly the latest register is said last and before any end, which needs no sorting.
_READINGS = f"""CASE
    WHEN excluded.readings = '{{}}' AND excluded.end_key >= s.end_key THEN s.readings
    WHEN s.end_key = {_LEAST} AND excluded.end_key = {_LEAST} AND excluded.readings[1] > coalesce(s.readings[1], -1)
        THEN (excluded.readings || s.readings)[:{2 * MAX_READINGS}]
    ELSE sessions_readings(s.readings || excluded.readings, least(s.end_key, excluded.end_key)) END"""


def _join() -> str:
    """The SET list of the merge, one CASE a column."""
    sets = []
    for key, values, winner in _FACTS:
        # An unknown fact has a NULL value and the losing key; a known one always compares.
        first = values[0]
        tie = f"excluded.{key} = s.{key} AND excluded.{first} {winner} s.{first}"
        won = f"excluded.{key} {winner} s.{key} OR ({tie})"
        sets += [f"{column} = CASE WHEN {won} THEN excluded.{column} ELSE s.{column} END" for column in (key, *values)]
    ended = ("end_key", "ended_at", "stop_reason", "end_meter_wh")
    sets += [f"{column} = CASE WHEN {_END_WON} THEN excluded.{column} ELSE s.{column} END" for column in ended]
    sets += [
        "(readings, meter_stop_wh) = (SELECT r.readings, coalesce("
        f"CASE WHEN {_END_WON} THEN excluded.end_meter_wh ELSE s.end_meter_wh END, r.readings[2])"
        f" FROM (SELECT {_READINGS} AS readings OFFSET 0) r)",
        "remote_start_id = coalesce(s.remote_start_id, excluded.remote_start_id)",
        "seqs = s.seqs + excluded.seqs",
        "arrival_clock = s.arrival_clock OR excluded.arrival_clock",
        "offline = s.offline OR excluded.offline",
        "heard_at = greatest(s.heard_at, excluded.heard_at)",
        # A session that was closed from evidence and that its station goes on with was never over.
        "closed_at = CASE WHEN excluded.last_key > s.last_key THEN NULL ELSE s.closed_at END",
    ]
    return ", ".join(sets)


#: Whether it is over, by its end or by evidence, then all that `model.Session` holds behind its station and
#: transaction, in the order of its fields.
_FACTS_KNOWN = "s.over_at IS NOT NULL, " + ", ".join(
    "s.session_id::text" if field == "session_id" else f"s.{field}" for field in Session.__struct_fields__[2:]
)


def _decision(at: str) -> str:
    """What is decided of a token, of `d` in `token_decisions`, that was presented at a time of the past: one that has
    expired since then was good. NULL for one that nobody registered."""
    return (
        f"CASE WHEN d.status = 'Expired' AND d.expires_at > {at} AND d.expires_at <= now() THEN 'Accepted'"
        " ELSE d.status END"
    )


def _held(uid_key: str) -> str:
    """Whether the EVSE of row n was held for others than a token at the time of the row. It is a fact of that time: a
    report said again, or late, is decided as it was."""
    return (
        "EXISTS (SELECT FROM reservations r WHERE r.station_id = n.station_id AND r.evse = n.evse AND r.held_at <= n.at"
        f" AND n.at < coalesce(r.ended_at, r.until_at) AND NOT {uid_key} = ANY (r.token_keys))"
    )


def _registered(is_emaid: str, uid: str) -> str:
    """`e.uid`: the token of row n as it is registered. The id of a contract is written with hyphens or stars and its
    check digit, or without (ISO 15118-2 Annex H): they are one, though stations, cars and providers each write their
    own. Of several that are registered so the one that is said counts."""
    return f"""CROSS JOIN LATERAL (
            SELECT CASE WHEN {is_emaid} THEN coalesce((
                SELECT CASE WHEN d.uid_key = lower({uid} COLLATE "C") THEN {uid} ELSE upper(d.uid_key) END
                FROM token_decisions d WHERE d.tenant_id = n.tenant_id AND d.uid_key = ANY (emaid_forms({uid}))
                ORDER BY d.uid_key <> lower({uid} COLLATE "C"), d.uid_key LIMIT 1
            ), {uid}) ELSE {uid} END AS uid OFFSET 0
        ) e"""


def _token(where: str = "true") -> str:
    """`t.status` of the token that row n names, `e.uid`, and `t.key`, where it stands: NULL and last where it names
    none. OFFSET 0 has it looked up once a row, and only for one that names a token. `where`: rows to which a held
    connector matters."""
    key = 'lower(e.uid COLLATE "C")'
    return f"""{_registered(f"n.token_type = '{EMAID}'", "n.token_uid")}
        CROSS JOIN LATERAL (
            SELECT status, CASE WHEN n.token_uid IS NULL THEN {_LEAST} WHEN status = 'Accepted' THEN n.order_key
                ELSE n.order_key + {NOT_ACCEPTED} END AS key
            FROM (SELECT CASE WHEN n.token_type = 'NoAuthorization' THEN 'Accepted' WHEN n.token_uid IS NOT NULL THEN
                CASE WHEN {where} AND {_held(key)} THEN '{HELD}'
                ELSE coalesce((SELECT {_decision("n.at")} FROM token_decisions d
                               WHERE d.tenant_id = n.tenant_id AND d.uid_key = {key}),
                              CASE WHEN n.token_type = 'DirectPayment' THEN 'Accepted' END,
                              (SELECT u.status FROM unknown_token_decisions u WHERE u.tenant_id = n.tenant_id),
                              'Invalid') END
            END AS status OFFSET 0) decided
        ) t"""


STARTS = Lane(
    name="starts",
    columns=(
        "number bigint",
        "tenant_id int",
        "station_id bigint",
        "fingerprint text",
        "reset_clock bool",
        "order_key bigint",
        "at timestamptz",
        "evse int",
        "token_uid text",
        "token_type text",
        "meter_wh bigint",
        "arrived_at timestamptz",
    ),
    merge=(
        # A station whose clock was reset repeats old fingerprints for new sessions: after an end, count on.
        f"""
        INSERT INTO sessions (tenant_id, station_id, transaction_id, start_fingerprint, generation, start_key,
            started_at, last_key, last_at, heard_at, place_key, evse, connector, token_key, token_uid, token_type,
            token_status, meter_start_key, meter_start_wh, arrival_clock, start_arrived_at)
        SELECT n.tenant_id, n.station_id, nextval('transaction_ids')::text, n.fingerprint, g.generation, n.order_key,
            n.at, n.order_key, n.at, n.arrived_at, n.order_key, n.evse, 1, t.key, e.uid, n.token_type,
            t.status, CASE WHEN n.meter_wh IS NULL THEN {_LEAST} ELSE n.order_key END, n.meter_wh, n.reset_clock,
            n.arrived_at
        FROM (
            SELECT *, row_number() OVER (PARTITION BY station_id, fingerprint ORDER BY number) AS copy FROM stage_starts
        ) n
        CROSS JOIN LATERAL (
            SELECT CASE WHEN n.reset_clock THEN count(*) ELSE 0 END AS generation FROM sessions s
            WHERE n.reset_clock AND s.station_id = n.station_id AND s.start_fingerprint = n.fingerprint
              AND s.ended_at IS NOT NULL
        ) g
        {_token()}
        WHERE n.copy = 1 AND NOT EXISTS (
            SELECT FROM sessions s WHERE s.station_id = n.station_id AND s.start_fingerprint = n.fingerprint
            AND s.generation = g.generation)
        ORDER BY n.station_id, n.fingerprint
        ON CONFLICT (station_id, start_fingerprint, generation) WHERE start_fingerprint IS NOT NULL DO NOTHING
        """,
        # A start said again tells nothing new but that its station still speaks of it.
        """
        UPDATE sessions s SET heard_at = n.arrived_at
        FROM (
            SELECT k.station_id, k.transaction_id, r.arrived_at
            FROM stage_starts r JOIN sessions k ON k.station_id = r.station_id AND k.start_fingerprint = r.fingerprint
            WHERE k.heard_at < r.arrived_at
            ORDER BY 1, 2 FOR UPDATE OF k
        ) n
        WHERE s.station_id = n.station_id AND s.transaction_id = n.transaction_id AND s.heard_at < n.arrived_at
        """,
        f"""
        INSERT INTO outbox (event, subject, tenant_id)
        SELECT DISTINCT 'session.started', s.session_id::text, s.tenant_id
        FROM stage_starts n JOIN sessions s USING (station_id)
        WHERE s.start_fingerprint = n.fingerprint AND s.ended_at IS NULL
        ORDER BY 2
        {COALESCE}
        """,
    ),
    # All that is known of it: a start may be said again when other gateways have heard more, its end even.
    answer=f"""
        SELECT DISTINCT ON (n.number) n.number, s.transaction_id, {_FACTS_KNOWN}
        FROM stage_starts n JOIN sessions s ON s.station_id = n.station_id AND s.start_fingerprint = n.fingerprint
        ORDER BY n.number, s.generation DESC
        """,
)

REPORTS = Lane(
    name="reports",
    columns=(
        "tenant_id int",
        "station_id bigint",
        "step smallint",
        "order_key bigint",
        "seq bigint",
        "at timestamptz",
        "arrived_at timestamptz",
        "arrival_clock bool",
        "offline bool",
        "transaction_id text",
        "evse int",
        "connector int",
        "token_uid text",
        "token_type text",
        "meter_first_wh bigint",
        "meter_first_key bigint",
        "meter_last_wh bigint",
        "power_w int",
        "soc_pct int",
        "charging_state text",
        "stop_reason text",
        "remote_start_id int",
        "given_first_wh bigint",
        "given_last_wh bigint",
    ),
    merge=(
        # A 2.x station names its transactions itself; of 1.6 ones we know all that exist, the rest are orphans.
        f"""
        INSERT INTO sessions AS s (tenant_id, station_id, transaction_id, start_key, started_at, last_key, last_at,
            heard_at, end_key, ended_at, stop_reason, end_meter_wh, readings, meter_stop_wh, place_key, evse,
            connector, token_key, token_uid, token_type, token_status, meter_start_key, meter_start_wh,
            given_start_key, given_start_wh, given_key, given_stop_wh, power_key, power_w, soc_key, soc_pct, state_key,
            charging_state, remote_start_id, seqs, arrival_clock, offline)
        SELECT n.tenant_id, n.station_id, n.transaction_id, n.order_key, n.at, n.order_key, n.at, n.arrived_at,
            CASE WHEN n.step = 2 THEN n.order_key ELSE {_LEAST} END, CASE WHEN n.step = 2 THEN n.at END, n.stop_reason,
            CASE WHEN n.step = 2 THEN n.meter_last_wh END,
            CASE WHEN n.step = 1 AND n.meter_last_wh IS NOT NULL THEN ARRAY[n.order_key, n.meter_last_wh]
                ELSE '{{}}' END,
            CASE WHEN n.step <> 0 THEN n.meter_last_wh END,
            CASE WHEN n.evse IS NULL THEN {_LEAST} ELSE n.order_key END, n.evse, n.connector,
            t.key, e.uid, n.token_type, t.status,
            CASE WHEN n.meter_first_wh IS NULL THEN {_LEAST} ELSE n.meter_first_key END, n.meter_first_wh,
            CASE WHEN n.given_first_wh IS NULL THEN {_LEAST} ELSE n.order_key END, n.given_first_wh,
            CASE WHEN n.given_last_wh IS NULL THEN -1 ELSE n.order_key END, n.given_last_wh,
            CASE WHEN n.power_w IS NULL THEN -1 ELSE n.order_key END, n.power_w,
            CASE WHEN n.soc_pct IS NULL THEN -1 ELSE n.order_key END, n.soc_pct,
            CASE WHEN n.charging_state IS NULL THEN -1 ELSE n.order_key END, n.charging_state,
            n.remote_start_id,
            CASE WHEN n.seq < 0 THEN '{{}}'::int8multirange ELSE int8multirange(int8range(n.seq, n.seq, '[]')) END,
            n.arrival_clock, n.offline
        FROM stage_reports n {_token("n.step <> 2")}
        WHERE n.seq >= 0 OR EXISTS (
            SELECT FROM sessions k WHERE k.station_id = n.station_id AND k.transaction_id = n.transaction_id)
        ORDER BY n.station_id, n.transaction_id
        ON CONFLICT (station_id, transaction_id) DO UPDATE SET {_join()}
        """,
        """
        INSERT INTO orphan_reports (station_id, transaction_id, order_key, tenant_id, at, token_uid, meter_wh,
            stop_reason)
        SELECT n.station_id, n.transaction_id, n.order_key, n.tenant_id, n.at, n.token_uid, n.meter_last_wh,
            n.stop_reason
        FROM stage_reports n
        WHERE n.step = 2 AND n.seq < 0 AND NOT EXISTS (
            SELECT FROM sessions k WHERE k.station_id = n.station_id AND k.transaction_id = n.transaction_id)
        ORDER BY n.station_id, n.transaction_id, n.order_key
        ON CONFLICT DO NOTHING
        """,
        f"""
        INSERT INTO session_ends (station_id, transaction_id, order_key, tenant_id, at, meter_wh, stop_reason)
        SELECT n.station_id, n.transaction_id, n.order_key, n.tenant_id, CASE WHEN NOT n.arrival_clock THEN n.at END,
            n.meter_last_wh, n.stop_reason
        FROM stage_reports n JOIN sessions k USING (station_id, transaction_id)
        WHERE n.step = 2 AND {MAX_ENDS} > (
            SELECT count(*) FROM session_ends e
            WHERE e.station_id = n.station_id AND e.transaction_id = n.transaction_id)
        ORDER BY n.station_id, n.transaction_id, n.order_key
        ON CONFLICT DO NOTHING
        """,
        # What is said between start and end asks for a review only if it names a token, or comes after one: behind the
        # end, or of a session that was closed from evidence and goes on.
        f"""
        INSERT INTO outbox (event, subject, tenant_id)
        SELECT DISTINCT CASE WHEN n.step = 0 OR s.over_at IS NULL THEN 'session.started' ELSE 'session.ended' END,
            s.session_id::text, s.tenant_id
        FROM stage_reports n JOIN sessions s USING (station_id, transaction_id)
        WHERE n.step <> 1 OR n.token_uid IS NOT NULL OR n.remote_start_id IS NOT NULL OR s.over_at IS NOT NULL
            OR 'end-missing' = ANY (s.notes)
        ORDER BY 1, 2
        {COALESCE}
        """,
    ),
)

METER_VALUES = Lane(
    name="meter_values",
    columns=(
        "tenant_id int",
        "station_id bigint",
        "at timestamptz",
        "digest bigint",
        "transaction_id text",
        "evse int",
        "readings bigint[]",
        "signed text",
        "arrived_at timestamptz",
    ),
    merge=(
        """
        INSERT INTO meter_values (station_id, transaction_id, at, digest, tenant_id, evse, readings, signed, arrived_at)
        SELECT station_id, transaction_id, at, digest, tenant_id, evse, readings, signed, arrived_at
        FROM stage_meter_values
        ORDER BY station_id, transaction_id, at, digest
        ON CONFLICT DO NOTHING
        """,
    ),
)

#: Asked where memory does not know a session: what is known of it after this batch's merges.
RECALL = Lane(
    name="recalls",
    columns=("number bigint", "station_id bigint", "transaction_id text"),
    answer=f"""
        SELECT n.number, {_FACTS_KNOWN}
        FROM stage_recalls n JOIN sessions s USING (station_id, transaction_id)
        """,
)

AUTHORIZATIONS = Lane(
    name="authorizations",
    columns=(
        "number bigint",
        "tenant_id int",
        "uid_key text",
        "direct bool",
        "emaid bool",
        "at timestamptz",
        "station_id bigint",
        "evse int",
    ),
    # A station's own terminal holds the money of a payment's token that nobody here knows. Where an outside service
    # decides and its decision is not known, how it is asked comes with the fallback.
    answer=f"""
        SELECT n.number, CASE WHEN {_held('lower(e.uid COLLATE "C")')} THEN '{HELD}'
            ELSE coalesce({_decision("n.at")}, CASE WHEN n.direct THEN 'Accepted' END, u.status) END,
            d.group_uid, d.expires_at, (
            SELECT json_build_array(o.url, o.deadline_ms, o.cache_s, o.secrets) FROM outside_authorizations o
            WHERE o.tenant_id = n.tenant_id AND NOT n.direct AND NOT EXISTS (
                SELECT FROM decided_outside k WHERE k.tenant_id = n.tenant_id AND k.uid_key = n.uid_key)
              AND NOT EXISTS (SELECT FROM ad_hoc_tokens a WHERE a.tenant_id = n.tenant_id AND a.uid_key = n.uid_key))
        FROM stage_authorizations n {_registered("n.emaid", "n.uid_key")}
        LEFT JOIN token_decisions d ON d.tenant_id = n.tenant_id AND d.uid_key = lower(e.uid COLLATE "C")
        LEFT JOIN unknown_token_decisions u ON u.tenant_id = n.tenant_id
        """,
)

#: What 2.x transactions say of their charging. A report is left out only where what was said before it, by seqNo, is
#: the same and every report between both was heard: none that comes later can say that it was another meanwhile.
STATES = Lane(
    name="session_states",
    columns=(
        "station_id bigint",
        "transaction_id text",
        "order_key bigint",
        "state text",
        "tenant_id int",
        "seq bigint",
        "at timestamptz",
    ),
    merge=(
        f"""
        INSERT INTO session_states (station_id, transaction_id, order_key, state, tenant_id, seq, at)
        SELECT n.station_id, n.transaction_id, n.order_key, n.state, n.tenant_id, n.seq, n.at
        FROM stage_session_states n JOIN sessions s USING (station_id, transaction_id)
        LEFT JOIN LATERAL (
            SELECT p.state, p.seq FROM session_states p
            WHERE p.station_id = n.station_id AND p.transaction_id = n.transaction_id AND p.order_key <= n.order_key
            ORDER BY p.order_key DESC, p.state DESC LIMIT 1
        ) p ON true
        WHERE (p.state = n.state AND p.seq <= n.seq
               AND s.seqs @> int8range(least(p.seq, n.seq), n.seq, '[]')) IS NOT TRUE
          AND {MAX_CHANGES} > (
            SELECT count(*) FROM session_states e
            WHERE e.station_id = n.station_id AND e.transaction_id = n.transaction_id)
        ORDER BY n.station_id, n.transaction_id, n.order_key, n.state
        ON CONFLICT DO NOTHING
        """,
    ),
)

#: What stations reckon themselves. Said again it is the same; what is said last counts.
COSTS_SAID = Lane(
    name="costs_said",
    columns=(
        "station_id bigint",
        "transaction_id text",
        "tenant_id int",
        "currency text",
        "excl_tax text",
        "incl_tax text",
        "failed bool",
        "reason text",
        "said_at timestamptz",
    ),
    merge=(
        """
        INSERT INTO session_costs_said AS c (station_id, transaction_id, tenant_id, currency, excl_tax, incl_tax,
            failed, reason, said_at)
        SELECT n.station_id, n.transaction_id, n.tenant_id, n.currency, n.excl_tax::numeric, n.incl_tax::numeric,
            n.failed, n.reason, n.said_at
        FROM stage_costs_said n ORDER BY n.station_id, n.transaction_id
        ON CONFLICT (station_id, transaction_id) DO UPDATE SET currency = excluded.currency,
            excl_tax = excluded.excl_tax, incl_tax = excluded.incl_tax, failed = excluded.failed,
            reason = excluded.reason, said_at = excluded.said_at, compared_at = NULL
        WHERE excluded.said_at >= c.said_at
        """,
    ),
)

#: A car that named itself by its own address, where the organisation lets cars start by being plugged in.
CARS = Lane(
    name="cars_seen",
    columns=("tenant_id int", "station_id bigint", "uid text", "evse int", "at timestamptz"),
    merge=(
        """
        INSERT INTO cars_seen AS c (tenant_id, station_id, uid_key, uid, evse, seen_at)
        SELECT DISTINCT ON (n.tenant_id, n.station_id, lower(n.uid COLLATE "C"))
            n.tenant_id, n.station_id, lower(n.uid COLLATE "C"), n.uid, n.evse, n.at
        FROM stage_cars_seen n JOIN driver_rules r ON r.tenant_id = n.tenant_id AND r.autocharge
        ORDER BY n.tenant_id, n.station_id, lower(n.uid COLLATE "C"), n.at DESC, n.evse
        ON CONFLICT (tenant_id, station_id, uid_key) DO UPDATE SET seen_at = greatest(c.seen_at, excluded.seen_at),
            evse = CASE
                WHEN excluded.seen_at > c.seen_at + interval '10 minutes' THEN excluded.evse
                WHEN excluded.evse IS NOT NULL AND (excluded.seen_at >= c.seen_at OR c.evse IS NULL
                    AND excluded.seen_at >= c.seen_at - interval '10 minutes') THEN excluded.evse
                ELSE c.evse END
        """,
    ),
)

#: Asked where a transaction ends: whether its station shows what it came to.
SHOWING = Lane(
    name="showing",
    columns=("number bigint", "station_id bigint"),
    answer="""
        SELECT n.number, true FROM stage_showing n
        WHERE EXISTS (
            SELECT FROM station_variables v WHERE v.station_id = n.station_id AND v.component = 'TariffCostCtrlr'
                AND v.variable = 'Enabled[Cost]' AND v.attribute = 'Actual' AND lower(v.value) = 'true')
        """,
)

#: Asked with what is said of the transaction of a payment: where it ends by itself, which may be another than before.
LIMITS = Lane(
    name="limits",
    columns=("number bigint", "tenant_id int", "uid_key text"),
    answer="""
        SELECT n.number, l.max_cost::text, l.max_energy_wh
        FROM stage_limits n JOIN transaction_limits l USING (tenant_id, uid_key)
        """,
)

LANES = (STARTS, REPORTS, STATES, METER_VALUES, RECALL, AUTHORIZATIONS, COSTS_SAID, CARS, SHOWING, LIMITS)
