"""The verbs of growth: plans of own sites from the lake, and what the operator says of them."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from forecourt.access import Actor, audit
from forecourt.insight.expansion import store
from forecourt.insight.expansion.inputs import Inputs
from forecourt.insight.expansion.past import Past, SitePast, read
from forecourt.insight.expansion.planned import Plan, plan
from forecourt.insight.expansion.store import ALL
from forecourt.insight.lake import asking
from forecourt.insight.store import Connection
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError

T = TypeVar("T")

#: Organisations whose past is remembered: those that asked last.
MAX_KEPT: Final = 4


class SiteUnseen(ForecourtError):
    """The lake knows no such site. The list of plans names those it knows."""

    status = 404
    code = "site-unseen"


class Plans(Struct, frozen=True, kw_only=True):
    """All sites of the lake, by what the operator says of all of them (`inputs`) or of each. `homeless` stations are of
    no site; `left` sites are beyond what is looked at."""

    since: datetime
    until: datetime
    inputs: Inputs
    homeless: int
    left: int
    sites: list[Plan]


class Growth:
    """Plans from the lakes below a folder. The past of a snapshot is read once, and by one at a time: it may be
    large."""

    def __init__(self, db: Pool, clock: Clock, root: Path) -> None:
        self._db = db
        self._clock = clock
        self._root = root
        self._room = asyncio.Semaphore(1)
        self._kept: OrderedDict[int, tuple[tuple[str, int, datetime], Past]] = OrderedDict()
        self._made: OrderedDict[tuple[int, object], tuple[Past, Any]] = OrderedDict()

    async def plans(self, tenant_id: int) -> Plans:
        """Of every site. Raises LakeMissing."""
        past = await self.past(tenant_id)
        async with self._db.tenant(tenant_id) as conn:
            said = await store.list_inputs(conn, tenant_id)
        general = said.get(ALL) or _general(past)
        return Plans(
            since=past.since, until=past.until, inputs=general, homeless=past.homeless, left=past.left,
            sites=await asyncio.to_thread(_planned, past.sites, said, general),
        )  # fmt: skip

    async def find(self, tenant_id: int, site: str) -> tuple[Plan, Inputs]:
        """Of one site, and by what it is reckoned. Raises LakeMissing, SiteUnseen."""
        past = await self.past(tenant_id)
        found = [each for each in past.sites if each.site == site]
        if not found:
            raise SiteUnseen
        async with self._db.tenant(tenant_id) as conn:
            said = await store.list_inputs(conn, tenant_id)
        inputs = said.get(site) or said.get(ALL) or _general(past)
        return await asyncio.to_thread(plan, found[0], inputs, own=site in said), inputs

    async def say(self, conn: Connection, actor: Actor, site: str, inputs: Inputs) -> None:
        """Says what growth costs and earns at a site, or at all of them. Raises InputsRefused,
        LakeMissing, SiteUnseen."""
        inputs.check()
        if site != ALL and site not in {each.site for each in (await self.past(actor.tenant_id)).sites}:
            raise SiteUnseen
        before = (await store.list_inputs(conn, actor.tenant_id)).get(site)
        await store.keep_inputs(conn, actor.tenant_id, site, inputs, self._clock.now(), str(actor))
        await audit(
            conn, actor, "say what growth costs", f"expansion:{site or 'all'}",
            before=None if before is None else msgspec.to_builtins(before), after=msgspec.to_builtins(inputs),
        )  # fmt: skip

    async def unsay(self, conn: Connection, actor: Actor, site: str) -> None:
        """Lets what is said of a site go: it is as all are again. Idempotent."""
        if await store.forget_inputs(conn, actor.tenant_id, site):
            await audit(conn, actor, "forget what growth costs", f"expansion:{site or 'all'}")

    async def reckoned(self, tenant_id: int, make: Callable[[Past], T]) -> T:
        """What a function makes of what the latest snapshot saw, by a thread and once for each. Raises LakeMissing."""
        past = await self.past(tenant_id)
        async with self._room:
            kept = self._made.get((tenant_id, make))
            if kept is None or kept[0] is not past:
                self._made[tenant_id, make] = kept = (past, await asyncio.to_thread(make, past))
            self._made.move_to_end((tenant_id, make))
            while len(self._made) > MAX_KEPT:
                self._made.popitem(last=False)
        found: T = kept[1]
        return found

    async def past(self, tenant_id: int) -> Past:
        """What the latest snapshot saw. Raises LakeMissing."""
        _, manifest = await asyncio.to_thread(asking.snapshot_of, self._root, tenant_id)
        key = (manifest.lake_id, manifest.snapshot, manifest.watermark)
        async with self._room:
            kept = self._kept.get(tenant_id)
            if kept is None or kept[0] != key:
                past = await asyncio.to_thread(read, self._root, tenant_id, manifest.snapshot, manifest.watermark)
                self._kept[tenant_id] = kept = (key, past)
            self._kept.move_to_end(tenant_id)
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        return kept[1]


def _general(past: Past) -> Inputs:
    """What counts before anybody says anything: in the money that most is paid in."""
    return Inputs(currency=past.currency) if past.currency else Inputs()


def _planned(sites: tuple[SitePast, ...], said: dict[str, Inputs], general: Inputs) -> list[Plan]:
    return [plan(each, said.get(each.site, general), own=each.site in said) for each in sites]
