"""Routes by which an operator keeps drivers' accounts. Drivers' own are elsewhere."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from litestar import Response, Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter
from msgspec import UNSET, Meta, Struct, UnsetType

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.drivers.accounts import service, store
from forecourt.drivers.accounts.model import (
    EMAIL_PATTERN,
    MAX_EMAIL,
    MAX_NAME,
    AccountState,
    Consent,
    Driver,
    DriverUnknown,
    EmailTaken,
    OwnToken,
    PaysBy,
    TokenTaken,
    TooManyOwned,
    Vehicle,
    grouped,
)
from forecourt.drivers.api import DriverInPath, Uid, UidInPath
from forecourt.drivers.fleets.model import Member, Subscription
from forecourt.drivers.fleets.store import find_member, find_subscription
from forecourt.drivers.model import TokenUnknown
from forecourt.platform.clock import Clock
from forecourt.platform.paging import CursorRefused, Cursors, Limit, NextCursor, Page
from forecourt.platform.preconditions import ChangedMeanwhile, check_match, etag
from forecourt.platform.search_parameter import Search
from forecourt.platform.tagging import IfMatch, tagged
from forecourt.platform.text import NAME_LINE

CURSORS: Final = Cursors("drivers")
TAGS: Final = ["drivers"]

Ticking = NamedDependency[Clock]
SecretKey = NamedDependency[bytes]
Email = Annotated[str, Meta(max_length=MAX_EMAIL, pattern=EMAIL_PATTERN, examples=["ada@example.com"])]
Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME, pattern=NAME_LINE, examples=["Ada Lovelace"])]
Language = Annotated[str, Meta(pattern="^[a-z]{2,3}$", examples=["en"])]


class DriverShown(Struct, frozen=True, kw_only=True):
    """A driver's account. `email` and `name` are null once it is erased."""

    driver_id: int
    email: Annotated[str | None, Meta(examples=["ada@example.com"])]
    name: Annotated[str | None, Meta(examples=["Ada Lovelace"])]
    language: Language
    state: AccountState
    pays_by: Annotated[PaysBy, Meta(description="What pays for sessions without asking.")]
    payer: Annotated[str, Meta(description="How payments and the ledger know them.", examples=["driver:7"])]
    created_at: datetime
    seen_at: Annotated[datetime | None, Meta(description="When they last signed in.")]
    erased_at: datetime | None


class DriverWhole(Struct, frozen=True, kw_only=True):
    """A driver with what is theirs."""

    driver: DriverShown
    tokens: Sequence[OwnToken]
    vehicles: Sequence[Vehicle]
    consents: Sequence[Consent]
    fleet: Member | None
    subscription: Subscription | None


