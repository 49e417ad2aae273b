"""The letter that tells somebody that it is their turn."""

from typing import Protocol

from forecourt.driver.brands import home_of
from forecourt.driver.speech import Speech
from forecourt.driver.store import Connection, find_brand
from forecourt.driver.waiting.model import Waiting
from forecourt.driver.waiting.store import HeldAt, WaitingSite
from forecourt.driver.words import hour, named_spot
from forecourt.platform import mail
from forecourt.platform.mail import Letter
from forecourt.ui.i18n import gettext as _


class Tells(Protocol):
    """Tells drivers that it is their turn, in the transaction that it is told of."""

    async def turn(self, conn: Connection, tenant_id: int, place: Waiting, site: WaitingSite, held: HeldAt, /) -> None:
        """A connector is held for them."""
        ...


class TurnLetters:
    """Writes to whoever left an address. `address`: where drivers reach us."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        self._speech = Speech()

    async def turn(self, conn: Connection, tenant_id: int, place: Waiting, site: WaitingSite, held: HeldAt) -> None:
        """A connector is held for them: where, until when, and the page that it is taken on."""
        if place.email is None:
            return
        brand = await find_brand(conn, tenant_id)
        with self._speech.speaking_of(place.language):
            until = hour(held.until_at, site.zone)
            said = {"site": site.name, "spot": named_spot(held.station, held.evse), "time": until}
            lines = (
                _("It is your turn at %(site)s: %(spot)s is held for you until %(time)s.") % said,
                _("Start here:") + f"\n{home_of(brand, self._address)}/waiting/{place.place_id}",
                _("If you don't come in time, the next one in the list gets it."),
            )
            subject = _("It is your turn at %(site)s") % {"site": site.name}
        await mail.write(conn, tenant_id, Letter(recipient=place.email, subject=subject, body="\n\n".join(lines)))
