"""OpenID Connect Core 1.0 as a relying party: discovery, the authorization code flow with PKCE, and ID tokens.

Pure but for the asking. Who may be asked is settled by `platform.outward`, since it is customers who name providers.
"""

import base64
import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec
import structlog
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from msgspec import Struct

from forecourt.access.signin.model import ProviderAway, ProviderRefused
from forecourt.platform.clock import Clock
from forecourt.platform.outward import AddressRefused, Answer, Outward, Unanswered

log = structlog.get_logger(__name__)

#: One answer of a provider.
DEADLINE_S: Final = 10.0
MAX_ANSWER_BYTES: Final = 512 * 1024
#: How long what a provider says of itself is believed; its keys, too, unless one is needed that is not among them and
#: they are older than the second.
DISCOVERY_AGE_S: Final = 3600.0
KEYS_AGE_S: Final = 30.0
#: Providers that are remembered; beyond it the oldest is asked again.
MAX_REMEMBERED: Final = 100
#: How far a provider's clock may be off.
LEEWAY_S: Final = 60
#: Signatures that are believed. Never `none`, and never one by a secret that the sender of a token could know.
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
SCOPES: Final = "openid email profile"

T = TypeVar("T")


class Discovery(Struct, frozen=True, kw_only=True):
    """What a provider says of itself (OpenID Connect Discovery 1.0 §3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: list[str] = msgspec.field(default_factory=lambda: ["client_secret_basic"])


class Client(Struct, frozen=True, kw_only=True):
    """What we are to a provider."""

    issuer: str
    client_id: str
    secret: str
    redirect_uri: str


class Departure(Struct, frozen=True, kw_only=True):
    """The way to a provider, and what must be known of it when somebody comes back."""

    url: str
    nonce: str
    verifier: str


class _Remembered:
    def __init__(self, discovery: Discovery, at: float) -> None:
        self.discovery = discovery
        self.at = at
        self.keys: KeySet | None = None
        self.keys_at = 0.0


class _Tokens(Struct, frozen=True, kw_only=True):
    id_token: str


class Oidc:
    """Speaks with providers. `private`: they may be in our own network, and speak without TLS."""

    def __init__(self, clock: Clock, *, private: bool) -> None:
        self._clock = clock
        self._private = private
        self._remembered: OrderedDict[str, _Remembered] = OrderedDict()

    async def discover(self, issuer: str) -> Discovery:
        """What the provider says of itself. Raises ProviderAway."""
        return (await self._remember(issuer)).discovery

    async def depart(self, client: Client, state: str) -> Departure:
        """Where to send a browser. Raises ProviderAway."""
        discovery = await self.discover(client.issuer)
        nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        query = urlencode(
            {
                "response_type": "code",
                "client_id": client.client_id,
                "redirect_uri": client.redirect_uri,
                "scope": SCOPES,
                "state": state,
                "nonce": nonce,
                "code_challenge": _challenge(verifier),
                "code_challenge_method": "S256",
            }
        )
        mark = "&" if urlsplit(discovery.authorization_endpoint).query else "?"
        return Departure(url=f"{discovery.authorization_endpoint}{mark}{query}", nonce=nonce, verifier=verifier)

    async def arrive(self, client: Client, code: str, nonce: str, verifier: str) -> dict[str, Any]:
        """The claims of the ID token that a code stands for, when all of it is right (OpenID Connect Core §3.1.3.7).

        Raises ProviderAway, ProviderRefused.
        """
        remembered = await self._remember(client.issuer)
        tokens = _decoded(await self._exchange(client, remembered.discovery, code, verifier), _Tokens)
        claims = await self._claims(remembered, tokens.id_token)
        self._check(remembered.discovery.issuer, client.client_id, claims, nonce)
        return claims

    async def believe(self, issuer: str, client_ids: Sequence[str], id_token: str, nonce: str) -> dict[str, Any]:
        """The claims of an ID token that an app of its own asked for, when all of it is right and it is for one of
        these clients. Raises ProviderAway, ProviderRefused."""
        remembered = await self._remember(issuer)
        claims = await self._claims(remembered, id_token)
        said = claims.get("aud")
        audiences = said if isinstance(said, list) else [said]
        client_id = next((each for each in client_ids if each in audiences), None)
        if client_id is None:
            log.info("an id token was refused", issuer=issuer, fault="it is for another client")
            raise ProviderRefused
        self._check(remembered.discovery.issuer, client_id, claims, nonce)
        return claims

    async def _exchange(self, client: Client, discovery: Discovery, code: str, verifier: str) -> Answer:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": client.redirect_uri,
            "code_verifier": verifier,
        }
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        if "client_secret_basic" in discovery.token_endpoint_auth_methods_supported:
            pair = f"{quote(client.client_id, safe='')}:{quote(client.secret, safe='')}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": client.client_id, "client_secret": client.secret}
        return await self._ask(discovery.token_endpoint, headers, urlencode(form).encode())

    async def _claims(self, remembered: _Remembered, token: str) -> dict[str, Any]:
        registry = JWSRegistry(algorithms=list(ALGORITHMS))
        for renew in (False, True):
            keys = await self._keys(remembered, renew=renew)
            try:
                return dict(jwt.decode(token, keys, algorithms=list(ALGORITHMS), registry=registry).claims)
            except InvalidKeyIdError:
                continue  # keys were changed since they were read
            except (JoseError, ValueError, TypeError) as fault:
                log.info("an id token was refused", issuer=remembered.discovery.issuer, fault=type(fault).__name__)
                raise ProviderRefused from fault
        raise ProviderRefused

    def _check(self, issuer: str, client_id: str, claims: Mapping[str, Any], nonce: str) -> None:
        now = int(self._clock.now().timestamp())
        wanted = jwt.JWTClaimsRegistry(
            now=now,
            leeway=LEEWAY_S,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            wanted.validate(dict(claims))
        except JoseError as fault:
            log.info("an id token was refused", issuer=issuer, fault=str(fault))
            raise ProviderRefused from fault
        audiences, party = claims["aud"], claims.get("azp")
        several = isinstance(audiences, list) and len(audiences) > 1
        if party != client_id and (several or party is not None):
            raise ProviderRefused

    async def _remember(self, issuer: str) -> _Remembered:
        now, found = self._clock.monotonic(), self._remembered.get(issuer)
        if found is not None and now - found.at < DISCOVERY_AGE_S:
            return found
        answer = await self._ask(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        discovery = _decoded(answer, Discovery)
        # An answer about another issuer would let that one sign in the people of this one (Discovery §4.3).
        if discovery.issuer.rstrip("/") != issuer.rstrip("/"):
            raise ProviderAway("The provider calls itself by another name than its address. Correct the issuer.")
        if not self._private and any(
            urlsplit(url).scheme != "https"
            for url in (discovery.authorization_endpoint, discovery.token_endpoint, discovery.jwks_uri)
        ):
            raise ProviderAway("The provider wants to be spoken to without TLS.")
        made = self._remembered[issuer] = _Remembered(discovery, now)
        self._remembered.move_to_end(issuer)
        if len(self._remembered) > MAX_REMEMBERED:
            self._remembered.popitem(last=False)
        return made

    async def _keys(self, remembered: _Remembered, *, renew: bool) -> KeySet:
        now = self._clock.monotonic()
        age_s = now - remembered.keys_at
        if remembered.keys is not None and age_s < (KEYS_AGE_S if renew else DISCOVERY_AGE_S):
            return remembered.keys
        answer = await self._ask(remembered.discovery.jwks_uri)
        try:
            keys = KeySet.import_key_set(msgspec.json.decode(answer.body))
        except (msgspec.DecodeError, JoseError, ValueError, KeyError, TypeError) as fault:
            raise ProviderAway from fault
        remembered.keys, remembered.keys_at = keys, now
        return keys

    async def _ask(self, url: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> Answer:
        """One question; a form if there is a body."""
        if urlsplit(url).scheme != "https" and not self._private:
            raise ProviderAway
        try:
            async with Outward(private=self._private) as outward:
                if body is None:
                    answer = await outward.get(url, deadline_s=DEADLINE_S, most=MAX_ANSWER_BYTES)
                else:
                    answer = await outward.post(url, headers or {}, body, deadline_s=DEADLINE_S, most=MAX_ANSWER_BYTES)
        except (Unanswered, AddressRefused) as fault:
            log.info("a provider did not answer", host=urlsplit(url).hostname, fault=str(fault))
            raise ProviderAway from fault
        if answer.status != 200:
            log.info("a provider refused", host=urlsplit(url).hostname, status=answer.status)
            raise ProviderRefused if body is not None and answer.status < 500 else ProviderAway
        return answer


def _challenge(verifier: str) -> str:
    """RFC 7636 §4.2."""
    return base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _decoded(answer: Answer, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except msgspec.DecodeError as fault:
        raise ProviderAway from fault
