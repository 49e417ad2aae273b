"""Routes of stationary batteries: what one says of itself, and what it shall do."""

from datetime import datetime
from typing import Annotated

from litestar import get, post
from litestar.params import JSONBody, PathParameter
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.energy.api.electrics import SiteInPath, Ticking
from forecourt.energy.api.limits import Moment
from forecourt.energy.errors import BatteryStatesRefused, BatteryUnknown
from forecourt.energy.model import MOST_W
from forecourt.energy.service import storage as service
from forecourt.energy.service.sites import find_record
from forecourt.energy.storage.model import BatteryState, BatteryWhy, KnownBattery, current_setpoint, is_planned, obeys
from forecourt.platform.text import NAME_LINE
from forecourt.stations.errors import SiteUnknown

BatteryInPath = Annotated[
    str, PathParameter(description="Its id in the site's electrics.", pattern=NAME_LINE, max_length=100)
]


class NewState(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a battery measures of itself."""

    power_w: Annotated[int, Meta(ge=-MOST_W, le=MOST_W, description="Below 0: it gives.", examples=[-12_000])]
    stored_wh: Annotated[int, Meta(ge=0, le=10**12, description="What it holds.", examples=[41_500])]
    at: Annotated[Moment | None, Meta(description="Null: now.", examples=[None])] = None


class NewStates(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a battery measured of itself, at one time or several."""

    states: Annotated[list[NewState], Meta(min_length=1, max_length=service.MAX_STATES)]
    source: Annotated[str, Meta(min_length=1, max_length=100, pattern=NAME_LINE, examples=["energy box"])] = "api"


class StateShown(Struct, frozen=True, kw_only=True):
    """What a battery said of itself last."""

    at: datetime
    power_w: Annotated[int, Meta(description="Below 0: it gave.")]
    stored_wh: int
    source: Annotated[str, Meta(examples=["energy box"])]


class SetpointShown(Struct, frozen=True, kw_only=True):
    """What a battery shall do now."""

    battery: Annotated[str, Meta(examples=["battery"])]
    power_w: Annotated[
        int,
        Meta(
            description="To take at its terminals; below 0: to give, and no more than the site takes besides.",
            examples=[-12_000],
        ),
    ]
    valid_until: Annotated[
        datetime | None, Meta(description="Do nothing from then on; null: nothing was said, so do nothing now.")
    ]
    why: Annotated[BatteryWhy, Meta(examples=["dear"])]
    said_at: datetime | None
    is_planned: Annotated[bool, Meta(description="Whether plans count on it: its state is known, and it obeys.")]
    obeys: Annotated[bool, Meta(description="Whether it did no more than it was told when it was last measured.")]
    state: Annotated[StateShown | None, Meta(description="What it said of itself last.")]


class StatesStored(Struct, frozen=True, kw_only=True):
    """What came of it."""

    changed: Annotated[int, Meta(description="States that are new, or others than before.", examples=[1])]
    setpoint: Annotated[SetpointShown, Meta(description="What it shall do now: the same that asking for it shows.")]


@get(
    "/sites/{site:str}/batteries/{battery:str}/setpoint",
    opt={"problems": [SiteUnknown, BatteryUnknown]},
    summary="Show what a battery shall do now",
    description=(
        "For what controls the battery on site. Ask every half minute or so: a setpoint holds for minutes, and may be"
        " replaced at any time. After `valid_until` do nothing (0 W)."
    ),
    tags=["smart charging"],
)
async def find_setpoint(
    site: SiteInPath, battery: BatteryInPath, actor: Asker, db: Database, clock: Ticking
) -> SetpointShown:
    async with db.tenant(actor.tenant_id) as conn:
        record = await find_record(conn, actor.tenant_id, site)
        known = await service.find_known(conn, record, service.battery_of(record, battery), clock.now())
    return _shown(known, clock.now())


@post(
    "/sites/{site:str}/batteries/{battery:str}/state",
    opt={"verb": Verb.CHANGE_ENERGY, "problems": [SiteUnknown, BatteryUnknown, BatteryStatesRefused]},
    status_code=200,
    summary="Say what a battery holds, takes or gives",
    description=(
        "Every half minute or so: what it gives counts in limits only while it is measured, and a battery whose state"
        " is older than five minutes isn't planned."
    ),
    tags=["smart charging"],
)
async def say_state(
    site: SiteInPath,
    battery: BatteryInPath,
    data: JSONBody[NewStates],
    actor: Asker,
    db: Database,
    clock: Ticking,
) -> StatesStored:
    now = clock.now()
    states = [
        BatteryState(at=each.at or now, power_w=each.power_w, stored_wh=each.stored_wh, source=data.source)
        for each in data.states
    ]
    async with db.tenant(actor.tenant_id) as conn:
        record = await find_record(conn, actor.tenant_id, site)
        of = service.battery_of(record, battery)
        changed = await service.say_states(conn, actor.tenant_id, record, of, states, now)
        known = await service.find_known(conn, record, of, now)
    return StatesStored(changed=changed, setpoint=_shown(known, now))


def _shown(known: KnownBattery, now: datetime) -> SetpointShown:
    told, state = current_setpoint(known, now), known.state
    planned = is_planned(known, now)
    idle = BatteryWhy.UNPLANNED if planned else BatteryWhy.UNKNOWN if obeys(known) else BatteryWhy.DISOBEYS
    return SetpointShown(
        battery=known.id,
        power_w=0 if told is None else told.power_w,
        valid_until=None if told is None else told.valid_to,
        why=idle if told is None else told.why,
        said_at=None if told is None else told.sent_at,
        is_planned=planned,
        obeys=obeys(known),
        state=None
        if state is None
        else StateShown(at=state.at, power_w=state.power_w, stored_wh=state.stored_wh, source=state.source),
    )
