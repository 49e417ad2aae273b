"""The parameter of a list by which text is looked for."""

from typing import Annotated

from litestar.params import QueryParameter

from forecourt.platform.search import MAX_SEARCH_LENGTH

Search = Annotated[
    str | None,
    QueryParameter(
        max_length=MAX_SEARCH_LENGTH,
        pattern=r"^[^\x00]*$",
        description="Only those with this text in a name or an id, in whatever case.",
    ),
]
