"""What a process without a web of its own measures, for Prometheus: served on a port of its own where one is set.

In a thread, so that a scrape is answered even while the loop is busy, which is when it is wanted.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import REGISTRY, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from forecourt.platform.commit import GroupCommit
from forecourt.platform.errors import SettingsError
from forecourt.platform.settings import Settings


@contextmanager
def served(settings: Settings, *collectors: Collector) -> Iterator[None]:
    """Serves `/metrics` on FORECOURT_METRICS_PORT meanwhile, or nothing where it is not set.

    `collectors` join what the process counts anyway. Raises SettingsError when nothing can listen there.
    """
    if settings.metrics_port is None:
        yield
        return
    try:
        server, thread = start_http_server(settings.metrics_port, settings.metrics_host)
    except OSError as fault:
        raise SettingsError(
            f"Nothing can listen on {settings.metrics_host} port {settings.metrics_port}: {fault.strerror}."
            " Check FORECOURT_METRICS_HOST and FORECOURT_METRICS_PORT."
        ) from None
    for collector in collectors:
        REGISTRY.register(collector)
    try:
        yield
    finally:
        for collector in collectors:
            REGISTRY.unregister(collector)
        server.shutdown()
        server.server_close()
        thread.join()


class CommitMeasures(Collector):
    """What a group commit counts by itself, read when it is asked for."""

    def __init__(self, commit: GroupCommit) -> None:
        self._commit = commit

    def collect(self) -> Iterator[Metric]:
        commit = self._commit
        yield CounterMetricFamily("forecourt_commits", "Batches committed", value=commit.commits)
        yield CounterMetricFamily("forecourt_commit_writes", "Writes stored by them", value=commit.stored)
        yield CounterMetricFamily("forecourt_commit_quarantined", "Messages quarantined", value=commit.quarantined)
        yield CounterMetricFamily(
            "forecourt_commit_dropped", "Rows of the message log dropped, the database being away", value=commit.dropped
        )
        yield GaugeMetricFamily("forecourt_commit_waiting", "Writes that wait for a commit", value=commit.waiting)
        yield GaugeMetricFamily(
            "forecourt_database_away", "1 while PostgreSQL can't be reached", value=int(commit.away_since is not None)
        )
