"""Letters about signing in, in the language of whom they are for. None holds a password, nor a code of a factor."""

from datetime import datetime
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from psycopg import AsyncConnection

from forecourt.access import store
from forecourt.access.model import Origin
from forecourt.access.signin.device import device
from forecourt.platform import mail
from forecourt.platform.mail import Letter
from forecourt.ui.i18n import Languages, speaking, stamp
from forecourt.ui.i18n import gettext as _

_ROOM: Final = Path(__file__).parents[1]

Connection = AsyncConnection[Any]


class Letters:
    """Writes to people in the transaction that they are told of, which acts as them."""

    def __init__(self, console_url: str) -> None:
        self._console_url = console_url
        self._languages = Languages([_ROOM])

    async def new_place(self, conn: Connection, tenant_id: int, person_id: int, at: datetime, origin: Origin) -> None:
        """Somebody signed in as them from where they never did before."""
        to = await store.find_addressee(conn, tenant_id, person_id)
        with speaking(self._languages.choose(to.language, "")):
            await self._write(
                conn,
                tenant_id,
                to,
                _("You signed in from a new place"),
                _("Somebody signed in to Forecourt as you, from an address that is new."),
                self._where(at, origin, to.time_zone),
                self._if_not_you(),
            )

    async def changed(
        self, conn: Connection, tenant_id: int, person_id: int, at: datetime, origin: Origin, change: "Change"
    ) -> None:
        """How they sign in was changed."""
        to = await store.find_addressee(conn, tenant_id, person_id)
        with speaking(self._languages.choose(to.language, "")):
            what = change.words()
            await self._write(
                conn, tenant_id, to, what, f"{what}.", self._where(at, origin, to.time_zone), self._if_not_you()
            )

    async def reset(self, conn: Connection, tenant_id: int, person_id: int, token: str, minutes: int) -> None:
        """The link to a new password. The token stands behind a #, so that no server's log ever sees it."""
        to = await store.find_addressee(conn, tenant_id, person_id)
        with speaking(self._languages.choose(to.language, "")):
            await self._write(
                conn,
                tenant_id,
                to,
                _("A new password for Forecourt"),
                _("Somebody asked for a new password for your account. Choose it here, within %(n)s minutes:")
                % {"n": minutes},
                f"{self._console_url}/reset#{token}",
                _("If the page asks for a code, it is this one:") + f"\n{token}",
                _("If it was not you, do nothing: the old password stays."),
            )

    def _where(self, at: datetime, origin: Origin, zone: str) -> str:
        lines = [
            f"{_('When')}: {stamp(at, zone)}",
            f"{_('Address')}: {origin.address}",
            f"{_('Device')}: {device(origin.user_agent)}",
        ]
        return "\n".join(lines)

    def _if_not_you(self) -> str:
        return (
            _("If it was not you, choose a new password at once, which ends all sessions:")
            + f"\n{self._console_url}/forgotten"
        )

    async def _write(
        self, conn: Connection, tenant_id: int, to: store.Addressee, subject: str, *paragraphs: str
    ) -> None:
        hello = _("Hello %(name)s,") % {"name": to.name}
        letter = Letter(recipient=to.email, subject=f"[Forecourt] {subject}", body="\n\n".join((hello, *paragraphs)))
        await mail.write(conn, tenant_id, letter)


class Change(Struct, frozen=True, kw_only=True):
    """What was changed about how a person signs in; `name` of a passkey, `left` of recovery codes."""

    kind: str
    name: str = ""
    left: int = 0

    def words(self) -> str:
        """In the language that is spoken."""
        told = {
            "password": _("Your password was changed"),
            "authenticator": _("An authenticator app was added to your account"),
            "no authenticator": _("The authenticator app was removed from your account"),
            "recovery codes": _("You have new recovery codes; the old ones are void"),
            "recovery code": _("A recovery code was used; %(left)s are left"),
            "passkey": _("The passkey “%(name)s” was added to your account"),
            "no passkey": _("The passkey “%(name)s” was removed from your account"),
        }[self.kind]
        return told % {"name": self.name, "left": self.left}
