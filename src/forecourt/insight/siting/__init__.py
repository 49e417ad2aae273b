"""Siting: which of many places for new sites serve the demand best, and how far from the best a choice can be at most.

Owns the three models (p-median, maximal covering, flow capture), what new sites take from own ones, the reading of
places and demand from CSV, and whether predicted demand ranks sites that were hidden from it.
Never says that a gap proven for the model holds for the drivers: the demand is a proxy unless it was measured.
"""
