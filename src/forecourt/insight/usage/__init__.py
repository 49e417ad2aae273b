"""Use: how much plugs were taken, when, by how many at once, for how long, and what they gave and earned.

Ibis expressions over the lake's tables, the same on every engine: they add up whole numbers and divide nothing. What is
divided is divided last, in `measures`, by whoever shows it.
"""
