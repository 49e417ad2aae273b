"""Random histories: what stations may say of one transaction, in any order, more than once, by clocks right and wrong.

What one station would never do is left out: two different connectors or token types for the same moment.
"""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from msgspec.structs import replace

from forecourt.drivers.model import uid_key
from forecourt.ocpp.neutral import Measurand, Sample, Step, Token, TransactionReport

#: A report and when it arrived.
Said = tuple[TransactionReport, datetime]

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
#: The token, by the form in which uids are compared, that may charge; no other may.
GOOD = "tag1"
RESET = datetime(2000, 1, 1, tzinfo=UTC)
UIDS = ("TAG1", "tag1", "Ünïcode", "a", "")
REASONS = ("Local", "EVDisconnected", "PowerLoss")

right_times = st.integers(-7_200_000, 0).map(lambda ms: NOON + timedelta(milliseconds=ms))
any_times = st.one_of(
    right_times,
    right_times,
    st.integers(0, 3_600).map(lambda s: RESET + timedelta(seconds=s)),
    st.integers(-600, 600).map(lambda s: NOON + timedelta(minutes=10, seconds=s)),
    st.integers(0, 3).map(lambda us: NOON + timedelta(microseconds=us)),
)
arrivals = st.integers(0, 3).map(lambda minutes: NOON + timedelta(minutes=minutes))
registers = st.one_of(st.none(), st.integers(0, 5), st.integers(0, 2**40))
small = st.one_of(st.none(), st.integers(-3, 3), st.integers(-(2**31), 2**31 - 1))
tokens = st.one_of(st.none(), st.sampled_from(UIDS).map(Token))
states = st.one_of(st.none(), st.sampled_from(("Charging", "SuspendedEV", "SuspendedEVSE", "EVConnected", "Idle")))


def accepted(report: TransactionReport) -> bool:
    """Whether it names the token that may charge."""
    return report.token is not None and uid_key(report.token.uid) == GOOD


@st.composite
def reports(draw: st.DrawFn, transaction_id: str, step: Step, seq: int) -> TransactionReport:
    """One report; in 1.6 `seq` is -1 and less is told."""
    newer = seq >= 0
    at = draw(any_times)
    evse = draw(st.one_of(st.none(), st.integers(1, 3))) if newer else 1
    samples = [Sample(at, Measurand.ENERGY_IMPORT_REGISTER, wh) for wh in draw(st.lists(st.integers(0, 9), max_size=2))]
    given = draw(registers) if newer else None
    report = TransactionReport(
        step=step,
        at=at,
        transaction_id=transaction_id,
        seq=seq,
        evse=evse,
        connector=None if evse is None else 1 + evse % 2,
        token=draw(tokens),
        meter_first_wh=draw(registers),
        meter_last_wh=draw(registers),
        given_first_wh=given,
        given_last_wh=None if given is None else draw(st.integers(given, 2**40)),
        power_w=draw(small),
        soc_pct=draw(st.one_of(st.none(), st.integers(0, 100))),
        samples=tuple(samples),
        charging_state=draw(states) if newer else None,
        begun=draw(st.booleans()),
        offline=draw(st.booleans()),
    )
    return replace(report, stop_reason=draw(st.sampled_from(REASONS))) if step is Step.ENDED else report


@st.composite
def repeated(draw: st.DrawFn, said: list[Said]) -> list[Said]:
    """All of it in any order, some of it again, at other times of arrival too."""
    again = [(report, draw(arrivals)) for report, _ in draw(st.lists(st.sampled_from(said), max_size=4))]
    return draw(st.permutations([*said, *draw(st.lists(st.sampled_from(said), max_size=3)), *again]))


@st.composite
def histories_2x(draw: st.DrawFn, transaction_id: str = "tx") -> list[Said]:
    """TransactionEvents with seqNos that may be missing, or the same for different events."""
    steps = st.sampled_from((Step.STARTED, Step.UPDATED, Step.UPDATED, Step.UPDATED, Step.ENDED))
    told = draw(st.lists(st.tuples(steps, st.integers(0, 6)), min_size=1, max_size=7))
    said = [(draw(reports(transaction_id, step, seq)), draw(arrivals)) for step, seq in told]
    return draw(repeated(said))


@st.composite
def starts_16(draw: st.DrawFn) -> Said:
    """A StartTransaction as it is lifted."""
    wh = draw(st.integers(0, 2**31 - 1))
    report = TransactionReport(
        step=Step.STARTED,
        at=draw(any_times),
        evse=1,
        connector=1,
        token=Token(draw(st.sampled_from(UIDS))),
        meter_first_wh=wh,
        meter_last_wh=wh,
    )
    return report, draw(arrivals)


@st.composite
def histories_16(draw: st.DrawFn, transaction_id: str) -> list[Said]:
    """MeterValues and StopTransactions of a transaction whose start was answered."""
    steps = st.sampled_from((Step.UPDATED, Step.UPDATED, Step.UPDATED, Step.ENDED))
    said = [(draw(reports(transaction_id, step, -1)), draw(arrivals)) for step in draw(st.lists(steps, max_size=6))]
    return draw(repeated(said)) if said else []
