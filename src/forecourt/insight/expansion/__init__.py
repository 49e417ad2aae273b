"""Expansion: how many plugs a site needs for a promise to drivers, from offered load or from past sessions.

Pure: no table, no page. Reckons in expectations; money is whole minor units.
"""
