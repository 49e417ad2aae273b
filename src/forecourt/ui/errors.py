"""What can go wrong in the shell itself."""

from forecourt.platform.errors import ForecourtError


class AssetsMissing(ForecourtError):
    """The web assets are not built. Run `make setup`, or `npm ci && npm run build` in web/."""

    code = "assets-missing"


class AssetUnknown(ForecourtError):
    """There is no such asset. Reload the page: a newer version may have been installed."""

    status = 404
    code = "asset-unknown"
