"""The verbs of studies of new sites: asked for, stopped, deleted; chosen meanwhile by a job."""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from forecourt.access import Actor, audit
from forecourt.insight.expansion.past import Past
from forecourt.insight.expansion.service import Growth
from forecourt.insight.lake.asking import Hand
from forecourt.insight.lake.layout import LakeMissing
from forecourt.insight.siting import reading, store
from forecourt.insight.siting.model import Asked, Place, SitingRefused
from forecourt.insight.siting.reading import Text
from forecourt.insight.siting.service import check
from forecourt.insight.siting.study import Files, Study, StudyHead, StudyOpen, StudyUnknown, TooManyStudies, Wanted
from forecourt.insight.siting.validating import LEAST_DAYS, Known, Validation, validated
from forecourt.insight.store import Connection
from forecourt.platform import outbox

#: The outbox event that leads to the job.
ASKED: Final = "insight.siting_asked"
#: Studies of one organisation that are kept, and that wait or run.
MAX_STUDIES: Final = 100
MAX_OPEN: Final = 3


def asked_of(wanted: Wanted, files: Files, past: Past | None) -> Asked:
    """What scenarios share, from what was sent and what the lake knows. Raises SitingRefused by file, row, column."""
    unknown = [name for name in wanted.columns if name not in reading.COLUMNS]
    if unknown:
        raise SitingRefused(f"There is no column {unknown[0]}. There are: {', '.join(reading.COLUMNS)}.")
    given = bool(files.demand.strip() or wanted.own_demand)
    candidates = reading.places(Text(name="candidates", text=files.candidates), wanted.columns, weighed=not given)
    demand: tuple[Place, ...] = ()
    if files.demand.strip():
        demand = reading.places(Text(name="demand", text=files.demand), wanted.columns)
    own = () if past is None or not wanted.own_sites else own_places(past)
    served = () if past is None or not wanted.own_demand else own_places(past)
    if wanted.own_demand and not served:
        raise SitingRefused("The lake knows no own site with a place and use, so own use can't be demand.")
    if not demand and not served:
        demand = candidates
    others: tuple[Place, ...] = ()
    if files.existing.strip():
        others = reading.places(Text(name="existing", text=files.existing), wanted.columns, weighed=False)
    flows = reading.flows(Text(name="flows", text=files.flows), wanted.columns) if files.flows.strip() else ()
    return Asked(
        candidates=candidates, demand=(*demand, *served), flows=flows, existing=(*own, *others), split=wanted.split,
        measured=wanted.measured or not demand,
        site_minor=wanted.site_minor, per_plug_minor=wanted.per_plug_minor,
    )  # fmt: skip


async def prepared(tenant_id: int, growth: Growth, wanted: Wanted, files: Files) -> Asked:
    """The same, with what the lake knows where own sites are wanted; without a lake there are none. Raises
    SitingRefused."""
    past = None
    if wanted.own_sites or wanted.own_demand:
        with contextlib.suppress(LakeMissing):
            past = await growth.past(tenant_id)
    return await asyncio.to_thread(asked_of, wanted, files, past)


def own_places(past: Past) -> tuple[Place, ...]:
    """Own sites that have a place; their weight is sessions a day, those turned away reckoned in."""
    return tuple(
        Place(
            name=each.name, latitude=each.latitude, longitude=each.longitude, plugs=max(each.plugs, 1),
            weight=0.0 if each.weeks is None else sum(each.weeks.load().arrivals),
        )
        for each in past.sites
        if each.latitude is not None and each.longitude is not None
    )  # fmt: skip


def known_sites(past: Past) -> list[Known]:
    """Own sites whose place is known and that were used for long enough to judge a prediction by."""
    return [
        Known(
            latitude=each.latitude, longitude=each.longitude, plugs=max(each.plugs, 1), plug_w=each.plug_w,
            use=each.weeks.seen / (float(each.weeks.held_s.sum()) / 86_400),
        )
        for each in past.sites
        if each.latitude is not None and each.longitude is not None and each.weeks is not None
        and float(each.weeks.held_s.sum()) >= LEAST_DAYS * 86_400
    ]  # fmt: skip


def judged(past: Past, hand: Hand) -> Validation:
    """Whether use of new sites can be predicted, by own ones; `hand` breaks it off."""
    return validated(known_sites(past), check=hand.check)


async def ask(conn: Connection, actor: Actor, wanted: Wanted, asked: Asked, now: datetime) -> StudyHead:
    """Has sites chosen by a job. Raises SitingRefused, TooManyStudies."""
    scenarios = wanted.scenarios()
    check(asked, scenarios)
    kept, still = await store.count(conn, actor.tenant_id)
    if kept >= MAX_STUDIES or still >= MAX_OPEN:
        raise TooManyStudies
    study_id = await store.insert(conn, actor.tenant_id, wanted, asked, len(scenarios), now, str(actor))
    await outbox.write(conn, actor.tenant_id, ASKED, str(study_id))
    await audit(conn, actor, "ask where sites go", f"siting-study:{study_id}", {"name": wanted.name})
    return (await find(conn, actor.tenant_id, study_id)).listed


async def listed(conn: Connection, tenant_id: int) -> Sequence[StudyHead]:
    """All studies, the newest first."""
    return await store.listed(conn, tenant_id, MAX_STUDIES)


async def find(conn: Connection, tenant_id: int, study_id: int) -> Study:
    """One study. Raises StudyUnknown."""
    found = await store.find(conn, tenant_id, study_id)
    if found is None:
        raise StudyUnknown
    return found


async def stop(conn: Connection, actor: Actor, study_id: int, now: datetime) -> StudyHead:
    """Lets a study end without a result: at once where it waits, else when what it is doing is done. Idempotent. Raises
    StudyUnknown."""
    await find(conn, actor.tenant_id, study_id)
    if await store.want_stop(conn, actor.tenant_id, study_id, now):
        await audit(conn, actor, "stop siting", f"siting-study:{study_id}")
    return (await find(conn, actor.tenant_id, study_id)).listed


async def delete(conn: Connection, actor: Actor, study_id: int) -> None:
    """Lets a study go with what came of it. Raises StudyUnknown, StudyOpen."""
    found = await find(conn, actor.tenant_id, study_id)
    if found.listed.is_open:
        raise StudyOpen
    await store.delete(conn, actor.tenant_id, study_id)
    await audit(conn, actor, "delete siting", f"siting-study:{study_id}", {"name": found.listed.name})
