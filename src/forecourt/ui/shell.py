"""The page shell: one Jinja2 environment over the templates of all rooms, and how a page becomes a response.

A template is named `<room>/<file>`. The theme and the language that a person chose come as cookies, so that the first
paint has them; who chose no language gets the one the browser asks for.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from litestar import MediaType, Response
from litestar.connection import ASGIConnection
from litestar.response import Redirect
from msgspec import Struct

from forecourt.platform.clock import Clock
from forecourt.ui import formats, i18n
from forecourt.ui.assets import Assets

TEMPLATES_DIR: Final = Path(__file__).parent / "templates"
THEME_COOKIE: Final = "theme"
LANGUAGE_COOKIE: Final = "language"
THEMES: Final = frozenset({"light", "dark"})
SIGN_IN_PATH: Final = "/sign-in"

Connection = ASGIConnection[Any, Any, Any, Any]


class Viewer(Protocol):
    """Who is signed in on this page."""

    @property
    def tenant_id(self) -> int: ...

    @property
    def organisation(self) -> str:
        """The name of the tenant, as shown."""
        ...

    @property
    def name(self) -> str:
        """Of the person, or the e-mail address."""
        ...

    @property
    def time_zone(self) -> str:
        """Of the organisation: in it all pages say their times."""
        ...

    @property
    def sites(self) -> tuple[int, ...] | None:
        """The sites they are limited to, each with all below it; None: not limited."""
        ...


class Authenticate(Protocol):
    """Tells who is signed in on a connection, by its cookie; None for nobody."""

    async def __call__(self, connection: Connection, /) -> Viewer | None: ...


def everybody(_viewer: Viewer, /) -> bool:
    """Whom an entry of the navigation is shown to, unless it says otherwise."""
    return True


class NavItem(Struct, frozen=True, kw_only=True):
    """One entry of the main navigation; `key` is what a page says to be the current one, `label` is marked. `live` is
    the live cell of a number that stands behind it while it is not 0."""

    key: str
    label: str
    href: str
    live: str = ""
    shown_to: Callable[[Viewer], bool] = everybody


class Shell:
    """Renders pages. `templates` maps a room to its folder; the shell's own are `ui`."""

    def __init__(
        self, *, assets: Assets, templates: Mapping[str, Path], navigation: Sequence[NavItem], clock: Clock
    ) -> None:
        folders = {"ui": TEMPLATES_DIR, **templates}
        self._environment = Environment(
            loader=PrefixLoader({room: FileSystemLoader(folder) for room, folder in folders.items()}),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            extensions=["jinja2.ext.i18n"],
        )
        # Which language they speak is bound to the request, not to the environment.
        environment: Any = self._environment
        environment.install_gettext_callables(i18n.gettext, i18n.ngettext, newstyle=True)
        self._languages = i18n.Languages([folder.parent for folder in folders.values()])
        self._environment.globals.update(
            asset=assets.address, navigation=tuple(navigation), browser_words=formats.browser_words,
            languages=tuple(self._languages),
        )  # fmt: skip
        self._environment.filters.update(
            kw=formats.kw,
            kwh=formats.kwh,
            money=formats.money,
            rated_kw=formats.rated_kw,
            amperes=formats.amperes,
            pct=formats.pct,
            count=formats.count,
            state_word=formats.state_word,
            stamp=formats.stamp,
            stamp_there=formats.stamp_there,
            moment=formats.moment,
            clock=formats.clock,
            date=formats.date_of,
            duration=formats.duration,
            token_word=formats.token_word,
            unanswered=formats.unanswered,
            seconds=formats.seconds,
            ago=lambda at: formats.ago(at, clock.now()),
        )

    def add_filters(self, filters: Mapping[str, Callable[..., Any]]) -> None:
        """Let templates say the things of a room by filters of its own; a name belongs to one room."""
        self._environment.filters.update(filters)

    def page(
        self,
        template: str,
        connection: Connection,
        *,
        viewer: Viewer | None = None,
        current: str = "",
        status: int = 200,
        **context: Any,
    ) -> Response[str]:
        """A whole page or a fragment as a response. Never stored by the browser: it holds one tenant's rows."""
        theme = connection.cookies.get(THEME_COOKIE, "")
        with self.speaking(connection, viewer) as language:
            content = self._environment.get_template(template).render(
                context, theme=theme if theme in THEMES else "", viewer=viewer, current=current, language=language
            )
        return Response(
            content, media_type=MediaType.HTML, status_code=status, headers={"cache-control": "private, no-store"}
        )

    @contextmanager
    def speaking(self, connection: Connection, viewer: Viewer | None = None) -> Iterator[str]:
        """What is said inside is said in the language of that connection, and in the time zone of the viewer's
        organisation; gives the code of the language."""
        chosen = connection.cookies.get(LANGUAGE_COOKIE)
        catalogue = self._languages.choose(chosen, connection.headers.get("accept-language", ""))
        zone = getattr(viewer or connection.scope.get("user"), "time_zone", "UTC")
        with i18n.speaking(catalogue), i18n.in_zone(zone):
            yield catalogue.language


def to_sign_in(connection: Connection) -> Redirect:
    """Sends somebody who is not signed in to the sign-in page, and back to where they wanted to be afterwards."""
    wanted = connection.url.path + (f"?{connection.url.query}" if connection.url.query else "")
    return Redirect(f"{SIGN_IN_PATH}?next={quote(wanted, safe='')}", status_code=303)
