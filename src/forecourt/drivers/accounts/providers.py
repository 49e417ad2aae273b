"""Signing in as a driver by the organisation's own provider, and how that is set up.

Whoever comes for the first time is known by an e-mail address that the provider says is verified, and by nothing else;
from then on by the provider's own name for them. What a provider says counts in its organisation only.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from forecourt.access import Actor, audit
from forecourt.access.model import Origin
from forecourt.access.signin.attempts import Attempts
from forecourt.access.signin.federation import Claimed, ClientSecrets, Federation, claimed
from forecourt.access.signin.model import (
    ProviderAway,
    ProviderInvalid,
    ProviderRefused,
    ProviderUnknown,
    StepGone,
    mail_domain,
)
from forecourt.access.signin.oidc import Client
from forecourt.access.signin.steps import Steps
from forecourt.drivers.accounts import store
from forecourt.drivers.accounts.entry import Connection, Entry, account_of
from forecourt.drivers.accounts.model import AccountBlocked, AccountState, Driver
from forecourt.drivers.accounts.store import providers as rows
from forecourt.drivers.accounts.store.providers import DriverProvider
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.platform.preconditions import ChangedMeanwhile, check_match, etag
from forecourt.platform.text import NAME_LINE

PURPOSE: Final = "driver provider"
#: Steps of apps are of their own, so that none is finished on the pages.
APP_CODE: Final = "driver app"
APP_TOKEN: Final = "driver token"
MAX_TITLE: Final = 80
MAX_ISSUER: Final = 500
MAX_CLIENT_ID: Final = 300
MAX_SECRET: Final = 500
MAX_DOMAINS: Final = 20
#: Redirect URIs, and client ids, of apps.
MAX_APPS: Final = 10
MAX_REDIRECT: Final = 300
#: A claimed address, or a scheme of the app's own as RFC 8252 §7.1 has it: a name of its maker, backwards.
APP_REDIRECT_PATTERN: Final = r"^(https://[^\s#]+|[a-z][a-z0-9-]*(\.[a-z0-9-]+)+:/[^\s#]*)$"
#: Characters of what a provider calls somebody, its own address behind it.
MAX_SUBJECT: Final = 500
AWAY: Final = "The provider doesn't answer as it should. Correct the issuer, or try again later."
DOMAIN_PATTERN: Final = r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$"


class DriverProviderWanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A provider by which drivers sign in, whole."""

    title: Annotated[
        str,
        Meta(
            min_length=1, max_length=MAX_TITLE, pattern=NAME_LINE, description="What drivers know it by.",
            examples=["Volt ID"],
        ),
    ]  # fmt: skip
    issuer: Annotated[
        str,
        Meta(
            min_length=1, max_length=MAX_ISSUER, pattern=NAME_LINE, examples=["https://login.example.com"],
            description="Its address, exactly as its discovery document says.",
        ),
    ]  # fmt: skip
    client_id: Annotated[str, Meta(min_length=1, max_length=MAX_CLIENT_ID, pattern=NAME_LINE, examples=["forecourt"])]
    client_secret: Annotated[
        Annotated[str, Meta(min_length=1, max_length=MAX_SECRET, pattern=NAME_LINE)] | None,
        Meta(description="Never shown; null keeps the one that is kept.", examples=["from your provider"]),
    ] = None
    domains: Annotated[
        list[Annotated[str, Meta(max_length=253, pattern=DOMAIN_PATTERN)]],
        Meta(
            max_length=MAX_DOMAINS, description="Mail domains of whom it may sign in; none: all.",
            examples=[["example.com"]],
        ),
    ] = []  # fmt: skip
    app_redirects: Annotated[
        list[Annotated[str, Meta(max_length=MAX_REDIRECT, pattern=APP_REDIRECT_PATTERN)]],
        Meta(
            max_length=MAX_APPS, examples=[["https://app.example.com/signed-in"]],
            description="Redirect URIs that apps of yours may name, exactly as they are registered at the provider.",
        ),
    ] = []  # fmt: skip
    app_clients: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=MAX_CLIENT_ID, pattern=NAME_LINE)]],
        Meta(
            max_length=MAX_APPS, examples=[["volt-app"]],
            description="Client ids of apps of yours at the provider whose ID tokens are believed.",
        ),
    ] = []  # fmt: skip


class AppWay(Struct, frozen=True, kw_only=True):
    """The way of an app to the provider. `url`: where it sends its driver, None where it goes there by itself;
    `step`: what it finishes with; `nonce`: what its ID token must hold, for an app that asks for one by itself."""

    step: str
    issuer: str
    url: str | None = None
    nonce: str | None = None


class AppNotListed(ForecourtError):
    """No app of this organisation signs in like that. List its redirect URI or client id with the provider first."""

    status = 403
    code = "app-not-listed"


class AddressUnverified(ForecourtError):
    """The provider doesn't say that this e-mail address is yours. Confirm it there, or sign in by a letter."""

    status = 403
    code = "address-unverified"


