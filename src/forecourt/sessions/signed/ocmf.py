"""Signed records in the Open Charge Metering Format (OCMF 1.0 to 1.4): read, and their signatures checked. No I/O.

`pyocmf` does both; it is loaded when the first record is met, as most processes never meet one.
"""

import base64
import binascii
import warnings
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from forecourt.sessions.signed.model import Checked, Flaw, Register

if TYPE_CHECKING:
    from pyocmf import OCMF

NAME: Final = "OCMF"
_MARK: Final = "OCMF|"
#: How the Open Charge Alliance names a key in hex of its DER (Signed Meter Values in OCPP, 3.3).
_KEY_MARK: Final = "oca:base16:asn1:"
#: A DER sequence begins with it.
_SEQUENCE: Final = 0x30
#: How deep an encoding may lie in others.
MAX_DEPTH: Final = 3
#: Characters of a key as it may be said; the longest curve needs 240.
MAX_KEY: Final = 2_500
_WH: Final = {"Wh": Fraction(1), "kWh": Fraction(1000)}


class Wrapped(Struct, rename="camel"):
    """OCPP 2.x's SignedMeterValueType, as far as it is told on."""

    signed_meter_data: str
    encoding_method: str = "unknown"
    public_key: str = ""


def opened(record: str) -> Wrapped:
    """A signed record by its parts: 2.x tells them, 1.6 sends them as JSON or the data alone, in which OCMF begins with
    its name."""
    try:
        return msgspec.json.decode(record, type=Wrapped)
    except msgspec.MsgspecError:
        encoding = NAME if record.startswith(_MARK) else "unknown"
        return Wrapped(signed_meter_data=record, encoding_method=encoding)


def plain(data: str) -> str | None:
    """The text of an OCMF record, which may come as it is, in base64 or in hex; None if it is none."""
    if data.lstrip().startswith(_MARK):
        return data.strip()
    for decode in (_unhex, _unbase64):
        found = decode(data)
        if found is not None and found.startswith(_MARK.encode()):
            try:
                return found.decode().strip()
            except UnicodeDecodeError:
                return None
    return None


def key_of(said: str, depth: int = 0) -> str | None:
    """A public key in hex of its DER, however it was said: hex, base64, with the mark of the Open Charge Alliance, or
    one in another. None if it is none."""
    text = "".join(said.split())
    if not text or len(text) > MAX_KEY or depth > MAX_DEPTH:
        return None
    if text.startswith(_KEY_MARK):
        return key_of(text.removeprefix(_KEY_MARK), depth + 1)
    found = _unhex(text) or _unbase64(text)
    if not found:
        return None
    if found[0] == _SEQUENCE and len(found) > 1:
        return found.hex()
    return key_of(found.decode("ascii"), depth + 1) if found.isascii() else None


def usable(key: str) -> bool:
    """Whether a key, hex of a DER, is one of an elliptic curve by which records can be checked."""
    from pyocmf import PublicKey, PyOCMFError

    try:
        PublicKey.from_string(key)
    except (PyOCMFError, ValueError):
        return False
    return True


def check(record: str, key: str | None) -> Checked:
    """One record checked by `key`, hex of a DER."""
    wrapped = opened(record)
    text = plain(wrapped.signed_meter_data)
    own = key_of(wrapped.public_key)
    if text is None:
        ours = wrapped.encoding_method.upper().startswith(NAME)
        flaw = Flaw.RECORD_UNREADABLE if ours else Flaw.FORMAT_UNKNOWN
        return Checked(format=wrapped.encoding_method, flaw=flaw, key=own)
    one = _read(text)
    if one is None:
        return Checked(format=NAME, flaw=Flaw.RECORD_UNREADABLE, key=own)
    own = own or key_of(one.embedded_public_key or "")
    return Checked(format=NAME, flaw=_flaw(one, key), registers=_registers(one), key=own)


def own_key(record: str) -> str | None:
    """The public key that a record came with, if any: hex of its DER."""
    wrapped = opened(record)
    text = plain(wrapped.signed_meter_data)
    embedded = text.split("|", 3)[3:] if text is not None else []
    return key_of(wrapped.public_key) or (key_of(embedded[0]) if embedded else None)


def unfit(records: Sequence[str]) -> bool:
    """Whether begin and end don't make a transaction by which the law lets bill: another register or unit, time or
    energy running backwards, a meter or a user assignment in error. False while there are not both."""
    from pyocmf import IssueSeverity
    from pyocmf.enums.reading import is_end_reason

    begin = end = None
    for record in records:
        one = _read(plain(opened(record).signed_meter_data) or "")
        reasons = [] if one is None else [reading.TX for reading in one.payload.RD]
        if begin is None and "B" in reasons:
            begin = one
        if any(is_end_reason(reason) for reason in reasons):
            end = one
    if begin is None or end is None:
        return False
    whole = any(reading.TX == "B" for reading in end.payload.RD)
    issues = end.check_eichrecht() if whole else begin.check_eichrecht(end)
    return any(issue.severity == IssueSeverity.ERROR for issue in issues)


def _read(text: str) -> "OCMF | None":
    from pyocmf import OCMF, PyOCMFError

    with warnings.catch_warnings():
        # Deviations that the transparency software takes are taken here.
        warnings.simplefilter("ignore")
        try:
            return OCMF.from_string(text)
        except (PyOCMFError, ValueError, TypeError, KeyError, AttributeError):
            return None


def _flaw(one: "OCMF", key: str | None) -> Flaw | None:
    from pyocmf import PyOCMFError, SignatureVerificationError

    if key is None:
        return Flaw.KEY_MISSING
    try:
        return None if one.verify_signature(key) else Flaw.SIGNATURE_WRONG
    except SignatureVerificationError as fault:
        return Flaw.KEY_UNUSABLE if "key" in str(fault).lower() else Flaw.SIGNATURE_WRONG
    except (PyOCMFError, ValueError):
        return Flaw.KEY_UNUSABLE


def _registers(one: "OCMF") -> tuple[Register, ...]:
    """Readings of the registers that may be billed by, in Wh; compensated for losses where there are such."""
    from pyocmf.enums.reading import is_end_reason

    lawful = [reading for reading in one.payload.RD if reading.RI is not None and reading.RI.is_law_relevant]
    compensated = [reading for reading in lawful if reading.RI is not None and reading.RI.is_loss_compensated]
    return tuple(
        Register(
            begin=reading.TX == "B",
            end=is_end_reason(reading.TX),
            wh=Fraction(reading.RV) * _WH[str(reading.RU)],
            at=reading.timestamp,
            meter=one.payload.MS or one.payload.GS,
        )
        for reading in compensated or lawful
        if reading.RV is not None and str(reading.RU) in _WH
    )


def _unhex(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None


def _unbase64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
