"""Secrets that are known, a deployment that is sent them, and how to tell one in whatever dress it stands."""

import asyncio
import base64
import json
import re
from email import message_from_bytes, policy
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus
from uuid import uuid4

import httpx

from tests.spine.processes import Deployment, until
from tests.spine.test_api import House
from tests.support import WAIT_S

#: A PAN of the test range of a card scheme, as drivers' readers have it.
CARD = "4929123456781236"
OWNER = "owner@forecourt.example"
NEWCOMER = "newcomer@example.org"


class Seeds:
    """The secrets by name, and what came back to those who sent them."""

    def __init__(self) -> None:
        self.all: dict[str, str] = {}
        #: Where from, and the text.
        self.heard: list[tuple[str, str]] = []

    def new(self, name: str) -> str:
        """A secret that stands nowhere else."""
        return self.know(name, f"Zq{uuid4().hex[:16]}")

    def know(self, name: str, secret: str) -> str:
        """Somebody else made it, or it has a form."""
        assert len(secret) >= 8, name
        self.all[name] = secret
        return secret

    def hear(self, where: str, text: str) -> None:
        self.heard.append((where, text))

    def found_in(self, text: str) -> list[str]:
        """The names of those that a text holds, in whatever dress."""
        lowered = text.lower()
        return sorted(name for name, secret in self.all.items() if any(form in lowered for form in dresses(secret)))


@cache
def dresses(secret: str) -> frozenset[str]:
    """How a secret may stand in a text that was lowered: as it is, for an address, in JSON, as bytes of a table, and
    inside the base64 of something longer."""
    raw = secret.encode()
    forms = {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], raw.hex()}
    for offset in range(3):
        coded = base64.b64encode(b"\0" * offset + raw).decode()
        # The ends depend on what stands beside it.
        forms.add(coded[4 if offset else 0 : len(coded) - 4])
    return frozenset(form.lower() for form in forms)


class World(House):
    """A deployment with an owner in a browser, and what it has heard."""

    def __init__(self, deployment: Deployment, web_port: int, ocpp_port: int, folder: Path) -> None:
        super().__init__(deployment, web_port, ocpp_port)
        self.base = f"http://127.0.0.1:{web_port}"
        self.folder = folder
        self.seeds = Seeds()
        self.owner = self.browser()

    def browser(self) -> httpx.AsyncClient:
        """A browser of somebody new."""
        headers = {"origin": self.base, "accept": "text/html"}
        return httpx.AsyncClient(base_url=self.base, headers=headers, timeout=WAIT_S)

    async def say(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """Ask the API, whatever it answers; nothing of it may hold a secret."""
        answer = await self.http.request(method, path, json=body, **more)
        self.seeds.hear(f"the answer {answer.status_code} to {method} {path.partition('?')[0]}", answer.text)
        return answer

    async def send(self, path: str, by: httpx.AsyncClient | None = None, *, quiet: bool = True, **form: str) -> str:
        """Send a form of the console. What comes back is searched as well, unless it shows a secret it just made."""
        return await self.submit(path, form, by, quiet=quiet)

    async def submit(
        self, path: str, form: dict[str, str], by: httpx.AsyncClient | None = None, *, quiet: bool = True
    ) -> str:
        """`send` with the form as a dict."""
        answer = await (by or self.owner).post(path, data=form)
        for cookie in answer.cookies.jar:
            if len(cookie.value or "") >= 20:
                self.seeds.know(f"cookie {cookie.name} {len(self.seeds.all)}", str(cookie.value))
        if quiet:
            self.seeds.hear(f"the page {answer.status_code} of POST {path}", answer.text)
        return answer.text if not answer.is_redirect else answer.headers["location"]

    async def link_for(self, address: str, word: str) -> str:
        """The link in the letter to an address, once the worker has written it into the folder."""
        found: list[str] = []

        def came() -> bool:
            for path in sorted((self.folder / "mail").glob("*.eml")):
                letter = message_from_bytes(path.read_bytes(), policy=policy.default)
                link = re.search(rf"http://\S*{word}\S*", letter.get_content())
                if address in str(letter["To"]) and link is not None:
                    found.append(link[0])
            return bool(found)

        await asyncio.to_thread(_wait, came, f"a letter with a link to {word} came")
        return found[-1]


def _wait(condition: Any, what: str) -> None:
    asyncio.run(until(condition, what))
