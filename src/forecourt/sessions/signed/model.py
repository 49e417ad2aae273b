"""What the signed records of a session prove. Pure; how one is read and its signature checked is in `records`.

A bill in Germany may only go by a pair of begin and end that anybody can verify (MessEG §33, MessEV §23). The registers
that OCPP reports beside the records may be others than those that are signed (Open Charge Alliance, Signed Meter Values
in OCPP, 5.2), so a verified pair says by itself how much energy was delivered.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from typing import Final

from msgspec import Struct

from forecourt.sessions.review import REGISTER_STEP_WH

#: By how much the signed energy and that of the other registers may differ, beside one coarse register's step.
DIFFERS_PERCENT: Final = 2
#: No meter of a station has counted more, in Wh; what says so isn't billed by.
MAX_WH: Final = 10**12
#: Powers of ten by which registers are told.
MAX_SCALER: Final = 6
#: So far before its session began or after it ended may a reading say to be: meters and stations have clocks of their
#: own, and some meters say the local time without a zone.
MAX_AWAY: Final = timedelta(days=1)
#: By so much may readings lie further apart than the session was long: clocks drift and change with summer time.
MAX_LONGER: Final = timedelta(hours=2)
#: A meter's clock that says less was never set, and says nothing.
CLOCK_SET: Final = datetime(2015, 1, 1, tzinfo=UTC)
#: Countries where nothing is billed by records that could not be verified, ISO 3166.
STRICT: Final = frozenset({"DE"})


class Trust(StrEnum):
    """What the records of a session are worth together."""

    NONE = "none"
    """The station sent no signed records."""
    VERIFIED = "verified"
    """A genuine begin and a genuine end of one meter: the energy between them is proven."""
    UNPROVEN = "unproven"
    """Nothing contradicts them, and they prove nothing: the key is missing, or the format is not known here."""
    BROKEN = "broken"
    """They contradict themselves, their key or the session."""


class Flaw(StrEnum):
    """What is wrong with the records of a session; the value is what the API shows."""

    SIGNATURE_WRONG = "signature-wrong"
    RECORD_UNREADABLE = "record-unreadable"
    KEY_OTHER = "key-other"
    KEY_UNUSABLE = "key-unusable"
    BEGINS_CONTRADICT = "begins-contradict"
    ENDS_CONTRADICT = "ends-contradict"
    PAIR_UNFIT = "pair-unfit"
    ENERGY_DIFFERS = "energy-differs"
    PAIR_MISSING = "pair-missing"
    KEY_MISSING = "key-missing"
    FORMAT_UNKNOWN = "format-unknown"


#: Flaws that prove nothing against a session; any other breaks it.
HARMLESS: Final = frozenset({Flaw.PAIR_MISSING, Flaw.KEY_MISSING, Flaw.FORMAT_UNKNOWN})


class Role(StrEnum):
    """What a reading was taken for."""

    BEGIN = "begin"
    BETWEEN = "between"
    END = "end"


class Register(Struct, frozen=True, kw_only=True):
    """One reading of a register that may be billed by, out of a record: exact Wh. `page`: the meter's running number of
    the reading, which rises, where the format has one. `at`: when it was taken, by the meter's clock, which may be
    local time taken for UTC; None where it says that it doesn't know."""

    begin: bool
    end: bool
    wh: Fraction
    meter: str | None
    page: int | None = None
    at: datetime | None = None


class Checked(Struct, frozen=True, kw_only=True):
    """One signed record after its check: `flaw` None where its signature is genuine. `format` as the transparency
    software names it, or else the station; `key` the public key in hex of its DER that the record came with, if any.

    `bond`: what all records of one transaction have in common beside the meter, as who charges and which transaction it
    is; None where the format is held together otherwise. `faulty`: the meter itself says that it is in error.
    """

    format: str
    flaw: Flaw | None
    registers: tuple[Register, ...] = ()
    key: str | None = None
    bond: str | None = None
    faulty: bool = False


class Verification(Struct, frozen=True, kw_only=True):
    """What was found. `energy_wh`, `begin_wh`, `end_wh`: of the verified pair, whole Wh, rounded down, None unless
    VERIFIED. `key`: by which the records were checked, hex of its DER. `records`: how many different ones there are."""

    trust: Trust
    flaws: tuple[Flaw, ...] = ()
    energy_wh: int | None = None
    begin_wh: int | None = None
    end_wh: int | None = None
    meter: str | None = None
    key: str | None = None
    records: int = 0


