"""A card held to a reader: real HTTP by the real SDK to the sandbox's readers, up to the receipt."""

import asyncio
import hmac
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
import pytest_asyncio

from forecourt.payments.declines import DECLINES, READER_BUSY, READER_LEFT, READER_OFFLINE, Decline
from forecourt.payments.intents.errors import ConnectorOutOfOrder, StationOutOfReach
from forecourt.payments.intents.model import Intent, Method, State
from forecourt.payments.readers.model import (
    CardReader,
    ElsewhereStation,
    NothingAsked,
    ReaderRefused,
    ReaderTaken,
    ReaderUnknown,
)
from forecourt.payments.readers.service import Readers, ReaderSaid
from forecourt.platform.errors import ForecourtError
from tests.payments.till import RETURN, Till


class Kiosk:
    """A card reader beside the till's station, and who stands at it."""

    def __init__(self, till: Till) -> None:
        self.till = till
        self.readers = Readers(till.tenants, till.providers, till.clock, till.payments)
        made = {"registration_code": "simulated-s700", "label": "Kiosk"}
        self.reference = str(till.box.client.v1.terminal.readers.create(made).id)  # type: ignore[arg-type]

    async def opened(self) -> "Kiosk":
        said = ReaderSaid(name="Kiosk", reference=self.reference, site="yard")
        self.reader: CardReader = await self.readers.add(self.till.actor, said)
        return self

    async def start(self, evse: int = 1) -> Intent:
        return await self.readers.start(
            self.till.actor, self.reader.reader_id, self.till.station, evse, return_url=RETURN
        )

    async def door(self, path: str = "", **body: Any) -> Any:
        """What happens at the reader."""
        where = f"readers/{self.reference}{path}"
        return await asyncio.to_thread(self.till.box.control, where, body)

    async def look(self, intent: Intent, after_s: int = 4) -> Intent:
        """What the next look of the sweeper finds."""
        self.till.clock.advance(after_s)
        await self.till.sweeper.sweep()
        return await self.till.find(intent)

    def at_provider(self) -> list[str]:
        """How every payment intent stands there."""
        return [each.status for each in self.till.box.client.v1.payment_intents.list().data]


@pytest_asyncio.fixture
async def kiosk(till: Till) -> AsyncIterator[Kiosk]:
    yield await Kiosk(till).opened()


@pytest.mark.parametrize(
    ("state", "reach", "fault"),
    [("Faulted", "1 hour", ConnectorOutOfOrder), ("Available", "-1 second", StationOutOfReach)],
    ids=["out of order", "out of reach"],
)
async def test_no_reader_asks_for_a_card_where_nobody_can_charge(
    kiosk: Kiosk, state: str, reach: str, fault: type[ForecourtError]
) -> None:
    kiosk.till.connector(state)
    kiosk.till.rows("UPDATE gateways SET lease_until = now() + %s::interval", reach)
    with pytest.raises(fault):
        await kiosk.start()
    assert kiosk.at_provider() == []


async def test_a_card_held_to_the_reader_pays_the_session_within_its_two_days(kiosk: Kiosk) -> None:
    till = kiosk.till
    intent = await kiosk.start()
    assert (intent.method, intent.state, intent.page_url) == (Method.READER, State.HOLD_REQUESTED, None)
    # It is looked at within seconds, for somebody stands there; nothing is started before a card is held to it.
    assert intent.next_at is not None
    assert intent.next_at - till.clock.now() <= timedelta(seconds=3)
    assert (await kiosk.look(intent)).state is State.HOLD_REQUESTED
    assert till.stations.starts == []
    await kiosk.door("/present", card="mastercard")
    held = await kiosk.look(intent)
    assert held.state is State.AUTHORISED
    assert held.capture_before is not None
    assert timedelta(days=2) - timedelta(minutes=5) < held.capture_before - till.clock.now() <= timedelta(days=2)
    assert held.may_increment
    assert held.card is not None
    assert (held.card.kind, held.card.last4) == ("card_present", "4444")
    assert len(till.stations.starts) == 1
    await till.work()
    till.plug_in(held, wh=10_000)
    await till.work()
    paid = await till.find(intent)
    assert (paid.state, paid.captured_amount) == (State.CAPTURED, 595)
    assert [row["amount"] for row in till.happened("capture")] == [595]
    assert till.balances()[f"psp_receivable:{kiosk.reader.account}"] == 595


