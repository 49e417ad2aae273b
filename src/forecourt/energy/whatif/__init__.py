"""What would have been: a site of any limits and prices over past sessions, faster than real time."""
