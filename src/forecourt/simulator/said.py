"""One thing that a station has to say, and how much it matters."""

from collections.abc import Callable
from enum import IntEnum

from forecourt.simulator.wire import Payload


class Kind(IntEnum):
    """How much it matters that something is said: boots and chatter are dropped without a line, the rest waits."""

    BOOT = 0
    CHATTER = 1
    STATUS = 2
    #: Kept in order until answered: all that belongs to a transaction.
    BILLING = 3


class Role(IntEnum):
    """Place in a scrambled replay."""

    STATUS = 0
    BEGIN = 1
    METER = 2
    END = 3


class Said:
    """Something a station has to say. `payload` may be made when it is sent: 1.6 learns transaction ids late."""

    __slots__ = (
        "action",
        "answer",
        "attempts",
        "facts",
        "failed",
        "kind",
        "message_id",
        "payload",
        "ready",
        "role",
        "sent",
        "session",
        "then",
    )

    def __init__(
        self,
        action: str,
        payload: Payload | Callable[[], Payload],
        kind: Kind = Kind.CHATTER,
        *,
        role: Role = Role.STATUS,
        session: str = "",
        facts: Payload | None = None,
        then: Callable[[Payload], None] | None = None,
        failed: Callable[[str], None] | None = None,
        ready: Callable[[], bool] | None = None,
    ) -> None:
        self.action, self.payload, self.kind, self.role, self.session = action, payload, kind, role, session
        #: For the ledger: the same words in every version.
        self.facts = facts
        self.then, self.failed, self.ready = then, failed, ready
        self.attempts = 0
        #: Of the CALL that carried it last; empty before it was sent.
        self.message_id = ""
        self.sent: Payload | None = None
        self.answer: Payload | None = None

    def again(self) -> "Said":
        """A second copy on the wire, whose answer should be the first's."""
        copy = Said(self.action, self.sent or self.payload, self.kind, role=self.role, session=self.session)
        copy.facts, copy.answer = self.facts, self.answer
        return copy