async def test_a_session_that_outlasts_the_two_days_is_stopped_and_captured_in_time(kiosk: Kiosk) -> None:
    till = kiosk.till
    intent = await kiosk.start()
    await kiosk.door("/present")
    held = await kiosk.look(intent)
    await till.work()
    session = till.plug_in(held, wh=2_000, over=False)
    await till.work()
    assert held.capture_before is not None
    # Twelve hours before the hold runs out the station is asked to stop.
    till.clock.set(held.capture_before - timedelta(hours=13))
    await till.sweeper.sweep()
    assert till.stations.stops == []
    till.clock.set(held.capture_before - timedelta(hours=12))
    await till.sweeper.sweep()
    assert len(till.stations.stops) == 1
    # It doesn't: what the session came to so far is taken while it can be.
    till.go_on(session, wh=4_000, over=False)
    await till.work()
    till.clock.set(held.capture_before - timedelta(hours=6))
    await till.sweeper.sweep()
    taken = await till.find(intent)
    # 4 kWh, and not the hours since then in which nobody heard of it.
    assert (taken.state, taken.captured_amount) == (State.CAPTURED, 238)


@pytest.mark.parametrize(
    ("card", "why"), [("declined", Decline.OTHER), ("insufficient_funds", Decline.FUNDS), ("expired", Decline.EXPIRED)]
)
async def test_a_card_that_is_declined_at_the_reader_is_said_why(kiosk: Kiosk, card: str, why: Decline) -> None:
    intent = await kiosk.start()
    await kiosk.door("/present", card=card)
    ended = await kiosk.look(intent)
    assert (ended.state, ended.reason) == (State.FAILED, DECLINES[why])
    assert kiosk.at_provider() == ["canceled"]
    assert kiosk.till.happened("hold") == []
    # The next driver is asked at once.
    assert (await kiosk.start()).state is State.HOLD_REQUESTED


async def test_what_is_cancelled_at_the_reader_or_left_ends_and_holds_nothing(kiosk: Kiosk) -> None:
    intent = await kiosk.start()
    await kiosk.door("/cancel")
    ended = await kiosk.look(intent)
    assert (ended.state, ended.reason, ended.next_at) == (State.FAILED, READER_LEFT, None)
    # Whose reader gives up by itself.
    intent = await kiosk.start()
    await asyncio.to_thread(kiosk.till.box.advance, 61)
    ended = await kiosk.look(intent, 61)
    assert (ended.state, ended.reason) == (State.FAILED, READER_LEFT)
    assert kiosk.at_provider() == ["canceled", "canceled"]
    # And whose action somebody took off it by another program.
    intent = await kiosk.start()
    await asyncio.to_thread(kiosk.till.box.client.v1.terminal.readers.cancel_action, kiosk.reference)
    assert (await kiosk.look(intent)).state is State.FAILED
    assert set(kiosk.at_provider()) == {"canceled"}


async def test_a_reader_that_never_says_anything_is_not_waited_for_for_ever(kiosk: Kiosk) -> None:
    intent = await kiosk.start()
    await kiosk.door(status="offline")
    assert (await kiosk.look(intent, 170)).state is State.HOLD_REQUESTED
    ended = await kiosk.look(intent, 11)
    assert (ended.state, ended.reason) == (State.ABANDONED, READER_LEFT)
    assert kiosk.at_provider() == ["canceled"]
    # Its action is taken off, so that it asks nobody once it is back.
    assert kiosk.till.box.client.v1.terminal.readers.retrieve(kiosk.reference).action is None


async def test_a_reader_that_is_offline_or_busy_says_so_at_once(kiosk: Kiosk) -> None:
    await kiosk.door(status="offline")
    failed = await kiosk.start()
    assert (failed.state, failed.reason, failed.next_at) == (State.FAILED, READER_OFFLINE, None)
    await kiosk.door(status="online")
    first = await kiosk.start()
    second = await kiosk.start(evse=2)
    assert (second.state, second.reason) == (State.FAILED, READER_BUSY)
    assert (await kiosk.look(first)).state is State.HOLD_REQUESTED
    await kiosk.door("/present")
    assert (await kiosk.look(first)).state is State.AUTHORISED
    assert sorted(kiosk.at_provider()) == ["canceled", "canceled", "requires_capture"]


async def test_the_attendant_cancels_and_the_reader_asks_no_more(kiosk: Kiosk) -> None:
    intent = await kiosk.start()
    ended = await kiosk.readers.cancel(kiosk.till.tenant_id, kiosk.reader.reader_id)
    assert (ended.intent_id, ended.state) == (intent.intent_id, State.ABANDONED)
    assert kiosk.till.box.client.v1.terminal.readers.retrieve(kiosk.reference).action is None
    assert kiosk.at_provider() == ["canceled"]
    with pytest.raises(NothingAsked):
        await kiosk.readers.cancel(kiosk.till.tenant_id, kiosk.reader.reader_id)


