"""How stored samples read in OCPP's own words and units, which are the same in all versions."""

from typing import Final, NamedTuple

from forecourt.ocpp.neutral import Context, Location, Measurand, Phase


class Meaning(NamedTuple):
    """The OCPP name and unit of a measurand, and by what the stored integer is divided to be in it."""

    name: str
    unit: str
    divisor: int


MEANINGS: Final[dict[int, Meaning]] = {
    Measurand.ENERGY_IMPORT_REGISTER: Meaning("Energy.Active.Import.Register", "Wh", 1),
    Measurand.ENERGY_IMPORT_INTERVAL: Meaning("Energy.Active.Import.Interval", "Wh", 1),
    Measurand.ENERGY_EXPORT_REGISTER: Meaning("Energy.Active.Export.Register", "Wh", 1),
    Measurand.ENERGY_EXPORT_INTERVAL: Meaning("Energy.Active.Export.Interval", "Wh", 1),
    Measurand.POWER_IMPORT: Meaning("Power.Active.Import", "W", 1),
    Measurand.POWER_EXPORT: Meaning("Power.Active.Export", "W", 1),
    Measurand.POWER_OFFERED: Meaning("Power.Offered", "W", 1),
    Measurand.CURRENT_IMPORT: Meaning("Current.Import", "A", 1000),
    Measurand.CURRENT_EXPORT: Meaning("Current.Export", "A", 1000),
    Measurand.CURRENT_OFFERED: Meaning("Current.Offered", "A", 1000),
    Measurand.VOLTAGE: Meaning("Voltage", "V", 1000),
    Measurand.SOC: Meaning("SoC", "Percent", 100),
    Measurand.TEMPERATURE: Meaning("Temperature", "Celsius", 100),
    Measurand.FREQUENCY: Meaning("Frequency", "Hz", 1000),
    Measurand.POWER_FACTOR: Meaning("Power.Factor", "", 1000),
    Measurand.REACTIVE_ENERGY: Meaning("Energy.Reactive.Import.Register", "varh", 1),
    Measurand.REACTIVE_POWER: Meaning("Power.Reactive.Import", "var", 1),
    Measurand.RPM: Meaning("RPM", "rpm", 1),
    Measurand.OTHER: Meaning("Other", "", 1000),
}
PHASES: Final[dict[int, str | None]] = {
    phase: None if phase is Phase.NONE else phase.name.replace("_", "-") for phase in Phase
}
LOCATIONS: Final[dict[int, str]] = {
    Location.OUTLET: "Outlet",
    Location.INLET: "Inlet",
    Location.CABLE: "Cable",
    Location.EV: "EV",
    Location.BODY: "Body",
    Location.UPSTREAM: "Upstream",
}
CONTEXTS: Final[dict[int, str]] = {
    Context.PERIODIC: "Sample.Periodic",
    Context.BEGIN: "Transaction.Begin",
    Context.END: "Transaction.End",
    Context.CLOCK: "Sample.Clock",
    Context.TRIGGER: "Trigger",
    Context.INTERRUPTION_BEGIN: "Interruption.Begin",
    Context.INTERRUPTION_END: "Interruption.End",
    Context.OTHER: "Other",
}


def in_unit(value: int, divisor: int) -> int | float:
    """The stored integer in the measurand's unit; an int stays an int."""
    return value if divisor == 1 else value / divisor
