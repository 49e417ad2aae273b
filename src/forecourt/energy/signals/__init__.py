"""What prices, limits and feeds a site from outside: tariffs, series of prices and CO2, limits, load, sun."""
