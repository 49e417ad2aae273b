"""Connector health: which connectors wear, why that is believed, and how long before they fail it is told.

Owns how days of connectors are counted from tables of the lake's form and what is reckoned from them, the risk, its
alerts, and the model that ships with its card. Never tells of what breaks at once: that is found by watching, which
`care` does.
"""
