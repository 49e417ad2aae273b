"""The list of campaigns, and one with its budget, its codes and what it changed."""

from collections.abc import AsyncIterator
from typing import Any, Final

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect, Stream

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker
from forecourt.loyalty import service
from forecourt.loyalty.effect.estimate import MIN_GROUP
from forecourt.loyalty.effect.service import measure_effect
from forecourt.loyalty.errors import CampaignOver, CampaignRefused, CampaignUnbegun, CodesRefused, CodeTaken
from forecourt.loyalty.model.terms import State
from forecourt.loyalty.model.uses import MAX_CODES_AT_ONCE, MIN_CODE, plain
from forecourt.loyalty.pages.words import (
    CHANGING,
    DONE,
    MEASURES,
    READING,
    STATES,
    UNBEGUN,
    After,
    Done,
    Number,
    WebRequest,
    audience_words,
    days_words,
    effect_words,
    given_words,
    hours_words,
    program_words,
    where_words,
)
from forecourt.loyalty.rewards import store as rewards
from forecourt.loyalty.store import campaigns as store
from forecourt.payments.forms import WHOLE_WRONG, Field, read_form, typed_of, whole
from forecourt.payments.ledger.words import money
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.sheets import csv_line
from forecourt.stations.service import site_names
from forecourt.ui.files import CSV, streamed
from forecourt.ui.i18n import mark, number
from forecourt.ui.shell import Shell

#: Lines of one page; the API has all of them.
SHOWN: Final = 200
CODES_SHOWN: Final = 50
#: Codes that the file reads at once.
CODES_AT_ONCE: Final = 1_000
MOST_USES: Final = 10**9
CODE_WRONG: Final = mark("must be of 3 to 32 letters and digits, and not another voucher's")
CANT: Final = mark("That can't be done with it any more.")


def code(text: str) -> str:
    """A code that is named, or nothing."""
    typed = plain(text)
    if text and len(typed) < MIN_CODE:
        raise ValueError(text)
    return typed


def uses(text: str) -> int | None:
    """How often a code may be used; None for nothing."""
    return int(whole(1, MOST_USES)(text)) if text else None


def code_fields() -> list[Field]:
    """Codes that are made."""
    return [
        Field(name="code", label=mark("Code"), read=code, wrong=CODE_WRONG, most=32,
              hint=mark("Empty: codes are made up.")),
        Field(name="count", label=mark("How many"), read=whole(1, MAX_CODES_AT_ONCE), wrong=WHOLE_WRONG, mode="numeric",
              most=4, hint=mark("Of those that are made up.")),
        Field(name="most_uses", label=mark("Uses of each"), read=uses, wrong=WHOLE_WRONG, mode="numeric", most=9,
              hint=mark("Empty: any number.")),
    ]  # fmt: skip


