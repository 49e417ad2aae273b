"""Asking a station from its page: each command says its consequence first, then what came of it.

A command is a form of its own address, so that it works without scripts; with them the form opens in a dialog. The
request lasts until the station has answered or its deadline is over.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Final, Literal

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter, URLEncodedBody
from msgspec import Meta, Struct

from forecourt.access import Actor
from forecourt.access.guard import Asker, Database
from forecourt.access.model import Verb
from forecourt.ocpp.neutral import ResetType, Version
from forecourt.platform.bus import BusAway
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.stations import asks, control
from forecourt.stations.api.fields import StationCommander
from forecourt.stations.commands import (
    CallInvalid,
    Commander,
    OutcomeUnrecorded,
    PasswordOpen,
    StationAnswerInvalid,
    StationBusy,
    StationLost,
    StationOffline,
    StationTimeout,
)
from forecourt.stations.control import BeingAsked
from forecourt.stations.model import LACKING
from forecourt.stations.pages.frame import StationFrame, StationPages, is_fragment
from forecourt.stations.pages.ports import Charging, Running
from forecourt.stations.pages.station import AnyRequest, IdentityPath
from forecourt.ui.i18n import mark

Command = Literal["start", "stop", "unlock", "reset", "trigger", "availability"]
#: What each command is called where it is offered, and the verb that one must be allowed.
COMMANDS: Final[Mapping[str, tuple[str, Verb]]] = {
    "start": (mark("Start charging"), Verb.CONTROL),
    "stop": (mark("Stop charging"), Verb.CONTROL),
    "unlock": (mark("Unlock"), Verb.CONTROL),
    "reset": (mark("Reset"), Verb.RESET),
    "trigger": (mark("Ask for a message"), Verb.CALL),
    "availability": (mark("Change availability"), Verb.CALL),
}
#: `2` or `2.1`: an EVSE and, where it matters, its connector; nothing for the whole station.
PLACE: Final = r"^([0-9]{1,9}(\.[0-9]{1,9})?)?$"

Outcome = Literal["accepted", "refused", "unknown", "unsent"]


class Answer(Struct, frozen=True, kw_only=True):
    """What came of a command; `said` is the station's own word, `words` are marked for translation."""

    outcome: Outcome
    words: str
    said: str = ""
    command_id: str | None = None


_LOST: Final = mark("The connection closed before the answer. Whether it obeyed is unknown: look before you ask again.")
_AWAY: Final = mark("The gateways can't be reached at the moment. Nothing was sent; ask again in a minute.")
#: Failures by what they mean for the one who asked: nothing happened, or nobody knows.
FAILURES: Final[Mapping[type[ForecourtError], tuple[Outcome, str]]] = {
    StationOffline: ("unsent", mark("The station is not connected. Nothing was sent; ask again when it is back.")),
    StationBusy: ("unsent", mark("Too many calls wait for the station. Nothing was sent; ask again in a minute.")),
    CallInvalid: ("unsent", mark("The station's version of OCPP can't express this. Nothing was sent.")),
    StationTimeout: (
        "unknown",
        mark("The station did not answer in time. Whether it obeyed is unknown; a late answer is recorded."),
    ),
    PasswordOpen: ("unsent", mark("A change of its password is under way. Nothing was sent; wait for that answer.")),
    StationLost: ("unknown", _LOST),
    OutcomeUnrecorded: ("unknown", _LOST),
    StationAnswerInvalid: (
        "unknown",
        mark("The station's answer can't be understood. It may have obeyed: look before you ask again."),
    ),
}  # fmt: skip
_ACCEPTED: Final = mark("The station agreed. What it does about it is seen as it happens.")
_SCHEDULED: Final = mark("The station agreed and does it as soon as nobody charges.")
_REFUSED: Final = mark("The station refused.")
_WANTED: Final = mark("The station is not connected. Nothing was sent yet: it is asked as soon as it is back.")
_BEING_ASKED: Final = mark("The station is being asked for this already. What is wanted now follows its answer.")
_GONE: Final = mark("What this was about is not there any more. Nothing was sent.")
_INCOMPLETE: Final = mark("Something is missing in the form. Nothing was sent.")
_LACKING: Final = mark("The station can't do this: it doesn't know the command.")


