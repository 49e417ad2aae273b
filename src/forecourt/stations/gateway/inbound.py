"""One message on its way from a socket to the database: what a verb is given and what it gives back."""

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

from forecourt.ocpp import neutral
from forecourt.platform.commit import Write
from forecourt.stations.gateway.station import Station


class Later:
    """An answer that something outside is asked about. `answer` ends by itself within a few seconds and never fails."""

    __slots__ = ("answer",)

    def __init__(self, answer: Coroutine[Any, Any, neutral.Answer]) -> None:
        self.answer = answer


#: Called after COMMIT: reads what the database answered from `write.answers`, advances memory, tells the screens, and
#: returns what the station is told. It must not fail and must not wait: what
#: has to be asked outside comes `Later`.
Decide = Callable[[], neutral.Answer | Later]


class Inbound:
    """A report's surroundings. A verb adds rows to `write` and returns how to decide; it reads nothing and waits for
    nothing, because whatever it needs to know is asked by lanes that answer in the same transaction.

    `deviations` are those of the message, the name of each first; what a verb doesn't take, it adds to them.
    """

    __slots__ = ("arrived", "deviations", "station", "write")

    def __init__(self, station: Station, arrived: datetime, write: Write) -> None:
        self.station = station
        self.arrived = arrived
        self.write = write
        self.deviations: tuple[str, ...] = ()


#: A verb of any room for one kind of report.
Verb = Callable[[Inbound, Any], Decide]
Routes = dict[type, Verb]
