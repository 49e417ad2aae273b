"""One station in a gateway's memory, shared by whoever works for it: roster, connection, verbs."""

from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from forecourt.platform import packrow
from forecourt.stations.gateway.outbound import Reply


class Connector(NamedTuple):
    """What a connector last said, and what the running transaction of its EVSE says; `here`: that is at this one."""

    state: str
    at: datetime
    activity: str | None
    error_code: str | None
    here: bool = False


class Held(Protocol):
    """The socket that holds a station. `epoch` is 0 until the directory has given it one."""

    epoch: int

    async def ask(
        self, action: str, payload: bytes, deadline_s: float, command_id: str | None = None, *, urgent: bool = False
    ) -> Reply:
        """Call the station and wait. Raises TimeoutError, LineFull, LineBlocked, LineClosed, AnswerLost."""

    def supersede(self) -> None:
        """Close it because the station is connected elsewhere."""

    def close(self, code: int, reason: str) -> None:
        """Close it from our side."""


class Station:
    """One station as the gateway knows it. `connectors` maps (evse, connector) to what it last said.

    `packed` is the tenant and the station as the first two fields of a row, which is all that most rows share.
    `open_passwords` are those that calls gave to the station and that it may or may not have taken: command and digest,
    the newest first. `proven` is the command of the one that it has come with, until PostgreSQL has settled it.
    """

    __slots__ = (
        "active_at",
        "connection",
        "connectors",
        "identity",
        "open_passwords",
        "packed",
        "password_hash",
        "proven",
        "registration",
        "security_profile",
        "station_id",
        "tenant_id",
        "version",
    )

    def __init__(self, station_id: int, tenant_id: int, identity: str) -> None:
        self.station_id = station_id
        self.tenant_id = tenant_id
        self.identity = identity
        self.packed = packrow.int4(tenant_id) + packrow.int8(station_id)
        self.security_profile = 1
        self.registration = "accepted"
        self.password_hash: bytes | None = None
        self.open_passwords: tuple[tuple[UUID, bytes], ...] = ()
        self.proven: UUID | None = None
        self.version = 0
        self.connection: Held | None = None
        self.connectors: dict[tuple[int, int], Connector] = {}
        #: When a running transaction of each EVSE was last heard.
        self.active_at: dict[int, datetime] = {}

    @property
    def let_in(self) -> tuple[list[bytes], tuple[tuple[UUID, bytes], ...]]:
        """The digests with which it may come: of its own password, and the open ones. Whatever is older than the one
        that it has come with is let in no more, from that very moment."""
        for place, (command_id, _) in enumerate(self.open_passwords):
            if command_id == self.proven:
                return [], self.open_passwords[: place + 1]
        return [] if self.password_hash is None else [self.password_hash], self.open_passwords
