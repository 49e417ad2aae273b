"""The line of calls to one station."""

import pytest

from forecourt.stations.gateway.outbound import LEAST_TIME_S, AnswerLost, Ask, CallLine, LineBlocked, LineClosed


async def test_a_call_that_waited_too_long_is_never_sent_and_its_caller_told_so() -> None:
    sent: list[Ask] = []
    line = CallLine(sent.append)
    silent = line.ask("Reset", b"{}", 0.05, None)
    waiting = line.ask("Reset", b"{}", LEAST_TIME_S * 0.9, None)
    patient = line.ask("Reset", b"{}", LEAST_TIME_S * 60, None)
    with pytest.raises(TimeoutError):
        await silent.future
    with pytest.raises(LineBlocked):
        await waiting.future
    assert sent == [silent, patient]
    line.close()


async def test_a_closing_socket_tells_apart_what_was_sent_and_what_was_not() -> None:
    line = CallLine(lambda ask: None)
    flying, waiting = line.ask("A", b"{}", 60, None), line.ask("B", b"{}", 60, None)
    line.close()
    with pytest.raises(AnswerLost):
        await flying.future
    with pytest.raises(LineClosed):
        await waiting.future
