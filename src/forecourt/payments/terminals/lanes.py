"""The SQL by which a gateway stores what stations say of their terminals."""

from typing import Final

from forecourt.platform.commit import Lane
from forecourt.platform.outbox import COALESCE

#: A station told of a payment at its terminal; the subject is its id. Heard by this room alone.
TOLD: Final = "payment.terminal_told"
#: Said again it is the same. What failed may be settled later; what is settled stays so.
SETTLEMENTS: Final = Lane(
    name="settlements",
    columns=(
        "settlement_id uuid",
        "tenant_id int",
        "station_id bigint",
        "reference text",
        "transaction_id text",
        "status text",
        "amount text",
        "settled_at timestamptz",
        "receipt_id text",
        "receipt_url text",
        "vat_number text",
        "info text",
        "heard_at timestamptz",
    ),
    merge=(
        """
        INSERT INTO terminal_settlements AS t (settlement_id, tenant_id, station_id, reference, transaction_id, status,
            amount, settled_at, receipt_id, receipt_url, vat_number, info, heard_at)
        SELECT n.settlement_id, n.tenant_id, n.station_id, n.reference, n.transaction_id, n.status, n.amount::numeric,
            n.settled_at, n.receipt_id, n.receipt_url, n.vat_number, n.info, n.heard_at
        FROM stage_settlements n ORDER BY n.station_id, n.reference
        ON CONFLICT (station_id, reference) DO UPDATE SET status = excluded.status, amount = excluded.amount,
            transaction_id = coalesce(excluded.transaction_id, t.transaction_id), settled_at = excluded.settled_at,
            receipt_id = excluded.receipt_id, receipt_url = excluded.receipt_url, vat_number = excluded.vat_number,
            info = excluded.info, heard_at = excluded.heard_at
        WHERE t.status <> 'Settled'
        """,
        f"""
        INSERT INTO outbox (event, subject, tenant_id)
        SELECT DISTINCT '{TOLD}', n.settlement_id::text, n.tenant_id FROM stage_settlements n
        WHERE n.status = 'Settled' ORDER BY 2 {COALESCE}
        """,
    ),
)

LANES: Final = (SETTLEMENTS,)
