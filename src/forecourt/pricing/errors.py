"""What can go wrong when something is priced."""

from forecourt.platform.errors import ForecourtError


class TariffUnreadable(ForecourtError):
    """The tariff holds what can't be meant. Mend what is named and send it again."""

    status = 422
    code = "tariff-unreadable"


class SessionUnpriceable(ForecourtError):
    """The session can't be priced as it was sent. Mend what is named and send it again."""

    status = 422
    code = "session-unpriceable"
