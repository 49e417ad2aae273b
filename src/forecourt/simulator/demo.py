"""The demo fleet: sites in a small tree, some sixty stations of three versions, and drivers who come and go.

At any time about half of the bays charge, a few cars are full, one or two bays are broken and one or two stations are
out of reach; something changes every few seconds. Who goes out of reach is told, or it would pass for a fault.
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec

from forecourt.simulator import fleet
from forecourt.simulator.bay import Bay
from forecourt.simulator.car import MODELS, Car
from forecourt.simulator.clock import Clock
from forecourt.simulator.faults import Counts, Cut, Habits
from forecourt.simulator.prices import Priced, priced
from forecourt.simulator.provision import Registered, Site, Wiring
from forecourt.simulator.regulars import Regulars
from forecourt.simulator.station import Make, Station

METER_INTERVAL_S = 10
#: Registers have run since then at a rate that no station can catch up with, so they never run back after a restart.
REGISTERS_SINCE = datetime(2026, 1, 1, tzinfo=UTC)
MOST_REGISTER_W = 30_000
LARGEST_REGISTER_WH = 1_500_000_000
CARDS = 150
#: Stay of a car in seconds: AC drivers park, DC drivers wait.
STAY_S = {False: (420, 2_400), True: (300, 1_200)}
#: A free bay waits about so long for the next car.
IDLE_MEAN_S = 900
CHARGING_SHARE = 0.5
#: Cars that come this soon after the start have stood there for a while, as it were.
OPENING_S = 15.0
BROKEN_BAYS, LOST_STATIONS = 2, 2
ERRORS = ("GroundFailure", "ConnectorLockFailure", "OverCurrentFailure", "HighTemperature")


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """A site of the demo and its stations: make -> how many."""

    site: Site
    prefix: str
    makes: dict[str, int]


def _place(
    name: str, city: str | None, zone: str, place: tuple[float, float] | None = None, parent: str | None = None
) -> Site:
    latitude, longitude = place or (None, None)
    return Site(
        slug=name.lower().replace(" ", "-"), name=name, city=city, country=zone[-2:], time_zone=zone[:-3],
        latitude=latitude, longitude=longitude, parent=parent,
    )  # fmt: skip


def _ground(
    prefix: str, name: str, city: str, zone: str, place: tuple[float, float], parent: str | None = None, **makes: int
) -> Ground:
    site = _place(name, city, zone, place, parent)
    return Ground(site=site, prefix=prefix, makes={make.replace("_", " "): count for make, count in makes.items()})


NL, BE, DE, NO = "Europe/Amsterdam NL", "Europe/Brussels BE", "Europe/Berlin DE", "Europe/Oslo NO"
#: Where no station stands by itself: regions, and a site that has its stations in its parts. The higher first.
BRANCHES = (
    _place("Randstad", None, NL),
    _place("Flanders", None, BE),
    _place("Harbour Garage", "Rotterdam", NL, (51.9205, 4.4891), "randstad"),
)
GROUNDS = (
    _ground("HBR", "Harbour Garage Level 1", "Rotterdam", NL, (51.9205, 4.4891), "harbour-garage", twin_22=5),
    _ground("HBR", "Harbour Garage Quay", "Rotterdam", NL, (51.9198, 4.4906), "harbour-garage", wallbox_11=5),
    _ground("CST", "Central Station North", "Utrecht", NL, (52.0907, 5.1101), "randstad", post_22=6, fast_50=2),
    _ground("A15", "Motorway A15 East", "Tiel", NL, (51.8876, 5.4280), ultra_300=4, fast_150=3),
    _ground("OFF", "Riverside Offices", "Antwerp", BE, (51.2301, 4.4052), "flanders", wallbox_11=8, twin_22=1),
    _ground("MKT", "Old Market", "Ghent", BE, (51.0543, 3.7174), "flanders", plain_22=4, fast_50=2),
    _ground("STD", "Stadium Park", "Cologne", DE, (50.9335, 6.8750), twin_22=4, fast_150=2),
    _ground("HTL", "Lake Hotel", "Konstanz", DE, (47.6603, 9.1758), wallbox_7=3, wallbox_11=3),
    _ground("FJD", "Fjord Retail", "Oslo", NO, (59.9075, 10.7233), post_22=4, fast_150=2, ultra_300=2),
)


#: The site whose power is shared out: a car park behind a connection that is too small for all of it at once.
WIRED, WIRED_PREFIX, WIRED_LIMIT_A = "riverside-offices", "OFF-", 80
#: What its grid operator allows for a while, from soon after the start on.
OPERATOR_LIMIT_W, OPERATOR_LIMITS_IN, OPERATOR_LIMITS_FOR = 25_000, timedelta(minutes=15), timedelta(minutes=15)
#: When its stations have been told what to do by themselves.
SETTLED_S = 180


def cards() -> dict[str, str]:
    """uid -> status: nearly all are good."""
    rng = Random("cards")  # noqa: S311
    statuses = {f"04{rng.getrandbits(48):012X}": "accepted" for _ in range(CARDS)}
    for uid in list(statuses)[:3]:
        statuses[uid] = "blocked"
    return statuses


class Demo:
    """The fleet and its drivers. `beat` is to be called about once a second."""

    def __init__(
        self,
        url: str,
        clock: Clock,
        secret: str | None,
        seed: int,
        counts: Counts | None = None,
        *,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self._clock = clock
        self._tell = tell
        self._rng = Random(seed)  # noqa: S311
        self._cards = cards()
        self.counts = counts or Counts()
        self.stations: list[Station] = []
        self.registered: list[Registered] = []
        numbers: Counter[str] = Counter()
        for ground in GROUNDS:
            for name, count in ground.makes.items():
                for _ in range(count):
                    numbers[ground.prefix] += 1
                    identity = f"{ground.prefix}-{numbers[ground.prefix]:02}"
                    self._build(ground, identity, fleet.MAKES[name], url, secret)
        wired = [each for each in self.stations if each.identity.startswith(WIRED_PREFIX)]
        self.regulars = Regulars([(each.identity, bay.number) for each in wired for bay in each.bays], self._rng)
        #: When something happens next at a bay: a car comes or goes, or a fault ends.
        self._due: dict[tuple[str, int], tuple[datetime, Callable[[Bay], None]]] = {}
        self._away: dict[str, datetime] = {}
        self._opened_at: datetime | None = None

    @property
    def sites(self) -> list[Site]:
        return [*BRANCHES, *(ground.site for ground in GROUNDS)]

    @property
    def tokens(self) -> dict[str, str]:
        return self._cards | dict.fromkeys(self.regulars.cards.values(), "accepted")

    @property
    def tariffs(self) -> list[Priced]:
        """What drivers pay: by the site, and more at DC stations."""
        countries = {ground.site.slug: ground.site.country or "" for ground in GROUNDS}
        places = {each.id: countries[each.site or ""] for each in self.registered}
        fast = [(each.identity, places[each.identity]) for each in self.stations if each.make.dc]
        return [*priced(list(countries.items()), fast)]

    @property
    def wiring(self) -> Wiring:
        """The site that is charged smartly: two rows of a car park below one connection, and an office."""
        now = self._clock.now()
        evses = [
            {"station": station.identity, "evse": bay.number, "node": f"row-{1 + number % 2}",
             "max_a": 32 if station.make.power_w > 11_000 else 16}
            for number, station in enumerate(each for each in self.stations if each.identity.startswith(WIRED_PREFIX))
            for bay in station.bays
        ]  # fmt: skip
        rows = [{"id": f"row-{n}", "name": f"Row {n}", "parent": "grid", "limit_a": 63} for n in (1, 2)]
        grid = {"id": "grid", "name": "Grid connection", "limit_a": WIRED_LIMIT_A, "limit_w": 50_000}
        day = {"hours": [0, 7, 17, 21], "prices": ["0.19", "0.27", "0.36", "0.24"]}
        return Wiring(
            site=WIRED,
            electrics={
                "nodes": [grid, *rows],
                "evses": evses,
                "loads": [{"id": "office", "name": "Office", "node": "grid", "most_w": 9_000}],
            },
            # What is asked for is little, so a kWh that lacks must count for more than usual.
            smart_charging={"mode": "cheapest", "enabled": True, "unserved_per_kwh": "10.00"},
            # Short means, as all goes faster here than where people work for a day.
            tariff={
                "currency": "EUR",
                "seasons": [{"weekdays": day}],
                "demand_charge_per_kw": "4.00",
                "demand_minutes": 5,
            },
            # Switched off: a demo asks nobody on the internet.
            feed={"name": "Day ahead", "active": False, "source": {"kind": "nordpool", "area": "BE"}},
            # Soon enough to be seen coming, and over before the next shift.
            limit={
                "source": "Grid operator",
                "id": f"event-{now:%Y%m%d%H%M}",
                "limit_w": OPERATOR_LIMIT_W,
                "from": (now + OPERATOR_LIMITS_IN).isoformat(),
                "to": (now + OPERATOR_LIMITS_IN + OPERATOR_LIMITS_FOR).isoformat(),
            },
        )

    def _build(self, ground: Ground, identity: str, make: Make, url: str, secret: str | None) -> None:
        version = fleet.version_of(len(self.stations), "mix")
        password = fleet.password(secret, identity) if secret else None
        hours = (self._clock.now() - REGISTERS_SINCE) / timedelta(hours=1)
        register_wh = int(hours * min(make.power_w, MOST_REGISTER_W)) % LARGEST_REGISTER_WH
        station = Station(
            identity,
            msgspec.structs.replace(make, meter_interval_s=METER_INTERVAL_S),
            fleet.DIALECTS[version],
            self._clock,
            url=url,
            password=password,
            rng=Random(f"demo/{identity}"),  # noqa: S311
            habits=Habits(boots_on_reconnect=len(self.stations) % 4 == 0),
            counts=self.counts,
            registers_wh=tuple(register_wh + n * 137_000 for n in range(make.bays)),
        )
        station.on_awaited = self._awaited
        self.stations.append(station)
        self.registered.append(
            Registered(
                id=identity,
                site=ground.site.slug,
                password=password,
                name=f"{ground.site.name} {identity[-2:]}",
                max_power_w=make.power_w * (1 if make.dc else make.bays),
            )
        )

    def beat(self) -> None:
        """Lets everything happen that is due."""
        now = self._clock.now()
        if self._opened_at is None:
            self._open(now)
        for station in self.stations:
            for bay in station.bays:
                due = self._due.get((station.identity, bay.number))
                if due is not None and now >= due[0]:
                    del self._due[(station.identity, bay.number)]
                    due[1](bay)
        self._break_and_lose(now)

    def close(self) -> None:
        """All drivers leave, so that no transaction stays open when the demo ends."""
        now = self._clock.now()
        for station in self.stations:
            for bay in station.bays:
                if bay.load is not None:
                    bay.unplug(now)

    def _open(self, now: datetime) -> None:
        """The first moments: half of the bays get a car within seconds, the others as they do later."""
        self._opened_at = now
        self.regulars.begin(now)
        for station in self.stations:
            for bay in station.bays:
                if self._is_regular(bay):
                    self._later(bay, self.regulars.comes_in_s(now), self._arrive)
                    continue
                soon = self._rng.random() < CHARGING_SHARE
                self._later(bay, self._rng.uniform(0, 12) if soon else self._idle_s(bay), self._arrive)

    def _arrive(self, bay: Bay) -> None:
        now = self._clock.now()
        if bay.load is not None or bay.error != "NoError" or not bay.operative:
            self._later(bay, 60, self._arrive)
            return
        if self._is_regular(bay):
            car, card, stay_s = self.regulars.arrive((bay.station.identity, bay.number), now)
            bay.plug_in(car, now)
            if bay.tx is None:
                bay.present(card, now)
            self._later(bay, stay_s, self._depart)
            return
        bay.plug_in(self._car(bay), now)
        if bay.tx is None:
            card = self._rng.choice(list(self._cards))
            bay.present(card, now)
        stay_s = self._rng.uniform(*STAY_S[bay.outlet.dc])
        if self._opened_at is not None and now - self._opened_at < timedelta(seconds=OPENING_S):
            stay_s *= self._rng.uniform(0.1, 1)
        self._later(bay, stay_s, self._depart)

    def _is_regular(self, bay: Bay) -> bool:
        return (bay.station.identity, bay.number) in self.regulars.cards

    def _idle_s(self, bay: Bay) -> float:
        if self._is_regular(bay):
            return self.regulars.comes_in_s(self._clock.now())
        return 20 + self._rng.expovariate(1 / IDLE_MEAN_S)

    def _car(self, bay: Bay) -> Car:
        models = [model for model in MODELS if model.dc_curve or not bay.outlet.dc]
        low = self._rng.betavariate(2, 3)
        # Some arrive nearly full, and soon stand there taking nothing.
        soc = self._rng.uniform(0.985, 0.999) if self._rng.random() < 0.15 and not bay.outlet.dc else 0.05 + 0.7 * low
        return Car(self._rng.choice(models), soc, target=0.8 if bay.outlet.dc and soc < 0.75 else 1.0)

    def _depart(self, bay: Bay) -> None:
        now = self._clock.now()
        if bay.tx is not None:
            bay.stop("Local", now, bay.tx.token)
            self._later(bay, self._rng.uniform(5, 40), self._depart)
            return
        bay.unplug(now)
        self._later(bay, self._idle_s(bay), self._arrive)

    def _awaited(self, bay: Bay) -> None:
        """Someone started from afar and walks to the car."""
        self._later(bay, self._rng.uniform(3, 10), self._arrive)

    def _break_and_lose(self, now: datetime) -> None:
        for identity, back_at in list(self._away.items()):
            if now >= back_at:
                del self._away[identity]
                next(s for s in self.stations if s.identity == identity).link.start()
        if len(self._away) < LOST_STATIONS and self._rng.random() < 0.05:
            station = self._rng.choice(self.stations)
            here = station.accepted and station.link.wanted and station.identity not in self._away
            if here and (self._is_settled(now) or not station.identity.startswith(WIRED_PREFIX)):
                self._lose(station, now + timedelta(seconds=self._rng.uniform(60, 240)))
        broken = sum(bay.error != "NoError" for station in self.stations for bay in station.bays)
        if broken < BROKEN_BAYS and self._rng.random() < 0.03:
            bay = self._rng.choice(self._rng.choice(self.stations).bays)
            if bay.tx is None and bay.load is None and bay.station.accepted:
                bay.fault(self._rng.choice(ERRORS), now)
                self._later(bay, self._rng.uniform(120, 420), self._repair)

    def _lose(self, station: Station, back_at: datetime) -> None:
        self._away[station.identity] = back_at
        station.link.stop(Cut.ABORT)
        if self._tell is not None:
            self._tell(f"{station.identity} is out of reach until {back_at:%H:%M:%S} UTC, as the demo has it.")

    def _is_settled(self, now: datetime) -> bool:
        """Whether the wired site's stations were told what to do while nothing is heard of them."""
        return self._opened_at is not None and now - self._opened_at > timedelta(seconds=SETTLED_S)

    def _repair(self, bay: Bay) -> None:
        bay.repair(self._clock.now())
        self._later(bay, self._idle_s(bay), self._arrive)

    def _later(self, bay: Bay, seconds: float, act: Callable[[Bay], None]) -> None:
        at = self._clock.now() + timedelta(seconds=seconds)
        self._due[(bay.station.identity, bay.number)] = (at, act)
