"""The real application on a port, with its pages, for a browser: what `tests.http.House` is for requests."""

import itertools
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from litestar import Litestar

from forecourt.access import Access, Role, store
from forecourt.app.screens import screens
from forecourt.app.web import create_app
from forecourt.platform.bus import Bus
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import Pool, connect
from forecourt.platform.settings import Settings
from tests.conftest import Database
from tests.http import PASSWORD_HASH, SECRET
from tests.ui.conftest import served

_numbers = itertools.count(1)


class Deployment:
    """One deployment that listens at `address`."""

    def __init__(self, address: str, database: Database, db: Pool) -> None:
        self.address = address
        self.database = database
        self._db = db

    async def person(self, role: Role = Role.OWNER, name: str = "Ada Lovelace") -> tuple[str, int]:
        """Somebody with PASSWORD in an organisation of their own: e-mail address and organisation."""
        number = next(_numbers)
        async with await connect(self.database.admin_url) as connection:
            row = await (
                await connection.execute(
                    "INSERT INTO organisations (name) VALUES (%s) RETURNING tenant_id", (f"Harbour Charging {number}",)
                )
            ).fetchone()
        assert row is not None
        email = f"ada{number}@harbour.example"
        async with self._db.tenant(row[0]) as conn:
            await store.insert_member(
                conn, row[0], email=email, name=name, role=role.value, password_hash=PASSWORD_HASH
            )
        return email, row[0]


@asynccontextmanager
async def deployment(database: Database, nats_url: str, data_dir: Path) -> AsyncIterator[Deployment]:
    """Passkeys belong to a host by name, so it is reached as `localhost`. Raises AssetsMissing without a build."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    address = f"http://localhost:{port}"
    settings = Settings(
        data_dir=data_dir,
        database_url=database.url,
        nats_url=nats_url,
        secret_key=SECRET,
        public_url=address,
        web_port=port,
        oidc_private=True,
        database_pool_size=4,
    )
    bus, clock = await Bus.connect(nats_url), SystemClock()
    try:
        async with Pool(database.url, "forecourt_app", size=4) as db:
            access = Access(db, settings.secret(), clock, console_url=address)
            seen = screens(settings, db, bus, clock, access)
            app = create_app(settings, db, bus, clock, access=access, shell=seen.shell, screens=seen.routes)
            async with served(cast("Litestar", app), port):
                yield Deployment(address, database, db)
    finally:
        await bus.close()
