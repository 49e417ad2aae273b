"""What live screens are told: dot-keyed values, merged for a tenth of a second and published once a tenant.

Screens start from a snapshot of PostgreSQL, so a delta lost on the bus is only late, never wrong for ever.
"""

import asyncio
from collections.abc import Callable, Iterator

import msgspec
import structlog

from forecourt.platform.bus import Bus
from forecourt.platform.errors import ForecourtError

#: Deltas are merged this long; no screen repaints text faster.
MERGE_S = 0.1
#: Keys kept for one tenant while the bus is away; beyond, they are dropped and screens heal by their next snapshot.
MAX_KEYS = 50_000
#: Bytes of one message on the bus, which refuses more than 1 MiB: tens of thousands of values are several.
MAX_MESSAGE_BYTES = 256 << 10

LiveValue = str | int | float | None

log = structlog.get_logger(__name__)

_encode = msgspec.json.Encoder().encode


def subject(tenant_id: int) -> str:
    """The bus subject that carries one tenant's deltas."""
    return f"live.{tenant_id}"


class LiveFeed:
    """Collects deltas from whoever advances memory after a commit and publishes them."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._pending: dict[int, dict[str, LiveValue]] = {}
        #: Called before values go out: who works them out only then does it once for all that happened meanwhile.
        self.before_flush: list[Callable[[], None]] = []

    def put(self, tenant_id: int, key: str, value: LiveValue) -> None:
        """Say a new value; the last one of a key within MERGE_S is the one that goes out."""
        self.put_all(tenant_id, {key: value})

    def put_all(self, tenant_id: int, values: dict[str, LiveValue]) -> None:
        """Say several new values."""
        pending = self._pending.get(tenant_id)
        if pending is None:
            pending = self._pending[tenant_id] = {}
        if len(pending) < MAX_KEYS:
            pending.update(values)

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            await asyncio.sleep(MERGE_S)
            await self.flush()

    def gathered(self, tenant_id: int) -> dict[str, LiveValue]:
        """What goes out to a tenant's screens next."""
        self._hear()
        return self._pending.get(tenant_id, {})

    def _hear(self) -> None:
        for say in self.before_flush:
            try:
                say()
            except Exception:
                # One that fails must not keep screens from what the others say.
                log.exception("live values could not be worked out")

    async def flush(self) -> None:
        """Publish what gathered; what the bus does not take is dropped, for its own tenant alone."""
        self._hear()
        pending, self._pending = self._pending, {}
        for tenant_id, deltas in pending.items():
            try:
                for message in _messages(deltas):
                    await self._bus.publish(subject(tenant_id), message)
            except ForecourtError as fault:
                log.debug("live values were dropped", tenant=tenant_id, fault=type(fault).__name__)


def _messages(deltas: dict[str, LiveValue]) -> Iterator[bytes]:
    """The deltas as JSON objects of MAX_MESSAGE_BYTES at most; a value that alone is longer goes by itself."""
    message = _encode(deltas)
    if len(message) <= MAX_MESSAGE_BYTES or len(deltas) == 1:
        yield message
        return
    items = list(deltas.items())
    middle = len(items) // 2
    yield from _messages(dict(items[:middle]))
    yield from _messages(dict(items[middle:]))
