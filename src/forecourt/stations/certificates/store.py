"""All SQL of certificates of Plug & Charge but what a gateway reads."""

from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import astuple
from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row

from forecourt.ocpp.neutral import CertificateQuestion, Standing
from forecourt.stations.certificates.model import Said

Connection = AsyncConnection[Any]

#: Answers of responders that are kept of one organisation, the newest.
MAX_ANSWERS: Final = 1_000

_ROOT = "fingerprint, subject, not_after, der, added_by, added_at"


class RootRow(Struct, frozen=True, kw_only=True):
    """An authority whose contracts are trusted."""

    fingerprint: str
    subject: str
    not_after: datetime
    der: bytes
    added_by: str
    added_at: datetime


class RulesRow(Struct, frozen=True, kw_only=True):
    """How contracts are judged. `unproven` is 'accept' or 'refuse'; without the secret."""

    required: bool
    unproven: str
    provider_url: str | None
    set_by: str
    set_at: datetime


async def list_roots(conn: Connection, tenant_id: int) -> list[RootRow]:
    """The authorities of an organisation, by their names."""
    cursor = conn.cursor(row_factory=class_row(RootRow))
    await cursor.execute(
        f"SELECT {_ROOT} FROM contract_roots WHERE tenant_id = %s ORDER BY subject, fingerprint", (tenant_id,)
    )
    return await cursor.fetchall()


async def lock_roots(conn: Connection, tenant_id: int) -> None:
    """Nobody else adds an authority of this organisation until this transaction is over."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtext('contract_roots'), %s)", (tenant_id,))


async def insert_root(conn: Connection, tenant_id: int, root: RootRow) -> bool:
    """Trust an authority; False where it is trusted already."""
    cursor = await conn.execute(
        f"INSERT INTO contract_roots (tenant_id, {_ROOT}) VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (tenant_id, root.fingerprint, root.subject, root.not_after, root.der, root.added_by, root.added_at),
    )
    return cursor.rowcount == 1


async def delete_root(conn: Connection, tenant_id: int, fingerprint: str) -> str | None:
    """Trust an authority no more; its name, None where it wasn't trusted."""
    cursor = await conn.execute(
        "DELETE FROM contract_roots WHERE tenant_id = %s AND fingerprint = %s RETURNING subject",
        (tenant_id, fingerprint),
    )
    row = await cursor.fetchone()
    return None if row is None else str(row[0])


async def find_rules(conn: Connection, tenant_id: int) -> RulesRow | None:
    """How contracts are judged; None where nobody said."""
    cursor = conn.cursor(row_factory=class_row(RulesRow))
    await cursor.execute(
        "SELECT required, unproven, provider_url, set_by, set_at FROM contract_rules WHERE tenant_id = %s", (tenant_id,)
    )
    return await cursor.fetchone()


async def put_rules(conn: Connection, tenant_id: int, rules: RulesRow, secret: bytes | None) -> bool:
    """Keep how contracts are judged. A secret that is there stays as long as there is a provider; returns whether the
    one given is the one that counts."""
    cursor = await conn.execute(
        "INSERT INTO contract_rules AS r (tenant_id, required, unproven, provider_url, provider_secret, set_by, set_at)"
        " VALUES (%(tenant)s, %(required)s, %(unproven)s, %(url)s, %(secret)s, %(by)s, %(at)s)"
        " ON CONFLICT (tenant_id) DO UPDATE SET required = excluded.required, unproven = excluded.unproven,"
        " provider_url = excluded.provider_url, set_by = excluded.set_by, set_at = excluded.set_at,"
        " provider_secret = CASE WHEN excluded.provider_url IS NULL THEN NULL"
        "  ELSE coalesce(r.provider_secret, excluded.provider_secret) END"
        " RETURNING provider_secret IS NOT NULL AND provider_secret = %(secret)s",
        {
            **{"tenant": tenant_id, "required": rules.required, "unproven": rules.unproven, "url": rules.provider_url},
            **{"secret": secret, "by": rules.set_by, "at": rules.set_at},
        },
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


class AnswerRow(Struct, frozen=True, kw_only=True):
    """What a responder said of a certificate; `serial` in hex."""

    serial: str
    url: str
    issuer: str
    standing: Standing
    produced_at: datetime | None
    counts_until: datetime
    asked_at: datetime


async def find_answer(conn: Connection, tenant_id: int, question: CertificateQuestion, now: datetime) -> Said | None:
    """What was said to this question and still counts."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        "SELECT standing, issuer, produced_at, counts_until, asked_at FROM responder_answers WHERE tenant_id = %s"
        " AND (algorithm, issuer_name_hash, issuer_key_hash, serial, url) = (%s, %s, %s, %s, %s) AND counts_until > %s",
        (tenant_id, *astuple(question), now),
    )
    row = await cursor.fetchone()
    return None if row is None else Said(**{**row, "standing": Standing(row["standing"])})


async def put_answer(conn: Connection, tenant_id: int, question: CertificateQuestion, said: Said) -> None:
    """Keep what was said, unless somebody asked later."""
    await conn.execute(
        "INSERT INTO responder_answers AS a (tenant_id, algorithm, issuer_name_hash, issuer_key_hash, serial, url,"
        " standing, issuer, produced_at, counts_until, asked_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (tenant_id, algorithm, issuer_name_hash, issuer_key_hash, serial, url) DO UPDATE SET"
        " standing = excluded.standing, issuer = excluded.issuer, produced_at = excluded.produced_at,"
        " counts_until = excluded.counts_until, asked_at = excluded.asked_at WHERE a.asked_at <= excluded.asked_at",
        (
            tenant_id, *astuple(question), said.standing.value, said.issuer, said.produced_at, said.counts_until,
            said.asked_at,
        ),
    )  # fmt: skip


async def forget_answers(conn: Connection, tenant_id: int) -> None:
    """Forget what was asked before the newest MAX_ANSWERS."""
    await conn.execute(
        "DELETE FROM responder_answers WHERE tenant_id = %(tenant)s AND asked_at < (SELECT asked_at"
        " FROM responder_answers WHERE tenant_id = %(tenant)s ORDER BY asked_at DESC OFFSET %(most)s LIMIT 1)",
        {"tenant": tenant_id, "most": MAX_ANSWERS - 1},
    )


async def list_answers(conn: Connection, tenant_id: int, limit: int) -> list[AnswerRow]:
    """What responders said, what was asked last first."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        "SELECT serial, url, issuer, standing, produced_at, counts_until, asked_at FROM responder_answers"
        " WHERE tenant_id = %s ORDER BY asked_at DESC, serial LIMIT %s",
        (tenant_id, limit),
    )
    return [AnswerRow(**{**row, "standing": Standing(row["standing"])}) for row in await cursor.fetchall()]
