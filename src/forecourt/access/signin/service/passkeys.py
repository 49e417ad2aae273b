"""Passkeys (WebAuthn level 3): several a person, with names; alone instead of a password, or after one.

A passkey belongs to the host of FORECOURT_PUBLIC_URL: browsers let no page elsewhere use it, which is why nobody can be
talked out of one.
"""

from typing import Any, Final
from urllib.parse import urlsplit

import structlog
import webauthn
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from forecourt.access import store as people
from forecourt.access.auditing import audit
from forecourt.access.model import Actor, Origin
from forecourt.access.service import Access, SignedIn, chosen_of, unsigned
from forecourt.access.signin import store
from forecourt.access.signin.letters import Change
from forecourt.access.signin.model import PasskeyRefused, PasskeyUnknown, StepGone, TooManyPasskeys
from forecourt.access.signin.service.proof import check_own, check_recent, session_of
from forecourt.access.signin.steps import Step
from forecourt.access.signin.store import PasskeyHolder, PasskeyRow
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.digest import keyed_digest
from forecourt.platform.text import seen

log = structlog.get_logger(__name__)

RP_NAME: Final = "Forecourt"
MAX_NAME: Final = 100
MAX_CREDENTIAL_ID: Final = 1023

#: A credential as the browser's JSON says it.
Credential = dict[str, Any]


