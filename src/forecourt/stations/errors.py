"""What can go wrong with sites and stations in the registry."""

from forecourt.access import Actor
from forecourt.platform.errors import ForecourtError


class QuarantinedUnknown(ForecourtError):
    """There is no such message in the quarantine. `GET /api/v1/quarantine` lists those that exist."""

    status = 404
    code = "quarantined-unknown"


class MessageUnknown(ForecourtError):
    """The station's log has no such message. It may have been dropped for its age; the list shows what is there."""

    status = 404
    code = "message-unknown"


class CommandUnknown(ForecourtError):
    """Nothing of this id was asked of the station, or it is no longer kept. The list of its commands shows what was."""

    status = 404
    code = "command-unknown"


class KnockUnknown(ForecourtError):
    """No unknown station of this id has knocked lately. `GET /api/v1/inbox` lists those that have."""

    status = 404
    code = "knock-unknown"


class PasswordNotKept(ForecourtError):
    """There is no password to keep: it showed none, or several. Leave `keep_password` out to have one made for it."""

    status = 409
    code = "password-not-kept"


class PasswordTwice(ForecourtError):
    """A password is given and the one that it showed shall be kept. Choose one of the two."""

    status = 422
    code = "password-twice"


class StationExists(ForecourtError):
    """A station with this id exists already. Ids are unique in the whole deployment: choose another."""

    status = 409
    code = "station-exists"


class StationRetired(ForecourtError):
    """This station is retired. Register its id anew to take it into service again."""

    status = 409
    code = "station-retired"


class IdentityFixed(ForecourtError):
    """The id of a station can't change, because it is how the station names itself. Register the new id instead."""

    status = 409
    code = "identity-fixed"


class PositionRefused(ForecourtError):
    """A position has a latitude and a longitude. Give both or neither."""

    status = 422
    code = "position-refused"


class SiteUnknown(ForecourtError):
    """There is no such site. `GET /api/v1/sites` lists those that exist."""

    status = 404
    code = "site-unknown"


class SiteInUse(ForecourtError):
    """Stations stand at this site. Move them to another site or retire them first."""

    status = 409
    code = "site-in-use"


class SiteRefused(ForecourtError):
    """There is no site with this id or slug to put it at. Create that site by `POST /api/v1/sites` first."""

    status = 422
    code = "site-refused"


def no_site_for(actor: Actor) -> SiteRefused:
    """SiteRefused with what the actor can do about it: who is limited to sites makes none elsewhere."""
    if actor.sites is None:
        return SiteRefused()
    return SiteRefused(
        "None of the sites that you are limited to has this id or slug. Name one of them: `GET /api/v1/sites` lists"
        " those that you see."
    )


class SiteExists(ForecourtError):
    """A site with this slug exists already. Choose another, or leave it out to have one made from the name."""

    status = 409
    code = "site-exists"


class PeriodRefused(ForecourtError):
    """This period can't be shown. It must begin before it ends and be 31 days long at the most."""

    status = 422
    code = "period-refused"


class SiteNeeded(ForecourtError):
    """You are limited to some sites. Name one of them as the place where it shall be."""

    status = 422
    code = "site-needed"


class SiteTreeRefused(ForecourtError):
    """The site can't stand there: a site is part of another one at most ten deep, and never of itself."""

    status = 422
    code = "site-tree-refused"


class TimeZoneRefused(ForecourtError):
    """This time zone is not known. Use a name of the IANA database, such as Europe/Berlin."""

    status = 422
    code = "time-zone-refused"
