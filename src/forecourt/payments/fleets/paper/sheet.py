"""The lines of an invoice as CSV, one a session and rate, for whoever books it on."""

import csv
import io
from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from forecourt.payments.files import kwh, plain
from forecourt.payments.fleets.model import Invoice, Line, grouped
from forecourt.payments.ledger.billed import rate_name
from forecourt.platform.sheets import plain_cell

HEADINGS: Final = (
    "invoice", "kind", "cost_centre", "driver", "session", "started", "ended", "site", "station", "energy_kwh",
    "country", "vat_percent", "net", "vat", "total", "currency", "note",
)  # fmt: skip


def as_csv(invoice: Invoice, lines: Sequence[Line]) -> str:
    """The sheet, by cost centre and driver. Amounts as they were posted: of a credit note below 0."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEADINGS)
    zone = ZoneInfo(invoice.said.zone)
    for group in grouped(lines):
        for line in group.lines:
            for number, part in enumerate(line.parts):
                started = "" if line.started_at is None else line.started_at.astimezone(zone).isoformat()
                writer.writerow(
                    [
                        invoice.number, line.kind, plain_cell(line.cost_centre), plain_cell(line.driver),
                        str(line.session_id or ""), started, line.ended_at.astimezone(zone).isoformat(),
                        plain_cell(line.site), plain_cell(line.station), "" if number else kwh(line.energy_wh),
                        part.country, "" if part.rate is None else rate_name(part.rate), plain(part.net, line.currency),
                        plain(part.vat, line.currency), plain(part.net + part.vat, line.currency), line.currency,
                        plain_cell(line.memo),
                    ]
                )  # fmt: skip
    return out.getvalue()
