"""The letter that signs a driver in. What signs in stands behind a #, which browsers send to no server and no log."""

from forecourt.driver.account.store import Connection
from forecourt.driver.speech import Speech
from forecourt.driver.store import Brand, find_brand
from forecourt.driver.words import money
from forecourt.drivers.accounts.model import LINK_LIFE, grouped
from forecourt.payments.fees.model import Fee, FeeState
from forecourt.payments.intents.model import Intent, Method
from forecourt.platform import mail
from forecourt.platform.mail import Letter
from forecourt.platform.money import Money
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark

ENTER_PATH = "/my/enter"
MONEY_PATH = "/my/money"
#: Why a session couldn't be paid, by what was to pay for it.
WHY_NOT = {
    Method.SAVED: mark("Your saved card was declined."),
    Method.WALLET: mark("There is too little in your wallet, or an earlier session is still unpaid."),
    Method.INVOICE: mark("The limit of your fleet is used up."),
    Method.HOSTED: mark("Your account has nothing that pays for it by itself."),
}


def _whose(brand: Brand) -> str:
    """By which the page that a letter leads to knows whose look it has."""
    return f"?of={brand.slug}" if brand.slug else ""


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
                f"{self._address}{ENTER_PATH}{_whose(brand)}#{code}",
                _("If the page asks for a code, it is this one:") + f"\n{grouped(code)}",
                _("If it was not you, do nothing: without this letter nobody signs in."),
            )
            subject = _("Sign in to %(name)s") % {"name": brand.name}
        await mail.write(conn, tenant_id, Letter(recipient=email, subject=subject, body="\n\n".join(lines)))

    async def unpaid(self, conn: Connection, intent: Intent) -> None:
        """The letter to a driver whose session was stopped because nothing pays for it, or could not be charged."""
        assert intent.email is not None, "a driver with an address"
        brand = await find_brand(conn, intent.tenant_id)
        with self._speech.speaking_of(intent.language):
            about = {"name": brand.name, "station": intent.station or ""}
            if intent.owed_amount:
                owed = money(Money(amount=intent.owed_amount, currency=intent.currency))
                subject = _("Your session with %(name)s is not paid yet") % about
                lines = [
                    _("Your session at %(station)s could not be charged.") % about,
                    _("%(amount)s is owed. Your cards start no other session until that is paid:") % {"amount": owed},
                ]
            else:
                subject = _("Your session with %(name)s was stopped") % about
                lines = [
                    _("Your session at %(station)s was stopped, because it can't be paid.") % about,
                    _(WHY_NOT.get(intent.method, WHY_NOT[Method.HOSTED])),
                    _("Choose what pays for your sessions here:"),
                ]
            lines.append(f"{self._address}{MONEY_PATH}")
        letter = Letter(recipient=intent.email, subject=subject, body="\n\n".join(lines))
        await mail.write(conn, intent.tenant_id, letter)

    async def fee(self, conn: Connection, tenant_id: int, fee: Fee) -> None:
        """The receipt of a month of a membership."""
        brand = await find_brand(conn, tenant_id)
        with self._speech.speaking_of(fee.language):
            about = self._about(brand.name, fee)
            subject = _("Your receipt from %(name)s: %(amount)s") % about
            lines = [subject, _("%(plan)s, from %(since)s until before %(until)s") % about]
            if fee.vat:
                lines.append(_("%(vat)s %% of VAT is within it.") % about)
        await self._write(conn, tenant_id, fee, subject, lines)

    async def fee_failed(self, conn: Connection, tenant_id: int, fee: Fee) -> None:
        """A month of a membership could not be paid."""
        brand = await find_brand(conn, tenant_id)
        with self._speech.speaking_of(fee.language):
            about = self._about(brand.name, fee)
            if fee.state is FeeState.FAILED:
                subject = _("Your membership %(plan)s has ended") % about
                lines = [
                    _("%(amount)s could not be paid, and was asked for several times. Your membership ended.") % about
                ]
            else:
                subject = _("Your membership %(plan)s could not be paid") % about
                lines = [_("%(amount)s could not be paid. It is asked for again on %(again)s.") % about]
            lines.append(_("Choose what pays for your sessions here:"))
            lines.append(f"{self._address}{MONEY_PATH}")
        await self._write(conn, tenant_id, fee, subject, lines)

    def _about(self, name: str, fee: Fee) -> dict[str, str]:
        return {
            "name": name, "plan": fee.title, "amount": money(Money(amount=fee.amount, currency=fee.currency)),
            "since": f"{fee.from_at:%Y-%m-%d}", "until": f"{fee.until_at:%Y-%m-%d}",
            "vat": "" if fee.vat is None else f"{fee.vat.normalize():f}",
            "again": "" if fee.next_at is None else f"{fee.next_at:%Y-%m-%d}",
        }  # fmt: skip

    async def _write(self, conn: Connection, tenant_id: int, fee: Fee, subject: str, lines: list[str]) -> None:
        assert fee.email is not None, "a driver with an address"
        await mail.write(conn, tenant_id, Letter(recipient=fee.email, subject=subject, body="\n\n".join(lines)))
