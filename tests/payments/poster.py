"""A process that posts entries until it is killed: each in a transaction of its own, in which it stops at a place that
the test chose and says so, with some of the entry written and nothing committed.

Arguments: the database's address, the tenant, the first entry's number, and after which statement of the last
transaction to stop.
"""

import asyncio
import sys
from datetime import UTC, datetime
from typing import Any

from psycopg import AsyncConnection

from forecourt.payments.ledger import entries
from forecourt.payments.ledger.service import post
from forecourt.platform.database import Pool

#: Entries that are committed before the one that is not.
COMMITTED = 3


class Stopping:
    """A connection on which the process stands still for ever after so many statements."""

    def __init__(self, connection: AsyncConnection[Any], after: int) -> None:
        self._connection, self._left = connection, after

    async def execute(self, *arguments: Any) -> Any:
        found = await self._connection.execute(*arguments)
        self._left -= 1
        if self._left == 0:
            sys.stdout.write("in it\n")
            sys.stdout.flush()
            await asyncio.Event().wait()
        return found


async def main(url: str, tenant_id: int, first: int, after: int) -> None:
    async with Pool(url, "forecourt_app", size=1) as pool:
        for number in range(first, first + COMMITTED + 1):
            entry = entries.top_up(
                payment=str(number), at=datetime.now(UTC), account="acme", driver=f"driver {number}", currency="EUR",
                amount=100,
            )  # fmt: skip
            async with pool.tenant(tenant_id) as conn:
                connection: Any = conn if number < first + COMMITTED else Stopping(conn, after)
                await post(connection, tenant_id, entry)
                if connection is not conn:
                    sys.stdout.write("in it\n")
                    sys.stdout.flush()
                    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
