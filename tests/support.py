"""What tests of several rooms share and that is no fixture."""

from datetime import UTC, datetime, timedelta
from typing import cast

from forecourt.platform.bus import Bus
from forecourt.platform.database import Pool
from forecourt.stations.bulk import BulkJobs
from forecourt.stations.commands import Commander

EPOCH = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class FakeClock:
    """A `forecourt.platform.clock.Clock` that stands still until it is told to go on."""

    def __init__(self, at: datetime = EPOCH) -> None:
        assert at.tzinfo is not None
        self._now = at
        self._monotonic = 1_000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Lets time pass, the steady one as well."""
        assert seconds >= 0
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds

    def set(self, at: datetime) -> None:
        """Sets the time of day, as an operator or a time server does; the steady time does not care."""
        assert at.tzinfo is not None
        self._now = at


def no_bulk_runs(tenants: Pool, clock: FakeClock) -> BulkJobs:
    """Bulk runs for a worker that is never asked for one: there is no bus to reach stations by."""
    return BulkJobs(tenants, Commander(tenants, cast("Bus", None), clock, secret_key=b""), clock, b"")
