"""Tells programs outside what happened: who wants to hear what, signed deliveries, their retries and their log.

Gives every room above the view `followed_events`: what is written to the outbox for nobody is not written at all.
Never knows what an event is about: rooms above describe it (`model.Describe`), in the words of their own API.
Public: `model.KINDS`, `jobs.WebhookJobs`, `sender.Sender`.
"""
