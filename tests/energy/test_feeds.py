"""Signals are fetched from markets and grid operators over real sockets, and what is missing stays missing."""

import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import structlog

from forecourt.access import Actor, Role
from forecourt.energy import store
from forecourt.energy.errors import TariffRefused
from forecourt.energy.feeds.areas import ENTSOE, NORD_POOL, is_entsoe
from forecourt.energy.feeds.model import (
    Entsoe,
    Feed,
    NordPool,
    OpenAdr3,
    Secrets,
    Source,
    market_days,
    next_fetch,
)
from forecourt.energy.fetcher import Fetcher
from forecourt.energy.jobs import EnergyJobs
from forecourt.energy.model import Node
from forecourt.energy.service.feeds import Feeds
from forecourt.energy.service.signals import change_tariff, known_signals
from forecourt.energy.service.sites import CHANGED, change_electrics, find_record
from forecourt.energy.signals.model import NodeLimit, Span, Tariff
from forecourt.energy.site import SiteTree, Solar
from forecourt.energy.store import feeds as feed_store
from forecourt.energy.store.signals import co2_zones
from forecourt.platform import log
from forecourt.platform.outward import Outward
from tests.care.yard import Yard
from tests.energy import markets
from tests.support import FakeClock

SECRET = b"a secret of the tests"
TOKEN = "3f2a-entsoe-token-never-told"


class Line:
    """A site with feeds, and the worker that fetches them."""

    def __init__(self, yard: Yard, outward: Outward) -> None:
        self.yard = yard
        self.site_id = yard.site()
        self.actor = Actor(tenant_id=yard.tenant_id, organisation="A", id=1, kind="key", name="Tests", role=Role.OWNER)
        self.fetcher = Fetcher(yard.worker, yard.tenants, yard.clock, outward, SECRET)
        self.other = Fetcher(yard.worker, yard.tenants, yard.clock, outward, SECRET)

    async def add(self, source: Source, **secrets: str) -> int:
        async with self.yard.tenants.tenant(self.yard.tenant_id) as conn:
            record = await find_record(conn, self.yard.tenant_id, str(self.site_id))
            made = await Feeds(SECRET, private=True).create(
                conn, self.actor, record, name=f"Feed {type(source).__name__}", active=True, source=source,
                secrets=Secrets(**secrets), now=self.yard.clock.now(),
            )  # fmt: skip
        return made.feed_id

    async def fetch(self, feed_id: int) -> Feed:
        """Fetches what is due, the feed first, and tells how that feed fares."""
        async with self.yard.tenants.tenant(self.yard.tenant_id) as conn:
            await feed_store.ask_now(conn, self.yard.tenant_id, feed_id, self.yard.clock.now())
        await self.fetcher.fetch_due()
        return await self.feed(feed_id)

    async def feed(self, feed_id: int) -> Feed:
        async with self.yard.tenants.tenant(self.yard.tenant_id) as conn:
            found = await feed_store.find_feed(conn, self.yard.tenant_id, self.site_id, feed_id)
        assert found is not None
        return found

    async def prices(self, zone: str, kind: Any = "price") -> list[Span]:
        now = self.yard.clock.now()
        async with self.yard.tenants.tenant(self.yard.tenant_id) as conn:
            return await store.prices_between(
                conn, self.yard.tenant_id, zone, now - timedelta(days=3), now + timedelta(days=4), kind
            )

    async def limits(self) -> list[NodeLimit]:
        """Those that count now or later."""
        now = self.yard.clock.now()
        async with self.yard.tenants.tenant(self.yard.tenant_id) as conn:
            return await store.limits_between(conn, self.yard.tenant_id, self.site_id, now, now + timedelta(days=30))


@pytest_asyncio.fixture
async def line(yard: Yard) -> AsyncIterator[Line]:
    async with Outward(private=True) as outward:
        yield Line(yard, outward)


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Path]:
    """All that is logged, as a worker at its most talkative would."""
    path = tmp_path / "log"
    handlers, level, was = logging.root.handlers[:], logging.root.level, structlog.get_config()
    with path.open("w", encoding="utf-8") as stream:
        log.set_up("debug", "json", stream)
        # A logger that was kept as it is here would log here for ever.
        structlog.configure(cache_logger_on_first_use=False)
        yield path
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.configure(**was)


