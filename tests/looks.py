"""How a page is judged in a real browser: in both themes, at a desk and on a telephone, by axe and by its width.

One page is judged in all four views where it stands: what a page costs is its way there, not another look at it.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from playwright.async_api import Page, ViewportSize

AXE = Path(__file__).parents[1] / "web/node_modules/axe-core/axe.min.js"
DESK: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
SCHEMES: Sequence[Literal["light", "dark"]] = ("light", "dark")
#: WCAG A and AA; each violation with its elements. What passes is not described, and style sheets are not loaded anew
#: for axe: no rule of these looks at them.
RULES = (
    "axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'], resultTypes: ['violations'],"
    " preload: { assets: ['media'] } }).then((all) => "
    "all.violations.map((v) => [v.id, v.nodes.map((n) => n.html + ' ' + n.failureSummary)]))"
)
#: A colour on its way to another is neither theme's; and a layout is there after the second frame.
SETTLED = (
    "Promise.all(document.getAnimations().filter((one) => one instanceof CSSTransition)"
    ".map((one) => one.finished.catch(() => null)))"
    ".then(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))"
)


async def breaks_no_rule(page: Page, where: str = "") -> None:
    """Fails for what axe finds against WCAG A and AA in the page as it is seen now."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE.read_text())
    found = await page.evaluate(RULES)
    assert found == [], f"{where or page.url}: {json.dumps(found, indent=1)}"


async def breaks_no_rule_in_any_view(page: Page) -> None:
    """`breaks_no_rule` in both themes and widths, and nothing sticks out at either; ends at a desk, as it began."""
    for viewport in (PHONE, DESK):
        await page.set_viewport_size(viewport)
        for scheme in SCHEMES:
            await page.emulate_media(color_scheme=scheme)
            await page.evaluate(SETTLED)
            view = f"{page.url}, {scheme}, {viewport['width']} px wide"
            await breaks_no_rule(page, view)
            width = await page.evaluate("document.documentElement.scrollWidth")
            assert width <= viewport["width"], f"{view}: {width} px"
