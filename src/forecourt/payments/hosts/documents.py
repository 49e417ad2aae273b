"""By what hosts are billed for what they supply: documents that the organisation issues in their name (self-billing).

One is issued with every payout, of all that came since the one before, in the transaction that pays; what nobody was
paid for is on one a while after its month, so that it is billed all the same. A document has a number of
a series without gaps, and says who both were then: what changes later changes nothing of it. What goes back of a
session that stands on one is a document of its own, which names it (Directive 2006/112/EC, art. 219, 224 and 226).
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from forecourt.payments.fleets.model import Part
from forecourt.payments.fleets.references import SELF_BILLED, number_of
from forecourt.payments.hosts.model import DocumentUnknown
from forecourt.payments.hosts.store import Connection, hosts
from forecourt.payments.hosts.store import documents as store
from forecourt.payments.hosts.store.documents import DocumentRow, OpenPart
from forecourt.payments.hosts.store.hosts import HostRow
from forecourt.platform.apart import apart
from forecourt.platform.database import Pool

#: After a month's end, in which payouts bill it; then it is billed without one.
PAID_BY: Final = timedelta(days=10)


class Party(Struct, frozen=True, kw_only=True):
    """One of the two, as they were when it was issued."""

    name: str
    address: str
    country: str
    vat_id: str


class Said(Struct, frozen=True, kw_only=True):
    """What a document says beside its lines. `supplier`: the host; `recipient`: the organisation, which issued it.
    `corrects`: the number and the day of the document that it corrects."""

    supplier: Party
    recipient: Party
    zone: str
    rates: list[Part]
    corrects: str = ""
    corrects_on: date | None = None


class Document(DocumentRow, frozen=True, kw_only=True):
    """A document with what it says."""

    said: Said


async def issue(
    conn: Connection, tenant_id: int, host: HostRow, currency: str, up_to_line: int, payout_id: int | None,
    now: datetime,
) -> None:  # fmt: skip
    """Issues what is on no document yet, up to a line: what a payout pays, if one does. The host is held, and every
    other host that this transaction will hold: whoever holds a number waits for nobody."""
    parts = await store.list_open(conn, tenant_id, host.host_id, currency, up_to_line)
    if not parts:
        return
    lines: dict[int | None, list[int]] = {}
    for line_id, corrects in await store.list_open_lines(conn, tenant_id, host.host_id, currency, up_to_line):
        lines.setdefault(corrects, []).append(line_id)
    recipient = await store.find_recipient(conn, tenant_id)
    about = {
        "host_id": host.host_id, "payout_id": payout_id, "currency": currency, "up_to_line": up_to_line,
        "issued_at": now, "issued_on": now.astimezone(ZoneInfo(recipient["zone"])).date(),
    }  # fmt: skip
    for corrects, line_ids in lines.items():
        of = None if corrects is None else await find(conn, tenant_id, corrects)
        those = [part for part in parts if part.corrects == corrects]
        await _insert(conn, tenant_id, host, recipient, about, those, line_ids, of)


async def issue_left(pool: Pool, tenant_id: int, now: datetime) -> None:
    """Issues what hosts supplied in months that are over since PAID_BY and were not paid for: who has no bank account,
    is held, or is below their minimum. Each in a transaction of its own."""
    async with pool.tenant(tenant_id) as conn:
        local = now.astimezone(ZoneInfo(await hosts.time_zone(conn, tenant_id)))
        if local.day <= PAID_BY.days:
            return
        month = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        left = await store.list_left(conn, tenant_id, month)
    for host_id, currency, up_to_line in left:
        with apart("a host was not billed", tenant=tenant_id, host=host_id):
            async with pool.tenant(tenant_id) as conn:
                host = await hosts.find_host(conn, tenant_id, host_id, lock=True)
                assert host is not None, "hosts stay"
                await issue(conn, tenant_id, host, currency, up_to_line, None, now)


async def _insert(
    conn: Connection, tenant_id: int, host: HostRow, recipient: Mapping[str, Any], about: Mapping[str, Any],
    parts: Sequence[OpenPart], line_ids: list[int], of: Document | None,
) -> None:  # fmt: skip
    year = about["issued_on"].year
    serial = await store.next_serial(conn, tenant_id, year)
    net, vat, other = (sum(getattr(part, name) for part in parts) for name in ("net", "vat", "other"))
    said = Said(
        supplier=Party(name=host.name, address=host.address, country=host.country, vat_id=host.vat_id),
        recipient=_recipient(recipient), zone=recipient["zone"],
        rates=[_rate(part) for part in parts if part.net or part.vat],
        corrects="" if of is None else of.number, corrects_on=None if of is None else of.issued_on,
    )  # fmt: skip
    values = {
        **about, "year": year, "serial": serial, "number": number_of(SELF_BILLED, year, serial),
        "corrects": None if of is None else of.document_id, "net": net, "vat": vat, "other": other,
        "total": net + vat + other, "lines": len(line_ids), "period_from": min(part.first_at for part in parts),
        "period_to": max(part.last_at for part in parts), "said": said,
    }  # fmt: skip
    await store.insert_document(conn, tenant_id, values, line_ids)


def _recipient(row: Mapping[str, Any]) -> Party:
    seller = row["seller"] or {}
    address = [seller.get("street", ""), f"{seller.get('postcode', '')} {seller.get('city', '')}".strip()]
    return Party(
        name=seller.get("name") or row["name"], address="\n".join(line for line in address if line),
        country=seller.get("country", ""), vat_id=seller.get("vat_id", ""),
    )  # fmt: skip


def _rate(part: OpenPart) -> Part:
    """What stands at a rate of VAT, which the account of its VAT names: `vat_receivable:DE:19`."""
    _, country, rate = (part.taxed or "::").split(":")
    return Part(country=country, rate=Decimal(rate) if rate else None, net=part.net, vat=part.vat)


async def find(conn: Connection, tenant_id: int, document_id: int) -> Document:
    """The document of this id. Raises DocumentUnknown."""
    row = await store.find_document(conn, tenant_id, document_id)
    if row is None:
        raise DocumentUnknown
    return read(row)


def read(row: DocumentRow) -> Document:
    """A document as it was kept."""
    return msgspec.convert(row, Document, from_attributes=True, strict=False)
