"""A car's own address, as stations of each version tell it. Pure."""

import re
from datetime import datetime
from typing import Final

from msgspec import Struct

from forecourt.platform.errors import ForecourtError

#: What OCPP 2.x calls the type of such a token.
MAC: Final = "MacAddress"
#: What stations of 1.6, which knows no types, put before it.
PREFIX: Final = "VID:"
MAC_PATTERN: Final = r"^[0-9A-Fa-f]{2}([:-]?[0-9A-Fa-f]{2}){5}$"
_MAC: Final = re.compile(MAC_PATTERN)
#: What stations say that could not read a car's address.
NOBODYS: Final = "000000000000"
_GROUP: Final = 1
#: Cars of one driver: each is three tokens.
MAX_CARS: Final = 10
#: A car was plugged in so long before its session began at the most, or was named so long after that.
SEEN_BEFORE_S: Final = 600
SEEN_AFTER_S: Final = 120


class OwnCar(Struct, frozen=True, kw_only=True):
    """A car that starts sessions for its driver. `address`: twelve hexadecimal digits."""

    address: str
    name: str
    since: datetime


def address_of(uid: str, type_: str) -> str | None:
    """The address of the car that a token stands for, as twelve capital digits; None where it stands for none, or for
    no single one: stations that could not read a car's say zeros, and an address of a group (IEEE 802, the lowest bit
    of the first octet) is no car's own. Whoever claimed such a one would pay for all of them."""
    if type_ != MAC and not uid.upper().startswith(PREFIX):
        return None
    said = uid[len(PREFIX) :] if uid.upper().startswith(PREFIX) else uid
    if not _MAC.fullmatch(said):
        return None
    address = re.sub("[:-]", "", said).upper()
    return None if address == NOBODYS or int(address[:2], 16) & _GROUP else address


def uids_of(address: str) -> tuple[str, str, str]:
    """The tokens of a car: as 1.6 tells it, and as 2.x does, with and without colons."""
    return f"{PREFIX}{address}", address, ":".join(re.findall("..", address))


class AutochargeOff(ForecourtError):
    """Cars don't start by being plugged in here. Whoever runs the stations can turn that on."""

    status = 409
    code = "autocharge-off"


class CarUnknown(ForecourtError):
    """There is no such car, or it can't be told which one it was. Pay for a session with it, then try again."""

    status = 404
    code = "car-unknown"
