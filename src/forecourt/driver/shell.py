"""How a driver's page becomes a response: its language, its headers, its look. Light on purpose: from the price to the
receipt a page loads one style sheet, one script and its colour, and works without the script.
"""

from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Response
from litestar.datastructures import Cookie

from forecourt.driver import words
from forecourt.driver.asked import SHUT
from forecourt.driver.speech import COOKIE, ROOM, Connection, Speech
from forecourt.ui import formats, i18n
from forecourt.ui.assets import Assets
from forecourt.ui.security import CONTENT_SECURITY_POLICY

COOKIE_LIFE_S: Final = 90 * 86_400
#: What may be installed on a phone has a manifest.
_POLICY: Final = f"{CONTENT_SECURITY_POLICY}; manifest-src 'self'"
#: A payment's id is in the address: no page beyond ours is told of it, and nobody keeps these pages.
HEADERS: Final = {
    "cache-control": "private, no-store",
    "content-security-policy": _POLICY,
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex",
}


class DriverShell:
    """Renders the pages of drivers in their own languages."""

    def __init__(self, assets: Assets) -> None:
        self.speech = Speech()
        self._environment = Environment(
            loader=FileSystemLoader(ROOM / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            extensions=["jinja2.ext.i18n"],
        )
        environment: Any = self._environment
        environment.install_gettext_callables(i18n.gettext, i18n.ngettext, newstyle=True)
        self._environment.globals.update(
            asset=assets.address,
            names=self.speech.names,
            minor=words.minor,
            named_spot=words.named_spot,
            shut_words=SHUT,
        )
        self._environment.filters.update(
            kwh=formats.kwh, kw=formats.kw, duration=formats.duration, money=words.money, line=words.line_words,
            when=words.when_words, clock=words.hour, price=words.price, stamp=formats.stamp, moment=formats.moment,
            rated_kw=formats.rated_kw, rated_kwh=words.rated_kwh, device=words.device, card=words.card_name,
            car=words.car_words, named_type=words.type_words, day=words.day,
            offer=words.offer_words, told=words.told_words, tier=words.tier_words,
            earning=words.earning_words,
        )  # fmt: skip

    def page(
        self, template: str, connection: Connection, *, lang: str | None = None, status: int = 200,
        zone: str = "UTC", **context: Any,
    ) -> Response[str]:  # fmt: skip
        """A whole page, or a part of one. `zone`: whose clocks its times are read from, where nothing else says."""
        with self.speech.speaking(connection, lang) as language, i18n.in_zone(zone):
            content = self._environment.get_template(template).render(context, language=language, zone=zone)
        cookies = [] if lang is None else [_remembered(language)]
        return Response(content, media_type=MediaType.HTML, status_code=status, headers=HEADERS, cookies=cookies)


def _remembered(language: str) -> Cookie:
    return Cookie(key=COOKIE, value=language, max_age=COOKIE_LIFE_S, httponly=True, samesite="lax", path="/")


def theme_css(colour: str) -> str:
    """The colour of an organisation's pages, and what is readable on it."""
    return f":root{{--brand:#{colour};--on-brand:{_ink_on(colour)}}}"


def icon_svg(colour: str) -> str:
    """The pages' own icon: a bolt on their colour."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 512 512">'
        f'<path fill="#{colour}" d="M0 0h512v512H0z"/><path fill="{_ink_on(colour)}" d="M292 92 148 284h92l-20 136 144'
        '-192h-92z"/></svg>'
    )


def _ink_on(colour: str) -> str:
    """Black or white, whichever can be read better on a colour (WCAG 2.2, 1.4.3)."""
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (0, 2, 4))
    light = sum(
        weight * (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4)
        for weight, part in ((0.2126, red), (0.7152, green), (0.0722, blue))
    )
    black_on_it, white_on_it = (light + 0.05) / 0.05, 1.05 / (light + 0.05)
    return "#000" if black_on_it > white_on_it else "#fff"