class NewDriver(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account that is made for somebody, who signs in by a letter to the address."""

    email: Email
    name: Name | None = None
    language: Language = "en"


class DriverChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall change of an account; what is absent stays."""

    email: Email | UnsetType = UNSET
    name: Name | UnsetType | None = UNSET
    language: Language | UnsetType = UNSET
    state: Annotated[
        Literal["active", "blocked"] | UnsetType,
        Meta(description="Blocked: nobody signs in and none of its tokens starts a session."),
    ] = UNSET


class TokenAttached(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which token is the driver's."""

    uid: Uid


class ClaimCode(Struct, frozen=True, kw_only=True):
    """A code to hand out with a card. It is told this once."""

    code: Annotated[str, Meta(examples=["K3TQ-7XZA-PM2D-W6RB"])]
    expires_at: datetime


@get("/drivers", opt={"problems": [CursorRefused]}, summary="List drivers, the newest first", tags=TAGS)
async def list_drivers(
    actor: Asker,
    db: Database,
    account_state: Annotated[
        AccountState | None, QueryParameter(name="state", description="Only those in this state.")
    ] = None,
    search: Search = None,
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[DriverShown]:
    place = CURSORS.decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_drivers(
            conn, actor.tenant_id, state=account_state and account_state.value, search=search, place=place,
            limit=limit + 1,
        )  # fmt: skip
    return CURSORS.page(rows, limit, lambda row: (row.driver_id,), shown)


@post(
    "/drivers",
    opt={"verb": Verb.CHANGE_TOKENS, "problems": [EmailTaken]},
    summary="Make a driver's account",
    tags=TAGS,
)
async def create_driver(data: JSONBody[NewDriver], actor: Asker, db: Database, clock: Ticking) -> DriverShown:
    async with db.tenant(actor.tenant_id) as conn:
        return shown(await service.create_driver(conn, actor, data.email, data.name, data.language, clock.now()))


@get(
    "/drivers/{driver_id:int}",
    opt={"etag": True, "problems": [DriverUnknown]},
    summary="Show a driver",
    tags=TAGS,
)
async def find_driver(driver_id: DriverInPath, actor: Asker, db: Database) -> Response[DriverWhole]:
    async with db.tenant(actor.tenant_id) as conn:
        has = await service.owned_by(conn, await service.find_driver(conn, actor.tenant_id, driver_id))
        whole = DriverWhole(
            driver=shown(has.driver),
            tokens=has.tokens,
            vehicles=has.vehicles,
            consents=has.consents,
            fleet=await find_member(conn, actor.tenant_id, driver_id),
            subscription=await find_subscription(conn, actor.tenant_id, driver_id),
        )
    return tagged(whole, driver_tag(has.driver))


@patch(
    "/drivers/{driver_id:int}",
    opt={"verb": Verb.CHANGE_TOKENS, "etag": True, "problems": [DriverUnknown, EmailTaken, ChangedMeanwhile]},
    summary="Change a driver's account, or block it",
    tags=TAGS,
)
async def change_driver(
    driver_id: DriverInPath,
    data: JSONBody[DriverChange],
    actor: Asker,
    db: Database,
    clock: Ticking,
    if_match: IfMatch = None,
) -> Response[DriverShown]:
    changes: dict[str, Any] = {
        name: value for name in data.__struct_fields__ if (value := getattr(data, name)) is not UNSET
    }
    if "email" in changes:
        changes["email"] = changes["email"].lower()
    async with db.tenant(actor.tenant_id) as conn:
        held = await service.find_driver(conn, actor.tenant_id, driver_id, lock=True)
        check_match(if_match, driver_tag(held))
        row = await service.change_driver(conn, actor, driver_id, changes, clock.now())
    return tagged(shown(row), driver_tag(row))


@post(
    "/drivers/{driver_id:int}/tokens",
    opt={"verb": Verb.CHANGE_TOKENS, "problems": [DriverUnknown, TokenUnknown, TokenTaken, TooManyOwned]},
    status_code=204,
    summary="Give a driver a token",
    tags=TAGS,
)
async def attach_token(
    driver_id: DriverInPath, data: JSONBody[TokenAttached], actor: Asker, db: Database, clock: Ticking
) -> None:
    async with db.tenant(actor.tenant_id) as conn:
        await service.attach_token(conn, actor, driver_id, data.uid, clock.now(), by="operator")


@delete(
    "/drivers/{driver_id:int}/tokens/{uid:str}",
    opt={"verb": Verb.CHANGE_TOKENS, "problems": [TokenUnknown]},
    summary="Take a token from a driver",
    description="It stays registered, and is nobody's.",
    tags=TAGS,
)
async def detach_token(driver_id: DriverInPath, uid: UidInPath, actor: Asker, db: Database) -> None:
    async with db.tenant(actor.tenant_id) as conn:
        await service.detach_token(conn, actor, driver_id, uid)


@post(
    "/tokens/{uid:str}/claim-code",
    opt={"verb": Verb.CHANGE_TOKENS, "problems": [TokenUnknown]},
    summary="Make the code that a card is handed out with",
    description="The driver types it in and the card is theirs. An earlier code of the card is void.",
    tags=TAGS,
)
async def make_claim(uid: UidInPath, actor: Asker, db: Database, clock: Ticking, secret_key: SecretKey) -> ClaimCode:
    async with db.tenant(actor.tenant_id) as conn:
        code, expires_at = await service.make_claim(conn, actor, secret_key, uid, clock.now())
    return ClaimCode(code=grouped(code), expires_at=expires_at)


def driver_tag(driver: Driver) -> str:
    """The ETag of an account, of what a change can change."""
    return etag([driver.driver_id, driver.email, driver.name, driver.language, driver.state.value])


def shown(driver: Driver) -> DriverShown:
    """An account as operators see it."""
    return DriverShown(
        driver_id=driver.driver_id,
        email=driver.email,
        name=driver.name,
        language=driver.language,
        state=driver.state,
        pays_by=driver.pays_by,
        payer=driver.payer,
        created_at=driver.created_at,
        seen_at=driver.seen_at,
        erased_at=driver.erased_at,
    )


routes = Router(
    "/",
    route_handlers=[
        list_drivers, create_driver, find_driver, change_driver, attach_token, detach_token, make_claim,
    ],
)  # fmt: skip