class CampaignScreens:
    """What the handlers below share."""

    def __init__(self, shell: Shell, db: Pool, clock: Clock) -> None:
        self._shell = shell
        self._db = db
        self._clock = clock

    async def listed(self, request: WebRequest, actor: Actor) -> Response[str]:
        """Campaigns and vouchers, and whether there is a program."""
        async with self._db.tenant(actor.tenant_id) as conn:
            rows = await store.list_campaigns(conn, actor.tenant_id, SHOWN)
            program = await rewards.find_program(conn, actor.tenant_id)
        return self._shell.page(
            "loyalty/list.html", request, viewer=actor, current="campaigns", rows=rows, program=program,
            states=STATES, given=given_words, money=money, may_change=actor.may(Verb.CHANGE_PRICES),
            gives="" if program is None else program_words(program),
        )  # fmt: skip

    async def one(
        self, request: WebRequest, actor: Actor, campaign_id: int, *, done: str = "", fault: str = "",
        typed: dict[str, str] | None = None, wrong: dict[str, str] | None = None, after: int = 0,
    ) -> Response[str]:  # fmt: skip
        """One of them, with its codes behind the one of a number. Raises CampaignUnknown."""
        may_change = actor.may(Verb.CHANGE_PRICES)
        async with self._db.tenant(actor.tenant_id) as conn:
            effect = await measure_effect(conn, actor.tenant_id, campaign_id, self._clock.now())
            campaign = await service.find_campaign(conn, actor.tenant_id, campaign_id)
            meant = None
            if campaign.state in (State.DRAFT, State.SCHEDULED) and not campaign.terms.by_code:
                meant = await service.count_meant(conn, actor.tenant_id, campaign.terms, self._clock.now())
            names = {site.slug: site.name for site in await site_names(conn, actor.tenant_id)}
            codes, made = [], 0
            if may_change and campaign.terms.by_code:
                made = await store.count_codes(conn, actor.tenant_id, campaign_id)
                codes = await store.list_codes(conn, actor.tenant_id, campaign_id, CODES_SHOWN + 1, after=after)
        fields = code_fields()
        return self._shell.page(
            "loyalty/campaign.html", request, viewer=actor, current="campaigns", status=422 if wrong or fault else 200,
            campaign=campaign, terms=campaign.terms, meant=meant, effect=effect, told=effect_words,
            enough=min(effect.treated, effect.held_out) >= MIN_GROUP, number=number,
            where=where_words(campaign, names), days=days_words(campaign), measures=MEASURES,
            states=STATES, codes=codes[:CODES_SHOWN], made=made, after=after, given=given_words,
            behind=codes[CODES_SHOWN - 1].code_id if len(codes) > CODES_SHOWN else 0,
            hours=hours_words(campaign), audience=audience_words(campaign.terms.audience), unbegun=UNBEGUN,
            money=money, may_change=may_change, done=DONE.get(done, ""), fault=fault,
            fields=fields, typed=typed or {"code": "", "count": "1", "most_uses": "1"}, wrong=wrong or {},
        )  # fmt: skip

    async def codes(self, actor: Actor, campaign_id: int) -> AsyncIterator[str]:
        """All codes of one of them as a sheet, in short transactions."""
        yield csv_line(("code", "most_uses", "used"))
        after = 0
        while True:
            async with self._db.tenant(actor.tenant_id) as conn:
                found = await store.list_codes(conn, actor.tenant_id, campaign_id, CODES_AT_ONCE, after=after)
            yield "".join(csv_line((each.code, each.most_uses, each.used)) for each in found)
            if len(found) < CODES_AT_ONCE:
                return
            after = found[-1].code_id

    async def turn(self, request: WebRequest, actor: Actor, campaign_id: int, verb: str) -> Response[Any]:
        """Starts, pauses or ends it."""
        verbs = {"start": service.start_campaign, "pause": service.pause_campaign, "end": service.end_campaign}
        try:
            async with self._db.tenant(actor.tenant_id) as conn:
                turned = await verbs[verb](conn, actor, campaign_id, self._clock.now())
        except CampaignUnbegun as refused:
            return await self.one(request, actor, campaign_id, fault=UNBEGUN[refused.why])
        except (CampaignOver, CampaignRefused):
            return await self.one(request, actor, campaign_id, fault=CANT)
        done = "schedule" if turned.state is State.SCHEDULED else verb
        return Redirect(f"/campaigns/{campaign_id}?done={done}", status_code=303)

    async def make_codes(self, request: WebRequest, actor: Actor, campaign_id: int) -> Response[Any]:
        """Makes the codes that were asked for."""
        fields = code_fields()
        typed = await typed_of(request, fields)
        values, wrong = read_form(fields, typed)
        if not wrong:
            try:
                async with self._db.tenant(actor.tenant_id) as conn:
                    await service.make_codes(
                        conn, actor, campaign_id, code=values["code"] or None, count=values["count"],
                        most_uses=values["most_uses"], now=self._clock.now(),
                    )  # fmt: skip
                return Redirect(f"/campaigns/{campaign_id}?done=codes#codes", status_code=303)
            except CodeTaken:
                wrong = {"code": CODE_WRONG}
            except (CampaignOver, CodesRefused):
                return await self.one(request, actor, campaign_id, fault=CANT, typed=typed)
        return await self.one(request, actor, campaign_id, typed=typed, wrong=wrong)


def shown_pages(shell: Shell, db: Pool, clock: Clock) -> list[HTTPRouteHandler]:
    """`/campaigns`, `/campaigns/{id}`, and what is done with one."""
    pages = CampaignScreens(shell, db, clock)

    @get("/campaigns", opt=dict(READING), include_in_schema=False)
    async def campaign_list(request: WebRequest, actor: Asker) -> Response[str]:
        return await pages.listed(request, actor)

    @get("/campaigns/{campaign_id:int}", opt=dict(READING), include_in_schema=False)
    async def one_campaign(
        request: WebRequest, actor: Asker, campaign_id: Number, done: Done = "", after: After = 0
    ) -> Response[str]:
        return await pages.one(request, actor, campaign_id, done=done, after=after)

    @get("/campaigns/{campaign_id:int}/codes.csv", opt=dict(CHANGING), include_in_schema=False)
    async def take_codes(actor: Asker, campaign_id: Number) -> Stream:
        async with db.tenant(actor.tenant_id) as conn:
            await service.find_campaign(conn, actor.tenant_id, campaign_id)
        return streamed(pages.codes(actor, campaign_id), CSV, f"campaign-{campaign_id}-codes.csv")

    @post("/campaigns/{campaign_id:int}/start", opt=dict(CHANGING), include_in_schema=False, status_code=303)
    async def start(request: WebRequest, actor: Asker, campaign_id: Number) -> Response[Any]:
        return await pages.turn(request, actor, campaign_id, "start")

    @post("/campaigns/{campaign_id:int}/pause", opt=dict(CHANGING), include_in_schema=False, status_code=303)
    async def pause(request: WebRequest, actor: Asker, campaign_id: Number) -> Response[Any]:
        return await pages.turn(request, actor, campaign_id, "pause")

    @post("/campaigns/{campaign_id:int}/end", opt=dict(CHANGING), include_in_schema=False, status_code=303)
    async def end(request: WebRequest, actor: Asker, campaign_id: Number) -> Response[Any]:
        return await pages.turn(request, actor, campaign_id, "end")

    @post("/campaigns/{campaign_id:int}/codes", opt=dict(CHANGING), include_in_schema=False, status_code=303)
    async def codes(request: WebRequest, actor: Asker, campaign_id: Number) -> Response[Any]:
        return await pages.make_codes(request, actor, campaign_id)

    return [campaign_list, one_campaign, take_codes, start, pause, end, codes]
