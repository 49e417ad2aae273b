"""What a return of VAT needs of a span: what was sold and what hosts supplied, by country and rate, from the ledger.

An entry's VAT stands on an account that names country and rate, and the entry says what that was of, as the bill was
rounded; what it earned beside that is without VAT. So both are exact. Of entries from before they said so, each rate's
part is reckoned from its VAT, and the highest takes what is left, so that all parts together are what was earned; what
is more than rounding can explain was earned without VAT.
"""

from datetime import datetime
from decimal import Decimal
from typing import Final

from msgspec import Struct
from psycopg.rows import class_row

from forecourt.payments.ledger.store import Connection

#: Rounding explains, of refunds too, whose VAT is parted to the cent, what a cent of VAT is on, and one of its own.
_REPORT: Final = """
WITH legs AS (
    SELECT j.entry_id, j.session_id, j.nets, p.currency, a.name, starts_with(a.name, 'vat_') AS taxed,
        j.kind IN ('host_share', 'host_share_back') AS self_billed, p.amount
    FROM journal j JOIN postings p USING (entry_id) JOIN ledger_accounts a USING (account_id)
    WHERE j.tenant_id = %(tenant)s AND j.at >= %(since)s AND j.at < %(until)s
    AND CASE WHEN j.kind IN ('host_share', 'host_share_back')
        THEN a.name IN ('host_share', 'platform_revenue') OR starts_with(a.name, 'vat_receivable:')
        ELSE starts_with(a.name, 'revenue:') OR starts_with(a.name, 'discounts:')
            OR starts_with(a.name, 'vat_payable:') END),
entries AS (
    SELECT entry_id, session_id, currency, self_billed, nets,
        coalesce(sum(CASE WHEN self_billed THEN amount ELSE -amount END) FILTER (WHERE NOT taxed), 0) AS net
    FROM legs GROUP BY entry_id, session_id, currency, self_billed, nets),
said AS (
    SELECT entry_id, currency, name, CASE WHEN self_billed THEN amount ELSE -amount END AS vat, 0 AS net
    FROM legs WHERE taxed
    UNION ALL
    SELECT entry_id, currency, key, 0, CASE WHEN self_billed THEN value::bigint ELSE -value::bigint END
    FROM entries, jsonb_each_text(nets)),
taxes AS (
    SELECT entry_id, currency, split_part(name, ':', 2) AS country,
        substring(name FROM ':([0-9]+([.][0-9]+)?)$')::numeric AS rate, sum(vat) AS vat, sum(net) AS net
    FROM said GROUP BY 1, 2, 3, 4),
reckoned AS (
    SELECT e.entry_id, e.currency, e.self_billed, t.country, t.rate, t.vat,
        CASE WHEN e.nets IS NOT NULL THEN t.net WHEN t.rate > 0 THEN round(t.vat * 100 / t.rate) ELSE 0 END AS net,
        row_number() OVER of_entry AS turn
    FROM entries e JOIN taxes t USING (entry_id, currency)
    WINDOW of_entry AS (PARTITION BY e.entry_id, e.currency ORDER BY t.rate DESC, t.country)),
rests AS (
    SELECT e.entry_id, e.currency, e.self_billed, e.session_id, e.net - coalesce(sum(r.net), 0) AS rest,
        coalesce(sum(ceil(100 / rate) + 1) FILTER (WHERE rate > 0 AND e.nets IS NULL), -1) AS tolerance
    FROM entries e LEFT JOIN reckoned r USING (entry_id, currency)
    GROUP BY e.entry_id, e.currency, e.self_billed, e.session_id, e.net),
parts AS (
    SELECT r.entry_id, r.currency, r.self_billed, r.country, r.rate, r.vat,
        r.net + CASE WHEN r.turn = 1 AND abs(s.rest) <= s.tolerance THEN s.rest ELSE 0 END AS net
    FROM reckoned r JOIN rests s USING (entry_id, currency)
    UNION ALL
    SELECT s.entry_id, s.currency, s.self_billed, coalesce(i.country, ''), NULL, 0, s.rest
    FROM rests s LEFT JOIN session_facts f ON f.tenant_id = %(tenant)s AND f.session_id = s.session_id
    LEFT JOIN stations t ON t.tenant_id = %(tenant)s AND t.station_id = f.station_id
    LEFT JOIN sites i ON i.tenant_id = %(tenant)s AND i.site_id = t.site_id
    WHERE abs(s.rest) > s.tolerance AND s.rest <> 0)
SELECT p.self_billed, p.country, p.rate, p.currency, sum(p.net)::bigint AS net, sum(p.vat)::bigint AS vat,
    count(DISTINCT CASE WHEN p.self_billed THEN 'document ' || d.document_id
        WHEN l.line_id IS NOT NULL THEN 'invoice ' || l.invoice_id ELSE 'entry ' || p.entry_id END) AS documents
FROM parts p
LEFT JOIN fleet_lines l ON l.entry_id = p.entry_id AND NOT p.self_billed
LEFT JOIN host_lines h ON h.entry_id = p.entry_id AND p.self_billed
LEFT JOIN host_document_lines d ON d.line_id = h.line_id
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3 DESC NULLS LAST, 4
"""


class VatRow(Struct, frozen=True, kw_only=True):
    """What stands at one rate of one country, in minor units. `self_billed`: supplied by hosts, else sold. `rate` None:
    without VAT. `documents`: receipts, invoices, or hosts' documents that it is on; what is on none yet counts not."""

    self_billed: bool
    country: str
    rate: Decimal | None
    currency: str
    net: int
    vat: int
    documents: int

    @property
    def gross(self) -> int:
        """Both."""
        return self.net + self.vat


async def read_vat(conn: Connection, tenant_id: int, since: datetime, until: datetime) -> list[VatRow]:
    """What was posted within [since, until), what was sold first. All VAT is that of the accounts `vat_payable` and
    `vat_receivable`, and all net what was earned less what was given off it, and what hosts got, to the cent."""
    cursor = conn.cursor(row_factory=class_row(VatRow))
    await cursor.execute(_REPORT, {"tenant": tenant_id, "since": since, "until": until})
    return await cursor.fetchall()
