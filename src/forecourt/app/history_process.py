"""The demo's past: simulated weeks before its first start, brought in as an operator brings his history, so that what
looks at weeks has something to look at from the first hour on.

A process of its own, of low priority, that ends when it is done. One that is stopped goes on with the next start where
it was; what is in is not brought again. It touches the demo's organisation and no other.
"""

import asyncio
import os
import sys
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec
import structlog
from msgspec import structs

from forecourt.access.model import Service
from forecourt.drivers.accounts.service import attach_token, create_driver
from forecourt.drivers.fleets.service import create_fleet, put_member
from forecourt.drivers.fleets.store import list_fleets
from forecourt.drivers.model import TokenState, uid_key
from forecourt.drivers.service import put_token
from forecourt.insight.importing.files import understood
from forecourt.insight.importing.service import Importer
from forecourt.insight.importing.store import list_holders, own_stations
from forecourt.insight.importing.tables import Options
from forecourt.insight.lake.export import Exporter
from forecourt.insight.lake.layout import LakeBusy
from forecourt.insight.nights import Nights
from forecourt.insight.replacement.inputs import KindInputs, ReplacementInputs
from forecourt.insight.replacement.service import Replacing
from forecourt.insight.replacement.sheet import import_changes
from forecourt.insight.replacement.store import find_inputs
from forecourt.insight.store import Connection, list_tenants
from forecourt.loyalty.model.campaigns import Past
from forecourt.loyalty.model.terms import Terms
from forecourt.loyalty.service import bring_campaign
from forecourt.loyalty.store.campaigns import list_campaigns
from forecourt.platform import log as logs
from forecourt.platform.clock import Clock, SystemClock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.platform.settings import Settings, load

log = structlog.get_logger(__name__)

#: Whose records they are, in the list of imports and in the lake.
SOURCE: Final = "simulated-past"
#: The table, in the data folder, by the day until when it tells.
NAME: Final = "simulated-past-{day}.csv"
#: What is told beside it of a campaign of these weeks.
CAMPAIGN_SUFFIX: Final = ".json"
#: And of fleets.
FLEETS_SUFFIX: Final = ".fleets"
#: And of hardware that was put in and replaced.
HARDWARE_SUFFIX: Final = ".hardware"
#: What replacing costs there, in cents: orders of magnitude.
CABLE_COSTS: Final = KindInputs(
    planned_minor=65_000, failed_minor=95_000, planned_down_h=2, failed_down_h=72, hour_minor=350
)
POWER_COSTS: Final = KindInputs(
    planned_minor=180_000, failed_minor=240_000, planned_down_h=4, failed_down_h=96, hour_minor=350
)
NICE: Final = 10
#: How long the demo's stations may take to be registered, and how often they are looked for.
STATIONS_WITHIN: Final = timedelta(minutes=5)
POLL_S: Final = 2.0
#: How often a lake that somebody else writes is tried again.
LAKE_TRIES: Final = 30
MAX_IMPORTS: Final = 1_000
MAX_CAMPAIGNS: Final = 1_000
#: Since so long before it its drivers have accounts, by addresses at which nobody reads.
BEFORE: Final = timedelta(weeks=26)
#: So long before now drivers of fleets joined them: before all that is told of them.
JOINED: Final = timedelta(weeks=40)
ADDRESS: Final = "{firm}-{number:03}@demo.example"
#: Of who is in no fleet.
DRIVER: Final = "driver"


class StationsMissing(ForecourtError):
    """The demo's stations are not registered yet. The next start brings their past in."""

    code = "stations-missing"


def main() -> None:
    """Brings the past in where it is missing, and does with it what a night does, what is quick first."""
    os.nice(NICE)
    settings = load(os.environ)
    logs.set_up(settings.log_level, settings.log_format)
    asyncio.run(_main(settings))


async def _main(settings: Settings) -> None:
    assert settings.database_url is not None
    url = settings.database_url
    async with Pool(url, "forecourt_worker", size=1, application="history") as every, every.anyone() as conn:
        tenants = await list_tenants(conn)
    async with Pool(url, "forecourt_app", size=2, application="history") as pool:
        for tenant_id, _ in tenants:
            await bring(pool, SystemClock(), settings, tenant_id)


