"""The receipt by e-mail."""

from forecourt.driver.receipt import lines_of
from forecourt.driver.service import Way
from forecourt.driver.store import Connection
from forecourt.driver.words import money
from forecourt.platform import mail
from forecourt.platform.mail import Letter
from forecourt.ui.i18n import gettext as _


async def write_receipt(conn: Connection, way: Way, email: str, address: str) -> None:
    """Writes the receipt of a payment to an address, in the language that is being spoken; sent by the worker."""
    head = _("Your receipt from %(name)s: %(amount)s") % {"name": way.brand.name, "amount": money(way.paid)}
    lines = [head, "", *(f"{what}: {amount}" for what, amount in lines_of(way)), ""]
    lines.append(f"{address}/charging/{way.intent.intent_id}")
    await mail.write(conn, way.tenant_id, Letter(recipient=email, subject=head, body="\n".join(lines)))
