"""What goes wrong on purpose, and what a kill leaves behind: everything that was acknowledged, once."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import stripe

from tests.sandbox import Sandbox
from tests.simulator.provider.said import held

WAIT_S = 20.0
#: fault, what the SDK raises, whether it acted
FAULTS = (
    ("error", stripe.APIError, False), ("error_after", stripe.APIError, True),
    ("rate_limit", stripe.RateLimitError, False),
    ("drop", stripe.APIConnectionError, False), ("drop_after", stripe.APIConnectionError, True),
    ("timeout", stripe.APIConnectionError, False), ("timeout_after", stripe.APIConnectionError, True),
)  # fmt: skip


@pytest.mark.parametrize(("fault", "raised", "acted"), FAULTS)
def test_a_scripted_fault_acts_or_not_as_its_name_says_and_a_retry_ends_in_one_act(
    box: Sandbox, fault: str, raised: type[Exception], acted: bool
) -> None:
    intent = held(box)
    box.faults(next=[{"fault": fault, "match": "POST /v1/payment_intents/*/capture"}], hang_s=0.05)
    asked: Any = (intent.id, {"amount_to_capture": 800}, {"idempotency_key": "k"})
    with pytest.raises(raised):
        box.client.v1.payment_intents.capture(*asked)
    status = box.client.v1.payment_intents.retrieve(intent.id).status
    assert status == ("succeeded" if acted else "requires_capture")
    if fault == "error_after":
        # The answer is kept with its key, so only reading tells what happened.
        with pytest.raises(stripe.APIError):
            box.client.v1.payment_intents.capture(*asked)
    else:
        assert box.client.v1.payment_intents.capture(*asked).amount_received == 800
    assert [row["what"] for row in box.ledger(box.account)] == ["hold", "capture"]


def test_faults_by_chance_are_the_same_for_the_same_seed(box: Sandbox) -> None:
    def outcomes() -> list[str]:
        box.faults(seed=5, error=0.2, rate_limit=0.2, drop_after=0.2)
        said = []
        for _ in range(20):
            try:
                box.client.v1.customers.create({})
                said.append("made")
            except stripe.StripeError as error:
                said.append(type(error).__name__)
        return said

    first = outcomes()
    assert first == outcomes()
    assert set(first) == {"made", "APIError", "RateLimitError", "APIConnectionError"}
    box.faults()
    assert box.client.v1.customers.create({}).id
    assert box.control("")["fault_counts"]["drop_after"] >= 2


class Process:
    """The provider as a process that can be killed."""

    def __init__(self, folder: Path) -> None:
        self.told, self.state = folder / "told.json", folder / "books.sqlite"
        self.start()

    def start(self) -> None:
        self.told.unlink(missing_ok=True)
        command = [sys.executable, "-m", "forecourt.simulator.provider", "--port", "0", "--state", str(self.state)]
        self.process = subprocess.Popen([*command, "--announce", str(self.told)], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + WAIT_S
        while not self.told.exists():
            assert time.monotonic() < deadline
            assert self.process.poll() is None
            time.sleep(0.02)

    def box(self, key: str | None = None) -> Sandbox:
        told = json.loads(self.told.read_text())
        return Sandbox(told["address"], key or told["key"])


def test_a_kill_keeps_what_was_acknowledged_with_the_answers_of_its_keys(tmp_path: Path) -> None:
    process = Process(tmp_path)
    try:
        box = process.box()
        intent = held(box)
        asked: Any = (intent.id, {"amount_to_capture": 800}, {"idempotency_key": "k"})
        box.faults(next=[{"fault": "drop_after", "match": "*capture"}])
        with pytest.raises(stripe.APIConnectionError):
            box.client.v1.payment_intents.capture(*asked)
        endpoint = {"url": "http://127.0.0.1:9/nobody", "enabled_events": ["*"]}
        box.client.v1.webhook_endpoints.create(endpoint)  # type: ignore[arg-type]
        customer = box.client.v1.customers.create({"name": "kept"}).id
        ahead = box.advance(1000)
        process.process.kill()
        process.process.wait()
        process.start()
        again = process.box()
        assert again.client.v1.customers.retrieve(customer).name == "kept"
        done = again.client.v1.payment_intents.capture(*asked)
        assert (done.amount_received, done.last_response.headers["Idempotent-Replayed"]) == (800, "true")  # type: ignore[union-attr]
        assert [row["what"] for row in again.ledger()] == ["hold", "capture"]
        seen = again.control("")
        assert seen["now"] >= ahead
        assert seen["webhooks_waiting"] == 1
        second = subprocess.run(
            [sys.executable, "-m", "forecourt.simulator.provider", "--port", "0", "--state", str(process.state)],
            capture_output=True, text=True, timeout=WAIT_S, check=False,
        )  # fmt: skip
        assert (second.returncode, "can't run" in second.stderr) == (1, True)
    finally:
        process.process.kill()
        process.process.wait()
