"""Requests to addresses that customers name: signed, bounded in time and size, and never to our own network.

Who may name an address could otherwise have us ask what only we can reach (server-side request forgery). So a name is
resolved here, each address it stands for is looked at, and so is the one that a socket is opened for, however the
address was written and whoever read it: parsers differ, and some take ⑦ for 7. No
redirect is followed, no proxy of the environment is used, and no more of an answer is read than was asked for.

Signatures follow the Standard Webhooks specification 1.0: `webhook-id`, `webhook-timestamp` (unix seconds) and
`webhook-signature`, `v1,` and the base64 of HMAC-SHA256 over id, timestamp and body with dots between.
"""

import asyncio
import base64
import errno
import hmac
import secrets
import socket
import ssl
from collections.abc import Sequence
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from msgspec import Struct

from forecourt.platform.errors import ForecourtError

SECRET_PREFIX: Final = "whsec_"
#: Random bytes of a secret; the specification asks for 24 to 64.
SECRET_BYTES: Final = 32
MAX_URL: Final = 2_000
#: Connections to the outside at once, of one process.
MAX_CONNECTIONS: Final = 64
USER_AGENT: Final = "Forecourt"
#: IPv4 within IPv6 for networks that have no other (RFC 6052).
_NAT64: Final = IPv6Network("64:ff9b::/96")


class AddressRefused(ForecourtError):
    """This address can't be called: it must be http or https, without a password in it, and of the public internet.
    Private networks need FORECOURT_WEBHOOKS_PRIVATE=true."""

    status = 422
    code = "address-refused"


class Answer(Struct, frozen=True, kw_only=True):
    """What came back: the status and the first bytes of the body."""

    status: int
    body: bytes


class Unanswered(Exception):
    """No answer came; the text says why, without a secret: one of UNANSWERED, or what the system said."""


#: Why a connection was not made, by the system's number.
UNREACHED: Final = {
    errno.ECONNREFUSED: "the connection was refused",
    errno.ETIMEDOUT: "the connection timed out",
    errno.EHOSTUNREACH: "the address can't be reached",
    errno.ENETUNREACH: "the address can't be reached",
    errno.ECONNRESET: "the connection broke",
}
NAME_UNKNOWN: Final = "the name of the server is not known"
NAME_PRIVATE: Final = "the name stands for a private address, which is not called"
ADDRESS_PRIVATE: Final = "the address is private, which is not called"
UNTRUSTED: Final = "the certificate of the server is not trusted"
NO_TLS: Final = "the server does not speak TLS as it should"
BROKEN: Final = "the connection broke"
UNSIGNED: Final = "it was not sent, as its secret can't be opened: make a new one"
#: Every reason that is said in our own words, but for the one with a number: no answer within so many seconds.
UNANSWERED: Final = frozenset(
    {*UNREACHED.values(), NAME_UNKNOWN, NAME_PRIVATE, ADDRESS_PRIVATE, UNTRUSTED, NO_TLS, BROKEN, UNSIGNED}
)


def new_secret() -> str:
    """A secret to sign with, in the form that receivers' libraries take."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signed_headers(keys: Sequence[str], message_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """The three headers; one signature a secret, so that a receiver may hold the old or the new one meanwhile."""
    content = f"{message_id}.{at_s}.".encode() + body
    digests = [hmac.digest(base64.b64decode(key.removeprefix(SECRET_PREFIX)), content, sha256) for key in keys]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests),
    }


def is_public(text: str) -> bool:
    """Whether an IP address is one of the public internet, looking through what carries IPv4 within IPv6."""
    address = ip_address(text.partition("%")[0])
    return all(each.is_global and not each.is_multicast for each in (address, *_carried(address)))


def _carried(address: IPv4Address | IPv6Address) -> list[IPv4Address]:
    if isinstance(address, IPv4Address):
        return []
    carried = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        carried.append(IPv4Address(int(address) & 0xFFFF_FFFF))
    return [each for each in carried if each is not None]


def check_address(url: str, *, private: bool) -> None:
    """Raises AddressRefused for what can be told from the address alone; names are looked at when they are called."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as fault:
        raise AddressRefused(
            "This is no address: its port must be a number up to 65535, and brackets may hold an IPv6 address only."
        ) from fault
    if port == 0:
        raise AddressRefused("Nothing listens at port 0. Name the port that your server listens at, or none.")
    if parts.username or parts.password:
        raise AddressRefused("An address must hold no user and no password. Leave them out; what is sent is signed.")
    if parts.scheme not in ("http", "https") or not host or len(url) > MAX_URL:
        raise AddressRefused
    if not host.isascii():
        raise AddressRefused("The name of a server must be of ASCII letters. Write one with others as xn--...")
    if private:
        return
    try:
        public = is_public(host)
    except ValueError:
        public = host != "localhost" and not host.endswith(".localhost")
    if not public:
        raise AddressRefused


