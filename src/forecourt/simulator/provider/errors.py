"""Errors in the provider's own format: a type, a code, a sentence, the parameter at fault."""

from typing import Any

Json = dict[str, Any]


class ApiError(Exception):
    """An answer that is an error. `kept`: something was done or decided, so it stands and is replayed for its key."""

    def __init__(self, status: int, kind: str, message: str, *, kept: bool = False, **more: Any) -> None:
        super().__init__(message)
        self.status, self.kept = status, kept
        self.error: Json = {name: value for name, value in more.items() if value is not None}
        self.error |= {"message": message, "type": kind}
        if code := self.error.get("code"):
            self.error["doc_url"] = f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"

    @property
    def body(self) -> Json:
        return {"error": self.error}


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> ApiError:
    """A request that can't be understood; nothing of it was done and it is not kept."""
    return ApiError(400, "invalid_request_error", message, param=param, code=code)


def missing(what: str, given: str, param: str = "id") -> ApiError:
    return ApiError(
        404, "invalid_request_error", f"No such {what}: '{given}'", param=param, code="resource_missing"
    )  # fmt: skip


def refused(message: str, code: str | None, *, param: str | None = None, **more: Any) -> ApiError:
    """A request that was understood and can't be done as things stand."""
    return ApiError(400, "invalid_request_error", message, param=param, code=code, kept=True, **more)


def card_error(code: str, message: str, **more: Any) -> ApiError:
    """The bank said no."""
    return ApiError(402, "card_error", message, code=code, kept=True, **more)
