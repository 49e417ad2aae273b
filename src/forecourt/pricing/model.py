"""Tariffs and what is priced by them. Pure.

A tariff is a list of elements; each has prices for dimensions and conditions under which they count. At any second and
for each dimension, the first element counts that has a price for it and whose conditions hold (OCPI 2.3.0 Tariffs,
Tariff object). The words are OCPI's; what OCPI can't say and OCPP 2.1 can is said in OCPP's.
"""

from datetime import date, datetime
from decimal import Decimal, localcontext
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Final

from msgspec import Meta, Struct

from forecourt.platform.money import Currency
from forecourt.platform.text import NAME_LINE

#: The event by which others hear that a tariff is called otherwise; the subject is its id.
RENAMED: Final = "tariff.renamed"
#: Elements of one tariff.
MAX_ELEMENTS: Final = 100
#: Prices of one element.
MAX_COMPONENTS: Final = 20
#: Taxes on top of each other of one price.
MAX_TAXES: Final = 5
#: Caps of one tariff.
MAX_CAPS: Final = 10
#: A session, in seconds: longer ones are priced in parts.
MAX_SECONDS: Final = 366 * 86_400
SECONDS_AN_HOUR: Final = 3600
WH_A_KWH: Final = 1000

TIME_PATTERN: Final = "^([01][0-9]|2[0-3]):[0-5][0-9]$"
TimeOfDay = Annotated[str, Meta(pattern=TIME_PATTERN, examples=["17:00"])]
Exact = int | Fraction
#: Of MAX_TAXES on top of each other, so that none is rounded.
_ENOUGH_DIGITS: Final = 200


class Dimension(StrEnum):
    """What is priced: per kWh, per hour of charging (or of reservation), per hour of parking, once."""

    ENERGY = "ENERGY"
    TIME = "TIME"
    PARKING_TIME = "PARKING_TIME"
    FLAT = "FLAT"


class SegmentKind(StrEnum):
    """What goes on in a segment."""

    CHARGING = "CHARGING"
    #: Plugged in, and the car takes nothing.
    PARKING = "PARKING"
    #: Plugged in, and the station offers nothing: neither charging time nor parking.
    WITHHELD = "WITHHELD"
    #: Before anybody plugs in.
    RESERVATION = "RESERVATION"


class Reserved(StrEnum):
    """That an element prices reservations, or those that nobody came for."""

    RESERVATION = "RESERVATION"
    RESERVATION_EXPIRES = "RESERVATION_EXPIRES"


class Since(StrEnum):
    """From when a duration counts. OCPI knows only START, OCPP 2.1 all."""

    START = "START"
    CHARGING_START = "CHARGING_START"
    #: Of the last charging; holds while nothing flows any more.
    CHARGING_END = "CHARGING_END"


class Day(StrEnum):
    """A day of the week, in the order of Python's `weekday`."""

    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"


class TaxIncluded(StrEnum):
    """Whether prices include taxes (OCPI 2.3.0 TaxIncluded)."""

    YES = "YES"
    NO = "NO"
    #: There are no taxes.
    NOT_APPLICABLE = "N/A"


class EvseKind(StrEnum):
    """What an EVSE gives."""

    AC = "AC"
    DC = "DC"


Bound = Annotated[Decimal, Meta(examples=["5.5"])]


class Conditions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When an element counts: all that is said must hold. Lower bounds are inclusive and upper ones exclusive.

    Times and dates are local to the site. A time span whose end isn't after its start goes over midnight; day and date
    are those of the moment, not of the span's beginning. Energies in kWh are those of the session so far, currents in A
    the sum of all phases, powers in kW; what isn't known of a segment fulfils no condition on it. Durations in s count
    from `since`, and for reservations from the reservation's start.
    """

    start_time: TimeOfDay | None = None
    end_time: TimeOfDay | None = None
    start_date: date | None = None
    end_date: date | None = None
    days: frozenset[Day] = frozenset()
    min_kwh: Bound | None = None
    max_kwh: Bound | None = None
    min_current: Bound | None = None
    max_current: Bound | None = None
    min_power: Bound | None = None
    max_power: Bound | None = None
    min_duration: int | None = None
    max_duration: int | None = None
    since: Since = Since.START
    reservation: Reserved | None = None
    evse_kind: EvseKind | None = None
    driver_group: str | None = None
    payment_brand: str | None = None


class Tax(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of several taxes of a price, in percent: of the price, or with `on_top` of the price and all taxes before."""

    name: Annotated[str, Meta(min_length=1, max_length=50, pattern=NAME_LINE, examples=["GST"])]
    percent: Annotated[Decimal, Meta(examples=["5"])]
    on_top: bool = False


