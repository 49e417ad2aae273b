"""Python's collector of cycles, kept from stopping the loop of a process that holds much for long."""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: What is held is long-lived: a full collection over it would stop the loop, so generations are collected rarely.
THRESHOLDS: Final = (50_000, 20, 100)
FREEZE_EVERY_S: Final = 60.0


@contextmanager
def loading() -> Iterator[None]:
    """Modules are loaded inside: nothing of what they hold is garbage, so the collector neither looks for any meanwhile
    nor looks through them later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


async def keep_frozen() -> None:
    """Move what survived out of the collector's sight, so that collections stay short however much is held."""
    gc.set_threshold(*THRESHOLDS)
    while True:
        gc.collect()
        gc.freeze()
        await asyncio.sleep(FREEZE_EVERY_S)
