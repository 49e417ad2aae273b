"""Smart charging: the electrical site, what limits and prices it, and who gets which power when.

It owns the electrics of sites, the planner and what-if simulation. It never talks to a station: it says what a station
should be told, and `stations` brings that there.
"""
