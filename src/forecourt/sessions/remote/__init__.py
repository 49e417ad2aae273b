"""Owns remote starts and stops: what was asked, what the station said, and which session came of it.

A remote start is `requested`, then `accepted`, `rejected` or `failed` by the station's answer or the lack of one, then
`started` once its session is known, or `expired` when none came in time. Says `remote_start.linked`, `.failed` and
`.expired` through the outbox. Never opens or ends a session: only its station's word does.
"""
