"""Servers that speak as markets and grid operators do, over real sockets.

The answers of the markets are in the form that they publish: documents A44 of ENTSO-E, price indices of Nord Pool. The
OpenADR 3 VTN is written by the specification alone and shares nothing with our client.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[str]:
    """Where it listens as long as the block."""
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def day_ahead_document(
    days: Sequence[tuple[datetime, datetime]], minutes: int, left_out: frozenset[int] = frozenset(), curve: str = "A01"
) -> str:
    """A document of ENTSO-E with one period a day, in which the price of a MWh is the number of its point; points of
    the first day that are left out are missing."""
    periods = []
    for number, (begins, ends) in enumerate(days):
        points = "".join(
            f"<Point><position>{place}</position><price.amount>{place}.25</price.amount></Point>"
            for place in range(1, (ends - begins) // timedelta(minutes=minutes) + 1)
            if number > 0 or place not in left_out
        )
        periods.append(
            f"<Period><timeInterval><start>{begins:%Y-%m-%dT%H:%MZ}</start><end>{ends:%Y-%m-%dT%H:%MZ}</end>"
            f"</timeInterval><resolution>PT{minutes}M</resolution>{points}</Period>"
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><Publication_MarketDocument'
        ' xmlns="urn:iec62325.351:tc57wg16:451-3:publicationdocument:7:3"><type>A44</type><TimeSeries><mRID>1</mRID>'
        "<businessType>A62</businessType><currency_Unit.name>EUR</currency_Unit.name>"
        f"<price_Measure_Unit.name>MWH</price_Measure_Unit.name><curveType>{curve}</curveType>{''.join(periods)}"
        "</TimeSeries></Publication_MarketDocument>"
    )


class Entsoe:
    """Answers as it is told, and keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.status = 200
        self.text = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(dict(request.query))
        return web.Response(status=self.status, text=self.text, content_type="application/xml")

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/api", self.answer)
        return app


class NordPool:
    """Hourly prices of SE3 for each day that is published, but for some hours."""

    def __init__(self, left_out: frozenset[datetime] = frozenset()) -> None:
        self.asked: list[dict[str, str]] = []
        self.days: dict[str, tuple[datetime, datetime]] = {}
        self.left_out = left_out

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(dict(request.query))
        begins, ends = self.days.get(request.query["date"], (None, None))
        if begins is None or ends is None:
            return web.Response(status=204)
        hours = [begins + timedelta(hours=n) for n in range((ends - begins) // timedelta(hours=1))]
        entries = [
            {
                "deliveryStart": f"{at:%Y-%m-%dT%H:%M:%SZ}",
                "deliveryEnd": f"{at + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
                "entryPerArea": {"SE3": 1000 * at.day + at.hour + 0.5},
            }
            for at in hours
            if at not in self.left_out
        ]
        return web.json_response(
            {
                "deliveryDateCET": request.query["date"],
                "currency": request.query["currency"],
                "updatedAt": "2026-10-24T10:56:00Z",
                "multiIndexEntries": entries,
            }
        )

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/api/DayAheadPriceIndices", self.answer)
        return app


class Vtn3:
    """A VTN of OpenADR 3.1: tokens by client credentials, programs, and events by program, fifty at most an answer."""

    def __init__(self) -> None:
        self.secret = "right"
        self.tokens: list[str] = []
        self.programs: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.status = 200

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        if (form["grant_type"], form["client_id"], form["client_secret"]) != (
            "client_credentials",
            "yard",
            self.secret,
        ):
            return web.json_response({"error": "invalid_client"}, status=401)
        self.tokens.append(f"token-{len(self.tokens)}")
        return web.json_response({"access_token": self.tokens[-1], "token_type": "Bearer", "expires_in": 3600})

    async def where(self, request: web.Request) -> web.Response:
        return web.json_response({"tokenURL": f"http://{request.host}/oauth/token"})

    def _part(self, request: web.Request, found: list[dict[str, Any]]) -> web.Response:
        if not self.tokens or request.headers.get("authorization") != f"Bearer {self.tokens[-1]}":
            return web.json_response({"title": "Unauthorized", "status": 401}, status=401)
        if self.status != 200:
            return web.json_response({"title": "No", "status": self.status}, status=self.status)
        skip, limit = int(request.query.get("skip", 0)), min(50, int(request.query.get("limit", 50)))
        return web.json_response(found[skip : skip + limit])

    async def list_programs(self, request: web.Request) -> web.Response:
        return self._part(request, self.programs)

    async def list_events(self, request: web.Request) -> web.Response:
        program = request.query.get("programID")
        return self._part(request, [each for each in self.events if program in (None, each["programID"])])

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/oauth/token", self.token)
        app.router.add_get("/openadr3/auth/server", self.where)
        app.router.add_get("/openadr3/programs", self.list_programs)
        app.router.add_get("/openadr3/events", self.list_events)
        return app
