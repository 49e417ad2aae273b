"""What can't be said of hardware."""

from forecourt.platform.errors import ForecourtError


class ChangeRefused(ForecourtError):
    """Hardware is at its station alone, power units at an EVSE, cables at an EVSE and a connector, which the
    station has if it told of any; and nothing is put in or taken out before 2000 or in the future. Mend what was
    said."""

    status = 422
    code = "hardware-change-refused"


class ChangeExists(ForecourtError):
    """Something is said of this hardware and that day already. Take it back first, to say something else."""

    status = 409
    code = "hardware-change-exists"


class ChangeUnknown(ForecourtError):
    """Nobody said that of hardware, or it was taken back. List what is said."""

    status = 404
    code = "hardware-change-unknown"


class TooManyChanges(ForecourtError):
    """More is said of hardware than is kept. Take back what is oldest."""

    status = 409
    code = "too-many-hardware-changes"
