"""A study of new sites: what is asked for, what was sent, how far it is, and what came of it."""

from datetime import datetime
from enum import StrEnum
from itertools import product
from typing import Annotated, Final

from msgspec import Meta, Struct, field

from forecourt.insight.siting import reading
from forecourt.insight.siting.model import MAX_NEW, MAX_SCENARIOS, Method, Scenario, SitingRefused, Split
from forecourt.insight.siting.reading import MAX_TEXT
from forecourt.insight.siting.report import Report
from forecourt.platform.errors import ForecourtError
from forecourt.platform.text import ONE_LINE

#: Seconds that one scenario of a study may take.
MAX_SCENARIO_S: Final = 60
#: Of each of what scenarios differ in.
MAX_ALIKE: Final = 6

Csv = Annotated[
    str,
    Meta(
        max_length=MAX_TEXT, description="CSV: a line of column names, then a row each.",
        examples=["name,flow,latitude,longitude\nNorth,A1,52.10,5.10\nSouth,A1,52.20,5.20\n"],
    ),
]  # fmt: skip
Minor = Annotated[int, Meta(ge=0, le=10**12, description="Whole minor units.")]


class StudyUnknown(ForecourtError):
    """There is no such study. The list of studies has those there are."""

    status = 404
    code = "siting-study-unknown"


class TooManyStudies(ForecourtError):
    """As many studies as there can be wait, run or are kept. Wait for one, or delete one."""

    status = 409
    code = "too-many-siting-studies"


class StudyOpen(ForecourtError):
    """The study still runs. Stop it first."""

    status = 409
    code = "siting-study-open"


class StudyState(StrEnum):
    """How far a study is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    REFUSED = "refused"


class Wanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Scenarios: each of `methods` with each of `new` and of `reach_km`, no more in all than go side by side. With
    `budget_minor` no more sites than it pays for. `own_demand`: what own sites served counts as demand beside that of a
    file."""

    name: Annotated[str, Meta(min_length=1, max_length=200, pattern=ONE_LINE, examples=["Where people live"])]
    methods: Annotated[list[Method], Meta(min_length=1, max_length=3)] = field(default_factory=lambda: [Method.COVER])
    new: Annotated[list[Annotated[int, Meta(ge=1, le=MAX_NEW)]], Meta(min_length=1, max_length=MAX_ALIKE)] = field(
        default_factory=lambda: [5]
    )
    reach_km: Annotated[list[Annotated[float, Meta(gt=0, le=1_000)]], Meta(min_length=1, max_length=MAX_ALIKE)] = field(
        default_factory=lambda: [5.0]
    )
    split: Split = Split.NEAREST
    seconds: Annotated[int, Meta(ge=1, le=MAX_SCENARIO_S, description="That one scenario may take.")] = MAX_SCENARIO_S
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$", examples=["EUR"])] = "EUR"
    site_minor: Minor = 0
    per_plug_minor: Minor = 0
    budget_minor: Annotated[int, Meta(ge=0, le=10**12, examples=[10_000_000])] | None = None
    own_sites: bool = True
    own_demand: Annotated[bool, Meta(examples=[False])] = False
    measured: Annotated[bool, Meta(description="The demand of the file is use that was measured, not a proxy.")] = False
    columns: Annotated[
        dict[str, Annotated[str, Meta(max_length=200)]],
        Meta(max_length=len(reading.COLUMNS), description="Names of columns: weight -> population."),
    ] = field(default_factory=dict)

    def scenarios(self) -> list[Scenario]:
        """In the order that they are told in. Raises SitingRefused for too many."""
        made = [
            Scenario(
                method=method, new=new, reach_km=reach, seconds=float(self.seconds), budget_minor=self.budget_minor
            )
            for method, new, reach in product(
                dict.fromkeys(self.methods), dict.fromkeys(self.new), dict.fromkeys(self.reach_km)
            )
        ]
        if len(made) > MAX_SCENARIOS:
            raise SitingRefused(f"{len(made)} scenarios are asked for; {MAX_SCENARIOS} go side by side at the most.")
        return made


class Files(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was sent, as CSV: places where a site could be; demand (else the weights of those places); ways of traffic;
    and sites of others, or own ones that the lake doesn't know."""

    candidates: Csv
    demand: Csv = ""
    flows: Csv = ""
    existing: Csv = ""


class StudyHead(Struct, frozen=True, kw_only=True):
    """A study: how far it is, by scenarios `done` of `every`, and what it is `doing`; `reason` says why it was
    refused; `begun_at` is when it was last begun."""

    study_id: int
    name: str
    state: StudyState
    wanted: Wanted
    done: int
    every: int
    doing: str
    made_at: datetime
    made_by: str
    begun_at: datetime | None
    ended_at: datetime | None
    stop_wanted: bool
    reason: str | None

    @property
    def is_open(self) -> bool:
        """Whether it waits or runs."""
        return self.state in (StudyState.WAITING, StudyState.RUNNING)


class Study(Struct, frozen=True, kw_only=True):
    """A study with what came of it; null until it is done."""

    listed: StudyHead
    report: Report | None
