"""Forecasts: what sites will give and how many plugs will be taken, hour by hour, up to a week ahead, with intervals.

Owns the methods, the choice among them by rolling backtest, and the report of it; every method but the simple ones has
to prove itself on hours that it was not fitted to. Reads hours of the lake and files of history.
Never looks past the hour a forecast is made in, and never chooses by the hours that it is judged on.
"""
