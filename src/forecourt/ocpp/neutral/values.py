"""What was measured, and who is meant, in whole numbers."""

from datetime import datetime
from enum import IntEnum, StrEnum

from msgspec import Struct


class Version(StrEnum):
    """OCPP versions spoken, by the WebSocket subprotocol that selects them, newest first."""

    V21 = "ocpp2.1"
    V201 = "ocpp2.0.1"
    V16 = "ocpp1.6"


class Measurand(IntEnum):
    """What was measured. Stored as the number; the comment names the stored unit of the integer value."""

    ENERGY_IMPORT_REGISTER = 0  # Wh
    ENERGY_IMPORT_INTERVAL = 1  # Wh
    ENERGY_EXPORT_REGISTER = 2  # Wh
    ENERGY_EXPORT_INTERVAL = 3  # Wh
    POWER_IMPORT = 4  # W
    POWER_EXPORT = 5  # W
    POWER_OFFERED = 6  # W
    CURRENT_IMPORT = 7  # mA
    CURRENT_EXPORT = 8  # mA
    CURRENT_OFFERED = 9  # mA
    VOLTAGE = 10  # mV
    SOC = 11  # hundredths of a percent
    TEMPERATURE = 12  # hundredths of a degree Celsius
    FREQUENCY = 13  # mHz
    POWER_FACTOR = 14  # thousandths
    REACTIVE_ENERGY = 15  # varh, import register
    REACTIVE_POWER = 16  # var, import
    RPM = 17  # revolutions per minute
    OTHER = 99  # as the station sent it, in thousandths


class Phase(IntEnum):
    """Where between the conductors a value was taken; NONE is the whole."""

    NONE = 0
    L1 = 1
    L2 = 2
    L3 = 3
    N = 4
    L1_N = 5
    L2_N = 6
    L3_N = 7
    L1_L2 = 8
    L2_L3 = 9
    L3_L1 = 10


class Location(IntEnum):
    """At which side of the station a value was taken; OUTLET is the default of every version."""

    OUTLET = 0
    INLET = 1
    CABLE = 2
    EV = 3
    BODY = 4
    UPSTREAM = 5


class Context(IntEnum):
    """Why a value was taken; PERIODIC is the default of every version."""

    PERIODIC = 0
    BEGIN = 1
    END = 2
    CLOCK = 3
    TRIGGER = 4
    INTERRUPTION_BEGIN = 5
    INTERRUPTION_END = 6
    OTHER = 7


#: The bits of a sample's code that say what was measured, and those that say what, at which phase and where.
MEASURAND_BITS = 0xFF
PLACE_BITS = 0xFF_FFFF


def code(
    measurand: Measurand,
    phase: Phase = Phase.NONE,
    location: Location = Location.OUTLET,
    context: Context = Context.PERIODIC,
) -> int:
    """What, where and why was measured as one number, 8 bits each from the lowest: thousands of values a second are
    compared and stored by it. A measurand is its own code where the rest is as usual."""
    return measurand | phase << 8 | location << 16 | context << 24


class Sample(Struct, frozen=True, gc=False):
    """One measured value, an int of 64 bits in the unit named at its `Measurand`, which is in its `code`.

    `signed` is the station's signed record (OCMF and friends), for which `value` may be 0 when it can't be read from
    outside. In 1.6 it is the text exactly as sent; in 2.x the whole SignedMeterValueType as a JSON object, for its
    encodingMethod, signingMethod and publicKey tell how to verify it; every text in it is exactly as sent (of
    customData the vendorId is kept).
    """

    at: datetime
    code: int
    value: int
    signed: str | None = None

    @property
    def measurand(self) -> Measurand:
        """What was measured."""
        return Measurand(self.code & MEASURAND_BITS)

    @property
    def phase(self) -> Phase:
        """Where between the conductors."""
        return Phase(self.code >> 8 & 0xFF)

    @property
    def location(self) -> Location:
        """At which side of the station."""
        return Location(self.code >> 16 & 0xFF)

    @property
    def context(self) -> Context:
        """Why."""
        return Context(self.code >> 24 & 0xFF)


class Token(Struct, frozen=True):
    """What identifies a driver at a station. `uid` compares without case (OCPP identifierString, CiString);
    `type` is the 2.x IdTokenEnumType value, and "Central" is never assumed: 1.6 tags are "ISO14443"."""

    uid: str
    type: str = "ISO14443"
