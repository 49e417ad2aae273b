"""The verbs of what sessions cost. Each runs in the caller's transaction.

The tariff that counts for a session is fixed once: what its driver was shown and agreed on, else what is assigned to
its place, its time and its driver when it begins. From then on its cost depends on what was measured alone, so the same
words in any order come to the same bill. When money has moved by it, it changes no more.
"""

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from functools import partial
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import structlog
from msgspec import Struct

from forecourt.platform import outbox
from forecourt.platform.money import Money, minor_digits
from forecourt.pricing import service as pricing
from forecourt.pricing.bill import Bill, Piece
from forecourt.pricing.discounts import Discounts, no_discounts
from forecourt.pricing.discounts import Priced as Question
from forecourt.pricing.engine import Pricer
from forecourt.pricing.model import Circumstances, Discount, Tariff
from forecourt.pricing.shown import shown
from forecourt.sessions.costing import store
from forecourt.sessions.costing.charged import Charged, charged
from forecourt.sessions.costing.model import PRICED, CostSealed, FrozenBy, NotPricedYet, SessionCost, TariffRef
from forecourt.sessions.costing.segments import Measured, segments_of
from forecourt.sessions.costing.store import Connection, Costed, Frozen
from forecourt.sessions.remote.service import SessionUnknown

log = structlog.get_logger(__name__)

#: Tariffs that are kept ready to price by.
MAX_READY: Final = 1_000
_encode = msgspec.json.Encoder(order="deterministic").encode


class Agreed(Struct, frozen=True, kw_only=True):
    """The version of a tariff that a driver was shown and agreed on, and what may be taken at the most, after taxes."""

    tariff_id: UUID
    version: int
    most: Money | None = None
    circumstances: Circumstances = Circumstances()


class Counting(Struct, frozen=True, kw_only=True):
    """The version of a tariff that counts for a session, and where and under which circumstances."""

    tariff_id: UUID
    version: int
    name: str
    tariff: Tariff
    zone: str
    circumstances: Circumstances
    station_id: int
    evse: int | None


async def freeze(
    connection: Connection, tenant_id: int, session_id: UUID, tariff: Agreed | None, now: datetime,
    discounts: Discounts = no_discounts,
) -> None:  # fmt: skip
    """Fixes the version of a tariff that counts for a session: the one that was agreed on, or with None the one that is
    assigned. Idempotent; what was agreed on is never replaced, what is assigned gives way to it alone.

    Raises SessionUnknown, TariffUnknown, and CostSealed where money has moved by another one.
    """
    await store.hold(connection, session_id)
    costed = await _costed(connection, tenant_id, session_id)
    if tariff is None:
        if costed.frozen_by is None:
            await store.freeze(connection, tenant_id, costed, await _assigned(connection, tenant_id, costed), now)
        return
    if costed.sealed_at is not None and (costed.tariff_id, costed.tariff_version) != (tariff.tariff_id, tariff.version):
        raise CostSealed
    await pricing.find_version(connection, tenant_id, tariff.tariff_id, tariff.version)
    place = await pricing.find_place(connection, tenant_id, costed.station_id, costed.evse, costed.connector)
    await store.freeze(
        connection,
        tenant_id,
        costed,
        Frozen(
            tariff_id=tariff.tariff_id,
            tariff_version=tariff.version,
            frozen_by="agreement",
            assignment_id=None,
            zone="UTC" if place is None else place.zone,
            circumstances=_encode(tariff.circumstances),
        ),
        now,
    )
    if tariff.most is not None:
        await store.limit(connection, tenant_id, session_id, tariff.most.amount)
    if costed.final and costed.sealed_at is None:
        # By a tariff that was not known when it was priced.
        await price(connection, tenant_id, session_id, now, discounts)


