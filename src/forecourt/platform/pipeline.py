"""Prepared statements of one connection, run together in one round trip.

psycopg's pipeline does this for any statement and parameter. Here statements are prepared once and the one parameter
of each is packed already, so that a round trip costs a fraction, which is what a commit of few messages costs.
"""

from collections.abc import Generator, Sequence
from typing import Any

from msgspec import Struct
from psycopg import AsyncConnection, errors
from psycopg.abc import PQGen
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import Ready, Wait

_BINARY = (Format.BINARY,)
_FAILED = (ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE)


class Statement(Struct, frozen=True, kw_only=True):
    """A statement by its name on the connection; `parameter_type` is the type number of its $1, None without one."""

    name: bytes
    query: bytes
    parameter_type: int | None = None


class Pipeline:
    """Owns how one connection is spoken to while `run` or `prepare` is awaited; at other times it is psycopg's."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection
        self._transformer = Transformer(connection)

    async def prepare(self, statements: Sequence[Statement]) -> None:
        """Have the server parse statements, before they are run. Raises psycopg.Error."""
        pgconn = self._connection.pgconn
        pgconn.enter_pipeline_mode()
        for statement in statements:
            types = () if statement.parameter_type is None else (statement.parameter_type,)
            pgconn.send_prepare(statement.name, statement.query, types)
        await self._finish(pgconn)

    async def run(self, steps: Sequence[tuple[Statement, bytes | None]]) -> list[list[tuple[Any, ...]]]:
        """Run prepared statements with their packed parameters; the rows of each.

        Raises psycopg.Error of the first that failed; those after it were not run. What was begun and not committed
        then waits for a ROLLBACK. A cancelled run leaves the connection unusable.
        """
        pgconn = self._connection.pgconn
        pgconn.enter_pipeline_mode()
        for statement, parameter in steps:
            if parameter is None:
                pgconn.send_query_prepared(statement.name, ())
            else:
                pgconn.send_query_prepared(statement.name, (parameter,), _BINARY)
        return [self._rows(result) for result in await self._finish(pgconn)]

    async def _finish(self, pgconn: PGconn) -> list[PGresult]:
        pgconn.pipeline_sync()
        results = await self._connection.wait(_communicate(pgconn))
        pgconn.exit_pipeline_mode()
        for result in results:
            if result.status in _FAILED:
                raise errors.error_from_result(result)
        return results

    def _rows(self, result: PGresult) -> list[tuple[Any, ...]]:
        if result.status != ExecStatus.TUPLES_OK:
            return []
        self._transformer.set_pgresult(result)
        return self._transformer.load_rows(0, result.ntuples, tuple)


def _communicate(pgconn: PGconn) -> PQGen[list[PGresult]]:
    """Send what is queued while reading what comes, until the end of the pipeline; the result of each statement."""
    results: list[PGresult] = []
    unsent = True
    while True:
        ready = yield Wait.RW if unsent else Wait.R
        if ready & Ready.R:
            pgconn.consume_input()
            for result in _arrived(pgconn):
                if result.status == ExecStatus.PIPELINE_SYNC:
                    return results
                results.append(result)
        if ready & Ready.W:
            unsent = pgconn.flush() != 0


def _arrived(pgconn: PGconn) -> Generator[PGresult, None, None]:
    """Results that can be had without waiting. One None ends each statement, a second says that there is no more."""
    ended = False
    while not pgconn.is_busy():
        result = pgconn.get_result()
        if result is not None:
            yield result
        elif ended:
            return
        ended = result is None
