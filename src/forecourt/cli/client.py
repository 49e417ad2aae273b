"""Asking the HTTP API from the command line: where it is, with which key, and what its problems mean to a shell.

The key is that of FORECOURT_API_KEY, or the demo's where its file is at hand. Exit codes tell scripts what went wrong.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, ClassVar, Final
from urllib.parse import quote
from uuid import uuid4

import msgspec
import typer

from forecourt.platform.errors import ForecourtError
from forecourt.platform.settings import PREFIX, load

KEY_VARIABLE: Final = f"{PREFIX}API_KEY"
DEMO_FILE: Final = "demo.json"
#: Stations answer calls within half a minute, and the web a little later.
DEADLINE_S: Final = 40.0
CONNECT_DEADLINE_S: Final = 5.0
#: Items of one page that is asked for, and of a whole list at the most.
PAGE: Final = 200
MAX_LISTED: Final = 100_000

Url = Annotated[
    str | None, typer.Option("--url", help="Where the web is; else FORECOURT_PUBLIC_URL or this machine's port.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one value a line, for programs.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=MAX_LISTED, help="How many at the most.")]


class KeyMissing(ForecourtError):
    """There is no API key. Set FORECOURT_API_KEY to one made by an owner, or run where `forecourt up --demo` does."""

    exit_code: ClassVar[int] = 4


class Unreachable(ForecourtError):
    """Forecourt can't be reached. Check that it runs, and the address."""

    exit_code: ClassVar[int] = 6


class Refused(ForecourtError):
    """The API refused the request."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.exit_code = {401: 4, 403: 4, 404: 3, 409: 5, 412: 5, 503: 6, 504: 6}.get(status, 1)


class NotObeyed(ForecourtError):
    """The station refused."""

    exit_code: ClassVar[int] = 7


class Api:
    """The API of one deployment."""

    def __init__(self, url: str | None) -> None:
        settings = load(os.environ)
        self._url = (url or settings.console_url).rstrip("/") + "/api/v1"
        self._key = os.environ.get(KEY_VARIABLE) or _demo_key(settings.data_dir / DEMO_FILE)

    def get(self, *path: str, **query: Any) -> Any:
        """The answer to a question. Raises Refused, Unreachable."""
        return self._ask("GET", path, query=query)

    def post(self, *path: str, body: Any = None) -> Any:
        """The answer to a wish; sent with a key of its own, so that a proxy that repeats it does nothing twice."""
        return self._ask("POST", path, body=body)

    def patch(self, *path: str, body: Any) -> Any:
        """The thing as it is after the change."""
        return self._ask("PATCH", path, body=body)

    def put(self, *path: str, body: Any, **query: Any) -> Any:
        """The thing as it is after it was said anew."""
        return self._ask("PUT", path, query=query, body=body)

    def delete(self, *path: str, **query: Any) -> Any:
        """The thing as it is after it was taken away."""
        return self._ask("DELETE", path, query=query)

    def listed(self, *path: str, limit: int, **query: Any) -> Iterator[dict[str, Any]]:
        """Up to `limit` items of a list, page by page."""
        cursor: str | None = None
        while limit > 0:
            page = self.get(*path, **query, limit=min(limit, PAGE), cursor=cursor)
            yield from page["items"]
            limit -= len(page["items"])
            cursor = page["next"]
            if cursor is None:
                return

    def fetch(self, *path: str) -> bytes:
        """A file. Raises Refused, Unreachable."""
        import httpx

        with self._reached(), self._client(httpx.Timeout(DEADLINE_S, connect=CONNECT_DEADLINE_S)) as client:
            response = client.get(_path(path), headers={"accept": "*/*"})
        if response.status_code >= 400:
            raise _refusal(response.status_code, response.content)
        return bytes(response.content)

    @contextmanager
    def stream(self, *path: str, **query: Any) -> Iterator[Iterator[str]]:
        """The lines of an answer that goes on."""
        import httpx

        with (
            self._reached(),
            self._client(httpx.Timeout(CONNECT_DEADLINE_S, read=None)) as client,
            client.stream("GET", _path(path), params=_given(query)) as response,
        ):
            if response.status_code >= 400:
                response.read()
                raise _refusal(response.status_code, response.content)
            yield response.iter_lines()

    def _ask(
        self, method: str, path: tuple[str, ...], *, query: Mapping[str, Any] | None = None, body: Any = None
    ) -> Any:
        import httpx

        headers = {"idempotency-key": str(uuid4())} if method == "POST" else {}
        with self._reached(), self._client(httpx.Timeout(DEADLINE_S, connect=CONNECT_DEADLINE_S)) as client:
            response = client.request(
                method,
                _path(path),
                params=_given(query or {}),
                content=None if body is None else msgspec.json.encode(body),
                headers={**headers, **({} if body is None else {"content-type": "application/json"})},
            )
        if response.status_code >= 400:
            raise _refusal(response.status_code, response.content)
        return msgspec.json.decode(response.content) if response.content else None

    def _client(self, timeout: Any) -> Any:
        import httpx

        headers = {"authorization": f"Bearer {self._key}", "accept": "application/json"}
        return httpx.Client(base_url=self._url, headers=headers, timeout=timeout)

    @contextmanager
    def _reached(self) -> Iterator[None]:
        import httpx

        try:
            yield
        except httpx.InvalidURL as fault:
            raise Unreachable(f"{self._url} is no address: {fault}.") from None
        except httpx.ConnectError:
            raise Unreachable(f"Nothing answers at {self._url}. Check that Forecourt runs, and --url.") from None
        except httpx.TimeoutException:
            raise Unreachable(f"No answer came from {self._url} in time. What was asked may have been done.") from None
        except httpx.HTTPError as fault:
            raise Unreachable(f"The connection to {self._url} broke: {fault}.") from None


def _path(parts: tuple[str, ...]) -> str:
    return "/" + "/".join(quote(part, safe="") for part in parts)


def _given(query: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in query.items()
        if value not in (None, (), [])
    }


def _demo_key(path: Any) -> str:
    try:
        key = msgspec.json.decode(path.read_bytes()).get("api_key")
    except (OSError, msgspec.DecodeError, AttributeError):
        key = None
    if not isinstance(key, str):
        raise KeyMissing
    return key


def _refusal(status: int, content: bytes) -> Refused:
    """A problem in one sentence, with each part of the request that is wrong."""
    try:
        problem = msgspec.json.decode(content)
        detail = str(problem["detail"])
        wrong = [f"{each.get('pointer', '')}: {each['detail']}" for each in problem.get("errors") or ()]
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
        return Refused(status, f"The answer was HTTP {status} and can't be understood. Is this address Forecourt's?")
    return Refused(status, "\n  ".join([detail, *(wrong if len(wrong) > 1 else ())]))
