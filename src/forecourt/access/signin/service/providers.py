"""Signing in by an organisation's own provider: who it makes of people there, and how it is set up.

What a provider says counts in its organisation only. Its owner chose it and could let it say anything; so it joins
people to that organisation and to no other, and a session that it began stays there (`person_sessions.provider_of`).
"""

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from forecourt.access import store as people
from forecourt.access.auditing import audit
from forecourt.access.model import Actor, Origin, Role
from forecourt.access.service import Access, SignedIn, unsigned
from forecourt.access.signin import store
from forecourt.access.signin.federation import Claimed, ClientSecrets, Federation, claimed
from forecourt.access.signin.model import (
    MAX_GRANTS,
    MAX_GROUPS,
    Grant,
    ProviderInvalid,
    ProviderRefused,
    ProviderUnknown,
    StepGone,
    granted,
    mail_domain,
)
from forecourt.access.signin.oidc import Client
from forecourt.access.signin.store import ProviderFound, ProviderRow
from forecourt.access.store import Connection
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool

MAX_SLUG: Final = 60
MAX_DOMAINS: Final = 20
MAX_SITES: Final = 500
MAX_CLAIM: Final = 200
_SLUG: Final = re.compile(r"[a-z0-9](-?[a-z0-9])*")
_DOMAIN: Final = re.compile(r"(?=.{3,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
#: Mail domains that anybody gets an address of: no organisation signs all of these people in.
_EVERYBODYS: Final = frozenset(
    (
        *("gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "yahoo.com", "icloud.com", "me.com"),
        *("proton.me", "protonmail.com", "gmx.de", "gmx.net", "web.de", "t-online.de", "freenet.de", "aol.com"),
        *("mail.com", "posteo.de", "mailbox.org"),
    )
)


class Setup(Struct, frozen=True, kw_only=True):
    """A provider as its owner sets it up. An empty secret keeps the one that is kept."""

    slug: str
    issuer: str
    client_id: str
    client_secret: str
    group_claim: str
    domains: tuple[str, ...]
    grants: tuple[Grant, ...]


class _Identity(Struct, frozen=True, kw_only=True):
    """What an ID token says of a person, and their groups."""

    person: Claimed
    groups: tuple[str, ...]


class Providers:
    """The verbs of providers."""

    def __init__(
        self, access: Access, db: Pool, secret: bytes, clock: Clock, console_url: str, *, private: bool
    ) -> None:
        self._access = access
        self._db = db
        self._clock = clock
        self._console_url = console_url
        self._federation = Federation(access.steps, clock, private=private)
        self._secrets = ClientSecrets(secret, "oidc secret")

    def redirect_uri(self, slug: str) -> str:
        """Where a provider sends people back to: one for each, so that no provider is handed another's codes (RFC 9700
        §4.4.2)."""
        return f"{self._console_url}/sign-in/organisation/{slug}/callback"

    async def find(self, text: str) -> list[ProviderFound]:
        """The providers of a name or of the mail domain of an address. Raises ProviderUnknown."""
        text = text.strip().lower()[:254]
        async with self._db.anyone() as conn:
            found = await store.find_providers(conn, text, mail_domain(text) or "-")
        if not found:
            raise ProviderUnknown
        return found

    async def depart(self, slug: str, wanted: str, origin: Origin) -> tuple[str, str]:
        """Where to send a browser, and the token of the step for it to keep.

        Raises ProviderUnknown, ProviderAway, TooManyAttempts.
        """
        await self._access.attempts.begin("step", origin.address)
        found = await self._of_slug(slug)
        client = await self._client(found.tenant_id)
        return await self._federation.depart("provider", client, tenant=str(found.tenant_id), slug=slug, next=wanted)

    async def arrive(self, slug: str, token: str, state: str, code: str, origin: Origin) -> tuple[SignedIn, str]:
        """Begins a browser session by what a provider says of who comes back; and where they wanted to go.

        Raises StepGone, ProviderRefused, ProviderAway, NoOrganisation.
        """
        held = await self._federation.back("provider", token, state, code)
        if held["slug"] != slug:
            raise StepGone
        tenant_id = int(held["tenant"])
        async with self._db.tenant(tenant_id) as conn:
            row = await store.find_provider(conn, tenant_id)
        if row is None:
            raise ProviderRefused
        claims = await self._federation.claims(self._client_of(row), code, held)
        identity = _identity(claims, row.group_claim)
        person_id, name = await self._join(tenant_id, row, identity, origin)
        signed_in = await self._access.begin_session(person_id, name, origin, how="provider", provider_of=tenant_id)
        return signed_in, held["next"]

    async def show(self, actor: Actor) -> Setup | None:
        """The organisation's provider, without its secret."""
        async with self._db.tenant(actor.tenant_id) as conn:
            row = await store.find_provider(conn, actor.tenant_id)
        if row is None:
            return None
        return Setup(
            slug=row.slug,
            issuer=row.issuer,
            client_id=row.client_id,
            client_secret="",
            group_claim=row.group_claim,
            domains=tuple(row.domains),
            grants=_grants(row),
        )

    async def set_up(self, actor: Actor, setup: Setup) -> None:
        """Gives the organisation this provider, after asking it who it is; ends the sessions that another one began.

        Raises ProviderInvalid, ProviderAway.
        """
        self._check(setup)
        await self._federation.meet(setup.issuer)
        async with self._db.tenant(actor.tenant_id) as conn:
            before = await store.find_provider(conn, actor.tenant_id)
            if not setup.client_secret and before is None:
                raise ProviderInvalid("The client secret is missing. Copy it from the provider.")
            sealed = (
                self._secrets.close(actor.tenant_id, setup.client_secret)
                if setup.client_secret or before is None
                else before.client_secret
            )
            row = ProviderRow(
                slug=setup.slug,
                issuer=setup.issuer,
                client_id=setup.client_id,
                client_secret=sealed,
                group_claim=setup.group_claim,
                domains=list(setup.domains),
                grants=msgspec.to_builtins(setup.grants),
                changed_at=self._clock.now(),
            )
            if not await store.put_provider(conn, actor.tenant_id, row):
                raise ProviderInvalid("Another organisation has this short name. Choose another one.")
            if before is not None and before.issuer != setup.issuer:
                await store.delete_sessions_by_provider(conn, actor.tenant_id)
            await audit(
                conn, actor, "set up provider", f"provider:{setup.slug}", before=_told(before), after=_told(row)
            )

    async def remove(self, actor: Actor) -> None:
        """Takes the organisation's provider away and ends the sessions that it began."""
        async with self._db.tenant(actor.tenant_id) as conn:
            before = await store.find_provider(conn, actor.tenant_id)
            if before is None:
                return
            await store.delete_provider(conn, actor.tenant_id)
            ended = await store.delete_sessions_by_provider(conn, actor.tenant_id)
            await audit(
                conn,
                actor,
                "remove provider",
                f"provider:{before.slug}",
                {"sessions_ended": ended},
                before=_told(before),
            )

    async def requires_second_factor(self, actor: Actor) -> bool:
        """Whether the organisation asks everybody for a second factor."""
        async with self._db.tenant(actor.tenant_id) as conn:
            return await store.requires_second_factor(conn, actor.tenant_id)

    async def require_second_factor(self, actor: Actor, *, required: bool) -> None:
        """Asks everybody of the organisation for a second factor from their next request on, or no longer does."""
        async with self._db.tenant(actor.tenant_id) as conn:
            before = await store.requires_second_factor(conn, actor.tenant_id)
            await store.require_second_factor(conn, actor.tenant_id, required=required)
            await audit(
                conn,
                actor,
                "change organisation",
                f"organisation:{actor.tenant_id}",
                before={"require_second_factor": before},
                after={"require_second_factor": required},
            )

    async def _join(self, tenant_id: int, row: ProviderRow, identity: _Identity, origin: Origin) -> tuple[int, str]:
        """The person whom the provider means, made a member with the role that their groups give: id and name."""
        person_id, name = await self._person(tenant_id, row, identity)
        grant = granted(_grants(row), identity.groups)
        actor = unsigned(tenant_id, person_id, name, origin)
        async with self._db.tenant(tenant_id, person_id=person_id) as conn:
            await store.insert_linked(
                conn, tenant_id, identity.person.issuer, identity.person.subject, person_id, self._clock.now()
            )
            refused = await self._stand(conn, actor, row, grant)
        if refused:
            raise ProviderRefused(refused)
        return person_id, name

    async def _person(self, tenant_id: int, row: ProviderRow, identity: _Identity) -> tuple[int, str]:
        """Who it is: by the provider's own name for them, or at first by an e-mail address that it has verified."""
        async with self._db.tenant(tenant_id) as conn:
            person_id = await store.find_linked(conn, tenant_id, identity.person.issuer, identity.person.subject)
        if person_id is not None:
            async with self._db.tenant(tenant_id, person_id=person_id) as conn:
                to = await people.find_addressee(conn, tenant_id, person_id)
            return person_id, to.name
        if not identity.person.verified:
            raise ProviderRefused("Your organisation's sign-in doesn't say that your e-mail address is verified.")
        if mail_domain(identity.person.email) not in row.domains:
            raise ProviderRefused("Your e-mail address is of no mail domain that your organisation lets in.")
        async with self._db.tenant(tenant_id) as conn:
            found = await people.find_person(conn, identity.person.email)
            if found is not None:
                return found.person_id, found.name
            made = await people.insert_person(
                conn, email=identity.person.email, name=identity.person.name, password_hash=None
            )
            if made is None:
                raise ProviderRefused
            return made, identity.person.name

    async def _stand(self, conn: Connection, actor: Actor, row: ProviderRow, grant: Grant | None) -> str:
        """Lets what a person is here follow their groups; why they are refused, if they are."""
        now = self._clock.now()
        standing = await store.find_standing(conn, actor.tenant_id, actor.id)
        if standing is not None and not standing.belongs and not standing.withdrawn:
            return "You were removed from the organisation. Ask one of its owners to invite you."
        if grant is None:
            if standing is not None and standing.belongs and not standing.last_owner:
                await store.set_standing(
                    conn, actor.tenant_id, actor.id, role=standing.role, site_ids=standing.site_ids, ended_at=now
                )
                await store.set_withdrawn(conn, actor.tenant_id, actor.id, now)
                await audit(conn, actor, "remove person", str(actor), {"by": f"provider:{row.slug}"})
            return "None of your groups gives you a role here. Ask an owner of the organisation."
        role, sites = grant.role.value, None if grant.sites is None else list(grant.sites)
        if standing is None:
            await people.upsert_membership(
                conn, actor.tenant_id, actor.id, role=role, site_ids=sites, invited_by=f"provider:{row.slug}"
            )
            before = None
        elif standing.last_owner or (standing.belongs and (standing.role, standing.site_ids) == (role, sites)):
            return ""
        else:
            await store.set_standing(conn, actor.tenant_id, actor.id, role=role, site_ids=sites, ended_at=None)
            await store.set_withdrawn(conn, actor.tenant_id, actor.id, None)
            before = {"role": standing.role, "sites": standing.site_ids}
        await audit(
            conn,
            actor,
            "change role",
            str(actor),
            {"by": f"provider:{row.slug}"},
            before=before,
            after={"role": role, "sites": sites},
        )
        return ""

    async def _of_slug(self, slug: str) -> ProviderFound:
        found = [each for each in await self.find(slug) if each.slug == slug]
        if not found:
            raise ProviderUnknown
        return found[0]

    async def _client(self, tenant_id: int) -> Client:
        async with self._db.tenant(tenant_id) as conn:
            row = await store.find_provider(conn, tenant_id)
        if row is None:
            raise ProviderUnknown
        return self._client_of(row)

    def _client_of(self, row: ProviderRow) -> Client:
        secret, back = self._secrets.open(row.client_secret), self.redirect_uri(row.slug)
        return Client(issuer=row.issuer, client_id=row.client_id, secret=secret, redirect_uri=back)

    def _check(self, setup: Setup) -> None:
        """Raises ProviderInvalid, naming what is wrong first."""
        for wrong, words in (
            (
                len(setup.slug) > MAX_SLUG or not _SLUG.fullmatch(setup.slug),
                "The short name may hold small letters, digits and single dashes.",
            ),
            (
                not self._federation.is_issuer(setup.issuer),
                "The issuer is the address of the provider, such as https://login.example.com.",
            ),
            (not setup.client_id, "The client id is missing. Copy it from the provider."),
            (not 0 < len(setup.group_claim) <= MAX_CLAIM, "Name the claim that holds the groups, such as groups."),
            (not 0 < len(setup.domains) <= MAX_DOMAINS, "Name one to 20 mail domains."),
            (
                not all(_DOMAIN.fullmatch(each) for each in setup.domains),
                "A mail domain is what stands after the @, such as example.com.",
            ),
            (bool(_EVERYBODYS & set(setup.domains)), "Anybody gets an address of such a domain. Name your own."),
            (not 0 < len(setup.grants) <= MAX_GRANTS, "Say which group makes people what, in one to 50 lines."),
            (any(not each.group for each in setup.grants), "A line names no group."),
            (
                any(each.role is Role.SITE_HOST and each.sites is None for each in setup.grants),
                "A site host needs sites.",
            ),
            (
                any(each.role is Role.OWNER and each.sites is not None for each in setup.grants),
                "An owner can't be limited to sites.",
            ),
            (any(len(each.sites or ()) > MAX_SITES for each in setup.grants), "Name 500 sites at most."),
        ):
            if wrong:
                raise ProviderInvalid(words)


def _grants(row: ProviderRow) -> tuple[Grant, ...]:
    return msgspec.convert(row.grants, tuple[Grant, ...])


def _identity(claims: dict[str, Any], group_claim: str) -> _Identity:
    groups: Any = claims.get(group_claim)
    listed: Sequence[Any] = groups if isinstance(groups, list) else [] if groups is None else [groups]
    return _Identity(person=claimed(claims), groups=tuple(str(group) for group in listed[:MAX_GROUPS]))


def _told(row: ProviderRow | None) -> dict[str, Any] | None:
    """A provider as the audit keeps it: without its secret."""
    if row is None:
        return None
    told = msgspec.structs.asdict(row)
    return {name: told[name] for name in ("slug", "issuer", "client_id", "group_claim", "domains", "grants")}
