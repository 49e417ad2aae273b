"""What bodies of this room's routes hold alike."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Stream
from msgspec import Meta, Struct

from forecourt.payments.hosts.banks import MAX_IBAN
from forecourt.platform.clock import Clock
from forecourt.platform.text import NAME_LINE

BIC_PATTERN = "^([A-Z0-9]{8}|[A-Z0-9]{11})?$"

Ticking = NamedDependency[Clock]
Sealing = NamedDependency[bytes]
Number = Annotated[int, PathParameter(ge=1, le=2**31 - 1, description="The number.")]
Moment = Annotated[datetime, Meta(tz=True, examples=["2026-03-01T00:00:00Z"])]
HolderName = Annotated[str, Meta(min_length=1, max_length=70, pattern=NAME_LINE, examples=["Harbour Estates GmbH"])]
Iban = Annotated[str, Meta(max_length=MAX_IBAN, examples=["DE89 3704 0044 0532 0130 00"])]
Bic = Annotated[str, Meta(pattern=BIC_PATTERN, examples=["COBADEFFXXX"])]


class BankAccount(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bank account. It is kept sealed, and never shown whole again."""

    name: HolderName
    iban: Iban
    bic: Bic = ""


def streamed(parts: AsyncIterator[bytes] | list[bytes], media_type: str, name: str) -> Stream:
    """A file to take away whose parts are made while it is sent."""
    return Stream(parts, media_type=media_type, headers={"content-disposition": f'attachment; filename="{name}"'})


def file(content: bytes, media_type: str, name: str) -> Response[bytes]:
    """A file to take away."""
    return Response(content, media_type=media_type, headers={"content-disposition": f'attachment; filename="{name}"'})
