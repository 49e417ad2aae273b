"""What the review's findings and the states of a session mean, for people. Marked; translated where it is shown."""

from typing import Final

from forecourt.sessions.review import Finding
from forecourt.ui.i18n import mark

#: Each finding: what it is called, and what it means for who looks at the session.
FINDINGS: Final[dict[str, tuple[str, str]]] = {
    Finding.SEQUENCE_GAP: (
        mark("Reports are missing"),
        mark(
            "The station numbers its reports; some between the first and the last never came. The energy is right as"
            " long as start and end came."
        ),
    ),
    Finding.START_MISSING: (
        mark("The start is missing"),
        mark(
            "The first report never came. The start shown is the earliest that is known, and the energy may be too low."
        ),
    ),
    Finding.END_MISSING: (
        mark("The end is missing"),
        mark(
            "The station never said that it ended. It was closed from evidence, and counts no energy beyond what was"
            " measured."
        ),
    ),
    Finding.METER_MISSING: (
        mark("No energy can be told"),
        mark(
            "A reading of the register at the start or the end is missing. Ask the station for its meter values, or"
            " read the meter."
        ),
    ),
    Finding.METER_BACKWARDS: (
        mark("The meter ran backwards"),
        mark(
            "The register at the end is below the one at the start. The meter was changed or reset: look at the"
            " station."
        ),
    ),
    Finding.SAMPLE_ABOVE_END: (
        mark("A reading lies above the end"),
        mark(
            "A value measured during the session is higher than the one at its end: the end may be wrong, and the"
            " energy too low."
        ),
    ),
    Finding.TOKEN_NOT_ACCEPTED: (
        mark("The token may not charge"),
        mark(
            "The station let it charge all the same, most likely while it was offline. Check its offline settings"
            " and local list."
        ),
    ),
    Finding.METER_START_LATE: (
        mark("The first reading came late"),
        mark("The start said no register: the earliest one that was measured counts, and the energy may be too low."),
    ),
    Finding.STOP_CONTRADICTED: (
        mark("The station ended it more than once"),
        mark("It said several ends that differ. The first counts, the others are kept."),
    ),
    Finding.END_BEFORE_START: (
        mark("It ends before it starts"),
        mark("The times that the station said can't both be right. Check the clock of the station."),
    ),
    Finding.NO_CONNECTOR: (
        mark("No connector is named"),
        mark("The station started it at connector 0, which is the station itself. Its energy is right all the same."),
    ),
    Finding.ARRIVAL_CLOCK: (
        mark("The station's clock was wrong"),
        mark("Some times here are those at which reports arrived. Check the clock of the station."),
    ),
    Finding.ENERGY_IMPLAUSIBLE: (
        mark("More energy than possible"),
        mark(
            "It counts more energy than its station could have delivered in the time. The register may have jumped:"
            " compare it with the curve."
        ),
    ),
    Finding.EVSE_SHARED: (
        mark("Two sessions at one EVSE"),
        mark(
            "Another session was at this EVSE at the same time, but an EVSE serves one car: one of the two is a ghost."
        ),
    ),
    Finding.SIGNATURE_BROKEN: (
        mark("The signed meter values are broken"),
        mark(
            "They contradict themselves, their key or the session. It is not billed until somebody has looked and"
            " released it."
        ),
    ),
    Finding.SIGNATURE_UNPROVEN: (
        mark("The signed meter values are not verified"),
        mark(
            "Mostly the public key of the meter is missing. Say it for the station by the API; then it is checked"
            " again. Where the meter signs and sent nothing, release the session once you have looked."
        ),
    ),
    Finding.COST_DIFFERS: (
        mark("The station reckons another cost"),
        mark(
            "What it showed its driver is not what is billed. Both stand beside each other below; mostly it has another"
            " tariff than the one that counts."
        ),
    ),
}
