"""What routes of hosts hold alike."""

from datetime import datetime
from typing import Annotated

from litestar.di import NamedDependency
from litestar.params import PathParameter
from msgspec import Meta

from forecourt.platform.clock import Clock

Ticking = NamedDependency[Clock]
Number = Annotated[int, PathParameter(ge=1, le=2**31 - 1, description="The number.")]
Moment = Annotated[datetime, Meta(tz=True, examples=["2026-03-01T00:00:00Z"])]
