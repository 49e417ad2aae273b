"""What responders said, shared by all processes of a deployment and read by people."""

from datetime import datetime
from typing import Protocol

import psycopg
import structlog

from forecourt.ocpp.neutral import CertificateQuestion
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.stations.certificates import store
from forecourt.stations.certificates.model import Said

log = structlog.get_logger(__name__)


class Kept(Protocol):
    """Where answers are kept for others."""

    async def find(self, tenant_id: int, question: CertificateQuestion, now: datetime, /) -> Said | None:
        """What still counts of what was said; None where nothing does."""
        ...

    async def keep(self, tenant_id: int, question: CertificateQuestion, said: Said, /) -> None:
        """Keeps what was said."""
        ...


class KeptAnswers:
    """Keeps them in the database. Neither verb raises: a car doesn't wait for that. `tenants` is a pool of role
    forecourt_app."""

    def __init__(self, tenants: Pool) -> None:
        self._tenants = tenants

    async def find(self, tenant_id: int, question: CertificateQuestion, now: datetime) -> Said | None:
        """What still counts of what was said to any process of this organisation; None where nothing does."""
        try:
            async with self._tenants.tenant(tenant_id) as conn:
                return await store.find_answer(conn, tenant_id, question, now)
        except (ForecourtError, psycopg.Error) as fault:
            log.info("what a responder said could not be read", why=str(fault)[:200])
            return None

    async def keep(self, tenant_id: int, question: CertificateQuestion, said: Said) -> None:
        """Keeps what was said, in place of what was said before; the oldest answers beyond store.MAX_ANSWERS go."""
        try:
            async with self._tenants.tenant(tenant_id) as conn:
                await store.put_answer(conn, tenant_id, question, said)
                await store.forget_answers(conn, tenant_id)
        except (ForecourtError, psycopg.Error) as fault:
            log.info("what a responder said could not be kept", why=str(fault)[:200])
