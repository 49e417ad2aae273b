"""How routes take and give entity tags. Apart from `preconditions`, which processes without routes load as well."""

from typing import Annotated, TypeVar

from litestar import Response
from litestar.params import HeaderParameter

MAX_HEADER_LENGTH = 1_000

Body = TypeVar("Body")

IfMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match",
        max_length=MAX_HEADER_LENGTH,
        description="The ETag of what you read: if it was changed since, nothing is done (412). Absent: no check.",
    ),
]


def tagged(body: Body, tag: str) -> Response[Body]:
    """An answer that carries its ETag, with the status of its route."""
    return Response(body, headers={"etag": tag})
