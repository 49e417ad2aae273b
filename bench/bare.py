"""The least that these parts can do: a socket, a typed decoding, one row a value, the commit, the answer.

No session is merged, nothing is logged, nobody is told, no station is authenticated, no deviation is understood. What
ours costs beyond this is the price of what it does; what this costs is a floor for any gateway on the same libraries.

    python -m bench.bare PORT DATABASE_URL
"""

import asyncio
import gc
import itertools
import sys
from typing import Any

import msgspec
import uvloop
from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)
from psycopg import AsyncConnection

from forecourt.ocpp.frames import Call, result
from forecourt.ocpp.v16.messages import MeterValuesRequest
from forecourt.platform import packrow
from forecourt.platform.pipeline import Pipeline, Statement

BACKLOG = 4096
GC_THRESHOLDS = (50_000, 20, 100)
TABLE = "CREATE TABLE IF NOT EXISTS bare_values (station bigint, connector int, at timestamptz, value bigint)"
ROW_TYPE = "CREATE TYPE pg_temp.bare_row AS (station bigint, connector int, at timestamptz, value bigint)"

_read_call = msgspec.json.Decoder(Call).decode
_read_values = msgspec.json.Decoder(MeterValuesRequest).decode
_fields = packrow.fields("qitq")
_transactions = itertools.count(1)


class Store:
    """What waits for the next commit: rows, and whom to answer."""

    def __init__(self) -> None:
        self.rows: list[bytes] = []
        self.waiting: list[tuple[WSTransport, str]] = []
        self.wake = asyncio.Event()

    async def run(self, url: str) -> None:
        """Commit whatever gathered while the last commit ran, until killed."""
        connection: AsyncConnection[Any] = await AsyncConnection.connect(url, autocommit=True)
        await connection.execute(TABLE)
        await connection.execute(ROW_TYPE)
        numbers = "SELECT 'pg_temp.bare_row'::regtype::oid::int8, 'pg_temp.bare_row[]'::regtype::oid::int8"
        [(row_type, array_type)] = await (await connection.execute(numbers)).fetchall()
        begin, commit = Statement(name=b"begin", query=b"BEGIN"), Statement(name=b"commit", query=b"COMMIT")
        query = b"INSERT INTO bare_values SELECT * FROM unnest($1)"
        insert = Statement(name=b"insert", query=query, parameter_type=array_type)
        pipeline = Pipeline(connection)
        await pipeline.prepare([begin, insert, commit])
        while True:
            await self.wake.wait()
            self.wake.clear()
            rows, self.rows = self.rows, []
            waiting, self.waiting = self.waiting, []
            await pipeline.run([(begin, None), (insert, packrow.array(row_type, rows)), (commit, None)])
            for transport, message_id in waiting:
                transport.send(WSMsgType.TEXT, result(message_id, b"{}"))


class Station(WSListener):
    """One connected station."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != WSMsgType.TEXT:
            return
        call = _read_call(frame.get_payload_as_bytes())
        if call.action == "MeterValues":
            self._measured(transport, call)
        elif call.action == "StartTransaction":
            payload = b'{"transactionId":%d,"idTagInfo":{"status":"Accepted"}}' % next(_transactions)
            transport.send(WSMsgType.TEXT, result(call.id, payload))
        else:
            payload = b'{"currentTime":"2026-01-01T00:00:00Z","interval":300,"status":"Accepted"}'
            transport.send(WSMsgType.TEXT, result(call.id, payload))

    def _measured(self, transport: WSTransport, call: Call) -> None:
        store, report = self._store, _read_values(call.payload)
        for value in report.meter_value:
            at = packrow.micros(value.timestamp)
            for sampled in value.sampled_value:
                row = _fields(1, report.connector_id, at, int(float(sampled.value)))
                store.rows.append(packrow.joined(4, (row,)))
        store.waiting.append((transport, call.id))
        store.wake.set()


async def main(port: int, url: str) -> None:
    """Serve until killed."""
    store = Store()

    def upgrade(_: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        response = WSUpgradeResponse.create_101_response({"Sec-WebSocket-Protocol": "ocpp1.6"})
        return WSUpgradeResponseWithListener(response, Station(store))

    server = await ws_create_server(
        upgrade, "127.0.0.1", port, backlog=BACKLOG, use_aiofastnet=False, enable_auto_ping=False
    )
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    await asyncio.gather(server.serve_forever(), store.run(url))


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2]))
