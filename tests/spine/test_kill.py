"""kill -9 of anything at any instant loses no acknowledged message and doubles no session.

FORECOURT_KILL_ROUNDS sets the number of rounds, FORECOURT_KILL_SEED which instants they hit. FORECOURT_KILL_REPORT is a
file that takes a line of JSON for what each round hit, and one for the whole.
"""

import itertools
import os
from collections import Counter
from pathlib import Path
from random import Random

import msgspec
import pytest
import structlog

from forecourt.sessions.review import Finding
from tests.spine import books
from tests.spine.load import STRANGERS
from tests.spine.plant import Plant, Victim, plant
from tests.spine.processes import until

log = structlog.get_logger(__name__)

#: Each kind of victim once, unless more is asked for: the benchmarks run a hundred.
ROUNDS = int(os.environ.get("FORECOURT_KILL_ROUNDS") or len(Victim))
SEED = int(os.environ.get("FORECOURT_KILL_SEED") or 1)
#: Jobs of a worker that was killed are taken up again by another once they count as abandoned.
ABANDONED_WITHIN_S = 120.0


@pytest.mark.kill
async def test_no_acknowledged_message_is_lost_and_no_session_doubled_whatever_is_killed_at_work(
    tmp_path: Path,
) -> None:
    rng = Random(SEED)
    victims = list(itertools.islice(itertools.cycle(Victim), ROUNDS))
    rng.shuffle(victims)
    async with plant(tmp_path, seed=SEED) as made:
        hits = []
        for number, victim in enumerate(victims, 1):
            hits.append(hit := await made.strike(victim, rng))
            report(
                f"killed {number} of {ROUNDS}",
                victim=victim.name,
                unanswered=len(hit.unanswered),
                stored=len(hit.stored),
            )
        await made.flows()
        await made.load.finish()

        # Every kill hit work in flight.
        assert Counter(hit.victim for hit in hits) == Counter(victims)
        assert all(hit.unanswered for hit in hits if hit.victim is not Victim.WORKER)
        assert made.load.counts.resent >= ROUNDS // 2
        assert made.ended_alone == []
        assert made.complaints() == []

        told = books.check(made.deployment, made.load)
        await _check_what_followed(made, told.sessions)
        in_flight = sum(len(hit.unanswered) for hit in hits)
        stored = sum(len(hit.stored) for hit in hits)
        report(
            "kill test",
            rounds=len(hits),
            in_flight=in_flight,
            stored=stored,
            messages=told.messages,
            sessions=len(told.sessions),
            replayed=made.load.counts.resent,
        )


def report(event: str, **told: int | str) -> None:
    """Says it in the log, and in the file for whoever runs the rounds."""
    log.info(event, **told)
    if file := os.environ.get("FORECOURT_KILL_REPORT"):
        with Path(file).open("ab") as lines:
            lines.write(msgspec.json.encode(told) + b"\n")


async def until_all_jobs_are_done(made: Plant) -> None:
    """However many there are: jobs come to an end, or the number of them has stood still for ABANDONED_WITHIN_S.

    A job of the clock that a kill made fail is not left: the next one does its work, and must come to an end."""

    def left() -> dict[tuple[str, str], int]:
        rows = made.deployment.rows(
            "SELECT 'outbox', event, count(*) FROM outbox GROUP BY event UNION ALL"
            " SELECT task_name, status::text, count(*) FROM procrastinate_jobs WHERE task_name LIKE 'sessions.%%'"
            " AND NOT (status = 'failed' AND args ? 'timestamp') GROUP BY task_name, status"
        )
        return {(name, state): count for name, state, count in rows}

    while now := left():
        try:
            await until(lambda: sum(left().values()) < sum(now.values()), "some are done", ABANDONED_WITHIN_S)
        except AssertionError as fault:
            raise AssertionError(f"not done: {left()}; the end of the worker's log:\n{made.worker.tail()}") from fault


async def _check_what_followed(made: Plant, known: dict[str, tuple[str, str]]) -> None:
    """What a commit asked for was done in spite of the dead workers: each session was reviewed."""
    deployment = made.deployment
    await until_all_jobs_are_done(made)
    noted = {
        (station, transaction_id)
        for station, transaction_id in deployment.rows(
            "SELECT identity, transaction_id FROM sessions JOIN stations USING (station_id) WHERE %s = ANY(notes)",
            Finding.TOKEN_NOT_ACCEPTED,
        )
    }
    assert noted == {known[key] for key, token in made.load.tokens.items() if token in STRANGERS}
