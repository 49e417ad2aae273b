"""The verbs of growth: plans of own sites from the lake, and what the operator says of them."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

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
from forecourt.insight.turns import Made, Turns
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError

T = TypeVar("T")

#: Organisations whose past is remembered, of their latest snapshot, and what was made of it: what was asked for last.
MAX_KEPT: Final = 4
#: What is made at once, and of one organisation; who comes meanwhile waits, organisations in turn.
AT_ONCE: Final = 2
AT_ONCE_OF_ONE: Final = 1
#: Seconds after which somebody who waits is told that it takes too long, and for commands that may take their time.
GROWTH_WITHIN_S: Final = 30.0
COMMAND_WITHIN_S: Final = 600.0


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
    """Plans from the lakes below a folder, each answer within so many seconds, waiting included. The past of a snapshot
    is read once, for it may be large."""

    def __init__(self, db: Pool, clock: Clock, root: Path, within_s: float = GROWTH_WITHIN_S) -> None:
        self._db = db
        self._clock = clock
        self._root = root
        turns = Turns(AT_ONCE, AT_ONCE_OF_ONE)
        self._pasts = Made(turns, asking.Hand, within_s, MAX_KEPT)
        self._made = Made(turns, asking.Hand, within_s, MAX_KEPT)

    async def plans(self, tenant_id: int) -> Plans:
        """Of every site. Raises LakeMissing, AnswerTooSlow."""
        until = self._made.until()
        past = await self.past(tenant_id, until)
        async with self._db.tenant(tenant_id) as conn:
            said = await store.list_inputs(conn, tenant_id)
        general = said.get(ALL) or _general(past)
        return Plans(
            since=past.since, until=past.until, inputs=general, homeless=past.homeless, left=past.left,
            sites=await self._made.anew(
                tenant_id, lambda hand: _planned(past.sites, said, general, hand), until=until
            ),
        )  # fmt: skip

    async def find(self, tenant_id: int, site: str) -> Plan:
        """Of one site. Raises LakeMissing, SiteUnseen, AnswerTooSlow."""
        until = self._made.until()
        past = await self.past(tenant_id, until)
        seen = _site(past, site)
        async with self._db.tenant(tenant_id) as conn:
            said = await store.list_inputs(conn, tenant_id)
        inputs = said.get(site) or said.get(ALL) or _general(past)
        found: Plan = await self._made.anew(tenant_id, lambda _: plan(seen, inputs, own=site in said), until=until)
        return found

    async def inputs(self, tenant_id: int, site: str) -> Inputs:
        """By what a site is reckoned, or all that nothing is said of. Raises LakeMissing, SiteUnseen, AnswerTooSlow."""
        past = await self.past(tenant_id)
        if site != ALL:
            _site(past, site)
        async with self._db.tenant(tenant_id) as conn:
            said = await store.list_inputs(conn, tenant_id)
        return said.get(site) or said.get(ALL) or _general(past)

    async def say(self, conn: Connection, actor: Actor, site: str, inputs: Inputs) -> None:
        """Says what growth costs and earns at a site, or at all of them. Raises InputsRefused,
        LakeMissing, SiteUnseen, AnswerTooSlow."""
        inputs.check()
        if site != ALL:
            _site(await self.past(actor.tenant_id), site)
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

    async def reckoned(self, tenant_id: int, make: Callable[[Past, asking.Hand], T]) -> T:
        """What a function makes of what the latest snapshot saw, by a thread and once for each. Raises LakeMissing,
        AnswerTooSlow."""
        until = self._made.until()
        key = await self._latest(tenant_id)
        past = await self._past(tenant_id, key, until)
        found: T = await self._made.once(
            tenant_id, key, lambda hand: make(past, hand), place=(make, tenant_id), until=until
        )
        return found

    async def past(self, tenant_id: int, until: float | None = None) -> Past:
        """What the latest snapshot saw, by that time of the loop. Raises LakeMissing, AnswerTooSlow."""
        return await self._past(tenant_id, await self._latest(tenant_id), until)

    async def _latest(self, tenant_id: int) -> tuple[str, int, datetime]:
        _, manifest = await asyncio.to_thread(asking.snapshot_of, self._root, tenant_id)
        return manifest.lake_id, manifest.snapshot, manifest.watermark

    async def _past(self, tenant_id: int, key: tuple[str, int, datetime], until: float | None) -> Past:
        _, snapshot, watermark = key
        found: Past = await self._pasts.once(
            tenant_id, key, lambda hand: read(self._root, tenant_id, snapshot, watermark, hand), place=tenant_id,
            until=until,
        )  # fmt: skip
        return found


def _site(past: Past, site: str) -> SitePast:
    """A site by its id. Raises SiteUnseen."""
    found = next((each for each in past.sites if each.site == site), None)
    if found is None:
        raise SiteUnseen
    return found


def _general(past: Past) -> Inputs:
    """What counts before anybody says anything: in the money that most is paid in."""
    return Inputs(currency=past.currency) if past.currency else Inputs()


def _planned(sites: tuple[SitePast, ...], said: dict[str, Inputs], general: Inputs, hand: asking.Hand) -> list[Plan]:
    found = []
    for each in sites:
        hand.check()
        found.append(plan(each, said.get(each.site, general), own=each.site in said))
    return found
