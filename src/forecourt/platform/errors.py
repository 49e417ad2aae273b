"""The root of every error that a person or a program meets, and its form on the wire (RFC 9457).

Each feature derives its own tree from `ForecourtError`. The docstring of a class is its default message: it is read by
the person who meets it, so it says what happened and what to do.
"""

from typing import Any, ClassVar


class ForecourtError(Exception):
    """Something went wrong inside Forecourt. Nothing that was acknowledged is lost; try again."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    #: Of what is sent to a station: this error says for certain that nothing was.
    unsent: ClassVar[bool] = False

    def __init__(self, detail: str | None = None, **context: Any) -> None:
        self.detail = detail or self.default_message()
        #: Extra members of the problem, JSON values only, safe to show to the caller.
        self.context = context
        super().__init__(self.detail)

    @classmethod
    def default_message(cls) -> str:
        """The docstring as one line."""
        return " ".join((cls.__doc__ or cls.__name__).split())

    @classmethod
    def title(cls) -> str:
        """The first sentence of the docstring: the same for every occurrence, as RFC 9457 asks."""
        return cls.default_message().split(". ")[0].rstrip(".")

    def problem(self) -> dict[str, Any]:
        """The error as an RFC 9457 problem; members of the context never replace the standard ones."""
        return {
            **self.context,
            "type": f"urn:forecourt:problem:{self.code}",
            "title": self.title(),
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }


class SettingsError(ForecourtError):
    """A setting is wrong. Correct it and start again."""

    code = "settings"
