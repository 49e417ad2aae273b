"""The page for drivers whom a link, a code or a form led astray: in their language and with the look of the operator
whose station, pages or payment the address still names."""

import re
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import psycopg
import structlog
from litestar import Response
from msgspec import Struct

from forecourt.driver import store
from forecourt.driver.account.door import token_of
from forecourt.driver.account.service import Members
from forecourt.driver.find_pages import host_of
from forecourt.driver.shell import DriverShell
from forecourt.driver.store import Brand
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.ui.i18n import mark

log = structlog.get_logger(__name__)

#: What the addresses of drivers begin with.
ROOMS: Final = frozenset({"charge", "charging", "find", "my", "scan", "wait", "waiting"})
#: Which of them name a station next.
_AT_A_STATION: Final = frozenset({"charge", "scan", "wait"})
_LANG: Final = re.compile("[a-z]{2}")
#: Characters of a part of an address by which a brand is looked for.
_MAX_PART: Final = 255


class Told(Struct, frozen=True):
    """What happened, and what to do; both marked."""

    title: str
    advice: str


LOST: Final = Told(
    mark("This link leads nowhere"),
    mark("A part of it is missing or was misread. Scan the code at the station again, or look for the station here."),
)
MISFILLED: Final = Told(
    mark("This can't be taken as it is"), mark("Something was not filled in as it should be. Look at it again.")
)
REFUSED: Final = Told(mark("This can't be done now"), mark("Go back, reload the page and try again."))
BY_STATUS: Final[Mapping[int, Told]] = {
    400: LOST,
    404: LOST,
    405: LOST,
    422: MISFILLED,
    429: Told(mark("Too many attempts"), mark("Too many attempts. Wait a little and try again.")),
}
FAILED: Final = Told(
    mark("Something went wrong on our side"), mark("Cars that charge go on charging. Try again in a minute.")
)


def is_drivers(path: str) -> bool:
    """Whether an address is one that drivers come to."""
    return path.lstrip("/").partition("/")[0] in ROOMS


class Strays:
    """Tells drivers what went wrong with a request. `tenants` is a pool of role forecourt_app."""

    def __init__(self, shell: DriverShell, tenants: Pool, members: Members) -> None:
        self._shell = shell
        self._tenants = tenants
        self._members = members

    async def page(self, request: Any, status: int, code: str, request_id: str) -> Response[str]:
        """What happened and what to do. Never raises for a brand that can't be found."""
        method, path = request.scope["method"], request.scope["path"]
        told = MISFILLED if status == 400 and method == "POST" else BY_STATUS.get(status)
        brand = None
        if status < 500:
            try:
                brand = await self._brand(request, path)
            except (ForecourtError, psycopg.Error, UnicodeError) as fault:
                log.warning("whose page it is could not be found out", fault=type(fault).__name__)
        lang = request.query_params.get("lang", "")
        return self._shell.page(
            "stray.html", request, lang=lang if _LANG.fullmatch(lang) else None, status=status, brand=brand,
            told=told or (FAILED if status >= 500 else REFUSED), code=code, request_id=request_id,
            own=path.startswith("/my/"),
        )  # fmt: skip

    async def _brand(self, request: Any, path: str) -> Brand | None:
        """Whose page it is: by who is signed in, the address or the host; else of the only pages there are."""
        room, part, *rest = [*path.strip("/").split("/"), ""][:3]
        if len(part) > _MAX_PART or "\x00" in part:
            part = ""
        token = token_of(request) if room == "my" else None
        driver = await self._members.entry.of_session(token) if token else None
        if driver is not None:
            return await self._members.brand_of(driver.tenant_id)
        slug = part if room == "find" else rest[0] if room == "my" and part == "sign-in" and rest else ""
        async with self._tenants.anyone() as conn:
            tenant_id = None
            if room in _AT_A_STATION and part:
                tenant_id = await store.tenant_of_station(conn, part)
            elif room == "charging" and (intent_id := _uuid(part)) is not None:
                tenant_id = await store.tenant_of_payment(conn, intent_id)
            elif slug:
                tenant_id = await store.tenant_of_brand(conn, slug, "")
            tenant_id = tenant_id or await store.tenant_of_brand(conn, "", host_of(request))
            if tenant_id is None and (only := await store.only_brand(conn)):
                tenant_id = await store.tenant_of_brand(conn, only, "")
        if tenant_id is None:
            return None
        async with self._tenants.tenant(tenant_id) as conn:
            return await store.find_brand(conn, tenant_id)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