async def counting(connection: Connection, tenant_id: int, session_id: UUID, now: datetime) -> Counting | None:
    """By what a session is priced, fixed with this where it wasn't; None where no tariff counts. Raises
    SessionUnknown."""
    await freeze(connection, tenant_id, session_id, None, now)
    costed = await _costed(connection, tenant_id, session_id)
    frozen = await _frozen(connection, tenant_id, costed)
    if frozen.tariff_id is None or frozen.tariff_version is None:
        return None
    version = await pricing.find_version(connection, tenant_id, frozen.tariff_id, frozen.tariff_version)
    return Counting(
        tariff_id=frozen.tariff_id,
        version=frozen.tariff_version,
        name=version.name,
        tariff=version.tariff,
        zone=frozen.zone,
        circumstances=msgspec.json.decode(frozen.circumstances, type=Circumstances),
        station_id=costed.station_id,
        evse=costed.evse,
    )


async def limit_cost(
    connection: Connection, tenant_id: int, session_id: UUID, most: Money | None, now: datetime,
    discounts: Discounts = no_discounts,
) -> None:  # fmt: skip
    """Says what may be taken at the most, after taxes, such as after a hold was raised; the bill is cut there.

    The session's tariff must be frozen. Raises SessionUnknown, NotPricedYet, CostSealed.
    """
    await store.hold(connection, session_id)
    costed = await _costed(connection, tenant_id, session_id)
    if costed.frozen_by is None:
        raise NotPricedYet
    if costed.sealed_at is not None:
        raise CostSealed
    await store.limit(connection, tenant_id, session_id, None if most is None else most.amount)
    await _price_again(connection, tenant_id, session_id, now, discounts)


async def cost_of(
    connection: Connection,
    tenant_id: int,
    session_id: UUID,
    now: datetime | None = None,
    discounts: Discounts = no_discounts,
) -> SessionCost:
    """What a session costs: as it is kept once it is final, else so far, by what was heard of it until now.

    With `now`, time that passed since its last word counts as if nothing else had happened. Raises SessionUnknown.
    """
    costed = await _costed(connection, tenant_id, session_id)
    if costed.final:
        return await _kept(connection, tenant_id, costed)
    frozen = await _frozen(connection, tenant_id, costed)
    return await _running(connection, tenant_id, costed, frozen, now, discounts)


async def price(
    connection: Connection, tenant_id: int, session_id: UUID, now: datetime, discounts: Discounts = no_discounts
) -> SessionCost | None:
    """Fixes by what a session is priced; of one that is over, finds the final cost and says PRICED if that is another
    than before. None: it still runs, or is held back for its signed meter values. Idempotent.

    One that is sealed stays as it is, and what it would cost is noted. One that goes on again is no longer final.
    Raises SessionUnknown.
    """
    await store.hold(connection, session_id)
    costed = await _costed(connection, tenant_id, session_id)
    frozen = await _frozen(connection, tenant_id, costed)
    if costed.frozen_by is None:
        await store.freeze(connection, tenant_id, costed, frozen, now)
    if costed.over_at is None or costed.held:
        await store.reopen(connection, tenant_id, session_id)
        return None
    found = await _running(connection, tenant_id, costed, frozen, None, discounts, final=True)
    if costed.sealed_at is not None:
        later = None if found.incl_vat is None else found.incl_vat.amount
        same = later == costed.incl_minor
        await store.note_later(connection, tenant_id, session_id, None if same else later)
    else:
        kept = store.Priced(
            currency=None if found.incl_vat is None else found.incl_vat.currency,
            excl_minor=None if found.excl_vat is None else found.excl_vat.amount,
            incl_minor=None if found.incl_vat is None else found.incl_vat.amount,
            bill=None if found.bill is None else _encode(found.bill),
        )
        if await store.finish(connection, tenant_id, session_id, kept, now):
            await outbox.write(connection, tenant_id, PRICED, str(session_id))
    return await _kept(connection, tenant_id, await _costed(connection, tenant_id, session_id))


