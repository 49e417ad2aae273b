"""The rules by which what was said of a transaction becomes a session."""

from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from forecourt.ocpp.neutral import Step, Token, TransactionReport
from forecourt.platform.clock import AHEAD, EARLIEST, plausible
from forecourt.sessions.model import (
    MAX_READINGS,
    Session,
    billing_time,
    order_key,
    start_fingerprint,
)
from tests.sessions.histories import NOON, Said, accepted, histories_2x, histories_16

EMPTY = Session(station_id=1, transaction_id="tx")


def minutes(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


def said(step: Step, at: datetime, seq: int = -1, wh: int | None = None, **more: object) -> TransactionReport:
    report = TransactionReport(step=step, at=at, transaction_id="tx", seq=seq, meter_first_wh=wh, meter_last_wh=wh)
    return replace(report, **more)


def only_ended(seq: int) -> TransactionReport:
    """An end that says no register."""
    return said(Step.ENDED, minutes(60), seq, stop_reason="Local")


def told(*reports: TransactionReport, arrived: datetime = NOON + timedelta(hours=3)) -> Session:
    session = EMPTY
    for report in reports:
        session = session.apply(report, arrived)
    return session


START = said(Step.STARTED, minutes(0), 0, 1_000)
MIDDLE = said(Step.UPDATED, minutes(30), 1, 4_000, power_w=7_200, charging_state="Charging")
END = said(Step.ENDED, minutes(60), 2, 9_000, stop_reason="Local")


def test_a_session_starts_and_ends_when_and_where_its_reports_say() -> None:
    session = told(START, MIDDLE, END)
    assert (session.started_at, session.ended_at, session.stop_reason) == (minutes(0), minutes(60), "Local")
    assert (session.meter_start_wh, session.meter_stop_wh, session.energy_wh) == (1_000, 9_000, 8_000)
    assert not session.active
    assert not session.arrival_clock


def test_a_late_meter_value_never_changes_the_bill() -> None:
    session = told(START, END)
    for late in (
        said(Step.UPDATED, minutes(90), 3, 9_500),
        said(Step.UPDATED, minutes(90), 99, 0),
        said(Step.UPDATED, minutes(30), 1, 12_000),
    ):
        after = session.apply(late, minutes(120))
        assert (after.ended_at, after.meter_stop_wh, after.energy_wh) == (minutes(60), 9_000, 8_000)


def test_a_stop_behind_newer_meter_values_ends_at_its_own_time() -> None:
    start, end = said(Step.STARTED, minutes(0), wh=0), said(Step.ENDED, minutes(10), wh=500)
    session = told(start, said(Step.UPDATED, minutes(11), wh=510), end)
    assert (session.ended_at, session.meter_stop_wh) == (minutes(10), 500)


def test_the_first_of_several_stops_counts() -> None:
    later = said(Step.ENDED, minutes(70), 3, 9_900, stop_reason="PowerLoss")
    for session in (told(START, END, later), told(START, later, END)):
        assert (session.ended_at, session.stop_reason) == (minutes(60), "Local")


def test_a_session_without_an_end_runs_and_its_energy_is_what_was_said_last() -> None:
    session = told(MIDDLE, START)
    assert session.active
    assert (session.energy_wh, session.power_w, session.charging_state) == (3_000, 7_200, "Charging")


def test_registers_that_run_backwards_or_are_missing_give_no_energy() -> None:
    assert told(START, said(Step.ENDED, minutes(1), 1, 999)).energy_wh is None
    assert told(said(Step.STARTED, minutes(0), 0)).energy_wh is None
    assert told(said(Step.STARTED, minutes(0), 0), said(Step.ENDED, minutes(1), 1, 50)).energy_wh is None


def test_a_register_that_was_never_said_is_never_taken_from_the_other_end() -> None:
    only_start = told(said(Step.STARTED, minutes(0), 0, 5), said(Step.ENDED, minutes(9), 1))
    assert (only_start.meter_start_wh, only_start.meter_stop_wh, only_start.energy_wh) == (5, None, None)
    only_end = told(said(Step.ENDED, minutes(9), 1, 55))
    assert (only_end.meter_start_wh, only_end.meter_stop_wh, only_end.energy_wh) == (None, 55, None)
    measured = told(said(Step.STARTED, minutes(0), 0, 5), said(Step.UPDATED, minutes(3), 1, 8), only_ended(2))
    assert (measured.meter_stop_wh, measured.energy_wh) == (8, 3)


def test_the_register_at_the_start_is_the_starts_else_one_of_its_beginning_else_the_earliest_of_an_update() -> None:
    update, earlier = said(Step.UPDATED, minutes(3), 3, 400), said(Step.UPDATED, minutes(2), 2, 300)
    begun = said(Step.ENDED, minutes(9), 9, 900, meter_first_wh=100, begun=True)
    assert told(update, earlier).meter_start_wh == 300
    assert told(update, begun, earlier).meter_start_wh == 100
    assert told(begun, START).meter_start_wh == 1_000


def test_a_report_behind_an_end_without_a_register_never_changes_the_bill_whichever_came_first() -> None:
    behind = [said(Step.UPDATED, minutes(61 + late), 3 + late, 99_999 + late) for late in range(MAX_READINGS - 1)]
    for reports in ((START, MIDDLE, only_ended(2), *behind), (*behind, START, only_ended(2), MIDDLE)):
        assert (told(*reports).meter_stop_wh, told(*reports).energy_wh) == (4_000, 3_000)


def test_more_reports_behind_an_end_than_are_remembered_leave_the_energy_unknown_and_never_wrong() -> None:
    behind = [said(Step.UPDATED, minutes(61 + late), 3 + late, 99_999) for late in range(MAX_READINGS)]
    assert told(START, MIDDLE, *behind, only_ended(2)).energy_wh is None


def test_of_two_ends_the_first_is_the_sessions_with_its_time_its_reason_and_its_register() -> None:
    first = said(Step.ENDED, minutes(60), wh=5_000, stop_reason="Local")
    later = said(Step.ENDED, minutes(70), wh=7_000, stop_reason="PowerLoss")
    start = said(Step.STARTED, minutes(0), wh=1_000)
    for session in (told(start, first, later), told(start, later, first)):
        assert (session.ended_at, session.stop_reason, session.meter_stop_wh) == (minutes(60), "Local", 5_000)


def test_the_token_of_a_session_is_the_first_that_was_accepted_else_the_first_that_was_said() -> None:
    reports = [said(Step.UPDATED, minutes(n), n, token=Token(uid)) for n, uid in enumerate(("BAD", "GOOD", "GOOD2"))]
    for order in ((0, 1, 2), (2, 1, 0)):
        session = EMPTY
        for number in order:
            session = session.apply(reports[number], NOON, accepted=number > 0)
        assert session.token_uid == "GOOD"
    assert told(*reversed(reports)).token_uid == "BAD"


def test_an_end_stands_above_every_update_and_an_update_above_every_start() -> None:
    highest = said(Step.UPDATED, datetime.max.replace(tzinfo=UTC), seq=2**63)
    assert order_key(said(Step.STARTED, minutes(9), 2**62)) < order_key(said(Step.UPDATED, minutes(0), 0))
    assert order_key(highest) < order_key(said(Step.ENDED, minutes(0), 0)) < 2**63
    assert order_key(said(Step.UPDATED, datetime(1970, 1, 1, tzinfo=UTC) - timedelta(days=1))) == order_key(
        said(Step.UPDATED, datetime(1970, 1, 1, tzinfo=UTC))
    )


def test_16_reports_are_ordered_by_the_millisecond_and_2x_by_seq_no_whatever_their_clocks_say() -> None:
    one, other = minutes(0), minutes(0) + timedelta(milliseconds=1)
    assert order_key(said(Step.UPDATED, one)) < order_key(said(Step.UPDATED, other))
    assert order_key(said(Step.UPDATED, other, 4)) < order_key(said(Step.UPDATED, one, 5))


def test_times_are_believed_from_the_earliest_possible_to_a_little_ahead_of_their_arrival() -> None:
    tick = timedelta(microseconds=1)
    assert plausible(EARLIEST, NOON)
    assert not plausible(EARLIEST - tick, NOON)
    assert plausible(NOON + AHEAD, NOON)
    assert not plausible(NOON + AHEAD + tick, NOON)
    reset = datetime(2000, 1, 1, 0, 5, tzinfo=UTC)
    assert billing_time(reset, NOON) == (NOON, True)
    assert billing_time(minutes(-60), NOON) == (minutes(-60), False)


def test_a_session_by_a_clock_that_can_not_be_believed_goes_by_its_arrivals_and_says_so() -> None:
    reset = datetime(2000, 1, 1, tzinfo=UTC)
    session = EMPTY.apply(said(Step.STARTED, reset, 0, 0), minutes(0))
    session = session.apply(said(Step.ENDED, reset + timedelta(minutes=5), 1, 700), minutes(20))
    assert (session.started_at, session.ended_at, session.energy_wh) == (minutes(0), minutes(20), 700)
    assert session.arrival_clock


def test_a_token_said_later_is_the_sessions_and_one_said_earlier_wins() -> None:
    later = said(Step.UPDATED, minutes(1), 1, token=Token("LATER"))
    first = said(Step.STARTED, minutes(0), 0, token=Token("FIRST"))
    assert told(START, later).token_uid == "LATER"
    assert told(later, first).token_uid == "FIRST"


def test_a_start_said_again_has_the_same_fingerprint_and_any_other_start_another() -> None:
    start = replace(START, transaction_id=None, evse=1, token=Token("TAG"))
    assert start_fingerprint(start) == start_fingerprint(replace(start, token=Token("tag"), power_w=5))
    others = (
        replace(start, evse=2),
        replace(start, meter_first_wh=1_001),
        replace(start, at=start.at + timedelta(milliseconds=1)),
        replace(start, token=Token("TAG2")),
        replace(start, token=None),
    )
    assert len({start_fingerprint(other) for other in (start, *others)}) == 1 + len(others)


@given(st.one_of(histories_2x(), histories_16("tx")), st.randoms())
def test_order_and_repetition_never_matter(history: list[Said], chance: Random) -> None:
    session = fold(history)
    shuffled = [*history, *history[: len(history) // 2]]
    chance.shuffle(shuffled)
    assert fold(shuffled) == session


def fold(history: list[Said]) -> Session:
    session = EMPTY
    for report, arrived in history:
        session = session.apply(report, arrived, accepted=accepted(report))
    return session
