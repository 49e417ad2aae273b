"""Which of several assignments counts: a pure rule, tried pair by pair and on whatever there may be."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.pricing.assigning import Assignment, Place, Scope, choose, fits
from forecourt.pricing.model import EvseKind

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
YARD, CITY = 7, 3
HERE = Place(
    site_ids=(YARD, CITY), station_id=40, evse=2, connector_type="IEC_62196_T2_COMBO", evse_kind=EvseKind.DC
)  # fmt: skip


def assigned(number: int = 1, begun_h: float = 1, ends_h: float | None = None, **scope: Any) -> Assignment:
    return Assignment(
        assignment_id=UUID(int=number),
        number=number,
        tariff_id=UUID(int=100 + number),
        scope=Scope(**scope),
        starts_at=AT - timedelta(hours=begun_h),
        ends_at=None if ends_h is None else AT + timedelta(hours=ends_h),
    )


#: The most specific first, each against all that follow.
IN_ORDER: list[dict[str, Any]] = [
    {"subscription": "gold", "station_id": 40},
    {"subscription": "gold"},
    {"driver_group": "staff", "station_id": 40, "evse": 2},
    {"driver_group": "staff"},
    {"station_id": 40, "evse": 2},
    {"station_id": 40, "connector_type": "IEC_62196_T2_COMBO"},
    {"station_id": 40, "evse_kind": EvseKind.DC},
    {"station_id": 40},
    {"site_id": YARD, "evse_kind": EvseKind.DC},
    {"site_id": YARD},
    {"site_id": CITY, "connector_type": "IEC_62196_T2_COMBO"},
    {"site_id": CITY},
    {"connector_type": "IEC_62196_T2_COMBO"},
    {"evse_kind": EvseKind.DC},
    {},
]


@pytest.mark.parametrize("first", range(len(IN_ORDER) - 1))
def test_the_more_specific_assignment_counts_in_whatever_order_they_were_said(first: int) -> None:
    below = [assigned(number, **scope) for number, scope in enumerate(IN_ORDER[first:], 1)]
    # The least specific was said last and began last: neither helps it.
    below[-1] = assigned(99, begun_h=0, **IN_ORDER[-1])
    for order in (below, below[::-1]):
        found = choose(order, HERE, AT, group="staff", subscription="gold")
        assert found is not None
        assert found.scope == Scope(**IN_ORDER[first])


def test_of_two_alike_the_one_that_began_last_counts_and_then_the_one_said_last() -> None:
    early, late, later = assigned(9, begun_h=3), assigned(1, begun_h=2), assigned(2, begun_h=2)
    for order in permutations((early, late, later)):
        assert choose(order, HERE, AT) == later


@pytest.mark.parametrize(
    "scope",
    [
        {"site_id": 8},
        {"station_id": 41},
        {"station_id": 40, "evse": 1},
        {"connector_type": "CHADEMO"},
        {"evse_kind": EvseKind.AC},
        {"driver_group": "guests"},
        {"subscription": "silver"},
    ],
)
def test_what_is_meant_for_something_else_does_not_count(scope: dict[str, Any]) -> None:
    assert choose([assigned(**scope)], HERE, AT, group="staff", subscription="gold") is None


def test_what_is_not_known_of_a_place_fits_no_condition_on_it() -> None:
    nowhere = Place()
    for scope in IN_ORDER[:-1]:
        assert not fits(assigned(**scope), nowhere, AT), scope
    assert fits(assigned(), nowhere, AT)


def test_it_counts_from_its_first_moment_until_before_its_last() -> None:
    one = assigned(begun_h=0, ends_h=1)
    moments = [AT - timedelta(seconds=1), AT, AT + timedelta(minutes=59), AT + timedelta(hours=1)]
    assert [fits(one, HERE, at) for at in moments] == [False, True, True, False]


scopes = st.builds(
    Scope,
    site_id=st.sampled_from([None, YARD, CITY, 8]),
    station_id=st.sampled_from([None, 40, 41]),
    connector_type=st.sampled_from([None, "IEC_62196_T2_COMBO", "CHADEMO"]),
    driver_group=st.sampled_from([None, "staff", "guests"]),
)


@given(st.lists(st.tuples(scopes, st.integers(-2, 5)), max_size=6), st.randoms())
def test_the_order_in_which_they_are_known_changes_nothing_and_one_is_chosen_where_any_fits(
    said: list[tuple[Scope, int]], chance: Any
) -> None:
    known = [
        Assignment(
            assignment_id=UUID(int=number),
            number=number,
            tariff_id=UUID(int=number),
            scope=scope,
            starts_at=AT - timedelta(hours=hours),
            ends_at=None,
        )
        for number, (scope, hours) in enumerate(said)
    ]
    found = choose(known, HERE, AT, group="staff")
    assert (found is not None) == any(fits(each, HERE, AT, group="staff") for each in known)
    chance.shuffle(known)
    assert choose(known, HERE, AT, group="staff") == found
