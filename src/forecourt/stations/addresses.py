"""The addresses at which stations reach this deployment, as one enters them at a station."""

from typing import Final
from urllib.parse import quote, urlsplit

from msgspec import Struct

#: Names that mean this machine to itself only.
LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class OcppAddresses(Struct, frozen=True, kw_only=True):
    """Where gateways listen, as far as the settings tell. `public_url` is the console's, whose host stations are told;
    without it, it is the host by which whoever looks reached the console."""

    port: int
    tls_port: int | None = None
    behind_tls_proxy: bool = False
    public_url: str | None = None

    @property
    def tls(self) -> bool:
        """Whether stations can come by TLS at all."""
        return self.tls_port is not None or self.behind_tls_proxy

    def host(self, seen: str) -> str:
        """The host for stations; `seen` is the one in the address of the page."""
        host = (urlsplit(self.public_url).hostname if self.public_url else None) or seen or "localhost"
        return f"[{host}]" if ":" in host else host

    def is_local(self, seen: str) -> bool:
        """Whether that host leads nowhere from a station."""
        return self.host(seen).strip("[]") in LOCAL_HOSTS

    def base(self, seen: str, security_profile: int) -> str:
        """The address without the identity, which most stations append themselves."""
        if security_profile < 2 or not self.tls:
            return f"ws://{self.host(seen)}:{self.port}/ocpp"
        # Which port a proxy listens on is not known here: that of wss.
        port = "" if self.tls_port is None else f":{self.tls_port}"
        return f"wss://{self.host(seen)}{port}/ocpp"

    def whole(self, seen: str, security_profile: int, identity: str) -> str:
        """The address with the identity."""
        return f"{self.base(seen, security_profile)}/{quote(identity, safe='')}"
