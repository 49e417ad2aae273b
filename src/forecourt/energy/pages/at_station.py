"""What a station's own page says of its smart charging: who else limits it, and what it holds otherwise than told."""

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker
from forecourt.energy.dispatch.checking import Finding, Found
from forecourt.energy.errors import ExternalUnknown
from forecourt.energy.explained.station import finding_words
from forecourt.energy.explained.words import external_words
from forecourt.energy.pages.common import EnergyPages, WebRequest, field
from forecourt.energy.service import outside
from forecourt.ocpp.neutral import Purpose
from forecourt.platform.errors import ForecourtError
from forecourt.stations import control
from forecourt.stations.api.fields import StationCommander
from forecourt.stations.pages.station import IdentityPath
from forecourt.ui.i18n import gettext as _

PATH = "/energy/at-station/{identity:str}"


def may_be_cleared(each: Finding) -> bool:
    """Whether a station can be asked to forget it: a profile of others that is no limit from outside."""
    return each.found is Found.OTHER and each.purpose is not Purpose.EXTERNAL and each.profile_id is not None


class AtStation:
    """What the handlers below share."""

    def __init__(self, pages: EnergyPages) -> None:
        self._pages = pages

    async def show(self, request: WebRequest, actor: Actor, identity: str, *, outcome: str = "") -> Response[str]:
        """The fragment; empty where there is nothing to say."""
        pages, now = self._pages, self._pages.clock.now()
        async with pages.db.tenant(actor.tenant_id) as conn:
            found = await outside.at_station(conn, actor.tenant_id, identity)
        if not found.externals and found.check is None and not outcome:
            return Response("", media_type="text/html", headers={"cache-control": "private, no-store"})
        with pages.shell.speaking(request):
            limits = [(each, external_words(each, now, None) if each.counts else "") for each in found.externals]
            findings = [(each, finding_words(each)) for each in (found.check.last.findings if found.check else ())]
        return pages.shell.page(
            "energy/at_station.html",
            request,
            viewer=actor,
            identity=identity,
            limits=limits,
            findings=findings,
            check=found.check,
            outcome=outcome,
            may_be_cleared=may_be_cleared,
            may_call=actor.may(Verb.CALL),
        )

    async def forget(self, request: WebRequest, actor: Actor, identity: str) -> Response[str]:
        """Plan without a limit of somebody else; twice or once alike."""
        form = await request.form()
        evse, source = field(form, "evse"), field(form, "source")
        if evse.isdecimal() and len(evse) < 10:
            async with self._pages.db.tenant(actor.tenant_id) as conn:
                try:
                    await outside.forget_external(conn, actor, identity, int(evse), source)
                except ExternalUnknown:
                    return await self.show(request, actor, identity)
        return await self.show(request, actor, identity)

    async def clear(
        self, request: WebRequest, actor: Actor, identity: str, commander: StationCommander
    ) -> Response[str]:
        """Ask the station to forget a profile of others, and then what it holds."""
        form = await request.form()
        profile = field(form, "profile").removeprefix("-")
        if not profile.isdecimal() or len(profile) > 10:
            return await self.show(request, actor, identity)
        try:
            obeyed = await control.clear_profile(
                self._pages.db, commander, actor, identity, int(field(form, "profile"))
            )
        except ForecourtError as refused:
            return await self.show(request, actor, identity, outcome=refused.detail)
        with self._pages.shell.speaking(request):
            if not obeyed.accepted:
                outcome = _("The station said no: %(word)s.") % {"word": obeyed.status}
                return await self.show(request, actor, identity, outcome=outcome)
            outcome = _("The station has forgotten it.")
        return await self.again(request, actor, identity, outcome=outcome)

    async def again(self, request: WebRequest, actor: Actor, identity: str, *, outcome: str = "") -> Response[str]:
        """Have the station asked what it holds."""
        async with self._pages.db.tenant(actor.tenant_id) as conn:
            asked = await outside.check_again(conn, actor.tenant_id, identity)
        with self._pages.shell.speaking(request):
            outcome = outcome or (_("It is asked within a few seconds.") if asked else _("It was never asked yet."))
        return await self.show(request, actor, identity, outcome=outcome)


def station_pages(pages: EnergyPages) -> list[HTTPRouteHandler]:
    """The fragment of a station's page, and what its buttons are sent to."""
    shared = AtStation(pages)

    @get(PATH, include_in_schema=False)
    async def at_station(request: WebRequest, identity: IdentityPath, actor: Asker) -> Response[str]:
        return await shared.show(request, actor, identity)

    @post(f"{PATH}/forget", include_in_schema=False, status_code=200, opt={"verb": Verb.CALL})
    async def forget(request: WebRequest, identity: IdentityPath, actor: Asker) -> Response[str]:
        return await shared.forget(request, actor, identity)

    @post(f"{PATH}/clear", include_in_schema=False, status_code=200, opt={"verb": Verb.CALL})
    async def clear(
        request: WebRequest, identity: IdentityPath, actor: Asker, commander: StationCommander
    ) -> Response[str]:
        return await shared.clear(request, actor, identity, commander)

    @post(f"{PATH}/check", include_in_schema=False, status_code=200, opt={"verb": Verb.CALL})
    async def check(request: WebRequest, identity: IdentityPath, actor: Asker) -> Response[str]:
        return await shared.again(request, actor, identity)

    return [at_station, forget, clear, check]