class AskForm(Struct, frozen=True, kw_only=True):
    """What the forms send; each has some of it."""

    token: Annotated[str, Meta(max_length=255, pattern=r"^[^\x00]*$")] = ""
    evse: Annotated[str, Meta(pattern=PLACE)] = ""
    session: Annotated[str, Meta(max_length=36, pattern=r"^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$")] = ""
    kind: Annotated[str, Meta(max_length=20)] = ""
    message: Annotated[str, Meta(max_length=64)] = ""

    @property
    def place(self) -> tuple[int | None, int]:
        """EVSE and connector of `2` or `2.1`; None for the whole station."""
        evse, _, connector = self.evse.partition(".")
        return (int(evse) if evse else None), int(connector or 1)


def answered(said: str, accepted: bool, command_id: str | None) -> Answer:
    """The station's own word as an answer."""
    if accepted:
        return Answer(
            outcome="accepted", words=_SCHEDULED if said == "Scheduled" else _ACCEPTED, said=said, command_id=command_id
        )
    lacking = said in LACKING
    return Answer(outcome="refused", words=_LACKING if lacking else _REFUSED, said=said, command_id=command_id)


def failed(fault: ForecourtError) -> Answer:
    """A failure as an answer. Raises it again where nobody could have foreseen it."""
    if isinstance(fault, BusAway):
        return Answer(outcome="unsent" if fault.unsent else "unknown", words=_AWAY if fault.unsent else _LOST)
    for kind, (outcome, words) in FAILURES.items():
        if isinstance(fault, kind):
            return Answer(outcome=outcome, words=words, command_id=fault.context.get("command_id"))
    if fault.status >= 500 and not fault.unsent:
        raise fault
    return Answer(outcome="unsent", words=_GONE)


class Asking:
    """How a command is offered and done."""

    def __init__(self, pages: StationPages, charging: Charging) -> None:
        self._pages = pages
        self._charging = charging

    async def offer(
        self, request: AnyRequest, actor: Actor, db: Pool, identity: str, command: Command, evse: str
    ) -> Response[str]:
        """The form of a command, with its consequence in words."""
        frame = await self._pages.find(db, actor.tenant_id, identity)
        if frame is None:
            return self._pages.gone(request, actor, identity)
        running = await self._charging.running(actor.tenant_id, identity)
        return self._page(request, actor, frame, command, running=running, chosen_evse=evse)

    async def ask(
        self,
        request: AnyRequest,
        actor: Actor,
        db: Pool,
        identity: str,
        command: Command,
        do: Callable[[StationFrame], Awaitable[Answer]],
    ) -> Response[str]:
        """Do it, and what came of it."""
        frame = await self._pages.find(db, actor.tenant_id, identity)
        if frame is None:
            return self._pages.gone(request, actor, identity)
        try:
            answer = await do(frame)
        except ForecourtError as fault:
            answer = failed(fault)
        return self._page(request, actor, frame, command, answer=answer)

    def _page(
        self,
        request: AnyRequest,
        actor: Actor,
        frame: StationFrame,
        command: Command,
        *,
        running: Sequence[Running] = (),
        chosen_evse: str = "",
        answer: Answer | None = None,
    ) -> Response[str]:
        fragment = is_fragment(request)
        return self._pages.part(
            "ask.html" if fragment else "ask_page.html",
            request,
            actor,
            frame,
            current="stations",
            command=command,
            title=COMMANDS[command][0],
            running=running,
            chosen_evse=chosen_evse,
            answer=answer,
            fragment=fragment,
            triggers=asks.TRIGGERS[frame.version or Version.V16],
        )


async def start(charging: Charging, actor: Actor, frame: StationFrame, form: AskForm) -> Answer:
    """Start charging with a token at an EVSE, or at whichever the station chooses."""
    if not form.token.strip():
        return Answer(outcome="unsent", words=_INCOMPLETE)
    agreed = await charging.start(actor, frame.identity, form.token.strip(), form.place[0])
    return answered(agreed.status, agreed.accepted, None)


