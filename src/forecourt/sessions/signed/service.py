"""The verbs of signed meter values: check a session's, keep the key of a meter, release a session that is held back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from forecourt.access import Actor, audit
from forecourt.platform import outbox
from forecourt.platform.errors import ForecourtError
from forecourt.sessions.signed import records as forms
from forecourt.sessions.signed import store
from forecourt.sessions.signed.keys import key_of, usable
from forecourt.sessions.signed.model import Checked, Flaw, Verification, elsewhere, holds_back, judge
from forecourt.sessions.signed.store import Connection, KeyRow, SignatureRow, Subject
from forecourt.sessions.store import list_signed
from forecourt.stations.call_faults import StationUnknown
from forecourt.stations.store import find_station

#: The outbox event of a session whose records are to be looked at again; the subject is its id.
LOOK_AGAIN: Final = "session.signed"
MAX_REASON: Final = 500
#: Where a station serves one EVSE and doesn't name it.
FIRST_EVSE: Final = 1


class KeyRefused(ForecourtError):
    """This is no public key of a meter. Give an elliptic curve key as a SubjectPublicKeyInfo: hex or base64 of its DER,
    as it is printed at the meter or kept by the Bundesnetzagentur."""

    status = 422
    code = "meter-key-refused"


class KeyKnown(ForecourtError):
    """A key of this EVSE's meter stands for this very moment already, and keys are never changed. Give another moment
    from which the new one counts."""

    status = 409
    code = "meter-key-known"


class NotHeld(ForecourtError):
    """This session isn't held back for its signed meter values, or somebody released it already."""

    status = 409
    code = "session-not-held"


async def check(conn: Connection, tenant_id: int, session_id: UUID, now: datetime) -> Verification | None:
    """Check the signed records of a session and keep what was found; None where there is no such session.

    Idempotent; one without signed records leaves no row unless it had one, or is held back for that. The first key that
    a station itself says for a meter is kept when a record is genuine by it, and any other is a flaw from then on.
    """
    subject = await store.find_subject(conn, tenant_id, session_id)
    if subject is None:
        return None
    rows = await list_signed(conn, tenant_id, subject.station_id, subject.transaction_id)
    # A station may say the same record in several reports, and for several reasons.
    contexts: dict[str, set[int]] = {}
    for row in rows:
        contexts.setdefault(row.record, set()).add(row.context)
    records = list(contexts)
    if not records:
        return await _unsigned(conn, tenant_id, subject, now)
    kept = await _kept_key(conn, tenant_id, subject)
    key = kept.public_key if kept is not None else await _said_key(conn, tenant_id, subject, records)
    checked = [_against(forms.check(record, key, contexts[record]), key) for record in records]
    unfit = not any(each.flaw for each in checked) and forms.unfit(records)
    unfit = unfit or elsewhere(checked, subject.started_at, subject.ended_at or now)
    found = judge(checked, key=key, energy_wh=subject.energy_wh, unfit=unfit, over=subject.over)
    if kept is None and key is not None and any(each.flaw is None for each in checked):
        at, evse = subject.started_at, subject.evse or FIRST_EVSE
        await store.insert_key(conn, tenant_id, subject.station_id, evse, at, key, "station", "station")
    held = subject.over and holds_back(found.trust, subject.country, signs=True)
    await store.keep(conn, tenant_id, subject, found, held, now)
    return found


async def _unsigned(conn: Connection, tenant_id: int, subject: Subject, now: datetime) -> Verification:
    """Keeps that there are no records, where there were some or that holds the session back."""
    found = judge((), key=None, energy_wh=None, unfit=False, over=subject.over)
    # Asked only where it matters: most stations sign nothing.
    held = subject.over and holds_back(found.trust, subject.country, signs=True)
    held = held and await store.signs(conn, tenant_id, subject, subject.evse or FIRST_EVSE)
    if held:
        found = replace(found, flaws=(Flaw.PAIR_MISSING,))
    if held or await store.find_signature(conn, tenant_id, subject.session_id) is not None:
        await store.keep(conn, tenant_id, subject, found, held, now)
    return found


async def add_key(conn: Connection, actor: Actor, identity: str, evse: int, said: str, since: datetime) -> KeyRow:
    """Say the public key of an EVSE's meter from a moment on; sessions since then that were not verified are checked
    again. Raises StationUnknown, KeyRefused, KeyKnown."""
    station = await find_station(conn, actor.tenant_id, identity)
    if station is None:
        raise StationUnknown
    key = key_of(said)
    if key is None or not usable(key):
        raise KeyRefused
    named = (conn, actor.tenant_id, station.station_id, evse, since)
    if not await store.insert_key(*named, key, "operator", str(actor)):
        raise KeyKnown
    await store.ask_again(*named)
    await audit(conn, actor, "say meter key", f"station:{identity}", {"evse": evse, "since": since.isoformat()})
    row = await store.find_key(*named)
    assert row is not None
    return row


async def release(conn: Connection, actor: Actor, session_id: UUID, reason: str, now: datetime) -> SignatureRow:
    """Let a session be billed in spite of its records, by the registers that its station reported. Raises NotHeld."""
    if not await store.release(conn, actor.tenant_id, session_id, str(actor), reason, now):
        raise NotHeld
    await audit(conn, actor, "release session", f"session:{session_id}", {"reason": reason})
    await outbox.write(conn, actor.tenant_id, LOOK_AGAIN, str(session_id))
    row = await store.find_signature(conn, actor.tenant_id, session_id)
    assert row is not None
    return row


def _against(checked: Checked, key: str | None) -> Checked:
    """A record that came with another key than the one that counts is flawed, genuine by it or not."""
    other = key is not None and checked.key is not None and checked.key != key
    return replace(checked, flaw=Flaw.KEY_OTHER) if other and checked.flaw is not Flaw.RECORD_UNREADABLE else checked


async def _kept_key(conn: Connection, tenant_id: int, subject: Subject) -> KeyRow | None:
    evse = subject.evse or FIRST_EVSE
    return await store.find_key(conn, tenant_id, subject.station_id, evse, subject.started_at)


async def _said_key(conn: Connection, tenant_id: int, subject: Subject, records: Sequence[str]) -> str | None:
    """The key that the station itself told, in its variables or else with a record."""
    evse = subject.evse or FIRST_EVSE
    said = await store.list_said_keys(conn, tenant_id, subject.station_id)
    of_evse = [value for component, variable, value in said if _names(component, variable, evse)]
    alone = [said[0][2]] if len(said) == 1 and not of_evse else []
    for text in (*of_evse, *alone):
        key = key_of(text)
        if key is not None:
            return key
    return next((key for key in map(forms.own_key, records) if key is not None), None)


def _names(component: str, variable: str, evse: int) -> bool:
    """Whether a variable is about this EVSE: `MeterPublicKey[1]` or `MeterPublicKey1`; or `FiscalMetering@1`."""
    name = variable.rstrip("]").replace("[", "")
    return component.partition("@")[2].split(".")[0] == str(evse) or name.endswith(f"Key{evse}")
