"""What is noted of a session, and when one without an end is over."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from forecourt.sessions.review import QUIET, REGISTER_STEP_WH, Evidence, Finding, Silence, closing_time, review
from tests.support import EPOCH

CLEAN = Evidence(
    over=True,
    ended=True,
    meter_start_wh=100,
    meter_stop_wh=900,
    highest_sample_wh=900,
    token_status="Accepted",
    first_seq=0,
    gaps=0,
    arrival_clock=False,
    started_at=EPOCH,
    last_at=EPOCH + timedelta(hours=1),
    max_power_w=22_000,
    shared=False,
    evse=1,
    start_late=False,
    contradicted=False,
)
LATER = EPOCH + QUIET
BEFORE = EPOCH - timedelta(seconds=1)
AFTER = EPOCH + timedelta(seconds=1)
#: Its station was there all the time, and silent of it for just long enough.
SILENT = Silence(
    last_at=EPOCH,
    heard_at=EPOCH,
    linked_at=EPOCH - QUIET,
    heard_until=LATER,
    states=(("Available", AFTER),),
    successor_at=None,
    retired=False,
)


def test_a_clean_session_has_no_notes() -> None:
    assert review(CLEAN) == []


def test_each_oddity_is_noted_by_itself() -> None:
    cases = [
        (replace(CLEAN, gaps=2), Finding.SEQUENCE_GAP),
        (replace(CLEAN, first_seq=1), Finding.START_MISSING),
        (replace(CLEAN, ended=False), Finding.END_MISSING),
        (replace(CLEAN, meter_start_wh=None), Finding.METER_MISSING),
        (replace(CLEAN, meter_stop_wh=50, highest_sample_wh=None), Finding.METER_BACKWARDS),
        (replace(CLEAN, highest_sample_wh=901), Finding.SAMPLE_ABOVE_END),
        (replace(CLEAN, token_status="Blocked"), Finding.TOKEN_NOT_ACCEPTED),
        (replace(CLEAN, arrival_clock=True), Finding.ARRIVAL_CLOCK),
        (replace(CLEAN, meter_stop_wh=100 + 26_000), Finding.ENERGY_IMPLAUSIBLE),
        (replace(CLEAN, shared=True), Finding.EVSE_SHARED),
        (replace(CLEAN, evse=0), Finding.NO_CONNECTOR),
        (replace(CLEAN, start_late=True), Finding.METER_START_LATE),
        (replace(CLEAN, contradicted=True), Finding.STOP_CONTRADICTED),
        (replace(CLEAN, meter_stop_wh=101, highest_sample_wh=None, last_at=BEFORE), Finding.END_BEFORE_START),
    ]
    for evidence, finding in cases:
        assert review(evidence) == [finding]


def test_what_is_still_to_come_is_not_missed_while_a_session_runs() -> None:
    assert review(replace(CLEAN, over=False, ended=False, meter_stop_wh=None, first_seq=1)) == []


def test_a_silent_session_is_over_when_its_connector_said_later_that_it_is_free() -> None:
    assert closing_time(SILENT) == EPOCH


def test_a_session_is_not_closed_while_it_may_still_run() -> None:
    assert closing_time(replace(SILENT, heard_at=AFTER)) is None
    assert closing_time(replace(SILENT, states=())) is None
    assert closing_time(replace(SILENT, states=(("Charging", AFTER),))) is None
    assert closing_time(replace(SILENT, states=(("Available", AFTER), ("Occupied", AFTER)))) is None
    assert closing_time(replace(SILENT, states=(("Available", EPOCH),))) is None


def test_a_station_that_is_away_proves_nothing() -> None:
    assert closing_time(replace(SILENT, linked_at=None, heard_until=None)) is None
    assert closing_time(replace(SILENT, heard_until=LATER - timedelta(seconds=1))) is None


def test_a_station_that_is_back_gets_as_long_again_to_replay_the_end() -> None:
    back = EPOCH + timedelta(hours=2)
    returned = replace(SILENT, linked_at=back, heard_until=back + QUIET - timedelta(seconds=1))
    assert closing_time(returned) is None
    assert closing_time(replace(returned, heard_until=back + QUIET)) == EPOCH


def test_a_silent_session_is_over_when_another_began_at_its_evse() -> None:
    busy = replace(SILENT, states=(("Charging", AFTER),))
    assert closing_time(replace(busy, successor_at=AFTER)) == EPOCH
    assert closing_time(replace(busy, successor_at=EPOCH)) is None


def test_a_silent_session_of_a_retired_station_is_over_because_nobody_will_say_so() -> None:
    away = replace(SILENT, linked_at=None, heard_until=None, states=(), retired=True)
    assert closing_time(away) == EPOCH


@pytest.mark.parametrize(
    ("energy_wh", "duration_s", "max_power_w", "believed"),
    [
        (24_200 + REGISTER_STEP_WH, 3_600, 22_000, True),
        (24_201 + REGISTER_STEP_WH, 3_600, 22_000, False),
        (24_201 + REGISTER_STEP_WH, 3_600, None, True),
        (1_100_000 + REGISTER_STEP_WH, 3_600, None, True),
        (1_100_001 + REGISTER_STEP_WH, 3_600, None, False),
        (REGISTER_STEP_WH, 0, 22_000, True),
        (REGISTER_STEP_WH + 1, 0, 22_000, False),
        (REGISTER_STEP_WH + 1, -60, 22_000, False),
        (0, -60, 22_000, True),
    ],
)
def test_energy_is_believed_up_to_a_tenth_above_full_power_for_the_whole_time(
    energy_wh: int, duration_s: int, max_power_w: int | None, believed: bool
) -> None:
    evidence = replace(
        CLEAN,
        meter_stop_wh=100 + energy_wh,
        highest_sample_wh=None,
        last_at=EPOCH + timedelta(seconds=duration_s),
        max_power_w=max_power_w,
    )
    assert (Finding.ENERGY_IMPLAUSIBLE not in review(evidence)) is believed


def test_absurd_energy_is_noted_while_the_session_still_runs() -> None:
    running = replace(CLEAN, over=False, ended=False, meter_stop_wh=90_000, highest_sample_wh=90_000)
    assert review(running) == [Finding.ENERGY_IMPLAUSIBLE]
