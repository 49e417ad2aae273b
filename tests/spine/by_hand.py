"""Stations whose every frame a test writes itself, against gateways in processes of their own."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import websockets

from forecourt.platform.bus import Bus
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import Pool
from forecourt.simulator.fleet import password
from forecourt.stations.commands import Commander
from tests.spine.processes import SECRET, STATIONS_SECRET, Deployment
from tests.stations.gateway.conftest import StationClient
from tests.support import WAIT_S


@asynccontextmanager
async def connected(port: int, identity: str, protocol: str) -> AsyncIterator[StationClient]:
    """A socket of a station that `Deployment.register` has registered; the directory knows of it."""
    credentials = base64.b64encode(f"{identity}:{password(STATIONS_SECRET, identity)}".encode()).decode()
    async with websockets.connect(
        f"ws://127.0.0.1:{port}/ocpp/{identity}",
        subprotocols=[websockets.Subprotocol(protocol)],
        additional_headers={"Authorization": f"Basic {credentials}"},
        open_timeout=WAIT_S,
        ping_interval=None,
    ) as link:
        station = StationClient(link)
        # Nothing a station says is answered before its socket stands in the directory.
        assert "currentTime" in await station.call("Heartbeat", {})
        yield station


@asynccontextmanager
async def web(deployment: Deployment) -> AsyncIterator[tuple[Commander, Bus, Pool]]:
    """The ways to stations that the web process has: commands, the bus, and the database of tenants."""
    bus = await Bus.connect(deployment.nats_url)
    try:
        async with Pool(deployment.database_url, "forecourt_app", size=2) as pool:
            yield Commander(pool, bus, SystemClock(), secret_key=SECRET.encode()), bus, pool
    finally:
        await bus.close()


class Session:
    """One session as a station tells it, step by step, over whichever socket; times are minutes from its start."""

    def __init__(self, protocol: str, token: str) -> None:
        self.transaction_id: int | str | None = None if protocol == "ocpp1.6" else f"tx-{token}"
        self.began = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
        self._token = token
        self._seq = 0

    def at(self, minutes: int) -> datetime:
        """A moment in the session."""
        return self.began + timedelta(minutes=minutes)

    async def start(self, station: StationClient, wh: int) -> None:
        """Begin it at minute 0."""
        if self.transaction_id is None:
            payload = {"connectorId": 1, "idTag": self._token, "meterStart": wh, "timestamp": stamp(self.began)}
            answer = await station.call("StartTransaction", payload)
            self.transaction_id = int(answer["transactionId"])
            return
        token = {"idToken": self._token, "type": "ISO14443"}
        event = self._event("Started", 0, wh, evse={"id": 1, "connectorId": 1}, idToken=token)
        assert await station.call("TransactionEvent", event) == {"idTokenInfo": {"status": "Accepted"}}

    def measured(self, minutes: int, wh: int) -> tuple[str, dict[str, Any]]:
        """Action and payload of a meter value."""
        if isinstance(self.transaction_id, str):
            return "TransactionEvent", self._event("Updated", minutes, wh)
        value = {"timestamp": stamp(self.at(minutes)), "sampledValue": [{"value": str(wh)}]}
        return "MeterValues", {"connectorId": 1, "transactionId": self.transaction_id, "meterValue": [value]}

    async def stop(self, station: StationClient, minutes: int, wh: int) -> None:
        """End it."""
        if isinstance(self.transaction_id, str):
            info = {"stoppedReason": "EVDisconnected"}
            assert await station.call("TransactionEvent", self._event("Ended", minutes, wh, **info)) == {}
            return
        payload = {
            "transactionId": self.transaction_id, "meterStop": wh, "timestamp": stamp(self.at(minutes)),
            "reason": "EVDisconnected",
        }  # fmt: skip
        assert await station.call("StopTransaction", payload) == {}

    def _event(self, kind: str, minutes: int, wh: int, stoppedReason: str | None = None, **more: Any) -> dict[str, Any]:  # noqa: N803
        info = {"transactionId": self.transaction_id}
        payload = {
            "eventType": kind,
            "timestamp": stamp(self.at(minutes)),
            "triggerReason": "MeterValuePeriodic",
            "seqNo": self._seq,
            "transactionInfo": info if stoppedReason is None else {**info, "stoppedReason": stoppedReason},
            "meterValue": [{"timestamp": stamp(self.at(minutes)), "sampledValue": [{"value": wh}]}],
            **more,
        }
        self._seq += 1
        return payload


def stamp(at: datetime) -> str:
    """A time as stations write it."""
    return at.isoformat().replace("+00:00", "Z")
