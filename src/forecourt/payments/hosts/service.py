"""The verbs of hosts. Each runs in the caller's transaction, in which it also writes the audit."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from forecourt.access import Actor, audit
from forecourt.payments.bank import store as bank_store
from forecourt.payments.bank.model import Bank, read_iban, shown
from forecourt.payments.bank.store import BankRow
from forecourt.payments.hosts import outcomes
from forecourt.payments.hosts.entries import expense
from forecourt.payments.hosts.events import PAY
from forecourt.payments.hosts.lines import book
from forecourt.payments.hosts.model import (
    MAX_HOSTS,
    MAX_RULES,
    HostRefused,
    HostUnknown,
    RuleRefused,
    ShareRule,
    TooManyHosts,
    check_country,
    check_currency,
    check_rule,
    check_vat_id,
)
from forecourt.payments.hosts.store import Connection
from forecourt.payments.hosts.store import hosts as store
from forecourt.payments.hosts.store.hosts import HostRow
from forecourt.payments.hosts.store.lines import About
from forecourt.payments.hosts.store.payouts import PayoutRow
from forecourt.payments.ledger.entries import host_owed
from forecourt.platform import outbox
from forecourt.platform.preconditions import check_match, etag


async def create(
    conn: Connection, actor: Actor, values: Mapping[str, Any], sites: Sequence[str], at: datetime
) -> HostRow:
    """Makes a host. Raises TooManyHosts, HostRefused."""
    check_country(values["country"])
    check_vat_id(values.get("vat_id", ""))
    if await store.count_hosts(conn, actor.tenant_id) >= MAX_HOSTS:
        raise TooManyHosts
    site_ids = await _sites(conn, actor.tenant_id, sites)
    row = await store.insert_host(conn, actor.tenant_id, {**values, "site_ids": site_ids, "created_at": at})
    await audit(conn, actor, "create host", f"host:{row.host_id}", {"name": row.name, "sites": list(sites)})
    return row


async def change(
    conn: Connection, actor: Actor, host_id: int, changes: Mapping[str, Any], sites: Sequence[str] | None,
    if_match: str | None = None,
) -> HostRow:  # fmt: skip
    """Changes a host, if they are still as `if_match` says. Raises HostUnknown, HostRefused, ChangedMeanwhile."""
    before = await store.find_host(conn, actor.tenant_id, host_id, lock=True)
    if before is None:
        raise HostUnknown
    check_match(if_match, etag(before))
    made = dict(changes)
    if "country" in made:
        check_country(made["country"])
    check_vat_id(made.get("vat_id", ""))
    if sites is not None:
        made["site_ids"] = await _sites(conn, actor.tenant_id, sites)
    if not made:
        return before
    row = await store.update_host(conn, actor.tenant_id, host_id, made)
    assert row is not None
    await audit(conn, actor, "change host", f"host:{host_id}", {"changed": sorted(made)})
    return row


async def put_bank(
    conn: Connection, actor: Actor, host_id: int, bank: Bank, *, name: str, iban: str, bic: str
) -> HostRow:
    """Says where a host's money goes; who was not paid because it came back is paid again. Raises HostUnknown,
    IbanRefused."""
    await find(conn, actor.tenant_id, host_id)
    read = read_iban(iban)
    changes = {
        "bank_name": name, "iban_sealed": bank.close(read), "iban_shown": shown(read), "bic": bic, "held_at": None,
        "held_reason": "",
    }  # fmt: skip
    row = await store.update_host(conn, actor.tenant_id, host_id, changes)
    assert row is not None
    await audit(conn, actor, "change bank account of host", f"host:{host_id}", {"iban": row.iban_shown})
    return row


async def resume(conn: Connection, actor: Actor, host_id: int) -> HostRow:
    """Somebody looked why a host is not paid: they are paid again. Raises HostUnknown."""
    await find(conn, actor.tenant_id, host_id)
    row = await store.update_host(conn, actor.tenant_id, host_id, {"held_at": None, "held_reason": ""})
    assert row is not None
    await audit(conn, actor, "pay host again", f"host:{host_id}")
    return row


async def put_own_bank(
    conn: Connection, actor: Actor, bank: Bank, *, name: str, iban: str, bic: str, at: datetime
) -> BankRow:
    """Says from where the organisation pays. Raises IbanRefused."""
    read = read_iban(iban)
    row = BankRow(name=name, iban_sealed=bank.close(read), iban_shown=shown(read), bic=bic, changed_at=at)
    await bank_store.put_bank(conn, actor.tenant_id, row)
    await audit(conn, actor, "change payout bank", "organisation", {"iban": row.iban_shown})
    return row


async def add_rule(
    conn: Connection, actor: Actor, *, host_id: int | None, site: str, station: str | None, valid_from: datetime,
    rule: ShareRule, at: datetime,
) -> int:  # fmt: skip
    """Makes a version of a rule. Raises RuleRefused, HostUnknown."""
    if host_id is not None:
        check_rule(rule)
        await find(conn, actor.tenant_id, host_id)
    site_id = (await store.find_sites(conn, actor.tenant_id, [site])).get(site)
    if site_id is None:
        raise RuleRefused(f"There is no site {site}. `GET /api/v1/sites` lists those that exist.")
    station_id = None if station is None else await store.find_station(conn, actor.tenant_id, station, site_id)
    if station is not None and station_id is None:
        raise RuleRefused(f"There is no station {station} at the site {site}, or below it.")
    shared = await store.shared_since(conn, actor.tenant_id, site_id, valid_from)
    if shared is not None:
        raise RuleRefused(
            f"Sessions there that began until {shared.isoformat()} were shared already. Let the rule begin after that."
        )
    if await store.count_rules(conn, actor.tenant_id, site_id) >= MAX_RULES:
        raise RuleRefused("The site has as many versions of rules as it may have.")
    made = await store.insert_rule(
        conn, actor.tenant_id, host_id=host_id, site_id=site_id, station_id=station_id, valid_from=valid_from,
        rule=rule, made_at=at, made_by=str(actor),
    )  # fmt: skip
    if made is None:
        raise RuleRefused("There is a rule of that site, or of that station, from this very moment on.")
    detail = {"host": host_id, "station": station, "from": valid_from.isoformat()}
    await audit(conn, actor, "add share rule", f"site:{site}", detail)
    return made


async def add_expense(
    conn: Connection, actor: Actor, host_id: int, *, key: str, kind: str, currency: str, amount: int, site: str | None,
    memo: str, at: datetime,
) -> bool:  # fmt: skip
    """A host is owed something beside shares; below 0: owes it. Whether it is new under this key. Raises HostUnknown,
    HostRefused, EntryDiffers."""
    check_currency(currency)
    await find(conn, actor.tenant_id, host_id)
    if not amount:
        raise HostRefused("An expense of nothing is none. Say what the host is owed, or owes as an amount below 0.")
    site_id = None if site is None else (await _sites(conn, actor.tenant_id, [site]))[0]
    if site_id is not None and not await store.is_at(conn, actor.tenant_id, host_id, site_id):
        raise HostRefused(f"The site {site} is not this host's. Name one of theirs, or leave the site out.")
    entry = expense(
        expense=f"{host_id}-{key}", kind=kind, at=at, currency=currency, amount=amount, against=host_owed(host_id),
        site_id=site_id, memo=memo,
    )  # fmt: skip
    new = await book(conn, actor.tenant_id, host_id, entry, About(site_id=site_id, memo=memo))
    if new:
        detail = {"kind": kind, "amount": amount, "currency": currency, "key": key}
        await audit(conn, actor, "add expense", f"host:{host_id}", detail)
    return new


async def bounce(conn: Connection, actor: Actor, payout_id: int, reason: str, at: datetime) -> PayoutRow:
    """A payout came back. Raises PayoutUnknown, PayoutStands."""
    row = await outcomes.bounce(conn, actor.tenant_id, payout_id, reason, at)
    await audit(conn, actor, "take back payout", f"payout:{payout_id}", {"reason": reason})
    return row


async def paid_by_hand(
    conn: Connection, actor: Actor, payout_id: int, on: date, reference: str, at: datetime
) -> PayoutRow:
    """A payout was paid by hand. Raises PayoutUnknown, PayoutStands, PayoutDayRefused."""
    row = await outcomes.paid_by_hand(conn, actor.tenant_id, payout_id, on, reference, at)
    if row.ended_at == at:
        # Said again it is no deed.
        detail = {"on": on.isoformat(), "reference": reference}
        await audit(conn, actor, "pay payout by hand", f"payout:{payout_id}", detail)
    return row


async def booked(
    conn: Connection, actor: Actor, payout_id: int, on: date, reason: str, at: datetime
) -> PayoutRow:  # fmt: skip
    """The bank booked a payout of a file, as somebody says. Raises PayoutUnknown, PayoutStands, PayoutDayRefused."""
    row, new = await outcomes.booked(conn, actor.tenant_id, payout_id, on, str(actor), at)
    if new:
        detail = {"on": on.isoformat(), "reason": reason}
        await audit(conn, actor, "say payout booked", f"payout:{payout_id}", detail)
    return row


async def not_booked(conn: Connection, actor: Actor, payout_id: int, reason: str) -> PayoutRow:
    """What somebody said of a payout's booking is taken back. Raises PayoutUnknown, PayoutStands."""
    row, on = await outcomes.not_booked(conn, actor.tenant_id, payout_id)
    detail = {"on": on.isoformat(), "reason": reason}
    await audit(conn, actor, "take back payout booked", f"payout:{payout_id}", detail)
    return row


async def ask_to_pay(conn: Connection, actor: Actor) -> None:
    """Hosts are paid now, in a minute. Asking again meanwhile changes nothing."""
    await outbox.write(conn, actor.tenant_id, PAY, str(actor.tenant_id))
    await audit(conn, actor, "ask to pay hosts", "organisation")


async def find(conn: Connection, tenant_id: int, host_id: int) -> HostRow:
    """The host of this number. Raises HostUnknown."""
    row = await store.find_host(conn, tenant_id, host_id)
    if row is None:
        raise HostUnknown
    return row


async def _sites(conn: Connection, tenant_id: int, slugs: Sequence[str]) -> list[int]:
    known = await store.find_sites(conn, tenant_id, slugs)
    unknown = [slug for slug in slugs if slug not in known]
    if unknown:
        raise HostRefused(f"There is no site {unknown[0]}. `GET /api/v1/sites` lists those that exist.")
    return sorted(known.values())