class PriceComponent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The price of one dimension: per kWh, per hour, or once. `vat` in percent, None where no tax applies; where there
    are several taxes, `taxes` instead. `step_size` in Wh or s: the quantity is rounded up to a multiple of it, 0 and
    FLAT: not at all."""

    type: Dimension
    price: Annotated[Decimal, Meta(examples=["0.45"])]
    vat: Annotated[Decimal | None, Meta(examples=["19"])] = None
    step_size: Annotated[int, Meta(ge=0, le=10**9)] = 1
    taxes: Annotated[tuple[Tax, ...], Meta(max_length=MAX_TAXES, examples=[[]])] = ()

    @property
    def percent(self) -> Decimal | None:
        """What all taxes come to, in percent of the price; None where there are none."""
        if not self.taxes:
            return self.vat
        with localcontext(prec=_ENOUGH_DIGITS):
            whole = Decimal(100)
            for tax in self.taxes:
                whole += (whole if tax.on_top else Decimal(100)) * tax.percent / 100
            return whole - 100


class Element(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices that count under the same conditions."""

    price_components: Annotated[tuple[PriceComponent, ...], Meta(min_length=1, max_length=MAX_COMPONENTS)]
    conditions: Conditions = Conditions()


class PriceLimit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The least or most that a session costs, before and after taxes; both count (OCPI 2.3.0 PriceLimit)."""

    before_taxes: Annotated[Decimal, Meta(examples=["0.50"])]
    after_taxes: Annotated[Decimal | None, Meta(examples=[None])] = None


class Per(StrEnum):
    """Over what a cap is counted: a session, or each day of it by the site's clock."""

    SESSION = "SESSION"
    DAY = "DAY"


class Cap(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The most that these dimensions cost together, before taxes; none named: all of them."""

    before_taxes: Annotated[Decimal, Meta(examples=["12"])]
    per: Per = Per.SESSION
    dimensions: Annotated[frozenset[Dimension], Meta(examples=[["PARKING_TIME"]])] = frozenset()


class Free(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What costs nothing: the first so many kWh of a session, and minutes of charging and of parking."""

    kwh: Annotated[Decimal, Meta(examples=["2"])] = Decimal(0)
    charging_minutes: Annotated[int, Meta(ge=0, le=10**6)] = 0
    parking_minutes: Annotated[int, Meta(ge=0, le=10**6, examples=[15])] = 0


class Tariff(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tariff in one version. It counts for sessions that begin from `starts_at` until before `ends_at`. By
    `roaming_markup`, in percent, all prices are higher for drivers of other operators."""

    id: str
    currency: Currency
    elements: Annotated[tuple[Element, ...], Meta(min_length=1, max_length=MAX_ELEMENTS)]
    tax_included: TaxIncluded = TaxIncluded.NO
    min_price: PriceLimit | None = None
    max_price: PriceLimit | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    caps: Annotated[tuple[Cap, ...], Meta(max_length=MAX_CAPS)] = ()
    free: Free | None = None
    roaming_markup: Annotated[Decimal | None, Meta(examples=["10"])] = None


class Segment(Struct, frozen=True, kw_only=True):
    """A part of a session in which power doesn't change: `energy_wh` is spread evenly over its whole `seconds`.
    `power_w` None: the mean; `current_a`: of all phases together."""

    seconds: int
    kind: SegmentKind
    energy_wh: Exact = 0
    power_w: Exact | None = None
    current_a: Exact | None = None


class Circumstances(Struct, frozen=True, kw_only=True):
    """What doesn't change during a session, and conditions may ask for. None: not known, so no such condition holds."""

    evse_kind: EvseKind | None = None
    driver_group: str | None = None
    payment_brand: str | None = None
    #: The driver is another operator's.
    roaming: bool = False


class Discount(Struct, frozen=True, kw_only=True):
    """A voucher, a member's price; `id` is whoever's gave it. `percent` of, and `before_taxes` or `after_taxes` (in the
    tariff's currency) off what `dimensions` cost, none named: all of them; `most`, after taxes, is the most that it
    takes. `free`: what costs nothing. `host_bears`: less is shared with the site's host; else the organisation alone
    gives it."""

    id: str
    label: str
    percent: Decimal | None = None
    before_taxes: Decimal | None = None
    after_taxes: Decimal | None = None
    most: Decimal | None = None
    free: Free | None = None
    dimensions: frozenset[Dimension] = frozenset()
    host_bears: bool = False


class Fee(Struct, frozen=True, kw_only=True):
    """What one price component comes to, exactly, in major units. `element`: its number in the tariff; `reserved`: of
    a reservation. `used`, `billed`: Wh, s or times, before and after the step."""

    element: int
    component: PriceComponent
    reserved: bool
    used: Fraction
    billed: Fraction
    excl_vat: Fraction
    incl_vat: Fraction


class Total(Struct, frozen=True, kw_only=True):
    """An exact amount before and after taxes, in major units."""

    excl_vat: Fraction
    incl_vat: Fraction
