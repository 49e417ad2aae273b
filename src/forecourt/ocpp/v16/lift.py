"""OCPP 1.6 to the neutral language.

A connector n is the only connector of EVSE n; 0 is the station. A transaction id of 0 or less on a meter value, as
stations send where they have none, belongs to no transaction.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from msgspec import UNSET, UnsetType

from forecourt.ocpp import measure
from forecourt.ocpp.deviations import Deviation, Notes
from forecourt.ocpp.neutral import (
    Authorize,
    Boot,
    ConnectorState,
    ConnectorStatus,
    Heartbeat,
    MeterReport,
    Report,
    Sample,
    Step,
    Token,
    TransactionReport,
)
from forecourt.ocpp.v16 import messages as m

# A member is looked up in its enum slowly.
_SIGNED = m.Format.SIGNED_DATA
_UPDATED = Step.UPDATED

_STATES = {m.StatusNotificationStatus(state.value): state for state in ConnectorState if state != "Occupied"}


def boot(request: m.BootNotificationRequest, notes: Notes) -> Report:
    """A station's serial number is the charge point's, else the box's, as the older field was called."""
    return Boot(
        vendor=request.charge_point_vendor,
        model=request.charge_point_model,
        serial=request.charge_point_serial_number or request.charge_box_serial_number or None,
        firmware=request.firmware_version or None,
        iccid=request.iccid or None,
        imsi=request.imsi or None,
        meter_serial=request.meter_serial_number or None,
    )


def heartbeat(request: m.HeartbeatRequest, notes: Notes) -> Report:
    """Nothing but the sign of life."""
    return Heartbeat()


def authorize(request: m.AuthorizeRequest, notes: Notes) -> Report:
    """The tag."""
    return Authorize(token=Token(request.id_tag))


def status(request: m.StatusNotificationRequest, notes: Notes) -> Report:
    """A connector's state; NoError is no error code."""
    at = request.timestamp
    return ConnectorStatus(
        evse=request.connector_id,
        connector=1 if request.connector_id else 0,
        state=_STATES[request.status],
        at=None if at is UNSET else measure.utc(at),
        error_code=None if request.error_code is m.ErrorCode.NO_ERROR else request.error_code.value,
        info=request.info or None,
        vendor_error_code=request.vendor_error_code or None,
    )


def start(request: m.StartTransactionRequest, notes: Notes) -> Report:
    """The transaction has no id yet: the answer gives it."""
    reservation = request.reservation_id
    register = measure.register(request.meter_start, notes, "$.meterStart")
    return TransactionReport(
        step=Step.STARTED,
        at=measure.utc(request.timestamp),
        evse=request.connector_id,
        connector=1,
        token=Token(request.id_tag),
        meter_first_wh=register,
        meter_last_wh=register,
        reservation_id=None if reservation is UNSET else reservation,
    )


def stop(request: m.StopTransactionRequest, notes: Notes) -> Report:
    """meterStop is the register's last word; a sample of transactionData may know the first, if it says so."""
    data, tag, reason = request.transaction_data, request.id_tag, request.reason
    samples = () if data is UNSET else _samples(data, notes)
    _, last, power_w, soc_pct = measure.readings(samples, notes)
    first = measure.begun(samples)
    register = measure.register(request.meter_stop, notes, "$.meterStop")
    return TransactionReport(
        step=Step.ENDED,
        at=measure.utc(request.timestamp),
        transaction_id=str(request.transaction_id),
        token=None if tag is UNSET else Token(tag),
        meter_first_wh=first,
        meter_last_wh=last if register is None else register,
        begun=first is not None,
        power_w=power_w,
        soc_pct=soc_pct,
        samples=samples,
        stop_reason="Local" if reason is UNSET else str(reason),
    )


def meter_values(request: m.MeterValuesRequest, notes: Notes) -> Report:
    """A report of its transaction where it names one, else of the connector; nothing more can be said where no value
    was understood, for the values have the time."""
    values = request.meter_value
    samples = _samples(values, notes)
    transaction: int | UnsetType = request.transaction_id
    connector = request.connector_id
    if transaction is UNSET or transaction <= 0 or not values:
        return MeterReport(evse=connector, samples=samples)
    first, last, power_w, soc_pct = measure.readings(samples, notes)
    begun = measure.begun(samples)
    return TransactionReport(
        step=_UPDATED,
        at=_latest(values),
        transaction_id=str(transaction),
        evse=connector,
        connector=1 if connector else 0,
        meter_first_wh=first if begun is None else begun,
        meter_last_wh=last,
        begun=begun is not None,
        power_w=power_w,
        soc_pct=soc_pct,
        samples=samples,
    )


def _latest(values: Sequence[m.MeterValue]) -> datetime:
    if len(values) == 1:
        return measure.utc(values[0].timestamp)
    return max(measure.utc(value.timestamp) for value in values)


def _samples(values: Sequence[m.MeterValue | m.TransactionData], notes: Notes) -> tuple[Sample, ...]:
    """Every value that can be understood; the others are noted."""
    samples: list[Sample] = []
    scaled, known = measure.scaled, measure.RULES.get
    for value in values:
        at = measure.utc(value.timestamp)
        for sampled in value.sampled_value:
            words = (sampled.measurand, sampled.unit, 0, sampled.phase, sampled.location, sampled.context)
            code, exponent, special = known(words) or measure.rule(words)
            text = sampled.value
            if sampled.format is _SIGNED:
                samples.append(Sample(at, code, 0, text))
                continue
            number = scaled(text, exponent)
            if special and number is not None:
                number = measure.finished(number, special, notes, "$.meterValue.sampledValue.unit")
            if number is None:
                notes.add(Deviation.SAMPLE_SKIPPED, measure.SAMPLE_PATH)
                continue
            samples.append(Sample(at, code, number))
    return tuple(samples)


LIFTS: dict[str, Callable[[Any, Notes], Report]] = {
    "Authorize": authorize,
    "BootNotification": boot,
    "Heartbeat": heartbeat,
    "MeterValues": meter_values,
    "StartTransaction": start,
    "StatusNotification": status,
    "StopTransaction": stop,
}