def judge(
    checked: Sequence[Checked], *, key: str | None, energy_wh: int | None, unfit: bool, over: bool
) -> Verification:
    """What all records of a session are worth together.

    `energy_wh` is what the session's other registers say; `unfit`: begin and end don't belong together by the law's
    rules. The end may be missing while a session runs, which is no flaw then.
    """
    if not checked:
        return Verification(trust=Trust.NONE)
    flaws = {each.flaw for each in checked if each.flaw is not None}
    whole_ones = [each for each in checked if each.flaw is None]
    genuine = [register for each in whole_ones for register in each.registers]
    begins = {register.wh for register in genuine if register.begin}
    ends = {register.wh for register in genuine if register.end}
    if len(begins) > 1:
        flaws.add(Flaw.BEGINS_CONTRADICT)
    if len(ends) > 1:
        flaws.add(Flaw.ENDS_CONTRADICT)
    said = [register for each in checked for register in each.registers]
    whole = any(register.begin for register in said) and any(register.end for register in said)
    if over and not whole and Flaw.FORMAT_UNKNOWN not in flaws:
        flaws.add(Flaw.PAIR_MISSING)
    proven = max(ends) - min(begins) if begins and ends else None
    if unfit or _strangers(whole_ones) or _out_of_order(genuine) or (proven is not None and proven < 0):
        flaws.add(Flaw.PAIR_UNFIT)
    if proven is not None and energy_wh is not None and _differs(proven, energy_wh):
        flaws.add(Flaw.ENERGY_DIFFERS)
    trust = _trust(flaws, proven)
    found = Verification(
        trust=trust, flaws=tuple(flaw for flaw in Flaw if flaw in flaws), key=key, records=len(checked)
    )
    if trust is not Trust.VERIFIED or proven is None:
        return found
    return Verification(
        trust=trust,
        energy_wh=int(proven),
        begin_wh=int(min(begins)),
        end_wh=int(max(ends)),
        meter=genuine[0].meter,
        key=key,
        records=len(checked),
    )


def moment(seconds: int) -> datetime | None:
    """A time of a meter's clock in seconds since 1970; None where that was never set."""
    at = datetime.fromtimestamp(seconds, UTC)
    return at if at >= CLOCK_SET else None


def elsewhere(checked: Sequence[Checked], began: datetime, ended: datetime) -> bool:
    """Whether genuine readings were taken at another time than that of the session, so that they are of another one:
    more than MAX_AWAY from it, or further apart than it was long by more than MAX_LONGER."""
    times = [each.at for one in checked if one.flaw is None for each in one.registers if each.at is not None]
    if not times:
        return False
    first, last = min(times), max(times)
    return first < began - MAX_AWAY or last > ended + MAX_AWAY or last - first > ended - began + MAX_LONGER


def reading(value: int, scaler: int) -> Fraction | None:
    """A register of so many times ten to the power of `scaler` Wh; None where no meter can say so."""
    if abs(scaler) > MAX_SCALER:
        return None
    wh = value * Fraction(10) ** scaler
    return wh if 0 <= wh <= MAX_WH else None


def holds_back(trust: Trust, country: str | None, *, signs: bool) -> bool:
    """Whether nothing may be billed before a person has looked: broken ones anywhere; where the law of the country
    (ISO 3166) asks for proof unproven ones, and none where the meter signs (`signs`), so that a station which stops
    signing doesn't escape."""
    if trust is Trust.BROKEN:
        return True
    return country in STRICT and (trust is Trust.UNPROVEN or (trust is Trust.NONE and signs))


def _strangers(genuine: Sequence[Checked]) -> bool:
    """Whether these are not all of one meter and one transaction, or a meter says that it is in error."""
    meters = {register.meter for each in genuine for register in each.registers}
    bonds = {each.bond for each in genuine if each.bond is not None}
    return len(meters) > 1 or len(bonds) > 1 or any(each.faulty for each in genuine)


def _out_of_order(genuine: Sequence[Register]) -> bool:
    """Whether the meter's running numbers say otherwise than the readings: energy running backwards, two readings of
    one number, a begin after others or an end before them, or one reading for both."""
    paged = sorted({(each.page, each.wh) for each in genuine if each.page is not None})
    if len({page for page, _ in paged}) < len(paged) or any(a[1] > b[1] for a, b in pairwise(paged)):
        return True
    pages = [page for page, _ in paged]
    begins = {each.page for each in genuine if each.begin and each.page is not None}
    ends = {each.page for each in genuine if each.end and each.page is not None}
    return not begins <= set(pages[:1]) or not ends <= set(pages[-1:]) or bool(begins & ends)


def _trust(flaws: Iterable[Flaw], proven: Fraction | None) -> Trust:
    if set(flaws) - HARMLESS:
        return Trust.BROKEN
    return Trust.VERIFIED if not set(flaws) and proven is not None else Trust.UNPROVEN


def _differs(proven: Fraction, energy_wh: int) -> bool:
    return abs(proven - energy_wh) > REGISTER_STEP_WH + Fraction(DIFFERS_PERCENT, 100) * energy_wh
