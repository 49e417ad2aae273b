"""What OCPP 2.1 answers beyond 2.0.1."""

import msgspec
from msgspec import UNSET

from forecourt.ocpp.neutral import Acknowledged
from forecourt.ocpp.v2x.lower import ANSWERS as ANSWERS_2X
from forecourt.ocpp.v21 import messages as m
from forecourt.ocpp.wire import AnswerTable, always, instant, payload

_encode = msgspec.json.Encoder().encode


def certificate_chain_status(request: m.GetCertificateChainStatusRequest, answer: Acknowledged) -> bytes:
    """Failed for every certificate asked about, to be asked again at once."""
    return _encode(
        {
            "certificateStatus": [
                {
                    "certificateHashData": asked.certificate_hash_data,
                    "source": asked.source,
                    "status": "Failed",
                    "nextUpdate": instant(answer.now),
                }
                for asked in request.certificate_status_requests
            ]
        }
    )


def vat_number(request: m.VatNumberValidationRequest, answer: Acknowledged) -> bytes:
    """Rejected, with the number that was asked about."""
    evse = request.evse_id
    content = {"vatNumber": request.vat_number, "evseId": None if evse is UNSET else evse, "status": "Rejected"}
    return payload(content)


_RECEIVED = always({})
_REJECTED = always({"status": "Rejected"})

_ADDED: AnswerTable = {
    ("BatterySwap", Acknowledged): _RECEIVED,
    ("ClosePeriodicEventStream", Acknowledged): _RECEIVED,
    ("GetCertificateChainStatus", Acknowledged): certificate_chain_status,
    ("NotifyDERAlarm", Acknowledged): _RECEIVED,
    ("NotifyDERStartStop", Acknowledged): _RECEIVED,
    ("NotifyEVChargingNeeds", Acknowledged): always({"status": "NoChargingProfile"}),
    ("NotifyPriorityCharging", Acknowledged): _RECEIVED,
    ("NotifySettlement", Acknowledged): _RECEIVED,
    ("OpenPeriodicEventStream", Acknowledged): _REJECTED,
    ("PullDynamicScheduleUpdate", Acknowledged): _REJECTED,
    ("ReportDERControl", Acknowledged): _RECEIVED,
    ("VatNumberValidation", Acknowledged): vat_number,
}

ANSWERS: AnswerTable = {**ANSWERS_2X, **_ADDED}
