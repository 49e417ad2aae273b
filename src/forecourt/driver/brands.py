"""How an organisation's driver pages look and where they are reached: read, and changed as a whole."""

from typing import Annotated, Any, Final

from msgspec import Meta, Struct, structs

from forecourt.access import Actor, audit
from forecourt.driver import store
from forecourt.driver.store import Brand, Connection
from forecourt.drivers.accounts.model import EMAIL_PATTERN, MAX_EMAIL
from forecourt.platform.errors import ForecourtError
from forecourt.platform.preconditions import ChangedMeanwhile, check_match, etag
from forecourt.platform.text import NAME_LINE

#: What each part of an address or a look may be.
SLUG_PATTERN: Final = "^[a-z0-9](-?[a-z0-9]){0,39}$"
COLOUR_PATTERN: Final = "^#[0-9a-f]{6}$"
DOMAIN_PATTERN: Final = r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$"
PHONE_PATTERN: Final = "^[+0-9][+0-9 ()/-]{2,39}$"
IMPRINT_PATTERN: Final = r"^https://[^\s\x00-\x1f\x7f]+$"
MAX_NAME: Final = 80
MAX_DOMAIN: Final = 253
MAX_IMPRINT: Final = 500


class PagesTaken(ForecourtError):
    """Another organisation's driver pages have this name or domain, so nothing was stored. Choose another one."""

    status = 409
    code = "driver-pages-taken"


class DriverPagesWanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the pages shall look, whole."""

    slug: Annotated[
        str, Meta(pattern=SLUG_PATTERN, description="Their name in addresses: /find/SLUG.", examples=["volt"])
    ]
    name: Annotated[
        str,
        Meta(min_length=1, max_length=MAX_NAME, pattern=NAME_LINE, description="Above each page.", examples=["Volt"]),
    ]
    colour: Annotated[str, Meta(pattern=COLOUR_PATTERN, description="Of what is pressed.", examples=["#0a7a4b"])] = (
        "#0a7a4b"
    )
    domain: Annotated[
        Annotated[str, Meta(max_length=MAX_DOMAIN, pattern=DOMAIN_PATTERN)] | None,
        Meta(
            description="A host name of yours that leads here by https; codes name it.", examples=["charge.example.com"]
        ),
    ] = None
    help_phone: Annotated[
        Annotated[str, Meta(pattern=PHONE_PATTERN)] | None,
        Meta(description="Answered day and night.", examples=["+49 30 1234567"]),
    ] = None
    help_email: Annotated[
        Annotated[str, Meta(max_length=MAX_EMAIL, pattern=EMAIL_PATTERN)] | None,
        Meta(examples=["help@example.com"]),
    ] = None
    imprint_url: Annotated[
        Annotated[str, Meta(max_length=MAX_IMPRINT, pattern=IMPRINT_PATTERN)] | None,
        Meta(description="Who runs this, as the law has it.", examples=["https://example.com/imprint"]),
    ] = None
    listed: Annotated[bool, Meta(description="Anybody may find its places at /find.")] = True


def pages_tag(brand: Brand) -> str:
    """The ETag of the pages' look."""
    return etag(structs.asdict(brand))


def home_of(brand: Brand, address: str) -> str:
    """Where an organisation's drivers are led: its own domain, else the deployment's address."""
    return address.rstrip("/") if brand.domain is None else f"https://{brand.domain}"


async def change_pages(conn: Connection, actor: Actor, wanted: DriverPagesWanted, if_match: str | None = None) -> Brand:
    """Stores how the pages look. Raises ChangedMeanwhile, PagesTaken."""
    before = await store.find_brand(conn, actor.tenant_id)
    check_match(if_match, pages_tag(before))
    after = Brand(**structs.asdict(wanted), version=before.version + 1)
    if before.version and structs.replace(after, version=before.version) == before:
        return before
    if await store.brand_taken(conn, actor.tenant_id, after.slug, after.domain):
        raise PagesTaken
    if not await store.put_brand(conn, actor.tenant_id, after):
        raise ChangedMeanwhile
    old, new = _said(before), _said(after)
    changed = [name for name in new if not before.version or old[name] != new[name]]
    await audit(
        conn,
        actor,
        "change driver pages",
        f"organisation:{actor.tenant_id}",
        before={name: old[name] for name in changed} if before.version else None,
        after={name: new[name] for name in changed},
    )
    return after


def _said(brand: Brand) -> dict[str, Any]:
    return {name: value for name, value in structs.asdict(brand).items() if name != "version"}
