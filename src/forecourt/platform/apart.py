"""Work of a round that is done apart from the rest of it: what one fails by, no other suffers for.

Rounds go over every organisation, every document, every movement. Whatever goes wrong with one is told of with its
trace, for somebody has to look, and the round goes on: the next one tries it again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

log = structlog.get_logger(__name__)


class Apart:
    """What was done apart failed by; None: it did not."""

    fault: Exception | None = None

    @property
    def failed(self) -> bool:
        """Whether it did."""
        return self.fault is not None


@contextmanager
def apart(failure: str, **about: Any) -> Iterator[Apart]:
    """What is raised inside ends here, logged as this failure with what it was about; a cancelled task still ends.

    A transaction is begun inside, or a savepoint of one that goes on: nothing half done is kept.
    """
    done = Apart()
    try:
        yield done
    except Exception as fault:
        done.fault = fault
        log.exception(failure, **about)
