"""What the operator says of growth: the promise to drivers, and what plugs, connection and a session are worth.

It is said of all sites, and of one of them otherwise.
"""

from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Final

from msgspec import Meta, Struct

from forecourt.insight.expansion.model import Costs, Counted, Power, Target
from forecourt.platform.errors import ForecourtError

#: Whole minor units of one cost.
MAX_MINOR: Final = 10**12
#: W of one plug, and of one connection.
MAX_PLUG_W: Final = 1_000_000
MAX_CONNECTION_W: Final = 100_000_000
#: Taken for a plug where nobody knows the power of its station.
UNKNOWN_PLUG_W: Final = 22_000

Minor = Annotated[int, Meta(ge=0, le=MAX_MINOR, description="Whole minor units.")]


class InputsRefused(ForecourtError):
    """What is said of growth makes no sense together. Correct what is named and ask again."""

    status = 422
    code = "expansion-inputs-refused"


class Inputs(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At most `missed_percent` of the busiest hour find no plug and leave; with `wait_minutes`, wait longer than that.

    Costs are of one plug, of each kW of its power, of each kW of connection that is lacking, and once for growing at
    all. Of a session's revenue without taxes `kept_percent` are kept, unless `margin_minor` says what one earns. The
    costs to begin with are orders of magnitude, not offers.
    """

    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$", examples=["EUR"])] = "EUR"
    missed_percent: Annotated[float, Meta(ge=0.1, le=50)] = 5.0
    wait_minutes: Annotated[int, Meta(ge=0, le=1_440)] | None = None
    counted: Annotated[
        Counted, Meta(description="Connection for all plugs at once, for cars that share it, or for what cars drew.")
    ] = Counted.SHARED
    plug_w: Annotated[int, Meta(ge=1, le=MAX_PLUG_W, description="Null: as the stations of the site have.")] | None = (
        None
    )
    connection_w: (
        Annotated[
            int, Meta(ge=0, le=MAX_CONNECTION_W, description="That is there; null: what the plugs of today need.")
        ]
        | None
    ) = None
    fixed_minor: Minor = 0
    per_plug_minor: Minor = 100_000
    per_plug_kw_minor: Minor = 35_000
    per_kw_minor: Minor = 20_000
    kept_percent: Annotated[Decimal, Meta(examples=["40"], description="From 0 to 100, two decimals.")] = Decimal(40)
    margin_minor: Annotated[int, Meta(ge=0, le=MAX_MINOR, description="Of one session; null: reckoned.")] | None = None

    def check(self) -> None:
        """Raises InputsRefused where more is kept than comes in, or less than nothing."""
        if not 0 <= self.kept_percent <= 100 or self.kept_percent != round(self.kept_percent, 2):
            raise InputsRefused("Of what a session brings 0 to 100 percent are kept, with two decimals at the most.")

    @property
    def target(self) -> Target:
        """The promise."""
        return Target(share=self.missed_percent / 100, wait_minutes=self.wait_minutes)

    def power(self, known_w: int | None) -> Power:
        """Of a plug, where the stations of the site have so much each."""
        return Power(
            plug_w=self.plug_w or known_w or UNKNOWN_PLUG_W, connection_w=self.connection_w, counted=self.counted
        )

    def costs(self, plug_w: int, revenue: Decimal) -> Costs:
        """Of growth with plugs of so many W, where a session brings `revenue` minor units without taxes."""
        return Costs(
            fixed_minor=self.fixed_minor,
            per_plug_minor=self.per_plug_minor + -(-self.per_plug_kw_minor * plug_w // 1000),
            per_kw_minor=self.per_kw_minor,
            margin_minor=self.margin(revenue),
        )

    def margin(self, revenue: Decimal) -> int:
        """What one session earns, in whole minor units."""
        if self.margin_minor is not None:
            return self.margin_minor
        return int((revenue * self.kept_percent / 100).quantize(Decimal(1), ROUND_HALF_UP))
