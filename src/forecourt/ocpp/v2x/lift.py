"""OCPP 2.0.1 and 2.1 to the neutral language. The messages of both have the same fields as far as this goes."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from forecourt.ocpp import measure
from forecourt.ocpp.deviations import Deviation, Notes
from forecourt.ocpp.neutral import (
    Authorize,
    Boot,
    CertificateAsked,
    CertificateQuestion,
    ConnectorState,
    ConnectorStatus,
    Contract,
    ContractCertificateAsked,
    Heartbeat,
    MeterReport,
    Report,
    Sample,
    Step,
    Token,
    TransactionReport,
)
from forecourt.ocpp.v2x import charging
from forecourt.ocpp.v21 import messages as v21
from forecourt.ocpp.v201 import messages as v201

#: Types of tokens: made by the CSMS or another server, and, in 2.1 alone, of a payment.
CENTRAL = "Central"
DIRECT_PAYMENT = "DirectPayment"

_encode = msgspec.json.Encoder().encode

_STATES = {state.value: state for state in ConnectorState}
_STEPS = {"Started": Step.STARTED, "Updated": Step.UPDATED, "Ended": Step.ENDED}


def boot(request: v201.BootNotificationRequest | v21.BootNotificationRequest, notes: Notes) -> Report:
    """The station and why it starts."""
    station, modem = request.charging_station, request.charging_station.modem
    return Boot(
        vendor=station.vendor_name,
        model=station.model,
        serial=station.serial_number or None,
        firmware=station.firmware_version or None,
        reason=str(request.reason),
        iccid=None if modem is UNSET else modem.iccid or None,
        imsi=None if modem is UNSET else modem.imsi or None,
    )


def heartbeat(request: v201.HeartbeatRequest | v21.HeartbeatRequest, notes: Notes) -> Report:
    """Nothing but the sign of life."""
    return Heartbeat()


def authorize(request: v201.AuthorizeRequest | v21.AuthorizeRequest, notes: Notes) -> Report:
    """The token, and what proves its contract."""
    chain, hashes = request.certificate, request.iso15118_certificate_hash_data
    contract = None
    if chain is not UNSET or hashes is not UNSET:
        questions = () if hashes is UNSET else tuple(_question(each) for each in hashes)
        contract = Contract(chain="" if chain is UNSET else chain, questions=questions)
    return Authorize(token=_token(request.id_token), contract=contract)


def certificate_status(
    request: v201.GetCertificateStatusRequest | v21.GetCertificateStatusRequest, notes: Notes
) -> Report:
    """GetCertificateStatus."""
    return CertificateAsked(question=_question(request.ocsp_request_data))


def contract_certificate(
    request: v201.Get15118EVCertificateRequest | v21.Get15118EVCertificateRequest, notes: Notes
) -> Report:
    """Get15118EVCertificate."""
    asked = ContractCertificateAsked(
        schema_version=request.iso15118_schema_version, action=str(request.action), request=request.exi_request
    )
    if isinstance(request, v201.Get15118EVCertificateRequest):
        return asked
    most, emaids = request.maximum_contract_certificate_chains, request.prioritized_emai_ds
    return replace(asked, most=None if most is UNSET else most, emaids=() if emaids is UNSET else tuple(emaids))


def status(request: v201.StatusNotificationRequest | v21.StatusNotificationRequest, notes: Notes) -> Report:
    """A connector's state."""
    return ConnectorStatus(
        evse=request.evse_id,
        connector=request.connector_id,
        state=_STATES[request.connector_status],
        at=measure.utc(request.timestamp),
    )


def meter_values(request: v201.MeterValuesRequest | v21.MeterValuesRequest, notes: Notes) -> Report:
    """In 2.x these belong to no transaction."""
    return MeterReport(evse=request.evse_id, samples=_samples(request.meter_value, notes))


