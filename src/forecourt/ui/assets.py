"""The built web assets, held in memory and served under names that carry their hash.

Nothing outside the build's own list can be asked for, so there is no path to escape from, and what is served may be
kept by browsers for ever.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter
from msgspec import Struct

from forecourt.ui.errors import AssetsMissing, AssetUnknown

STATIC_DIR: Final = Path(__file__).parent / "static"
PREFIX: Final = "/static"
MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".woff2": "font/woff2",
}
MAX_NAME_LENGTH: Final = 100
FOR_EVER: Final = "public, max-age=31536000, immutable"


class Asset(Struct, frozen=True, kw_only=True):
    """One file as it is sent; `gzipped` where the build made a smaller twin."""

    media_type: str
    content: bytes
    gzipped: bytes | None


class Assets:
    """The files of one build and the address of each."""

    def __init__(self, addresses: Mapping[str, str], files: Mapping[str, Asset]) -> None:
        self._addresses = addresses
        self._files = files

    @classmethod
    def load(cls, directory: Path = STATIC_DIR) -> "Assets":
        """Read a build from disk; raises AssetsMissing where there is none."""
        try:
            names = msgspec.json.decode((directory / "manifest.json").read_bytes(), type=dict[str, str])
            files = {path.name: _read(path) for path in directory.iterdir() if path.suffix in MEDIA_TYPES}
        except (OSError, msgspec.DecodeError) as fault:
            raise AssetsMissing from fault
        return cls({logical: f"{PREFIX}/{name}" for logical, name in names.items()}, files)

    def address(self, logical: str) -> str:
        """The address of an asset by its name in the sources, such as `console.css`."""
        try:
            return self._addresses[logical]
        except KeyError as fault:
            raise AssetsMissing(f"The web assets hold no {logical}. Run `make setup` to build them anew.") from fault

    def find(self, name: str) -> Asset:
        """The file of a hashed name; raises AssetUnknown."""
        try:
            return self._files[name]
        except KeyError as fault:
            raise AssetUnknown from fault


def assets_route(assets: Assets) -> HTTPRouteHandler:
    """GET /static/{name}: needs no sign-in, holds nothing private."""

    @get(f"{PREFIX}/{{name:str}}", include_in_schema=False, sync_to_thread=False, opt={"public": True})
    def asset(
        name: Annotated[str, PathParameter(max_length=MAX_NAME_LENGTH)], request: Request[Any, Any, Any]
    ) -> Response[bytes]:
        found = assets.find(name)
        headers = {"cache-control": FOR_EVER, "vary": "accept-encoding"}
        content = found.content
        if found.gzipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
            content = found.gzipped
            headers["content-encoding"] = "gzip"
        return Response(content, media_type=found.media_type, headers=headers)

    return asset


def _read(path: Path) -> Asset:
    twin = path.with_name(f"{path.name}.gz")
    return Asset(
        media_type=MEDIA_TYPES[path.suffix],
        content=path.read_bytes(),
        gzipped=twin.read_bytes() if twin.exists() else None,
    )
