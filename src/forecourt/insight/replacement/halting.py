"""How a plan that takes too long is broken off: between its steps, for nobody ends a thread from outside."""

from threading import Event


class PlanHalted(Exception):
    """Nobody wants the plan any more."""


class Halt:
    """What is asked between steps, by the thread that reckons; others break it off."""

    def __init__(self) -> None:
        self._halted = Event()

    def interrupt(self) -> None:
        """Has the next `check` raise PlanHalted."""
        self._halted.set()

    def check(self) -> None:
        """Raises PlanHalted once it is broken off."""
        if self._halted.is_set():
            raise PlanHalted


#: What nobody breaks off.
NEVER = Halt()
