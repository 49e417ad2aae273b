"""Every station of the deployment in memory: who may connect, and who is connected here.

A WebSocket upgrade is decided without a query, so what decides it is kept: identity, profile, password hash,
registration. Changes are read when the bus says so and, should that be lost, by polling; everything is read anew
after MAX_AGE_S, so that no lost word lasts.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from psycopg import AsyncConnection

from forecourt.ocpp.neutral import Version
from forecourt.stations.gateway.station import Station
from forecourt.stations.model import password_hash

#: Version numbers are drawn before their transaction commits, so each reading looks back this far.
VERSION_OVERLAP = 1_000
#: Seconds between two readings of what changed, in case a word on the bus was lost.
POLL_S = 10.0
#: Seconds after which everything is read anew.
MAX_AGE_S = 300.0
MAX_IDENTITY = 255

# An enum is iterated slowly, and this is asked for every upgrade. Newest first.
_VERSIONS = tuple((version.value, version) for version in Version)

_CHANGED = """
    SELECT station_id, tenant_id, coalesce(identity, retired_identity), retired_at IS NOT NULL, security_profile,
        registration, password_hash, version
    FROM stations WHERE version > %s
    """
_EVERYTHING = f"{_CHANGED} AND retired_at IS NULL"


class Refusal(NamedTuple):
    """An upgrade that is turned down: the HTTP status and a sentence for the installer who reads it."""

    status: int
    reason: str


class Admission(NamedTuple):
    """An upgrade that is granted."""

    station: Station
    version: Version


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
        rows = await (await connection.execute(_EVERYTHING if everything else _CHANGED, (since,))).fetchall()
        changed = [station for row in rows if (station := self._take(*row)) is not None]
        if everything:
            known = {row[0] for row in rows}
            gone = [station for station in self._stations.values() if station.station_id not in known]
            for station in gone:
                del self._stations[station.identity]
            changed += gone
        return [station for station in changed if station.connection is not None]

    def _take(
        self,
        station_id: int,
        tenant_id: int,
        identity: str,
        retired: bool,
        security_profile: int,
        registration: str,
        password_hash: bytes | None,
        version: int,
    ) -> Station | None:
        """Learn one row; returns the station if what let it connect has changed since it was last read, or is gone.

        A retired station and the next one of its identity come in any order: the one that was registered last counts.
        """
        station, former = self._stations.get(identity), None
        if station is not None and station.station_id > station_id:
            return None
        if retired:
            self._version = max(self._version, version)
            return self._stations.pop(identity) if station is not None and station.station_id == station_id else None
        if station is None or station.station_id != station_id:
            former, station = station, Station(station_id, tenant_id, identity)
            self._stations[identity] = station
        elif version <= station.version:
            return None
        rights = (station.security_profile, station.password_hash)
        station.registration = registration
        station.security_profile = security_profile
        station.password_hash = password_hash
        known = station.version != 0
        station.version = version
        self._version = max(self._version, version)
        return station if known and rights != (security_profile, password_hash) else former

    def admit(
        self, path: str, headers: Mapping[str, str], *, tls: bool, certificate_name: str | None
    ) -> Admission | Refusal:
        """Decide an upgrade (OCPP-J 1.6 3.1 and 6.2; 2.0.1 part 4, 3.1; security profiles: 2.0.1 A00).

        `headers` is looked up without case. `certificate_name` is the common name of a verified client certificate.
        """
        identity = unquote(path.partition("?")[0].rsplit("/", 1)[-1])
        station = self._stations.get(identity) if 0 < len(identity) <= MAX_IDENTITY else None
        if station is None:
            return Refusal(404, "This station is not known here: register its identity first.")
        tls = tls or (self._behind_tls_proxy and headers.get("X-Forwarded-Proto", "").lower() in ("https", "wss"))
        refusal = self._refuse(station, headers.get("Authorization"), tls, certificate_name)
        if refusal is not None:
            return refusal
        version = choose_version(headers.get("Sec-WebSocket-Protocol", ""))
        if version is None:
            spoken = ", ".join(Version)
            return Refusal(400, f"None of the offered WebSocket subprotocols is spoken here; offer one of {spoken}.")
        return Admission(station, version)

    def _refuse(self, station: Station, authorization: str | None, tls: bool, name: str | None) -> Refusal | None:
        profile = station.security_profile
        if profile == 0:
            return None
        if profile >= 2 and not tls:
            return Refusal(403, f"Security profile {profile} needs TLS: connect with wss://.")
        if profile == 3:
            if name == station.identity:
                return None
            return Refusal(401, "Security profile 3 needs a client certificate whose common name is the identity.")
        given = basic_password(authorization, station.identity)
        if given is None:
            return Refusal(401, "Basic authentication with the station's identity as user name is needed.")
        expected = station.password_hash
        if expected is None or not hmac.compare_digest(password_hash(self._secret_key, given), expected):
            return Refusal(401, "The password is wrong.")
        return None


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
