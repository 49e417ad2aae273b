"""Replacement: which hardware will have to be replaced within a year, how many, at what cost, and when ahead pays.

Owns what people say of hardware that was put in and taken out, lives made of it, and how long lives last. Never tells
which connector shows signs of wear: that is `health`, which looks at what a connector does; here its age alone counts.
"""
