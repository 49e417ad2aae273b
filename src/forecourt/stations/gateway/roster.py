"""Every station of the deployment in memory: who may connect, and who is connected here.

A WebSocket upgrade is decided without a query, so what decides it is kept: identity, profile, digests of passwords,
registration. Changes are read when the bus says so and, should that be lost, by polling; everything is read anew
after MAX_AGE_S, so that no lost word lasts.
"""

import base64
import binascii
from collections.abc import Collection, Mapping
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import unquote
from uuid import UUID

from psycopg import AsyncConnection

from forecourt.ocpp.neutral import Version
from forecourt.stations.gateway.station import Station
from forecourt.stations.model import MAX_IDENTITY, Reason, find_password

#: Version numbers are drawn before their transaction commits, so each reading looks back this far.
VERSION_OVERLAP = 1_000
#: Seconds between two readings of what changed, in case a word on the bus was lost.
POLL_S = 10.0
#: Seconds after which everything is read anew.
MAX_AGE_S = 300.0

# An enum is iterated slowly, and this is asked for every upgrade. Newest first.
_VERSIONS = tuple((version.value, version) for version in Version)

_CHANGED = """
    SELECT s.station_id, s.tenant_id, coalesce(s.identity, s.retired_identity), s.retired_at IS NOT NULL,
        s.security_profile, s.registration, s.password_hash, s.version, o.command_ids, o.hashes
    FROM stations s
    LEFT JOIN (
        SELECT station_id, array_agg(command_id ORDER BY number DESC) AS command_ids,
            array_agg(password_hash ORDER BY number DESC) AS hashes
        FROM commands WHERE password_hash IS NOT NULL GROUP BY station_id
    ) o USING (station_id)
    WHERE s.version > %s
    """
_EVERYTHING = f"{_CHANGED} AND s.retired_at IS NULL"


class _Row(NamedTuple):
    station_id: int
    tenant_id: int
    identity: str
    retired: bool
    security_profile: int
    registration: str
    password_hash: bytes | None
    version: int
    open_commands: list[UUID] | None
    open_hashes: list[bytes] | None


class Refusal(NamedTuple):
    """An upgrade that is turned down: the HTTP status, a sentence for the installer who reads it, and which it is of
    those that are kept; None where it says nothing of the station."""

    status: int
    reason: str
    kept_as: Reason | None = None


class Admission(NamedTuple):
    """An upgrade that is granted. `proves` is the command by which the station got the password that it just used, and
    of which nobody knew whether it took it."""

    station: Station
    version: Version
    proves: UUID | None = None


