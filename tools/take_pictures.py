"""`make pictures`: run the demo, picture every page of the console in both themes and widths, write the page of them.

Which pages there are is read from the access table, which a test holds against the routes; where they are is found by
following the console's own links. A page that answers an error, breaks the Content-Security-Policy or complains in the
browser's console makes the run fail, after everything else was pictured.
"""

import asyncio
import base64
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import httpx
import msgspec
import typer
from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from rich.console import Console
from rich.progress import track

from tools.console_pages import CHAPTERS, NO_PAGES, PURPOSES
from tools.demo_api import State
from tools.furnish import furnish, saved

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "docs" / "reference" / "access.md"
PAGES = ROOT / "docs" / "reference" / "pages.md"
PICTURES = ROOT / "docs" / "pictures" / "pages"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
#: All pictures together; they are part of every clone.
MOST_BYTES = 9_500_000
THEMES: Sequence[Literal["light", "dark"]] = ("light", "dark")
WIDTHS = {"desk": (1280, 800), "phone": (390, 844)}
#: A longer page is cut there.
MOST_HEIGHT = 1_600
#: Of WebP, in percent: text stays sharp.
QUALITY = 42
START_WAIT_S = 120.0
PAGE_WAIT_MS = 30_000
#: Charts and maps draw themselves within this once nothing more is asked for.
DRAW_MS = 700
#: Pages asked for while looking for one address of each.
MOST_ASKED = 300
ROUTE = re.compile(r"^\| `GET (/[^`]*)` \| ([^|]+) \|", re.MULTILINE)
LINK = re.compile(r'(?:href|hx-get)="(/[^"#]*)')
REPORT_VIOLATIONS = (
    "addEventListener('securitypolicyviolation', (e) => console.error('CSP', e.violatedDirective, e.blockedURI))"
)
#: Asked for besides the routes: what is answered is an error, and shall look like a page.
ERRORS = {"/no-such-page": 404}
#: What is saved is known when cars have come and gone.
SAVINGS = "/energy/sites/{slug}/savings"
HEAD = """# Every page of the console

Made by `make pictures` from the demo: each page at a desk and on a telephone, in both themes. Who may open which is in
[who may ask what](access.md).
"""


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """A page to picture: by its route, at an address, as somebody who is signed in or not."""

    route: str
    address: str
    state: str
    status: int = 200


def main(
    only: Annotated[
        str, typer.Option(help="A regular expression: only pages whose route it fits; no page is written.")
    ] = "",
    keep: Annotated[Path | None, typer.Option(help="Where the pictures go instead of docs/pictures/pages.")] = None,
) -> None:
    """Picture every page of the console."""
    console = Console()
    try:
        faults = asyncio.run(_main(console, only, keep or PICTURES))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    for fault in faults:
        console.print(fault, style="red", markup=False, highlight=False)
    if faults:
        raise typer.Exit(1)


async def _main(console: Console, only: str, folder: Path) -> list[str]:
    faults: list[str] = []
    with tempfile.TemporaryDirectory(prefix="forecourt-pictures-") as data:
        console.print("Starting the demo", style="dim")
        async with demo(Path(data)) as base, async_playwright() as playwright:
            console.print("Furnishing it", style="dim")
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--headless"])
            states = await furnish(browser, base, Path(data))
            sights, missing = await find_pages(base, states)
            faults += missing
            # Pages about signing in want a proof that is a few minutes old, incidents come to an end by themselves, and
            # it takes a while until something is saved.
            chosen = sorted(
                (sight for sight in sights if re.search(only, sight.route)),
                key=lambda sight: (sight.route == SAVINGS, not sight.route.startswith(("/account", "/incidents"))),
            )
            if not only:
                shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True, exist_ok=True)
            titles = {}
            async with views(browser, base, states) as opened:
                for sight in track(chosen, "Taking pictures", console=console, transient=True):
                    if sight.route == SAVINGS:
                        await saved(base, Path(data))
                    for view, contexts in opened.items():
                        path = folder / f"{slug(sight.route)}-{view}.webp"
                        told = await picture(contexts[sight.state], base, sight, path)
                        titles[sight.route] = told.title
                        faults += [f"{sight.address} ({view}): {fault}" for fault in told.faults]
            await browser.close()
    if not only:
        PAGES.write_text(page_of_pages(sights, titles, folder), encoding="utf-8")
        faults += [
            f"{sight.route} has no sentence in tools/console_pages.py"
            for sight in sights
            if sight.route not in PURPOSES
        ]
    size = sum(path.stat().st_size for path in folder.glob("*.webp"))
    console.print(f"{len(chosen)} pages, {size / 1e6:.1f} MB in {folder}", style="dim")
    if size > MOST_BYTES:
        faults.append(f"The pictures are larger than {MOST_BYTES / 1e6:g} MB together.")
    return faults


# -- the demo


