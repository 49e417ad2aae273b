"""How a process of ours is told to stop."""

import asyncio
import os
import signal

#: What a process may take to put down its work. Past it, it ends at once: nothing acknowledged is lost by that, while a
#: process that outlives its supervisor works on with old code.
MOST_STOP_S = 20.0


def stop_event() -> asyncio.Event:
    """An event that SIGTERM or SIGINT sets; MOST_STOP_S later the process ends, whatever keeps it."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()

    def stop() -> None:
        if not stopping.is_set():
            stopping.set()
            loop.call_later(MOST_STOP_S, os._exit, 1)

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop)
    return stopping
