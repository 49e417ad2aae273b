"""The pages of a waiting list: joining it, and the place in it. They work without a script, by loading anew."""

from collections.abc import Sequence
from typing import Annotated, Any, Final
from urllib.parse import quote
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from forecourt.access.guard import origin_of
from forecourt.driver.account.door import browsing_driver
from forecourt.driver.account.service import Members
from forecourt.driver.asked import EMAIL_UNREAD, MAX_TYPED, PUBLIC, EvseInPath, Lang, Said, StationInPath, email_of
from forecourt.driver.asked import SAID as SAID_WHILE_PAYING
from forecourt.driver.model import LIVE_S, REFRESH_S
from forecourt.driver.shell import HEADERS, DriverShell
from forecourt.driver.waiting.model import MAX_TYPE, OPEN, PlaceGone, PlaceState, Who
from forecourt.driver.waiting.service import Seen, WaitingLists
from forecourt.driver.waiting.words import AGAIN, SAID, STATES
from forecourt.driver.words import type_words
from forecourt.platform.errors import ForecourtError

Asking = Request[Any, Any, Any]
PlaceId = FromPath[UUID]
QUIET: Final[dict[str, Any]] = {"include_in_schema": False, "opt": PUBLIC}
#: What went wrong, said where the driver is.
TOLD: Final = {**SAID, EMAIL_UNREAD: SAID_WHILE_PAYING[EMAIL_UNREAD]}


class JoinForm(Struct, frozen=True, kw_only=True):
    """What somebody needs, and where they are told; both may be left empty."""

    connector_type: Annotated[str, Meta(max_length=MAX_TYPE)] = ""
    email: Annotated[str, Meta(max_length=MAX_TYPED)] = ""


class TellForm(Struct, frozen=True, kw_only=True):
    """Where the word that it is their turn goes."""

    email: Annotated[str, Meta(max_length=MAX_TYPED)] = ""


class WaitingPages:
    """What the handlers below share."""

    def __init__(self, shell: DriverShell, lists: WaitingLists, members: Members) -> None:
        self._shell = shell
        self._lists = lists
        self._members = members

    async def joining(
        self, request: Asking, station: str, evse: int, lang: str | None = None, said: str = ""
    ) -> Response[Any]:
        """What there is to wait for, and the way in. Raises PlaceUnknown."""
        looked = await self._lists.look(station, evse)
        driver = await browsing_driver(request, self._members)
        own = driver if driver is not None and driver.tenant_id == looked.tenant_id else None
        brand = await self._members.brand_of(looked.tenant_id)
        needed = looked.policy is not None and looked.policy.who is Who.ACCOUNT and own is None
        return self._shell.page(
            "wait.html", request, lang=lang, status=409 if said else 200, looked=looked, brand=brand, driver=own,
            station=station, evse=evse, needed=needed, said=TOLD.get(said), named=type_words,
            here=looked.here[0] if len(looked.here) == 1 else "",
        )  # fmt: skip

    async def join(self, request: Asking, station: str, evse: int, form: JoinForm) -> Response[Any]:
        """Joins, and leads to the place."""
        driver = await browsing_driver(request, self._members)
        email = email_of(form.email)
        if email is None and form.email.strip():
            return await self.joining(request, station, evse, None, EMAIL_UNREAD)
        with self._shell.speech.speaking(request) as language:
            pass
        try:
            place_id = await self._lists.join(
                station, evse, connector_type=form.connector_type or None, driver=driver, email=email,
                language=language, address=origin_of(request).address,
            )  # fmt: skip
        except ForecourtError as fault:
            if fault.code not in SAID:
                raise
            return await self.joining(request, station, evse, None, fault.code)
        return Redirect(f"/waiting/{place_id}", status_code=303, headers=HEADERS)

    async def place(
        self, request: Asking, place_id: UUID, *, lang: str | None = None, said: str = "", part: bool = False
    ) -> Response[Any]:
        """Where somebody stands: a page, or the part of it that changes. Raises PlaceGone."""
        seen = await self._lists.find(place_id)
        heading, sentence = STATES[seen.place.state]
        driver = await browsing_driver(request, self._members)
        going_on = seen.place.state in OPEN
        return self._shell.page(
            "waiting_part.html" if part else "waiting.html", request, lang=lang, seen=seen, brand=seen.brand,
            heading=heading, sentence=sentence, again=AGAIN.get(seen.place.said or ""), said=TOLD.get(said),
            live_s=LIVE_S if going_on else 0, refresh_s=REFRESH_S, start=_start(seen, driver is not None),
            named=type_words,
        )  # fmt: skip

    async def done(self, place_id: UUID, verb: Any, *arguments: Any) -> Redirect:
        """Does what a driver asked for, and shows what became of it. Raises PlaceGone."""
        said = ""
        try:
            await verb(place_id, *arguments)
        except PlaceGone:
            raise
        except ForecourtError as fault:
            said = f"?said={fault.code}"
        return Redirect(f"/waiting/{place_id}{said}", status_code=303, headers=HEADERS)


def _start(seen: Seen, signed_in: bool) -> str:
    """Where the driver whose turn it is begins to charge."""
    if seen.held is None or seen.place.state is not PlaceState.HELD:
        return ""
    where = f"{quote(seen.held.station, safe='')}/{seen.held.evse}"
    if seen.place.driver_id is not None and signed_in:
        return f"/my/charge/{where}"
    return f"/charge/{where}?place={seen.place.place_id}"


def waiting_pages(shell: DriverShell, lists: WaitingLists, members: Members) -> Sequence[HTTPRouteHandler]:
    """The routes `/wait/{station}/{evse}` and `/waiting/{place}`."""
    pages = WaitingPages(shell, lists, members)

    @get("/wait/{station:str}/{evse:int}", **QUIET)
    async def joining(request: Asking, station: StationInPath, evse: EvseInPath, lang: Lang = None) -> Response[Any]:
        return await pages.joining(request, station, evse, lang)

    @post("/wait/{station:str}/{evse:int}", status_code=303, **QUIET)
    async def join(
        request: Asking, station: StationInPath, evse: EvseInPath, data: URLEncodedBody[JoinForm]
    ) -> Response[Any]:
        return await pages.join(request, station, evse, data)

    @get("/waiting/{place_id:uuid}", **QUIET)
    async def place(request: Asking, place_id: PlaceId, lang: Lang = None, said: Said = "") -> Response[Any]:
        return await pages.place(request, place_id, lang=lang, said=said)

    @get("/waiting/{place_id:uuid}/part", **QUIET)
    async def part(request: Asking, place_id: PlaceId) -> Response[Any]:
        return await pages.place(request, place_id, part=True)

    @post("/waiting/{place_id:uuid}/snooze", status_code=303, **QUIET)
    async def snooze(place_id: PlaceId) -> Redirect:
        return await pages.done(place_id, lists.snooze)

    @post("/waiting/{place_id:uuid}/leave", status_code=303, **QUIET)
    async def leave(place_id: PlaceId) -> Redirect:
        return await pages.done(place_id, lists.leave)

    @post("/waiting/{place_id:uuid}/email", status_code=303, **QUIET)
    async def email(place_id: PlaceId, data: URLEncodedBody[TellForm]) -> Redirect:
        address = email_of(data.email)
        if address is None:
            return Redirect(f"/waiting/{place_id}?said={EMAIL_UNREAD}", status_code=303, headers=HEADERS)
        return await pages.done(place_id, lists.set_email, address)

    return [joining, join, place, part, snooze, leave, email]
