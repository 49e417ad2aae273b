"""SIGTERM under load: a gateway finishes what it took into work, lets go of everything else, and leaves in order."""

from pathlib import Path
from random import Random

import pytest

from tests.spine import books
from tests.spine.plant import Victim, plant

#: Either with the transaction open, or committed with the answers unsent.
INSTANTS = (Victim.GATEWAY_BEFORE_COMMIT, Victim.GATEWAY_AFTER_COMMIT)


@pytest.mark.kill
async def test_a_gateway_told_to_end_answers_what_it_took_into_work_and_leaves_nothing_in_the_directory(
    tmp_path: Path,
) -> None:
    rng = Random(5)
    async with plant(tmp_path, seed=5) as made:
        in_work, left_out, resent = 0, 0, 0
        for instant in INSTANTS:
            gateway, hit = await made.catch(instant, rng)
            resent -= made.load.counts.resent
            gateway.terminate()
            gateway.thaw()
            assert await gateway.ended() == 0
            # Taken into work is what it stored: every bit of that was answered. The rest is said again elsewhere.
            stored = made.stored(hit.unanswered)
            assert stored - made.load.acknowledged() == set()
            in_work += len(stored)
            left_out += len(hit.unanswered - stored)
            assert gateway.said("gateway drains")
            assert gateway.complaints() == []
            assert made.held(gateway) == {}
            left = "SELECT count(*) FROM gateways WHERE gateway_id = %s"
            assert made.deployment.value(left, gateway.gateway_id) == 0
            await made.repair()
            await made.flows()
            resent += made.load.counts.resent
        assert in_work >= len(INSTANTS)
        assert resent > 0 or not left_out
        assert made.ended_alone == []
        await made.load.finish()
        books.check(made.deployment, made.load)
