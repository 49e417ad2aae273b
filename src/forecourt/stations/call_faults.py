"""What can go wrong with a call to a station, and which of it a gateway says by which word."""

from typing import Final

from forecourt.platform.errors import ForecourtError
from forecourt.stations.errors import StationRetired


class StationUnknown(ForecourtError):
    """There is no such station. Check the identity; it is compared with case."""

    status = 404
    code = "station-unknown"
    unsent = True


class StationOffline(ForecourtError):
    """The station is not connected. It can be called when it is back; nothing was sent."""

    status = 409
    code = "station-offline"
    unsent = True


class StationTimeout(ForecourtError):
    """The station did not answer in time. Whether it obeyed is unknown; a late answer is recorded with the command."""

    status = 504
    code = "station-timeout"


class StationLost(ForecourtError):
    """The station's connection closed before it answered. Whether it obeyed is unknown: look before you try again."""

    status = 504
    code = "station-lost"


class OutcomeUnrecorded(ForecourtError):
    """The call was sent, but what came of it was not stored. It may have been obeyed: look before you try again."""

    status = 504
    code = "outcome-unrecorded"


class StationAnswerInvalid(ForecourtError):
    """The station answered in a way that can't be understood. It may have obeyed: look before you try again."""

    status = 502
    code = "station-answer-invalid"


class StationNotAnswering(ForecourtError):
    """The station did not answer the calls before this one in time, so this one was not sent. Look into its message log
    for what it last said, and try again when it answers."""

    status = 503
    code = "station-not-answering"
    unsent = True


class StationNotAccepted(ForecourtError):
    """The station is not accepted, and must not be asked to start or stop charging until it is. Set its registration to
    `accepted` and wait until it has booted again."""

    status = 409
    code = "station-not-accepted"
    unsent = True


class CallOverdue(ForecourtError):
    """The call reached the station's gateway after its deadline, so it was not sent. Try again; if it happens again,
    compare the clocks of the hosts."""

    status = 503
    code = "call-overdue"
    unsent = True


class StationBusy(ForecourtError):
    """Too many calls wait for this station already; this one was not sent. Try again when it has answered some."""

    status = 503
    code = "station-busy"
    unsent = True


class PasswordOpen(ForecourtError):
    """A change of this station's password is under way, or several have an unknown outcome; this one was not sent. Wait
    for the answer, or settle it by giving the registry the password that the station has."""

    status = 409
    code = "password-open"


class CallInvalid(ForecourtError):
    """The payload does not fit the message's schema in the station's version. Correct what is named."""

    status = 422
    code = "call-invalid"
    unsent = True


#: What may go wrong with any call, as routes list it.
COMMAND_PROBLEMS: Final[list[type[ForecourtError]]] = [
    StationUnknown,
    StationRetired,
    StationOffline,
    StationTimeout,
    StationLost,
    OutcomeUnrecorded,
    StationAnswerInvalid,
    StationBusy,
    StationNotAnswering,
    StationNotAccepted,
    CallOverdue,
    CallInvalid,
]


class StationLacks(ForecourtError):
    """The station has said that it doesn't have what would be asked of it, so it was not asked again. It is when it has
    booted with another firmware."""

    status = 409
    code = "station-lacks"
    unsent = True


#: What a station that is not accepted must not be asked (OCPP 1.6 4.2, 2.0.1 B02.FR.05). All else may be, so that it
#: can be configured.
ACCEPTED_ONLY: Final = frozenset(
    ("RemoteStartTransaction", "RemoteStopTransaction", "RequestStartTransaction", "RequestStopTransaction")
)
#: What came of a call that brought no answer, by the flag of CallAnswer: its error, and how it is recorded.
FAILURES: Final[tuple[tuple[str, type[ForecourtError], str], ...]] = (
    ("offline", StationOffline, "offline"),
    ("busy", StationBusy, "unsent"),
    ("blocked", StationNotAnswering, "unsent"),
    ("overdue", CallOverdue, "unsent"),
    ("timeout", StationTimeout, "timeout"),
    ("lost", StationLost, "unknown"),
    ("unreadable", StationAnswerInvalid, "unknown"),
)
