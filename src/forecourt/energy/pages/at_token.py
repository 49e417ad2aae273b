"""What a token's own page says of its driver: what they usually need, where nobody says otherwise of a session."""

from datetime import time
from typing import Final

from litestar import Response, get, post
from litestar.datastructures import FormMultiDict
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct, structs

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker
from forecourt.drivers.api import UidInPath
from forecourt.energy.explained.words import PRIORITIES
from forecourt.energy.needs.model import Preferences, Priority
from forecourt.energy.pages.common import EnergyPages, WebRequest, field
from forecourt.energy.pages.forms import STALE
from forecourt.energy.service import needs
from forecourt.energy.service.needs import preferences_tag
from forecourt.energy.store import PreferencesRow
from forecourt.platform.preconditions import ChangedMeanwhile
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark
from forecourt.ui.numbers import NoNumber, from_kilo, kilo

PATH: Final = "/energy/at-token/{uid:str}"
NO_CLOCK: Final = mark("a time of day is written as 07:30")
#: As the API has them: energy of a session, and how soon a part of it may be needed.
MOST_WH: Final = 10**8
MOST_MINUTES: Final = 7 * 24 * 60


class Usual(Struct, frozen=True, kw_only=True):
    """The form, as it was sent or as it stands."""

    departure: str = ""
    energy_kwh: str = ""
    minimum_kwh: str = ""
    within_min: str = ""
    priority: str = ""


def usual_of(wants: Preferences) -> Usual:
    """What is stored."""
    within_s = wants.minimum_within_s
    return Usual(
        departure="" if wants.departure is None else f"{wants.departure:%H:%M}",
        energy_kwh=kilo(wants.energy_wh),
        minimum_kwh=kilo(wants.minimum_wh),
        within_min="" if within_s is None else str(within_s // 60),
        priority=wants.priority or "",
    )


def sent(form: FormMultiDict) -> Usual:
    """What was sent."""
    return Usual(**{name: field(form, name) for name in Usual.__struct_fields__})


def wants_of(usual: Usual, before: Preferences) -> Preferences:
    """With what else was said, which the form doesn't have. Raises NoNumber, and ValueError for a time that is none."""
    return structs.replace(
        before,
        departure=time.fromisoformat(usual.departure.zfill(len("07:30"))) if usual.departure else None,
        energy_wh=_energy(usual.energy_kwh),
        minimum_wh=_energy(usual.minimum_kwh),
        minimum_within_s=_minutes(usual.within_min),
        priority=Priority(usual.priority) if usual.priority in set(Priority) else None,
    )


def _energy(text: str) -> int | None:
    energy_wh = from_kilo(text)
    if energy_wh is not None and not 0 <= energy_wh <= MOST_WH:
        raise NoNumber(text)
    return energy_wh


def _minutes(text: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or int(text) > MOST_MINUTES:
        raise NoNumber(text)
    return 60 * int(text)


class AtToken:
    """What the handlers below share."""

    def __init__(self, pages: EnergyPages) -> None:
        self._pages = pages

    async def show(
        self, request: WebRequest, actor: Actor, uid: str, *, usual: Usual | None = None, fault: str = "",
        done: bool = False,
    ) -> Response[str]:  # fmt: skip
        """The fragment, with what was sent and is refused."""
        async with self._pages.db.tenant(actor.tenant_id) as conn:
            row = await needs.find_preferences(conn, actor.tenant_id, uid)
        return self._pages.shell.page(
            "energy/at_token.html",
            request,
            viewer=actor,
            status=422 if fault else 200,
            uid=uid,
            form=usual or usual_of(_held(row)),
            stored=usual_of(_held(row)),
            tag=preferences_tag(row),
            priorities=PRIORITIES,
            fault=fault,
            done=done,
            may_change=actor.may(Verb.CHANGE_TOKENS),
        )

    async def save(self, request: WebRequest, actor: Actor, uid: str) -> Response[str]:
        """Stores what was sent."""
        form, now = await request.form(), self._pages.clock.now()
        usual = sent(form)
        try:
            async with self._pages.db.tenant(actor.tenant_id) as conn:
                row = await needs.find_preferences(conn, actor.tenant_id, uid)
                wants = wants_of(usual, _held(row))
                await needs.change_preferences(conn, actor, uid, wants, now, field(form, "tag") or None)
            return await self.show(request, actor, uid, done=True)
        except NoNumber as refused:
            with self._pages.shell.speaking(request):
                fault = _(refused.words) % {"text": refused.text}
        except ValueError:
            with self._pages.shell.speaking(request):
                fault = _(NO_CLOCK)
        except ChangedMeanwhile:
            with self._pages.shell.speaking(request):
                fault = _(STALE)
        return await self.show(request, actor, uid, usual=usual, fault=fault)


def _held(row: PreferencesRow | None) -> Preferences:
    return Preferences() if row is None else row.wants


def token_pages(pages: EnergyPages) -> list[HTTPRouteHandler]:
    """The fragment of a token's page, and what its form is sent to."""
    shared = AtToken(pages)

    @get(PATH, include_in_schema=False)
    async def at_token(request: WebRequest, uid: UidInPath, actor: Asker) -> Response[str]:
        return await shared.show(request, actor, uid)

    @post(PATH, include_in_schema=False, status_code=200, opt={"verb": Verb.CHANGE_TOKENS})
    async def save_usual(request: WebRequest, uid: UidInPath, actor: Asker) -> Response[str]:
        return await shared.save(request, actor, uid)

    return [at_token, save_usual]