class Roster:
    """All stations by identity."""

    def __init__(self, secret_key: bytes, *, behind_tls_proxy: bool = False) -> None:
        self._secret_key = secret_key
        self._behind_tls_proxy = behind_tls_proxy
        self._stations: dict[str, Station] = {}
        self._version = 0

    def __len__(self) -> int:
        return len(self._stations)

    def get(self, identity: str) -> Station | None:
        """The station of that identity, or None."""
        return self._stations.get(identity)

    async def read(self, connection: AsyncConnection[Any], *, everything: bool = False) -> list[Station]:
        """Read what changed (or everything) and return the connected stations whose right to be here may be gone."""
        since = 0 if everything else max(0, self._version - VERSION_OVERLAP)
        query = _EVERYTHING if everything else _CHANGED
        rows = [_Row(*row) for row in await (await connection.execute(query, (since,))).fetchall()]
        changed = [station for row in rows if (station := self._take(row)) is not None]
        if everything:
            known = {row.station_id for row in rows}
            gone = [station for station in self._stations.values() if station.station_id not in known]
            for station in gone:
                del self._stations[station.identity]
            changed += gone
        return [station for station in changed if station.connection is not None]

    def _take(self, row: _Row) -> Station | None:
        """Learn one row; returns the station if what let it connect has changed since it was last read, or is gone.

        A retired station and the next one of its identity come in any order: the one that was registered last counts.
        A password that a call gave to the station itself is no change: who answered the call holds the socket.
        """
        station, former = self._stations.get(row.identity), None
        if station is not None and station.station_id > row.station_id:
            return None
        if row.retired:
            self._version = max(self._version, row.version)
            here = station is not None and station.station_id == row.station_id
            return self._stations.pop(row.identity) if here else None
        if station is None or station.station_id != row.station_id:
            former, station = station, Station(row.station_id, row.tenant_id, row.identity)
            self._stations[row.identity] = station
        elif row.version <= station.version:
            return None
        given = row.password_hash in (station.password_hash, *(digest for _, digest in station.open_passwords))
        kept = given and row.security_profile == station.security_profile
        station.registration = row.registration
        station.security_profile = row.security_profile
        station.password_hash = row.password_hash
        station.open_passwords = tuple(zip(row.open_commands or (), row.open_hashes or (), strict=True))
        known = station.version != 0
        station.version = row.version
        self._version = max(self._version, row.version)
        return station if known and not kept else former

    def admit(
        self, path: str, headers: Mapping[str, str], *, tls: bool, certificate_names: Collection[str] = ()
    ) -> Admission | Refusal:
        """Decide an upgrade (OCPP-J 1.6 3.1 and 6.2; 2.0.1 part 4, 3.1; security profiles: 2.0.1 A00).

        `headers` is looked up without case. `certificate_names` are those that a verified client certificate bears.
        """
        station = self.get(identity_of(path))
        if station is None:
            sentence = "This station is not known here: register its identity first, or adopt it from the inbox."
            return Refusal(404, sentence, Reason.UNKNOWN)
        tls = self.by_tls(headers, tls=tls)
        proves = self._authenticate(station, headers.get("Authorization"), tls, certificate_names)
        if isinstance(proves, Refusal):
            return proves
        version = choose_version(headers.get("Sec-WebSocket-Protocol", ""))
        if version is None:
            spoken = ", ".join(Version)
            sentence = f"None of the offered WebSocket subprotocols is spoken here; offer one of {spoken}."
            return Refusal(400, sentence, Reason.NO_SUBPROTOCOL)
        return Admission(station, version, proves)

    def by_tls(self, headers: Mapping[str, str], *, tls: bool) -> bool:
        """Whether a station came by TLS, with us or with the proxy before us that is believed."""
        return tls or (self._behind_tls_proxy and headers.get("X-Forwarded-Proto", "").lower() in ("https", "wss"))

    def address_of(self, headers: Mapping[str, str], peer: str) -> str:
        """The network address that a station came from: of its socket, or as the proxy that is believed says."""
        if not self._behind_tls_proxy:
            return peer
        try:
            return str(ip_address(headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()))
        except ValueError:
            return peer

    def _authenticate(
        self, station: Station, authorization: str | None, tls: bool, names: Collection[str]
    ) -> Refusal | UUID | None:
        """None for who may come in, or the command that gave it the open password by which it proved itself."""
        profile = station.security_profile
        if profile == 0:
            return None
        if profile >= 2 and not tls:
            return Refusal(403, f"Security profile {profile} needs TLS: connect with wss://.", Reason.NO_TLS)
        if profile == 3:
            if station.identity in names:
                return None
            kept_as = Reason.WRONG_CERTIFICATE if names else Reason.NO_CERTIFICATE
            sentence = "Security profile 3 needs a client certificate that names the identity (CN or SAN)."
            return Refusal(401, sentence, kept_as)
        given = basic_password(authorization, station.identity)
        if given is None:
            sentence = "Basic authentication with the station's identity as user name is needed."
            return Refusal(401, sentence, Reason.NO_PASSWORD)
        if not given:
            return Refusal(401, "The password is empty.", Reason.NO_PASSWORD)
        own, opened = station.let_in
        place = find_password(self._secret_key, given, [*own, *(digest for _, digest in opened)])
        if place is None:
            return Refusal(401, "The password is wrong.", Reason.WRONG_PASSWORD)
        return None if place < len(own) else opened[place - len(own)][0]


def identity_of(path: str) -> str:
    """The identity that a path names: its last segment, percent-decoded; empty where that can be none."""
    identity = unquote(path.partition("?")[0].rsplit("/", 1)[-1])
    return identity if len(identity) <= MAX_IDENTITY else ""


def basic_password(authorization: str | None, identity: str) -> bytes | None:
    """The password of a Basic header whose user is `identity`; None when anything about it is wrong (RFC 7617)."""
    if authorization is None or authorization[:6].lower() != "basic ":
        return None
    try:
        user, colon, password = base64.b64decode(authorization[6:], validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return password if colon and user == identity.encode() else None


def choose_version(offered: str) -> Version | None:
    """The newest version both sides speak, whatever order the station offers them in."""
    names = {name.strip() for name in offered.split(",")}
    return next((version for name, version in _VERSIONS if name in names), None)
