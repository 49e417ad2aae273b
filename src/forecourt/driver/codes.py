"""The codes that hang at stations: each leads a driver's phone to the price of one EVSE."""

from io import BytesIO
from typing import Final
from urllib.parse import quote

import segno
from msgspec import Struct

SVG: Final = "image/svg+xml"
#: Sunlight, dirt and scratches: a quarter of it may be unreadable.
CORRECTION: Final = "q"
QUIET_ZONE: Final = 4
#: The pages of codes that change by themselves.
SCAN: Final = "/scan/{station:str}/{evse:int}"


class HomeAddress(Struct, frozen=True, kw_only=True):
    """Where this deployment is reached, without a slash at the end."""

    address: str


def address_of(home: str, station: str, evse: int) -> str:
    """What the code at an EVSE says."""
    return f"{home}/charge/{quote(station, safe='')}/{evse}"


def changing_address(home: str) -> str:
    """The template of a code that changes by itself, in the words that a station fills in (OCPP 2.1 C25)."""
    return f"{home}/scan/{{chargingstationid}}/{{evse}}/{{version}}/{{totp}}"


def pay_address(station: str, evse: int) -> str:
    """Where one who has scanned such a code begins to pay."""
    return f"/scan/{quote(station, safe='')}/{evse}"


def code_svg(address: str, *, inline: bool = False) -> str:
    """The code as a picture of its own, or to stand in a page."""
    code = segno.make(address, error=CORRECTION, micro=False)
    file = BytesIO()
    code.save(
        file, kind="svg", border=QUIET_ZONE, light="#fff", omitsize=True, xmldecl=False, svgns=not inline, nl=False
    )
    return file.getvalue().decode()
