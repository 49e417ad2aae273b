"""The letter that tells a driver of a campaign, who agreed to get such letters."""

from forecourt.driver.brands import home_of
from forecourt.driver.speech import Speech
from forecourt.driver.store import Connection, find_brand
from forecourt.driver.words import offer_words, told_words
from forecourt.loyalty.announcing import Reached
from forecourt.loyalty.model.campaigns import Told
from forecourt.platform import mail
from forecourt.platform.mail import Letter
from forecourt.ui.i18n import gettext as _


class OfferLetters:
    """Writes to drivers. `address`: where they reach us."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        self._speech = Speech()

    async def offer(self, conn: Connection, tenant_id: int, whom: Reached, told: Told) -> None:
        """What is off, for which sessions, until when, where it is seen, and how such letters end."""
        brand, terms = await find_brand(conn, tenant_id), told.campaign.terms
        home = home_of(brand, self._address)
        with self._speech.speaking_of(whom.language):
            about = {"name": brand.name, "offer": offer_words(terms), "label": terms.label}
            subject = _("%(label)s: %(offer)s with %(name)s") % about
            lines = [_("Your sessions with %(name)s: %(offer)s.") % about, "\n".join(told_words(told))]
            lines.append(_("See it here:") + f"\n{home}/my/offers")
            lines.append(_("You agreed to get such letters. You can take that back here:") + f"\n{home}/my/account")
        await mail.write(conn, tenant_id, Letter(recipient=whom.email, subject=subject, body="\n\n".join(lines)))
