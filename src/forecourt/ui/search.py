"""Ctrl-K: from part of a name to anything, in one answer. Each room finds its own things; this asks all of them.

Rooms offer a `SearchProvider`, wired in `app` with who may see what it finds. Pages and commands are found by their
words in the reader's language and in English. Works without JavaScript as the page `/search`.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, Protocol

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from msgspec import Struct

from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark
from forecourt.ui.shell import Authenticate, NavItem, Shell, Viewer, everybody, to_sign_in

#: Things of one kind in an answer.
MAX_OF_KIND: Final = 6
MAX_TEXT: Final = 100
#: What a person reads above the things of each kind, in the order of the answer.
KINDS: Final = {
    "command": mark("Pages and commands"),
    "station": mark("Stations"),
    "site": mark("Sites"),
    "token": mark("Tokens"),
    "session": mark("Sessions"),
    "tariff": mark("Tariffs"),
    "person": mark("People"),
    "key": mark("API keys"),
    "webhook": mark("Webhooks"),
}

SearchText = Annotated[str, QueryParameter(name="q", max_length=MAX_TEXT, pattern=r"^[^\x00]*$")]

ListAlone = Annotated[bool, QueryParameter(name="part")]


class Found(Struct, frozen=True, kw_only=True):
    """One thing that was found: a key of KINDS, its name, what tells it from others, and where it is."""

    kind: str
    title: str
    second: str = ""
    href: str


class Command(Struct, frozen=True, kw_only=True):
    """A page or what can be begun there; `label` is marked."""

    label: str
    href: str
    shown_to: Callable[[Viewer], bool] = everybody


class SearchProvider(Protocol):
    """Things of a tenant whose name or id holds the text, the best first, `limit` at most of a kind. The text is never
    empty; case counts for nothing."""

    async def __call__(self, tenant_id: int, text: str, limit: int, /) -> Sequence[Found]: ...


class Source(Struct, frozen=True, kw_only=True):
    """Where things come from, and who may see them."""

    find: SearchProvider
    shown_to: Callable[[Viewer], bool] = everybody


def find_commands(commands: Sequence[Command], text: str) -> list[Found]:
    """Those of whose words each word of the text begins one; all of them for no text."""
    wanted = text.casefold().split()
    found = []
    for command in commands:
        label = _(command.label)
        words = f"{label} {command.label}".casefold().split()
        if all(any(word.startswith(each) for word in words) for each in wanted):
            found.append(Found(kind="command", title=label, href=command.href))
    return found


def search_routes(
    *,
    shell: Shell,
    authenticate: Authenticate,
    navigation: Sequence[NavItem],
    commands: Sequence[Command],
    sources: Sequence[Source],
) -> list[HTTPRouteHandler]:
    """The page `/search` and, with `part`, its list alone, for people who are signed in."""
    pages = (Command(label=item.label, href=item.href, shown_to=item.shown_to) for item in navigation)
    known = [*pages, *commands]

    @get("/search", include_in_schema=False)
    async def search(request: Request[Any, Any, Any], text: SearchText = "", part: ListAlone = False) -> Response[Any]:
        viewer = await authenticate(request)
        if viewer is None:
            return to_sign_in(request)
        text = text.strip()
        with shell.speaking(request):
            found = find_commands([each for each in known if each.shown_to(viewer)], text)
            for source in sources if text else ():
                if source.shown_to(viewer):
                    found += await source.find(viewer.tenant_id, text, MAX_OF_KIND)
        groups = [(label, [each for each in found if each.kind == kind]) for kind, label in KINDS.items()]
        return shell.page(
            "ui/found.html" if part else "ui/search.html",
            request,
            viewer=viewer,
            text=text,
            groups=[(label, things) for label, things in groups if things],
        )

    return [search]
