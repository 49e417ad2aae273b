"""Who was refused at this gateway's door and why, gathered for a moment and then written at once.

Strangers cost what is bounded here and nothing else: an identity is one entry however often it knocks, entries are few,
and one address brings a part of them at the most. They are written in a transaction of their own, never in the group
commit, so that no row of a stranger can make a known station wait for its answer.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from prometheus_client import Counter as Metric

from forecourt.platform.clock import Clock
from forecourt.platform.text import HIDDEN
from forecourt.stations.gateway.roster import Refusal, basic_password, identity_of
from forecourt.stations.gateway.station import Station
from forecourt.stations.model import IDENTITY_PATTERN, Reason, password_hash
from forecourt.stations.store.knocks import Heard

#: Seconds between two writings: an identity is written once in them, however often it knocks.
WRITE_EVERY_S = 2.0
#: Identities gathered between two writings, of strangers and of known stations each; more are counted and forgotten.
MAX_GATHERED = 200
#: Strangers' identities of one network address among them.
MAX_GATHERED_OF_ADDRESS = 20
#: Characters kept of what a header says.
MAX_HEADER = 200
#: Characters of a network address: the longest there are have fewer.
MAX_ADDRESS = 64
#: Bytes of the longest password whose digest is kept for an adoption.
MAX_PASSWORD = 64

KNOCKS = Metric("forecourt_knocks_total", "Connections refused at the door, by why", ["reason"])
DROPPED = Metric("forecourt_knocks_dropped_total", "Knocks beyond what is kept of them")

_identity = re.compile(IDENTITY_PATTERN)
_CODE: Final = re.compile(r"[0-9a-f]{12}")
_CONTROL: Final = re.compile(f"[{HIDDEN}]")


class Gathered:
    """One identity that knocked since the last writing: what it came with last, and how often it came."""

    __slots__ = ("at", "code", "contested", "detail", "digest", "identity", "knocked", "reason", "said", "station")

    def __init__(self, identity: str, code: str, station: Station | None) -> None:
        self.identity = identity
        self.code = code
        self.station = station
        self.reason = Reason.UNKNOWN
        self.detail: str | None = None
        #: By TLS or not, remote address, subprotocols offered, user agent.
        self.said: tuple[bool, str, str, str] = (False, "", "", "")
        self.digest: bytes | None = None
        self.contested = False
        self.knocked = 0
        self.at: datetime | None = None

    def row(self) -> Heard:
        """The same for the database."""
        assert self.at is not None
        station = self.station
        return Heard(
            code=self.code, tenant_id=None if station is None else station.tenant_id,
            station_id=None if station is None else station.station_id, identity=self.identity, reason=self.reason,
            detail=self.detail, tls=self.said[0], remote_address=self.said[1], subprotocols=self.said[2],
            user_agent=self.said[3], password_hash=self.digest, contested=self.contested, knocked=self.knocked,
            at=self.at,
        )  # fmt: skip


class Knocks:
    """What gathered since the last writing."""

    def __init__(self, secret_key: bytes, clock: Clock, find: Callable[[str], Station | None]) -> None:
        self._secret_key = secret_key
        self._clock = clock
        self._find = find
        self._strangers: dict[tuple[str, str], Gathered] = {}
        self._known: dict[tuple[str, str], Gathered] = {}
        self._of_address: Counter[str] = Counter()

    def __len__(self) -> int:
        """Identities that wait to be written."""
        return len(self._strangers) + len(self._known)

    def heard(self, path: str, headers: Mapping[str, str], refusal: Refusal, *, tls: bool, address: str) -> None:
        """A connection was refused. What names no identity that could be registered is only counted."""
        if refusal.kept_as is None:
            return
        KNOCKS.labels(refusal.kept_as.value).inc()
        identity, address = identity_of(path), _plain(address, MAX_ADDRESS)
        station = self._find(identity)
        storable = _identity.search(identity) is not None and _plain(identity, len(identity)) == identity
        entry = self._entry(identity, _code_of(path), station, address) if storable else None
        if entry is None:
            DROPPED.inc()
            return
        subprotocols = _plain(headers.get("Sec-WebSocket-Protocol", ""))
        self._note(entry, refusal.kept_as, (tls, address, subprotocols, _plain(headers.get("User-Agent", ""))))
        password = None if station is not None else basic_password(headers.get("Authorization"), identity)
        if password and len(password) <= MAX_PASSWORD:
            digest = password_hash(self._secret_key, password)
            entry.contested = entry.contested or entry.digest not in (None, digest)
            entry.digest = entry.digest or digest

    def handshake_failed(self, detail: str) -> None:
        """A connection broke off in TLS, for this reason in OpenSSL's words: whose it was is not known."""
        KNOCKS.labels(Reason.TLS_FAILED.value).inc()
        entry = self._known.get(("", ""))
        if entry is None:
            # One entry, beside the bound, for it is one whatever fails.
            entry = self._known["", ""] = Gathered("", "", None)
        entry.detail = _plain(detail)
        self._note(entry, Reason.TLS_FAILED, (True, "", "", ""))

    def take(self) -> list[Heard]:
        """What gathered, for the database; from here on it gathers anew."""
        gathered = [*self._known.values(), *self._strangers.values()]
        self._strangers, self._known = {}, {}
        self._of_address.clear()
        return [entry.row() for entry in gathered]

    def _entry(self, identity: str, code: str, station: Station | None, address: str) -> Gathered | None:
        """What gathers of an identity; None where there is no room for one more."""
        held, key = (self._strangers, (code, identity)) if station is None else (self._known, ("", identity))
        entry = held.get(key)
        if entry is not None:
            return entry
        if len(held) >= MAX_GATHERED or (station is None and self._of_address[address] >= MAX_GATHERED_OF_ADDRESS):
            return None
        if station is None:
            self._of_address[address] += 1
        entry = held[key] = Gathered(identity, code, station)
        return entry

    def _note(self, entry: Gathered, reason: Reason, said: tuple[bool, str, str, str]) -> None:
        entry.reason, entry.said = reason, said
        entry.knocked += 1
        entry.at = self._clock.now()


def _code_of(path: str) -> str:
    """The inbox's code in a path, in front of the identity; empty where there is none."""
    segments = path.partition("?")[0].rsplit("/", 2)
    code = segments[-2].lower() if len(segments) > 1 else ""
    return code if _CODE.fullmatch(code) else ""


def _plain(text: str, most: int = MAX_HEADER) -> str:
    """A foreign text as PostgreSQL takes it and a page may show it: no control characters, no halves of characters."""
    return _CONTROL.sub("", text[:most]).encode(errors="replace").decode()
