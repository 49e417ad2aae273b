"""Forms of a campaign, or a voucher, and of the program."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from forecourt.access import Actor
from forecourt.access.guard import Asker
from forecourt.access.members import find_organisation
from forecourt.loyalty import service
from forecourt.loyalty.errors import CampaignRefused, PlaceMissing
from forecourt.loyalty.model.terms import QuietBy
from forecourt.loyalty.pages.fields import campaign_fields, program_fields, terms_of, tiers_shown, typed_as
from forecourt.loyalty.pages.words import CHANGING, Like, WebRequest
from forecourt.loyalty.rewards import service as rewards
from forecourt.loyalty.rewards import store as programs
from forecourt.loyalty.rewards.model import (
    Program,
    ProgramRefused,
)
from forecourt.payments.forms import (
    Field,
    read_form,
    shown,
    typed_of,
)
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Shell

SENSE_WRONG: Final = mark("Either a percentage with the most of a session, or an amount; the budget is enough for one.")
PLACE_WRONG: Final = mark("must be ones that there are")
PROGRAM_WRONG: Final = mark("Points need a worth, cashback is half at the most, and each tier begins elsewhere.")


class CampaignForms:
    """What the handlers below share."""

    def __init__(self, shell: Shell, db: Pool, clock: Clock) -> None:
        self._shell = shell
        self._db = db
        self._clock = clock

    def page(
        self, request: WebRequest, actor: Actor, fields: Sequence[Field], typed: Mapping[str, str], *, title: str,
        word: str, wrong: Mapping[str, str] | None = None, fault: str = "",
    ) -> Response[str]:  # fmt: skip
        """A form, in parts that belong together."""
        names = [field.name for field in fields]
        begins = [names.index(name) for name in PARTS if name in names]
        parts = []
        for at, end in zip(begins, [*begins[1:], len(fields)], strict=True):
            mine = {name: why for name, why in (wrong or {}).items() if name in names[at:end]}
            parts.append((PARTS[names[at]], fields[at:end], mine))
        return self._shell.page(
            "loyalty/form.html", request, viewer=actor, current="campaigns", status=422 if wrong or fault else 200,
            parts=parts, typed=typed, fault=fault, title=title, word=word,
        )  # fmt: skip

    async def new(self, request: WebRequest, actor: Actor, like: int) -> Response[str]:
        """The form, empty or `like` a campaign that there is. Raises CampaignUnknown."""
        fields = campaign_fields("EUR")
        typed = {field.name: "" for field in fields} | {"window_days": "90", "currency": "EUR", "holdout_percent": "20"}
        typed["quiet_by"] = QuietBy.ENERGY.value
        if like:
            async with self._db.tenant(actor.tenant_id) as conn:
                typed |= typed_as((await service.find_campaign(conn, actor.tenant_id, like)).terms)
        return self.page(request, actor, fields, typed, title=NEW, word=MAKE)

    async def make(self, request: WebRequest, actor: Actor) -> Response[Any]:
        typed = await typed_of(request, campaign_fields("EUR"))
        said = typed["currency"].upper()
        fields = campaign_fields(said if len(said) == 3 and said.isascii() and said.isalpha() else "EUR")
        values, wrong = read_form(fields, typed)
        if wrong:
            return self.page(request, actor, fields, typed, title=NEW, word=MAKE, wrong=wrong)
        if values["by_code"]:
            # The form says that nobody is chosen then, so what stands in those fields is not meant.
            chosen = {"segment": "", "min_sessions": None, "unseen_days": None, "marketing": False}
            values |= chosen | {"fleets": frozenset(), "drivers": frozenset()}
            values |= {"holdout_percent": Decimal(0), "announce": False}
        try:
            async with self._db.tenant(actor.tenant_id) as conn:
                zone = ZoneInfo((await find_organisation(conn, actor.tenant_id)).time_zone)
                made = await service.create_campaign(conn, actor, terms_of(values, zone), self._clock.now())
        except PlaceMissing as missing:
            wrong = {missing.field: PLACE_WRONG}
            return self.page(request, actor, fields, typed, title=NEW, word=MAKE, wrong=wrong)
        except CampaignRefused:
            return self.page(request, actor, fields, typed, title=NEW, word=MAKE, fault=SENSE_WRONG)
        return Redirect(f"/campaigns/{made.campaign_id}?done=stored", status_code=303)

    async def program(self, request: WebRequest, actor: Actor) -> Response[str]:
        fields = program_fields()
        async with self._db.tenant(actor.tenant_id) as conn:
            held = await programs.find_program(conn, actor.tenant_id) or Program(currency="EUR")
        typed = {field.name: shown(getattr(held, field.name)) for field in fields if field.name != "tiers"}
        return self.page(
            request, actor, fields, typed | {"tiers": tiers_shown(held)}, title=PROGRAM, word=STORE
        )  # fmt: skip

    async def put_program(self, request: WebRequest, actor: Actor) -> Response[Any]:
        fields = program_fields()
        typed = await typed_of(request, fields)
        values, wrong = read_form(fields, typed)
        if wrong:
            return self.page(request, actor, fields, typed, title=PROGRAM, word=STORE, wrong=wrong)
        try:
            async with self._db.tenant(actor.tenant_id) as conn:
                await rewards.set_program(conn, actor, Program(**values), self._clock.now())
        except ProgramRefused:
            return self.page(request, actor, fields, typed, title=PROGRAM, word=STORE, fault=PROGRAM_WRONG)
        return Redirect("/campaigns", status_code=303)


#: Where the parts of the forms begin, and what they are called.
PARTS: Final = {
    "name": mark("What it gives"), "starts_on": mark("When it runs"), "holdout_percent": mark("Whom it is for"),
    "sites": mark("Where and at which hours"), "active": mark("What sessions earn"), "tier_by": mark("Tiers"),
}  # fmt: skip
NEW: Final = mark("New campaign or voucher")
MAKE: Final = mark("Make it")
PROGRAM: Final = mark("Points, tiers and cashback")
STORE: Final = mark("Store")


def form_pages(shell: Shell, db: Pool, clock: Clock) -> list[HTTPRouteHandler]:
    """`/campaigns/new`, `/campaigns/program`."""
    pages = CampaignForms(shell, db, clock)

    @get("/campaigns/new", opt=dict(CHANGING), include_in_schema=False)
    async def new_campaign(request: WebRequest, actor: Asker, like: Like = 0) -> Response[str]:
        return await pages.new(request, actor, like)

    @post("/campaigns/new", opt=dict(CHANGING), include_in_schema=False, status_code=200)
    async def make_campaign(request: WebRequest, actor: Asker) -> Response[Any]:
        return await pages.make(request, actor)

    @get("/campaigns/program", opt=dict(CHANGING), include_in_schema=False)
    async def program(request: WebRequest, actor: Asker) -> Response[str]:
        return await pages.program(request, actor)

    @post("/campaigns/program", opt=dict(CHANGING), include_in_schema=False, status_code=200)
    async def put_program(request: WebRequest, actor: Asker) -> Response[Any]:
        return await pages.put_program(request, actor)

    return [new_campaign, make_campaign, program, put_program]