@asynccontextmanager
async def demo(folder: Path) -> AsyncIterator[str]:
    """`forecourt up --demo` on free ports; its address. Leaving it ends every process."""
    web, ocpp = _free_port(), _free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FORECOURT_")}
    # By name, as passkeys want it.
    base = f"http://localhost:{web}"
    own = {"DATA_DIR": folder, "HOST": "127.0.0.1", "WEB_PORT": web, "OCPP_PORT": ocpp, "WEBHOOKS_PRIVATE": "true"}
    own["OIDC_PRIVATE"] = "true"
    env = kept | {f"FORECOURT_{name}": str(value) for name, value in own.items()} | {"FORECOURT_PUBLIC_URL": base}
    output = folder / "up.output"
    with output.open("wb") as out:
        command = [sys.executable, "-m", "forecourt.cli", "up", "--demo"]
        process = subprocess.Popen(command, env=env, stdout=out, stderr=out, start_new_session=True)
    try:
        async with asyncio.timeout(START_WAIT_S):
            while not await _ready(base):
                if process.poll() is not None:
                    raise RuntimeError(f"The demo ended while starting:\n{output.read_text()}")
                await asyncio.sleep(0.2)
        yield base
    finally:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(process.wait, 60)
        process.kill()


async def _ready(base: str) -> bool:
    try:
        async with httpx.AsyncClient(timeout=5) as client:
            return (await client.get(f"{base}/readyz")).status_code == 200
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# -- which pages there are


async def find_pages(base: str, states: dict[str, State]) -> tuple[list[Sight], list[str]]:
    """One address of every route that answers with a page, and the routes of which none was found."""
    routes = {path: needs.strip() != "nothing" for path, needs in ROUTE.findall(TABLE.read_text(encoding="utf-8"))}
    routes = {path: closed for path, closed in routes.items() if not path.startswith("/api/") and path not in NO_PAGES}
    found: dict[str, Sight] = {}
    fragments: set[str] = set()
    for state, stored in states.items():
        own = [path for path, closed in routes.items() if closed is (state == "owner")]
        ours = own if stored.routes is None else stored.routes
        patterns = {path: _pattern(path) for path in ours if path not in found}
        async with httpx.AsyncClient(base_url=base, cookies=stored.cookies, timeout=30) as client:
            await _follow(client, stored, patterns, found, fragments, state)
    missing = [path for path in routes if path not in found and path not in fragments]
    errors = [Sight(route=path, address=path, state="owner", status=status) for path, status in ERRORS.items()]
    order = list(PURPOSES)
    sights = sorted(
        [*found.values(), *errors],
        key=lambda sight: (order.index(sight.route) if sight.route in order else len(order), sight.route),
    )
    return sights, [f"{path}: no link leads there, so it has no picture" for path in missing]


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/?]+", re.escape(path)) + r"(?:\?.*)?")


async def _follow(
    client: httpx.AsyncClient,
    stored: State,
    patterns: dict[str, re.Pattern[str]],
    found: dict[str, Sight],
    fragments: set[str],
    state: str,
) -> None:
    """Breadth first along the links, each route once; then what no link leads to is asked for by names found so far."""
    plain = [path for path in patterns if "{" not in path]
    waiting = deque([stored.start, *stored.more, *plain])
    seen: set[str] = set()
    names: dict[str, str] = {}
    while len(seen) < MOST_ASKED:
        if not waiting:
            waiting.extend(_filled(patterns, names, seen, found, fragments))
            if not waiting:
                return
        address = waiting.popleft()
        # The most exact route: one without a name in it before one with.
        fitting = sorted((path.count("{"), path) for path, pattern in patterns.items() if pattern.fullmatch(address))
        route = fitting[0][1] if fitting else None
        if address in seen or route is None or route in found or route in fragments:
            continue
        seen.add(address)
        answer = await client.get(address)
        if answer.status_code == 404:
            continue
        if answer.status_code in (302, 303):
            if "{" not in route:
                fragments.add(route)
            waiting.append(answer.headers["location"].removeprefix(str(client.base_url).rstrip("/")))
            continue
        names |= _names(route, address)
        if not answer.text.lstrip().lower().startswith("<!doctype html"):
            fragments.add(route)
        else:
            found[route] = Sight(route=route, address=address, state=state)
        waiting.extend(link.replace("&amp;", "&") for link in LINK.findall(answer.text))


def _names(route: str, address: str) -> dict[str, str]:
    """The named parts of an address."""
    parts = zip(route.split("/"), address.partition("?")[0].split("/"), strict=True)
    return {name[1:-1]: value for name, value in parts if name.startswith("{")}


def _filled(
    patterns: dict[str, re.Pattern[str]],
    names: dict[str, str],
    seen: set[str],
    found: dict[str, Sight],
    fragments: set[str],
) -> Iterator[str]:
    alike = {"station": names.get("identity"), "site": names.get("slug")}
    known = {**names, **{name: value for name, value in alike.items() if value}}
    for path in patterns:
        if path in found or path in fragments or not set(re.findall(r"\{(\w+)\}", path)) <= known.keys():
            continue
        address = re.sub(r"\{(\w+)\}", lambda name: known[name[1]], path)
        if address not in seen:
            yield address


