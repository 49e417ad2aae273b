"""What follows from events for drivers: the receipt goes where it was asked for."""

from uuid import UUID

from forecourt.driver.brands import home_of
from forecourt.driver.letters import write_receipt
from forecourt.driver.model import Stage
from forecourt.driver.service import Ways
from forecourt.driver.speech import Speech
from forecourt.payments.intents.model import PaymentUnknown
from forecourt.platform.database import Pool


class DriverJobs:
    """Durable follow-up work. `tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool, ways: Ways, address: str) -> None:
        self._tenants = tenants
        self._ways = ways
        self._address = address.rstrip("/")
        self._speech = Speech()

    async def captured(self, *, tenant_id: int, subject: str) -> None:
        """The money was taken: the receipt goes to whoever left an address; it may come twice."""
        try:
            way = await self._ways.find(UUID(subject))
        except PaymentUnknown:
            return
        if way.stage is not Stage.RECEIPT or way.intent.email is None or way.intent.session_id is None:
            return
        with self._speech.speaking_of(way.intent.language):
            async with self._tenants.tenant(tenant_id) as conn:
                await write_receipt(conn, way, way.intent.email, home_of(way.brand, self._address))
