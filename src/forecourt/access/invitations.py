"""The verbs of invitations: a letter with a link that makes who opens it a member, once and for a week.

The link's token is in the letter and nowhere else: the database keeps a digest. A person of the invited address accepts
as themself; where there is none, accepting makes one.
"""

import secrets
from collections.abc import Sequence
from datetime import timedelta

from forecourt.access import store
from forecourt.access.auditing import audit
from forecourt.access.errors import (
    AlreadyInvited,
    AlreadyMember,
    InvitationUnknown,
    InvitationVoid,
    InvitedAnother,
    TooManyInvitations,
)
from forecourt.access.limits import Limits, check_gift
from forecourt.access.model import Actor, Origin, Role
from forecourt.access.service import MAX_SECRET_LENGTH, Access, SignedIn, limit_of
from forecourt.access.signin.model import check_password
from forecourt.access.store import Connection, InvitationRow, Invited
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.digest import keyed_digest
from forecourt.platform.mail import Letter, write
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import ours, speaking, stamp

LIFE = timedelta(days=7)
#: Invitations of one organisation that wait for an answer.
MAX_OPEN = 500
TOKEN_BYTES = 32
PATH = "/invitation"


class Invitations:
    """Invites and lets in; lives as long as the process. `console_url` begins the links of its letters."""

    def __init__(self, db: Pool, secret: bytes, clock: Clock, access: Access, console_url: str) -> None:
        self._db = db
        self._secret = secret
        self._clock = clock
        self._access = access
        self._console_url = console_url

    async def invite(
        self,
        conn: Connection,
        actor: Actor,
        limits: Limits,
        *,
        email: str,
        role: Role,
        sites: Sequence[str | int] | None,
    ) -> InvitationRow:
        """Invites an address by a letter in the organisation's language, written in the caller's transaction.

        Raises AlreadyMember, AlreadyInvited, TooManyInvitations, SitesRefused, RightsExceeded.
        """
        check_gift(actor, role)
        site_ids = limits.ids(role, sites)
        if await store.find_member_by_email(conn, actor.tenant_id, email) is not None:
            raise AlreadyMember
        if await store.count_open(conn, actor.tenant_id) >= MAX_OPEN:
            raise TooManyInvitations
        token, now = secrets.token_urlsafe(TOKEN_BYTES), self._clock.now()
        row = await store.insert_invitation(
            conn,
            actor.tenant_id,
            email=email,
            role=role.value,
            site_ids=site_ids,
            token_hash=self._digest(token),
            invited_by=actor.name,
            now=now,
            expires_at=now + LIFE,
        )
        if row is None:
            raise AlreadyInvited
        await self._write(conn, actor, row, token)
        await audit(
            conn,
            actor,
            "invite person",
            f"invitation:{row.invitation_id}",
            after={"email": row.email, "role": row.role, "sites": limits.slugs(site_ids)},
        )
        return row

    async def resend(self, conn: Connection, actor: Actor, invitation_id: int) -> InvitationRow:
        """Sends another letter with another link, good for another week; the link before is void.

        Raises InvitationUnknown.
        """
        token = secrets.token_urlsafe(TOKEN_BYTES)
        expires_at = self._clock.now() + LIFE
        row = await store.renew_invitation(conn, actor.tenant_id, invitation_id, self._digest(token), expires_at)
        if row is None:
            raise InvitationUnknown
        check_gift(actor, Role(row.role))
        await self._write(conn, actor, row, token)
        await audit(conn, actor, "send invitation again", f"invitation:{invitation_id}", {"email": row.email})
        return row

    async def revoke(self, conn: Connection, actor: Actor, invitation_id: int) -> InvitationRow:
        """Voids an invitation that waits. Raises InvitationUnknown."""
        row = await store.revoke_invitation(conn, actor.tenant_id, invitation_id, self._clock.now())
        if row is None:
            raise InvitationUnknown
        await audit(conn, actor, "revoke invitation", f"invitation:{invitation_id}", {"email": row.email})
        return row

    async def find(self, token: str) -> Invited:
        """The invitation of a link. Raises InvitationVoid."""
        if not 0 < len(token) <= MAX_SECRET_LENGTH:
            raise InvitationVoid
        async with self._db.anyone() as conn:
            invited = await store.find_invited(conn, self._digest(token), self._clock.now())
        if invited is None:
            raise InvitationVoid
        return invited

    async def accept(self, token: str, person: Actor, session: str) -> None:
        """Makes somebody who is signed in a member and takes their browser session there.

        Raises InvitationVoid, InvitedAnother.
        """
        invited = await self.find(token)
        if person.person_id is None or person.person_id != invited.person_id:
            raise InvitedAnother
        async with self._db.tenant(invited.tenant_id, person_id=person.person_id) as conn:
            await self._join(conn, invited, person.person_id, person.name, person.origin)
        await self._access.choose_organisation(person, session, invited.tenant_id)

    async def accept_new(self, token: str, name: str, password: str, origin: Origin) -> SignedIn:
        """Makes a person of the invited address and a member, and signs them in.

        Raises InvitationVoid, PasswordRefused, InvitedAnother where that address is somebody already.
        """
        invited = await self.find(token)
        check_password(password, (invited.email, name, invited.organisation))
        hashed = await self._access.passwords.hashed(password)
        async with self._db.tenant(invited.tenant_id) as conn:
            person_id = await store.insert_person(conn, email=invited.email, name=name, password_hash=hashed)
            if person_id is None:
                raise InvitedAnother
            await self._join(conn, invited, person_id, name, origin)
        return await self._access.begin_session(person_id, name, origin, how="invitation")

    async def _join(self, conn: Connection, invited: Invited, person_id: int, name: str, origin: Origin) -> None:
        if not await store.take_invitation(conn, invited.tenant_id, invited.invitation_id, self._clock.now()):
            raise InvitationVoid
        await store.upsert_membership(
            conn,
            invited.tenant_id,
            person_id,
            role=invited.role,
            site_ids=invited.site_ids,
            invited_by=invited.invited_by,
        )
        await store.choose_next(conn, invited.tenant_id, person_id)
        member = Actor(
            tenant_id=invited.tenant_id,
            organisation=invited.organisation,
            id=person_id,
            kind="person",
            name=name,
            role=Role(invited.role),
            sites=limit_of(invited.site_ids),
            origin=origin,
        )
        await audit(conn, member, "accept invitation", f"invitation:{invited.invitation_id}", {"email": invited.email})

    async def _write(self, conn: Connection, actor: Actor, row: InvitationRow, token: str) -> None:
        organisation = await store.find_organisation(conn, actor.tenant_id)
        with speaking(ours().choose(organisation.language, "")):
            letter = self._letter(actor, row, token, organisation.time_zone)
        await write(conn, actor.tenant_id, letter)

    def _letter(self, actor: Actor, row: InvitationRow, token: str, zone: str) -> Letter:
        named = {"inviter": actor.name, "organisation": actor.organisation}
        body = _(
            "%(inviter)s invites you to %(organisation)s on Forecourt, the system that runs its charging stations.\n\n"
            "Open this link to accept:\n%(link)s\n\nIt works once, until %(until)s. If you did not expect this letter,"
            " do nothing: nobody gets in without the link."
        )
        link = f"{self._console_url}{PATH}?token={token}"
        until = stamp(row.expires_at, zone)
        return Letter(
            recipient=row.email,
            subject=_("%(inviter)s invites you to %(organisation)s") % named,
            body=body % {**named, "link": link, "until": until} + "\n",
        )

    def _digest(self, token: str) -> bytes:
        return keyed_digest(self._secret, "invitation", token)
