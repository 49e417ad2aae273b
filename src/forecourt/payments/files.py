"""How amounts stand in the cells of files of money."""

from forecourt.platform.money import minor_digits


def plain(amount: int | None, currency: str) -> str:
    """An amount as a sheet takes it: 12.50, without a currency."""
    if amount is None:
        return ""
    digits = minor_digits(currency)
    whole, part = divmod(abs(amount), 10**digits)
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole}.{part:0{digits}}" if digits else f"{sign}{whole}"


def kwh(energy_wh: int | None) -> str:
    """Energy in kWh, to the Wh."""
    return "" if energy_wh is None else f"{energy_wh // 1000}.{energy_wh % 1000:03}"
