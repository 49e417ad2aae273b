"""The body of a request of the API, read once and to the letter: the framework would take `"11000"` for a number."""

import re
from functools import cache
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.exceptions import ValidationException
from litestar.handlers import BaseRouteHandler

from forecourt.app.digits import DIGITS, misread
from forecourt.app.wording import no_json_in_words

#: Where the decoder says that it is.
_PLACE: Final = re.compile(r" - at `\$\.?([^`]*)`$")


class BodyRequest(Request[Any, Any, Any]):
    """A request whose JSON is decoded as what its route takes."""

    async def json(self) -> Any:
        """The body as the route declares it. Raises ValidationException with what is wrong and where."""
        body = await self.body()
        try:
            decoded = _decoder(self.route_handler).decode(body)
        except msgspec.ValidationError as fault:
            told = str(fault)
            place = _PLACE.search(told)
            raise _refused(told[: place.start()] if place else told, place[1] if place else "") from fault
        except msgspec.DecodeError as fault:
            raise _refused(no_json_in_words(body, str(fault)), "") from fault
        if (wrong := misread(body, decoded)) is not None:
            raise _refused(DIGITS, wrong)
        return decoded


@cache
def _decoder(handler: BaseRouteHandler) -> msgspec.json.Decoder[Any]:
    field = handler.parsed_fn_signature.parameters.get("data")
    return msgspec.json.Decoder(Any if field is None else field.annotation)


def _refused(message: str, path: str) -> ValidationException:
    return ValidationException(extra=[{"message": message, "key": path or "data", "source": "body"}])
