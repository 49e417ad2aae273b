"""Which tariff counts where, for whom and when: assignments, and the rule by which the most specific one wins. Pure.

An assignment says for whom (a subscription, a group of drivers, everybody), where (an EVSE, a station, a site with all
that is part of it, everywhere) and at what (a type of connector, AC or DC, anything). Of those that fit, in this order:

1. that of a subscription wins, then that of a group, then that of everybody: a promise to somebody is kept wherever;
2. that of an EVSE wins, then that of a station, then that of the nearest site, then that of everywhere;
3. that of a type of connector wins, then that of AC or DC, then that of anything;
4. that which began last wins, and of those that began together the one that was said last.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta, Struct

from forecourt.platform.text import NAME_LINE
from forecourt.pricing.model import EvseKind

#: Characters of a group, a subscription, a type of connector.
MAX_NAME: Final = 255
Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME, pattern=NAME_LINE)]


class Place(Struct, frozen=True, kw_only=True):
    """Where somebody charges: `site_ids` from the nearest up; `zone` is that of the site's clock. None: not known, so
    nothing that is said of it fits."""

    zone: str = "UTC"
    site_ids: tuple[int, ...] = ()
    station_id: int | None = None
    evse: int | None = None
    connector_type: str | None = None
    evse_kind: EvseKind | None = None


class Scope(Struct, frozen=True, kw_only=True):
    """Where, at what and for whom an assignment counts; None: it doesn't matter. An EVSE is one of a station."""

    site_id: int | None = None
    station_id: int | None = None
    evse: int | None = None
    connector_type: Name | None = None
    evse_kind: EvseKind | None = None
    driver_group: Name | None = None
    subscription: Name | None = None


class Assignment(Struct, frozen=True, kw_only=True):
    """That a tariff counts for a scope from `starts_at` until before `ends_at`; None: until it is ended."""

    assignment_id: UUID
    number: int
    tariff_id: UUID
    scope: Scope
    starts_at: datetime
    ends_at: datetime | None


def choose(
    assignments: Iterable[Assignment],
    place: Place,
    at: datetime,
    *,
    group: str | None = None,
    subscription: str | None = None,
) -> Assignment | None:
    """The one that counts, by the rule above; None where none fits."""
    fitting = [each for each in assignments if fits(each, place, at, group=group, subscription=subscription)]
    return max(fitting, key=lambda each: rank(each, place), default=None)


def fits(
    one: Assignment, place: Place, at: datetime, *, group: str | None = None, subscription: str | None = None
) -> bool:
    """Whether an assignment counts at all there, then, for them."""
    scope = one.scope
    asked = (scope.station_id, scope.evse, scope.connector_type, scope.evse_kind)
    there = (place.station_id, place.evse, place.connector_type, place.evse_kind)
    return (
        one.starts_at <= at
        and (one.ends_at is None or at < one.ends_at)
        and (scope.site_id is None or scope.site_id in place.site_ids)
        and all(wanted is None or wanted == known for wanted, known in zip(asked, there, strict=True))
        and (scope.driver_group is None or scope.driver_group == group)
        and (scope.subscription is None or scope.subscription == subscription)
    )


def rank(one: Assignment, place: Place) -> tuple[int, int, int, datetime, int]:
    """How specific an assignment is that fits; the highest counts."""
    scope = one.scope
    whom = 2 if scope.subscription is not None else 1 if scope.driver_group is not None else 0
    what = 2 if scope.connector_type is not None else 1 if scope.evse_kind is not None else 0
    return whom, _nearness(scope, place), what, one.starts_at, one.number


def _nearness(scope: Scope, place: Place) -> int:
    above = len(place.site_ids)
    if scope.station_id is not None:
        return above + (2 if scope.evse is not None else 1)
    return 0 if scope.site_id is None else above - place.site_ids.index(scope.site_id)
