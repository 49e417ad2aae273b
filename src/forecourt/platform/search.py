"""Text that people look for in a list: found anywhere, in whatever case."""

from typing import Annotated

from litestar.params import QueryParameter

MAX_SEARCH_LENGTH = 200

Search = Annotated[
    str | None,
    QueryParameter(
        max_length=MAX_SEARCH_LENGTH,
        pattern=r"^[^\x00]*$",
        description="Only those with this text in a name or an id, in whatever case.",
    ),
]


def anywhere(text: str) -> str:
    """The pattern by which SQL's ILIKE finds a text anywhere, taking it as it is written."""
    return "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
