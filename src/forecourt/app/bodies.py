"""The body of a request of the API, read once and to the letter: the framework would take `"11000"` for a number."""

from functools import cache
from typing import Any

import msgspec
from litestar import Request
from litestar.exceptions import ValidationException
from litestar.handlers import BaseRouteHandler

from forecourt.app.digits import DIGITS, misread
from forecourt.app.misfits import Misfit, misfits
from forecourt.app.wording import no_json_in_words


class BodyRequest(Request[Any, Any, Any]):
    """A request whose JSON is decoded as what its route takes."""

    async def json(self) -> Any:
        """The body as the route declares it. Raises ValidationException with all that is wrong, and where."""
        body = await self.body()
        try:
            decoded = _decoder(self.route_handler).decode(body)
        except msgspec.ValidationError as fault:
            wrong = misfits(body, _decoder(self.route_handler).type, fault)
            raise ValidationException(extra=[_part(each) for each in wrong]) from fault
        except msgspec.DecodeError as fault:
            raise _refused(no_json_in_words(body, str(fault)), "") from fault
        if (place := misread(body, decoded)) is not None:
            raise _refused(DIGITS, place)
        return decoded


@cache
def _decoder(handler: BaseRouteHandler) -> msgspec.json.Decoder[Any]:
    field = handler.parsed_fn_signature.parameters.get("data")
    return msgspec.json.Decoder(Any if field is None else field.annotation)


def _part(misfit: Misfit) -> dict[str, str]:
    """As the framework tells a part of a request that it refuses, and where that is."""
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in misfit.place).lstrip(".")
    return {"message": misfit.message, "key": path or "data", "source": "body", "pointer": misfit.pointer}


def _refused(message: str, path: str) -> ValidationException:
    return ValidationException(extra=[{"message": message, "key": path or "data", "source": "body"}])