# -- pictures


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a page said of itself, and what was wrong with it."""

    title: str
    faults: list[str]


@asynccontextmanager
async def views(
    browser: Browser, base: str, states: dict[str, State]
) -> AsyncIterator[dict[str, dict[str, BrowserContext]]]:
    """A browser in each theme and width, for each that may be signed in: `light-desk` and so on."""
    opened: dict[str, dict[str, BrowserContext]] = {}
    for theme in THEMES:
        for width, (across, down) in WIDTHS.items():
            opened[f"{theme}-{width}"] = {
                state: await browser.new_context(
                    base_url=base, viewport={"width": across, "height": down}, color_scheme=theme, locale="en-GB",
                    timezone_id="Europe/Amsterdam", reduced_motion="reduce", storage_state=stored.storage,
                )
                for state, stored in states.items()
            }  # fmt: skip
    yield opened
    for contexts in opened.values():
        for context in contexts.values():
            await context.close()


async def picture(context: BrowserContext, base: str, sight: Sight, path: Path) -> Told:
    """Take one picture."""
    page = await context.new_page()
    page.set_default_timeout(PAGE_WAIT_MS)
    faults: list[str] = []
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    page.on("response", _hears(base, faults, sight))
    await page.add_init_script(REPORT_VIOLATIONS)
    answer = await page.goto(sight.address)
    if answer is None or answer.status != sight.status:
        faults.append(f"answers {None if answer is None else answer.status}")
    await _rest(page)
    across = page.viewport_size["width"] if page.viewport_size else 0
    high, wide = await page.evaluate("[document.documentElement.scrollHeight, document.documentElement.scrollWidth]")
    if wide > across:
        faults.append(f"is {wide} px wide in a window of {across}")
    if urlsplit(page.url).path != sight.address.partition("?")[0]:
        faults.append(f"leads to {page.url}")
    device = await context.new_cdp_session(page)
    if sight.route.startswith("/my"):
        # The way between these pages is at the foot of the window, which is drawn where the picture ends.
        await page.set_viewport_size({"width": across, "height": max(across, min(high, MOST_HEIGHT))})
    clip = {"x": 0, "y": 0, "width": across, "height": min(high, MOST_HEIGHT), "scale": 1}
    shot = {"format": "webp", "quality": QUALITY, "captureBeyondViewport": True, "clip": clip}
    path.write_bytes(base64.b64decode((await device.send("Page.captureScreenshot", shot))["data"]))
    # Without how many incidents are open.
    title = re.sub(r"^\(\d+\) ", "", (await page.title()).split(" · ")[0])
    await page.close()
    # A browser says of every error page that it is one.
    expected = f"status of {sight.status}"
    return Told(title=title, faults=[fault for fault in faults if sight.status == 200 or expected not in fault])


def _hears(base: str, faults: list[str], sight: Sight) -> Callable[[Any], None]:
    def heard(answer: Any) -> None:
        if answer.status >= 400 and not (answer.request.is_navigation_request() and answer.status == sight.status):
            faults.append(f"{answer.url.removeprefix(base)} answers {answer.status}")

    return heard


async def _rest(page: Page) -> None:
    """Until everything is there and drawn; a live page goes on asking, which is enough."""
    with contextlib.suppress(Exception):
        await page.wait_for_load_state("networkidle", timeout=5_000)
    await page.wait_for_timeout(DRAW_MS)


# -- the page of them


def slug(route: str) -> str:
    """A file's name for a route."""
    return re.sub(r"\W+", "-", re.sub(r"[{}]", "", route)).strip("-") or "overview"


def page_of_pages(sights: Sequence[Sight], titles: dict[str, str], folder: Path) -> str:
    """The text of docs/reference/pages.md."""
    routes = [sight.route for sight in sights]
    other = {route: "" for route in routes if route not in PURPOSES}
    lines = [HEAD]
    for chapter, pages in {**CHAPTERS, "Others": other}.items():
        there = [route for route in pages if route in routes]
        if not there:
            continue
        lines.append(f"## {chapter}\n")
        for route in there:
            lines += [f"### {titles[route]}: `{route}`\n", f"{pages[route]}\n", *_rows(route, folder)]
    return "\n".join(lines).rstrip() + "\n"


def _rows(route: str, folder: Path) -> list[str]:
    where = os.path.relpath(folder, PAGES.parent)

    def cell(theme: str, width: str, shown: int) -> str:
        return f'<img src="{where}/{slug(route)}-{theme}-{width}.webp" width="{shown}" alt="{theme}, {width}">'

    return [
        "| light | dark | phone | |",
        "|---|---|---|---|",
        f"| {cell('light', 'desk', 400)} | {cell('dark', 'desk', 400)}"
        f" | {cell('light', 'phone', 130)} | {cell('dark', 'phone', 130)} |",
        "",
    ]


if __name__ == "__main__":
    typer.run(main)
