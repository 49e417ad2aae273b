"""Files for the bank (ISO 20022), in euro: what all of them have, checked against the scheme's own schema."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

if TYPE_CHECKING:
    from xmlschema import XMLSchema

CURRENCY: Final = "EUR"


class Account(Struct, frozen=True, kw_only=True):
    """Whose bank account: holder, IBAN, and BIC where it was said."""

    name: str
    iban: str
    bic: str = ""


def exported(file: Any, message: str) -> bytes:
    """A file of the library under our name of it, checked against the scheme's own schema."""
    # The library wrote the message's id into the header before it could be said.
    file._xml.find(f"{file.root_el}/GrpHdr/MsgId").text = message
    written: bytes = file.export(validate=False)
    _scheme(file.schema).validate(written.decode())
    return written


@cache
def _scheme(name: str) -> "XMLSchema":
    """The schema of that name that comes with the library, which itself would read it anew for each file: that takes
    most of the time."""
    from xmlschema import XMLSchema

    package = find_spec("sepaxml")
    assert package is not None
    assert package.submodule_search_locations is not None
    return XMLSchema(Path(package.submodule_search_locations[0]) / "schemas" / f"{name}.xsd")


def number_in(reference: str, prefix: str, most: int) -> int | None:
    """The number, of `most` digits at the most, behind `prefix` in a name that the bank says; None: no such name."""
    _, found, number = reference.strip().partition(prefix)
    return int(number) if found and number.isascii() and number.isdecimal() and len(number) <= most else None
