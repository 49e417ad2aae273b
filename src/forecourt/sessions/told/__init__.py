"""What stations are told of costs, so that they show them: what a driver pays, what it came to so far, and in the end.

Whether a station can show costs is what its variables say; one that doesn't is told nothing. What it answers is kept
with all calls and changes nothing here: a station that shows no price charges as well as one that does.
"""
