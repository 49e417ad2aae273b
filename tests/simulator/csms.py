"""A small CSMS of another make: `websockets` for the line, `ocpp` to judge every frame by its JSON schema."""

import asyncio
import base64
import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import unquote

from ocpp.messages import Call, CallResult, validate_payload
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from tests.support import WAIT_S

VERSIONS = {"ocpp1.6": "1.6", "ocpp2.0.1": "2.0.1", "ocpp2.1": "2.1"}
BILLING = {"StartTransaction", "StopTransaction", "MeterValues", "TransactionEvent"}

Payload = dict[str, Any]


class Heard:
    """One CALL from a station, in order of arrival."""

    def __init__(self, station: str, version: str, message_id: str, action: str, payload: Payload) -> None:
        self.station, self.version, self.message_id = station, version, message_id
        self.action, self.payload = action, payload

    def __repr__(self) -> str:
        return f"{self.station} {self.action} {self.payload}"


class Stub:
    """Takes every station, gives out transaction ids, and remembers all that it heard."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.faults: list[str] = []
        self.tokens: dict[str, str] = {}
        self.passwords: dict[str, str] = {}
        self.boot_status = "Accepted"
        self.interval_s = 300
        #: What a station is answered that asks for a dynamic profile.
        self.update: Payload = {"status": "Rejected"}
        #: Gives a new id to every StartTransaction, as a CSMS that keeps no books.
        self.forgets = False
        self.connections: dict[str, ServerConnection] = {}
        self.handshakes: list[str] = []
        #: Asked before an answer leaves: "answer", "silence", "cut", or an OCPP error code.
        self.mood: Callable[[Heard], str] = lambda heard: "answer"
        self._server: Server | None = None
        self._transactions: dict[tuple[Any, ...], int] = {}
        self._numbers = itertools.count(1)
        self._ids = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            0,
            subprotocols=[Subprotocol(name) for name in VERSIONS],
            process_request=self._admit,
            close_timeout=0.2,
            ping_interval=None,
        )
        self.url = f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/ocpp"
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    def all(self, action: str, station: str | None = None) -> list[Payload]:
        return [h.payload for h in self.heard if h.action == action and station in (None, h.station)]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits for something to have been heard; the deadline is only there to fail."""
        async with asyncio.timeout(WAIT_S), self._changed:
            await self._changed.wait_for(condition)

    async def call(self, station: str, action: str, payload: Payload) -> Payload:
        """Sends a CALL; both ways are held against the schema. RuntimeError with the code of a CALLERROR."""
        connection = self.connections[station]
        version = VERSIONS[str(connection.subprotocol)]
        message_id = f"stub-{next(self._numbers)}"
        await validate_payload(Call(message_id, action, payload), version)
        self._waiting[message_id] = asyncio.get_running_loop().create_future()
        await connection.send(json.dumps([2, message_id, action, payload]))
        answer = await asyncio.wait_for(self._waiting[message_id], WAIT_S)
        await validate_payload(CallResult(message_id, answer, action), version)
        return answer  # type: ignore[no-any-return]

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        station = unquote(request.path.rsplit("/", 1)[-1])
        self.handshakes.append(station)
        wanted = self.passwords.get(station)
        if wanted is not None:
            pair = base64.b64encode(f"{station}:{wanted}".encode()).decode()
            if request.headers.get("Authorization") != f"Basic {pair}":
                return connection.respond(HTTPStatus.UNAUTHORIZED, "")
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        station = unquote(connection.request.path.rsplit("/", 1)[-1])
        version = VERSIONS[str(connection.subprotocol)]
        self.connections[station] = connection
        await self._tell()
        try:
            async for raw in connection:
                await self._frame(connection, station, version, json.loads(raw))
        except ConnectionClosed:
            pass
        finally:
            if self.connections.get(station) is connection:
                del self.connections[station]
            await self._tell()

    async def _frame(self, connection: ServerConnection, station: str, version: str, frame: list[Any]) -> None:
        if frame[0] == 3:
            self._waiting.pop(frame[1]).set_result(frame[2])
        elif frame[0] == 4:
            self._waiting.pop(frame[1]).set_exception(RuntimeError(frame[2]))
        elif frame[0] == 2:
            heard = Heard(station, version, frame[1], frame[2], frame[3])
            try:
                await validate_payload(Call(heard.message_id, heard.action, heard.payload), version)
            except Exception as fault:  # noqa: BLE001
                self.faults.append(f"{heard}: {fault!r}")
            self.heard.append(heard)
            mood = self.mood(heard)
            if mood == "cut":
                connection.transport.abort()
            elif mood == "answer":
                await connection.send(json.dumps([3, heard.message_id, self._answer(heard)]))
            elif mood != "silence":
                await connection.send(json.dumps([4, heard.message_id, mood, "", {}]))
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _answer(self, heard: Heard) -> Payload:
        payload = heard.payload
        match heard.action:
            case "BootNotification":
                return {"status": self.boot_status, "interval": self.interval_s, "currentTime": _now()}
            case "Heartbeat":
                return {"currentTime": _now()}
            case "Authorize" if heard.version == "1.6":
                return {"idTagInfo": {"status": self.tokens.get(payload["idTag"], "Accepted")}}
            case "Authorize":
                return {"idTokenInfo": {"status": self.tokens.get(payload["idToken"]["idToken"], "Accepted")}}
            case "StartTransaction":
                key = (
                    heard.station,
                    payload["connectorId"],
                    payload["idTag"],
                    payload["meterStart"],
                    payload["timestamp"],
                )
                if self.forgets:
                    self._transactions.pop(key, None)
                number = self._transactions.setdefault(key, next(self._ids))
                status = self.tokens.get(payload["idTag"], "Accepted")
                return {"transactionId": number, "idTagInfo": {"status": status}}
            case "PullDynamicScheduleUpdate":
                return self.update
            case "TransactionEvent" if "idToken" in payload:
                return {"idTokenInfo": {"status": self.tokens.get(payload["idToken"]["idToken"], "Accepted")}}
        return {}

    # --- what the books say

    def books(self) -> dict[tuple[str, str], tuple[int, int]]:
        """(station, transaction) -> (first register, last register), however often and in whatever order it came."""
        starts: dict[tuple[str, str], int] = {}
        stops: dict[tuple[str, str], int] = {}
        for heard in self.heard:
            p = heard.payload
            if heard.action == "StartTransaction":
                key = (heard.station, p["connectorId"], p["idTag"], p["meterStart"], p["timestamp"])
                if key in self._transactions:
                    starts[(heard.station, str(self._transactions[key]))] = p["meterStart"]
            elif heard.action == "StopTransaction":
                stops[(heard.station, str(p["transactionId"]))] = p["meterStop"]
            elif heard.action == "TransactionEvent" and p["eventType"] != "Updated":
                value = p["meterValue"][0]["sampledValue"][0]
                kwh = value.get("unitOfMeasure", {}).get("unit") == "kWh"
                book = starts if p["eventType"] == "Started" else stops
                register = round(value["value"] * 1000) if kwh else value["value"]
                book[(heard.station, p["transactionInfo"]["transactionId"])] = register
        return {key: (start, stops[key]) for key, start in starts.items() if key in stops}


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
