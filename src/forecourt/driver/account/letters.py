"""The letter that signs a driver in. What signs in stands behind a #, which browsers send to no server and no log."""

from forecourt.driver.account.store import Connection
from forecourt.driver.speech import Speech
from forecourt.driver.store import find_brand
from forecourt.drivers.accounts.model import LINK_LIFE, grouped
from forecourt.platform import mail
from forecourt.platform.mail import Letter
from forecourt.ui.i18n import gettext as _

ENTER_PATH = "/my/enter"


class DriverLetters:
    """Writes to drivers. `address`: where they reach us."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        self._speech = Speech()

    async def link(self, conn: Connection, tenant_id: int, email: str, language: str, code: str) -> None:
        """The letter with the link that signs somebody in."""
        brand = await find_brand(conn, tenant_id)
        with self._speech.speaking_of(language):
            minutes = int(LINK_LIFE.total_seconds() // 60)
            lines = (
                _("Sign in to charge with %(name)s. This link works once, for %(minutes)s minutes:")
                % {"name": brand.name, "minutes": minutes},
                f"{self._address}{ENTER_PATH}#{code}",
                _("If the page asks for a code, it is this one:") + f"\n{grouped(code)}",
                _("If it was not you, do nothing: without this letter nobody signs in."),
            )
            subject = _("Sign in to %(name)s") % {"name": brand.name}
        await mail.write(conn, tenant_id, Letter(recipient=email, subject=subject, body="\n\n".join(lines)))
