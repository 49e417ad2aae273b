"""Signed records in the Open Charge Metering Format (OCMF 1.0 to 1.4): read, and their signatures checked. No I/O.

`pyocmf` does both; it is loaded when the first record is met, as most processes never meet one.
"""

import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from forecourt.sessions.signed.keys import key_of
from forecourt.sessions.signed.model import Checked, Flaw, Register

if TYPE_CHECKING:
    from pyocmf import OCMF

NAME: Final = "OCMF"
MARK: Final = "OCMF|"
_WH: Final = {"Wh": Fraction(1), "kWh": Fraction(1000)}


def check(text: str, key: str | None) -> Checked:
    """One record, as text, checked by `key`, hex of a DER."""
    one = _read(text)
    if one is None:
        return Checked(format=NAME, flaw=Flaw.RECORD_UNREADABLE)
    own = key_of(one.embedded_public_key or "")
    return Checked(format=NAME, flaw=_flaw(one, key), registers=_registers(one), key=own)


def own_key(text: str) -> str | None:
    """The public key that a record came with, if any: hex of its DER."""
    embedded = text.split("|", 3)[3:]
    return key_of(embedded[0]) if embedded else None


def unfit(texts: Sequence[str]) -> bool:
    """Whether begin and end don't make a transaction by which the law lets bill: another register or unit, time or
    energy running backwards, a meter or a user assignment in error. False while there are not both."""
    from pyocmf import IssueSeverity
    from pyocmf.enums.reading import is_end_reason

    begin = end = None
    for text in texts:
        one = _read(text)
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
    from pyocmf.enums.reading import TimeStatus, is_end_reason

    lawful = [reading for reading in one.payload.RD if reading.RI is not None and reading.RI.is_law_relevant]
    compensated = [reading for reading in lawful if reading.RI is not None and reading.RI.is_loss_compensated]
    return tuple(
        Register(
            begin=reading.TX == "B",
            end=is_end_reason(reading.TX),
            wh=Fraction(reading.RV) * _WH[str(reading.RU)],
            meter=one.payload.MS or one.payload.GS,
            at=_time(reading.TM.timestamp) if reading.TM.status == TimeStatus.SYNCHRONIZED else None,
        )
        for reading in compensated or lawful
        if reading.RV is not None and str(reading.RU) in _WH
    )


def _time(said: datetime) -> datetime:
    return said if said.tzinfo is not None else said.replace(tzinfo=UTC)