class Passkeys:
    """The verbs of passkeys."""

    def __init__(self, access: Access, db: Pool, secret: bytes, clock: Clock, console_url: str) -> None:
        parts = urlsplit(console_url)
        self._access = access
        self._db = db
        self._secret = secret
        self._clock = clock
        self._host = parts.hostname or "localhost"
        self._origin = f"{parts.scheme}://{parts.netloc}"

    async def list(self, actor: Actor) -> list[PasskeyRow]:
        """A person's passkeys, oldest first."""
        async with self._db.person(actor.id) as conn:
            return await store.list_passkeys(conn, actor.id)

    async def begin_new(self, actor: Actor) -> tuple[str, str]:
        """What the browser needs to make a passkey, as JSON, and the token of the step.

        Raises ProofTooOld, BySomebodyElse, TooManyPasskeys.
        """
        check_recent(actor, self._clock)
        async with self._db.tenant(actor.tenant_id, person_id=actor.id) as conn:
            there = await store.list_passkeys(conn, actor.id)
            to = await people.find_addressee(conn, actor.tenant_id, actor.id)
        if len(there) >= store.MAX_PASSKEYS:
            raise TooManyPasskeys
        options = webauthn.generate_registration_options(
            rp_id=self._host,
            rp_name=RP_NAME,
            user_id=self._handle(actor.id),
            user_name=to.email,
            user_display_name=to.name,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=each.credential_id) for each in there],
        )
        challenge = bytes_to_base64url(options.challenge)
        token = await self._access.steps.begin("new passkey", actor.id, challenge=challenge)
        return webauthn.options_to_json(options), token

    async def add(self, actor: Actor, token: str, credential: Credential, name: str) -> str:
        """Keeps the passkey that the browser made; returns the session's new token.

        Raises PasskeyRefused, StepGone, ProofTooOld, BySomebodyElse.
        """
        check_recent(actor, self._clock)
        step = await self._access.steps.take("new passkey", token)
        if step.person_id != actor.id:
            raise StepGone
        try:
            made = webauthn.verify_registration_response(
                credential=credential,
                expected_challenge=base64url_to_bytes(step.held["challenge"]),
                expected_rp_id=self._host,
                expected_origin=self._origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError) as fault:
            log.info("a new passkey was refused", fault=type(fault).__name__)
            raise PasskeyRefused from fault
        name = seen(name)[:MAX_NAME] or "Passkey"
        async with self._db.tenant(actor.tenant_id, person_id=actor.id) as conn:
            passkey_id = await store.insert_passkey(
                conn,
                actor.id,
                credential_id=made.credential_id,
                public_key=made.credential_public_key,
                sign_count=made.sign_count,
                name=name,
                synced=made.credential_backed_up,
                now=self._clock.now(),
            )
            if passkey_id is None:
                raise PasskeyRefused
            await audit(conn, actor, "add passkey", f"passkey:{passkey_id}", {"name": name})
            await self._access.letters.changed(
                conn, actor.tenant_id, actor.id, self._clock.now(), actor.origin, Change(kind="passkey", name=name)
            )
        return await self._access.prove(actor, how="passkey", second_factor=True)

    async def rename(self, actor: Actor, passkey_id: int, name: str) -> None:
        """Gives a passkey another name. Raises PasskeyUnknown, BySomebodyElse."""
        check_own(actor)
        name = seen(name)[:MAX_NAME] or "Passkey"
        async with self._db.tenant(actor.tenant_id, person_id=actor.id) as conn:
            if not await store.rename_passkey(conn, actor.id, passkey_id, name):
                raise PasskeyUnknown
            await audit(conn, actor, "rename passkey", f"passkey:{passkey_id}", {"name": name})

    async def remove(self, actor: Actor, passkey_id: int) -> None:
        """Takes a passkey away, and the recovery codes with the last factor.

        Raises PasskeyUnknown, ProofTooOld, BySomebodyElse.
        """
        check_recent(actor, self._clock)
        async with self._db.tenant(actor.tenant_id, person_id=actor.id) as conn:
            name = await store.delete_passkey(conn, actor.id, passkey_id)
            if name is None:
                raise PasskeyUnknown
            if not (await store.count_factors(conn, actor.id)).any:
                await store.put_recovery_codes(conn, actor.id, [])
            await audit(conn, actor, "remove passkey", f"passkey:{passkey_id}", {"name": name})
            await self._access.letters.changed(
                conn, actor.tenant_id, actor.id, self._clock.now(), actor.origin, Change(kind="no passkey", name=name)
            )

    async def ask(self, origin: Origin, person_id: int | None = None) -> tuple[str, str]:
        """What the browser needs to show a passkey, as JSON, and the token of the step.

        Without a person, any passkey that the browser has for us: the passkey itself says whose it is. Raises
        TooManyAttempts.
        """
        await self._access.attempts.begin("step", origin.address)
        allowed = None
        if person_id is not None:
            async with self._db.person(person_id) as conn:
                rows = await store.list_passkeys(conn, person_id)
            allowed = [PublicKeyCredentialDescriptor(id=each.credential_id) for each in rows]
        options = webauthn.generate_authentication_options(
            rp_id=self._host, allow_credentials=allowed, user_verification=UserVerificationRequirement.REQUIRED
        )
        token = await self._access.steps.begin("passkey", person_id, challenge=bytes_to_base64url(options.challenge))
        return webauthn.options_to_json(options), token

    async def of_waiting(self, token: str) -> int | None:
        """The person of a sign-in that waits for its second factor. Raises StepGone."""
        return (await self._access.steps.find("second factor", token)).person_id

    async def sign_in(self, token: str, credential: Credential, origin: Origin) -> SignedIn:
        """Begins a browser session by a passkey: what the person has and, as it asks for a finger, a face or a PIN,
        what they are or know. Raises PasskeyRefused, StepGone, NoOrganisation.
        """
        holder = await self._shown(token, credential, origin)
        return await self._access.begin_session(
            holder.person_id, holder.name, origin, how="passkey", second_factor=True
        )

    async def confirm(self, actor: Actor, token: str, credential: Credential) -> str:
        """Proves by a passkey that a person who is signed in is still there; returns their session's new token.

        Raises PasskeyRefused, StepGone, BySomebodyElse.
        """
        check_own(actor)
        session_of(actor)
        holder = await self._shown(token, credential, actor.origin)
        if holder.person_id != actor.id:
            raise PasskeyRefused
        return await self._access.prove(actor, how="passkey", second_factor=True)

    async def _shown(self, token: str, credential: Credential, origin: Origin) -> PasskeyHolder:
        step = await self._access.steps.take("passkey", token)
        holder = await self._holder(credential)
        if holder is None or step.person_id not in (None, holder.person_id):
            raise PasskeyRefused
        count = self._verified(step, holder, credential)
        if count is not None:
            async with self._db.person(holder.person_id) as conn:
                if await store.touch_passkey(conn, holder.person_id, holder.passkey_id, count, self._clock.now()):
                    return holder
        await self._note_refused(holder, origin)
        raise PasskeyRefused

    async def _holder(self, credential: Credential) -> PasskeyHolder | None:
        try:
            credential_id = base64url_to_bytes(credential["rawId"])
        except (KeyError, TypeError, ValueError):
            return None
        if not 0 < len(credential_id) <= MAX_CREDENTIAL_ID:
            return None
        async with self._db.anyone() as conn:
            return await store.find_passkey(conn, credential_id)

    def _verified(self, step: Step, holder: PasskeyHolder, credential: Credential) -> int | None:
        """The new count of the passkey's uses; None for a signature that is not right, or a count that went back."""
        try:
            shown = webauthn.verify_authentication_response(
                credential=credential,
                expected_challenge=base64url_to_bytes(step.held["challenge"]),
                expected_rp_id=self._host,
                expected_origin=self._origin,
                credential_public_key=holder.public_key,
                credential_current_sign_count=holder.sign_count,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError) as fault:
            log.info("a passkey was refused", passkey_id=holder.passkey_id, fault=type(fault).__name__)
            return None
        return shown.new_sign_count

    async def _note_refused(self, holder: PasskeyHolder, origin: Origin) -> None:
        async with self._db.person(holder.person_id) as conn:
            memberships = await people.list_memberships(conn, holder.person_id)
        if memberships:
            there = chosen_of(memberships).tenant_id
            actor = unsigned(there, holder.person_id, holder.name, origin)
            async with self._db.tenant(there, person_id=holder.person_id) as conn:
                await audit(conn, actor, "refused sign in", str(actor), {"by": f"passkey:{holder.passkey_id}"})

    def _handle(self, person_id: int) -> bytes:
        """The user handle that a passkey keeps: always the same for a person, and telling nobody who it is (§14.6)."""
        return keyed_digest(self._secret, "passkey handle", str(person_id))