async def test_quarters_of_entsoe_are_stored_with_their_hole_and_the_token_is_told_to_nobody_else(
    line: Line, clock: FakeClock, told: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import entsoe.entsoe

    # The day after has 23 hours in Europe.
    clock.set(datetime(2026, 3, 28, 13, 30, tzinfo=UTC))
    today = datetime(2026, 3, 27, 23, tzinfo=UTC)
    days = [(today, today + timedelta(hours=24)), (today + timedelta(hours=24), today + timedelta(hours=47))]
    server = markets.Entsoe()
    async with markets.serving(server.app()) as url:
        monkeypatch.setattr(entsoe.entsoe, "URL", f"{url}/api")
        # A market that published today alone, and of that not the points 61 and 62, of 15:00 UTC.
        hole = datetime(2026, 3, 28, 14, 0, tzinfo=UTC)
        server.text = markets.day_ahead_document(days[:1], 15, frozenset({61, 62}))
        feed_id = await line.add(Entsoe(area="DE_LU", zone="DE-LU"), token=TOKEN)
        feed = await line.fetch(feed_id)
        assert server.asked[-1] == {
            "securityToken": TOKEN, "documentType": "A44", "in_Domain": "10Y1001A1001A82H",
            "out_Domain": "10Y1001A1001A82H", "offset": "0", "contract_MarketAgreement.type": "A01",
            "classificationSequence_AttributeInstanceComponent.position": "1",
            "periodStart": "202603272300", "periodEnd": "202603292200",
        }  # fmt: skip
        assert feed.failure is None
        spans = await line.prices("DE-LU")
        assert len(spans) == 94
        assert {span.minutes for span in spans} == {15}
        assert spans[0].value == Decimal("0.00125")
        assert hole not in {span.start_at for span in spans}
        assert feed.known_until == hole
        # It is asked for again soon, also for the sake of the hole alone.
        assert feed.next_at == clock.now() + timedelta(minutes=10)
        server.text = markets.day_ahead_document(days, 15, frozenset({61, 62}))
        assert (await line.fetch(feed_id)).known_until == hole
        server.text = markets.day_ahead_document(days, 15)
        feed = await line.fetch(feed_id)
        assert len(await line.prices("DE_LU")) == 96 + 92
        assert feed.known_until == days[1][1]
        # Curves of the type A03 leave out what stays as it is.
        server.text = markets.day_ahead_document(days, 15, frozenset({61, 62}), "A03")
        await line.fetch(feed_id)
        assert {str(span.value) for span in await line.prices("DE-LU") if span.start_at == hole} == {"0.06025000"}
        # What was known stays when the token counts no more.
        server.status, server.text = 401, "<text>Unauthorized</text>"
        waits = []
        for _ in range(3):
            feed = await line.fetch(feed_id)
            waits.append((feed.next_at - clock.now()).total_seconds())
        assert (feed.failure, feed.failure_detail, feed.failures) == ("refused", "HTTP 401", 3)
        assert waits == [30, 60, 120]
        assert feed.known_until == days[1][1]
        assert len(await line.prices("DE-LU")) == 96 + 92
        server.status, server.text = 200, "<html>maintenance</html>"
        assert (await line.fetch(feed_id)).failure == "unreadable"
    # The server is gone.
    assert (await line.fetch(feed_id)).failure == "unreachable"
    kept = line.yard.rows("SELECT row_to_json(f)::text AS kept FROM energy_feeds f WHERE feed_id = %s", feed_id)
    kept += line.yard.rows("SELECT row_to_json(a)::text AS kept FROM audit a")
    assert "add feed" in str(kept)
    written = told.read_text(encoding="utf-8")
    assert "a feed was not fetched" in written
    assert TOKEN not in written
    assert TOKEN not in str(kept)


async def test_hours_of_nord_pool_make_a_day_of_25_hours_and_a_missing_one_is_no_zero(
    line: Line, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nordpool.elspot import Prices

    clock.set(datetime(2026, 10, 24, 10, 45, tzinfo=UTC))
    today, tomorrow = datetime(2026, 10, 23, 22, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC)
    missing = datetime(2026, 10, 25, 5, tzinfo=UTC)
    server = markets.NordPool(frozenset({missing}))
    async with markets.serving(server.app()) as url:
        monkeypatch.setattr(Prices, "API_URL", f"{url}/api")
        server.days = {"2026-10-24": (today, tomorrow)}
        feed_id = await line.add(NordPool(area="SE3", currency="SEK"))
        feed = await line.fetch(feed_id)
        # Before those of tomorrow are published they are not missed.
        assert feed.known_until == tomorrow
        assert feed.next_at == datetime(2026, 10, 24, 10, 55, tzinfo=UTC)
        server.days["2026-10-25"] = (tomorrow, tomorrow + timedelta(hours=25))
        feed = await line.fetch(feed_id)
        spans = await line.prices("SE3")
        assert (len(spans), {span.minutes for span in spans}) == (24 + 24, {60})
        assert missing not in {span.start_at for span in spans}
        assert feed.known_until == missing
        assert spans[-1].value == Decimal("25.0225")
        assert {each["resolutionInMinutes"] for each in server.asked} == {"15"}
        # Who pays in another currency pays none of these, and is told so; one that did before pays none all the same.
        for currency, count in (("SEK", 48), ("EUR", 0)):
            async with line.yard.tenants.tenant(line.yard.tenant_id) as conn:
                record = await find_record(conn, line.yard.tenant_id, str(line.site_id))
                tariff = Tariff(currency=currency, price_zone="SE3", co2_zone="DE_LU")
                if count:
                    await change_tariff(conn, line.actor, record, tariff, clock.now(), None)
                else:
                    with pytest.raises(TariffRefused, match="the prices of SE3 are in SEK"):
                        await change_tariff(conn, line.actor, record, tariff, clock.now(), None)
                    await store.store_tariff(conn, record.tenant_id, record.site_id, tariff, "before", clock.now())
                known = await known_signals(conn, record, clock.now(), clock.now() + timedelta(days=3))
            assert len(known.prices) == count
        assert line.yard.rows(
            "SELECT DISTINCT currency, source FROM signal_series WHERE tenant_id = %s", line.yard.tenant_id
        ) == [{"currency": "SEK", "source": "Nord Pool"}]
        # A zone is spelt in several ways, and is one all the same.
        async with line.yard.tenants.tenant(line.yard.tenant_id) as conn:
            await store.store_series(conn, line.yard.tenant_id, "co2", "DE-LU", None, spans)
            assert await co2_zones(conn, line.yard.tenant_id) == [(record.slug, "DE-LU")]


async def test_what_is_fetched_by_one_worker_is_not_fetched_by_another_and_comes_back_when_it_dies(
    line: Line, clock: FakeClock
) -> None:
    feed_id = await line.add(OpenAdr3(url="http://127.0.0.1:1/openadr3"))
    async with line.yard.worker.anyone() as conn:
        taken = await feed_store.take_due(conn, clock.now(), timedelta(seconds=90), 8)
    assert [each.feed_id for each in taken] == [feed_id]
    assert await line.other.fetch_due() == 0
    clock.advance(91)
    assert await line.other.fetch_due() == 1
    assert (await line.feed(feed_id)).failure == "unreachable"


async def test_a_clear_sky_is_reckoned_for_plants_where_they_stand_and_anew_when_they_are_turned(
    line: Line, clock: FakeClock
) -> None:
    jobs, tenant_id = EnergyJobs(line.yard.worker, line.yard.tenants, clock), line.yard.tenant_id
    line.yard.rows("UPDATE sites SET latitude = 52.5, longitude = 13.4 WHERE site_id = %s", line.site_id)

    async def noon(azimuth_deg: float) -> tuple[int | None, int | None]:
        """What is known before and after the job of noon at the day after."""
        roof = Solar(id="roof", node="grid", peak_w=10_000, azimuth_deg=azimuth_deg)
        found = []
        for job in (None, jobs):
            async with line.yard.tenants.tenant(tenant_id) as conn:
                tree = SiteTree(nodes=(Node(id="grid"),), solar=(roof,))
                await change_electrics(conn, line.actor, str(line.site_id), tree, clock.now(), None)
            if job is not None:
                await job.electrics_changed(tenant_id=tenant_id, subject=str(line.site_id))
            async with line.yard.tenants.tenant(tenant_id) as conn:
                record = await find_record(conn, tenant_id, str(line.site_id))
                known = await known_signals(conn, record, clock.now(), clock.now() + timedelta(days=3))
            found.append(known.skies["roof"].power_w(clock.now() + timedelta(days=1)))
        return found[0], found[1]

    before, south = await noon(180)
    unknown, north = await noon(0)
    assert (before, unknown) == (None, None)
    assert south is not None
    assert north is not None
    assert south > 2 * north > 0
    assert line.yard.rows("SELECT count(*) FROM outbox WHERE event = %s", CHANGED) == [{"count": 1}]
    # Day by day one more is reckoned, and old ones are forgotten.
    clock.advance(24 * 3600)
    await jobs.reckon_skies()
    days = line.yard.rows("SELECT min(day)::text AS first, max(day)::text AS last, count(*) FROM clear_skies")
    assert days == [{"first": "2026-02-15", "last": "2026-03-06", "count": 20}]


def test_prices_are_asked_for_when_they_are_published_and_until_they_are_there() -> None:
    source = Entsoe(area="NL")
    before, after = datetime(2026, 3, 2, 9, 0, tzinfo=UTC), datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    today, tomorrow = datetime(2026, 3, 2, 23, tzinfo=UTC), datetime(2026, 3, 3, 23, tzinfo=UTC)
    assert market_days(before) == (datetime(2026, 3, 1, 23, tzinfo=UTC), tomorrow)
    assert next_fetch(source, today, before) == datetime(2026, 3, 2, 11, 50, tzinfo=UTC)
    assert next_fetch(source, today, after) == after + timedelta(minutes=10)
    assert next_fetch(source, None, before) == before + timedelta(minutes=10)
    assert next_fetch(source, tomorrow, after) == after + timedelta(hours=6)


def test_the_zones_that_feeds_may_have_are_those_that_the_libraries_know() -> None:
    from entsoe.mappings import Area
    from nordpool.elspot import Prices

    assert {area.name for area in Area} == ENTSOE
    assert set(Prices.AREAS) == NORD_POOL
    assert all(is_entsoe(area.value) for area in Area)
    assert not is_entsoe("NARNIA")


def test_nothing_heavy_is_loaded_before_it_is_needed() -> None:
    program = (
        "import sys, forecourt.cli, forecourt.app.web_process, forecourt.app.gateway_process,"
        " forecourt.app.planner_process, forecourt.app.worker_process\n"
        "print(*{'pandas', 'entsoe', 'nordpool', 'openleadr', 'pvlib', 'scipy', 'requests', 'lxml'} & set(sys.modules))"
    )
    made = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert made.stdout.strip() == ""