def transaction(request: v201.TransactionEventRequest | v21.TransactionEventRequest, notes: Notes) -> Report:
    """TransactionEvent. The reason may be left out only where it is Local (OCPP 2.0.1 Part 2, TransactionType)."""
    of, evse, values = request.transaction_info, request.evse, request.meter_value
    token, state, reason = request.id_token, of.charging_state, of.stopped_reason
    remote_start, reservation, offline = of.remote_start_id, request.reservation_id, request.offline
    step = _STEPS[request.event_type]
    samples = () if values is UNSET else _samples(values, notes)
    first, last, power_w, soc_pct = measure.readings(samples, notes)
    given_first, given_last = measure.given(samples, notes)
    begun = measure.begun(samples)
    if begun is not None or step is Step.ENDED:
        first = begun
    connector = UNSET if evse is UNSET else evse.connector_id
    return TransactionReport(
        step=step,
        at=measure.utc(request.timestamp),
        transaction_id=of.transaction_id,
        seq=request.seq_no,
        evse=None if evse is UNSET else evse.id,
        connector=None if connector is UNSET else connector,
        token=None if token is UNSET else _token(token),
        meter_first_wh=first,
        meter_last_wh=last,
        begun=begun is not None,
        given_first_wh=given_first,
        given_last_wh=given_last,
        power_w=power_w,
        soc_pct=soc_pct,
        samples=samples,
        trigger=str(request.trigger_reason),
        charging_state=None if state is UNSET else str(state),
        stop_reason=_stop_reason(step, None if reason is UNSET else str(reason)),
        offline=offline is True,
        remote_start_id=None if remote_start is UNSET else remote_start,
        reservation_id=None if reservation is UNSET else reservation,
    )


def _stop_reason(step: Step, reason: str | None) -> str | None:
    return reason or "Local" if step is Step.ENDED else None


def _question(of: v201.OCSPRequestDataType | v21.OCSPRequestDataType) -> CertificateQuestion:
    return CertificateQuestion(
        algorithm=str(of.hash_algorithm),
        issuer_name_hash=of.issuer_name_hash,
        issuer_key_hash=of.issuer_key_hash,
        serial=of.serial_number,
        url=of.responder_url,
    )


def _token(token: v201.IdTokenType | v21.IdTokenType) -> Token:
    """Only 2.1 knows a token that stands for money that the station's own terminal holds, and can settle it (C18, C20):
    a station of 2.0.1 that says the word says no more than that somebody else made the token."""
    type_ = str(token.type)
    if type_ == DIRECT_PAYMENT and isinstance(token, v201.IdTokenType):
        type_ = CENTRAL
    return Token(token.id_token, type_)


def _samples(values: Sequence[v201.MeterValueType | v21.MeterValueType], notes: Notes) -> tuple[Sample, ...]:
    """Every value that can be understood; the others are noted."""
    samples: list[Sample] = []
    scaled, known = measure.scaled_number, measure.RULES.get
    for value in values:
        at = measure.utc(value.timestamp)
        for sampled in value.sampled_value:
            unit: str | UnsetType = UNSET
            multiplier = 0
            measured_in = sampled.unit_of_measure
            if measured_in is not UNSET:
                unit, multiplier = measured_in.unit, measured_in.multiplier or 0
            words = (sampled.measurand, unit, multiplier, sampled.phase, sampled.location, sampled.context)
            code, exponent, special = known(words) or measure.rule(words)
            number = scaled(sampled.value, exponent)
            if special and number is not None:
                path = "$.meterValue.sampledValue.unitOfMeasure.unit"
                number = measure.finished(number, special, notes, path)
            if number is None:
                notes.add(Deviation.SAMPLE_SKIPPED, measure.SAMPLE_PATH)
                continue
            signed = sampled.signed_meter_value
            record = None if signed is UNSET else _encode(signed).decode()
            samples.append(Sample(at, code, number, record))
    return tuple(samples)


LIFTS: dict[str, Callable[[Any, Notes], Report]] = {
    "Authorize": authorize,
    "BootNotification": boot,
    "ClearedChargingLimit": charging.cleared,
    "Get15118EVCertificate": contract_certificate,
    "GetCertificateStatus": certificate_status,
    "Heartbeat": heartbeat,
    "MeterValues": meter_values,
    "NotifyChargingLimit": charging.limited,
    "NotifyEVChargingNeeds": charging.needs,
    "NotifyEVChargingSchedule": charging.car_schedule,
    "ReportChargingProfiles": charging.profiles,
    "StatusNotification": status,
    "TransactionEvent": transaction,
}
