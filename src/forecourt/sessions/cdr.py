"""The charge detail record (CDR): a session that ended, in the words of OCPI 2.2.1 §10.3.1, as far as data exist.

Costs, tariffs and periods by price are those of the session's final cost, and left out until that is known. Times are
UTC, energy is in kWh with the three decimals of whole Wh, time in hours.
"""

from datetime import datetime, timedelta
from typing import Annotated, Final

from msgspec import Meta, Struct, structs

from forecourt.platform.errors import ForecourtError
from forecourt.pricing.ocpi_object import TariffObject
from forecourt.sessions.costing.charged import CdrDimension, Charged, ChargingPeriod, Price
from forecourt.sessions.signed.records import opened
from forecourt.sessions.store import Heard, Place, SessionRow, SignedRow


class SessionRunning(ForecourtError):
    """The session still runs, so there is no charge detail record of it yet. Ask again when it has ended."""

    status = 409
    code = "session-running"


#: Token types of OCPP that OCPI calls RFID (§12.4.1 TokenType); NoAuthorization is an ad hoc user, all others OTHER.
_RFID: Final = frozenset({"ISO14443", "ISO15693", None})

Kwh = Annotated[float, Meta(description="kWh, of whole Wh.", examples=[12.345])]
Hours = Annotated[float, Meta(description="Hours.", examples=[1.5])]


class CdrToken(Struct, frozen=True, kw_only=True):
    """Who it was for (OCPI CdrToken)."""

    uid: str
    type: Annotated[str, Meta(examples=["RFID", "AD_HOC_USER", "OTHER"])]


class GeoLocation(Struct, frozen=True, kw_only=True):
    """Degrees as text with six decimals (OCPI GeoLocation)."""

    latitude: Annotated[str, Meta(examples=["52.520000"])]
    longitude: Annotated[str, Meta(examples=["13.405000"])]


class CdrLocation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where it was (OCPI CdrLocation)."""

    id: Annotated[str, Meta(description="The slug of the site; the station's id where it stands at none.")]
    evse_uid: Annotated[str, Meta(description="The station's id and the EVSE's number.", examples=["CP1*1"])]
    connector_id: str
    name: str | None = None
    address: str | None = None
    city: str | None = None
    country: Annotated[str | None, Meta(description="ISO 3166, two letters.")] = None
    coordinates: GeoLocation | None = None


class SignedValue(Struct, frozen=True, kw_only=True):
    """One signed meter value (OCPI SignedValue); `signed_data` is exactly what the station sent."""

    nature: Annotated[str, Meta(examples=["Start", "End", "Intermediate"])]
    plain_data: str
    signed_data: str


class SignedData(Struct, frozen=True, kw_only=True):
    """The signed meter values (OCPI SignedData)."""

    encoding_method: Annotated[str, Meta(examples=["OCMF", "unknown"])]
    public_key: Annotated[str | None, Meta(description="As the station sent it, where it did.")]
    signed_values: list[SignedValue]


class Cdr(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One charge detail record."""

    id: str
    start_date_time: datetime
    end_date_time: datetime
    session_id: str
    cdr_token: CdrToken | None
    auth_method: Annotated[str, Meta(examples=["AUTH_REQUEST", "COMMAND"])]
    cdr_location: CdrLocation
    charging_periods: list[ChargingPeriod]
    total_energy: Annotated[Kwh | None, Meta(description="Null where it can't be told.")]
    total_time: Hours
    last_updated: datetime
    meter_start_wh: Annotated[int | None, Meta(description="Beside OCPI: the register at the start, Wh.")]
    meter_stop_wh: Annotated[int | None, Meta(description="Beside OCPI: the register at the end, Wh.")]
    notes: Annotated[list[str], Meta(description="Beside OCPI: what the review found.")]
    signed_data: SignedData | None = None
    currency: Annotated[
        str | None, Meta(description="XXX: no tariff counts, so it costs nothing.", examples=["EUR"])
    ] = None
    tariffs: list[TariffObject] = []
    total_cost: Annotated[Price | None, Meta(description="Absent until it is final.")] = None
    total_fixed_cost: Price | None = None
    total_energy_cost: Price | None = None
    total_time_cost: Price | None = None
    total_parking_time: Hours | None = None
    total_parking_cost: Price | None = None
    total_reservation_cost: Price | None = None


