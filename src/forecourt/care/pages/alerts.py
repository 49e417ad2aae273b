"""Who is told of which incidents: the alert rules of an organisation, and what they sent."""

from datetime import time
from typing import Annotated, Any, Final
from zoneinfo import available_timezones

from litestar import Response, get, post
from litestar.datastructures import FormMultiDict
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter
from litestar.response import Redirect

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker
from forecourt.care.alerting import MAX_DELAY_S, MAX_RULES, RuleRefused
from forecourt.care.model import IncidentKind, Severity
from forecourt.care.pages.common import CarePages, WebRequest
from forecourt.care.service import alerts as service
from forecourt.care.store import alerts as store
from forecourt.care.words import kind_word, severity_word
from forecourt.platform.errors import ForecourtError
from forecourt.stations.store import list_sites
from forecourt.ui.i18n import gettext as _

MAX_LOG: Final = 50
MAX_SITES: Final = 200
#: The address of the page, under which everything is done.
HOME: Final = "/settings/alerts"
RuleInPath = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]

#: What the form begins with.
FRESH: Final[dict[str, Any]] = {
    "name": "", "active": True, "kinds": [], "least_severity": Severity.WARNING.value, "site_ids": [], "delay_s": 60,
    "recipients": [], "tell_closed": True, "quiet_from": None, "quiet_until": None, "quiet_zone": "UTC",
    "quiet_spares_critical": True, "escalate_after_s": None, "escalate_to": [], "language": "en",
}  # fmt: skip


def read_form(form: FormMultiDict) -> dict[str, Any]:
    """The columns of a rule from its form. Raises RuleRefused for what the browser would not have sent."""
    kinds = [IncidentKind(word).value for word in _words(form, "kinds") if word in set(IncidentKind)]
    severity = str(form.get("least_severity", "notice")).upper()
    return {
        "name": str(form.get("name", "")).strip()[:100] or _("Alert rule"),
        "active": "active" in form,
        # All of them is no choice: what is added later counts too.
        "kinds": [] if len(kinds) == len(IncidentKind) else kinds,
        "least_severity": Severity.__members__.get(severity, Severity.NOTICE).value,
        "site_ids": [int(word) for word in _words(form, "site_ids") if word.isdecimal() and len(word) < 10],
        "delay_s": _minutes(form, "delay_min") or 0,
        "recipients": _words(form, "recipients"),
        "tell_closed": "tell_closed" in form,
        "quiet_from": _hour(form, "quiet_from"),
        "quiet_until": _hour(form, "quiet_until"),
        "quiet_zone": str(form.get("quiet_zone", "UTC")),
        "quiet_spares_critical": "quiet_spares_critical" in form,
        "escalate_after_s": _minutes(form, "escalate_min"),
        "escalate_to": _words(form, "escalate_to"),
        "language": str(form.get("language", "en"))[:3],
    }


def _words(form: FormMultiDict, name: str) -> list[str]:
    return [str(value)[:254] for value in form.getall(name, [])][:MAX_SITES]


def _minutes(form: FormMultiDict, name: str) -> int | None:
    word = str(form.get(name, "")).strip()
    if not word:
        return None
    if not (word.isdecimal() and word.isascii()) or len(word) > 5 or int(word) * 60 > MAX_DELAY_S:
        raise RuleRefused(_("Times are whole minutes, 1440 at the most."))
    return int(word) * 60 or None


def _hour(form: FormMultiDict, name: str) -> time | None:
    word = str(form.get(name, "")).strip()
    try:
        return time.fromisoformat(word).replace(tzinfo=None) if word else None
    except ValueError:
        raise RuleRefused(_("Quiet hours are times of day such as 22:00.")) from None


