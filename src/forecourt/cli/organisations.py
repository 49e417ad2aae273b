"""Whose data a command that works on the database itself is about."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from forecourt.platform.settings import Settings

if TYPE_CHECKING:
    from forecourt.platform.database import Pool

Organisation = Annotated[
    str | None, typer.Option(help="Whose it is, by name or number; needed where there are several.")
]


@asynccontextmanager
async def tenant_of(settings: Settings, organisation: str | None) -> "AsyncIterator[tuple[Pool, int]]":
    """A pool of the application's role, and the organisation that is meant. Raises OrganisationUnknown."""
    from forecourt.app.up import database_of
    from forecourt.insight.model import OrganisationUnknown
    from forecourt.insight.store import list_tenants
    from forecourt.platform.database import Pool

    async with database_of(settings) as url:
        async with Pool(url, "forecourt_worker", size=1, application="insight") as pool, pool.anyone() as conn:
            tenants = await list_tenants(conn)
        meant = [
            (number, name) for number, name in tenants if organisation is None or organisation in (name, str(number))
        ]
        if len(meant) != 1:
            names = ", ".join(f"{name} ({number})" for number, name in tenants)
            raise OrganisationUnknown(f"Say whose it is: --organisation, by number. There are: {names}.")
        async with Pool(url, "forecourt_app", size=2, application="insight") as pool:
            yield pool, meant[0][0]
