"""Work that can't be interrupted, on a thread that dies with the process."""

from collections.abc import Callable
from threading import Thread
from typing import Final, Generic, TypeVar

Made = TypeVar("Made")
#: How often who waits looks up, in seconds.
TICK_S: Final = 0.2


class Waited(Generic[Made]):
    """Begins the work at once."""

    def __init__(self, work: Callable[[], Made]) -> None:
        self._work = work
        self._made: list[Made] = []
        self._fault: list[Exception] = []
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def result(self, ticked: Callable[[], None]) -> Made:
        """What the work made, or raises what it raised. `ticked` is called while it goes on."""
        while self._thread.is_alive():
            self._thread.join(TICK_S)
            ticked()
        if self._fault:
            raise self._fault[0]
        return self._made[0]

    def _run(self) -> None:
        try:
            self._made.append(self._work())
        except Exception as fault:  # noqa: BLE001
            self._fault.append(fault)
