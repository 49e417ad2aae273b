"""Routes of hosts who are paid through the payment provider: their way to its page, and what it says of them."""

from typing import Annotated

from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.payments.accounts.model import AccountMissing
from forecourt.payments.hosts import service
from forecourt.payments.hosts.api.fields import Number
from forecourt.payments.hosts.api.hosts import Host, show_host
from forecourt.payments.hosts.connect import Connect
from forecourt.payments.hosts.model import HostNotThere, HostRefused, HostUnknown
from forecourt.payments.psp.errors import ProviderAway, ProviderRefused

Way = NamedDependency[Connect]
Back = Annotated[str, Meta(max_length=500, pattern=r"^https?://[^\x00-\x20\x7f]+$")]


class OnboardingAsked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the provider leads the host afterwards, and where it leads them for a new way when this one has run out."""

    return_url: Annotated[Back, Meta(examples=["https://owners.example.com/done"])]
    refresh_url: Annotated[Back, Meta(examples=["https://owners.example.com/again"])]


class Onboarding(Struct, frozen=True, kw_only=True):
    """The way to the provider's page: good for minutes, and for once. Lead the host there; don't send it by mail."""

    account: Annotated[str, Meta(description="What the provider calls the host.", examples=["acct_1Qx"])]
    page_url: str


@post(
    "/hosts/{host_id:int}/onboarding",
    opt={
        "verb": Verb.ONBOARD_HOSTS,
        "problems": [HostUnknown, HostRefused, AccountMissing, ProviderRefused, ProviderAway],
    },
    status_code=200,
    summary="Lead a host to the payment provider",
    description="There they say who they are and where their money goes. Ask what came of it afterwards.",
    tags=["hosts"],
)
async def onboard_host(host_id: Number, data: JSONBody[OnboardingAsked], actor: Asker, connect: Way) -> Onboarding:
    page = await connect.onboard(actor, host_id, return_url=data.return_url, refresh_url=data.refresh_url)
    return Onboarding(account=page.reference, page_url=page.url)


@post(
    "/hosts/{host_id:int}/look",
    opt={
        "verb": Verb.ONBOARD_HOSTS,
        "problems": [HostUnknown, HostNotThere, AccountMissing, ProviderRefused, ProviderAway],
    },
    status_code=200,
    summary="Ask the payment provider what a host may do there",
    description="It is asked every night as well, before hosts are paid.",
    tags=["hosts"],
)
async def look_at_host(host_id: Number, actor: Asker, db: Database, connect: Way) -> Host:
    row = await connect.look(actor.tenant_id, host_id)
    async with db.tenant(actor.tenant_id) as conn:
        return await show_host(conn, actor.tenant_id, row)


@post(
    "/hosts/{host_id:int}/resume",
    opt={"verb": Verb.CHANGE_HOSTS, "problems": [HostUnknown]},
    status_code=200,
    summary="Pay a host again whom a payout did not reach",
    tags=["hosts"],
)
async def resume_host(host_id: Number, actor: Asker, db: Database) -> Host:
    async with db.tenant(actor.tenant_id) as conn:
        return await show_host(conn, actor.tenant_id, await service.resume(conn, actor, host_id))


handlers = [onboard_host, look_at_host, resume_host]