async def call(
    db: Pool, commander: Commander, actor: Actor, frame: StationFrame, action: str, payload: bytes
) -> Answer:
    """A call by the expert door."""
    agreed = control.obeyed(await control.call(db, commander, actor, frame.identity, action, payload))
    return answered(agreed.status, agreed.accepted, agreed.command_id)


Evse = Annotated[str, QueryParameter(pattern=PLACE)]


def ask_routes(pages: StationPages, charging: Charging) -> list[HTTPRouteHandler]:
    """GET and POST `/stations/{id}/ask/{command}` for each command."""
    asking = Asking(pages, charging)

    def offer_of(command: Command) -> HTTPRouteHandler:
        @get(f"/stations/{{identity:str}}/ask/{command}", include_in_schema=False, opt={"verb": COMMANDS[command][1]})
        async def offer(
            request: AnyRequest, identity: IdentityPath, actor: Asker, db: Database, evse: Evse = ""
        ) -> Response[str]:
            return await asking.offer(request, actor, db, identity, command, evse)

        return offer

    def ask_of(
        command: Command, do: Callable[[Pool, Commander, Actor, StationFrame, AskForm], Awaitable[Answer]]
    ) -> HTTPRouteHandler:
        @post(
            f"/stations/{{identity:str}}/ask/{command}",
            include_in_schema=False,
            opt={"verb": COMMANDS[command][1]},
            status_code=200,
        )
        async def ask(
            request: AnyRequest,
            identity: IdentityPath,
            actor: Asker,
            db: Database,
            commander: StationCommander,
            data: URLEncodedBody[AskForm],
        ) -> Response[str]:
            async def once(frame: StationFrame) -> Answer:
                return await do(db, commander, actor, frame, data)

            return await asking.ask(request, actor, db, identity, command, once)

        return ask

    async def do_start(db: Pool, commander: Commander, actor: Actor, frame: StationFrame, form: AskForm) -> Answer:
        return await start(charging, actor, frame, form)

    async def do_stop(db: Pool, commander: Commander, actor: Actor, frame: StationFrame, form: AskForm) -> Answer:
        if not form.session:
            return Answer(outcome="unsent", words=_INCOMPLETE)
        agreed = await charging.stop(actor, form.session)
        return answered(agreed.status, agreed.accepted, None)

    async def do_unlock(db: Pool, commander: Commander, actor: Actor, frame: StationFrame, form: AskForm) -> Answer:
        evse, connector = form.place
        agreed = await control.unlock(db, commander, actor, frame.identity, evse=evse or 1, connector=connector)
        return answered(agreed.status, agreed.accepted, agreed.command_id)

    async def do_reset(db: Pool, commander: Commander, actor: Actor, frame: StationFrame, form: AskForm) -> Answer:
        kind = ResetType.HARD if form.kind == "hard" else ResetType.SOFT
        agreed = await control.reset(db, commander, actor, frame.identity, kind)
        return answered(agreed.status, agreed.accepted, agreed.command_id)

    async def do_trigger(db: Pool, commander: Commander, actor: Actor, frame: StationFrame, form: AskForm) -> Answer:
        evse, connector = form.place
        action, payload = asks.trigger(_version(frame), form.message, evse, connector)
        return await call(db, commander, actor, frame, action, payload)

    async def do_availability(
        db: Pool, commander: Commander, actor: Actor, frame: StationFrame, form: AskForm
    ) -> Answer:
        operative, (evse, _) = form.kind == "operative", form.place
        try:
            agreed = await control.change_availability(
                db, commander, actor, frame.identity, operative=operative, evse=evse
            )
        except StationOffline:
            return Answer(outcome="unsent", words=_WANTED)
        except BeingAsked:
            return Answer(outcome="unsent", words=_BEING_ASKED)
        return answered(agreed.status, agreed.accepted, agreed.command_id)

    doing = {
        "start": do_start,
        "stop": do_stop,
        "unlock": do_unlock,
        "reset": do_reset,
        "trigger": do_trigger,
        "availability": do_availability,
    }
    return [route for command, do in doing.items() for route in (offer_of(command), ask_of(command, do))]  # type: ignore[arg-type]


def _version(frame: StationFrame) -> Version:
    """Of its connection; raises StationOffline for one that never had any."""
    if frame.version is None:
        raise StationOffline
    return frame.version
