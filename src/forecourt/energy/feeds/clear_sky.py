"""What a solar plant gives under a clear sky, by pvlib: Ineichen and Perez with the turbidity of the place and season.

pvlib takes a hundred megabytes and seconds to load, so a worker reckons days ahead and stores them; nobody else loads
it.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

from forecourt.energy.signals.sun import QUARTERS
from forecourt.energy.site import Solar

#: What is left of the peak power at the meter, after wires, dirt and inverters (PVWatts).
AT_METER: Final = 0.86
#: An inverter gives no more than this share of the peak power.
MOST: Final = 1.1


def reckon(plant: Solar, latitude: float, longitude: float, first: date, days: int) -> list[Sequence[int]]:
    """The power in W at the middle of each quarter of an hour, of so many days by UTC from the first one on."""
    import pandas as pd
    from pvlib.irradiance import get_total_irradiance
    from pvlib.location import Location

    begins = pd.Timestamp(first, tz="UTC") + timedelta(minutes=7.5)
    times = pd.date_range(begins, periods=days * QUARTERS, freq="15min")
    place: Any = Location(latitude, longitude)
    sun = place.get_solarposition(times)
    sky = place.get_clearsky(times, solar_position=sun)
    found = get_total_irradiance(
        plant.tilt_deg, plant.azimuth_deg, sun["apparent_zenith"], sun["azimuth"], sky["dni"], sky["ghi"], sky["dhi"]
    )
    share = (found["poa_global"].fillna(0.0) / 1000 * AT_METER).clip(0.0, MOST)
    power_w = [round(each * plant.peak_w) for each in share]
    return [power_w[at : at + QUARTERS] for at in range(0, len(power_w), QUARTERS)]
