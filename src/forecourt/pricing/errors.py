"""What can go wrong when something is priced, and with tariffs."""

from forecourt.platform.errors import ForecourtError


class TariffUnreadable(ForecourtError):
    """The tariff holds what can't be meant. Mend what is named and send it again."""

    status = 422
    code = "tariff-unreadable"


class SessionUnpriceable(ForecourtError):
    """The session can't be priced as it was sent. Mend what is named and send it again."""

    status = 422
    code = "session-unpriceable"


class TariffUnknown(ForecourtError):
    """There is no such tariff, or none of this version. `GET /api/v1/tariffs` lists those that exist."""

    status = 404
    code = "tariff-unknown"


class TariffEnded(ForecourtError):
    """The tariff has ended, so it is neither changed nor assigned any more. Make another one."""

    status = 409
    code = "tariff-ended"


class PastRefused(ForecourtError):
    """A price counts from now on or later: what sessions began by stays as it was. Leave the time out to begin now."""

    status = 422
    code = "past-refused"


class ScopeRefused(ForecourtError):
    """It can't be told where the tariff shall count. Name a site or a station of this organisation, not both."""

    status = 422
    code = "scope-refused"


class AssignmentUnknown(ForecourtError):
    """There is no such assignment of a tariff. `GET /api/v1/tariff-assignments` lists those that exist."""

    status = 404
    code = "assignment-unknown"


class TariffUnsayable(ForecourtError):
    """OCPI has no word for by what the elements of this tariff count, so nothing is left. Add one that it can say."""

    status = 409
    code = "tariff-unsayable"


class PlaceUnknown(ForecourtError):
    """There is no such station in service. `GET /api/v1/stations` lists those that exist."""

    status = 404
    code = "place-unknown"
