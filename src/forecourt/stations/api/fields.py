"""What the routes of sites and stations have in common: fields with their limits, and what the routes are given."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter
from msgspec import Meta

from forecourt.platform.text import NAME_LINE
from forecourt.stations.commands import Commander
from forecourt.stations.model import IDENTITY_PATTERN

StationCommander = NamedDependency[Commander]
#: Tells every gateway that what lets stations connect has changed, and waits for them a little; never fails.
StationRefresher = NamedDependency[Callable[[], Awaitable[None]]]
#: The deployment's, under which passwords are digested.
SecretKey = NamedDependency[bytes]

Identity = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        pattern=IDENTITY_PATTERN,
        description="The identity by which the station connects: the last segment of its OCPP address.",
        examples=["CP1"],
    ),
]
IdentityInPath = Annotated[
    str, PathParameter(min_length=1, max_length=255, pattern=IDENTITY_PATTERN, description="The station's id.")
]
#: A site by its slug or by its id.
SITE_PATTERN = "^[a-z0-9-]{1,63}$"
#: Filters of lists of any room.
OfStation = Annotated[
    str | None,
    QueryParameter(description="Only those of the station of this id.", max_length=255, pattern=IDENTITY_PATTERN),
]
AtSite = Annotated[str | None, QueryParameter(description="Only those at the site of this slug.", pattern=SITE_PATTERN)]
OfConnected = Annotated[
    bool | None, QueryParameter(description="Only of stations that are connected, or that are not.")
]
Text = Annotated[str, Meta(min_length=1, max_length=200, pattern=NAME_LINE)]
Latitude = Annotated[float, Meta(ge=-90, le=90, description="Degrees north.", examples=[52.52])]
Longitude = Annotated[float, Meta(ge=-180, le=180, description="Degrees east.", examples=[13.405])]
SiteName = Annotated[
    str | int,
    Meta(description="The slug or the id of the site where it stands.", examples=["north-yard"]),
]
