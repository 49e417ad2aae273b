"""The verbs by which people say who issues invoices and whom they are for. Each writes the audit in its transaction."""

from datetime import datetime

from msgspec import to_builtins

from forecourt.access import Actor, audit
from forecourt.payments.fleets.collection import fleet_of
from forecourt.payments.fleets.errors import TermsMissing
from forecourt.payments.fleets.model import (
    Dunning,
    Seller,
    Terms,
    check_country,
    check_dunning,
    check_seller,
    check_vat_id,
)
from forecourt.payments.fleets.store import Connection
from forecourt.payments.fleets.store import invoices as store


async def put_seller(conn: Connection, actor: Actor, seller: Seller, dunning: Dunning, now: datetime) -> None:
    """Says who issues invoices from now on. Raises InvoicingRefused."""
    check_seller(seller)
    check_dunning(dunning)
    await store.put_seller(conn, actor.tenant_id, seller, dunning, now)
    await audit(conn, actor, "change invoicing", "organisation", {"name": seller.name, "levels": len(dunning.levels)})


async def terms_of(conn: Connection, tenant_id: int, fleet_id: int, now: datetime) -> Terms:
    """Whom a fleet's invoices are for. Raises FleetUnknown, TermsMissing."""
    await fleet_of(conn, tenant_id, fleet_id, now)
    found = await store.find_terms(conn, tenant_id, fleet_id)
    if found is None:
        raise TermsMissing
    return found


async def put_terms(conn: Connection, actor: Actor, fleet_id: int, terms: Terms, now: datetime) -> None:
    """Says whom a fleet's next invoices are for. Raises FleetUnknown, InvoicingRefused."""
    check_country(terms.country)
    check_vat_id(terms.vat_id)
    await fleet_of(conn, actor.tenant_id, fleet_id, now)
    before = await store.find_terms(conn, actor.tenant_id, fleet_id)
    await store.put_terms(conn, actor.tenant_id, fleet_id, terms, now)
    held, made = ({} if each is None else to_builtins(each) for each in (before, terms))
    changed = [name for name in made if held.get(name) != made[name]]
    await audit(
        conn, actor, "change terms of fleet", f"fleet:{fleet_id}",
        before={name: held.get(name) for name in changed}, after={name: made[name] for name in changed},
    )  # fmt: skip