class AddressNotLetIn(ForecourtError):
    """This e-mail address is of no mail domain that may sign in this way. Sign in by a letter."""

    status = 403
    code = "address-not-let-in"


class AccountOfAnother(ForecourtError):
    """The account of this e-mail address belongs to somebody else at the provider. Ask the organisation."""

    status = 409
    code = "account-of-another"


class DriverProviders:
    """The verbs, for the life of a process. `tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool, secret: bytes, clock: Clock, entry: Entry, *, private: bool) -> None:
        self._tenants = tenants
        self._clock = clock
        self._entry = entry
        self._attempts = Attempts(tenants, secret, clock)
        self._federation = Federation(Steps(tenants, secret, clock), clock, private=private)
        self._secrets = ClientSecrets(secret, "driver oidc")

    async def title(self, tenant_id: int) -> str | None:
        """What drivers know the provider by; None where there is none."""
        async with self._tenants.tenant(tenant_id) as conn:
            row = await rows.find_provider(conn, tenant_id)
        return None if row is None else row.title

    async def depart(
        self, tenant_id: int, redirect_uri: str, *, wanted: str, language: str, origin: Origin
    ) -> tuple[str, str]:
        """Where to send a browser, and the token of the step for it to keep.

        Raises ProviderUnknown, ProviderAway, TooManyAttempts.
        """
        await self._attempts.begin("step", origin.address)
        row = await self._find(tenant_id)
        return await self._federation.depart(
            PURPOSE, self._client(row, redirect_uri), tenant=str(tenant_id), back=redirect_uri, next=wanted,
            language=language,
        )  # fmt: skip

    async def arrive(
        self, tenant_id: int, token: str, state: str, code: str, origin: Origin
    ) -> tuple[str, Driver, str]:
        """Signs in whom the provider means: the token of the session, whose it is, and where they wanted to go.

        Raises StepGone, ProviderUnknown, ProviderRefused, ProviderAway, AddressUnverified, AddressNotLetIn,
        AccountOfAnother, AccountBlocked.
        """
        held = await self._federation.back(PURPOSE, token, state, code)
        if held["tenant"] != str(tenant_id):
            raise StepGone
        row = await self._find(tenant_id)
        person = claimed(await self._federation.claims(self._client(row, held["back"]), code, held))
        return *await self._begin(tenant_id, row, person, held["language"], origin), held["next"]

    # -- apps

    async def app_departs(self, tenant_id: int, redirect_uri: str, *, language: str, origin: Origin) -> AppWay:
        """The way of an app that leaves the exchange to us. Raises ProviderUnknown, ProviderAway, AppNotListed,
        TooManyAttempts."""
        await self._attempts.begin("step", origin.address)
        row = await self._find(tenant_id)
        if redirect_uri not in row.app_redirects:
            raise AppNotListed
        url, step = await self._federation.depart(
            APP_CODE, self._client(row, redirect_uri), tenant=str(tenant_id), back=redirect_uri, language=language
        )
        return AppWay(step=step, issuer=row.issuer, url=url)

    async def app_arrives(self, step: str, state: str, code: str, origin: Origin) -> tuple[str, Driver]:
        """Signs in by the code that the provider gave an app. Raises as `arrive` does."""
        held = await self._federation.back(APP_CODE, step, state, code)
        tenant_id = int(held["tenant"])
        row = await self._find(tenant_id)
        if held["back"] not in row.app_redirects:
            raise AppNotListed
        person = claimed(await self._federation.claims(self._client(row, held["back"]), code, held))
        return await self._begin(tenant_id, row, person, held["language"], origin)

    async def app_expects(self, tenant_id: int, *, language: str, origin: Origin) -> AppWay:
        """The nonce for an app that is a client of the provider itself. Raises ProviderUnknown, AppNotListed,
        TooManyAttempts."""
        await self._attempts.begin("step", origin.address)
        row = await self._find(tenant_id)
        if not row.app_clients:
            raise AppNotListed
        nonce, step = await self._federation.expect(APP_TOKEN, tenant=str(tenant_id), language=language)
        return AppWay(step=step, issuer=row.issuer, nonce=nonce)

    async def app_shows(self, step: str, id_token: str, origin: Origin) -> tuple[str, Driver]:
        """Signs in by an ID token that an app has, once and by the nonce that it was given. Raises as `arrive` does."""
        held = await self._federation.expected(APP_TOKEN, step)
        tenant_id = int(held["tenant"])
        row = await self._find(tenant_id)
        claims = await self._federation.believe(row.issuer, row.app_clients, id_token, held["nonce"])
        return await self._begin(tenant_id, row, claimed(claims), held["language"], origin)

    async def _begin(
        self, tenant_id: int, row: DriverProvider, person: Claimed, language: str, origin: Origin
    ) -> tuple[str, Driver]:
        """The token of a session, and whose it is."""
        async with self._tenants.tenant(tenant_id) as conn:
            driver = await self._driver(conn, tenant_id, row, person, language, origin)
            if driver.state is AccountState.ACTIVE:
                return await self._entry.begin(conn, driver, "provider", origin), driver
        raise AccountBlocked

    async def _driver(
        self, conn: Connection, tenant_id: int, row: DriverProvider, person: Claimed, language: str, origin: Origin
    ) -> Driver:
        """The account that the provider means; at first it is that of a verified address, made where there is none."""
        subject = f"{person.subject} {person.issuer}"
        if len(subject) > MAX_SUBJECT:
            raise ProviderRefused
        known = await rows.find_subject(conn, tenant_id, subject)
        if known is not None:
            found = await store.find_driver(conn, tenant_id, known)
            assert found is not None, "it was just found"
            return found
        if not person.verified:
            raise AddressUnverified
        if row.domains and mail_domain(person.email) not in row.domains:
            raise AddressNotLetIn
        now = self._clock.now()
        driver = await account_of(conn, tenant_id, person.email, language, now, origin)
        before = await rows.subject_of(conn, tenant_id, driver.driver_id)
        if before is not None and before != subject:
            raise AccountOfAnother
        if driver.state is AccountState.ACTIVE and before is None:
            changes: dict[str, Any] = {"subject": subject}
            linked = await store.update_driver(conn, tenant_id, driver.driver_id, changes, now)
            assert linked is not None, "it was just found"
            await audit(conn, linked.acting(origin), "link driver account", linked.payer, {"by": "provider"})
            return linked
        return driver

    # -- the operator's

    async def show(self, actor: Actor) -> DriverProvider | None:
        """The organisation's provider."""
        async with self._tenants.tenant(actor.tenant_id) as conn:
            return await rows.find_provider(conn, actor.tenant_id)

    async def set_up(self, actor: Actor, wanted: DriverProviderWanted, if_match: str | None = None) -> DriverProvider:
        """Gives the organisation this provider, after asking it who it is. Another issuer ends what the one before
        began. Raises ProviderInvalid, ChangedMeanwhile."""
        if not self._federation.is_issuer(wanted.issuer):
            raise ProviderInvalid("The issuer is the address of the provider, such as https://login.example.com.")
        try:
            await self._federation.meet(wanted.issuer)
        except (ProviderAway, ProviderRefused) as fault:
            raise ProviderInvalid(AWAY) from fault
        async with self._tenants.tenant(actor.tenant_id) as conn:
            before = await rows.find_provider(conn, actor.tenant_id, lock=True)
            check_match(if_match, provider_tag(before))
            if wanted.client_secret is not None:
                sealed = self._secrets.close(actor.tenant_id, wanted.client_secret)
            elif before is not None:
                sealed = before.client_secret
            else:
                raise ProviderInvalid("The client secret is missing. Copy it from the provider.")
            row = DriverProvider(
                title=wanted.title, issuer=wanted.issuer, client_id=wanted.client_id, client_secret=sealed,
                domains=sorted(set(wanted.domains)), app_redirects=wanted.app_redirects,
                app_clients=wanted.app_clients, version=1 if before is None else before.version + 1,
                changed_at=self._clock.now(),
            )  # fmt: skip
            if not await rows.put_provider(conn, actor.tenant_id, row):
                raise ChangedMeanwhile
            ended = 0
            if before is not None and before.issuer != row.issuer:
                ended = await rows.end_provided(conn, actor.tenant_id)
            await audit(
                conn, actor, "set up driver provider", f"organisation:{actor.tenant_id}", {"sessions_ended": ended},
                before=_told(before), after=_told(row),
            )  # fmt: skip
        return row

    async def remove(self, actor: Actor) -> None:
        """Takes the provider away and ends the sessions that it began; twice is once."""
        async with self._tenants.tenant(actor.tenant_id) as conn:
            before = await rows.find_provider(conn, actor.tenant_id, lock=True)
            if before is None:
                return
            await rows.delete_provider(conn, actor.tenant_id)
            ended = await rows.end_provided(conn, actor.tenant_id)
            await audit(
                conn, actor, "remove driver provider", f"organisation:{actor.tenant_id}", {"sessions_ended": ended},
                before=_told(before),
            )  # fmt: skip

    async def _find(self, tenant_id: int) -> DriverProvider:
        async with self._tenants.tenant(tenant_id) as conn:
            row = await rows.find_provider(conn, tenant_id)
        if row is None:
            raise ProviderUnknown
        return row

    def _client(self, row: DriverProvider, redirect_uri: str) -> Client:
        secret = self._secrets.open(row.client_secret)
        return Client(issuer=row.issuer, client_id=row.client_id, secret=secret, redirect_uri=redirect_uri)


def provider_tag(row: DriverProvider | None) -> str:
    """The ETag of a provider; that of none stands for none."""
    return etag(0 if row is None else row.version)


def _told(row: DriverProvider | None) -> dict[str, Any] | None:
    """A provider as the audit keeps it: without its secret."""
    if row is None:
        return None
    domains: Sequence[str] = row.domains
    return {
        "title": row.title,
        "issuer": row.issuer,
        "client_id": row.client_id,
        "domains": list(domains),
        "app_redirects": row.app_redirects,
        "app_clients": row.app_clients,
    }
