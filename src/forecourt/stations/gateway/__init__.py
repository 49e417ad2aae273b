"""The gateway: sockets of stations, one call in work each, answered after the commit.

`server.Gateway` owns a process's sockets, `connection.Connection` the order of one, `turn.Turns` the calls in work,
`roster.Roster` who may connect, `transport` the WebSocket itself. `inbound` is what verbs of other rooms are given.
It knows no session and no tariff.
"""