def record(
    session: SessionRow, heard: Heard, place: Place, signed: list[SignedRow], costs: Charged | None = None
) -> Cdr:
    """The CDR of a session that ended, with what it costs if that is final."""
    assert session.ended_at is not None
    energy_wh = _energy_wh(session)
    lasted = max(timedelta(0), session.ended_at - session.started_at)
    hours = round(lasted / timedelta(hours=1), 4)
    dimensions = [CdrDimension(type="TIME", volume=hours)]
    if energy_wh is not None:
        dimensions.insert(0, CdrDimension(type="ENERGY", volume=energy_wh / 1000))
    if session.given_wh:
        dimensions.append(CdrDimension(type="ENERGY_EXPORT", volume=session.given_wh / 1000))
    periods = _periods(session, costs) or [ChargingPeriod(start_date_time=session.started_at, dimensions=dimensions)]
    return Cdr(
        id=str(session.session_id),
        # OCPI: where there was a reservation, its start.
        start_date_time=min(session.started_at, periods[0].start_date_time),
        end_date_time=session.ended_at,
        session_id=str(session.session_id),
        cdr_token=None
        if session.token_uid is None
        else CdrToken(uid=session.token_uid, type=_token_type(heard.token_type)),
        auth_method="COMMAND" if session.remote_start is not None else "AUTH_REQUEST",
        cdr_location=_location(session, place),
        charging_periods=periods,
        total_energy=None if energy_wh is None else energy_wh / 1000,
        total_time=hours,
        last_updated=heard.heard_at,
        meter_start_wh=session.meter_start_wh,
        meter_stop_wh=session.meter_stop_wh,
        notes=session.notes,
        signed_data=_signed(signed),
        **(
            {}
            if costs is None
            else {each: getattr(costs, each) for each in costs.__struct_fields__ if each != "charging_periods"}
        ),
    )


def _periods(session: SessionRow, costs: Charged | None) -> list[ChargingPeriod]:
    """The periods by price, if the cost is final; what the car gave back, which no price is of, stands in the last."""
    periods = [] if costs is None else list(costs.charging_periods or ())
    if periods and session.given_wh:
        given = CdrDimension(type="ENERGY_EXPORT", volume=session.given_wh / 1000)
        periods[-1] = structs.replace(periods[-1], dimensions=[*periods[-1].dimensions, given])
    return periods


def _energy_wh(session: SessionRow) -> int | None:
    if session.meter_start_wh is None or session.meter_stop_wh is None:
        return None
    energy_wh = session.meter_stop_wh - session.meter_start_wh
    return energy_wh if energy_wh >= 0 else None


def _token_type(type_: str | None) -> str:
    if type_ == "NoAuthorization":
        return "AD_HOC_USER"
    return "RFID" if type_ in _RFID else "OTHER"


def _location(session: SessionRow, place: Place) -> CdrLocation:
    somewhere = place.latitude is not None and place.longitude is not None
    return CdrLocation(
        id=place.site or place.station,
        evse_uid=f"{place.station}*{session.evse or 1}",
        connector_id=str(session.connector or 1),
        name=place.site_name,
        address=place.address,
        city=place.city,
        country=place.country,
        coordinates=GeoLocation(latitude=f"{place.latitude:.6f}", longitude=f"{place.longitude:.6f}")
        if somewhere
        else None,
    )


#: What a sample was taken for, by its context (forecourt.ocpp.neutral.Context), in OCPI's words.
NATURES: Final = {1: "Start", 2: "End"}


def _signed(rows: list[SignedRow]) -> SignedData | None:
    if not rows:
        return None
    first = opened(rows[0].record)
    return SignedData(
        encoding_method=first.encoding_method,
        public_key=first.public_key or None,
        signed_values=[
            SignedValue(
                nature=NATURES.get(row.context, "Intermediate"),
                plain_data="",
                signed_data=opened(row.record).signed_meter_data,
            )
            for row in rows
        ],
    )
