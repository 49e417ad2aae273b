"""What the routes of access have in common: fields with their limits, and what the routes are given."""

from datetime import datetime
from typing import Annotated

from litestar.di import NamedDependency
from litestar.params import PathParameter
from msgspec import Meta

from forecourt.access.invitations import Invitations
from forecourt.access.limits import MAX_SITES, SiteDirectory
from forecourt.platform.clock import Clock
from forecourt.platform.text import NAME_LINE

#: Names the sites of an organisation, which a room above knows.
Sites = NamedDependency[SiteDirectory]
Inviter = NamedDependency[Invitations]
#: The codes of the languages that pages and letters come in.
Spoken = NamedDependency[tuple[str, ...]]
Now = NamedDependency[Clock]

Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=NAME_LINE)]
EMAIL_PATTERN = r"^[^\s@\x00-\x1f\x7f]{1,64}@[^\s@\x00-\x1f\x7f]{1,189}$"
Email = Annotated[str, Meta(min_length=3, max_length=254, pattern=EMAIL_PATTERN, examples=["ada@example.org"])]
Moment = Annotated[datetime, Meta(tz=True, examples=["2030-01-01T00:00:00Z"])]
Language = Annotated[str, Meta(pattern="^[a-z]{2,3}$", examples=["en", "de"])]
SiteLimit = Annotated[
    Annotated[list[str | int], Meta(max_length=MAX_SITES)] | None,
    Meta(
        description="The slugs or ids of the sites to be limited to, each with all below it; null: not limited.",
        examples=[["north-yard"]],
    ),
]
SitesShown = Annotated[
    list[str] | None, Meta(description="The slugs of the sites they are limited to; null: not limited.")
]
Number = Annotated[int, PathParameter(ge=1, le=2**31 - 1, description="The id.")]
