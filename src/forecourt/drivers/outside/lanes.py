"""The SQL by which a gateway stores what was decided outside."""

from forecourt.drivers.model import uid_key
from forecourt.drivers.outside.authorizer import Decision
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

#: Merged before a start of the same batch is decided.
LANES = (DECISIONS,)


def write_of(decision: Decision) -> Write:
    """What a gateway has stored of a decision."""
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
