"""The screens of money, as the application serves them: the books for who runs it, their own for a host."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from httpx import AsyncClient

from forecourt.access import Role
from forecourt.payments.bank.model import Bank
from forecourt.payments.bank.reasons import of_file
from forecourt.payments.hosts import pages as host_pages
from forecourt.payments.hosts.outcomes import bounce
from forecourt.payments.hosts.payouts import Payouts
from forecourt.payments.reconcile.model import Difference, Differs
from forecourt.payments.reconcile.store import comparing
from forecourt.platform.database import Pool
from tests.care.yard import Yard
from tests.ground import Ground
from tests.http import House, Tenant, problem
from tests.payments.francs import a_swiss
from tests.payments.hosts import SECRET, a_bank, a_host, a_rule, a_session, rules

DAY = timedelta(days=1)


@pytest_asyncio.fixture(scope="module")
async def application(application_with_pages: tuple[Pool, Any]) -> tuple[Pool, Any]:
    return application_with_pages


@pytest_asyncio.fixture
async def yard(ground: Ground, house: House, tenant: Tenant) -> Yard:
    worker = await ground.pool("forecourt_worker", 1)
    return Yard(ground.admin, worker, house.db, house.clock, tenant_id=tenant.tenant_id)


async def text(client: AsyncClient, path: str) -> str:
    answer = await client.get(path, headers={"accept": "text/html"})
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_an_owner_adds_accounts_of_either_provider_and_switches_them_and_keys_are_never_shown(
    house: House, tenant: Tenant
) -> None:
    owner = await tenant.client()
    assert 'href="/payments/accounts"' in await text(owner, "/payments")
    form = {"provider": "adyen", "name": "shop", "secret_key": "AQEvery-secret", "webhook_secret": "ab" * 32}
    for wrong, said in (
        ({}, "merchant account"),
        ({"merchant_account": "My Shop"}, "merchant account"),
        ({"merchant_account": "Shop", "webhook_secret": "whsec_1234"}, "HMAC key"),
        ({"merchant_account": "Shop", "secret_key": "short"}, "both keys"),
        ({"merchant_account": "Shop", "name": "My shop"}, "small letters"),
    ):
        answer = await owner.post("/payments/accounts", data=form | wrong)
        assert answer.status_code == 422
        assert said in answer.text
        assert "AQEvery-secret" not in answer.text
    made = await owner.post("/payments/accounts", data=form | {"merchant_account": "Shop"})
    assert (made.status_code, made.headers["location"]) == (303, "/payments/accounts")
    again = await owner.post("/payments/accounts", data=form | {"merchant_account": "Shop"})
    assert (again.status_code, "has this name already" in again.text) == (409, True)
    house.clock.advance(1)
    stripe = {"provider": "stripe", "name": "other", "secret_key": "sk_test_12345678", "webhook_secret": "whsec_12345"}
    assert (await owner.post("/payments/accounts", data=stripe)).status_code == 303
    rows = (await owner.get("/api/v1/payment-accounts")).json()["items"]
    assert [(row["name"], row["provider"], row["active"]) for row in rows] == [
        ("other", "stripe", True), ("shop", "adyen", True),
    ]  # fmt: skip
    page = await text(owner, "/payments/accounts")
    assert all(row["webhook"] in page for row in rows)
    assert page.index("Go here") < page.index("Would go here next")
    assert "secret" not in page.replace("webhook_secret", "").replace("secret_key", "").lower().split("<form")[0]
    off = await owner.post(f"/payments/accounts/{rows[0]['id']}/switch", data={"active": "no"})
    assert off.status_code == 303
    now = {row["name"]: row["active"] for row in (await owner.get("/api/v1/payment-accounts")).json()["items"]}
    assert now == {"other": False, "shop": True}
    operator = await tenant.client(Role.OPERATOR)
    assert (await operator.get("/payments/accounts", headers={"accept": "text/html"})).status_code == 403
    assert 'href="/payments/accounts"' not in await text(operator, "/payments")


async def test_the_books_and_hosts_are_shown_to_each_as_far_as_they_are_theirs(
    yard: Yard, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_bank(yard)
    site = yard.site()
    station = yard.station(site_id=site)
    host = await a_host(yard, "Ada & Sons", site_ids=[site])
    other = await a_host(yard, "Bo")
    await rules(yard, host, site, a_rule(), yard.clock.now() - timedelta(days=9))
    paid = await a_session(yard, station, captured=1000)
    owner = await tenant.client()
    assert "No money" not in await text(owner, "/ledger")
    await paid.follow(settled=True)
    yard.clock.advance(86_400)
    assert await Payouts(yard.tenants, yard.clock, Bank(SECRET)).pay(yard.tenant_id, {}) == 1
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        [row] = yard.rows("SELECT payout_id FROM payouts WHERE tenant_id = %s", yard.tenant_id)
        await bounce(conn, yard.tenant_id, row["payout_id"], "AC01 <unknown>", yard.clock.now())
        found = Difference(
            kind=Differs.DOUBLED, about="txn_1", at=yard.clock.now(), reference="txn_1", said=1190, said_currency="EUR"
        )
        await comparing.put_differences(conn, yard.tenant_id, "acme", [found], yard.clock.now(), [])
    journal = await text(owner, "/ledger")
    assert f'href="/sessions/{paid.session}"' in journal
    assert "10.00\N{NO-BREAK SPACE}EUR" in journal
    [first] = yard.rows("SELECT min(entry_id) AS n FROM journal WHERE tenant_id = %s", yard.tenant_id)
    entry = await text(owner, f"/ledger/entries/{first['n']}")
    assert f'href="/sessions/{paid.session}"' in entry
    assert paid.intent in entry
    assert "driver_receivable" in await text(owner, "/ledger/accounts")
    assert f'href="/ledger/entries/{first["n"]}"' in await text(owner, "/ledger/accounts/psp_receivable:acme")
    differences = await text(owner, "/reconciliation")
    assert "The provider moved the same money twice." in differences
    [told] = yard.rows("SELECT difference_id FROM reconcile_differences WHERE tenant_id = %s", yard.tenant_id)
    explained = await owner.post(f"/reconciliation/{told['difference_id']}/explain", data={"text": "A test."})
    assert explained.status_code == 303
    assert "moved the same money twice" not in await text(owner, "/reconciliation")
    for path, shown in (("/reconciliation/run", "It is being compared"), ("/hosts/pay", "is being paid")):
        assert (asked := await owner.post(path)).status_code == 303
        assert shown in await text(owner, asked.headers["location"])
    assert "DE 19 %" in await text(owner, f"/ledger/profit?from={yard.clock.now().date() - DAY * 9}")
    # What the bank said of their account, and what it said of the file.
    assert "Say another bank account" in await text(owner, f"/hosts/{host.host_id}")
    yard.rows(
        "UPDATE hosts SET held_reason = %s WHERE host_id = %s RETURNING 1", of_file("AC01 <unknown>"), host.host_id
    )
    held = await text(owner, f"/hosts/{host.host_id}")
    assert "Refused with its file: There is no account of this number (AC01 &lt;unknown&gt;). Look why" in held
    assert "Say another bank account" not in held
    # Owed again, and with nowhere to pay it to.
    assert "no way to pay" not in await text(owner, "/hosts") + await text(owner, f"/hosts/{host.host_id}")
    yard.rows("UPDATE hosts SET iban_sealed = NULL, iban_shown = '', held_at = NULL WHERE host_id = %s RETURNING 1",
              host.host_id)  # fmt: skip
    assert "Not paid: no way to pay them is known" in await text(owner, "/hosts")
    assert "is not paid, because no way to pay it is known" in await text(owner, f"/hosts/{host.host_id}")
    # A payout whose account is gone.
    [row] = yard.rows(
        "INSERT INTO payouts (tenant_id, host_id, way, currency, amount, state, execution_on, up_to_line, source,"
        " bank_shown, made_at) VALUES (%s, %s, 'connect', 'EUR', 5, 'asked', current_date, 1, 'psp_receivable:gone',"
        " 'acct_1', %s) RETURNING payout_id", yard.tenant_id, host.host_id, yard.clock.now() - DAY * 2,
    )  # fmt: skip
    way, form = f"/payouts/{row['payout_id']}/give-up", {"reason": "Closed in May", "host": str(host.host_id)}
    assert f'action="{way}"' in await text(owner, f"/hosts/{host.host_id}")
    assert (given_up := await owner.post(way, data=form)).status_code == 303
    assert "Closed in May" in await text(owner, given_up.headers["location"])
    again = await owner.post(way, data=form)
    assert "It is known by now" in await text(owner, again.headers["location"])
    monkeypatch.setattr(host_pages, "PAGE_SIZE", 1)
    page_one = await text(owner, "/hosts")
    [onward] = re.findall(r'rel="next" href="(/hosts[^"]+)"', page_one)
    second = await text(owner, onward)
    for page, there in ((page_one, (True, False)), (second, (False, True))):
        assert tuple(f'href="/hosts/{each.host_id}"' in page for each in (host, other)) == there
    assert 'rel="next"' not in second
    monkeypatch.undo()
    limited = await tenant.client(Role.SITE_HOST, (site,))
    listed = await text(limited, "/hosts")
    assert "Pay now" not in listed
    assert "Ada &amp; Sons" in listed
    assert f'href="/hosts/{other.host_id}"' not in listed
    own = await text(limited, f"/hosts/{host.host_id}")
    assert "AC01 &lt;unknown&gt;" in own
    assert "DE89 … 3000" in own
    assert "0044" not in own
    assert f"/api/v1/hosts/{host.host_id}/statement?from=" in own
    assert "SB-2026-00001" in own
    assert (await limited.get(f"/hosts/{other.host_id}", headers={"accept": "text/html"})).status_code == 404
    for path in ("/ledger", "/ledger/accounts", "/reconciliation"):
        assert (await limited.get(path, headers={"accept": "text/html"})).status_code == 403


async def test_a_refund_is_asked_of_what_was_seen_and_refused_with_what_was_typed(yard: Yard, tenant: Tenant) -> None:
    payment, now = uuid4(), yard.clock.now()
    yard.admin.execute(
        "INSERT INTO payment_intents (intent_id, tenant_id, purpose, method, state, currency, hold_amount,"
        " authorised_amount, captured_amount, refunded_amount, hold_said, created_at, updated_at) VALUES (%s, %s,"
        " 'session', 'hosted', 'captured', 'EUR', 4000, 4000, 1190, 119, '{}', %s, %s)",
        (payment, yard.tenant_id, now, now),
    )
    yard.admin.execute(
        "INSERT INTO payment_calls (call_id, intent_id, tenant_id, kind, amount, key, state, tries, asked_at, next_at,"
        " ended_at) VALUES (%s, %s, %s, 'refund', 119, 'k', 'done', 1, %s, %s, %s)",
        (uuid4(), payment, yard.tenant_id, now, now, now),
    )
    owner, path = await tenant.client(), f"/payments/{payment}"
    assert '<input type="hidden" name="left" value="1071">' in await text(owner, path)

    async def refused(**form: str) -> tuple[int, str]:
        answer = await owner.post(f"{path}/refund", data=form, headers={"accept": "text/html"})
        return answer.status_code, answer.text

    # The form as it stood before the last refund, sent once more.
    status, page = await refused(amount="1.19", why="by mistake", left="1190")
    assert (status, "given back since you looked" in page) == (409, True)
    status, page = await refused(amount="0", why="by mistake", left="1071")
    assert (status, "Nothing would go back" in page, 'value="by mistake"' in page) == (422, True, True)
    for typed, words in (("-3", "be below 0"), ("1.234,50", "without thousands"), ("", "Say how much goes back.")):
        status, page = await refused(amount=typed, why="by mistake", left="1071")
        assert (status, words in page) == (422, True), typed
    assert "Say why it goes back." in (await refused(amount="1.19", why=" ", left="1071"))[1]
    # What happened stands in rows of its own, in words.
    for kind, detail in (("session_started", str(uuid4())), ("driver_told_owed", "ada@example.com")):
        yard.rows(
            "INSERT INTO payment_steps (intent_id, tenant_id, kind, at, detail) VALUES (%s, %s, %s, %s, %s)",
            payment, yard.tenant_id, kind, now, detail,
        )  # fmt: skip
    story = (await text(owner, path)).split('<ol class="deeds">')[1]
    assert '</time><div><b>The session began</b><span class="second">' in story
    assert '<b>The driver was told what is owed</b><span class="second">ada@example.com</span>' in story
    assert "driver_told" not in story
    status, page = await refused(amount="99.99", why="by mistake", left="1071")
    assert (status, "No more than 10.71" in page, 'value="99.99"' in page) == (409, True, True)
    # What could go back is asked once more, with what was typed, and nothing goes until that is confirmed.
    status, page = await refused(amount="1.19", why="by <mistake>", left="1071")
    assert (status, "goes to the card or wallet that paid, and" in page) == (200, True)
    said = dict(re.findall(r'name="(amount|why|left|sure)" value="([^"]*)"', page))
    assert said == {"amount": "1.19", "why": "by &lt;mistake&gt;", "left": "1071", "sure": "yes"}
    count = "SELECT count(*) AS n FROM payment_calls WHERE intent_id = %s"
    assert yard.rows(count, payment)[0]["n"] == 1
    # It is asked of the provider, whom this payment has none of, and pressed twice it is once.
    await owner.post(f"{path}/refund", data=said)
    assert yard.rows(count, payment)[0]["n"] == 2
    assert (await refused(**said))[0] == 409
    assert yard.rows(count, payment)[0]["n"] == 2


async def test_an_operator_sees_what_a_bank_disputes_and_until_when_to_answer(yard: Yard, tenant: Tenant) -> None:
    now = yard.clock.now()
    account, payment, told = uuid4(), uuid4(), {"tenant_id": yard.tenant_id, "now": now}
    named = told | {"account": account, "payment": payment, "due": now + timedelta(days=7)}
    yard.admin.execute(
        "INSERT INTO payment_accounts (account_id, tenant_id, name, provider, own)"
        " VALUES (%(account)s, %(tenant_id)s, 'acme', 'stripe', false)",
        named,
    )
    yard.admin.execute(
        "INSERT INTO payment_intents (intent_id, tenant_id, account_id, purpose, method, state, currency,"
        " hold_amount, authorised_amount, captured_amount, hold_said, created_at, updated_at) VALUES (%(payment)s,"
        " %(tenant_id)s, %(account)s, 'session', 'hosted', 'disputed', 'EUR', 4000, 4000, 1190, '{}', %(now)s,"
        " %(now)s)",
        named,
    )
    yard.admin.execute(
        "INSERT INTO payment_disputes (tenant_id, account_id, reference, intent_id, amount, currency, status,"
        " reason, opened_at, evidence_by) VALUES (%(tenant_id)s, %(account)s, 'du_1', %(payment)s, 1190, 'EUR',"
        " 'needs_response', 'fraudulent', %(now)s, %(due)s)",
        named,
    )
    owner = await tenant.client()
    page = await text(owner, f"/payments/{payment}")
    assert "Answer until" in page
    assert f'datetime="{(now + timedelta(days=7)).isoformat()}"' in page
    assert "somebody else is said to have used the card" in page
    assert 'action="/payments/' not in page, "what is disputed is given back by nobody else"
    german = await owner.get(f"/payments/{payment}", headers={"accept": "text/html", "accept-language": "de"})
    assert "Antwort bis" in german.text
    [said] = (await owner.get(f"/api/v1/payments/{payment}")).json()["disputes"]
    assert (said["reference"], said["status"], said["decided_at"]) == ("du_1", "needs_response", None)
    assert said["evidence_by"].startswith((now + timedelta(days=7)).isoformat()[:19])
    # Once it is decided there is nothing to answer.
    yard.rows(
        "UPDATE payment_disputes SET status = 'lost', decided_at = %s WHERE intent_id = %s RETURNING 1", now, payment
    )
    page = await text(owner, f"/payments/{payment}")
    assert "Lost: the money is gone" in page
    assert "Answer until" not in page


@pytest.mark.parametrize(
    ("method", "said"),
    [("hosted", "No more than 7.00\xa0EUR may go back"), ("terminal", "Give it back at its provider")],
)
async def test_a_refund_is_offered_as_far_as_it_may_be_and_refused_in_words_that_are_true(
    yard: Yard, tenant: Tenant, method: str, said: str
) -> None:
    payment, now = uuid4(), yard.clock.now()
    yard.admin.execute(
        "INSERT INTO payment_intents (intent_id, tenant_id, purpose, method, state, currency, hold_amount,"
        " authorised_amount, captured_amount, hold_said, created_at, updated_at) VALUES (%s, %s, 'session', %s,"
        " 'captured', 'EUR', 4000, 4000, 1190, '{}', %s, %s)",
        (payment, yard.tenant_id, method, now, now),
    )
    # In the air at the provider.
    yard.admin.execute(
        "INSERT INTO payment_calls (intent_id, tenant_id, kind, amount, key, asked_at, next_at)"
        " VALUES (%s, %s, 'refund', 490, %s, %s, %s)",
        (payment, yard.tenant_id, str(payment), now, now + DAY),
    )
    owner, path = await tenant.client(), f"/payments/{payment}"
    page = await text(owner, path)
    offered = f'action="{path}/refund"' in page
    assert (offered, 'value="7.00"' in page, said in page) == ((method == "hosted",) * 2 + (method == "terminal",))
    answer = await owner.post(f"{path}/refund", data={"amount": "7.01", "why": "more"})
    assert (answer.status_code, said in answer.text) == (409, True)


@pytest.mark.parametrize(
    ("owed", "steps", "said"),
    [
        (0, ["owed", "debt_paid", "debt_paid"], "Paid later"),
        (480, ["owed", "debt_paid"], "Failed"),
        (0, ["owed", "debt_paid", "written_off"], "Failed"),
        (0, [], "Failed"),
    ],
    ids=["whole", "in part", "and a part given up", "never owed"],
)
async def test_a_debt_that_was_paid_whole_is_called_paid_wherever_it_stands(
    yard: Yard, tenant: Tenant, owed: int, steps: list[str], said: str
) -> None:
    payment, now = uuid4(), yard.clock.now()
    yard.admin.execute(
        "INSERT INTO payment_intents (intent_id, tenant_id, purpose, method, state, currency, hold_amount,"
        " authorised_amount, captured_amount, owed_amount, hold_said, created_at, updated_at)"
        " VALUES (%s, %s, 'session', 'hosted', 'failed', 'EUR', 2000, 0, 0, %s, '{}', %s, %s)",
        (payment, yard.tenant_id, owed, now, now),
    )
    for kind in steps:
        yard.admin.execute(
            "INSERT INTO payment_steps (tenant_id, intent_id, at, kind, amount) VALUES (%s, %s, %s, %s, 490)",
            (yard.tenant_id, payment, now, kind),
        )
    owner = await tenant.client()
    [heading] = re.findall(r'<header class="head">.*?</header>', await text(owner, f"/payments/{payment}"), re.DOTALL)
    [row] = re.findall(r'<td class="status".*?</td>', await text(owner, f"/payments?q={payment}"), re.DOTALL)
    other = {"Paid later": "Failed", "Failed": "Paid later"}[said]
    assert (said in heading, said in row, other in heading, other in row) == (True, True, False, False)


async def test_an_owner_sees_what_is_to_be_paid_by_hand_and_says_what_came_of_it(yard: Yard, tenant: Tenant) -> None:
    first, second = await a_swiss(yard), await a_swiss(yard, "Vreni", 900)
    for _ in range(2):  # Banks may rest for some days.
        await Payouts(yard.tenants, yard.clock, Bank(SECRET)).pay(yard.tenant_id, {})
        yard.clock.advance(86_400 * 4)
    owner = await tenant.client()
    asked = (await owner.get("/api/v1/payouts?way=hand&state=asked&sort=oldest")).json()["items"]
    assert [each["host"] for each in asked] == [first.host_id, second.host_id]
    listed = await text(owner, "/hosts")
    assert "Ueli" in listed.split('aria-label="To be paid by hand"')[1].split("</table>")[0]
    today = yard.clock.now().date().isoformat()
    way, form = f"/payouts/{asked[0]['id']}/paid-by-hand", {"host": str(first.host_id), "on": today, "reference": "7"}
    wrong = await owner.post(way, data=form)
    assert "a reference of 3 to 140 signs" in await text(owner, wrong.headers["location"])
    early = await owner.post(way, data=form | {"on": "2020-01-02", "reference": "Ref 7"})
    assert "from the day the payout was listed" in await text(owner, early.headers["location"])
    done = await owner.post(way, data=form | {"reference": "Ref 7"})
    assert (done.status_code, done.headers["location"]) == (303, f"/hosts/{first.host_id}?done=stored")
    page = await text(owner, f"/hosts/{first.host_id}")
    assert ("By hand: Ref 7" in page, "Could not be paid" in page) == (True, False)
    page = await text(owner, f"/hosts/{second.host_id}")
    assert "Could not be paid" in page
    assert re.search(r'<label>Reason<input name="reason" maxlength="300" required></label>', page)
    gone = await owner.post(f"/api/v1/payouts/{asked[1]['id']}/give-up", json={"reason": "Account closed"})
    assert (gone.status_code, gone.json()["state"]) == (200, "refused")
    page = await text(owner, f"/hosts/{second.host_id}")
    assert ("Account closed" in page, "Pay them again" in page) == (True, True)
    verbs = {row["action"] for row in yard.rows("SELECT action FROM audit WHERE tenant_id = %s", yard.tenant_id)}
    assert verbs >= {"pay payout by hand", "give up payout"}


async def test_an_owner_says_by_hand_that_the_bank_booked_a_payout_and_takes_it_back(
    yard: Yard, tenant: Tenant
) -> None:
    await a_bank(yard)
    site = yard.site()
    host = await a_host(yard)
    await rules(yard, host, site, a_rule(), yard.clock.now() - timedelta(days=9))
    await (await a_session(yard, yard.station(site_id=site))).follow(settled=True)
    for _ in range(2):  # Banks may rest for some days.
        await Payouts(yard.tenants, yard.clock, Bank(SECRET)).pay(yard.tenant_id, {})
        yard.clock.advance(86_400 * 4)
    owner = await tenant.client()
    [made] = (await owner.get("/api/v1/payouts?state=sent")).json()["items"]
    assert (made["booked_on"], made["booked_by"]) == (None, None)
    here, way = f"/hosts/{host.host_id}", f"/payouts/{made['id']}"
    page = await text(owner, here)
    assert ("In a file for the bank" in page, "The bank booked it" in page) == (True, True)
    today = yard.clock.now().date().isoformat()
    form = {"host": str(host.host_id), "on": today, "reason": "Seen there"}
    wrong = await owner.post(f"{way}/booked", data=form | {"reason": " "})
    assert "it stands in the audit" in await text(owner, wrong.headers["location"])
    early = await owner.post(f"{way}/booked", data=form | {"on": "2020-01-02"})
    assert "from the day the payout was listed" in await text(owner, early.headers["location"])
    done = await owner.post(f"{way}/booked", data=form)
    assert (done.status_code, done.headers["location"]) == (303, f"{here}?done=stored")
    [said] = (await owner.get("/api/v1/payouts?state=paid")).json()["items"]
    assert (said["booked_on"], said["booked_by"]) == (today, "hand")
    page = await text(owner, here)
    assert ("In a file for the bank" in page, "by hand" in page, f"{way}/not-booked" in page) == (False, True, True)
    back = await owner.post(f"/api/v1{way}/not-booked", json={"reason": "Another one"})
    assert (back.status_code, back.json()["state"], back.json()["booked_on"]) == (200, "sent", None)
    problem(await owner.post(f"/api/v1{way}/not-booked", json={"reason": "Again"}), 409, "payout-stands")
    problem(
        await owner.post(f"/api/v1{way}/booked", json={"reason": "x", "on": "2020-01-02"}), 422, "payout-day-refused"
    )
    guest = await tenant.client(Role.OPERATOR)
    assert f"{way}/booked" not in await text(guest, here)
