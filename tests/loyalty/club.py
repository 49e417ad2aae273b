"""An organisation with drivers who have cards and accounts, and with campaigns for them."""

import itertools
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from forecourt.loyalty import service
from forecourt.loyalty.giving import Giving
from forecourt.loyalty.model.campaigns import Campaign
from forecourt.loyalty.model.terms import Terms
from forecourt.loyalty.promising import Promises
from forecourt.sessions.costing.model import SessionCost
from forecourt.sessions.costing.service import cost_of
from tests.payments.till import Till

_numbers = itertools.count(1)


class Club:
    """One organisation's campaigns, over its till."""

    def __init__(self, till: Till) -> None:
        self.till, self.tenant_id = till, till.tenant_id
        self.promises = Promises(till.tenants, till.clock)

    async def campaign(self, *, codes: tuple[str, ...] = (), uses: int | None = None, **terms: Any) -> Campaign:
        """One that runs."""
        said: dict[str, Any] = {"name": "Test", "label": "Thank you", "currency": "EUR", "by_code": bool(codes)}
        if "amount" not in terms:
            said |= {"percent": Decimal(10), "most": 300}
        now = self.till.clock.now()
        async with self.till.tenants.tenant(self.tenant_id) as conn:
            made = await service.create_campaign(conn, self.till.actor, Terms(**(said | terms)), now)
            for code in codes:
                await service.make_codes(
                    conn, self.till.actor, made.campaign_id, code=code, count=1, most_uses=uses, now=now
                )
            return await service.start_campaign(conn, self.till.actor, made.campaign_id, now)

    async def find(self, campaign: Campaign) -> Campaign:
        async with self.till.tenants.tenant(self.tenant_id) as conn:
            return await service.find_campaign(conn, self.tenant_id, campaign.campaign_id)

    def drivers(self, count: int = 1, *, marketing: bool = False) -> list[tuple[int, str]]:
        """Accounts with a card each: number and uid."""
        found, long_ago = [], self.till.clock.now() - timedelta(days=400)
        for _ in range(count):
            uid = f"club{next(_numbers)}"
            driver = self.till.one(
                "INSERT INTO driver_accounts (tenant_id, email, name, state, pays_by, created_at, updated_at)"
                " VALUES (%s, %s, 'D', 'active', 'wallet', %s, %s) RETURNING driver_id AS it",
                self.tenant_id, f"{uid}@club.test", long_ago, long_ago,
            )  # fmt: skip
            self.till.rows(
                "INSERT INTO tokens (tenant_id, uid_key, uid, type, status)"
                " VALUES (%s, %s, %s, 'ISO14443', 'accepted')",
                self.tenant_id, uid, uid,
            )  # fmt: skip
            self.till.rows(
                "INSERT INTO driver_tokens VALUES (%s, %s, %s, %s, 'operator')", self.tenant_id, uid, driver, long_ago
            )
            if marketing:
                self.till.rows(
                    "INSERT INTO driver_consents (tenant_id, driver_id, kind, given, text_version, said_at)"
                    " VALUES (%s, %s, 'marketing', true, '1', %s)",
                    self.tenant_id, driver, long_ago,
                )  # fmt: skip
            found.append((driver, uid))
        return found

    def session(self, uid: str, *, wh: int = 10_000, ago: timedelta = timedelta(), over: bool = True) -> UUID:
        """An hour by a card that ended so long ago, as ingest leaves it."""
        end = self.till.clock.now() - ago
        known = {
            "tenant_id": self.tenant_id, "station_id": self.till.station_id, "transaction_id": str(uuid4()),
            "start_key": 0, "started_at": end - timedelta(hours=1), "last_key": 0, "last_at": end, "heard_at": end,
            "evse": 1, "token_uid": uid, "meter_start_wh": 0, "meter_stop_wh": wh, "ended_at": end if over else None,
        }  # fmt: skip
        [row] = self.till.rows(
            f"INSERT INTO sessions ({', '.join(known)}) VALUES ({', '.join(['%s'] * len(known))}) RETURNING session_id",
            *known.values(),
        )
        return UUID(str(row["session_id"]))

    async def begun(self, session_id: UUID) -> None:
        await self.till.loyalty.begun(tenant_id=self.tenant_id, subject=str(session_id))

    async def priced(self, session_id: UUID) -> SessionCost:
        await self.till.costing.price(tenant_id=self.tenant_id, subject=str(session_id))
        async with self.till.tenants.tenant(self.tenant_id) as conn:
            return await cost_of(conn, self.tenant_id, session_id, self.till.clock.now(), Giving(self.till.clock))

    def uses(self) -> list[tuple[str, int, int | None]]:
        rows = self.till.rows(
            "SELECT state, reserved, taken FROM loyalty_uses WHERE tenant_id = %s ORDER BY made_at, use_id",
            self.tenant_id,
        )
        return [(row["state"], row["reserved"], row["taken"]) for row in rows]
