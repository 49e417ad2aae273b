"""Stationary batteries: what is known of them, what they count for, and what they are told."""
