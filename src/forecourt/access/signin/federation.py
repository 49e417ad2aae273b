"""The way to a provider and back, for whoever signs people in by one: what is begun is kept as a step, and what comes
back is believed only with its state, nonce and verifier.
"""

import secrets
from collections.abc import Mapping, Sequence
from hmac import compare_digest
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec import Struct

from forecourt.access.signin.model import ProviderRefused, StepGone
from forecourt.access.signin.oidc import Client, Oidc
from forecourt.access.signin.steps import TOKEN_BYTES, Purpose, Steps
from forecourt.platform.clock import Clock
from forecourt.platform.sealing import Seal

MIN_EMAIL: Final = 3
MAX_EMAIL: Final = 254
MAX_NAME: Final = 200
MAX_ISSUER: Final = 500
MAX_SUBJECT: Final = 255


class Claimed(Struct, frozen=True, kw_only=True):
    """What an ID token says of a person. `verified`: that the address is theirs."""

    issuer: str
    subject: str
    email: str
    verified: bool
    name: str


class Federation:
    """The way to any provider. `private`: they may be in our own network, and speak without TLS."""

    def __init__(self, steps: Steps, clock: Clock, *, private: bool) -> None:
        self._steps = steps
        self._oidc = Oidc(clock, private=private)
        self._private = private

    async def meet(self, issuer: str) -> None:
        """Asks a provider who it is. Raises ProviderAway, ProviderRefused."""
        await self._oidc.discover(issuer)

    async def depart(self, purpose: Purpose, client: Client, **held: str) -> tuple[str, str]:
        """Where to send a browser, and the token of the step for it to keep. Raises ProviderAway."""
        state = secrets.token_urlsafe(TOKEN_BYTES)
        away = await self._oidc.depart(client, state)
        token = await self._steps.begin(purpose, None, state=state, nonce=away.nonce, verifier=away.verifier, **held)
        return away.url, token

    async def back(self, purpose: Purpose, token: str, state: str, code: str) -> Mapping[str, str]:
        """What was kept of the way of somebody who comes back, once. Raises StepGone, ProviderRefused."""
        held = (await self._steps.take(purpose, token)).held
        if not compare_digest(held["state"].encode(), state.encode()):
            raise StepGone
        if not code:
            raise ProviderRefused
        return held

    async def claims(self, client: Client, code: str, held: Mapping[str, str]) -> dict[str, Any]:
        """What the provider says of them. Raises ProviderAway, ProviderRefused."""
        return await self._oidc.arrive(client, code, held["nonce"], held["verifier"])

    async def expect(self, purpose: Purpose, **held: str) -> tuple[str, str]:
        """The nonce that an ID token must hold which somebody else asks a provider for, and the token of the step."""
        nonce = secrets.token_urlsafe(TOKEN_BYTES)
        return nonce, await self._steps.begin(purpose, None, nonce=nonce, **held)

    async def expected(self, purpose: Purpose, token: str) -> Mapping[str, str]:
        """What was kept when an ID token was expected, once. Raises StepGone."""
        return (await self._steps.take(purpose, token)).held

    async def believe(self, issuer: str, client_ids: Sequence[str], id_token: str, nonce: str) -> dict[str, Any]:
        """What an ID token says, if it is for one of these clients. Raises ProviderAway, ProviderRefused."""
        return await self._oidc.believe(issuer, client_ids, id_token, nonce)

    def is_issuer(self, address: str) -> bool:
        """Whether it is the address of a provider that we may speak with."""
        parts = urlsplit(address)
        schemes = ("https", "http") if self._private else ("https",)
        return parts.scheme in schemes and bool(parts.hostname) and not (parts.query or parts.fragment)


class ClientSecrets:
    """What providers know us by, sealed; each can be opened for the organisation that it was given by alone."""

    def __init__(self, secret: bytes, purpose: str) -> None:
        self._seal = Seal(secret, purpose)

    def close(self, tenant_id: int, text: str) -> bytes:
        """As it is kept."""
        return self._seal.close(f"{tenant_id} {text}")

    def open(self, sealed: bytes) -> str:
        """As it is sent."""
        _, _, secret = self._seal.open(sealed).partition(" ")
        return secret


def claimed(claims: Mapping[str, Any]) -> Claimed:
    """The person whom claims are of. An address counts as verified only where the provider says exactly that.

    Raises ProviderRefused for a name that can't be kept whole: of two that begin alike, one would be the other.
    """
    issuer, subject = str(claims["iss"]), str(claims["sub"])
    if not 0 < len(subject) <= MAX_SUBJECT or len(issuer) > MAX_ISSUER or "\0" in subject + issuer:
        raise ProviderRefused
    email = str(claims.get("email") or "").strip().lower()
    return Claimed(
        issuer=issuer,
        subject=subject,
        email=email,
        verified=claims.get("email_verified") is True and MIN_EMAIL <= len(email) <= MAX_EMAIL,
        name=str(claims.get("name") or email.partition("@")[0] or subject)[:MAX_NAME],
    )
