"""Routes by which an operator sets up its provider for drivers."""

from datetime import datetime
from typing import Annotated

from litestar import Response, Router, delete, get, put
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.access.signin.model import ProviderInvalid
from forecourt.driver.account.pages.common import callback_of
from forecourt.driver.brand_api import Home
from forecourt.driver.store import Brand, find_brand
from forecourt.drivers.accounts.providers import DriverProviders, DriverProviderWanted, provider_tag
from forecourt.drivers.accounts.store.providers import DriverProvider
from forecourt.platform.preconditions import ChangedMeanwhile
from forecourt.platform.tagging import IfMatch, tagged

TAGS = ["driver pages"]
Providers = NamedDependency[DriverProviders]


class DriverProviderShown(Struct, frozen=True, kw_only=True):
    """The provider by which drivers sign in, without its secret."""

    title: Annotated[str | None, Meta(description="Null: there is none.", examples=["Volt ID"])]
    issuer: Annotated[str | None, Meta(examples=["https://login.example.com"])]
    client_id: Annotated[str | None, Meta(examples=["forecourt"])]
    domains: Annotated[list[str], Meta(examples=[["example.com"]])]
    app_redirects: Annotated[list[str], Meta(examples=[["https://app.example.com/signed-in"]])]
    app_clients: Annotated[list[str], Meta(examples=[["volt-app"]])]
    redirect_uri: Annotated[
        str | None,
        Meta(
            description="Register it at the provider; null: the driver pages have no name yet.",
            examples=["https://charge.example.com/my/sign-in/volt/callback"],
        ),
    ]
    changed_at: datetime | None


@get(
    "/driver-sign-in-provider",
    opt={"verb": Verb.ORGANISATION, "etag": True},
    summary="Show the provider by which drivers sign in",
    tags=TAGS,
)
async def find_driver_provider(
    actor: Asker, db: Database, driver_providers: Providers, home: Home
) -> Response[DriverProviderShown]:
    async with db.tenant(actor.tenant_id) as conn:
        brand = await find_brand(conn, actor.tenant_id)
    return _shown(await driver_providers.show(actor), brand, home)


@put(
    "/driver-sign-in-provider",
    opt={
        "verb": Verb.ORGANISATION,
        "etag": True,
        "problems": [ProviderInvalid, ChangedMeanwhile],
    },
    summary="Let drivers sign in by a provider",
    description="Any that speaks OpenID Connect. It is asked who it is before anything is stored.",
    tags=TAGS,
)
async def put_driver_provider(
    data: JSONBody[DriverProviderWanted], actor: Asker, db: Database, driver_providers: Providers, home: Home,
    if_match: IfMatch = None,
) -> Response[DriverProviderShown]:  # fmt: skip
    row = await driver_providers.set_up(actor, data, if_match)
    async with db.tenant(actor.tenant_id) as conn:
        brand = await find_brand(conn, actor.tenant_id)
    return _shown(row, brand, home)


@delete(
    "/driver-sign-in-provider",
    opt={"verb": Verb.ORGANISATION},
    summary="Take the provider for drivers away",
    description="The sessions that it began end. Drivers keep their accounts, and sign in by a letter.",
    tags=TAGS,
)
async def remove_driver_provider(actor: Asker, driver_providers: Providers) -> None:
    await driver_providers.remove(actor)


def _shown(row: DriverProvider | None, brand: Brand, home: Home) -> Response[DriverProviderShown]:
    shown = DriverProviderShown(
        title=None if row is None else row.title,
        issuer=None if row is None else row.issuer,
        client_id=None if row is None else row.client_id,
        domains=[] if row is None else row.domains,
        app_redirects=[] if row is None else row.app_redirects,
        app_clients=[] if row is None else row.app_clients,
        redirect_uri=callback_of(brand, home.address) if brand.slug else None,
        changed_at=None if row is None else row.changed_at,
    )
    return tagged(shown, provider_tag(row))


routes = Router("/", route_handlers=[find_driver_provider, put_driver_provider, remove_driver_provider])
