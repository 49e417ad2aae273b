"""Smart charging: the electrical site, what limits and prices it, and who gets which power when.

It owns the electrics of sites, the planner and what-if simulation. It holds no connection to a station: what one shall
be told is brought there by `stations`, as calls that the planner waits for and as what is wanted of the station.
"""
