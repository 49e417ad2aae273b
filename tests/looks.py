"""How a page is judged in a real browser: on a telephone in the light theme and at a desk in the dark one, by axe and
by its width.

Most of the work of a test is done by axe, so it looks no more often than it can find something new. A page is looked
at where it stands: it needn't be loaded anew for the other theme or width.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from playwright.async_api import Page, ViewportSize

AXE = Path(__file__).parents[1] / "web/node_modules/axe-core/axe.min.js"
DESK: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
Scheme = Literal["light", "dark"]
SCHEMES: Sequence[Scheme] = ("light", "dark")
#: Each width and each theme once, the last as a page is opened. What is there hangs on the width and what colour it has
#: on the theme: `tests/ui/test_styles.py` guards that no width has a colour of its own.
VIEWS: Sequence[tuple[ViewportSize, Scheme]] = ((PHONE, "light"), (DESK, "dark"))
LEVELS: Sequence[str] = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
#: The rules of these levels about colours: all that another theme at the same width can break, since sheets tell themes
#: apart by `light-dark()` alone.
COLOURS: Sequence[str] = ("color-contrast", "link-in-text-block")
#: Of rules or levels, each violation with its elements. What passes is not described, and style sheets are not loaded
#: anew for axe: no rule of these looks at them.
RULES = (
    "only => axe.run({ runOnly: only, resultTypes: ['violations'],"
    " preload: { assets: ['media'] } }).then((all) => "
    "all.violations.map((v) => [v.id, v.nodes.map((n) => n.html + ' ' + n.failureSummary)]))"
)
#: A colour on its way to another is neither theme's; and a layout is there after the second frame.
SETTLED = (
    "Promise.all(document.getAnimations().filter((one) => one instanceof CSSTransition)"
    ".map((one) => one.finished.catch(() => null)))"
    ".then(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))"
)


async def breaks_no_rule(page: Page, where: str = "", only: Sequence[str] = LEVELS) -> None:
    """Fails for what axe finds against WCAG A and AA, or those rules `only`, in the page as it is seen now."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE.read_text())
    found = await page.evaluate(RULES, only)
    assert found == [], f"{where or page.url}: {json.dumps(found, indent=1)}"


async def breaks_no_rule_in_any_view(page: Page) -> None:
    """`breaks_no_rule` in each of VIEWS, and nothing sticks out in any; ends at a desk, as it began."""
    for viewport, scheme in VIEWS:
        await page.set_viewport_size(viewport)
        await page.emulate_media(color_scheme=scheme)
        await page.evaluate(SETTLED)
        view = f"{page.url}, {scheme}, {viewport['width']} px wide"
        await breaks_no_rule(page, view)
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= viewport["width"], f"{view}: {width} px"
