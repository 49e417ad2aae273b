"""What stations were told is stored, held against what is stored.

The ledger is kept by the simulator, a stranger to the system: one row for each message that was acknowledged.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from msgspec import Struct

from tests.spine.load import Load
from tests.spine.processes import Deployment

Row = dict[str, Any]
#: Of the codes of readings: measurand 0 with no phase is the import register; location and context don't matter.
_REGISTER_MASK = 0xFFFF


class Stored(Struct, frozen=True, kw_only=True):
    """One session as PostgreSQL has it, with the import registers among its meter values by their time."""

    station: str
    transaction_id: str
    evse: int
    started_at: datetime
    ended_at: datetime | None
    meter_start_wh: int
    meter_stop_wh: int
    stop_reason: str | None
    token_uid: str | None
    seqs: frozenset[int]
    registers: dict[datetime, set[int]]


def stored(deployment: Deployment) -> dict[tuple[str, str], Stored]:
    """Every session by station and transaction."""
    registers: defaultdict[tuple[str, str], dict[datetime, set[int]]] = defaultdict(lambda: defaultdict(set))
    for station, transaction, at, readings in deployment.rows(
        "SELECT identity, transaction_id, at, readings FROM meter_values JOIN stations USING (station_id)"
    ):
        for code, value in zip(readings[::2], readings[1::2], strict=True):
            if not code & _REGISTER_MASK:
                registers[station, transaction][at].add(value)
    rows = deployment.rows(
        "SELECT identity, transaction_id, evse, started_at, ended_at, meter_start_wh, meter_stop_wh, stop_reason,"
        " token_uid, ARRAY(SELECT seq FROM unnest(seqs) part,"
        "   LATERAL generate_series(lower(part), upper(part) - 1) seq) FROM sessions JOIN stations USING (station_id)"
    )
    found = {}
    for *facts, seqs in rows:
        fields = dict(zip(Stored.__struct_fields__, facts, strict=False))
        key = (fields["station"], fields["transaction_id"])
        found[key] = Stored(**fields, seqs=frozenset(seqs), registers=registers[key])
    assert len(found) == len(rows)
    return found


def transactions(ledger: Iterable[Row]) -> dict[str, tuple[str, str]]:
    """Which transaction at which station the CSMS knows a simulated session as; one session has only one."""
    known: dict[str, tuple[str, str]] = {}
    for row in ledger:
        if row["kind"] == "start":
            name = (row["station"], str(row["transaction"]))
            assert known.setdefault(row["session"], name) == name, f"{row['session']} was given two transactions"
    return known


def lost(ledger: Iterable[Row], sessions: dict[tuple[str, str], Stored]) -> list[str]:
    """The acknowledged messages of which something is missing, each with what is."""
    return [
        f"{row['action']} of {row['session']}, acknowledged {row['acked_at']}: {missing}"
        for row in ledger
        if (missing := _missing(row, sessions.get((row["station"], str(row["transaction"])))))
    ]


def _missing(row: Row, session: Stored | None) -> str | None:
    if session is None:
        return "no session"
    at, register_wh, kind = datetime.fromisoformat(row["at"]), row["register_wh"], row["kind"]
    if "seq" in row and row["seq"] not in session.seqs:
        return f"no seqNo {row['seq']} among {sorted(session.seqs)}"
    if kind == "start" and (session.started_at, session.meter_start_wh) != (at, register_wh):
        return f"started {session.started_at} at {session.meter_start_wh} Wh and not {at} at {register_wh} Wh"
    if kind == "stop" and (session.ended_at, session.meter_stop_wh) != (at, register_wh):
        return f"ended {session.ended_at} at {session.meter_stop_wh} Wh and not {at} at {register_wh} Wh"
    if row["payload"].get("meterValue") and register_wh not in session.registers.get(at, ()):
        return f"no register of {register_wh} Wh at {at}"
    return None


def unwanted(deployment: Deployment) -> dict[str, int]:
    """What must not be: counts of orphans, quarantined messages, and doubled or open sessions, where there are any."""
    counts = {
        "orphans": "SELECT count(*) FROM orphan_reports",
        "quarantined": "SELECT count(*) FROM quarantine",
        "open": "SELECT count(*) FROM sessions WHERE ended_at IS NULL",
        "doubled": "SELECT count(*) FROM (SELECT FROM sessions GROUP BY station_id, evse, started_at"
        " HAVING count(*) > 1) twice",
        "closed by us": "SELECT count(*) FROM sessions WHERE closed_at IS NOT NULL",
        "by our clock": "SELECT count(*) FROM sessions WHERE arrival_clock",
    }
    return {name: count for name, query in counts.items() if (count := deployment.value(query))}


class Told(Struct, frozen=True, kw_only=True):
    """What was checked: acknowledged messages, and the transaction at a station that each session is known as."""

    messages: int
    sessions: dict[str, tuple[str, str]]


def check(deployment: Deployment, load: Load) -> Told:
    """Each message that was acknowledged and each session that was charged, against the database."""
    acknowledged = load.acknowledged()
    logged = {
        message_id
        for (message_id,) in deployment.rows("SELECT message_id FROM messages WHERE direction = 'i' AND kind = 2")
    }
    assert acknowledged - logged == set()
    found = stored(deployment)
    assert lost(load.ledger(), found) == []
    assert unwanted(deployment) == {}
    known = transactions(load.ledger())
    assert set(known) == set(load.energies_wh)
    assert set(known.values()) == set(found)
    for key, energy_wh in load.energies_wh.items():
        kept = found[known[key]]
        assert (kept.meter_stop_wh - kept.meter_start_wh, kept.token_uid) == (energy_wh, load.tokens[key]), key
    assert load.counts.call_errors == load.counts.dropped == load.counts.duplicates_answered_differently == 0
    return Told(messages=len(acknowledged), sessions=known)
