"""Owns the registry of sites and stations, the gateway that holds their sockets, the directory, live connector state,
the message log, and calls to stations.

Says a station's state to live screens. Never knows a session, a tariff or a driver, and never bills.
Public: verbs in `service`, `commands.Commander` to call a station, `gateway` for the process that serves sockets.
"""