async def seal(connection: Connection, tenant_id: int, session_id: UUID, now: datetime) -> SessionCost:
    """Money moves by the final cost of a session, in this very transaction: from now on it changes no more. Idempotent.

    Raises SessionUnknown, NotPricedYet.
    """
    await store.hold(connection, session_id)
    await _costed(connection, tenant_id, session_id)
    if not await store.seal(connection, tenant_id, session_id, now):
        raise NotPricedYet
    return await _kept(connection, tenant_id, await _costed(connection, tenant_id, session_id))


async def find_charged(connection: Connection, tenant_id: int, session_id: UUID) -> Charged | None:
    """What a session's CDR says of its cost; None until that is final. Raises SessionUnknown."""
    costed = await _costed(connection, tenant_id, session_id)
    if not costed.final:
        return None
    cost = await _kept(connection, tenant_id, costed)
    tariff = None
    if cost.tariff is not None:
        tariff = (await pricing.find_version(connection, tenant_id, cost.tariff.tariff_id, cost.tariff.version)).tariff
    return charged(cost, tariff)


async def _price_again(
    connection: Connection, tenant_id: int, session_id: UUID, now: datetime, discounts: Discounts
) -> None:
    """By a tariff or within a limit that was not known when it was priced."""
    costed = await _costed(connection, tenant_id, session_id)
    if costed.final and costed.sealed_at is None:
        await price(connection, tenant_id, session_id, now, discounts)


async def _costed(connection: Connection, tenant_id: int, session_id: UUID) -> Costed:
    costed = await store.find_costed(connection, tenant_id, session_id)
    if costed is None:
        raise SessionUnknown
    return costed


async def _assigned(connection: Connection, tenant_id: int, costed: Costed) -> Frozen:
    """By what is assigned to a session's place, time and driver."""
    place = await pricing.find_place(connection, tenant_id, costed.station_id, costed.evse, costed.connector)
    chosen = None
    if place is not None:
        chosen = await pricing.tariff_for(
            connection, tenant_id, place, costed.started_at, costed.group, costed.subscription
        )
    there = Circumstances(evse_kind=None if place is None else place.evse_kind, driver_group=costed.group)
    return Frozen(
        tariff_id=None if chosen is None else chosen.tariff_id,
        tariff_version=None if chosen is None else chosen.version,
        frozen_by="assignment",
        assignment_id=None if chosen is None else chosen.assignment.assignment_id,
        zone="UTC" if place is None else place.zone,
        circumstances=_encode(there),
    )


async def _frozen(connection: Connection, tenant_id: int, costed: Costed) -> Frozen:
    if costed.frozen_by is None or costed.zone is None or costed.circumstances is None:
        return await _assigned(connection, tenant_id, costed)
    return Frozen(
        tariff_id=costed.tariff_id,
        tariff_version=costed.tariff_version,
        frozen_by=costed.frozen_by,
        assignment_id=costed.assignment_id,
        zone=costed.zone,
        circumstances=_encode(costed.circumstances),
    )


async def _running(
    connection: Connection, tenant_id: int, costed: Costed, frozen: Frozen, now: datetime | None,
    discounts: Discounts, *, final: bool = False,
) -> SessionCost:  # fmt: skip
    """The cost by what is known now, whether that is final or not."""
    at = costed.over_at or max(costed.last_at, now or costed.last_at)
    if frozen.tariff_id is None or frozen.tariff_version is None:
        return SessionCost(
            session_id=costed.session_id, final=final, tariff=None, excl_vat=None, incl_vat=None, bill=None, at=at,
            held=costed.held,
        )  # fmt: skip
    version = await pricing.find_version(connection, tenant_id, frozen.tariff_id, frozen.tariff_version)
    there = msgspec.json.decode(frozen.circumstances, type=Circumstances)
    pricer = ready(frozen.tariff_id, frozen.tariff_version, version.tariff, frozen.zone, there)
    cut = segments_of(await measured(connection, tenant_id, costed, at))
    pieces = pricer.pieces(cut.start_at, cut.segments)
    plain, most = pricer.bill(pieces), _major(costed.most_minor, version.tariff.currency)
    less = partial(_billed, pricer, pieces, plain, most)
    asked = Question(
        session_id=costed.session_id, tariff_id=frozen.tariff_id, circumstances=there, token_uid=costed.token_uid,
        started_at=costed.started_at, final=final, bill=plain, less=less,
    )  # fmt: skip
    bill = less(await discounts(connection, tenant_id, asked))
    quote = shown(bill, pieces)
    return SessionCost(
        session_id=costed.session_id,
        final=final,
        tariff=_ref(frozen, version.name),
        excl_vat=quote.rounded.excl_vat,
        incl_vat=quote.rounded.incl_vat,
        bill=quote,
        at=at,
        most=_money(costed.most_minor, version.tariff.currency),
        held=costed.held,
    )


