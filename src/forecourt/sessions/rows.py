"""What ingest puts on the lanes of sessions: rows of what stations say of transactions, packed for the group commit."""

from datetime import datetime
from hashlib import blake2b
from itertools import groupby
from operator import attrgetter
from struct import Struct
from typing import Final

import msgspec

from forecourt.drivers.model import uid_key
from forecourt.ocpp import neutral
from forecourt.ocpp.neutral import Step, TransactionReport
from forecourt.platform import packrow
from forecourt.sessions.lanes import COSTS_SAID, LIMITS, METER_VALUES, RECALL, REPORTS, STATES
from forecourt.sessions.model import Session, start_register, start_register_key
from forecourt.stations.gateway.inbound import Inbound

#: The type of a token that was made for one payment, by us or by a station's own terminal (2.1 C18).
DIRECT_PAYMENT: Final = "DirectPayment"

_encode = msgspec.json.Encoder().encode
_at = attrgetter("at")


def ask_limit(inbound: Inbound, report: TransactionReport, known: Session | None) -> None:
    """Ask where a transaction ends by itself, of one that was paid for."""
    token = report.token
    if token is None:
        if known is None or known.token_type != DIRECT_PAYMENT or known.token_uid is None:
            return
        uid = known.token_uid
    elif token.type == DIRECT_PAYMENT:
        uid = token.uid
    else:
        return
    write = inbound.write
    row = packrow.row(packrow.int8(write.number), packrow.int4(inbound.station.tenant_id), packrow.text(uid_key(uid)))
    write.add(LIMITS.name, row)


def add_said_cost(inbound: Inbound, transaction: bytes, said: neutral.SaidCost, at: datetime) -> None:
    """What its station reckons that a transaction costs."""
    inbound.write.add(
        COSTS_SAID.name,
        packrow.row(
            packrow.int8(inbound.station.station_id),
            transaction,
            packrow.int4(inbound.station.tenant_id),
            packrow.text(said.currency),
            packrow.text(None if said.excl_tax is None else str(said.excl_tax)),
            packrow.text(None if said.incl_tax is None else str(said.incl_tax)),
            packrow.boolean(said.failed),
            packrow.text(said.reason),
            packrow.timestamp(at),
        ),
    )


def recall(inbound: Inbound, transaction: bytes) -> None:
    """Ask what is known of a transaction that memory doesn't know."""
    write = inbound.write
    write.add(
        RECALL.name,
        packrow.row(packrow.int8(write.number), packrow.int8(inbound.station.station_id), transaction),
    )


_REPORT_COLUMNS: Final = len(REPORTS.columns)
_place_in_order = packrow.fields("hqqtt??")
#: What most reports leave out, by neighbours.
_NO_PLACE: Final = packrow.int4(None) * 2
_NO_TOKEN: Final = packrow.NULL_TEXT * 2
_NO_FIRST: Final = packrow.int8(None) * 2
_first = packrow.fields("qq")
_NOTHING_MORE: Final = packrow.NULL_TEXT * 2 + packrow.int4(None)
_NOTHING_GIVEN: Final = packrow.int8(None) * 2
#: What samples without one say of their transaction.
NO_TRANSACTION: Final = packrow.text("")
_NOT_SAID: Final = packrow.timestamp(None)


def add_report(
    inbound: Inbound, report: TransactionReport, transaction: bytes, known: Session | None, order: int, at: datetime,
    distrusted: bool,
) -> None:  # fmt: skip
    """Only what is news: a place or a first register that loses against what memory knows, which PostgreSQL had
    committed before, would lose there as well."""
    token = report.token
    state, reason, remote = report.charging_state, report.stop_reason, report.remote_start_id
    arrived = packrow.micros(inbound.arrived)
    plain = state is None and reason is None and remote is None
    placed = known is not None and known.place_key < order
    parts = (
        inbound.station.packed,
        _place_in_order(report.step, order, report.seq, packrow.micros(at), arrived, distrusted, report.offline),
        transaction,
        _NO_PLACE if placed else packrow.int4(report.evse) + packrow.int4(report.connector),
        _NO_TOKEN if token is None else packrow.text(token.uid) + packrow.text(token.type),
        _first_register(report, known, order),
        packrow.int8(report.meter_last_wh),
        packrow.int4(report.power_w),
        packrow.int4(report.soc_pct),
        _NOTHING_MORE if plain else packrow.text(state) + packrow.text(reason) + packrow.int4(remote),
        _NOTHING_GIVEN if report.given_last_wh is None else _given(report),
    )
    inbound.write.add(REPORTS.name, packrow.joined(_REPORT_COLUMNS, parts))


def add_state(
    inbound: Inbound, report: TransactionReport, transaction: bytes, known: Session | None, order: int, at: datetime
) -> None:  # fmt: skip
    """What a 2.x transaction says of its charging, unless the report before it said the same, as memory knows. An end
    says nothing of the time before it."""
    state = report.charging_state
    if state is None or report.seq < 0 or report.step is Step.ENDED:
        return
    if known is not None and known.state_key == order - 1 and known.charging_state == state:
        return
    inbound.write.add(
        STATES.name,
        packrow.row(
            packrow.int8(inbound.station.station_id),
            transaction,
            packrow.int8(order),
            packrow.text(state),
            packrow.int4(inbound.station.tenant_id),
            packrow.int8(report.seq),
            packrow.timestamp(at),
        ),
    )


def _given(report: TransactionReport) -> bytes:
    return packrow.int8(report.given_first_wh) + packrow.int8(report.given_last_wh)


def _first_register(report: TransactionReport, known: Session | None, order: int) -> bytes:
    first = start_register(report)
    if first is None:
        return _NO_FIRST
    key = start_register_key(report, order)
    return _NO_FIRST if known is not None and known.meter_start_key < key else _first(first, key)


_SAMPLE_COLUMNS: Final = len(METER_VALUES.columns)
_moment = packrow.fields("tq")
_signed_number = Struct(">q").unpack


def add_samples(inbound: Inbound, transaction: bytes, evse: int | None, samples: tuple[neutral.Sample, ...]) -> None:
    """One row for each moment in a report; its digest makes the same values said again the same row.

    The moment is the station's own even where it can't be believed, or a replay would be new each time. When the report
    came is kept of those that belong to no transaction: of the others their session knows.
    """
    if not samples:
        return
    arrived = packrow.timestamp(inbound.arrived) if transaction is NO_TRANSACTION else _NOT_SAID
    # Mostly there is one moment, and its samples share the object that says it.
    one = samples[0].at is samples[-1].at
    for at, taken in ((samples[0].at, samples),) if one else groupby(samples, key=_at):
        readings: list[int] = []
        signed: list[tuple[int, str]] = []
        for sample in taken:
            if sample.signed is not None:
                signed.append((len(readings) // 2, sample.signed))
            readings += (sample.code, sample.value)
        packed = packrow.int8_array(readings)
        kept = _encode(signed) if signed else b""
        [digest] = _signed_number(blake2b(packed + kept, digest_size=8).digest())
        parts = (
            inbound.station.packed,
            _moment(packrow.micros(at), digest),
            transaction,
            packrow.int4(evse),
            packed,
            packrow.raw(kept) if signed else packrow.NULL_TEXT,
            arrived,
        )
        inbound.write.add(METER_VALUES.name, packrow.joined(_SAMPLE_COLUMNS, parts))
