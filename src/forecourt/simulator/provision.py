"""Registers simulated sites, stations and tokens through the HTTP API, as an operator would.

What is there already is brought up to date, so a second run of the same fleet finds its stations again.
"""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import aiohttp
import msgspec

from forecourt.simulator.prices import Priced

#: Requests under way at once.
AT_ONCE = 8
REQUEST_DEADLINE_S = 30
#: A web process that has just started is asked again for so long.
READY_DEADLINE_S = 60
#: Running sessions of a wired site that are looked at.
MOST_SESSIONS = 100
UNAUTHORISED, FORBIDDEN, NOT_FOUND, CONFLICT = 401, 403, 404, 409


class Refusal(Exception):
    """The API did not take something; the text is what it said."""


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """A site by its slug."""

    slug: str
    name: str
    city: str | None = None
    country: str | None = None
    time_zone: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    #: The slug of the site that it is part of.
    parent: str | None = None


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """A station as the API is to know it."""

    id: str
    site: str | None = None
    password: str | None = None
    name: str | None = None
    max_power_w: int | None = None


class Wiring(msgspec.Struct, frozen=True, kw_only=True):
    """How a site is wired and charged, as the API has it, what it pays, where that would be fetched from, and what its
    grid operator allows."""

    site: str
    electrics: dict[str, Any]
    smart_charging: dict[str, Any]
    tariff: dict[str, Any]
    feed: dict[str, Any]
    limit: dict[str, Any]


class Api:
    """The HTTP API with an API key. An asynchronous context."""

    def __init__(self, url: str, key: str) -> None:
        self._base = url.rstrip("/") + "/api/v1"
        self._key = key
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {self._key}"},
            timeout=aiohttp.ClientTimeout(total=REQUEST_DEADLINE_S),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def ready(self) -> None:
        """Waits until the API answers at all."""
        async with asyncio.timeout(READY_DEADLINE_S):
            while True:
                try:
                    status, text = await self._ask("GET", "/stations", None)
                except aiohttp.ClientConnectionError:
                    await asyncio.sleep(0.5)
                    continue
                if status in (UNAUTHORISED, FORBIDDEN):
                    raise Refusal(f"the API key was answered {status}: {text[:300]}")
                return

    async def register(self, sites: Iterable[Site], stations: Iterable[Registered], tokens: dict[str, str]) -> None:
        """All of it; `tokens` are uid -> status. Raises Refusal for the first thing that is not taken."""
        # What a site is part of comes before it.
        for site in sites:
            await self._site(site)
        await _all(self._token(uid, status) for uid, status in tokens.items())
        await _all(self._station(station) for station in stations)

    async def price(self, tariffs: Iterable[Priced], look: dict[str, Any]) -> None:
        """Tariffs where there is none of their name, where each counts, and how drivers' pages look if nobody said."""
        for each in tariffs:
            tariff_id = await self._tariff(each)
            status, text = await self._ask("GET", f"/tariff-assignments?tariff={tariff_id}&limit=1", None)
            if status < 300 and not msgspec.json.decode(text)["items"]:
                await _all(self._assign(tariff_id, place) for place in each.places)
        status, text = await self._ask("GET", "/driver-pages", None)
        if status < 300 and not msgspec.json.decode(text)["version"]:
            await self._expect("PUT", "/driver-pages", look)

    async def _tariff(self, wanted: Priced) -> str:
        """The id of the tariff of this name."""
        status, text = await self._ask("GET", f"/tariffs?search={quote(wanted.name)}", None)
        if status >= 300:
            raise Refusal(f"GET /tariffs was answered {status}: {text[:300]}")
        known = {row["name"]: row["id"] for row in msgspec.json.decode(text)["items"]}
        if wanted.name not in known:
            path, tariff = ("/tariffs", wanted.tariff) if wanted.ocpi is None else ("/tariffs/import", wanted.ocpi)
            status, text = await self._ask("POST", path, {"name": wanted.name, "tariff": tariff})
            if status >= 300:
                raise Refusal(f"POST {path} was answered {status}: {text[:300]}")
            return str(msgspec.json.decode(text)["id"])
        return str(known[wanted.name])

    async def _assign(self, tariff_id: str, place: dict[str, Any]) -> None:
        await self._expect("POST", "/tariff-assignments", {"tariff_id": tariff_id, **place})

    async def wire(self, wiring: Wiring) -> bool:
        """Whether the site could be wired: its stations must have said what they are. One that is wired is left as it
        is."""
        status, text = await self._ask("GET", f"/sites/{wiring.site}/electrics", None)
        if status < 300 and msgspec.json.decode(text)["version"]:
            return True
        await self._expect("PUT", f"/sites/{wiring.site}/utility-tariff", wiring.tariff)
        status, _ = await self._ask("PUT", f"/sites/{wiring.site}/electrics", wiring.electrics)
        if status >= 300:
            return False
        await self._expect("PUT", f"/sites/{wiring.site}/smart-charging", wiring.smart_charging)
        await self._expect("POST", f"/sites/{wiring.site}/feeds", wiring.feed, CONFLICT)
        await self._expect("POST", f"/sites/{wiring.site}/limits", wiring.limit)
        return True

    async def say(self, wiring: Wiring, needs: Mapping[str, dict[str, Any]], said: set[str]) -> None:
        """Say what drivers need, by card, of the sessions at a wired site of which it wasn't `said` yet."""
        path = f"/sessions?status=active&site={wiring.site}&limit={MOST_SESSIONS}"
        status, text = await self._ask("GET", path, None)
        if status >= 300:
            raise Refusal(f"GET {path} was answered {status}: {text[:300]}")
        running = msgspec.json.decode(text)["items"]
        said &= {session["id"] for session in running}
        for session in running:
            need = needs.get(session["token"] or "")
            if need is not None and session["id"] not in said:
                await self._expect("PUT", f"/sessions/{session['id']}/needs?source=driver", need, NOT_FOUND)
                said.add(session["id"])

    async def measure(self, wiring: Wiring, power_w: int) -> None:
        """Say what the only load of a wired site takes now."""
        await self._expect("POST", f"/sites/{wiring.site}/load", {"readings": [{"power_w": power_w}]})

    async def _site(self, site: Site) -> None:
        await self._expect("POST", "/sites", _given(site), CONFLICT)

    async def _token(self, uid: str, status: str) -> None:
        await self._expect("POST", "/tokens", {"uid": uid, "type": "ISO14443", "status": status}, CONFLICT)

    async def _station(self, station: Registered) -> None:
        body = {**_given(station), "security_profile": 1 if station.password else 0, "registration": "accepted"}
        status = await self._expect("POST", "/stations", body, CONFLICT)
        if status == CONFLICT:
            identity = body.pop("id")
            await self._expect("PATCH", f"/stations/{quote(identity, safe='')}", body)

    async def _expect(self, method: str, path: str, body: dict[str, Any], *also: int) -> int:
        status, text = await self._ask(method, path, body)
        if status >= 300 and status not in also:
            raise Refusal(f"{method} {path} was answered {status}: {text[:300]}")
        return status

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> tuple[int, str]:
        async with self._gate, self._session.request(method, self._base + path, json=body) as response:
            return response.status, await response.text()


async def _all(verbs: Iterable[Awaitable[None]]) -> None:
    await asyncio.gather(*verbs)


def _given(struct: msgspec.Struct) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(struct).items() if value is not None}