async def test_a_card_that_was_quicker_than_the_cancelling_is_given_back(kiosk: Kiosk) -> None:
    intent = await kiosk.start()
    await kiosk.door("/present")
    ended = await kiosk.readers.cancel(kiosk.till.tenant_id, kiosk.reader.reader_id)
    assert ended.state is State.ABANDONED
    assert kiosk.at_provider() == ["canceled"]
    assert [len(kiosk.till.happened(what)) for what in ("hold", "cancel")] == [1, 1]
    assert (await kiosk.till.find(intent)).captured_amount == 0


@pytest.mark.parametrize("fault", ["drop_after", "error_after", "timeout_after"])
@pytest.mark.parametrize("path", ["POST /v1/payment_intents", "POST /v1/terminal/readers/*/process_payment_intent"])
async def test_what_the_provider_did_without_saying_so_is_asked_once(kiosk: Kiosk, fault: str, path: str) -> None:
    plan = [{"fault": fault, "match": path, "times": 1}]
    await asyncio.to_thread(kiosk.till.box.faults, next=plan, hang_s=1)
    [opened] = [*(await kiosk.till.providers.by_name(kiosk.till.tenant_id)).values()]
    if fault.startswith("timeout"):
        opened._deadline_s = 0.5  # type: ignore[attr-defined]
    intent = await kiosk.start()
    opened._deadline_s = 15  # type: ignore[attr-defined]
    assert intent.state is State.HOLD_REQUESTED
    for _ in range(3):
        await kiosk.look(intent, 6)
    # An intent whose making was not told may be left behind; the reader asks for one, which is the one we know.
    now = await kiosk.till.find(intent)
    asked = kiosk.till.box.client.v1.terminal.readers.retrieve(kiosk.reference).action
    assert asked is not None
    assert asked.process_payment_intent is not None
    assert (asked.status, asked.process_payment_intent.payment_intent) == ("in_progress", now.reference)
    await kiosk.door("/present")
    assert (await kiosk.look(intent)).state is State.AUTHORISED
    assert len(kiosk.till.happened("hold")) == 1


async def test_a_webhook_of_the_reader_leads_to_its_payment(kiosk: Kiosk) -> None:
    intent = await kiosk.start()
    await kiosk.door("/cancel")
    psp: Any = await kiosk.till.providers.deployment()
    reader = kiosk.till.box.client.v1.terminal.readers.retrieve(kiosk.reference)
    about = json.loads(str(reader))
    said = {"id": "evt_r", "object": "event", "type": "terminal.reader.action_failed", "data": {"object": about}}
    body, at = json.dumps(said).encode(), int(kiosk.till.clock.now().timestamp())
    signed = hmac.digest(b"whsec_x", f"{at}.".encode() + body, sha256).hex()
    [notice] = psp.parse_webhook(body, {"stripe-signature": f"t={at},v1={signed}"}, kiosk.till.clock.now())
    assert notice.reference == (await kiosk.till.find(intent)).reference


async def test_a_reader_is_known_to_the_provider_stands_once_and_serves_its_place_only(kiosk: Kiosk) -> None:
    till, actor = kiosk.till, kiosk.till.actor
    with pytest.raises(ReaderRefused):
        await kiosk.readers.add(actor, ReaderSaid(name="x", reference="tmr_unknown", site="yard"))
    with pytest.raises(ReaderTaken):
        await kiosk.readers.add(actor, ReaderSaid(name="x", reference=kiosk.reference, site="yard"))
    for wrong in ({"site": "nowhere"}, {"site": "yard", "station": "nowhere"}):
        with pytest.raises(ReaderRefused):
            await kiosk.readers.add(actor, ReaderSaid(name="x", reference=Kiosk(till).reference, **wrong))
    till.rows(
        "INSERT INTO sites (tenant_id, slug, name, time_zone, country) VALUES (%s, 'far', 'Far', 'UTC', 'DE')",
        till.tenant_id,
    )
    far = await kiosk.readers.add(actor, ReaderSaid(name="Far", reference=Kiosk(till).reference, site="far"))
    with pytest.raises(ElsewhereStation):
        await kiosk.readers.start(actor, far.reader_id, till.station, 1, return_url=RETURN)
    own = ReaderSaid(name="Own", reference=Kiosk(till).reference, site="yard", station=till.station)
    assert (await kiosk.readers.add(actor, own)).station == till.station
    assert [each.name for each in await kiosk.readers.every(till.tenant_id)] == ["Far", "Kiosk", "Own"]
    # One that is taken away gives up what it asked for.
    intent = await kiosk.start()
    await kiosk.readers.remove(actor, kiosk.reader.reader_id)
    assert (await till.find(intent)).state is State.ABANDONED
    with pytest.raises(ReaderUnknown):
        await kiosk.start()
