"""Routes of the outside authorisation: who decides on an organisation's tokens, and trying it out."""

from datetime import datetime
from typing import Annotated

from litestar import Router, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import UNSET, Meta, Struct, UnsetType

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.drivers.api import TokenType, Uid
from forecourt.drivers.model import TokenState
from forecourt.drivers.outside import service
from forecourt.drivers.outside.model import Fallback, HookMissing, state_of
from forecourt.drivers.outside.service import AuthorizationHooks
from forecourt.drivers.outside.store import HookRow
from forecourt.ocpp.neutral import Token
from forecourt.platform.outward import MAX_URL, AddressRefused

#: The verbs, wired in app with the deployment's secret key and clock.
Hooks = NamedDependency[AuthorizationHooks]


class HookWanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who decides, and how long is waited for it."""

    url: Annotated[
        str,
        Meta(
            min_length=8,
            max_length=MAX_URL,
            pattern=r"^https?://[^\x00-\x20\x7f]+$",
            description="Where tokens are asked about, by POST.",
            examples=["https://example.com/authorize"],
        ),
    ]
    deadline_ms: Annotated[
        int,
        Meta(ge=100, le=5_000, description="How long a station's Authorize waits at the most, in ms.", examples=[2000]),
    ] = 2_000
    cache_s: Annotated[int, Meta(ge=30, le=86_400, description="How long a decision counts, in s.", examples=[300])] = (
        300
    )
    fallback: Annotated[
        Fallback,
        Meta(description="While no answer is known: by the tokens registered here, accept all, or refuse all."),
    ] = Fallback.LOCAL
    active: bool = True


class AuthorizationHook(Struct, frozen=True, kw_only=True):
    """Who decides on an organisation's tokens."""

    url: str
    deadline_ms: int
    cache_s: int
    fallback: Fallback
    active: bool
    former_secret_until: Annotated[
        datetime | None, Meta(description="Until then questions carry the signature of the former secret as well.")
    ]
    updated_at: datetime
    secret: Annotated[
        str | UnsetType,
        Meta(
            description="Only when it was just made; it can't be shown again.",
            examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        ),
    ] = UNSET


class Trial(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token to ask about; nothing is kept of the answer."""

    uid: Uid
    type: TokenType = "ISO14443"


class TrialOutcome(Struct, frozen=True, kw_only=True):
    """What the service answered just now."""

    outcome: Annotated[str, Meta(description="`decided`, or why not.", examples=["decided", "failed"])]
    status: TokenState | None
    group: str | None
    expires_at: datetime | None
    detail: Annotated[str, Meta(description="What went wrong.", examples=["no answer within 2 s"])]


@get(
    "/authorization-hook",
    opt={"verb": Verb.WEBHOOKS, "problems": [HookMissing]},
    summary="Show who decides on tokens",
    tags=["tokens"],
)
async def find_hook(actor: Asker, db: Database) -> AuthorizationHook:
    async with db.tenant(actor.tenant_id) as conn:
        return _shown(await service.find(conn, actor.tenant_id))


@put(
    "/authorization-hook",
    opt={"verb": Verb.WEBHOOKS, "problems": [AddressRefused]},
    summary="Have an outside service decide on tokens",
    description="Unknown tokens are asked about as well. The secret is in the answer that made it and in no other.",
    tags=["tokens"],
)
async def put_hook(data: JSONBody[HookWanted], actor: Asker, db: Database, hooks: Hooks) -> AuthorizationHook:
    async with db.tenant(actor.tenant_id) as conn:
        row, secret = await hooks.put(
            conn,
            actor,
            url=data.url,
            deadline_ms=data.deadline_ms,
            cache_s=data.cache_s,
            fallback=data.fallback,
            active=data.active,
        )
    return _shown(row, secret)


@delete(
    "/authorization-hook",
    opt={"verb": Verb.WEBHOOKS, "problems": [HookMissing]},
    summary="Decide on tokens here again",
    tags=["tokens"],
)
async def delete_hook(actor: Asker, db: Database) -> None:
    async with db.tenant(actor.tenant_id) as conn:
        await service.delete(conn, actor)


@post(
    "/authorization-hook/rotate-secret",
    opt={"verb": Verb.WEBHOOKS, "problems": [HookMissing]},
    status_code=200,
    summary="Make another secret to sign questions with",
    description="For 24 hours questions carry two signatures, by the new secret and by the former one.",
    tags=["tokens"],
)
async def rotate_hook_secret(actor: Asker, db: Database, hooks: Hooks) -> AuthorizationHook:
    async with db.tenant(actor.tenant_id) as conn:
        row, secret = await hooks.rotate(conn, actor)
    return _shown(row, secret)


@post(
    "/authorization-hook/test",
    opt={"verb": Verb.WEBHOOKS, "problems": [HookMissing]},
    status_code=200,
    summary="Ask the outside service about a token, to see how it answers",
    tags=["tokens"],
)
async def test_hook(data: JSONBody[Trial], actor: Asker, db: Database, hooks: Hooks) -> TrialOutcome:
    asked = await hooks.ask_now(db, actor, Token(uid=data.uid, type=data.type))
    decided = None if asked.decision is None else asked.decision.status
    return TrialOutcome(
        outcome=asked.outcome,
        status=None if decided is None else state_of(decided.status),
        group=None if decided is None else decided.group,
        expires_at=None if decided is None else decided.expires_at,
        detail=asked.detail,
    )


def _shown(row: HookRow, secret: str | None = None) -> AuthorizationHook:
    return AuthorizationHook(
        url=row.url,
        deadline_ms=row.deadline_ms,
        cache_s=row.cache_s,
        fallback=Fallback(row.fallback),
        active=row.active,
        former_secret_until=row.former_until,
        updated_at=row.updated_at,
        secret=UNSET if secret is None else secret,
    )


routes = Router("/", route_handlers=[find_hook, put_hook, delete_hook, rotate_hook_secret, test_hook])
