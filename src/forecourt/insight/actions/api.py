"""Routes of actions."""

from typing import Annotated, Final

from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker, Database
from forecourt.insight.actions import service, store
from forecourt.insight.actions.model import MAX_OPEN, Action, ActionSettled, ActionUnknown, State
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.paging import Page, entire

TAGS: Final = ["insight"]
#: Actions that are listed at once: all that are open, and what was decided last.
MAX_LISTED: Final = 10 * MAX_OPEN

Clocked = NamedDependency[Clock]
ActionId = Annotated[int, PathParameter(ge=1, le=2**63 - 1, description="The action's number.")]
InState = Annotated[State | None, QueryParameter(name="state", description="Only those in this state.")]
CHANGES: Final = {"verb": Verb.REVIEW, "problems": [ActionUnknown, ActionSettled]}


@get(
    "/insight/actions",
    summary="List actions",
    description=(
        "What could be done next, the most worthwhile first, then what was decided, the latest first. Money is in minor"
        " units for 30 days, before taxes, as expected; `measured` is what came of it against the other sites."
    ),
    tags=TAGS,
)
async def list_actions(actor: Asker, db: Database, wanted: InState = None) -> Page[Action]:
    states = [*State] if wanted is None else [wanted]
    async with db.tenant(actor.tenant_id) as conn:
        return entire(await store.list_actions(conn, actor.tenant_id, states, MAX_LISTED))


@post(
    "/insight/actions/{action_id:int}/take",
    opt=CHANGES,
    status_code=200,
    summary="Take an action up",
    description="From two weeks on, what comes of it is measured.",
    tags=TAGS,
)
async def take_action(action_id: ActionId, actor: Asker, db: Database, clock: Clocked) -> Action:
    return await _decide(db, clock, actor, action_id, State.TAKEN)


@post(
    "/insight/actions/{action_id:int}/dismiss",
    opt=CHANGES,
    status_code=200,
    summary="Dismiss an action",
    description="The same is not proposed again for 90 days.",
    tags=TAGS,
)
async def dismiss_action(action_id: ActionId, actor: Asker, db: Database, clock: Clocked) -> Action:
    return await _decide(db, clock, actor, action_id, State.DISMISSED)


@post(
    "/insight/actions/{action_id:int}/reopen",
    opt=CHANGES,
    status_code=200,
    summary="Open an action again",
    description="It stays until the next night if it still holds then.",
    tags=TAGS,
)
async def reopen_action(action_id: ActionId, actor: Asker, db: Database, clock: Clocked) -> Action:
    return await _decide(db, clock, actor, action_id, State.OPEN)


async def _decide(db: Pool, clock: Clock, actor: Actor, action_id: int, state: State) -> Action:
    async with db.tenant(actor.tenant_id) as conn:
        return await service.decide(conn, actor, action_id, state, clock.now())


routes = Router("", route_handlers=[list_actions, take_action, dismiss_action, reopen_action])