async def bring(pool: Pool, clock: Clock, settings: Settings, tenant_id: int) -> bool:
    """Whether something was brought in: nothing is where it is there already, or this is no demo. Raises
    StationsMissing."""
    importer = Importer(pool, clock, "demo")
    async with pool.tenant(tenant_id) as conn:
        row = await (await conn.execute("SELECT demo FROM organisations WHERE tenant_id = %s", (tenant_id,))).fetchone()
    if row is None or not row[0]:
        return False
    imports = await importer.imports(tenant_id, MAX_IMPORTS)
    is_in = any(each.source == SOURCE and each.ended_at is not None for each in imports)
    path = await asyncio.to_thread(_kept, settings.data_dir)
    if is_in and path is None:
        return False
    if path is None:
        path = await _made(settings.data_dir, clock)
    ran = await asyncio.to_thread(_ran, path.with_suffix(CAMPAIGN_SUFFIX))
    # Accounts first: who has one is known by it in what is brought in.
    drivers: dict[str, int] = {}
    if ran is not None:
        async with pool.tenant(tenant_id) as conn:
            drivers = await _accounts(conn, tenant_id, DRIVER, ran.drivers, ran.started_at - BEFORE)
    for firm in await asyncio.to_thread(_firms, path.with_suffix(FLEETS_SUFFIX)):
        await _fleet(pool, tenant_id, firm, clock.now() - JOINED)
    if not is_in:
        await _until_registered(pool, clock, tenant_id, path)
        source = await asyncio.to_thread(understood, path, Options(), clock.now())
        report = await importer.bring(tenant_id, path, source, SOURCE)
        log.info("the demo's past is in", sessions=report.taken, energy_wh=report.taken_wh)
    if ran is not None:
        await _campaign(pool, clock, tenant_id, ran, drivers)
    await _hardware(pool, clock, tenant_id, path.with_suffix(HARDWARE_SUFFIX))
    await _export(Exporter(pool, clock, settings.lake), tenant_id)
    await Nights(pool, clock, settings.lake, quick=True).do(tenant_id)
    # While the table is there, something is left to do.
    for suffix in (CAMPAIGN_SUFFIX, FLEETS_SUFFIX, HARDWARE_SUFFIX):
        await asyncio.to_thread(path.with_suffix(suffix).unlink, missing_ok=True)
    await asyncio.to_thread(path.unlink)
    log.info("the demo's past is told")
    return True


def _kept(folder: Path) -> Path | None:
    """The table of a start that was stopped."""
    return next(iter(sorted(folder.glob(NAME.format(day="*")))), None)


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """What the simulator says of its campaign: its terms, when it ran, what it took of bills in minor units, and the
    cards of its drivers, with whether each had it."""

    name: str
    label: str
    currency: str
    percent: int
    most: int
    holdout_percent: int
    started_at: datetime
    ended_at: datetime
    spent: int
    drivers: dict[str, bool]


class Firm(msgspec.Struct, frozen=True, kw_only=True):
    """What it says of a fleet: whom its bills are for, and the cards of its drivers with the cost centre of each."""

    name: str
    bill_to: str
    currency: str
    drivers: dict[str, str]


def _ran(path: Path) -> Ran | None:
    return msgspec.json.decode(path.read_bytes(), type=Ran) if path.exists() else None


def _firms(path: Path) -> list[Firm]:
    return msgspec.json.decode(path.read_bytes(), type=list[Firm]) if path.exists() else []


def _who(tenant_id: int) -> Service:
    return Service(tenant_id=tenant_id, id=SOURCE, name="The demo's past")


async def _accounts(
    conn: Connection, tenant_id: int, firm: str, cards: Iterable[str], since: datetime
) -> dict[str, int]:
    """Has the holder of each card have an account since then; numbers of drivers by card."""
    who, cards = _who(tenant_id), [*cards]
    holders = await list_holders(conn, tenant_id, [uid_key(uid) for uid in cards])
    found = {uid: holders[uid_key(uid)][0].driver_id for uid in cards if uid_key(uid) in holders}
    for number, uid in enumerate(cards, 1):
        if uid in found:
            continue
        await put_token(conn, who, uid=uid, type_="ISO14443", status=TokenState.ACCEPTED, group=None, expires_at=None)
        address = ADDRESS.format(firm=firm, number=number)
        made = await create_driver(conn, who, address, None, "en", since)
        await attach_token(conn, who, made.driver_id, uid, since, by="operator")
        found[uid] = made.driver_id
    return found


