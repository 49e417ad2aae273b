"""What can go wrong when a site is set up for smart charging, or something is said of it."""

from collections.abc import Sequence

from forecourt.energy.model import Fault
from forecourt.platform.errors import ForecourtError

#: Faults that one refusal names.
MAX_NAMED = 100


class ExternalUnknown(ForecourtError):
    """Nobody else limits the station there. `GET /api/v1/stations/{station}/charging-limits` lists who does."""

    status = 404
    code = "external-limit-unknown"


class Faulty(ForecourtError):
    """What was sent holds nonsense, so nothing was stored. Mend what is named and send it again."""

    status = 422
    code = "refused"
    #: Each thing that is wrong, for who speaks another language.
    faults: Sequence[Fault] = ()


class ElectricsRefused(Faulty):
    """The electrics hold nonsense, so nothing was stored. Mend what is named and send them again."""

    status = 422
    code = "electrics-refused"


class ElectricsMissing(ForecourtError):
    """The site has no electrics yet. Set them up first."""

    status = 409
    code = "electrics-missing"


class SmartChargingRefused(Faulty):
    """A site can't be charged in this way. Mend what is named and send it again."""

    status = 422
    code = "smart-charging-refused"


class TariffRefused(Faulty):
    """The tariff holds nonsense, so nothing was stored. Mend what is named and send it again."""

    status = 422
    code = "tariff-refused"


class TariffMissing(ForecourtError):
    """Nobody said yet what this site pays. Store its tariff first."""

    status = 404
    code = "tariff-missing"


class LimitRefused(Faulty):
    """The limit can't be stored. Mend what is named and send it again."""

    status = 422
    code = "limit-refused"


class LimitUnknown(ForecourtError):
    """This site has no such limit. The list of its limits shows those that it has."""

    status = 404
    code = "limit-unknown"


class TooManyLimits(ForecourtError):
    """The site has as many limits to come as it can have. Withdraw some first."""

    status = 409
    code = "too-many-limits"


class FeedRefused(Faulty):
    """The feed holds nonsense, so nothing was stored. Mend what is named and send it again."""

    status = 422
    code = "feed-refused"


class FeedUnknown(ForecourtError):
    """This site has no such feed. The list of its feeds shows those that it has."""

    status = 404
    code = "feed-unknown"


class FeedExists(ForecourtError):
    """The site has a feed of this name already. Choose another name."""

    status = 409
    code = "feed-exists"


class TooManyFeeds(ForecourtError):
    """The site has as many feeds as it can have. Remove one first."""

    status = 409
    code = "too-many-feeds"


class ReadingsRefused(ForecourtError):
    """The readings can't be stored. Mend what is named and send them again."""

    status = 422
    code = "readings-refused"


class BatteryUnknown(ForecourtError):
    """This site has no such battery. Its electrics show those that it has."""

    status = 404
    code = "battery-unknown"


class BatteryStatesRefused(ForecourtError):
    """What the battery says can't be stored. Mend what is named and send it again."""

    status = 422
    code = "battery-states-refused"


class NeedsRefused(ForecourtError):
    """The needs contradict themselves. Mend what is named and send them again."""

    status = 422
    code = "needs-refused"


class NeedsOver(ForecourtError):
    """A time by which something is needed is over already. Send one that is to come, or leave it out."""

    status = 422
    code = "needs-over"


class NotPlanned(ForecourtError):
    """No plan of this site counted at that time, or it is no longer kept. Choose a later time."""

    status = 404
    code = "not-planned"


class TooManyPlanned(ForecourtError):
    """Other plans are being made again right now. Try again in a moment."""

    status = 429
    code = "too-many-planned"


class SavingsRefused(ForecourtError):
    """Savings are counted for 92 days at most, which end after they begin. Choose other days."""

    status = 422
    code = "savings-refused"


def refusal(kind: type[Faulty], faults: Sequence[Fault]) -> Faulty:
    """The refusal for these faults, which names each of them."""
    named = [{"of": fault.of, "id": fault.id, "detail": fault.text} for fault in faults[:MAX_NAMED]]
    told = "; ".join(str(fault) for fault in faults[:5])
    more = f", and {len(faults) - 5} more" if len(faults) > 5 else ""
    refused = kind(f"{told}{more}. Mend it and send it again.", faults=named)
    refused.faults = faults[:MAX_NAMED]
    return refused
