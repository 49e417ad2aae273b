"""The form of a site: what it sends, how each field must be, and what a refusal says of which field."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from forecourt.platform.errors import ForecourtError
from forecourt.platform.text import NAME_LINE, ONE_LINE, seen
from forecourt.stations.errors import (
    PositionRefused,
    SiteExists,
    SiteNeeded,
    SiteRefused,
    SiteTreeRefused,
    TimeZoneRefused,
)
from forecourt.stations.store import ShownSite
from forecourt.ui.i18n import mark

MAX_FIELD: Final = 200


class SiteForm(Struct, frozen=True, kw_only=True):
    """What the form sends."""

    name: Annotated[str, Meta(max_length=1000)] = ""
    slug: Annotated[str, Meta(max_length=1000)] = ""
    #: The slug of the site that it is part of.
    parent: Annotated[str, Meta(max_length=1000)] = ""
    address: Annotated[str, Meta(max_length=1000)] = ""
    city: Annotated[str, Meta(max_length=1000)] = ""
    country: Annotated[str, Meta(max_length=1000)] = ""
    time_zone: Annotated[str, Meta(max_length=1000)] = ""
    latitude: Annotated[str, Meta(max_length=1000)] = ""
    longitude: Annotated[str, Meta(max_length=1000)] = ""


#: How each field must be, as the API takes it.
RULES: Final[Mapping[str, tuple[Any, str]]] = {
    "name": (
        Annotated[str, Meta(min_length=1, max_length=MAX_FIELD, pattern=NAME_LINE)],
        mark("must be one line of 1 to 200 characters"),
    ),
    "slug": (
        Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")],
        mark("may hold small letters, digits and hyphens, 63 at most"),
    ),
    "address": (
        Annotated[str, Meta(max_length=MAX_FIELD, pattern=ONE_LINE)],
        mark("must be one line of 200 characters at most"),
    ),
    "city": (
        Annotated[str, Meta(max_length=MAX_FIELD, pattern=ONE_LINE)],
        mark("must be one line of 200 characters at most"),
    ),
    "country": (Annotated[str, Meta(pattern="^[A-Z]{2}$")], mark("must be two capital letters, such as DE")),
    "time_zone": (
        Annotated[str, Meta(max_length=MAX_FIELD)],
        mark("must be a name of the IANA database, such as Europe/Berlin"),
    ),
    "latitude": (Annotated[float, Meta(ge=-90, le=90)], mark("must be degrees between -90 and 90")),
    "longitude": (Annotated[float, Meta(ge=-180, le=180)], mark("must be degrees between -180 and 180")),
}
#: What the API refuses, by the field that it is about.
REFUSED: Final[Mapping[type[ForecourtError], tuple[str, str]]] = {
    SiteExists: ("slug", mark("is taken by another site")),
    TimeZoneRefused: ("time_zone", RULES["time_zone"][1]),
    PositionRefused: ("latitude", mark("and longitude belong together: fill in both or neither")),
    SiteRefused: ("parent", mark("must be a site that exists")),
    SiteNeeded: ("parent", mark("must be one of your sites, since you are limited to some")),
    SiteTreeRefused: ("parent", mark("must not be the site itself, a part of it, or ten deep already")),
}


def read_form(form: SiteForm) -> tuple[dict[str, Any], dict[str, str]]:
    """The values of the form, None for an empty field, and the rule of each field that can't be taken."""
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name, (kind, rule) in RULES.items():
        text = seen(str(getattr(form, name)))
        if name == "country":
            text = text.upper()
        if not text and name not in ("name", "time_zone"):
            values[name] = None
            continue
        try:
            values[name] = msgspec.convert(text.replace(",", ".") if kind_is_number(name) else text, kind, strict=False)
        except msgspec.ValidationError:
            wrong[name] = rule
    return values, wrong


def kind_is_number(name: str) -> bool:
    """Fields in which a decimal comma is as good as a point."""
    return name in ("latitude", "longitude")


def refused(fault: ForecourtError) -> dict[str, str]:
    """Which field a refusal is about, and what is wrong with it."""
    field, rule = REFUSED[type(fault)]
    return {field: rule}


def form_of(site: ShownSite) -> SiteForm:
    """The form as it stands for a site."""
    return SiteForm(
        **{name: "" if getattr(site, name) is None else str(getattr(site, name)) for name in SiteForm.__struct_fields__}
    )
