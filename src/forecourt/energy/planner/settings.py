"""By what the planner weighs, on real sites and on paper alike: what is measured is what runs."""

from typing import Final

#: How much more the planner minds a kWh that isn't served than its worth says, since it doesn't know who comes.
INSISTENCE: Final = 5.0
#: Past days of the same kind that stand for what may come today.
DAYS: Final = 10
#: A car that still draws, whatever was thought of it, is believed to need what it can take in so many hours: more than
#: the longest first step, so that its power never follows from how long that is.
LEAST_H: Final = 5 / 60
