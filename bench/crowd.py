"""Stations of OCPP 1.6 in numbers, in a process of their own: `python -m bench.crowd PORT`, orders on standard input.

They say the same to whoever serves them. Each MeterValues is new: its register and its time go on, so that nothing
can be skipped as a duplicate. The stations' time runs from days ago, ten seconds a message, and never overtakes ours.
"""

import asyncio
import base64
import gc
import resource
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from time import perf_counter

import msgspec
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from bench import words

PASSWORD = "a-station-password-0123"
TAG = "BENCHTAG"
#: Messages of one station before its time would overtake ours: 60 days of one in ten seconds.
HISTORY = timedelta(days=60)
STEP = timedelta(seconds=10)
METER_VALUES_A_SESSION = 8
#: One source address has 28,000 ports at the most, and a listening one gives them back late.
SOURCES = 20
HANDSHAKE_S = 60.0
ATTEMPTS = 4
TICK_S = 0.002
QUIET_DEADLINE_S = 20.0

_SAMPLES = (
    ("Energy.Active.Import.Register", "Wh", None, "%d"),
    ("Power.Active.Import", "W", None, "11040.5"),
    ("Current.Import", "A", "L1", "16.01"),
    ("Current.Import", "A", "L2", "16.02"),
    ("Current.Import", "A", "L3", "16.00"),
    ("Voltage", "V", "L1", "230.4"),
    ("Voltage", "V", "L2", "230.1"),
    ("Voltage", "V", "L3", "230.9"),
)
_BOOT = (
    b'{"chargePointVendor":"VendorX","chargePointModel":"SingleSocket","chargePointSerialNumber":"gb.001.13.1",'
    b'"firmwareVersion":"0.9.87"}'
)


def meter_values(values: int) -> bytes:
    """A template of MeterValues with so many values; it takes the transaction, the time and the register."""
    samples = []
    for measurand, unit, phase, value in _SAMPLES[:values]:
        sample = {"value": value, "context": "Sample.Periodic", "measurand": measurand, "unit": unit}
        samples.append(sample | ({} if phase is None else {"phase": phase}))
    payload = {"connectorId": 1, "transactionId": 0, "meterValue": [{"timestamp": "%s", "sampledValue": samples}]}
    return msgspec.json.encode(payload).replace(b'"transactionId":0', b'"transactionId":%d').replace(b'"%s"', b'"%b"')


