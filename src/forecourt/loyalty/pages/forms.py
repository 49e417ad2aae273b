"""Forms of a campaign, or a voucher, and of the program."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from forecourt.access import Actor
from forecourt.access.guard import Asker
from forecourt.access.members import find_organisation
from forecourt.loyalty import service
from forecourt.loyalty.errors import CampaignRefused
from forecourt.loyalty.model import HOURS, MAX_WINDOW_D, Audience, Places, QuietBy, Segment, Terms
from forecourt.loyalty.pages.words import CHANGING, DASH, QUIET_BY, SEGMENTS, TIERS_BY, WebRequest
from forecourt.loyalty.rewards import service as rewards
from forecourt.loyalty.rewards import store as programs
from forecourt.loyalty.rewards.model import (
    MAX_EXPIRY_D,
    MAX_RATE,
    MAX_TIERS,
    MAX_VALUE,
    Program,
    ProgramRefused,
    Tier,
    TierBy,
)
from forecourt.payments.forms import (
    CURRENCY_WRONG,
    DAY_WRONG,
    MONEY_WRONG,
    NAME_WRONG,
    WHOLE_WRONG,
    Field,
    day,
    limit_in,
    percent,
    read_form,
    shown,
    text_as,
    tick,
    typed_of,
    whole,
)
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.paging import NEWEST
from forecourt.ui.i18n import mark
from forecourt.ui.numbers import decimal
from forecourt.ui.shell import Shell

PERCENT_WRONG: Final = mark("must be from 0 to 100, with two decimals at the most")
HOURS_WRONG: Final = mark("must be like 22-6 or 8-12, 18-20")
NUMBERS_WRONG: Final = mark("must be whole numbers with commas between them")
IDS_WRONG: Final = mark("must be ids with commas between them")
TIERS_WRONG: Final = mark(
    "must be like Silver 10, Gold 30 150 3 - a name, from when on, percent of points, percent of cashback"
)
SENSE_WRONG: Final = mark("Either a percentage with the most of a session, or an amount; the budget is enough for one.")
PROGRAM_WRONG: Final = mark("Points need a worth, cashback is half at the most, and each tier begins elsewhere.")
_TIER_PARTS: Final = (2, 3, 4)


def maybe(read: Any) -> Any:
    """The same, or None for nothing."""
    return lambda text: read(text) if text else None


def words(text: str) -> frozenset[str]:
    """Words between commas."""
    return frozenset(each.strip() for each in text.split(",") if each.strip())


def numbers(text: str) -> frozenset[int]:
    """Whole numbers between commas."""
    return frozenset(int(whole(1, NEWEST)(each)) for each in words(text))


def ids(text: str) -> frozenset[UUID]:
    """Ids between commas."""
    return frozenset(UUID(each) for each in words(text))


def hours(text: str) -> frozenset[int]:
    """Hours of the day: `22-6` is from 22:00 until before 6:00."""
    found: set[int] = set()
    for part in words(text.replace(DASH, "-")):
        first, _, last = part.partition("-")
        begin, end = int(first), int(last or int(first) + 1)
        if not 0 <= begin < HOURS or not 0 <= end <= HOURS:
            raise ValueError(text)
        found |= {(begin + each) % HOURS for each in range((end - begin) % HOURS or HOURS)}
    return frozenset(found)


def tiers(text: str) -> tuple[Tier, ...]:
    """Tiers by their names, from when on, and what they give."""
    found = []
    for part in text.split(",") if text else ():
        said = part.replace("%", " ").split()
        if len(said) not in _TIER_PARTS:
            raise ValueError(text)
        back = decimal(said[3]) if len(said) == max(_TIER_PARTS) else None
        found.append(
            Tier(name=said[0], least=whole(0, 10**9)(said[1]), cashback_percent=back,
                 points_percent=whole(0, 1_000)(said[2]) if len(said) > min(_TIER_PARTS) else 100)
        )  # fmt: skip
    if len(found) > MAX_TIERS:
        raise ValueError(text)
    return tuple(found)


def campaign_fields(currency: str) -> list[Field]:
    """What a campaign gives, to whom, where and when."""
    return [*_gift_fields(currency), *_audience_fields(), *_place_fields()]


def _number(name: str, label: str, most: int, hint: str = "") -> Field:
    return Field(name=name, label=label, read=maybe(whole(1, most)), wrong=WHOLE_WRONG, mode="numeric", most=9,
                 hint=hint)  # fmt: skip


def _gift_fields(currency: str) -> list[Field]:
    types = {field.name: field.type for field in msgspec.structs.fields(Terms)}

    def amount(name: str, label: str, hint: str = "") -> Field:
        return Field(name=name, label=label, read=limit_in(currency), wrong=MONEY_WRONG, mode="decimal", most=20,
                     hint=hint)  # fmt: skip

    return [
        Field(name="name", label=mark("Name"), read=text_as(types["name"]), wrong=NAME_WRONG, required=True, most=100),
        Field(name="label", label=mark("On the bill"), read=text_as(types["label"]), wrong=NAME_WRONG, required=True,
              most=60, hint=mark("What drivers read there.")),
        Field(name="by_code", label=mark("Voucher"), read=tick, tick=True,
              hint=mark("Given by a code, to whoever enters it")),
        Field(name="currency", label=mark("Currency"), read=text_as(types["currency"], upper=True),
              wrong=CURRENCY_WRONG, required=True, most=3),
        Field(name="percent", label=mark("Percent off"), read=maybe(percent), wrong=PERCENT_WRONG, mode="decimal",
              most=6, hint=mark("Or an amount.")),
        amount("most", mark("At most off a session"), mark("A percentage needs it.")),
        amount("amount", mark("Amount off")),
        amount("minimum", mark("Only from"), mark("What a session must come to.")),
        amount("budget", mark("Budget"), mark("Empty: no bound.")),
        _number("per_driver", mark("Times for each driver"), 10_000, mark("Empty: any number. Needs an account.")),
        Field(name="host_bears", label=mark("Host"), read=tick, tick=True,
              hint=mark("The site's host bears its share of the discount")),
        Field(name="stacks", label=mark("Together"), read=tick, tick=True,
              hint=mark("With other campaigns that may be given together")),
        Field(name="starts_on", label=mark("First day"), read=maybe(day), wrong=DAY_WRONG, most=10,
              hint=mark("By your organisation's clock; empty: when you start it.")),
        Field(name="ends_on", label=mark("Last day"), read=maybe(day), wrong=DAY_WRONG, most=10,
              hint=mark("By your organisation's clock; empty: until you end it.")),
        Field(name="holdout_percent", label=mark("Percent held out"), read=percent, wrong=PERCENT_WRONG, mode="decimal",
              most=5, hint=mark("Drivers whom chance keeps from it, so that you see what it changes.")),
    ]  # fmt: skip


def _audience_fields() -> list[Field]:
    return [
        Field(name="segment", label=mark("Drivers"), read=str, choices=SEGMENTS),
        _number("window_days", mark("By their last days"), MAX_WINDOW_D),
        _number("min_sessions", mark("Sessions at least"), 10_000),
        _number("unseen_days", mark("Days not seen"), MAX_WINDOW_D),
        Field(name="fleets", label=mark("Fleets"), read=numbers, wrong=NUMBERS_WRONG, most=200,
              hint=mark("Their numbers; empty: any driver.")),
        Field(name="drivers", label=mark("Named drivers"), read=numbers, wrong=NUMBERS_WRONG, most=2_000,
              hint=mark("Their numbers; empty: any driver.")),
        Field(name="marketing", label=mark("Consent"), read=tick, tick=True,
              hint=mark("Only drivers who agreed to marketing")),
        Field(name="announce", label=mark("Letter"), read=tick, tick=True,
              hint=mark("Those of them who agreed to marketing are told when it starts")),
    ]  # fmt: skip


def _place_fields() -> list[Field]:
    return [
        Field(name="sites", label=mark("Sites"), read=words, most=500, hint=mark("Their short names; empty: all.")),
        Field(name="connector_types", label=mark("Connectors"), read=words,
              hint=mark("Such as IEC_62196_T2_COMBO; empty: all.")),
        Field(name="tariffs", label=mark("Tariffs"), read=ids, wrong=IDS_WRONG, most=2_000,
              hint=mark("Their ids; empty: all.")),
        Field(name="hours", label=mark("Hours"), read=hours, wrong=HOURS_WRONG, most=60,
              hint=mark("Such as 22-6, by the site's clock; empty: all.")),
        _number("quiet_hours", mark("Quiet hours"), HOURS - 1,
                mark("Instead: so many that were quietest in the last four weeks.")),
        Field(name="quiet_by", label=mark("Quiet by"), read=QuietBy, choices=QUIET_BY),
    ]  # fmt: skip


def program_fields() -> list[Field]:
    """What sessions earn."""

    def number(name: str, label: str, least: int, most: int, hint: str = "") -> Field:
        return Field(name=name, label=label, read=whole(least, most), wrong=WHOLE_WRONG, mode="numeric", most=9,
                     hint=hint)  # fmt: skip

    types = {field.name: field.type for field in msgspec.structs.fields(Program)}
    return [
        Field(name="active", label=mark("Active"), read=tick, tick=True, hint=mark("Sessions earn from now on")),
        Field(name="currency", label=mark("Currency"), read=text_as(types["currency"], upper=True),
              wrong=CURRENCY_WRONG, required=True, most=3),
        number("points_per_kwh", mark("Points for a kWh"), 0, MAX_RATE),
        number("points_per_unit", mark("Points for money"), 0, MAX_RATE, mark("For each whole unit paid.")),
        number("value_of_100", mark("Worth of 100 points"), 0, MAX_VALUE, mark("In cents.")),
        number("expires_days", mark("Good for days"), 1, MAX_EXPIRY_D),
        Field(name="cashback_percent", label=mark("Cashback in percent"), read=percent, wrong=PERCENT_WRONG,
              mode="decimal", most=5, hint=mark("Of what was paid, into the wallet.")),
        Field(name="tier_by", label=mark("Tiers by"), read=TierBy, choices=TIERS_BY),
        number("tier_window_days", mark("Within days"), 1, MAX_EXPIRY_D),
        Field(name="tiers", label=mark("Tiers"), read=tiers, wrong=TIERS_WRONG, most=400,
              hint=mark(
                  "Such as Silver 10, Gold 30 150 3: name, from when on, percent of points, percent of cashback."
              )),
    ]  # fmt: skip


def terms_of(values: Mapping[str, Any], zone: ZoneInfo) -> Terms:
    """What a form means."""
    same = ("name", "label", "by_code", "currency", "percent", "most", "amount", "budget", "per_driver", "host_bears",
            "stacks", "holdout_percent", "announce")  # fmt: skip
    starts, ends = values["starts_on"], values["ends_on"]
    return Terms(
        **{name: values[name] for name in same},
        minimum=values["minimum"] or 0,
        starts_at=None if starts is None else datetime.combine(starts, time.min, zone),
        ends_at=None if ends is None else datetime.combine(ends, time.max, zone),
        audience=Audience(
            window_days=values["window_days"] or 90, min_sessions=values["min_sessions"],
            segments=frozenset({Segment(values["segment"])}) if values["segment"] else frozenset(),
            unseen_days=values["unseen_days"], marketing=values["marketing"], drivers=values["drivers"],
            fleets=values["fleets"],
        ),
        places=Places(
            sites=values["sites"], connector_types=values["connector_types"], tariffs=values["tariffs"],
            hours=values["hours"],
            quiet_hours=values["quiet_hours"], quiet_by=values["quiet_by"],
        ),
    )  # fmt: skip


def tiers_shown(program: Program) -> str:
    """Tiers as their field holds them."""
    return ", ".join(
        f"{each.name} {each.least} {each.points_percent}"
        + ("" if each.cashback_percent is None else f" {shown(each.cashback_percent)}")
        for each in program.tiers
    )


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
        """A form."""
        return self._shell.page(
            "loyalty/form.html", request, viewer=actor, current="campaigns", status=422 if wrong or fault else 200,
            fields=fields, typed=typed, wrong=wrong or {}, fault=fault, title=title, word=word,
        )  # fmt: skip

    async def new(self, request: WebRequest, actor: Actor) -> Response[str]:
        fields = campaign_fields("EUR")
        typed = {field.name: "" for field in fields} | {"window_days": "90", "currency": "EUR", "holdout_percent": "20"}
        typed["quiet_by"] = QuietBy.ENERGY.value
        return self.page(request, actor, fields, typed, title=NEW, word=MAKE)

    async def make(self, request: WebRequest, actor: Actor) -> Response[Any]:
        typed = await typed_of(request, campaign_fields("EUR"))
        said = typed["currency"].upper()
        fields = campaign_fields(said if len(said) == 3 and said.isascii() and said.isalpha() else "EUR")
        values, wrong = read_form(fields, typed)
        if wrong:
            return self.page(request, actor, fields, typed, title=NEW, word=MAKE, wrong=wrong)
        if values["by_code"]:
            values["holdout_percent"], values["announce"] = Decimal(0), False
        try:
            async with self._db.tenant(actor.tenant_id) as conn:
                zone = ZoneInfo((await find_organisation(conn, actor.tenant_id)).time_zone)
                made = await service.create_campaign(conn, actor, terms_of(values, zone), self._clock.now())
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


NEW: Final = mark("New campaign or voucher")
MAKE: Final = mark("Make it")
PROGRAM: Final = mark("Points, tiers and cashback")
STORE: Final = mark("Store")


def form_pages(shell: Shell, db: Pool, clock: Clock) -> list[HTTPRouteHandler]:
    """`/campaigns/new`, `/campaigns/program`."""
    pages = CampaignForms(shell, db, clock)

    @get("/campaigns/new", opt=dict(CHANGING), include_in_schema=False)
    async def new_campaign(request: WebRequest, actor: Asker) -> Response[str]:
        return await pages.new(request, actor)

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
