"""What is found of signed meter values, for people. Marked; translated where it is shown."""

from typing import Final

from forecourt.sessions.signed.model import Flaw, Trust
from forecourt.ui.i18n import mark

TRUSTS: Final[dict[str, str]] = {
    Trust.NONE: mark("The station sent no signed meter values."),
    Trust.VERIFIED: mark("Verified: begin and end are genuine, and the energy between them is proven."),
    Trust.UNPROVEN: mark("Not verified: nothing contradicts the signed values, and they prove nothing yet."),
    Trust.BROKEN: mark("Broken: the signed values contradict themselves, their key or the session."),
}

#: Each flaw: what happened, and what to do.
FLAWS: Final[dict[str, str]] = {
    Flaw.SIGNATURE_WRONG: mark(
        "A signature doesn't fit its record and the meter's key. The record was changed on its way, or the key is that"
        " of another meter: compare the key with the one at the meter."
    ),
    Flaw.RECORD_UNREADABLE: mark(
        "A record can't be read. It was cut off or changed on its way; look at it in the message log, and update the"
        " station's firmware if it happens again."
    ),
    Flaw.KEY_OTHER: mark(
        "The station says another key than the one that counts for this meter. If the meter was exchanged, say the new"
        " key for the station, with the day of the exchange."
    ),
    Flaw.KEY_UNUSABLE: mark(
        "The meter's key doesn't fit the way the record was signed. Say the key that stands at the meter."
    ),
    Flaw.BEGINS_CONTRADICT: mark("Genuine records say different registers at the beginning."),
    Flaw.ENDS_CONTRADICT: mark("Genuine records say different registers at the end."),
    Flaw.PAIR_UNFIT: mark(
        "Begin and end don't make one transaction: another register or meter, time or energy running backwards, a time"
        " that isn't the session's, or an error that the meter itself reports."
    ),
    Flaw.ENERGY_DIFFERS: mark(
        "The signed energy is another than that of the registers which the station reported. Look which is right"
        " before anybody is billed."
    ),
    Flaw.PAIR_MISSING: mark("There is no signed begin, or no signed end. The station may still send it."),
    Flaw.KEY_MISSING: mark(
        "The public key of the meter isn't known. Say it for the station by the API; it stands at the meter."
    ),
    Flaw.FORMAT_UNKNOWN: mark(
        "The records are in a format that can't be checked here. They are kept byte for byte, for the transparency"
        " software."
    ),
}