class Crowd:
    """Owns the connections, what they say at present, and what was counted since the last mark."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.stations: list[Station] = []
        self.answered = 0
        self.waits: list[float] = []
        self.fault: str | None = None
        self.numbers = 0
        self.talking = False
        self.paced = False
        self.work: words.Work = "meter"
        self.template = meter_values(1)
        self._since = perf_counter()
        self._pacing: asyncio.Task[None] | None = None

    async def obey(self, order: words.Order) -> None:
        """Do what is asked; returns when it is done."""
        if isinstance(order, words.Connect):
            await self._connect(order)
        elif isinstance(order, words.Begin):
            self._begin(order)
        elif isinstance(order, words.End):
            await self._end()
        elif isinstance(order, words.Leave):
            for station in self.stations:
                station.transport.disconnect()
            self.stations.clear()

    def told(self) -> words.Told:
        """What happened since this was last asked."""
        now = perf_counter()
        waits = sorted(self.waits) or [0.0]
        told = words.Told(
            answered=self.answered,
            seconds=now - self._since,
            p50_ms=waits[len(waits) // 2] * 1e3,
            p99_ms=waits[len(waits) * 99 // 100] * 1e3,
            fault=self.fault,
        )
        self.answered, self._since = 0, now
        self.waits.clear()
        return told

    async def _connect(self, order: words.Connect) -> None:
        numbers = iter(range(order.first, order.first + order.count))
        before = len(self.stations)

        async def some() -> None:
            for number in numbers:
                station = await self._dial(number)
                await station.say("BootNotification", _BOOT)
                if order.start:
                    await station.start()
                self.stations.append(station)

        await asyncio.gather(*(some() for _ in range(order.at_once)))
        assert len(self.stations) == before + order.count
        gc.collect()
        gc.freeze()

    async def _dial(self, number: int) -> "Station":
        identity = f"CP{number:06d}"
        credentials = base64.b64encode(f"{identity}:{PASSWORD}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}", "Sec-WebSocket-Protocol": "ocpp1.6"}
        for attempt in range(ATTEMPTS):
            try:
                _, station = await ws_connect(
                    lambda: Station(self),
                    f"ws://127.0.0.1:{self.port}/ocpp/{identity}",
                    extra_headers=headers,
                    local_addr=(f"127.0.0.{1 + number % SOURCES}", 0),
                    websocket_handshake_timeout=HANDSHAKE_S,
                    read_buffer_init_size=512,
                    use_aiofastnet=False,
                )
            except OSError:
                if attempt == ATTEMPTS - 1:
                    raise
                await asyncio.sleep(0.1)
            else:
                assert isinstance(station, Station)
                return station
        raise AssertionError

    def _begin(self, order: words.Begin) -> None:
        self.work, self.template, self.talking = order.work, meter_values(order.values), True
        self.paced = order.rate is not None
        if order.rate is not None:
            self._pacing = asyncio.create_task(self._pace(order.rate))
            return
        for station in self.stations:
            station.go_on()

    async def _pace(self, rate: float) -> None:
        began, sent, count = perf_counter(), 0, len(self.stations)
        while True:
            due = int((perf_counter() - began) * rate)
            while sent < due:
                station = self.stations[sent % count]
                if station.sent_at is None:
                    station.go_on()
                sent += 1
            await asyncio.sleep(TICK_S)

    async def _end(self) -> None:
        self.talking = False
        if self._pacing is not None:
            self._pacing.cancel()
            self._pacing = None
        async with asyncio.timeout(QUIET_DEADLINE_S):
            while any(station.sent_at is not None for station in self.stations):
                await asyncio.sleep(0.01)


class Station(WSListener):
    """One station: asks one thing at a time, accepts whatever it is asked."""

    __slots__ = ("_asked", "_at", "_crowd", "_left", "_register", "_starting", "sent_at", "transaction", "transport")

    def __init__(self, crowd: Crowd) -> None:
        super().__init__()
        self._crowd = crowd
        self._asked: asyncio.Future[bytes] | None = None
        self._at = datetime.now(UTC) - HISTORY
        self._register = 1_000
        self._left = 0
        self._starting = False
        self.sent_at: float | None = None
        self.transaction = 0

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if self._crowd.talking:
            self._crowd.fault = self._crowd.fault or "a station was disconnected"
        if self._asked is not None and not self._asked.done():
            self._asked.set_exception(ConnectionResetError("the server closed the connection"))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != WSMsgType.TEXT:
            return
        raw = frame.get_payload_as_bytes()
        if raw[1] == 0x32:  # 2: a call of the CSMS
            message_id = raw.split(b'"', 2)[1]
            transport.send(WSMsgType.TEXT, b'[3,"%b",{"status":"Accepted"}]' % message_id)
            return
        if self._asked is not None:
            asked, self._asked = self._asked, None
            asked.set_result(raw)
            return
        self._answered(raw)

    async def say(self, action: str, payload: bytes) -> bytes:
        """Call and wait for the answer."""
        self._asked = asyncio.get_running_loop().create_future()
        self._send(action.encode(), payload)
        return await self._asked

    async def start(self) -> None:
        """Start a transaction."""
        self._learn(await self.say("StartTransaction", self._start_payload()))

    def go_on(self) -> None:
        """Send what comes next; in a session that is a start, some meter values, and a stop."""
        crowd = self._crowd
        if crowd.work == "meter" or self._left > 1:
            self._left -= 1
            self._measure()
        elif self._left == 1:
            self._left = 0
            payload = b'{"transactionId":%d,"meterStop":%d,"timestamp":"%b","reason":"EVDisconnected"}'
            self._send(b"StopTransaction", payload % (self.transaction, self._register, self._time()))
        else:
            self._left, self._starting = METER_VALUES_A_SESSION + 1, True
            self._send(b"StartTransaction", self._start_payload())
        self.sent_at = perf_counter()

    def _measure(self) -> None:
        self._register += 30
        payload = self._crowd.template % (self.transaction, self._time(), self._register)
        self._send(b"MeterValues", payload)

    def _answered(self, raw: bytes) -> None:
        crowd = self._crowd
        if raw[1] != 0x33:  # 3: a result
            crowd.fault = crowd.fault or raw[:200].decode(errors="replace")
        elif self._starting:
            self._starting = False
            self._learn(raw)
        crowd.answered += 1
        if self.sent_at is not None:
            crowd.waits.append(perf_counter() - self.sent_at)
            self.sent_at = None
        if crowd.talking and not crowd.paced:
            self.go_on()

    def _learn(self, raw: bytes) -> None:
        answer = msgspec.json.decode(raw)[2]
        if answer["idTagInfo"]["status"] != "Accepted":
            self._crowd.fault = self._crowd.fault or raw.decode()
        self.transaction = answer["transactionId"]

    def _start_payload(self) -> bytes:
        payload = b'{"connectorId":1,"idTag":"%b","meterStart":%d,"timestamp":"%b"}'
        return payload % (TAG.encode(), self._register, self._time())

    def _time(self) -> bytes:
        self._at += STEP
        return self._at.strftime("%Y-%m-%dT%H:%M:%SZ").encode()

    def _send(self, action: bytes, payload: bytes) -> None:
        crowd = self._crowd
        crowd.numbers += 1
        message = b'[2,"0a1b2c3d-0000-4000-8000-%012d","%b",%b]' % (crowd.numbers, action, payload)
        self.transport.send(WSMsgType.TEXT, message)


def orders() -> Iterator[words.Order]:
    """Orders until the bench closes the pipe, or is gone."""
    for line in sys.stdin:
        yield msgspec.json.decode(line, type=words.Order)


async def main(port: int) -> None:
    """Obey until there are no more orders."""
    crowd = Crowd(port)
    loop = asyncio.get_running_loop()
    incoming = orders()
    while (order := await loop.run_in_executor(None, lambda: next(incoming, None))) is not None:
        await crowd.obey(order)
        sys.stdout.write(msgspec.json.encode(crowd.told()).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gc.set_threshold(100_000, 50, 1000)
    uvloop.run(main(int(sys.argv[1])))