class AlertPages:
    """What the handlers below share."""

    def __init__(self, pages: CarePages) -> None:
        self._pages = pages

    async def list(self, request: WebRequest, actor: Actor, told: str = "") -> Response[str]:
        """All rules and the log; `told`: to whom a test was just sent."""
        pages = self._pages
        async with pages.db.tenant(actor.tenant_id) as conn:
            rules = await store.list_rules(conn, actor.tenant_id, limit=MAX_RULES)
            sites = await list_sites(conn, actor.tenant_id, limit=MAX_SITES)
            log = await store.list_log(conn, actor.tenant_id, limit=MAX_LOG)
        with pages.shell.speaking(request):
            words = {"kinds": {kind.value: kind_word(kind) for kind in IncidentKind}, "severities": _severities()}
        return pages.shell.page(
            "care/alerts.html",
            request,
            viewer=actor,
            current="alerts",
            rules=rules,
            log=log,
            site_names={site.site_id: site.name for site in sites},
            may_change=actor.may(Verb.ALERTS),
            told=told,
            words=words,
        )

    async def form(
        self,
        request: WebRequest,
        actor: Actor,
        rule_id: int | None,
        values: dict[str, Any] | None = None,
        fault: str = "",
    ) -> Response[str]:
        """The form of a rule; with `values`, what was sent and refused because of `fault`."""
        pages = self._pages
        async with pages.db.tenant(actor.tenant_id) as conn:
            sites = await list_sites(conn, actor.tenant_id, limit=MAX_SITES)
            members = await pages.telling.members(conn, actor.tenant_id)
            if values is None and rule_id is not None:
                row = await service.find_rule(conn, actor.tenant_id, rule_id)
                values = {name: getattr(row, name) for name in store.CHOSEN}
            elif values is None:
                values = FRESH | {"quiet_zone": actor.time_zone}
        with pages.shell.speaking(request) as language:
            kinds = {kind.value: kind_word(kind) for kind in IncidentKind}
            severities = _severities()
        return pages.shell.page(
            "care/alert_rule.html",
            request,
            viewer=actor,
            current="alerts",
            status=422 if fault else 200,
            rule_id=rule_id,
            rule=values if rule_id or fault else values | {"language": language},
            fault=fault,
            sites=sites,
            members=members,
            kinds=kinds,
            severities=severities,
            zones=sorted(available_timezones()),
        )

    async def save(self, request: WebRequest, actor: Actor, rule_id: int | None) -> Response[Any]:
        """Makes or changes a rule; what is refused comes back in the form."""
        pages, now = self._pages, self._pages.clock.now()
        form = await request.form()
        with pages.shell.speaking(request):
            try:
                values = read_form(form)
            except RuleRefused as refused:
                return await self.form(request, actor, rule_id, dict(FRESH), refused.detail)
        try:
            async with pages.db.tenant(actor.tenant_id) as conn:
                if rule_id is None:
                    await service.create_rule(conn, actor, pages.telling.members, values, now)
                else:
                    await service.change_rule(conn, actor, pages.telling.members, rule_id, values, now)
        except ForecourtError as refused:
            if refused.status not in (409, 422):
                raise
            return await self.form(request, actor, rule_id, values, refused.detail)
        return Redirect(HOME, status_code=303)


def _severities() -> dict[int, tuple[str, str]]:
    """By their number: name and word, the worst first."""
    return {one.value: (one.name.lower(), severity_word(one)) for one in sorted(Severity, reverse=True)}


def alert_pages(pages: CarePages) -> list[HTTPRouteHandler]:
    """`/settings/alerts`: the rules, one of them in a form, and what was sent."""
    shared = AlertPages(pages)
    change = {"verb": Verb.ALERTS}

    @get(HOME, include_in_schema=False)
    async def rules(request: WebRequest, actor: Asker) -> Response[str]:
        return await shared.list(request, actor)

    @get(f"{HOME}/new", include_in_schema=False, opt=change)
    async def new_rule(request: WebRequest, actor: Asker) -> Response[str]:
        return await shared.form(request, actor, None)

    @post(HOME, include_in_schema=False, status_code=303, opt=change)
    async def make_rule(request: WebRequest, actor: Asker) -> Response[Any]:
        return await shared.save(request, actor, None)

    @get(f"{HOME}/{{rule_id:int}}", include_in_schema=False, opt=change)
    async def rule(request: WebRequest, actor: Asker, rule_id: RuleInPath) -> Response[str]:
        return await shared.form(request, actor, rule_id)

    @post(f"{HOME}/{{rule_id:int}}", include_in_schema=False, status_code=303, opt=change)
    async def save_rule(request: WebRequest, actor: Asker, rule_id: RuleInPath) -> Response[Any]:
        return await shared.save(request, actor, rule_id)

    @post(f"{HOME}/{{rule_id:int}}/test", include_in_schema=False, status_code=200, opt=change)
    async def send_test(request: WebRequest, actor: Asker, rule_id: RuleInPath) -> Response[str]:
        async with pages.db.tenant(actor.tenant_id) as conn:
            told = await service.send_test(conn, actor, pages.telling, rule_id, pages.clock.now())
        return await shared.list(request, actor, ", ".join(told))

    @get(f"{HOME}/{{rule_id:int}}/delete", include_in_schema=False, opt=change)
    async def ask_delete(request: WebRequest, actor: Asker, rule_id: RuleInPath) -> Response[str]:
        async with pages.db.tenant(actor.tenant_id) as conn:
            row = await service.find_rule(conn, actor.tenant_id, rule_id)
        return pages.shell.page("care/alert_delete.html", request, viewer=actor, current="alerts", rule=row)

    @post(f"{HOME}/{{rule_id:int}}/delete", include_in_schema=False, status_code=303, opt=change)
    async def delete_rule(actor: Asker, rule_id: RuleInPath) -> Redirect:
        async with pages.db.tenant(actor.tenant_id) as conn:
            await service.delete_rule(conn, actor, rule_id)
        return Redirect(HOME, status_code=303)

    return [rules, new_rule, make_rule, rule, save_rule, send_test, ask_delete, delete_rule]
