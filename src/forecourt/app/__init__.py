"""The composition root: the processes, what each is made of, and the only place that knows every room.

Owns wiring and nothing else: no rule, no SQL, no page. Nothing imports it but the command line.
"""
