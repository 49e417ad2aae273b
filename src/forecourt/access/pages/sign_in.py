"""What the pages of this room share: where their templates are, and who is signed in on a connection."""

from pathlib import Path

from forecourt.access.guard import Asking, cookie_name, origin_of
from forecourt.access.model import Actor
from forecourt.access.service import Access
from forecourt.ui.shell import Authenticate

TEMPLATES_DIR = Path(__file__).parents[1] / "templates"


def authenticate_by(access: Access) -> Authenticate:
    """Tells who is signed in on a connection, asking the database anew each time; it is no use of the session."""

    async def authenticate(connection: Asking, /) -> Actor | None:
        token = connection.cookies.get(cookie_name(connection))
        return None if token is None else await access.of_session(token, origin_of(connection), used=False)

    return authenticate
