"""The composition root: the processes, what each is made of, and the only place that knows every room.

Owns wiring and the first start (`bootstrap`): no rule, no page. Nothing imports it but the command line.
"""
