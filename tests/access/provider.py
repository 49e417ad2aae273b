"""A small OpenID provider for tests: real HTTP, real RS256 keys, and as dishonest as a test wants it."""

import base64
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.support import FakeClock

CLIENT_ID = "forecourt"
CLIENT_SECRET = "the provider's own secret"


class Provider:
    """Signs in whoever it is told to be signed in; `claims` and `headers` go into every token from then on."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.issuer = ""
        self.key = RSAKey.generate_key(2048, parameters={"kid": "first"})
        self.published = [self.key]
        self.subject = "ada"
        self.claims: dict[str, Any] = {"email": "ada@harbour.example", "email_verified": True, "name": "Ada"}
        self.algorithm = "RS256"
        self.signer: Any = None
        self.age_s = 0
        self.asked: list[str] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.said_issuer: str | None = None

    def rotate(self) -> None:
        """From now on another key signs, and the old one is published no more."""
        self.key = RSAKey.generate_key(2048, parameters={"kid": f"key {time.monotonic_ns()}"})
        self.published = [self.key]

    def authorize(self, url: str) -> str:
        """What a browser comes back with after signing in there: the path and query of our own callback."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert urlsplit(url).path == "/authorize"
        assert (query["response_type"], query["client_id"]) == ("code", CLIENT_ID)
        assert query["code_challenge_method"] == "S256"
        code = f"code {len(self.codes)}"
        self.codes[code] = query
        back = urlsplit(query["redirect_uri"])
        return f"{back.path}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, query: dict[str, str]) -> str:
        now = int(self._clock.now().timestamp()) - self.age_s
        claims = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": query["nonce"],
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        signer = self.signer or self.key
        header = {"alg": self.algorithm, "kid": self.key.kid}
        return jwt.encode(header, claims, signer, algorithms=[self.algorithm])

    async def _discovery(self, _request: web.Request) -> web.Response:
        self.asked.append("discovery")
        return web.json_response(
            {
                "issuer": self.said_issuer or self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
            }
        )

    async def _keys(self, _request: web.Request) -> web.Response:
        self.asked.append("keys")
        return web.json_response({"keys": [key.as_dict(private=False) for key in self.published]})

    async def _token(self, request: web.Request) -> web.Response:
        self.asked.append("token")
        form = await request.post()
        scheme, _, pair = request.headers.get("authorization", "").partition(" ")
        known = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET.replace(' ', '%20').replace(chr(39), '%27')}".encode())
        query = self.codes.pop(str(form.get("code")), None)
        verifier = str(form.get("code_verifier", ""))
        challenge = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        honest = (
            scheme == "Basic"
            and pair == known.decode()
            and query is not None
            and query["code_challenge"] == challenge
            and query["redirect_uri"] == form.get("redirect_uri")
        )
        if not honest or query is None:
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response({"access_token": "x", "token_type": "Bearer", "id_token": self.token(query)})


@asynccontextmanager
async def provider(clock: FakeClock) -> AsyncIterator[Provider]:
    """A provider that listens on a port of this machine."""
    made = Provider(clock)
    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", made._discovery)
    app.router.add_get("/keys", made._keys)
    app.router.add_post("/token", made._token)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.issuer = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        await runner.cleanup()