class Outward:
    """Calls the outside, for the life of a process. Open it with `async with`."""

    def __init__(self, *, private: bool) -> None:
        self._private = private
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Outward":
        connector = _connector(private=self._private)
        # What receivers set as a cookie is theirs to forget.
        self._session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False
        )
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, url: str, *, deadline_s: float, most: int) -> Answer:
        """Reads up to `most` bytes of what is there. Raises Unanswered, AddressRefused."""
        return await self._ask("GET", url, {"accept": "application/json"}, None, deadline_s, most)

    async def post(self, url: str, headers: dict[str, str], body: bytes, *, deadline_s: float, most: int) -> Answer:
        """Sends JSON and reads up to `most` bytes of the answer. Raises Unanswered, AddressRefused."""
        return await self._ask("POST", url, {"content-type": "application/json", **headers}, body, deadline_s, most)

    async def ask(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None, *, deadline_s: float, most: int
    ) -> Answer:
        """Asks as it is told. Raises Unanswered, AddressRefused."""
        return await self._ask(method, url, headers, body, deadline_s, most)

    def session(self, **how: Any) -> aiohttp.ClientSession:
        """A session for a library that asks by itself, to the same addresses as everybody; `ssl` says whom it trusts.
        It says nothing of redirects, and the caller closes it and checks the address beforehand."""
        context: ssl.SSLContext | bool = how.pop("ssl", True)
        connector = _connector(private=self._private, trust=context)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, **how)

    def check(self, url: str) -> None:
        """Raises AddressRefused for an address that is not called."""
        check_address(url, private=self._private)

    async def _ask(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None, deadline_s: float, most: int
    ) -> Answer:
        assert self._session is not None, "use it within `async with`"
        check_address(url, private=self._private)
        sent = {"user-agent": USER_AGENT, "accept-encoding": "identity", **headers}
        try:
            async with asyncio.timeout(deadline_s):
                async with self._session.request(
                    method, url, data=body, headers=sent, allow_redirects=False
                ) as response:
                    first = await _first(response.content, most)
                    return Answer(status=response.status, body=first)
        except TimeoutError:
            raise Unanswered(f"no answer within {deadline_s:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as fault:
            raise Unanswered(why_unanswered(fault)) from None


def why_unanswered(fault: Exception) -> str:
    """What is said of a connection that failed so: one of UNANSWERED, or what the system said."""
    match fault:
        case aiohttp.ClientConnectorCertificateError() | ssl.SSLCertVerificationError():
            return UNTRUSTED
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return NO_TLS
        case aiohttp.ClientConnectorDNSError():
            return NAME_PRIVATE if str(fault.os_error) == NAME_PRIVATE else NAME_UNKNOWN
        case aiohttp.ClientConnectorError() if str(fault.os_error) == ADDRESS_PRIVATE:
            return ADDRESS_PRIVATE
        case aiohttp.ClientConnectorError():
            said = fault.os_error.strerror or str(fault.os_error)
            return UNREACHED.get(fault.os_error.errno or 0, f"no connection: {said}")
        case _:
            return f"{BROKEN} ({type(fault).__name__})"


async def _first(content: aiohttp.StreamReader, most: int) -> bytes:
    first = bytearray()
    while len(first) < most and (chunk := await content.read(most - len(first))):
        first += chunk
    return bytes(first)


def _connector(*, private: bool, trust: ssl.SSLContext | bool = True) -> aiohttp.TCPConnector:
    return aiohttp.TCPConnector(
        resolver=_Resolver(private=private),
        limit=MAX_CONNECTIONS,
        ttl_dns_cache=0,
        ssl=trust,
        socket_factory=None if private else _public_socket,
    )


def _public_socket(where: tuple[Any, Any, int, str, tuple[Any, ...]]) -> socket.socket:
    """A socket for an address that may be called; OSError for any other."""
    family, kind, protocol, _, address = where
    if not is_public(address[0]):
        raise OSError(ADDRESS_PRIVATE)
    return socket.socket(family=family, type=kind, proto=protocol)


class _Resolver(AbstractResolver):
    """Names to addresses that may be called."""

    def __init__(self, *, private: bool) -> None:
        self._private = private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Every address of a name that may be called; OSError where there is none."""
        found: list[Any] = await asyncio.get_running_loop().getaddrinfo(
            host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
        allowed = [
            ResolveResult(
                hostname=host, host=address[0], port=port, family=kind, proto=protocol, flags=socket.AI_NUMERICHOST
            )
            for kind, _, protocol, _, address in found
            if self._private or is_public(address[0])
        ]
        if not allowed:
            raise OSError(NAME_PRIVATE)
        return allowed

    async def close(self) -> None:
        """Nothing is held."""
