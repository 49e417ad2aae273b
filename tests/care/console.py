"""The console over a real database and bus, to be asked by pages or opened in a browser."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from httpx import AsyncClient

from forecourt.access import Access, Role
from forecourt.app.screens import screens
from forecourt.app.web import create_app
from forecourt.platform.bus import Bus
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.settings import Settings
from tests.conftest import Database
from tests.http import BASE, PASSWORD, SECRET, House, Tenant

PAGE = {"accept": "text/html"}


@asynccontextmanager
async def console(
    database: Database, nats_url: str, clock: Clock, folder: Path
) -> AsyncIterator[tuple[Pool, Bus, Any]]:
    """The pool of tenants, the bus and the whole application with its pages."""
    settings = Settings(
        data_dir=folder, database_url=database.url, nats_url=nats_url, secret_key=SECRET, database_pool_size=2
    )
    bus = await Bus.connect(nats_url)
    async with Pool(database.url, "forecourt_app", size=4) as db:
        access = Access(db, settings.secret(), clock)
        seen = screens(settings, db, bus, clock, access)
        yield db, bus, create_app(settings, db, bus, clock, access=access, shell=seen.shell, screens=seen.routes)
    await bus.close()


async def signed_in(
    house: House, tenant: Tenant, role: Role = Role.OWNER, *, language: str = "en",
    sites: tuple[int, ...] | None = None,
) -> AsyncClient:  # fmt: skip
    """A browser of somebody of that role, limited to these sites if they are given."""
    client = house.client(headers={"origin": BASE, "accept-language": language, **PAGE})
    answer = await client.post("/sign-in", data={"email": await tenant.operator(role, sites), "password": PASSWORD})
    assert answer.status_code == 303, answer.text
    return client
