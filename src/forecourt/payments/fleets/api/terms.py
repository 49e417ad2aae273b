"""Routes of who issues invoices, and of whom a fleet's are for."""

from typing import Annotated

from litestar import get, put
from litestar.params import JSONBody
from msgspec import Meta, Struct, field

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.drivers.fleets.api import FleetInPath, Ticking
from forecourt.drivers.fleets.model import FleetUnknown
from forecourt.payments.fleets import service
from forecourt.payments.fleets.errors import InvoicingMissing, InvoicingRefused, TermsMissing
from forecourt.payments.fleets.model import Dunning, Seller, Terms
from forecourt.payments.fleets.store import invoices as store

TAGS = ["fleet invoices"]


class Invoicing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who issues invoices, and how who doesn't pay is reminded."""

    seller: Seller
    dunning: Annotated[
        Dunning, Meta(examples=[{"levels": [{"days": 7, "fee": 0}, {"days": 21, "fee": 500}], "holds_from": 2}])
    ] = field(default_factory=Dunning)


@get(
    "/invoicing",
    opt={"verb": Verb.READ_MONEY, "problems": [InvoicingMissing]},
    summary="Show who issues invoices, and how who is late is reminded",
    tags=TAGS,
)
async def find_invoicing(actor: Asker, db: Database) -> Invoicing:
    async with db.tenant(actor.tenant_id) as conn:
        found = await store.find_seller(conn, actor.tenant_id)
    if found is None:
        raise InvoicingMissing
    return Invoicing(seller=found[0], dunning=found[1])


@put(
    "/invoicing",
    opt={"verb": Verb.ORGANISATION, "problems": [InvoicingRefused]},
    summary="Say who issues invoices, and how who is late is reminded",
    description="Counts for what is issued from now on.",
    tags=TAGS,
)
async def put_invoicing(data: JSONBody[Invoicing], actor: Asker, db: Database, clock: Ticking) -> Invoicing:
    async with db.tenant(actor.tenant_id) as conn:
        await service.put_seller(conn, actor, data.seller, data.dunning, clock.now())
    return data


@get(
    "/fleets/{fleet_id:int}/terms",
    opt={"verb": Verb.READ_MONEY, "problems": [FleetUnknown, TermsMissing]},
    summary="Show whom a fleet's invoices are for",
    tags=TAGS,
)
async def find_terms(fleet_id: FleetInPath, actor: Asker, db: Database, clock: Ticking) -> Terms:
    async with db.tenant(actor.tenant_id) as conn:
        return await service.terms_of(conn, actor.tenant_id, fleet_id, clock.now())


@put(
    "/fleets/{fleet_id:int}/terms",
    opt={"verb": Verb.CHANGE_PAYMENTS, "problems": [FleetUnknown, InvoicingRefused]},
    summary="Say whom a fleet's invoices are for, and how they are paid",
    description="Counts for the next invoice. Months that had none until then are made up for.",
    tags=TAGS,
)
async def put_terms(fleet_id: FleetInPath, data: JSONBody[Terms], actor: Asker, db: Database, clock: Ticking) -> Terms:
    async with db.tenant(actor.tenant_id) as conn:
        await service.put_terms(conn, actor, fleet_id, data, clock.now())
    return data


handlers = [find_invoicing, put_invoicing, find_terms, put_terms]
