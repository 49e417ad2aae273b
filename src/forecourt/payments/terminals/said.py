"""The verb for what a station says that its terminal took: kept in the group commit of the gateway, and answered with
where the receipt is."""

from typing import Final
from uuid import UUID

from forecourt.ocpp.neutral import Settlement, SettlementAnswer, SettlementStatus
from forecourt.payments.terminals.lanes import SETTLEMENTS
from forecourt.platform import packrow
from forecourt.platform.cards import MASK
from forecourt.platform.digest import keyed_digest
from forecourt.stations.gateway.inbound import Decide, Inbound

_PURPOSE: Final = "terminal receipt"


def receipt_of(secret: bytes, station_id: int, reference: str) -> UUID:
    """By what a receipt is found: known before anything is stored, the same when it is said again, and not to be
    guessed."""
    return UUID(bytes=keyed_digest(secret, _PURPOSE, f"{station_id}/{reference}")[:16], version=4)


class Terminals:
    """`address`: where drivers reach us, without a slash at its end."""

    def __init__(self, secret: bytes, address: str) -> None:
        self._secret = secret
        self._address = address

    def hear(self, inbound: Inbound, report: Settlement) -> Decide:
        """Keep what was taken, or not (2.1 C19 to C22). A station with a receipt of its own is told of none."""
        station, reference = inbound.station, report.reference
        if MASK in reference and report.transaction_id is not None:
            # What looked like the number of a card was taken out of it, so it is no name any more.
            reference = f"{reference} {report.transaction_id}"
        settlement_id = receipt_of(self._secret, station.station_id, reference)
        inbound.write.add(
            SETTLEMENTS.name,
            packrow.row(
                packrow.uuid(settlement_id),
                packrow.int4(station.tenant_id),
                packrow.int8(station.station_id),
                packrow.text(reference),
                packrow.text(report.transaction_id),
                packrow.text(report.status.value),
                packrow.text(str(report.amount)),
                packrow.timestamp(min(report.at, inbound.arrived)),
                packrow.text(report.receipt_id),
                packrow.text(report.receipt_url),
                packrow.text(report.vat_number),
                packrow.text(report.info),
                packrow.timestamp(inbound.arrived),
            ),
        )
        answer = SettlementAnswer()
        if report.status is SettlementStatus.SETTLED and report.receipt_url is None:
            url = f"{self._address}/charging/{settlement_id}"
            answer = SettlementAnswer(receipt_url=url, receipt_id=str(settlement_id))
        return lambda: answer
