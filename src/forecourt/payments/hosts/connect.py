"""Hosts who are paid through the payment provider: their way to its page, and what it says of them afterwards.

The provider asks hosts who they are and where their money goes; we never know more than what it says they may do.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, Protocol
from uuid import uuid4

import msgspec
import structlog
from psycopg.types.json import Jsonb

from forecourt.access import Actor, audit
from forecourt.payments.accounts.model import AccountMissing
from forecourt.payments.accounts.service import Providers
from forecourt.payments.accounts.store import AccountRow, find_named, list_accounts
from forecourt.payments.hosts.model import HostNotThere, HostRefused, HostUnknown
from forecourt.payments.hosts.outcomes import give_up
from forecourt.payments.hosts.payouts import way_of
from forecourt.payments.hosts.store import hosts as store
from forecourt.payments.hosts.store.hosts import HostRow
from forecourt.payments.hosts.store.lines import Owed
from forecourt.payments.hosts.store.payouts import PayoutRow
from forecourt.payments.psp.errors import ProviderError
from forecourt.payments.psp.words import HostAccount, HostAsked, Page
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool

log = structlog.get_logger(__name__)

#: What a provider still asks for is kept up to so many.
MAX_DUE: Final = 50


class Tells(Protocol):
    """A provider, as far as it tells what a host may do there."""

    async def host(self, reference: str) -> HostAccount: ...


class Connect:
    """The verbs, for the life of a process. `tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool, providers: Providers, clock: Clock) -> None:
        self._tenants = tenants
        self._providers = providers
        self._clock = clock

    async def onboard(self, actor: Actor, host_id: int, *, return_url: str, refresh_url: str) -> Page:
        """The provider's page on which a host says who they are; it is good for minutes, and for once. A host who began
        before goes on there.

        Raises HostUnknown, HostRefused, AccountMissing, and as the port does.
        """
        host = await self._find(actor.tenant_id, host_id)
        if not host.email:
            raise HostRefused("The provider needs the host's e-mail address. Say it first.")
        account = await self._account(actor.tenant_id, host)
        asked = HostAsked(
            host=f"{actor.tenant_id}-{host_id}", country=host.country, email=host.email, return_url=return_url,
            refresh_url=refresh_url, reference=host.connect_account or None,
        )  # fmt: skip
        # Two who begin at once begin the same: the provider makes one account of one host, as it is described now.
        named = sha256(f"{asked.host} {asked.country} {asked.email}".encode()).hexdigest()[:32]
        page = await (await self._providers.of_account(account)).onboard_host(asked, f"forecourt-host-{named}", _link())
        async with self._tenants.tenant(actor.tenant_id) as conn:
            if page.reference != host.connect_account:
                changes = {"connect_account": page.reference, "connect_by": account.name, "connect_state": None}
                await store.update_host(conn, actor.tenant_id, host_id, changes)
            await audit(conn, actor, "lead host to provider", f"host:{host_id}", {"account": page.reference})
        return page

    async def look(self, tenant_id: int, host_id: int) -> HostRow:
        """What the provider says of a host now; it is kept. Raises HostUnknown, HostNotThere, and as the port does."""
        host = await self._find(tenant_id, host_id)
        if not host.connect_account:
            raise HostNotThere
        psp = await self._providers.of_account(await self._account(tenant_id, host))
        return await keep(self._tenants, self._clock, tenant_id, host, await psp.host(host.connect_account))

    async def wayless(self, tenant_id: int, hosts: Sequence[HostRow], owed: Sequence[Owed]) -> set[tuple[int, str]]:
        """The hosts, each with the currency, who are owed something and whom there is no known way to pay."""
        by_id = {host.host_id: host for host in hosts}
        due = [(by_id[each.host_id], each.currency) for each in owed if each.amount > 0 and each.host_id in by_id]
        async with self._tenants.tenant(tenant_id) as conn:
            accounts = await list_accounts(conn, tenant_id) if due else []
        names = {row.name for row in accounts if self._providers.settles(row)}
        return {(host.host_id, currency) for host, currency in due if way_of(host, currency, names) is None}

    async def give_up(self, actor: Actor, payout_id: int, reason: str) -> PayoutRow:
        """Says that a payout whose account is gone never went. Raises PayoutUnknown, PayoutStands, PayoutUnderWay."""
        accounts = await self._providers.by_name(actor.tenant_id)
        async with self._tenants.tenant(actor.tenant_id) as conn:
            row = await give_up(conn, actor.tenant_id, payout_id, reason, self._clock.now(), accounts)
            await audit(conn, actor, "give up payout", f"payout:{payout_id}", {"reason": reason})
        return row

    async def _find(self, tenant_id: int, host_id: int) -> HostRow:
        async with self._tenants.tenant(tenant_id) as conn:
            host = await store.find_host(conn, tenant_id, host_id)
        if host is None:
            raise HostUnknown
        return host

    async def _account(self, tenant_id: int, host: HostRow) -> AccountRow:
        """The account of ours that pays a host: the one that does so already, else the one of new payments."""
        async with self._tenants.tenant(tenant_id) as conn:
            if host.connect_by:
                found = await find_named(conn, tenant_id, host.connect_by)
                if found is None:
                    raise AccountMissing
                return found
            return await self._providers.choose(conn, tenant_id)


async def look_at_all(pool: Pool, clock: Clock, tenant_id: int, providers: Mapping[str, Tells]) -> None:
    """Asks what every host may do who is paid through a provider, before any is paid. One of whom it can't be told now
    stays as they were."""
    async with pool.tenant(tenant_id) as conn:
        hosts = await store.list_connected(conn, tenant_id)
    for host in hosts:
        provider = providers.get(host.connect_by)
        if provider is None:
            continue
        try:
            await keep(pool, clock, tenant_id, host, await provider.host(host.connect_account))
        except ProviderError as fault:
            log.warning("a provider doesn't say what a host may do", host=host.host_id, code=fault.code)


async def keep(pool: Pool, clock: Clock, tenant_id: int, host: HostRow, said: HostAccount) -> HostRow:
    """Keeps what the provider says of a host, unless they are another one there meanwhile."""
    async with pool.tenant(tenant_id) as conn:
        held = await store.find_host(conn, tenant_id, host.host_id, lock=True)
        if held is None:
            raise HostUnknown
        if held.connect_account != said.reference:
            return held
        state = {
            "told": said.told, "may_receive": said.may_receive, "may_pay_out": said.may_pay_out,
            "due": list(said.due[:MAX_DUE]), "closed": said.closed,
        }  # fmt: skip
        changes: dict[str, Any] = {"connect_state": Jsonb(state), "connect_read_at": clock.now()}
        row = await store.update_host(conn, tenant_id, host.host_id, changes)
    assert row is not None
    return row


def state_of(host: HostRow) -> HostAccount | None:
    """What the provider said last of a host; None where it was never asked."""
    if host.connect_state is None:
        return None
    return msgspec.convert({**host.connect_state, "reference": host.connect_account}, HostAccount)


def _link() -> str:
    """Each way to the page is another one."""
    return f"forecourt-link-{uuid4().hex}"
