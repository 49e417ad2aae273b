"""Simulated stations, cars and drivers that speak real OCPP over real sockets.

A stranger to the rest: it imports no other room and makes its own JSON, so that a fault can't hide by being made
twice. Says only what a station in the field would say, faults included. Nothing but the command line imports it.
"""
