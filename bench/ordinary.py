"""The ordinary way to write a CSMS in Python: `ocpp` on `websockets`, and one INSERT a message into a plain table.

What it is spared, in its favour: no session is merged, no sample is unpacked, no log of answers is kept, no row-level
security is asked, no screen is told. It runs on uvloop, with a pool of ten connections to the same PostgreSQL under
the same durability, one round trip a message (autocommit, statements prepared), and answers after the commit, as we do.

    python -m bench.ordinary PORT DATABASE_URL
"""

import base64
import gc
import itertools
import logging
import resource
import sys
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import ocpp.messages
import uvloop
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from bench.crowd import PASSWORD

POOL_SIZE = 10
BACKLOG = 4096
HANDSHAKE_S = 60
TABLE = """
    CREATE TABLE messages (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at timestamptz NOT NULL,
        station text NOT NULL,
        action text NOT NULL,
        transaction_id int,
        payload jsonb NOT NULL
    )
    """
INSERT = "INSERT INTO messages (at, station, action, transaction_id, payload) VALUES (%s, %s, %s, %s, %s)"

_transactions = itertools.count(1)


class Station(ChargePoint):  # type: ignore[misc]
    """One connected station."""

    pool: AsyncConnectionPool

    async def _store(self, action: str, transaction_id: int | None, payload: dict[str, Any]) -> None:
        async with self.pool.connection() as connection:
            row = (datetime.now(UTC), self.id, action, transaction_id, Jsonb(payload))
            await connection.execute(INSERT, row)

    @on("BootNotification")  # type: ignore[untyped-decorator]
    async def on_boot(self, **payload: Any) -> call_result.BootNotification:
        await self._store("BootNotification", None, payload)
        now = datetime.now(UTC).isoformat()
        return call_result.BootNotification(current_time=now, interval=300, status="Accepted")

    @on("MeterValues")  # type: ignore[untyped-decorator]
    async def on_meter_values(self, **payload: Any) -> call_result.MeterValues:
        await self._store("MeterValues", payload.get("transaction_id"), payload)
        return call_result.MeterValues()

    @on("StartTransaction")  # type: ignore[untyped-decorator]
    async def on_start(self, **payload: Any) -> call_result.StartTransaction:
        transaction_id = next(_transactions)
        await self._store("StartTransaction", transaction_id, payload)
        return call_result.StartTransaction(transaction_id=transaction_id, id_tag_info={"status": "Accepted"})

    @on("StopTransaction")  # type: ignore[untyped-decorator]
    async def on_stop(self, **payload: Any) -> call_result.StopTransaction:
        await self._store("StopTransaction", payload.get("transaction_id"), payload)
        return call_result.StopTransaction()


async def converse(socket: ServerConnection) -> None:
    """Serve one station until it leaves."""
    assert socket.request is not None
    try:
        await Station(socket.request.path.rsplit("/", 1)[-1], socket).start()
    except ConnectionClosed:
        return


def authorize(socket: ServerConnection, request: Request) -> Response | None:
    """Basic authentication, as ours."""
    credentials = base64.b64decode(request.headers.get("Authorization", "")[len("Basic ") :])
    if credentials.partition(b":")[2] != PASSWORD.encode():
        return socket.respond(HTTPStatus.UNAUTHORIZED, "wrong password")
    return None


async def main(port: int, url: str) -> None:
    """Serve until killed."""
    async with AsyncConnectionPool(
        url, min_size=POOL_SIZE, max_size=POOL_SIZE, open=False, kwargs={"autocommit": True}
    ) as pool:
        Station.pool = pool
        async with serve(
            converse,
            "127.0.0.1",
            port,
            process_request=authorize,
            subprotocols=[Subprotocol("ocpp1.6")],
            backlog=BACKLOG,
            open_timeout=HANDSHAKE_S,
            compression=None,
        ) as server:
            gc.collect()
            gc.freeze()
            await server.serve_forever()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if "inline" in sys.argv:
        ocpp.messages.ASYNC_VALIDATION = False
    uvloop.run(main(int(sys.argv[1]), sys.argv[2]))
