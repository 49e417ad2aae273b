"""The demo as an owner's program asks it, its letters, and how somebody is signed in to it."""

import asyncio
import re
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import httpx
import msgspec

WAIT_S = 120.0


class State(msgspec.Struct, frozen=True, kw_only=True):
    """A way of being signed in. `routes` limits which pages are looked at so; None: all that its kind may open."""

    storage: Any
    start: str
    routes: tuple[str, ...] | None = None
    more: tuple[str, ...] = ()

    @property
    def cookies(self) -> dict[str, str]:
        return {cookie["name"]: cookie["value"] for cookie in self.storage["cookies"]}


async def get(api: httpx.AsyncClient, path: str) -> Any:
    return (await api.get(path)).raise_for_status().json()


async def put(api: httpx.AsyncClient, path: str, body: Any) -> None:
    answer = await api.put(path, json=body)
    if answer.is_error:
        raise RuntimeError(f"PUT {path}: {answer.status_code} {answer.text}")


async def post(api: httpx.AsyncClient, path: str, body: Any) -> Any:
    answer = await api.post(path, json=body)
    if answer.is_error:
        raise RuntimeError(f"POST {path}: {answer.status_code} {answer.text}")
    return answer.json() if answer.content else None


async def letter(folder: Path, address: str) -> str:
    """The link in the letter to an address, once the worker has sent it."""
    async with asyncio.timeout(WAIT_S):
        while True:
            for path in sorted((folder / "mail").glob("*.eml")):
                letter = message_from_bytes(path.read_bytes(), policy=policy.default)
                link = re.search(r"http://\S+", letter.get_content())
                if address in str(letter["To"]) and link is not None:
                    return link[0]
            await asyncio.sleep(0.5)