async def _fleet(pool: Pool, tenant_id: int, firm: Firm, since: datetime) -> None:
    """A fleet with its drivers, for all of whom it pays; once."""
    who = _who(tenant_id)
    async with pool.tenant(tenant_id) as conn:
        if any(each.name == firm.name for each in await list_fleets(conn, tenant_id, since)):
            return
        values = {
            "name": firm.name, "bill_to": firm.bill_to, "email": "", "currency": firm.currency, "session_limit": None,
            "month_limit": None,
        }  # fmt: skip
        made = await create_fleet(conn, who, values, since)
        drivers = await _accounts(conn, tenant_id, firm.name.lower().replace(" ", "-"), firm.drivers, since)
        for uid, driver_id in drivers.items():
            said = {"cost_centre": firm.drivers[uid], "session_limit": None, "month_limit": None}
            await put_member(conn, who, made.fleet_id, driver_id, said, since, pays=True)


async def _campaign(pool: Pool, clock: Clock, tenant_id: int, ran: Ran, drivers: Mapping[str, int]) -> None:
    """The campaign as one that ran elsewhere, once."""
    terms = Terms(
        name=ran.name, label=ran.label, currency=ran.currency, percent=Decimal(ran.percent), most=ran.most,
        holdout_percent=Decimal(ran.holdout_percent),
    )  # fmt: skip
    past = Past(
        source=SOURCE, started_at=ran.started_at, ended_at=ran.ended_at, spent=ran.spent,
        drivers={drivers[uid]: had for uid, had in ran.drivers.items()},
    )  # fmt: skip
    async with pool.tenant(tenant_id) as conn:
        if all(each.source != SOURCE for each in await list_campaigns(conn, tenant_id, MAX_CAMPAIGNS)):
            await bring_campaign(conn, _who(tenant_id), terms, past, clock.now())


async def _hardware(pool: Pool, clock: Clock, tenant_id: int, path: Path) -> None:
    """What was put in and replaced, and what that costs unless somebody said so already; nothing without a table."""
    if not await asyncio.to_thread(path.exists):
        return
    table = await asyncio.to_thread(path.read_bytes)
    replacing, who = Replacing(pool, clock), _who(tenant_id)
    async with pool.tenant(tenant_id) as conn:
        done = await import_changes(replacing, conn, who, table, dry_run=False)
        days = [date.fromisoformat(line.values["on"]) for line in done.of("create")]
        if days and await find_inputs(conn, tenant_id) is None:
            since = min(days)
            told = ReplacementInputs(
                station=KindInputs(recorded_since=since), power=structs.replace(POWER_COSTS, recorded_since=since),
                cable=structs.replace(CABLE_COSTS, recorded_since=since),
            )  # fmt: skip
            await replacing.say_inputs(conn, who, told)


async def _made(folder: Path, clock: Clock) -> Path:
    """A table of the weeks until now."""
    until = clock.now().replace(microsecond=0)
    path = folder / NAME.format(day=f"{until:%Y-%m-%d}")
    made = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "forecourt.simulator.past", str(path), until.isoformat()
    )
    if await made.wait():
        raise ForecourtError("The simulated past could not be made.")
    return path


async def _until_registered(pool: Pool, clock: Clock, tenant_id: int, path: Path) -> None:
    """Waits for the stations that the table tells of: sessions at a station that nobody knows would be a stranger's."""
    source = await asyncio.to_thread(understood, path, Options(), clock.now())
    names = sorted({each.session.station for each in source.rows() if each.session is not None})
    until_s = clock.monotonic() + STATIONS_WITHIN.total_seconds()
    while True:
        async with pool.tenant(tenant_id) as conn:
            there = await own_stations(conn, tenant_id, names)
        if len(there) == len(names):
            return
        if clock.monotonic() > until_s:
            raise StationsMissing
        await asyncio.sleep(POLL_S)


async def _export(exporter: Exporter, tenant_id: int) -> None:
    for left in reversed(range(LAKE_TRIES)):
        try:
            await exporter.export(tenant_id)
        except LakeBusy:
            if not left:
                raise
            await asyncio.sleep(POLL_S)
        else:
            return


if __name__ == "__main__":
    try:
        main()
    except ForecourtError as fault:
        sys.exit(fault.detail)
