"""Makes a world: its sites and cars, the faults of its connectors, and all that stations would have said."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from forecourt.simulator.wear.faults import FAILED_BY, SIGNS, Course, Floats, courses
from forecourt.simulator.wear.world import GRADUAL, SUDDEN, World

if TYPE_CHECKING:
    import pyarrow as pa

Ints = npt.NDArray[np.int64]

#: The first midnight.
BEGINS: Final = datetime(2025, 1, 1, tzinfo=UTC)
DAY_S: Final = 86_400
#: Power of an EVSE by whether it gives direct current, and of cars, in W.
RATED_W: Final = {False: 22_000, True: 150_000}
CARS_W: Final = {False: (3_700, 7_400, 11_000, 22_000), True: (50_000, 90_000, 120_000, 170_000)}
#: Drivers that come to a site again and again.
REGULARS: Final = 60
#: A driver whose start failed tries again there, or at another EVSE of the site, this often; and this many times.
AGAIN_HERE: Final = 0.55
AGAIN_THERE: Final = 0.25
AGAIN: Final = 2
MAKERS: Final = 4


class Fault(Struct, frozen=True, kw_only=True):
    """What was true: a fault of an EVSE. `failed_at` and `mended_at` None: it wears and never fails."""

    station: str
    evse: int
    kind: str
    gradual: bool
    onset_at: datetime
    failed_at: datetime | None
    mended_at: datetime | None


class Made(Struct, frozen=True, kw_only=True):
    """Tables by their names in the lake, and the truth beside them."""

    tables: "dict[str, pa.Table]"
    faults: list[Fault]
    begins: datetime
    days: int


class _Plug(Struct, frozen=True, kw_only=True):
    """An EVSE, and what is true of it alone."""

    site: int
    station: int
    evse: int
    fast: bool
    visits: float
    sun_c: float
    register: float
    chatty: float
    courses: list[Course]


class _Sayings:
    """Columns of a table as they come, in parts."""

    def __init__(self) -> None:
        self._parts: dict[str, list[Any]] = {}

    def add(self, **columns: Any) -> None:
        for name, values in columns.items():
            self._parts.setdefault(name, []).append(np.asarray(values))

    def column(self, name: str) -> Any:
        return np.concatenate(self._parts[name])


def make(world: World, seed: int) -> Made:
    """The world that a seed gives: the same each time."""
    return _Maker(world, np.random.default_rng(seed)).make()


class _Maker:
    def __init__(self, world: World, random: np.random.Generator) -> None:
        self._world = world
        self._random = random
        self._days = np.arange(world.days, dtype=np.float64)
        self._sessions, self._states, self._gaps = _Sayings(), _Sayings(), _Sayings()
        self._stations: list[tuple[str, str, int, int]] = []

    def make(self) -> Made:
        plugs = self._built()
        for site in range(self._world.sites):
            here = [plug for plug in plugs if plug.site == site]
            self._lived(here)
        return Made(tables=self._tables(), faults=[*self._true(plugs)], begins=BEGINS, days=self._world.days)

    def _built(self) -> list[_Plug]:
        world, random = self._world, self._random
        plugs: list[_Plug] = []
        for site in range(world.sites):
            fast = bool(random.random() < world.fast_share)
            count, visits = int(random.integers(*world.evses, endpoint=True)), random.uniform(*world.visits)
            for first in range(0, count, 2):
                station, evses = len(self._stations), min(2, count - first)
                self._stations.append((f"W{station:04}", f"site-{site:03}", evses, RATED_W[fast] * evses))
                radio = [*courses(random, world, fast, of=("modem",))]
                chatty = random.uniform(0.01, 0.05) if random.random() < world.chatty_share else 0.0
                for evse in range(1, evses + 1):
                    own = [*courses(random, world, fast, of=(*(k for k in GRADUAL if k != "modem"), *SUDDEN, "mild"))]
                    plugs.append(
                        _Plug(
                            site=site, station=station, evse=evse, fast=fast, visits=visits * random.gamma(8, 1 / 8),
                            sun_c=random.normal(0, 3), register=random.normal(0, 0.006), chatty=chatty,
                            courses=sorted([*own, *radio], key=lambda each: each.onset),
                        )
                    )  # fmt: skip
        return plugs

    def _lived(self, plugs: list[_Plug]) -> None:
        """A site's whole time."""
        world, random = self._world, self._random
        mean_c, swing_c = world.climate_c
        warm = mean_c - swing_c * np.cos(2 * np.pi * self._days / 365) + _wandering(random, world.days, 0.7, 2.5)
        busy = (1 + 0.2 * np.sin(2 * np.pi * self._days / 365)) * np.where(self._days % 7 >= 5, 0.75, 1.1)
        busy *= np.exp(_wandering(random, world.days, 0.6, 0.15))
        limited = bool(random.random() < 0.35)
        mute = (bool(random.random() < world.mute_offer), bool(random.random() < world.mute_heat))
        cars = self._cars(plugs[0].fast)
        updates = self._updates()
        for plug in plugs:
            self._visited(plug, plugs, warm + plug.sun_c, busy, cars, updates, limited, mute)
        self._lost(plugs)

    def _cars(self, fast: bool) -> tuple[Floats, Floats]:
        """Of a site's regulars and of as many guests: the most that each takes, and how likely its start fails."""
        count = 10 * REGULARS
        power = self._random.choice(CARS_W[fast], count).astype(np.float64)
        bad = self._random.random(count) < self._world.bad_cars
        return power, np.where(bad, self._random.uniform(0.1, 0.4, count), 0.0)

    def _updates(self) -> Floats:
        """How much more stations of a maker say each day, after updates."""
        more = np.zeros((MAKERS, self._world.days))
        for maker in range(MAKERS):
            for at in self._times(self._world.updates_a_year):
                more[maker, int(at) : int(at) + int(self._random.integers(2, 7))] = self._random.uniform(0.03, 0.15)
        return more

    def _times(self, a_year: float) -> Floats:
        count = self._random.poisson(a_year * self._world.days / 365)
        return np.sort(self._random.uniform(0, self._world.days, count))

    def _visited(
        self,
        plug: _Plug,
        plugs: list[_Plug],
        warm: Floats,
        busy: Floats,
        cars: tuple[Floats, Floats],
        updates: Floats,
        limited: bool,
        mute: tuple[bool, bool],
    ) -> None:
        """All visits of one EVSE, with what fails, and what it says besides."""
        random, world = self._random, self._world
        worn = sum((c.severity(self._days) for c in plug.courses), np.zeros(world.days))
        counts = random.poisson(np.maximum(plug.visits * busy * (1 - 0.4 * np.clip(worn, 0, 1)), 0))
        at = np.repeat(self._days, counts) + np.clip(random.normal(0.58, 0.17, counts.sum()), 0, 0.999)
        regular = random.random(len(at)) < 0.6
        who = np.where(
            regular, random.integers(0, REGULARS, len(at)), random.integers(REGULARS, 10 * REGULARS, len(at))
        )
        blip = np.zeros(world.days)
        for begun in self._times(world.blips_a_year):
            blip[int(begun) : int(begun) + int(random.integers(1, 4))] = random.uniform(0.2, 0.7)
        others = [other for other in plugs if other is not plug] or [plug]
        where = np.full(len(at), plugs.index(plug))
        for _ in range(AGAIN + 1):
            at, who, where = self._tried(at, who, where, plugs, others, warm, cars, blip, limited, mute)
            if not len(at):
                break
        self._faulted(plug)
        self._talked(plug, updates[plug.station % MAKERS])

    def _tried(
        self, at: Floats, who: Ints, where: Ints, plugs: list[_Plug], others: list[_Plug], warm: Floats,
        cars: tuple[Floats, Floats], blip: Floats, limited: bool, mute: tuple[bool, bool],
    ) -> tuple[Floats, Ints, Ints]:  # fmt: skip
        """One try of each; gives those that try again."""
        random = self._random
        again: list[tuple[Floats, Ints, Ints]] = []
        for number in np.unique(where):
            plug, mine = plugs[number], where == number
            t, driver = at[mine], who[mine]
            standing = ~_down(plug, t)
            t, driver = t[standing], driver[standing]
            if not len(t):
                continue
            signs = [(SIGNS[c.kind], c.severity(t)) for c in plug.courses if c.gradual]
            sound = (1 - self._world.failing) * (1 - cars[1][driver])
            if plugs[number] not in others:
                sound *= 1 - blip[t.astype(int)]
            for sign, severity in signs:
                sound *= 1 - np.minimum(sign.failing * severity, 0.95)
                self._coded(plug, t, sign.codes, severity)
            failed = random.random(len(t)) > sound
            self._charged(plug, t, driver, failed, signs, warm, cars[0], limited, mute)
            again.append(self._again(plugs, others, number, t[failed], driver[failed]))
        if not again:
            return at[:0], who[:0], where[:0]
        parts = zip(*again, strict=True)
        return tuple(np.concatenate(part) for part in parts)  # type: ignore[return-value]

    def _again(
        self, plugs: list[_Plug], others: list[_Plug], number: int, t: Floats, driver: Ints
    ) -> tuple[Floats, Ints, Ints]:
        random = self._random
        drawn = random.random(len(t))
        stays = drawn < AGAIN_HERE + AGAIN_THERE
        beside = np.array([plugs.index(other) for other in others])[random.integers(0, len(others), len(t))]
        where = np.where(drawn < AGAIN_HERE, number, beside)
        later = np.minimum(t + random.uniform(90, 420, len(t)) / DAY_S, self._world.days - 1e-3)
        return later[stays], driver[stays], where[stays].astype(np.int64)

    def _charged(
        self, plug: _Plug, t: Floats, driver: Ints, failed: npt.NDArray[np.bool_], signs: list[tuple[Any, Floats]],
        warm: Floats, power_w: Floats, limited: bool, mute: tuple[bool, bool],
    ) -> None:  # fmt: skip
        """What came of each try, as the station's meter and sensors tell it."""
        random, n = self._random, len(t)
        rated = RATED_W[plug.fast]
        evening = (t % 1 > 0.65) & limited
        offered = rated * np.where(evening, random.uniform(0.4, 0.9, n), 1.0)
        lost, heat, drift = np.zeros(n), np.zeros(n), np.full(n, plug.register)
        direction = 1.0 if plug.evse % 2 else -1.0
        for sign, severity in signs:
            lost += sign.lost * severity
            heat += sign.heat_c * severity
            drift += direction * sign.register * severity
        tapered = random.uniform(0.55, 0.95, n) if plug.fast else random.uniform(0.9, 1.0, n)
        power = np.minimum(offered, power_w[driver] * tapered) * (1 - np.clip(lost, 0, 0.9))
        wanted = random.gamma(4, 9_000 if plug.fast else 4_500, n)
        charging_h = np.clip(wanted / power, 0.1, 9.0)
        energy = np.where(failed, random.uniform(0, 25, n), power * charging_h)
        seconds = np.where(failed, random.uniform(8, 55, n), charging_h * 3600 + random.exponential(900, n))
        load = power / rated
        celsius = (
            warm[t.astype(int)] + 22 * load + heat * (0.4 + 0.6 * load) + random.normal(0, self._world.sensor_c, n)
        )
        measured = ~failed
        nan = np.full(n, np.nan)
        self._sessions.add(
            station=np.full(n, plug.station), evse=np.full(n, plug.evse),
            driver=driver + plug.site * 10 * REGULARS, at=t * DAY_S, seconds=seconds,
            energy=np.round(energy * (1 + drift)), failed=failed,
            sampled=np.where(measured, energy * (1 + drift), np.nan),
            power=np.where(measured, energy * (1 + random.normal(0, 0.012, n)), np.nan),
            offered=nan if mute[0] else np.where(measured, offered * charging_h, np.nan),
            celsius=nan if mute[1] else np.where(measured, celsius, np.nan),
        )  # fmt: skip

    def _coded(self, plug: _Plug, t: Floats, codes: tuple[tuple[str, float], ...], severity: Floats) -> None:
        """Codes that wear has a station say at visits, and that pass."""
        for code, likely in codes:
            said = t[self._random.random(len(t)) < np.minimum(likely * severity, 0.9)]
            self._said(plug, said, code)

    def _said(self, plug: _Plug, t: Floats, code: str) -> None:
        """A fault that is over in minutes."""
        over = t + self._random.uniform(30, 600, len(t)) / DAY_S
        for at, state, error in ((t, "Faulted", code), (over, "Available", "NoError")):
            n = len(at)
            self._states.add(
                station=np.full(n, plug.station), evse=np.full(n, plug.evse), at=at * DAY_S,
                state=np.full(n, state, object), error=np.full(n, error, object),
            )  # fmt: skip

    def _talked(self, plug: _Plug, more: Floats) -> None:
        """Codes that mean nothing: a few everywhere, many from some, more after an update."""
        random = self._random
        daily = plug.visits * (0.004 + plug.chatty + more)
        counts = random.poisson(daily)
        t = np.repeat(self._days, counts) + random.random(counts.sum())
        t = t[~_down(plug, t)]
        codes = random.choice(
            ["OtherError", "InternalError", "EVCommunicationError", "ConnectorLockFailure", "ReaderFailure"], len(t),
            p=[0.4, 0.25, 0.2, 0.08, 0.07],
        )  # fmt: skip
        for code in np.unique(codes):
            self._said(plug, t[codes == code], str(code))

    def _faulted(self, plug: _Plug) -> None:
        """What failed stays faulted until it is mended."""
        for course in plug.courses:
            code = FAILED_BY.get(course.kind)
            if code is None or not np.isfinite(course.failed):
                continue
            self._states.add(
                station=[plug.station] * 2, evse=[plug.evse] * 2,
                at=[course.failed * DAY_S, course.mended * DAY_S],
                state=np.array(["Faulted", "Available"], object), error=np.array([code, "NoError"], object),
            )  # fmt: skip

    def _lost(self, plugs: list[_Plug]) -> None:
        """How the stations of a site lose their connections: each for itself, and all of them together."""
        random, days = self._random, self._days
        outages = [(at, random.exponential(2.5) / 24, int(random.integers(1, 7))) for at in self._times(
            self._world.outages_a_year
        )]  # fmt: skip
        for number in sorted({plug.station for plug in plugs}):
            plug = next(each for each in plugs if each.station == number)
            weak = random.uniform(0.4, 2.5) if random.random() < self._world.weak_share else 0.0
            often = np.full(len(days), 0.04 + weak)
            for course in plug.courses:
                if course.gradual:
                    often += SIGNS[course.kind].losses_a_day * course.severity(days)
            counts = random.poisson(often)
            at = np.repeat(days, counts) + random.random(counts.sum())
            away = random.exponential(240, len(at)) + 15
            for begun, length, times in outages:
                at = np.concatenate([at, begun + np.linspace(0, length, times)])
                away = np.concatenate([away, np.full(times, length * DAY_S / times * 0.7 + 20)])
            for course in plug.courses:
                if course.kind == "modem" and np.isfinite(course.failed):
                    at = np.append(at, course.failed)
                    away = np.append(away, (course.mended - course.failed) * DAY_S)
            self._gaps.add(station=np.full(len(at), number), at=at * DAY_S, away=away)

    def _true(self, plugs: list[_Plug]) -> Any:
        for plug in plugs:
            for course in plug.courses:
                if course.onset >= self._world.days:
                    continue
                yield Fault(
                    station=self._stations[plug.station][0], evse=plug.evse, kind=course.kind, gradual=course.gradual,
                    onset_at=_when(course.onset),
                    failed_at=_when(course.failed) if np.isfinite(course.failed) else None,
                    mended_at=_when(course.mended) if np.isfinite(course.mended) else None,
                )  # fmt: skip

    def _tables(self) -> "dict[str, pa.Table]":
        import pyarrow as pa

        names = np.array([name for name, *_ in self._stations], object)
        of, states, gaps = self._sessions.column, self._states.column, self._gaps.column
        whole = {name: _whole(of(name)) for name in ("sampled", "power", "offered")}
        sessions = {
            "source": np.full(len(of("at")), "own", object), "station": names[of("station")],
            "evse": of("evse").astype(str).astype(object), "driver": of("driver").astype(str).astype(object),
            "started_at": _at(of("at")), "ended_at": _at(of("at") + of("seconds")),
            "energy_wh": of("energy").astype(np.int64),
            "outcome": np.where(of("energy") >= 1, "charged", "nothing").astype(object),
            "sampled_wh": whole["sampled"], "power_wh": whole["power"], "offered_wh": whole["offered"],
            "hottest_c": pa.array(np.round(of("celsius"), 1), from_pandas=True),
        }  # fmt: skip
        return {
            "stations": pa.table({
                "station": names, "site": [row[1] for row in self._stations], "source": ["own"] * len(names),
                "evses": [row[2] for row in self._stations], "power_w": [row[3] for row in self._stations],
            }),
            "sessions": pa.table(sessions),
            "states": pa.table({
                "station": names[states("station")], "evse": states("evse").astype(np.int64),
                "connector": np.ones(len(states("at")), np.int64), "state_at": _at(states("at")),
                "state": states("state"), "error_code": states("error"),
            }),
            "gaps": pa.table({
                "station": names[gaps("station")], "lost_at": _at(gaps("at")),
                "returned_at": _at(gaps("at") + gaps("away")),
            }),
        }  # fmt: skip


def _down(plug: _Plug, t: Floats) -> npt.NDArray[np.bool_]:
    """When nobody can charge there: from a failure until it is mended."""
    down = np.zeros(len(t), bool)
    for course in plug.courses:
        if np.isfinite(course.failed):
            down |= (t >= course.failed) & (t < course.mended)
    return down


def _wandering(random: np.random.Generator, days: int, keeps: float, spread: float) -> Floats:
    """What wanders around nought from day to day and keeps a share of where it was."""
    steps = random.normal(0, spread * np.sqrt(1 - keeps**2), days)
    values = np.zeros(days)
    for day in range(1, days):
        values[day] = keeps * values[day - 1] + steps[day]
    return values


def _when(day: float) -> datetime:
    return datetime.fromtimestamp(BEGINS.timestamp() + round(day * DAY_S), UTC)


def _at(seconds: Floats) -> Any:
    import pyarrow as pa

    micros = ((seconds + BEGINS.timestamp()) * 1e6).astype(np.int64)
    return pa.array(micros, pa.int64()).cast(pa.timestamp("us", tz="UTC"))


def _whole(values: Floats) -> Any:
    import pyarrow as pa

    return pa.array(np.round(values), from_pandas=True).cast(pa.int64())
