"""The SQL by which a gateway stores what was decided outside."""

from forecourt.drivers.model import uid_key
from forecourt.drivers.outside.authorizer import Decision, Failure
from forecourt.platform import packrow
from forecourt.platform.commit import Lane, Write

DECISIONS = Lane(
    name="outside_decisions",
    columns=(
        "tenant_id int",
        "uid_key text",
        "status text",
        "group_uid text",
        "expires_at timestamptz",
        "decided_at timestamptz",
        "valid_until timestamptz",
    ),
    merge=(
        """
        INSERT INTO outside_decisions AS o (tenant_id, uid_key, status, group_uid, expires_at, decided_at, valid_until)
        SELECT DISTINCT ON (tenant_id, uid_key) * FROM stage_outside_decisions
        ORDER BY tenant_id, uid_key, decided_at DESC
        ON CONFLICT (tenant_id, uid_key) DO UPDATE SET status = excluded.status, group_uid = excluded.group_uid,
            expires_at = excluded.expires_at, decided_at = excluded.decided_at, valid_until = excluded.valid_until
        WHERE excluded.decided_at >= o.decided_at
        """,
    ),
)

FAILURES = Lane(
    name="outside_failures",
    columns=("tenant_id int", "outcome text", "detail text", "at timestamptz"),
    merge=(
        """
        INSERT INTO outside_failures AS o (tenant_id, outcome, detail, number, first_at, last_at)
        SELECT tenant_id, outcome, detail, count(*), min(at), max(at) FROM stage_outside_failures
        GROUP BY tenant_id, outcome, detail ORDER BY tenant_id, outcome, detail
        ON CONFLICT (tenant_id, outcome, detail) DO UPDATE SET number = o.number + excluded.number,
            last_at = greatest(o.last_at, excluded.last_at)
        """,
    ),
)

#: Decisions are merged before a start of the same batch is decided.
LANES = (DECISIONS, FAILURES)


def write_of(kept: Decision | Failure) -> Write:
    """What a gateway has stored of a question to an outside service."""
    return _write_of_failure(kept) if isinstance(kept, Failure) else _write_of_decision(kept)


def _write_of_failure(failure: Failure) -> Write:
    write = Write()
    write.add(
        FAILURES.name,
        packrow.row(
            packrow.int4(failure.tenant_id),
            packrow.text(failure.outcome),
            packrow.text(failure.detail),
            packrow.timestamp(failure.at),
        ),
    )
    return write


def _write_of_decision(decision: Decision) -> Write:
    write = Write()
    write.add(
        DECISIONS.name,
        packrow.row(
            packrow.int4(decision.tenant_id),
            packrow.text(uid_key(decision.uid)),
            packrow.text(decision.status.status),
            packrow.text(decision.status.group),
            packrow.timestamp(decision.status.expires_at),
            packrow.timestamp(decision.decided_at),
            packrow.timestamp(decision.valid_until),
        ),
    )
    return write
