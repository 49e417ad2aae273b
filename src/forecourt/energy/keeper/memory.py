"""What the keeper of a site has made of what it read, so that a look makes only that anew which is other now.

Every look reads all rows that count for limits; a site of thousands of cars has few that have changed since the last.
"""

from forecourt.energy.dispatch.defaults import Held
from forecourt.energy.dispatch.standing import Standing
from forecourt.energy.keeper.past import Past
from forecourt.energy.planning.knowledge import KnownCar
from forecourt.energy.store.cars import ActiveCar, cars_held
from forecourt.energy.store.keeping import links_held, orders_held
from forecourt.energy.store.sites import HeldSite
from forecourt.energy.store.turns import turns_held
from forecourt.platform.unchanged import Parts
from forecourt.stations.desired.service import profiles_held


class Memory:
    """Of one site. Rows by what the database says of them, and what was made of several of them by the car or EVSE that
    it is of."""

    def __init__(self) -> None:
        self.past = Past()
        self.site = HeldSite()
        self.cars = cars_held()
        self.links = links_held()
        self.orders = orders_held()
        self.turns = turns_held()
        self.profiles = profiles_held()
        self.at_the_grid: Parts[ActiveCar] = Parts()
        self.known_cars: Parts[KnownCar] = Parts()
        self.defaults: Parts[dict[str, Held]] = Parts()
        self.standings: Parts[Standing] = Parts()

    def end(self) -> None:
        """A look is over."""
        for each in (self.at_the_grid, self.known_cars, self.defaults, self.standings):
            each.end()
