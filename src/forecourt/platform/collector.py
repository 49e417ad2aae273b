"""Python's collector of cycles, kept from stopping the loop of a process that holds much for long."""

import asyncio
import gc
from typing import Final

#: What is held is long-lived: a full collection over it would stop the loop, so generations are collected rarely.
THRESHOLDS: Final = (50_000, 20, 100)
FREEZE_EVERY_S: Final = 60.0


async def keep_frozen() -> None:
    """Move what survived out of the collector's sight, so that collections stay short however much is held."""
    gc.set_threshold(*THRESHOLDS)
    while True:
        gc.collect()
        gc.freeze()
        await asyncio.sleep(FREEZE_EVERY_S)
