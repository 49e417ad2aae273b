"""Owns what stations are wanted to be, and brings them there: on connect, after a boot, on change, and again and again.

Says how far each is (wanted, reported, since when, why not). A kind of desire is one small object in `kinds`; this
folder never knows why something is wanted, and forgets what has expired.
Public: verbs in `service`, `bring.Bringer` to send at once, `kinds` to say what is wanted.
"""
