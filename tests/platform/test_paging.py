"""Cursors and pages, and the digests of machine-made secrets."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.platform.digest import keyed_digest
from forecourt.platform.paging import MAX_CURSOR_LENGTH, CursorRefused, Cursors, place_in_time, time_of_place

CURSORS = Cursors("stations")
PLACES = st.integers(min_value=-(2**63), max_value=2**63 - 1)


@given(st.lists(PLACES, min_size=1, max_size=3))
def test_a_cursor_comes_back_as_the_place_it_stands_for(place: list[int]) -> None:
    cursors = Cursors("stations", length=len(place))
    cursor = cursors.encode(*place)
    assert len(cursor) <= MAX_CURSOR_LENGTH
    assert cursors.decode(cursor) == tuple(place)


@given(st.text(max_size=300))
def test_rubbish_is_no_cursor(text: str) -> None:
    with pytest.raises(CursorRefused):
        CURSORS.decode(text)


@given(PLACES, st.data())
def test_a_cursor_that_was_changed_is_none(place: int, data: st.DataObject) -> None:
    cursor = CURSORS.encode(place)
    at = data.draw(st.integers(min_value=0, max_value=len(cursor) - 2))
    letter = data.draw(st.sampled_from("ABCDEFGHabcdefgh0123456789-_"))
    changed = cursor[:at] + letter + cursor[at + 1 :]
    if changed != cursor:
        with pytest.raises(CursorRefused):
            CURSORS.decode(changed)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_is_a_place_to_the_microsecond(at: datetime) -> None:
    assert time_of_place(place_in_time(at)) == at


@pytest.mark.parametrize("number", [-(2**63), 2**63 - 1])
def test_a_place_beyond_all_times_is_none(number: int) -> None:
    with pytest.raises(CursorRefused):
        time_of_place(number)


def test_a_cursor_of_another_kind_of_list_is_none() -> None:
    with pytest.raises(CursorRefused):
        CURSORS.decode(Cursors("stations", length=2).encode(1, 2))
    assert CURSORS.decode(None) is None


@given(PLACES)
def test_a_cursor_of_another_list_is_none(place: int) -> None:
    with pytest.raises(CursorRefused):
        CURSORS.decode(Cursors("sites").encode(place))


@pytest.mark.parametrize(("count", "limit", "shown", "more"), [(0, 3, 0, False), (3, 3, 3, False), (4, 3, 3, True)])
def test_the_last_page_says_that_it_is_the_last(count: int, limit: int, shown: int, more: bool) -> None:
    page = CURSORS.page(list(range(count)), limit, lambda row: (row,), str)
    assert len(page.items) == shown
    assert (page.next is not None) is more
    if page.next is not None:
        assert CURSORS.decode(page.next) == (limit - 1,)


def test_a_digest_depends_on_the_key_the_use_and_the_secret() -> None:
    digests = [
        keyed_digest(key, purpose, secret)
        for key in (b"k", b"l", b"x" * 64, b"x" * 65)
        for purpose in ("station", "api key")
        for secret in ("secret", "Secret", "")
    ]
    assert len(set(digests)) == len(digests) == 24
    assert all(len(digest) == 32 for digest in digests)
    assert keyed_digest(b"k", "station", "é") == keyed_digest(b"k", "station", "é".encode())
    with pytest.raises(ValueError, match="key"):
        keyed_digest(b"", "station", "secret")