def _billed(
    pricer: Pricer, pieces: Sequence[Piece], plain: Bill, most: Fraction | None, discounts: Sequence[Discount]
) -> Bill:
    return plain if not discounts and most is None else pricer.bill(pieces, discounts, most)


async def measured(connection: Connection, tenant_id: int, costed: Costed, until: datetime) -> Measured:
    """What is known of a session until then."""
    values = await store.find_measured(connection, tenant_id, costed.station_id, costed.transaction_id)
    states = await store.list_states(connection, tenant_id, costed, until)
    if values.thinned or len(states) == store.MAX_STATES:
        log.warning("more was said of a session than it is priced by", tenant_id=tenant_id, session=costed.session_id)
    return Measured(
        started_at=costed.started_at,
        until=until,
        meter_start_wh=costed.meter_start_wh,
        meter_stop_wh=_stop_wh(costed),
        registers=values.registers,
        power=values.power,
        currents=values.currents,
        offered=values.offered,
        states=states,
        reserved_at=costed.reserved_at,
    )


def _stop_wh(costed: Costed) -> int | None:
    """The register at the end; where the meter's signature proves another energy, that counts."""
    if costed.over_at is None or costed.proven_wh is None or costed.meter_start_wh is None:
        return costed.meter_stop_wh
    return costed.meter_start_wh + costed.proven_wh


async def _kept(connection: Connection, tenant_id: int, costed: Costed) -> SessionCost:
    """The final cost as it is kept."""
    assert costed.priced_at is not None
    name = ""
    if costed.tariff_id is not None:
        name = (await pricing.find_tariff(connection, tenant_id, costed.tariff_id)).name
    return SessionCost(
        session_id=costed.session_id,
        final=True,
        tariff=_ref(costed, name),
        excl_vat=_money(costed.excl_minor, costed.currency),
        incl_vat=_money(costed.incl_minor, costed.currency),
        bill=costed.shown,
        at=costed.priced_at,
        most=_money(costed.most_minor, costed.currency),
        sealed=costed.sealed_at is not None,
        later=_money(costed.later_incl_minor, costed.currency),
        held=costed.held,
    )


def _ref(of: Frozen | Costed, name: str) -> TariffRef | None:
    if of.tariff_id is None or of.tariff_version is None:
        return None
    by: FrozenBy = of.frozen_by or "assignment"
    return TariffRef(
        tariff_id=of.tariff_id, version=of.tariff_version, name=name, frozen_by=by, assignment_id=of.assignment_id
    )


def _money(amount: int | None, currency: str | None) -> Money | None:
    return None if amount is None or currency is None else Money(amount=amount, currency=currency)


def _major(minor: int | None, currency: str) -> Fraction | None:
    return None if minor is None else Fraction(minor, 10 ** minor_digits(currency))


_ready: dict[tuple[UUID, int, str, Circumstances], Pricer] = {}


def ready(tariff_id: UUID, version: int, tariff: Tariff, zone: str, there: Circumstances) -> Pricer:
    """A version of a tariff ready to price by, kept: it never changes."""
    key = (tariff_id, version, zone, there)
    found = _ready.get(key)
    if found is None:
        while len(_ready) >= MAX_READY:
            _ready.pop(next(iter(_ready)))
        found = _ready[key] = Pricer(tariff, ZoneInfo(zone), there)
    return found
