"""The door by which providers tell that something changed: checked against the account's secret, kept as it came, and
answered at once. Nothing is believed of it: what changed is read from the provider afterwards, in whatever order hints
come. What a provider that can't be asked tells is kept with it, in the same transaction, and read from there.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from litestar import Request, Response, post
from litestar.di import NamedDependency

from forecourt.access.guard import Database
from forecourt.payments.accounts import store
from forecourt.payments.accounts.model import DEPLOYMENT, PREFIX
from forecourt.payments.accounts.service import Providers
from forecourt.payments.accounts.store.told import insert_told
from forecourt.payments.intents.events import DUE
from forecourt.payments.intents.store import find_by_reference
from forecourt.payments.intents.store.story import insert_hook
from forecourt.payments.psp import MAX_HOOK_BYTES, Psp
from forecourt.payments.psp.errors import HookRefused
from forecourt.payments.psp.words import Notice
from forecourt.platform import outbox
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool

Opened = NamedDependency[Providers]
Ticking = NamedDependency[Clock]


@post(
    PREFIX + "/{account:str}",
    opt={"public": True},
    status_code=200,
    include_in_schema=False,
    request_max_body_size=MAX_HOOK_BYTES,
)
async def payment_hook(
    account: str, request: Request[Any, Any, Any], db: Database, providers: Opened, clock: Ticking
) -> Response[str]:
    """Takes a webhook. Raises HookRefused for one that is forged or old, and for accounts that there are none of."""
    body = await request.body()
    headers = {name.lower(): value for name, value in request.headers.items()}
    if account == DEPLOYMENT:
        psp = await providers.deployment()
        if psp is None:
            raise HookRefused
        notices = psp.parse_webhook(body, headers, clock.now())
        await _of_deployment(db, clock, body, notices)
    else:
        tenant_id, account_id, psp = await _account(db, providers, account)
        notices = psp.parse_webhook(body, headers, clock.now())
        for notice in notices:
            await _keep(db, clock, tenant_id, account_id, body, notice)
    return Response(psp.hook_answer, status_code=200, media_type="text/plain")


async def _account(db: Pool, providers: Providers, said: str) -> tuple[int, UUID, Psp]:
    """Whose account this is, and its adapter. Raises HookRefused."""
    try:
        account_id = UUID(said)
    except ValueError:
        raise HookRefused from None
    async with db.anyone() as conn:
        tenant_id = await store.tenant_of(conn, account_id)
    if tenant_id is None:
        raise HookRefused
    async with db.tenant(tenant_id) as conn:
        row = await store.find_account(conn, tenant_id, account_id)
    if row is None:
        raise HookRefused
    return tenant_id, account_id, await providers.of_account(row)


async def _of_deployment(db: Pool, clock: Clock, body: bytes, notices: Sequence[Notice]) -> None:
    """A webhook of the deployment's account: whose payment it is about tells the payment; one that is none of ours is
    heard and forgotten."""
    for notice in notices:
        async with db.anyone() as conn:
            found = await store.of_deployment(conn, _uuid(notice.intent), notice.reference)
        if found is not None:
            await _keep(db, clock, *found, body, notice)


async def _keep(db: Pool, clock: Clock, tenant_id: int, account_id: UUID, body: bytes, notice: Notice) -> None:
    """Keeps a webhook and has the payment that it hints at looked at, in one transaction."""
    async with db.tenant(tenant_id) as conn:
        intent_id = _uuid(notice.intent)
        if intent_id is None and notice.reference is not None:
            found = await find_by_reference(conn, tenant_id, account_id, notice.reference)
            intent_id = None if found is None else found.intent_id
        new = await insert_hook(
            conn, tenant_id, account_id, event=notice.event, kind=notice.kind, body=body, intent_id=intent_id,
            at=clock.now(),
        )  # fmt: skip
        if notice.told is not None:
            await insert_told(conn, tenant_id, account_id, notice.told)
        if new and intent_id is not None:
            await outbox.write(conn, tenant_id, DUE, str(intent_id))


def _uuid(said: str | None) -> UUID | None:
    try:
        return None if said is None else UUID(said)
    except ValueError:
        return None
