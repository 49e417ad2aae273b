"""What the station page shows and does that belongs to a room above: declared here, wired by `app`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from forecourt.access import Actor


class Event(Struct, frozen=True, kw_only=True):
    """Something that happened at a station, for its timeline. `title` is marked for translation, with `values` for its
    placeholders; `href` leads to the thing itself."""

    at: datetime
    kind: str
    title: str
    values: dict[str, str | int] = {}
    state: str | None = None
    href: str | None = None
    until: datetime | None = None


class Running(Struct, frozen=True, kw_only=True):
    """A session that runs at a station."""

    session_id: str
    evse: int | None
    token: str | None
    started_at: datetime
    energy_wh: int | None


class Agreed(Protocol):
    """Whether the station agreed, in its own word."""

    @property
    def accepted(self) -> bool: ...

    @property
    def status(self) -> str: ...


class Charging(Protocol):
    """What sessions know of one station, and what they can ask of it."""

    async def running(self, tenant_id: int, identity: str, /) -> Sequence[Running]:
        """The sessions that run there, oldest first."""
        ...

    async def events(self, tenant_id: int, identity: str, since: datetime, until: datetime, /) -> Sequence[Event]:
        """Starts and ends of sessions in a span, newest first, a bounded number."""
        ...

    async def power(
        self, tenant_id: int, identity: str, since: datetime, until: datetime, /
    ) -> Sequence[tuple[datetime, int]]:
        """Power of the whole station over a span, oldest first: (time, W)."""
        ...

    async def start(self, actor: Actor, identity: str, token: str, evse: int | None, /) -> Agreed:
        """Ask the station to start for a token."""
        ...

    async def stop(self, actor: Actor, session_id: str, /) -> Agreed:
        """Ask the station to stop a session."""
        ...
