"""Forecourt, a charging station management system: `forecourt up` runs all of it on one machine."""
